"""The ownership file once it is loaded: every name resolved, every line with its place in the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Generic, Literal, NamedTuple, TypeVar

from scanner.ownership.file.schema import (
    Contract,
    DocumentText,
    ExcuseText,
    OwnerText,
    Settings,
    StatementText,
    Team,
)
from scanner.ownership.resolve.selection import EVERYTHING, Clause

Specificity = Literal["exact", "glob", "domain", "everything", "catch_all", "inferred"]
"""How a control got its owner: by its id, a pattern, its domain, ``*`` with a ``where``, ``*`` without,
or by a tag."""

TextT = TypeVar("TextT", bound=OwnerText | StatementText | ExcuseText)


class Chosen(NamedTuple):
    """The selector by which a line means a control; greater is more specific."""

    rank: int
    specificity: Specificity
    selector: str

    @classmethod
    def by(cls, selector: str, specificity: Specificity) -> Chosen:
        """With the rank of its specificity."""
        return cls(("everything", "domain", "glob", "exact").index(specificity), specificity, selector)


@dataclass(frozen=True, eq=False)
class Line(Generic[TextT]):
    """A line of ``owners``, ``statements``, ``exceptions`` or ``not_applicable``."""

    text: TextT
    file: str
    number: int
    """Line in the file, from 1."""
    id: str
    """Its own id, else one made of what it says; stays when lines move."""
    controls: Mapping[str, Chosen]
    """Every control that it means, and the most specific selector that does."""
    clauses: tuple[Clause, ...]
    where: str
    """Where it holds, in words; empty for everywhere."""

    @property
    def everywhere(self) -> bool:
        """Whether it has no ``where``."""
        return self.clauses == EVERYTHING

    def source(self, control: str) -> str:
        """Where it stands and by what it means the control, for people."""
        chosen = self.controls[control]
        noun = {"domain": "domain ", "everything": "every control: "}.get(chosen.specificity, "")
        told = [noun + chosen.selector, *([self.where] if self.where else [])]
        return f"{self.file}:{self.number} ({', '.join(told)})"


class Review(NamedTuple):
    """When the lines of a file were reviewed, and the line that says so."""

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
    """It and all that it includes, relative to its folder."""
    digest: str
    """SHA-256 of all content."""
    settings: Settings
    teams: Mapping[str, Team]
    owners: tuple[Line[OwnerText], ...]
    contracts: Mapping[str, Contract]
    covers: Mapping[str, frozenset[str]]
    """The controls that each contract covers."""
    contract_places: Mapping[str, tuple[str, int]]
    """File and line of each contract."""
    documents: tuple[ReadDocument, ...]
    statements: tuple[Line[StatementText], ...]
    exceptions: tuple[Line[ExcuseText], ...]
    not_applicable: tuple[Line[ExcuseText], ...]
    reviews: Mapping[str, Review]
    """By file: the review of its lines that have none of their own; the root's holds for all files."""
    catalog: Mapping[str, tuple[str, str]]
    """Owners by resource id or name, as a Backstage catalog tells them, each with its file and line."""
    scopes: Mapping[str, tuple[Clause, ...]]
    """The selections that have a name."""

    @cached_property
    def _names(self) -> Mapping[str, str]:
        return {name.strip().lower(): id for id, team in self.teams.items() for name in (id, *team.aliases)}

    def team(self, name: str) -> str | None:
        """The id of the team that goes by a name, whatever its case; ``None``: there is none."""
        return self._names.get(name.strip().lower())

    def accountable(self, line: Line[OwnerText]) -> str | None:
        """The id of the team that a line names, or its name if there is no such team; ``None``: none."""
        name = line.text.accountable
        return None if name is None else self.team(name) or name

    def routes(self, line: Line[OwnerText], control: str) -> bool:
        """Whether a line only tells whom to ask about a control: ``*`` without a ``where``."""
        everything = line.everywhere and line.controls[control].specificity == "everything"
        return everything and not self.settings.catch_all_confers_ownership

    def review(self, file: str) -> tuple[str, Review] | None:
        """The review that holds for the lines of a file that have none, and the file that tells it."""
        for name in (file, self.file):
            if name in self.reviews:
                return name, self.reviews[name]
        return None

    def active(self, name: str, now: datetime) -> bool:
        """Whether a team of that name exists and has not been disbanded."""
        id = self.team(name)
        if id is None:
            return False
        team = self.teams[id]
        if team.disbanded_on is not None:
            return not is_over(team.disbanded_on, now)
        return team.status == "active"

    @cached_property
    def uses_paths(self) -> bool:
        """Whether any line selects by path, so that a scan has to read the hierarchy."""
        return any(clause.path is not None for clause in self.clauses)

    @cached_property
    def clauses(self) -> tuple[Clause, ...]:
        """The clauses of all lines."""
        return (
            *(clause for line in self.owners for clause in line.clauses),
            *(clause for line in self.statements for clause in line.clauses),
            *(clause for line in (*self.exceptions, *self.not_applicable) for clause in line.clauses),
        )


def is_over(day: date, now: datetime) -> bool:
    """Whether a day has ended, in UTC."""
    return now.astimezone(UTC).date() > day


def has_begun(day: date, now: datetime) -> bool:
    """Whether a day has begun, in UTC."""
    return now.astimezone(UTC).date() >= day
