"""Drafts the lines of an ownership file from table rows; each row is used or reported, none is dropped."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import ValidationError

from scanner.base.terminal import printable
from scanner.base.yaml import Problem, suggestion
from scanner.catalogue.responsibility import Catalogue
from scanner.exchange.columns import TAGS
from scanner.exchange.draft import Draft, DraftLine
from scanner.exchange.requirements import ControlReference, Requirements, UnresolvedControl
from scanner.exchange.sheet import TableError, TableRow
from scanner.exchange.table import FoundTable
from scanner.ownership.file.schema import Where

_LONGEST = 100
"""Maximum characters of a team's name or contact."""

_ROLES = ("responsible", "consulted", "informed")
_SEVERAL = re.compile(r"[;\n]")
_EXPONENT = re.compile(r"\d+([.,]\d+)?E\+?\d+", re.IGNORECASE)
_SPREADSHEET_ERROR = re.compile(r"#(REF!|N/A|NAME\?|VALUE!|DIV/0!|NULL!|NUM!|SPILL!)")

_Frozen = tuple[tuple[str, Any], ...]


class _Unusable(ValueError):
    """Why a row cannot be used."""


@dataclass
class _Line:
    """A line being built: one team with one ``where`` and the same roles."""

    team: str
    where: dict[str, Any]
    roles: dict[str, list[str]]
    controls: dict[str, int] = field(default_factory=dict)
    """The row that first named each selector."""
    rows: list[int] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)


def draft_of(found: FoundTable, catalogue: Catalogue, source: str) -> Draft:
    """The draft from a table. Raises :class:`TableError` if none of its rows can be used."""
    builder = _DraftBuilder(found, catalogue)
    rows = list(found.rows)
    for row in rows:
        builder.add(row)
    if not builder.lines:
        first = "".join(f"\n{problem}" for problem in builder.left_out[:10])
        raise TableError(f"{found.sheet.file}: none of its {len(rows)} rows can be used{first}")
    return Draft(
        source=source,
        teams=builder.contacts,
        entries=tuple(_entry(line) for line in builder.lines.values()),
        rows=len(rows),
        left_out=tuple(builder.left_out),
        warnings=(*builder.warnings, *builder.conflicts()),
    )


def _entry(line: _Line) -> DraftLine:
    text: dict[str, Any] = {"controls": list(line.controls)}
    if line.where:
        text["where"] = line.where
    text["accountable"] = line.team
    numbers = ", ".join(map(str, line.rows[:20])) + (" …" if len(line.rows) > 20 else "")
    origin = f"row{'s' if len(line.rows) > 1 else ''} {numbers}"
    return DraftLine({**text, **line.roles}, (origin, *dict.fromkeys(line.comments)))


