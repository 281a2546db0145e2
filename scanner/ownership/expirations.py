"""What of an ownership file is about to lapse, and how old its exceptions are. Pure; takes the time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal, get_args

from scanner.base.models import FrozenModel
from scanner.ownership.file.file import Line, OwnershipFile, is_over
from scanner.ownership.file.lint import invalid
from scanner.ownership.file.schema import ExcuseText

SOON = timedelta(days=30)
"""What lapses within this time is told."""

AgeBand = Literal["under 30", "30 to 89", "90 to 179", "180 to 364", "365 and more", "undated"]
"""Days since an exception was made."""
AGE_BANDS: tuple[AgeBand, ...] = get_args(AgeBand)

_STARTS = (30, 90, 180, 365)
"""The days at which the bands after the first begin."""


class Lapse(FrozenModel):
    """Something that ends or falls due soon, with the line that says so."""

    kind: Literal["contract", "statement", "exception", "not_applicable", "review", "team"]
    """``review``: a line or file is stale afterwards. ``team``: it is disbanded, and its lines lapse."""
    name: str
    """Which one: an id, or the controls."""
    last: date
    """The last day (UTC) on which it counts."""
    source: str
    """``file:line``."""
    teams: tuple[str, ...]
    """Who has to renew it."""


class ExceptionAge(FrozenModel):
    """One exception."""

    id: str
    source: str
    """``file:line``."""
    owner: str
    age_days: int | None
    """Since its creation; ``None``: the file does not say when that was."""
    band: AgeBand
    expires: date
    standing: Literal["in_force", "expired", "invalid"]
    accepted: int
    """Findings that are accepted because of it."""


def lapses(file: OwnershipFile, now: datetime) -> tuple[Lapse, ...]:
    """Everything that lapses within 30 days, soonest first. What has lapsed is a defect of the file."""
    today = now.astimezone(UTC).date()
    found = (*_signed(file), *_reviews(file), *_teams(file))
    soon = (lapse for lapse in found if today <= lapse.last <= today + SOON)
    return tuple(sorted(soon, key=lambda lapse: (lapse.last, lapse.kind, lapse.source, lapse.name)))


def exceptions_by_age(
    file: OwnershipFile, now: datetime, accepted: Mapping[str, int]
) -> tuple[ExceptionAge, ...]:
    """Every exception, the oldest first; those without a date before all others, since they may be as old."""
    today = now.astimezone(UTC).date()
    ages = []
    for line in file.exceptions:
        text = line.text
        age = (today - text.created).days if text.created is not None else None
        ages.append(
            ExceptionAge(
                id=text.id,
                source=_place(line),
                owner=file.team(text.owner) or text.owner,
                age_days=age,
                band=_band(age),
                expires=text.expires,
                standing=_standing(file, line, now),
                accepted=accepted.get(text.id, 0),
            )
        )
    return tuple(sorted(ages, key=lambda one: (one.age_days is not None, -(one.age_days or 0), one.id)))


def _standing(
    file: OwnershipFile, line: Line[ExcuseText], now: datetime
) -> Literal["in_force", "expired", "invalid"]:
    if is_over(line.text.expires, now):
        return "expired"
    return "invalid" if invalid(file, line, now) is not None else "in_force"


def _band(age: int | None) -> AgeBand:
    if age is None:
        return "undated"
    return AGE_BANDS[sum(age >= start for start in _STARTS)]


def _signed(file: OwnershipFile) -> Iterator[Lapse]:
    """Contracts, statements, exceptions and declarations that controls do not apply."""
    for id, contract in file.contracts.items():
        relying = {
            str(file.accountable(line))
            for line in file.owners
            if id in line.text.contract and file.accountable(line) is not None
        }
        name, number = file.contract_places[id]
        yield Lapse(
            kind="contract",
            name=id,
            last=contract.expires,
            source=f"{name}:{number}",
            teams=tuple(sorted(relying)),
        )
    for statement in file.statements:
        yield Lapse(
            kind="statement",
            name=", ".join(statement.text.controls),
            last=statement.text.expires,
            source=_place(statement),
            teams=(file.team(statement.text.by) or statement.text.by,),
        )
    excuses = [("exception", line) for line in file.exceptions]
    excuses += [("not_applicable", line) for line in file.not_applicable]
    for kind, line in excuses:
        yield Lapse(
            kind="exception" if kind == "exception" else "not_applicable",
            name=line.text.id,
            last=line.text.expires,
            source=_place(line),
            teams=(file.team(line.text.owner) or line.text.owner,),
        )


def _reviews(file: OwnershipFile) -> Iterator[Lapse]:
    """Until when the reviews of lines and files count: the time between reviews and the grace after it."""
    lasts = file.settings.review_every + file.settings.review_grace
    inherited: dict[tuple[str, int, date], set[str]] = {}
    for line in file.owners:
        team = file.accountable(line)
        if line.text.reviewed is not None:
            yield Lapse(
                kind="review",
                name=line.text.id or ", ".join(line.text.controls),
                last=_after(line.text.reviewed, lasts),
                source=_place(line),
                teams=() if team is None else (team,),
            )
        elif (held := file.review(line.file)) is not None:
            teams = inherited.setdefault((held[0], held[1].line, held[1].day), set())
            teams |= set() if team is None else {team}
    for (name, number, day), teams in inherited.items():
        yield Lapse(
            kind="review",
            name=name,
            last=_after(day, lasts),
            source=f"{name}:{number}",
            teams=tuple(sorted(teams)),
        )


def _teams(file: OwnershipFile) -> Iterator[Lapse]:
    for id, team in file.teams.items():
        if team.disbanded_on is not None:
            yield Lapse(kind="team", name=id, last=team.disbanded_on, source=file.file, teams=(id,))


def _after(day: date, time: timedelta) -> date:
    """So many days later, or the end of time."""
    return day + time if time <= date.max - day else date.max


def _place(line: Line[Any]) -> str:
    return f"{line.file}:{line.number}"
