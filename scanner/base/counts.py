"""Numbers with their nouns, for people."""

from __future__ import annotations


def many(number: int, singular: str, plural: str | None = None) -> str:
    """A number with its noun in singular or plural."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"
