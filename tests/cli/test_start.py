"""What starts with the command line: no more than a help page needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import typer
from typer.core import TyperGroup

from scanner.cli import app
from scanner.cli.deferred import Deferred, every_command
from tests.command_line import ROOT, gapscan

HEAVY = frozenset(
    {
        *(
            "asyncio",
            "concurrent",
            "email",
            "http",
            "importlib.metadata",
            "multiprocessing",
            "ssl",
            "unittest",
        ),
        *("boto3", "botocore", "google", "requests", "urllib.request"),
        *("dulwich", "msgspec", "openpyxl", "pydantic", "pydantic_core", "re2", "rich", "yaml", "zstandard"),
    }
)
"""Modules that take long to import, and that no help needs."""

MAIN = """
import sys
from scanner.__main__ import main
try:
    main()
except SystemExit as end:
    assert end.code == 0
"""
LOAD = """
import typer
from scanner.cli import app
from scanner.cli.deferred import every_command
assert len(list(every_command(typer.main.get_command(app)))) > 20
"""


def imported(script: str, *arguments: str) -> frozenset[str]:
    """The modules that a process has when it has run the script."""
    script += "\nimport json, sys\nprint(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-P", "-c", script, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
    )
    return frozenset(json.loads(done.stderr)) - imported_by_python()


def imported_by_python() -> frozenset[str]:
    """What the installation imports before any script, as ``.pth`` files do."""
    script = "import sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True)
    return frozenset(done.stdout.split())


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_the_first_page_needs_no_command(option: str) -> None:
    modules = imported(MAIN, option)
    own = {name for name in modules if name.split(".")[0] in ("scanner", "providers", "rules")}
    assert own == {"scanner", "scanner.__main__", "scanner.cli", "scanner.cli.deferred"}
    assert not modules & HEAVY


@pytest.mark.parametrize(
    "command", [("scan",), ("ownership",), ("ownership", "lint"), ("controls", "list"), ("rules",)]
)
def test_the_help_of_a_command_needs_nothing_that_takes_long(command: tuple[str, ...]) -> None:
    modules = imported(MAIN, *command, "--help")
    assert not modules & HEAVY
    assert ("scanner.cli.scan" in modules) == (command == ("scan",))


def test_no_command_imports_what_takes_long_before_it_runs() -> None:
    modules = imported(LOAD)
    assert not modules & HEAVY
    assert not [name for name in modules if name.startswith(("providers.", "scanner.model", "scanner.rule"))]


def test_the_list_of_commands_says_what_each_says_of_itself() -> None:
    listed = 0
    for name, group in every_command(typer.main.get_command(app)):
        for own, command in group.commands.items() if isinstance(group, TyperGroup) else ():
            if not isinstance(command, Deferred):
                continue
            loaded = command.load()
            assert loaded.help is not None
            first = " ".join(loaded.help.split("\n\n")[0].split())
            assert (command.short_help, loaded.name) == (first, own), (*name, own)
            listed += 1
    assert listed > 15


def test_a_misspelt_command_is_told_those_like_it() -> None:
    done = gapscan("ownership", "limt")
    assert (done.returncode, done.stdout) == (2, "")
    assert "No such command 'limt'. Did you mean 'lint'" in done.stderr
