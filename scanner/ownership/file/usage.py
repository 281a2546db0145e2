"""Which lines of an ownership file are of use: those that something in an estate fits."""

from __future__ import annotations

from collections.abc import Iterable

from scanner.ownership.file.file import Line, OwnershipFile
from scanner.ownership.file.schema import ExcuseText, OwnerText, StatementText
from scanner.ownership.resolve.facts import Lens
from scanner.ownership.resolve.selection import Facts, OwnershipTarget

AnyLine = Line[OwnerText] | Line[StatementText] | Line[ExcuseText]


def idle(file: OwnershipFile, subjects: Iterable[OwnershipTarget]) -> tuple[AnyLine, ...]:
    """The lines with a ``where`` that no subject fits, not even one whose tags or path were not read."""
    lens = Lens.of(file)
    every: tuple[AnyLine, ...] = (*file.owners, *file.statements, *file.exceptions, *file.not_applicable)
    left = {id(line) for line in every if not line.everywhere}
    seen: set[Facts] = set()
    for subject in subjects:
        facts = lens.facts(subject)
        if facts in seen:
            continue
        seen.add(facts)
        left -= {
            id(line)
            for line in every
            if id(line) in left and any(clause.fits(facts) != "no" for clause in line.clauses)
        }
        if not left:
            break
    return tuple(line for line in every if id(line) in left)
