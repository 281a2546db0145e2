"""Finds pairs of clauses that could fit the same resource when its tags and path are unknown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from scanner.ownership.resolve.selection import Clause


def first_tie(members: Sequence[tuple[str | None, Clause]]) -> tuple[int, int] | None:
    """The first of :func:`ties`."""
    return next(ties(members), None)


def ties(members: Sequence[tuple[str | None, Clause]]) -> Iterator[tuple[int, int]]:
    """The positions of every pair with different teams that could fit the same resource.

    Compares tags and paths only: all other conditions are known to fit. Sets of members are bit sets, so that
    hundreds of lines with different values of a tag are compared at once.
    """
    everyone = (1 << len(members)) - 1
    teams: dict[str | None, int] = defaultdict(int)
    with_key: dict[str, int] = defaultdict(int)
    with_value: dict[tuple[str, str], int] = defaultdict(int)
    at: dict[tuple[str, ...], int] = defaultdict(int)
    below: dict[tuple[str, ...], int] = defaultdict(int)
    anywhere = 0
    for position, (team, clause) in enumerate(members):
        bit = 1 << position
        teams[team] |= bit
        for key, values in clause.tags or ():
            with_key[key] |= bit
            for value in values:
                with_value[key, value] |= bit
        if clause.path is None:
            anywhere |= bit
        else:
            at[clause.path] |= bit
            for length in range(1, len(clause.path) + 1):
                below[clause.path[:length]] |= bit
    for position, (team, clause) in enumerate(members):
        others = everyone & ~teams[team] & ~((2 << position) - 1)
        for key, values in clause.tags or ():
            alike = 0
            for value in values:
                alike |= with_value[key, value]
            others &= alike | ~with_key[key]
        if clause.path is not None:
            along = anywhere | below[clause.path]
            for length in range(1, len(clause.path)):
                along |= at.get(clause.path[:length], 0)
            others &= along
        while others:
            lowest = others & -others
            yield position, lowest.bit_length() - 1
            others ^= lowest
