"""The three simulated clouds, scanned in-process through the real SDK clients."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from providers.sandbox import Fault, Sandbox
from providers.sandbox.company import write_files
from scanner.assess.assessment import assess
from scanner.assess.gate import Terms
from scanner.assess.reduce import Assessment
from scanner.assess.request import AssessmentRequest
from scanner.assess.states import GATES
from scanner.catalogue.responsibility import load_catalogue
from scanner.collect.derived import collectable, derive
from scanner.collect.provider import ConnectionRequest, Limits
from scanner.model.inventory import Inventory
from scanner.model.resources.base import ProviderName
from scanner.ownership.file.load import load_ownership
from scanner.rule.packs import BUILTIN, load_packs
from scanner.run.scan import CollectionRequest, collect, wanted_by
from tests.providers.all_clouds.replayed_tables import TABLES, ReplayedCloud, record

SANDBOXES = {"azure": "AzureSandbox", "gcp": "GcpSandbox"}
CATALOGUE = load_catalogue()
PACK = load_packs([BUILTIN], CATALOGUE)
NOW = datetime(2026, 11, 22, 6, tzinfo=UTC)
REGIONS: dict[ProviderName, tuple[str, ...]] = {"aws": ("eu-west-1", "us-east-1")}
"""The sample company's regions: more regions would repeat the same calls and only take longer."""
WANTED = {
    name: {table.kind.kind: frozenset(table.facets) for table in tables} for name, tables in TABLES.items()
}
"""All that each cloud's tables collect."""
LIMITS = Limits(connect_seconds=5, read_seconds=10, attempts=1)


FaultOf = Callable[[str], Fault | None]
"""The fault of an operation, by its name."""


def only(operation: str, fault: Fault) -> FaultOf:
    """That operation alone is at fault."""
    return lambda name: fault if name == operation else None


def every(fault: Fault) -> FaultOf:
    """Every operation is at fault."""
    return lambda _: fault


@dataclass
class Cloud:
    """One simulated cloud, and how to scan it."""

    name: ProviderName
    sandbox: Sandbox
    ownership: Path
    clean_inventory: Inventory = field(init=False)
    """The inventory of a scan without faults, if a test sets it."""
    operations: tuple[str, ...] = ()
    """The operations of that scan."""
    requests: int = 0
    """Its number of requests."""

    def scan(self, fault: FaultOf = lambda _: None, limits: Limits = LIMITS) -> tuple[Inventory, Assessment]:
        """A scan as by the command line, without a gate."""
        self.sandbox.fault = fault
        self.sandbox.calls.clear()
        connection = ConnectionRequest(self.name, regions=REGIONS.get(self.name, ()))
        wanted = wanted_by(PACK.choose(), path=True, catalogue=CATALOGUE)
        reading = CollectionRequest(connections=(connection,), wanted=wanted, limits=limits)
        connect = {self.name: import_module(f"providers.{self.name}.scopes").connect}
        inventory = collect(reading, connect).inventory
        return inventory, self._assessed(inventory)

    def replay(
        self, answers: ReplayedCloud, others: Mapping[str, str] | None = None
    ) -> tuple[Inventory, Assessment, frozenset[str]]:
        """The same scan of recorded answers without a server, and the operations that it called."""
        wanted = wanted_by(PACK.choose(), path=True, catalogue=CATALOGUE)
        with answers.installed():
            replayed = answers.collect(collectable(wanted), others)
        inventory = derive(replayed.inventory, wanted)
        return inventory, self._assessed(inventory), replayed.operations

    def _assessed(self, inventory: Inventory) -> Assessment:
        requested = AssessmentRequest(
            chosen=PACK.choose(),
            pack=PACK,
            catalogue=CATALOGUE,
            controls=frozenset(CATALOGUE.controls),
            ownership=load_ownership(self.ownership, CATALOGUE),
            terms=Terms(GATES["none"]),
            every_finding=True,
            now=NOW,
        )
        return assess(inventory, requested)


@pytest.fixture(scope="session")
def running(aws_of_all: Sandbox) -> Iterator[Mapping[str, Sandbox]]:
    """The sandboxes that all tests here share."""
    own: dict[str, Sandbox] = {
        name: getattr(import_module(f"providers.sandbox.{name}.server"), kind)()
        for name, kind in SANDBOXES.items()
    }
    for sandbox in own.values():
        sandbox.start()
    yield {"aws": aws_of_all, **own}
    for sandbox in own.values():
        sandbox.stop()


@pytest.fixture(scope="session")
def recorded(running: Mapping[str, Sandbox]) -> Callable[[str], ReplayedCloud]:
    """Each cloud's recording, made when it is first needed."""
    return cache(lambda name: record(name, running[name], REGIONS.get(name, ()), WANTED[name]))


@pytest.fixture
def answers(cloud: Cloud, recorded: Callable[[str], ReplayedCloud]) -> ReplayedCloud:
    """The recording of the cloud."""
    return recorded(cloud.name)


@pytest.fixture(params=["aws", *SANDBOXES])
def cloud(
    request: pytest.FixtureRequest,
    running: Mapping[str, Sandbox],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[Cloud]:
    """Each cloud in turn."""
    sandbox = running[request.param]
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    yield Cloud(request.param, sandbox, write_files(tmp_path).ownership)
    sandbox.fault = lambda _: None
