"""The error that is raised when an expression cannot be loaded."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class ExpressionError(Exception):
    """An invalid expression: a syntax error, an unknown name, a wrong type, a missing guard."""

    message: str
    """What is wrong and, if known, what to write instead; one line."""
    offset: int
    """0-based position in the source, in characters."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


def suggestion(name: str, choices: Iterable[str]) -> str:
    """``; did you mean 'x'?`` for the closest choice, or an empty string."""
    close = get_close_matches(name, sorted(choices), n=1, cutoff=0.6)
    return f"; did you mean '{close[0]}'?" if close else ""
