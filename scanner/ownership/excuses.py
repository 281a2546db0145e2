"""Exceptions and declarations that a control does not apply: which one is in force where."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from scanner.ownership.file import Line, OwnershipFile, is_over
from scanner.ownership.lint import invalid
from scanner.ownership.schema import ExcuseText
from scanner.ownership.selection import Facts, any_fits

Standing = Literal["in_force", "expired", "invalid"]


class Excuses:
    """The lines of ``exceptions`` or of ``not_applicable`` at a time."""

    def __init__(
        self,
        noun: Literal["exception", "not_applicable"],
        file: OwnershipFile | None,
        lines: Iterable[Line[ExcuseText]],
        now: datetime,
    ) -> None:
        self._noun = noun
        self._by_control: dict[str, list[tuple[Line[ExcuseText], Standing]]] = defaultdict(list)
        for line in sorted(lines, key=lambda line: line.id):
            standing: Standing = "in_force"
            if is_over(line.text.expires, now):
                standing = "expired"
            elif file is None or invalid(file, line, now) is not None:
                standing = "invalid"
            for control in line.controls:
                self._by_control[control].append((line, standing))

    def in_force(self, control: str, facts: Facts) -> tuple[str | None, set[str]]:
        """The id of the first in force, or flags that tell why there is none although one was made."""
        flags: set[str] = set()
        for line, standing in self._by_control.get(control, ()):
            fit = any_fits(line.clauses, facts)
            if fit == "yes" and standing == "in_force":
                return line.text.id, set()
            if fit == "yes":
                flags.add(f"{self._noun}_{standing}")
            elif fit == "maybe" and standing == "in_force":
                flags.add(f"{self._noun}_uncertain")
        return None, flags
