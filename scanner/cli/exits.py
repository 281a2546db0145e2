"""How commands end on wrong input: one clear message and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class Usage(Exception):
    """Wrong options or files."""

    exit_code = 2


@contextmanager
def exit_on_error() -> Iterator[None]:
    """Turns errors that users can fix into a message on standard error and an exit code.

    These are the exceptions with an ``exit_code``; any other is a bug and is raised.
    """
    try:
        yield
    except KeyboardInterrupt:
        stop("gapscan: interrupted", 130)
    except Exception as error:
        code = getattr(error, "exit_code", None)
        # typer ends commands with its own exception, which has an exit code too.
        if not isinstance(code, int) or type(error).__module__.startswith("typer"):
            raise
        stop(f"gapscan: {error}" if len(str(error).splitlines()) == 1 else str(error), code)


def stop(message: str, code: int) -> None:
    """Prints the message on standard error and exits."""
    from scanner.base.terminal import printable

    print("\n".join(printable(line) for line in message.splitlines()), file=sys.stderr)
    raise SystemExit(code)
