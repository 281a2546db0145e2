"""The loaded ownership file: all names are resolved, and every line has its place in the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Generic, Literal, NamedTuple, TypeVar

from scanner.ownership.file.schema import (
    AttestationText,
    Contract,
    DocumentText,
    OwnerText,
    Settings,
    Team,
    WaiverText,
)
from scanner.ownership.resolve.selection import EVERYTHING, Clause

Specificity = Literal["exact", "glob", "domain", "everything", "catch_all", "inferred"]
"""How a control got its owner: by its id, a pattern, its domain, ``*`` with a ``where``, ``*`` without,
or by a tag."""

TextT = TypeVar("TextT", bound=OwnerText | AttestationText | WaiverText)


class ControlMatch(NamedTuple):
    """The selector by which a line selects a control; greater is more specific."""

    rank: int
    specificity: Specificity
    selector: str

    @classmethod
    def of(cls, selector: str, specificity: Specificity) -> ControlMatch:
        """With the rank of its specificity."""
        return cls(("everything", "domain", "glob", "exact").index(specificity), specificity, selector)


@dataclass(frozen=True, eq=False)
class Line(Generic[TextT]):
    """A line of ``owners``, ``attestations``, ``exceptions`` or ``not_applicable``."""

    text: TextT
    file: str
    number: int
    """Line in the file, from 1."""
    id: str
    """Its own id, or a hash of its content; stays the same when lines move."""
    controls: Mapping[str, ControlMatch]
    """Every control that it selects, with the most specific selector."""
    clauses: tuple[Clause, ...]
    where: str
    """Its ``where`` in words; empty without one."""

    @property
    def everywhere(self) -> bool:
        """Whether it has no ``where``."""
        return self.clauses == EVERYTHING

    def source(self, control: str) -> str:
        """File, line number and the selector that selects the control, for display."""
        match = self.controls[control]
        label = {"domain": "domain ", "everything": "every control: "}.get(match.specificity, "")
        details = [label + match.selector, *([self.where] if self.where else [])]
        return f"{self.file}:{self.number} ({', '.join(details)})"


class Review(NamedTuple):
    """The review date of a file, and the line that sets it."""

    day: date
    line: int


class ReadDocument(NamedTuple):
    """An entry of ``documents`` and its place."""

    text: DocumentText
    file: str
    number: int


@dataclass(frozen=True, eq=False)
class OwnershipFile:
    """A loaded ownership file."""

    file: str
    """Its name in sources and findings."""
    files: tuple[str, ...]
    """It and all files that it includes, relative to its folder."""
    digest: str
    """SHA-256 of all content."""
    settings: Settings
    teams: Mapping[str, Team]
    owners: tuple[Line[OwnerText], ...]
    """The lines in force."""
    proposals: tuple[Line[OwnerText], ...]
    """The drafted lines, which own nothing."""
    contracts: Mapping[str, Contract]
    covers: Mapping[str, frozenset[str]]
    """The controls that each contract covers."""
    contract_places: Mapping[str, tuple[str, int]]
    """File and line of each contract."""
    documents: tuple[ReadDocument, ...]
    attestations: tuple[Line[AttestationText], ...]
    exceptions: tuple[Line[WaiverText], ...]
    not_applicable: tuple[Line[WaiverText], ...]
    reviews: Mapping[str, Review]
    """By file: the review of its lines that have no date of their own; the root's is the default."""
    catalog: Mapping[str, tuple[str, str]]
    """Owners in a Backstage catalog by resource id or name, each with file and line."""
    scopes: Mapping[str, tuple[Clause, ...]]
    """The named selections."""

    @cached_property
    def _names(self) -> Mapping[str, str]:
        return {name.strip().lower(): id for id, team in self.teams.items() for name in (id, *team.aliases)}

    def team(self, name: str) -> str | None:
        """The id of the team with this id or alias, ignoring case; ``None`` if there is no such team."""
        return self._names.get(name.strip().lower())

    def accountable(self, line: Line[OwnerText]) -> str | None:
        """The id of the team that a line names, or the name as written if there is no such team."""
        name = line.text.accountable
        return None if name is None else self.team(name) or name

    def contact_only(self, line: Line[OwnerText], control: str) -> bool:
        """Whether a line only names a contact for a control and no owner: ``*`` without a ``where``."""
        everything = line.everywhere and line.controls[control].specificity == "everything"
        return everything and not self.settings.catch_all_confers_ownership

    def review(self, file: str) -> tuple[str, Review] | None:
        """The default review of the lines of a file, with the name of the file that sets it."""
        for name in (file, self.file):
            if name in self.reviews:
                return name, self.reviews[name]
        return None

    def active(self, name: str, now: datetime) -> bool:
        """Whether a team of that name exists, and is neither disbanded nor only proposed."""
        id = self.team(name)
        if id is None:
            return False
        team = self.teams[id]
        if team.proposed is not None:
            return False
        if team.disbanded_on is not None:
            return not is_over(team.disbanded_on, now)
        return team.status == "active"

    @cached_property
    def uses_paths(self) -> bool:
        """Whether any line selects by path, so that a scan has to read the hierarchy."""
        return any(clause.path is not None for clause in self.clauses)

    @cached_property
    def clauses(self) -> tuple[Clause, ...]:
        """The clauses of all lines in force."""
        return (
            *(clause for line in self.owners for clause in line.clauses),
            *(clause for line in self.attestations for clause in line.clauses),
            *(clause for line in (*self.exceptions, *self.not_applicable) for clause in line.clauses),
        )


def is_over(day: date, now: datetime) -> bool:
    """Whether a day has ended, in UTC."""
    return now.astimezone(UTC).date() > day


def has_begun(day: date, now: datetime) -> bool:
    """Whether a day has begun, in UTC."""
    return now.astimezone(UTC).date() >= day
