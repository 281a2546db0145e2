"""The one error of the language, raised while an expression is loaded."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class ExpressionError(Exception):
    """An expression that cannot be used: bad syntax, an unknown name, a wrong type, a missing guard."""

    message: str
    """What is wrong and, where it can be told, what to write instead; one line."""
    offset: int
    """Where in the source, as a 0-based count of characters."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


def suggestion(name: str, choices: Iterable[str]) -> str:
    """``; did you mean 'x'?`` for the closest of the choices, or nothing."""
    close = get_close_matches(name, sorted(choices), n=1, cutoff=0.6)
    return f"; did you mean '{close[0]}'?" if close else ""
