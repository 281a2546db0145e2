"""The command line. Commands import what they need when they run, so that ``--help`` is fast."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
from typing import Annotated, NoReturn

import typer

from scanner.cli.assess import assess
from scanner.cli.collect import collect
from scanner.cli.controls import app as controls
from scanner.cli.demo import demo
from scanner.cli.diff import diff
from scanner.cli.explain import explain
from scanner.cli.ownership import app as ownership
from scanner.cli.permissions import permissions
from scanner.cli.responsibility import responsibility
from scanner.cli.rules import app as rules
from scanner.cli.scan import scan
from scanner.cli.schema import schema

app = typer.Typer(
    name="gapscan",
    help="Finds the cloud security controls that nobody covers. Read-only.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 nothing at the gate, 1 findings at the gate, 2 wrong usage or file, "
    "3 incomplete, 4 nothing could be evaluated, 70 internal error, 74 a report could not be written, "
    "130 interrupted.",
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"gapscan {version('gapscan')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


app.command("scan")(scan)
app.command("collect")(collect)
app.command("assess")(assess)
app.command("diff")(diff)
app.command("demo")(demo)
app.command("explain")(explain)
app.add_typer(ownership, name="ownership")
app.command("responsibility")(responsibility)
app.add_typer(controls, name="controls")
app.add_typer(rules, name="rules")
app.command("permissions")(permissions)
app.command("schema")(schema)


_UNWRITABLE = frozenset({errno.EBADF, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOSPC})
"""Errors of a standard output that cannot be written to."""


def _flush() -> None:
    """Writes buffered output now; later, a failure could not change the exit code."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _drop()


def _drop() -> None:
    """Discards standard output from here on, including what is buffered."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main() -> NoReturn:
    """Runs the command line and exits with one of the documented exit codes."""
    # A cancelled pipeline sends SIGTERM; it must leave as little behind as Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if sys.stdout is None:
        # The caller closed it. Without this, the first opened file would become standard output.
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_RDONLY), "w", encoding="utf-8")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A character that the terminal or pipe cannot encode must not fail the report.
            stream.reconfigure(errors="replace")
    try:
        try:
            app(prog_name="gapscan")
        finally:
            _flush()
    except Exception as error:  # noqa: BLE001  (the last place that can report a failure)
        if isinstance(error, OSError) and error.filename is None and error.errno in _UNWRITABLE:
            _drop()
            print(f"gapscan: standard output: could not be written: {error.strerror}", file=sys.stderr)
            sys.exit(74)
        import traceback

        traceback.print_exc()
        message = f"gapscan: internal error: {type(error).__name__}: {error}"
        print(f"{message}\nThis is a bug in gapscan; nothing was reported.", file=sys.stderr)
        sys.exit(70)
    sys.exit(0)
