"""Finding the lines that can fit a resource without looking at every line.

Each clause is filed under the narrowest thing that it asks for. A resource is looked up by all that it has;
what is found is then examined clause by clause, so that the index decides nothing by itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Generic, NamedTuple

from scanner.ownership.file.file import Line, TextT
from scanner.ownership.resolve.selection import HIDDEN, Clause, Facts

_Drawer = tuple[object, ...]


class Fitting(NamedTuple, Generic[TextT]):
    """A line that fits a place, or may fit it."""

    position: int
    """Of the clause among all of the index."""
    line: Line[TextT]
    clause: Clause
    certain: bool
    """False: a tag or path that could not be read decides."""


class ClauseIndex(Generic[TextT]):
    """The clauses of some lines."""

    def __init__(self, lines: Iterable[Line[TextT]]) -> None:
        self._clauses = tuple((line, clause) for line in lines for clause in line.clauses)
        self._drawers: dict[_Drawer, list[int]] = defaultdict(list)
        for position, (_, clause) in enumerate(self._clauses):
            for drawer in dict.fromkeys(_drawers(clause)):
                self._drawers[drawer].append(position)

    def fitting(self, facts: Facts) -> tuple[Fitting[TextT], ...]:
        """Every clause that fits or may fit, in the order of the lines."""
        if not self._clauses:
            return ()
        drawers = self._drawers
        positions = [place for drawer in _opened(facts) for place in drawers.get(drawer, ())]
        found = []
        for position in sorted(set(positions)):
            line, clause = self._clauses[position]
            fit = clause.fits(facts)
            if fit != "no":
                found.append(Fitting(position, line, clause, fit == "yes"))
        return tuple(found)


def _drawers(clause: Clause) -> Iterator[_Drawer]:
    """Where a clause is filed: under each value of its narrowest condition."""
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


def _opened(facts: Facts) -> list[_Drawer]:
    """Where everything that can fit these facts is filed."""
    opened: list[_Drawer] = [("others",), ("kind", facts.kind), ("account", facts.account)]
    opened += [("resource", name.lower()) for name in facts.resource]
    if facts.tags is HIDDEN:
        opened.append(("tags",))
    else:
        opened += [("tag", key, value) for key, value in facts.tags]
    if facts.path is HIDDEN:
        opened.append(("paths",))
    else:
        opened += [("path", facts.path[:length]) for length in range(1, len(facts.path) + 1)]
    return opened
