"""Words and layout that the text reports share."""

from __future__ import annotations

FOLD = 8
"""Lines of a section before the rest is folded."""


def headline(title: str, told: str) -> str:
    """The first line of a section."""
    return f"{title:44}{told}" if len(title) < 43 else f"{title}  {told}"


def many(number: int, noun: str, plural: str | None = None) -> str:
    """A number of things."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
