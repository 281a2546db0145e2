"""How commands end when the user's input is wrong: one clear message, and the exit code."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class Usage(Exception):
    """The options or files of the user are wrong."""

    exit_code = 2


@contextmanager
def exit_on_error() -> Iterator[None]:
    """Turns what users can mend into a message on standard error and an exit code.

    Those are the exceptions with an ``exit_code``; any other is a defect and goes through.
    """
    try:
        yield
    except KeyboardInterrupt:
        stop("gapscan: interrupted", 130)
    except Exception as error:
        code = getattr(error, "exit_code", None)
        # typer ends commands with an exception of its own, which has such a code too.
        if not isinstance(code, int) or type(error).__module__.startswith("typer"):
            raise
        stop(f"gapscan: {error}" if len(str(error).splitlines()) == 1 else str(error), code)


def stop(message: str, code: int) -> None:
    """Ends the process."""
    from scanner.base.terminal import printable

    print("\n".join(printable(line) for line in message.splitlines()), file=sys.stderr)
    raise SystemExit(code)
