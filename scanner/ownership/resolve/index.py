"""An index that finds the lines that can fit a resource without checking every line.

Each clause is indexed by its narrowest condition. A resource is looked up by all its facts, and every clause
found is then checked in full: the index only preselects.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Generic, NamedTuple

from scanner.ownership.file.file import Line, TextT
from scanner.ownership.resolve.selection import HIDDEN, Clause, Facts

_Key = tuple[object, ...]


class FittingLine(NamedTuple, Generic[TextT]):
    """A line that fits a place, or may fit it."""

    position: int
    """Of the clause among all clauses of the index."""
    line: Line[TextT]
    clause: Clause
    certain: bool
    """False: an unread tag or path decides."""


class ClauseIndex(Generic[TextT]):
    """The clauses of some lines, indexed."""

    def __init__(self, lines: Iterable[Line[TextT]]) -> None:
        self._clauses = tuple((line, clause) for line in lines for clause in line.clauses)
        self._positions: dict[_Key, list[int]] = defaultdict(list)
        for position, (_, clause) in enumerate(self._clauses):
            for key in dict.fromkeys(_keys_of_clause(clause)):
                self._positions[key].append(position)

    def fitting(self, facts: Facts) -> tuple[FittingLine[TextT], ...]:
        """Every clause that fits or may fit, in the order of the lines."""
        if not self._clauses:
            return ()
        known = self._positions
        positions = [position for key in _keys_of_facts(facts) for position in known.get(key, ())]
        found = []
        for position in sorted(set(positions)):
            line, clause = self._clauses[position]
            fit = clause.fits(facts)
            if fit != "no":
                found.append(FittingLine(position, line, clause, fit == "yes"))
        return tuple(found)


def _keys_of_clause(clause: Clause) -> Iterator[_Key]:
    """The index keys of a clause: each value of its narrowest condition."""
    if clause.resources is not None:
        yield from (("resource", name.lower()) for name in clause.resources)
    elif clause.accounts is not None:
        yield from (("account", name) for name in clause.accounts)
    elif clause.tags is not None:
        key, values = clause.tags[0]
        yield ("tags",)
        yield from (("tag", key, value) for value in values)
    elif clause.path is not None:
        yield ("paths",)
        yield ("path", clause.path)
    elif clause.kind is not None:
        yield from (("kind", name) for name in clause.kind)
    else:
        yield ("others",)


def _keys_of_facts(facts: Facts) -> list[_Key]:
    """The index keys of every clause that can fit these facts."""
    keys: list[_Key] = [("others",), ("kind", facts.kind), ("account", facts.account)]
    keys += [("resource", name.lower()) for name in facts.resource]
    if facts.tags is HIDDEN:
        keys.append(("tags",))
    else:
        keys += [("tag", key, value) for key, value in facts.tags]
    if facts.path is HIDDEN:
        keys.append(("paths",))
    else:
        keys += [("path", facts.path[:length]) for length in range(1, len(facts.path) + 1)]
    return keys
