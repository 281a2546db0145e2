"""Waivers (exceptions, and declarations that a control does not apply): which one is in force where."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal, NamedTuple

from scanner.ownership.file.file import Line, OwnershipFile, is_over
from scanner.ownership.file.lint import invalid_reason
from scanner.ownership.file.schema import WaiverText
from scanner.ownership.resolve.index import ClauseIndex
from scanner.ownership.resolve.selection import Facts

WaiverStatus = Literal["in_force", "expired", "invalid"]
WaiverKind = Literal["exception", "not_applicable"]


class Waiver(NamedTuple):
    """A waiver that applies to a place, or may apply."""

    line: Line[WaiverText]
    status: WaiverStatus
    certain: bool
    """False: an unread path decides whether it applies."""


class Waivers:
    """The lines of ``exceptions`` or of ``not_applicable`` at a given time."""

    def __init__(
        self, kind: WaiverKind, file: OwnershipFile, lines: Iterable[Line[WaiverText]], now: datetime
    ) -> None:
        self.kind = kind
        ordered = sorted(lines, key=lambda line: line.id)
        self._index = ClauseIndex(ordered)
        self._statuses: Mapping[Line[WaiverText], WaiverStatus] = {
            line: _status(file, line, now) for line in ordered
        }

    def at(self, facts: Facts) -> tuple[Waiver, ...]:
        """The waivers for a place, sorted by id, each once."""
        found: dict[Line[WaiverText], Waiver] = {}
        for fitting in self._index.fitting(facts):
            known = found.get(fitting.line)
            if known is None or not known.certain:
                status = self._statuses[fitting.line]
                found[fitting.line] = Waiver(fitting.line, status, fitting.certain)
        return tuple(found.values())

    def of_whole_scope(self, control: str, facts: Facts) -> bool:
        """Whether a waiver in force is for everything in the scope of a place, whatever may be in it."""
        return any(
            fitting.certain
            and fitting.clause.selects_whole_scopes
            and control in fitting.line.controls
            and self._statuses[fitting.line] == "in_force"
            for fitting in self._index.fitting(facts)
        )

    def in_force(self, control: str, waivers: Iterable[Waiver]) -> tuple[str | None, set[str]]:
        """The id of the first waiver in force; without one, flags for the waivers that are not in force."""
        flags: set[str] = set()
        for waiver in waivers:
            if control not in waiver.line.controls:
                continue
            if waiver.certain and waiver.status == "in_force":
                return waiver.line.text.id, set()
            if waiver.certain:
                flags.add(f"{self.kind}_{waiver.status}")
            elif waiver.status == "in_force":
                flags.add(f"{self.kind}_uncertain")
        return None, flags


def _status(file: OwnershipFile, line: Line[WaiverText], now: datetime) -> WaiverStatus:
    if is_over(line.text.expires, now):
        return "expired"
    return "in_force" if invalid_reason(file, line, now) is None else "invalid"
