from __future__ import annotations

from pathlib import Path

import pytest

from providers.sandbox.aws.server import AwsSandbox
from tests.command_line import HERE, gapscan


@pytest.fixture(scope="session")
def collected(aws_of_all: AwsSandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what one collection of the sample account gave: the recording ``case`` and
    ``snapshot.zst``. Nobody changes them."""
    folder = tmp_path_factory.mktemp("collected")
    options = ("--record", "case", "--out", "snapshot.zst")
    done = gapscan("collect", "aws", *HERE, *options, cwd=folder, **aws_of_all.environment)
    assert done.returncode == 0, done.stderr
    assert "resources" in done.stdout
    return folder


@pytest.fixture(scope="session")
def case(collected: Path) -> str:
    """The recording of the sample account, which has a public bucket, in two regions."""
    return str(collected / "case")


@pytest.fixture(scope="session")
def snapshot(collected: Path) -> Path:
    """The snapshot of the same collection."""
    return collected / "snapshot.zst"
