"""The three simulated clouds, scanned in-process through the real SDK clients."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import import_module

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
from scanner.ownership.file.file import OwnershipFile
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


CHOSEN = PACK.choose()
WANTED_BY_RULES = wanted_by(CHOSEN, path=True, catalogue=CATALOGUE)


@dataclass(frozen=True)
class Clean:
    """A scan without faults."""

    inventory: Inventory
    assessment: Assessment
    calls: Counter[str]
    """The number of its requests by operation."""


@dataclass(frozen=True)
class Cloud:
    """One simulated cloud, and how to scan it."""

    name: ProviderName
    sandbox: Sandbox
    ownership: OwnershipFile
    cleans: dict[str, Clean]
    """The clean scans that were made, by cloud."""

    @property
    def clean(self) -> Clean:
        """A scan without faults, which all tests share."""
        if self.name not in self.cleans:
            inventory, assessment = self.scan()
            self.cleans[self.name] = Clean(inventory, assessment, Counter(self.sandbox.calls))
        return self.cleans[self.name]

    def scan(self, fault: FaultOf = lambda _: None, limits: Limits = LIMITS) -> tuple[Inventory, Assessment]:
        """A scan as by the command line, without a gate."""
        self.sandbox.fault = fault
        self.sandbox.calls.clear()
        connection = ConnectionRequest(self.name, regions=REGIONS.get(self.name, ()))
        reading = CollectionRequest(connections=(connection,), wanted=WANTED_BY_RULES, limits=limits)
        connect = {self.name: import_module(f"providers.{self.name}.scopes").connect}
        inventory = collect(reading, connect).inventory
        return inventory, self._assessed(inventory)

    def replay(
        self, answers: ReplayedCloud, others: Mapping[str, str] | None = None
    ) -> tuple[Inventory, Assessment, frozenset[str]]:
        """The same scan of recorded answers without a server, and the operations that it called."""
        with answers.installed():
            replayed = answers.collect(collectable(WANTED_BY_RULES), others)
        inventory = derive(replayed.inventory, WANTED_BY_RULES)
        return inventory, self._assessed(inventory), replayed.operations

    def _assessed(self, inventory: Inventory) -> Assessment:
        requested = AssessmentRequest(
            chosen=CHOSEN,
            pack=PACK,
            catalogue=CATALOGUE,
            controls=frozenset(CATALOGUE.controls),
            ownership=self.ownership,
            terms=Terms(GATES["none"]),
            now=NOW,
            every_finding=True,
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


@pytest.fixture(scope="session")
def ownership(tmp_path_factory: pytest.TempPathFactory) -> OwnershipFile:
    """The company's ownership file."""
    return load_ownership(write_files(tmp_path_factory.mktemp("company")).ownership, CATALOGUE)


@pytest.fixture(scope="session")
def cleans() -> dict[str, Clean]:
    return {}


@pytest.fixture(params=["aws", *SANDBOXES])
def cloud(
    request: pytest.FixtureRequest,
    running: Mapping[str, Sandbox],
    ownership: OwnershipFile,
    cleans: dict[str, Clean],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Cloud]:
    """Each cloud in turn."""
    sandbox = running[request.param]
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    yield Cloud(request.param, sandbox, ownership, cleans)
    sandbox.fault = lambda _: None
