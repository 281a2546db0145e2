"""The command line.

A command's file is imported when it is asked for, and what it needs when it runs, so that ``--help`` is fast.
"""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
from contextlib import suppress
from typing import Annotated, Any, NoReturn

import typer

from scanner import __version__
from scanner.cli.deferred import CommandGroup


class _Commands(CommandGroup):
    deferred = (
        (
            "scan",
            "scanner.cli.scan:scan",
            "Scan live accounts: which controls are yours, who owns them, and does the configuration meet "
            "them?",
        ),
        (
            "collect",
            "scanner.cli.collect:collect",
            "Read live accounts into a snapshot without assessing them: see gapscan assess.",
        ),
        (
            "assess",
            "scanner.cli.assess:assess",
            "Assess snapshots: the findings and exit code of the scan that they stand for together.",
        ),
        (
            "diff",
            "scanner.cli.diff:diff",
            "Show findings that are new, worse, better, closed or have a new owner.",
        ),
        ("demo", "scanner.cli.demo:demo", "Scan a sample company on three simulated clouds on this machine."),
        (
            "explain",
            "scanner.cli.explain:explain",
            "Explain a finding: party, owner, since when, certainty and resolution.",
        ),
        ("ownership", "scanner.cli.ownership:app", "Write, check, explain and maintain the ownership file."),
        (
            "responsibility",
            "scanner.cli.responsibility:responsibility",
            "Show the responsible party by layer and service model, and the boundary shifts.",
        ),
        (
            "controls",
            "scanner.cli.controls:app",
            "List and show controls: each party's obligations, and what the rules evaluate.",
        ),
        (
            "rules",
            "scanner.cli.rules:app",
            "List, show and test rules, and see which requirements they answer.",
        ),
        (
            "permissions",
            "scanner.cli.permissions:permissions",
            "Print the least-privilege IAM policy or custom role for the chosen rules.",
        ),
        (
            "schema",
            "scanner.cli.schema:schema",
            "Print the JSON Schema of rules, the ownership file, gapscan.yaml or the JSON report.",
        ),
    )


app = typer.Typer(
    name="gapscan",
    cls=_Commands,
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
        typer.echo(f"gapscan {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


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


class _Diagnostics(io.TextIOWrapper):
    """Standard error: a message that nobody can receive must not change the exit code."""

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError:
            return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            super().flush()


def _open_streams() -> None:
    """Makes both streams usable, whatever the caller made of them."""
    if sys.stdout is None:
        # The caller closed it. Without this, the first opened file would become standard output.
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_RDONLY), "w", encoding="utf-8")
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")
    # A character that the terminal or pipe cannot encode must not fail the report.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    if isinstance(sys.stderr, io.TextIOWrapper):
        encoding = sys.stderr.encoding
        sys.stderr = _Diagnostics(sys.stderr.detach(), encoding, "replace", line_buffering=True)


def main() -> NoReturn:
    """Runs the command line and exits with one of the documented exit codes."""
    interrupted = False

    def interrupt(*_: Any) -> NoReturn:
        nonlocal interrupted
        interrupted = True
        raise KeyboardInterrupt

    # A cancelled pipeline sends SIGTERM, a closed terminal SIGHUP; both must leave as little as Ctrl-C does.
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        # nohup, and a shell that starts a job in the background, ignore signals for us.
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, interrupt)
    _open_streams()
    try:
        try:
            app(prog_name="gapscan")
        finally:
            _flush()
    except SystemExit as end:
        # typer ends with 1 where it is interrupted itself, outside of a command.
        sys.exit(130 if interrupted and end.code == 1 else end.code)
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
