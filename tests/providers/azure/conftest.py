from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from providers.azure.scopes import connect
from providers.sandbox.azure.estate import sample_estate
from providers.sandbox.azure.server import AzureSandbox
from scanner.collect.collection import Collection
from scanner.collect.provider import ConnectionRequest, Limits
from scanner.collect.workers import Workers
from scanner.model.inventory import Inventory, Wanted
from tests.providers.azure.azure_scan import LIMITS, WANTED, Scan


@pytest.fixture(scope="session")
def server() -> Iterator[AzureSandbox]:
    sandbox = AzureSandbox()
    sandbox.start()
    yield sandbox
    sandbox.stop()


@pytest.fixture
def azure(server: AzureSandbox, monkeypatch: pytest.MonkeyPatch) -> AzureSandbox:
    """The running sandbox in its initial state, and the environment that points at it."""
    server.fault = lambda operation: None
    server.estate = sample_estate()
    server.calls.clear()
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return server


@pytest.fixture
def scan(azure: AzureSandbox) -> Scan:
    def run(
        request: ConnectionRequest | None = None, limits: Limits = LIMITS, wanted: Wanted = WANTED
    ) -> Inventory:
        provider = connect(request or ConnectionRequest("azure"), limits, sleep=lambda seconds: None)
        workers = Workers(8)
        collection = Collection(workers)
        provider.collect(wanted, collection)
        workers.wait()
        return collection.inventory(provider.targets, wanted)

    return run


@pytest.fixture(scope="session")
def kept() -> list[Inventory]:
    return []


@pytest.fixture
def company(kept: list[Inventory], scan: Scan) -> Inventory:
    """One scan of the whole sample company, which all tests share."""
    if not kept:
        kept.append(scan(wanted=WANTED))
    return kept[0]


@pytest.fixture(scope="session")
def recordings() -> Callable[[str], list[dict[str, Any]]]:
    folder = Path(__file__).parents[3].parent / "shared" / "recordings" / "azure"
    if not folder.is_dir():
        pytest.skip("the recorded answers are not available next to the repository")

    def read(name: str) -> list[dict[str, Any]]:
        lines = (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]

    return read
