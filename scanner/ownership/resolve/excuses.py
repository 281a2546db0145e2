"""Exceptions and declarations that a control does not apply: which one is in force where."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal, NamedTuple

from scanner.ownership.file.file import Line, OwnershipFile, is_over
from scanner.ownership.file.lint import invalid
from scanner.ownership.file.schema import ExcuseText
from scanner.ownership.resolve.index import ClauseIndex
from scanner.ownership.resolve.selection import Facts

Standing = Literal["in_force", "expired", "invalid"]
Noun = Literal["exception", "not_applicable"]


class Excuse(NamedTuple):
    """An exception or declaration that was made for a place, or may have been."""

    line: Line[ExcuseText]
    standing: Standing
    certain: bool
    """False: a path that could not be read decides whether it is meant for this."""


class Excuses:
    """The lines of ``exceptions`` or of ``not_applicable`` at a time."""

    def __init__(
        self, noun: Noun, file: OwnershipFile, lines: Iterable[Line[ExcuseText]], now: datetime
    ) -> None:
        self.noun = noun
        ordered = sorted(lines, key=lambda line: line.id)
        self._index = ClauseIndex(ordered)
        self._standings: Mapping[Line[ExcuseText], Standing] = {
            line: _standing(file, line, now) for line in ordered
        }

    def at(self, facts: Facts) -> tuple[Excuse, ...]:
        """Those made for a place, in the order of their ids; each once."""
        found: dict[Line[ExcuseText], Excuse] = {}
        for fitting in self._index.fitting(facts):
            known = found.get(fitting.line)
            if known is None or not known.certain:
                standing = self._standings[fitting.line]
                found[fitting.line] = Excuse(fitting.line, standing, fitting.certain)
        return tuple(found.values())

    def in_force(self, control: str, made: Iterable[Excuse]) -> tuple[str | None, set[str]]:
        """The id of the first in force, or flags that tell why there is none although one was made."""
        flags: set[str] = set()
        for excuse in made:
            if control not in excuse.line.controls:
                continue
            if excuse.certain and excuse.standing == "in_force":
                return excuse.line.text.id, set()
            if excuse.certain:
                flags.add(f"{self.noun}_{excuse.standing}")
            elif excuse.standing == "in_force":
                flags.add(f"{self.noun}_uncertain")
        return None, flags


def _standing(file: OwnershipFile, line: Line[ExcuseText], now: datetime) -> Standing:
    if is_over(line.text.expires, now):
        return "expired"
    return "in_force" if invalid(file, line, now) is None else "invalid"
