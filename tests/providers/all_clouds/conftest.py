"""The three simulated clouds, scanned in this process through the real SDK clients."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import pytest

from providers.sandbox import Fault, Sandbox
from providers.sandbox.company import write_files
from scanner.assess.gate import Terms
from scanner.assess.states import GATES
from scanner.catalogue.responsibility import load_catalogue
from scanner.collect.provider import Limits, Request
from scanner.model.inventory import Inventory
from scanner.model.resources.base import ProviderName
from scanner.ownership.file.load import load_ownership
from scanner.ownership.resolve.resolver import Resolver
from scanner.rule.rules import BUILTIN, load_packs
from scanner.run.scan import Assessment, Criteria, assess, collect, wanted_by

SANDBOXES = {"azure": "AzureSandbox", "gcp": "GcpSandbox"}
CATALOGUE = load_catalogue()
PACK = load_packs([BUILTIN], CATALOGUE)
NOW = datetime(2026, 11, 22, 6, tzinfo=UTC)
REGIONS: dict[ProviderName, tuple[str, ...]] = {"aws": ("eu-west-1", "us-east-1")}
"""Where the sample company is: each region more would ask the same, and only take longer."""
LIMITS = Limits(connect_seconds=5, read_seconds=10, attempts=1)


@dataclass
class Cloud:
    """One simulated cloud with the means to scan it."""

    name: ProviderName
    sandbox: Sandbox
    ownership: Path
    before: Inventory = field(init=False)
    """What a clean scan saw, where a test keeps it."""
    operations: tuple[str, ...] = ()
    """What it asked."""
    requests: int = 0
    """How often it asked."""

    def scan(
        self, fault: Callable[[str], Fault | None] = lambda _: None, limits: Limits = LIMITS
    ) -> tuple[Inventory, Assessment]:
        """A scan with everything that the command line would do, without a gate."""
        self.sandbox.fault = fault
        self.sandbox.calls.clear()
        chosen = PACK.choose()
        request = Request(self.name, regions=REGIONS.get(self.name, ()))
        connect = {self.name: import_module(f"providers.{self.name}.scopes").connect}
        inventory = collect(
            [request], connect, wanted_by(chosen, path=True, catalogue=CATALOGUE), limits
        ).inventory
        criteria = Criteria(
            chosen=chosen,
            pack=PACK,
            catalogue=CATALOGUE,
            controls=frozenset(CATALOGUE.controls),
            resolver=Resolver(load_ownership(self.ownership, CATALOGUE), CATALOGUE, NOW),
            terms=Terms(GATES["none"]),
            now=NOW,
        )
        return inventory, assess(inventory, criteria)


@pytest.fixture(scope="session")
def running(aws_of_all: Sandbox) -> Iterator[Mapping[str, Sandbox]]:
    """The sandboxes that all tests here use."""
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
