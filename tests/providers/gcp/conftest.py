from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from providers.gcp.scopes import connect
from providers.sandbox import Fault
from providers.sandbox.gcp.server import GcpSandbox
from scanner.collect.collection import Collection
from scanner.collect.provider import ConnectionRequest, Limits
from scanner.collect.workers import Workers
from scanner.model.evidence import Unknown
from scanner.model.inventory import Inventory
from scanner.model.resources.kinds import KINDS

EVERYTHING = {cls.kind: cls.facets() - cls.derived for cls in KINDS.values()}
UNSUPPORTED = {
    ("access_key", "last_used"),
    ("role", "last_used"),
    ("user", "enabled"),
    ("user", "created"),
    ("user", "last_used"),
    ("user", "mfa"),
    ("user", "password"),
}
"""Facets that Cloud Asset Inventory never contains."""
QUICK = Limits(connect_seconds=5, read_seconds=3, attempts=2)


@dataclass
class Scan:
    inventory: Inventory

    def one(self, kind: str, name: str) -> Any:
        (found,) = [r for r in self.inventory.resources if r.kind == kind and r.name == name]
        return found

    def names(self, kind: str) -> list[str]:
        return sorted(r.name for r in self.inventory.resources if r.kind == kind)

    def facts(self) -> dict[tuple[str, str, str], Any]:
        """Every facet of every resource by kind, name and facet."""
        return {
            (r.kind, r.name, facet): getattr(r, facet)
            for r in self.inventory.resources
            for facet in sorted(r.collected())
        }

    def unknown(self) -> set[tuple[str, str]]:
        """Kinds and facets that are unknown somewhere, except the unsupported ones."""
        unknown = {(kind, facet) for (kind, _, facet), v in self.facts().items() if isinstance(v, Unknown)}
        return unknown - UNSUPPORTED


def run(request: ConnectionRequest | None = None, limits: Limits = QUICK, wanted: Any = EVERYTHING) -> Scan:
    provider = connect(request or ConnectionRequest("gcp"), limits)
    workers = Workers(8)
    collection = Collection(workers)
    provider.collect(wanted, collection)
    workers.wait()
    return Scan(collection.inventory(provider.targets, wanted))


@pytest.fixture(scope="session")
def server() -> Iterator[GcpSandbox]:
    sandbox = GcpSandbox()
    sandbox.start()
    yield sandbox
    sandbox.stop()


@pytest.fixture
def cloud(server: GcpSandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[GcpSandbox]:
    """The sample company, without faults at the start of each test, and this process configured to use it."""
    server.fault = lambda operation: None
    server.disabled = None
    server.calls.clear()
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    yield server
    server.fault = lambda operation: None
    server.disabled = None


@pytest.fixture
def scan(cloud: GcpSandbox) -> Callable[..., Scan]:
    return run


@pytest.fixture(scope="session")
def kept() -> list[Scan]:
    return []


@pytest.fixture
def shop(kept: list[Scan], cloud: GcpSandbox) -> Scan:
    """One scan of the whole sample company, which all tests share."""
    if not kept:
        kept.append(run())
    return kept[0]


@pytest.fixture
def broken(cloud: GcpSandbox) -> Callable[[str, Fault], None]:
    """Makes one operation fail."""

    def set_fault(operation: str, fault: Fault) -> None:
        cloud.fault = lambda name: fault if name == operation else None

    return set_fault


@pytest.fixture
def own_cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., GcpSandbox]]:
    """Starts a simulated cloud with another company."""
    started: list[GcpSandbox] = []

    def start(company: Any, page: int = 3) -> GcpSandbox:
        sandbox = GcpSandbox(company, page=page)
        sandbox.start()
        started.append(sandbox)
        for name, value in sandbox.environment.items():
            monkeypatch.setenv(name, value)
        return sandbox

    yield start
    for sandbox in started:
        sandbox.stop()


@pytest.fixture
def recorded() -> Callable[[str], list[dict[str, Any]]]:
    """The lines of a file of recorded answers."""
    folder = Path(__file__).parents[3].parent / "shared" / "recordings"

    def read(name: str) -> list[dict[str, Any]]:
        path = folder / name
        if not path.is_file():
            pytest.skip(f"no recorded answers at {path}")
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    return read
