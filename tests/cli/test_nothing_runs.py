"""No command runs code from its working directory: its environment has cloud credentials."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.base.test_commits import OWNERSHIP, committed, embedded, git
from tests.cli.test_ownership_file import snapshot
from tests.command_line import gapscan, launched
from tests.estate import account

COMMANDS = {
    "scan": ("scan", "aws", "--region", "eu-west-1", "--timeout", "0.2", "--ownership", "ownership.yaml"),
    "collect": ("collect", "aws", "--region", "eu-west-1", "--timeout", "0.2"),
    "assess": ("assess", "it.zst", "--ownership", "ownership.yaml", "--report", "json=r.json"),
    "diff": ("diff", "it.zst", "it.zst"),
    "permissions": ("permissions", "aws"),
    "rules": ("rules", "list"),
    "schema": ("schema", "rule"),
    "ownership diff": ("ownership", "diff", "ownership.yaml", "ownership.yaml"),
    "ownership explain": (
        "ownership",
        "explain",
        "data.no-public-exposure",
        "--ownership",
        "ownership.yaml",
        "--snapshot",
        "it.zst",
    ),
    "matrix": ("ownership", "matrix", "--snapshot", "it.zst", "--ownership", "ownership.yaml"),
    "import": (
        "ownership",
        "import",
        "table.csv",
        "--columns",
        "control=control,owner=owner",
        "--out",
        "imported.yaml",
    ),
    "init": ("ownership", "init", "it.zst", "--out", "drafted.yaml"),
    "lint": ("ownership", "lint", "ownership.yaml"),
    "renew": ("ownership", "renew", "ownership.yaml", "--all", "--dry-run", "--approval", "SEC-1"),
    "demo": ("demo",),
}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose folder ``policy`` has what a hostile pull request could add."""
    root = tmp_path_factory.mktemp("checkout")
    git(root, "init", "--quiet")
    folder = root / "policy"
    folder.mkdir()
    (folder / "ownership.yaml").write_text(OWNERSHIP, encoding="utf-8")
    (folder / "table.csv").write_text("control,owner\ndata,platform\n", encoding="utf-8")
    snapshot(folder, account())
    committed(root, "policy")
    ran = root / "ran"
    embedded(folder, ran)
    for module in ("scanner", "providers", "yaml", "git"):
        (folder / f"{module}.py").write_text(f"open({str(ran)!r}, 'w')\n", encoding="utf-8")
    tools = root / "tools"
    tools.mkdir()
    (tools / "git").write_text(f"#!/bin/sh\necho git > '{ran}'\n", encoding="utf-8")
    (tools / "git").chmod(0o755)
    return root


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_of_a_checkout_runs(command: str, checkout: Path) -> None:
    tripwire = f"{checkout / 'tools'}{os.pathsep}{os.environ['PATH']}"
    done = launched(*COMMANDS[command], cwd=checkout / "policy", PATH=tripwire)
    assert not (checkout / "ran").exists()
    assert "Traceback" not in done.stderr
    assert done.returncode in ((4,) if command in ("scan", "collect") else (0, 1, 3)), done.stderr


def test_a_demonstration_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = gapscan("demo", "--folder", "file/folder", cwd=tmp_path)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "--folder file/folder: cannot be written" in done.stderr


def test_the_commit_of_an_honest_repository_is_reported_from_any_folder(checkout: Path) -> None:
    elsewhere = checkout / "tools"
    file = str(checkout / "policy" / "ownership.yaml")
    done = gapscan(
        "assess", "../policy/it.zst", "--ownership", file, "--report", "json=r.json", cwd=elsewhere
    )
    assert done.returncode in (0, 1, 3), done.stderr
    report = json.loads((elsewhere / "r.json").read_text(encoding="utf-8"))
    assert report["scan"]["ownership_commit"] == git(checkout, "rev-parse", "HEAD")
