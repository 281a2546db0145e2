"""Specificity in words: what a line selects by, and why one line takes precedence over another."""

from __future__ import annotations

from scanner.ownership.resolve.selection import Rank

_CONTROLS = ("every control", "a domain", "a pattern of controls", "an exact control")
_PLACES: tuple[tuple[str, ...], ...] = (
    ("", "a pattern of resources", "an exact resource"),
    ("", "a tag"),
    ("", "a pattern of accounts", "an exact account"),
    ("", "a path"),
    ("", "a kind"),
    ("", "a service"),
    ("", "a region"),
    ("", "a provider"),
)
"""The meaning of each component of a rank after the first, by its value; a path's value is its depth."""
_PATH = 3


def rank_words(rank: Rank) -> str:
    """What a line selects by, most specific first."""
    words = [_word(place, value) for place, value in enumerate(rank[1:]) if value]
    return f"{_CONTROLS[rank[0]]}, {' and '.join(words) if words else 'everywhere'}"


def beats(higher: Rank, lower: Rank) -> str:
    """Why a line takes precedence over a less specific one, such as ``a tag beats an exact account``."""
    if higher[0] != lower[0]:
        return f"{_CONTROLS[higher[0]]} beats {_CONTROLS[lower[0]]}"
    for place, (more, less) in enumerate(zip(higher[1:], lower[1:], strict=True)):
        if more == less:
            continue
        if place == _PATH and less:
            return "a deeper path beats a shallower one"
        rest = [_word(place + number, value) for number, value in enumerate(lower[1:][place:]) if value]
        return f"{_word(place, more)} beats {rest[0] if rest else 'a line without one'}"
    raise ValueError("the ranks are equal")


def _word(place: int, value: int) -> str:
    if place == _PATH:
        return "a path" if value == 1 else f"a path of {value} steps"
    return _PLACES[place][value]
