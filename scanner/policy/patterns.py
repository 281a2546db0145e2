"""Patterns of ``*`` (any text) and ``?`` (any one character), which policies use for names of all kinds."""

from __future__ import annotations

ANY_NAME = ("\x01", "\x01\x02\x01\x02")
"""Names that no policy contains literally: a pattern that matches both matches every name."""


def matches(pattern: str, text: str) -> bool:
    """Whether a pattern of ``*`` and ``?`` matches the whole text, in O(pattern × text) time."""
    at = place = 0
    star = resume = -1
    while place < len(text):
        if at < len(pattern) and pattern[at] == "*":
            star, resume = at, place
            at += 1
        elif at < len(pattern) and pattern[at] in ("?", text[place]):
            at += 1
            place += 1
        elif star >= 0:
            resume += 1
            at, place = star + 1, resume
        else:
            return False
    return not pattern[at:].strip("*")


def intersect(first: str, second: str) -> bool:
    """Whether some text matches both patterns, in O(first × second) time."""
    # reached[j]: the first i characters of one pattern and the first j of the other can match the same text.
    reached = [True]
    for there in second:
        reached.append(reached[-1] and there == "*")
    for here in first:
        row = [reached[0] and here == "*"]
        for j, there in enumerate(second, start=1):
            if here == "*" or there == "*":
                row.append(reached[j] or row[j - 1])
            else:
                row.append(reached[j - 1] and (here == there or "?" in (here, there)))
        reached = row
    return reached[-1]


def is_pattern(text: str) -> bool:
    """Whether it contains a wildcard."""
    return "*" in text or "?" in text


def examples(pattern: str) -> tuple[str, ...]:
    """Texts that the pattern matches, with names that no policy contains in place of its wildcards: another
    pattern that matches all of them matches whatever this one does."""
    return tuple(pattern.replace("*", name).replace("?", "\x01") for name in ANY_NAME)


def covers(wide: str, narrow: str) -> bool:
    """Whether a pattern matches everything that another does. May say no where it does, never the reverse."""
    return all(matches(wide, text) for text in examples(narrow))
