"""A progress line on standard error, if it is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable

from scanner.run.scan import Progress


class _Line(Progress):
    def update(self, done: int, places: int, resources: int, calls: int) -> None:
        text = f"{done}/{places} listings · {resources:,} resources · {calls:,} calls"
        sys.stderr.write(f"\r\x1b[2K{text}")
        sys.stderr.flush()

    def close(self) -> None:
        sys.stderr.write("\r\x1b[2K")
        sys.stderr.flush()


def progress() -> Progress:
    """The progress display for this process."""
    return _Line() if sys.stderr.isatty() else Progress()


def assessed_scopes() -> Callable[[int, int], None]:
    """Shows how many shares of an assessment are done, if there are several."""

    def show(done: int, of: int) -> None:
        if of > 1 and sys.stderr.isatty():
            text = f"assessed {done} of {of}" if done < of else ""
            sys.stderr.write(f"\r\x1b[2K{text}")
            sys.stderr.flush()

    return show
