from __future__ import annotations

import os
from pathlib import Path

import pytest

from providers.sandbox.aws.server import AwsSandbox
from scanner.collect.provider import ConnectionRequest, Limits
from scanner.model.inventory import Inventory, Wanted
from tests.providers.aws.aws_scan import EVERYTHING, HOME, QUICK, Scan, run


@pytest.fixture
def sandbox(aws_sandbox: AwsSandbox, monkeypatch: pytest.MonkeyPatch) -> AwsSandbox:
    """The sample account without faults; the SDK points at it."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in aws_sandbox.environment.items():
        monkeypatch.setenv(name, value)
    return aws_sandbox


@pytest.fixture
def scan(sandbox: AwsSandbox) -> Scan:
    def scanned(
        request: ConnectionRequest | None = None, limits: Limits = QUICK, wanted: Wanted = EVERYTHING
    ) -> Inventory:
        return run(request or HOME, limits, wanted)

    return scanned


@pytest.fixture(scope="module")
def kept() -> dict[str, Inventory]:
    return {}


@pytest.fixture
def whole(kept: dict[str, Inventory], scan: Scan, request: pytest.FixtureRequest) -> Inventory:
    """One scan of the test module's ``WANTED``, shared by its read-only tests."""
    if not kept:
        kept["whole"] = scan(wanted=request.module.WANTED)
    return kept["whole"]


@pytest.fixture(scope="session")
def recordings() -> Path:
    folder = Path(__file__).parents[3].parent / "shared" / "recordings"
    if not folder.is_dir():
        pytest.skip(f"no recorded responses in {folder}")
    return folder / "aws"
