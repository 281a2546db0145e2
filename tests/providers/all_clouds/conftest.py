"""The three simulated clouds, scanned in-process through the real SDK clients."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import pytest

from providers.sandbox import Fault, Sandbox
from providers.sandbox.company import write_files
from scanner.assess.assessment import Assessment, assess
from scanner.assess.gate import Terms
from scanner.assess.request import AssessmentRequest
from scanner.assess.states import GATES
from scanner.catalogue.responsibility import load_catalogue
from scanner.collect.provider import ConnectionRequest, Limits
from scanner.model.inventory import Inventory
from scanner.model.resources.base import ProviderName
from scanner.ownership.file.load import load_ownership
from scanner.rule.packs import BUILTIN, load_packs
from scanner.run.scan import CollectionRequest, collect, wanted_by

SANDBOXES = {"azure": "AzureSandbox", "gcp": "GcpSandbox"}
CATALOGUE = load_catalogue()
PACK = load_packs([BUILTIN], CATALOGUE)
NOW = datetime(2026, 11, 22, 6, tzinfo=UTC)
REGIONS: dict[ProviderName, tuple[str, ...]] = {"aws": ("eu-west-1", "us-east-1")}
"""The sample company's regions: more regions would repeat the same calls and only take longer."""
LIMITS = Limits(connect_seconds=5, read_seconds=10, attempts=1)


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

    def scan(
        self, fault: Callable[[str], Fault | None] = lambda _: None, limits: Limits = LIMITS
    ) -> tuple[Inventory, Assessment]:
        """A scan as by the command line, without a gate."""
        self.sandbox.fault = fault
        self.sandbox.calls.clear()
        chosen = PACK.choose()
        connection = ConnectionRequest(self.name, regions=REGIONS.get(self.name, ()))
        wanted = wanted_by(chosen, path=True, catalogue=CATALOGUE)
        reading = CollectionRequest(connections=(connection,), wanted=wanted, limits=limits)
        connect = {self.name: import_module(f"providers.{self.name}.scopes").connect}
        inventory = collect(reading, connect).inventory
        requested = AssessmentRequest(
            chosen=chosen,
            pack=PACK,
            catalogue=CATALOGUE,
            controls=frozenset(CATALOGUE.controls),
            ownership=load_ownership(self.ownership, CATALOGUE),
            terms=Terms(GATES["none"]),
            now=NOW,
        )
        return inventory, assess(inventory, requested)


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
