"""Writes to standard output: safe for terminals, and silent if the reader closes the pipe."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from scanner.base.terminal import printable


@contextmanager
def screen() -> Iterator[Callable[[str], None]]:
    """A function that prints text without control characters, line by line."""
    try:
        yield _print_lines
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print_lines(text: str) -> None:
    for line in text.split("\n"):
        print(printable(line))
