"""Finds the lines of an ownership file that fit nothing in an estate."""

from __future__ import annotations

from collections.abc import Iterable

from scanner.ownership.file.file import Line, OwnershipFile
from scanner.ownership.file.schema import AttestationText, OwnerText, WaiverText
from scanner.ownership.resolve.facts import FactExtractor
from scanner.ownership.resolve.selection import Facts, OwnershipTarget

_REMEMBERED = 20_000
"""Distinct facts that are remembered, so that memory does not grow with the estate."""

AnyLine = Line[OwnerText] | Line[AttestationText] | Line[WaiverText]


def unused_lines(file: OwnershipFile, targets: Iterable[OwnershipTarget]) -> tuple[AnyLine, ...]:
    """The lines with a ``where`` that fit no target; a possible fit (unread tags or path) counts as a fit."""
    extractor = FactExtractor.of(file)
    every: tuple[AnyLine, ...] = (*file.owners, *file.attestations, *file.exceptions, *file.not_applicable)
    left = {id(line) for line in every if not line.everywhere}
    seen: set[Facts] = set()
    for target in targets:
        facts = extractor.facts(target)
        if facts in seen:
            continue
        if len(seen) >= _REMEMBERED:
            seen.clear()
        seen.add(facts)
        left -= {
            id(line)
            for line in every
            if id(line) in left and any(clause.fits(facts) != "no" for clause in line.clauses)
        }
        if not left:
            break
    return tuple(line for line in every if id(line) in left)
