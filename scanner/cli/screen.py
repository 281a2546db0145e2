"""Writing to standard output: safe for terminals, and quiet when the reader has seen enough."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from scanner.base.terminal import printable


@contextmanager
def screen() -> Iterator[Callable[[str], None]]:
    """A function that prints text line by line; nothing in it can move the cursor or end a line early."""
    try:
        yield _tell
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _tell(text: str) -> None:
    for line in text.split("\n"):
        print(printable(line))