class _DraftBuilder:
    """Collects lines, teams and problems row by row."""

    def __init__(self, found: FoundTable, catalogue: Catalogue) -> None:
        self._found = found
        self._catalogue = catalogue
        self._requirements = Requirements(catalogue)
        self._teams: dict[str, str] = {}
        """The first spelling of each team, by its name in lower case."""
        self._contact_rows: dict[str, int] = {}
        """The row of each team's contact."""
        self.contacts: dict[str, str | None] = {}
        self.lines: dict[tuple[str, str, str], _Line] = {}
        self.left_out: list[Problem] = []
        self.warnings: list[Problem] = []

    def add(self, row: TableRow) -> None:
        """Uses the row, or records why it cannot be used."""
        try:
            if len(row.cells) > len(self._found.header.cells) and any(
                cell.strip() for cell in row.cells[len(self._found.header.cells) :]
            ):
                raise _Unusable("has more cells than the header: a cell with the separator may lack quotes")
            references = [self._reference(text) for text in self._control(row)]
            name = self._owner(row)
            where = self._where(row)
            roles = {role: [self._name(text, role) for text in self._several(row, role)] for role in _ROLES}
        except _Unusable as error:
            self.left_out.append(self._problem(row.number, str(error)))
            return
        team = self._team(name)
        given = {role: [self._team(other) for other in names] for role, names in roles.items() if names}
        self._contact(team, row)
        key = (team, repr(_frozen(where)), repr(_frozen(given)))
        line = self.lines.setdefault(key, _Line(team, where, given))
        line.rows.append(row.number)
        for reference in references:
            for selector in reference.selectors:
                line.controls.setdefault(selector, row.number)
            if reference.requirement is not None:
                line.comments.append(
                    f"{reference.requirement} is related to {', '.join(reference.selectors)}"
                )

    def conflicts(self) -> Iterator[Problem]:
        """Lines that assign one control at one place to different teams; none of them is chosen."""
        claimed: dict[tuple[str, str, str], dict[str, int]] = defaultdict(dict)
        for line in self.lines.values():
            place = repr(_frozen(line.where)).lower()
            for selector, row in line.controls.items():
                rank = self._rank(selector)
                for control in self._catalogue.select(selector):
                    claimed[control, rank, place].setdefault(line.team, row)
        contested: dict[tuple[tuple[str, int], ...], list[str]] = defaultdict(list)
        for (control, _, _), teams in claimed.items():
            if len(teams) > 1:
                contested[tuple(sorted(teams.items(), key=lambda entry: entry[1]))].append(control)
        for teams_of, controls in contested.items():
            who = " and ".join(f"{team} (row {row})" for team, row in teams_of)
            shown = ", ".join(sorted(controls)[:5]) + (" …" if len(controls) > 5 else "")
            yield self._problem(teams_of[-1][1], f"contested: {shown} at the same place is assigned to {who}")

    def _rank(self, selector: str) -> Literal["everything", "domain", "glob", "exact"]:
        if selector == "*":
            return "everything"
        if selector in self._catalogue.domains:
            return "domain"
        return "glob" if any(sign in selector for sign in "*?[") else "exact"

    def _problem(self, row: int, message: str) -> Problem:
        return Problem(self._found.sheet.file, row, printable(message))

    def _cell(self, row: TableRow, name: str) -> str:
        place = self._found.places.get(name)
        text = row.cell(place) if place is not None else ""
        if _SPREADSHEET_ERROR.fullmatch(text):
            raise _Unusable(f"{name} is the spreadsheet error {text}")
        return text

    def _several(self, row: TableRow, name: str) -> list[str]:
        return [part.strip() for part in _SEVERAL.split(self._cell(row, name)) if part.strip()]

    def _control(self, row: TableRow) -> Sequence[str]:
        found = [part.strip() for text in self._several(row, "control") for part in text.split(",")]
        found = [part for part in found if part]
        if not found:
            raise _Unusable("names no control")
        return found

    def _reference(self, text: str) -> ControlReference:
        try:
            return self._requirements.resolve(text)
        except UnresolvedControl as error:
            raise _Unusable(str(error)) from None

    def _owner(self, row: TableRow) -> str:
        names = self._several(row, "owner")
        if not names:
            raise _Unusable("names no owner")
        if len(names) > 1:
            problem = f"names {len(names)} owners ({'; '.join(names)})"
            raise _Unusable(
                f"{problem}: one team is accountable, others are responsible, consulted or informed"
            )
        return self._name(names[0], "owner")

    def _name(self, name: str, what: str) -> str:
        if len(name) > _LONGEST:
            raise _Unusable(f"{what} is longer than {_LONGEST} characters")
        if printable(name) != name:
            raise _Unusable(f"{what} has unprintable characters")
        return name

    def _team(self, name: str) -> str:
        """The team of that name, without regard to case; added if it is new."""
        team = self._teams.setdefault(name.lower(), name)
        self.contacts.setdefault(team, None)
        return team

    def _contact(self, team: str, row: TableRow) -> None:
        place = self._found.places.get("contact")
        contact = row.cell(place) if place is not None else ""
        if not contact:
            return
        known = self.contacts[team]
        if printable(contact) != contact or len(contact) > _LONGEST:
            self.warnings.append(
                self._problem(row.number, f"the contact of {team} is too long or unprintable: left out")
            )
        elif known is None:
            self.contacts[team], self._contact_rows[team] = contact, row.number
        elif known != contact:
            before = f"{team} already has the contact {known} (row {self._contact_rows[team]})"
            self.warnings.append(self._problem(row.number, f"{before}: {contact} is left out"))

    def _where(self, row: TableRow) -> dict[str, Any]:
        where: dict[str, Any] = {}
        for name in self._found.places:
            if not name.startswith("where.") or not (values := self._several(row, name)):
                continue
            if name.startswith(TAGS):
                where.setdefault("tags", {})[name.removeprefix(TAGS)] = values
            else:
                where[name.removeprefix("where.")] = values
        where |= {"provider": [value.lower() for value in where["provider"]]} if "provider" in where else {}
        if "aws" in where.get("provider", ("aws",)):
            for account in where.get("account", ()):
                _check_account(account)
        for kind in where.get("kind", ()):
            if kind not in self._catalogue.kinds:
                raise _Unusable(f"no kind {kind!r}{suggestion(kind, self._catalogue.kinds)}")
        if where:
            try:
                Where.model_validate(where)
            except ValidationError as error:
                first = error.errors(include_url=False)[0]
                place = ".".join(str(step) for step in first["loc"] if isinstance(step, str))
                raise _Unusable(f"where.{place}: {first['msg'].removeprefix('Value error, ')}") from None
        return where


def _check_account(account: str) -> None:
    """Rejects AWS account ids that a spreadsheet has altered."""
    if _EXPONENT.fullmatch(account):
        raise _Unusable(f"the account {account} was rounded by a spreadsheet: store the column as text")
    if account.isdecimal() and len(account) < 12:
        problem = f"the account {account} has {len(account)} digits, not 12"
        raise _Unusable(f"{problem}: a spreadsheet drops leading zeros; store the column as text")


def _frozen(where: dict[str, Any]) -> _Frozen:
    """A hashable form of the selection, independent of order."""
    return tuple(
        (key, _frozen(value) if isinstance(value, dict) else tuple(sorted(value)))
        for key, value in sorted(where.items())
    )
