"""What expires soon in an ownership file, and the age of its exceptions. Pure; takes the time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal, get_args

from scanner.base.models import FrozenModel
from scanner.ownership.file.file import Line, OwnershipFile, is_over
from scanner.ownership.file.lint import invalid_reason
from scanner.ownership.file.schema import WaiverText

SOON = timedelta(days=30)
"""Expirations within this time are reported."""

AgeBand = Literal["under 30", "30 to 89", "90 to 179", "180 to 364", "365 and more", "undated"]
"""Days since an exception was created."""
AGE_BANDS: tuple[AgeBand, ...] = get_args(AgeBand)

_STARTS = (30, 90, 180, 365)
"""The first day of each band after the first."""


class Expiration(FrozenModel):
    """Something that expires or is due for review soon, with the line that sets the date."""

    kind: Literal["contract", "attestation", "exception", "not_applicable", "review", "team"]
    """``review``: a line or file is stale afterwards. ``team``: after it its lines assign no owner."""
    name: str
    """Its id, or its controls."""
    last: date
    """The last day (UTC) on which it is valid."""
    source: str
    """``file:line``."""
    teams: tuple[str, ...]
    """The teams that have to renew it."""


class ExceptionAge(FrozenModel):
    """The age and status of an exception."""

    id: str
    source: str
    """``file:line``."""
    owner: str
    age_days: int | None
    """Since its creation; ``None`` without a creation date."""
    band: AgeBand
    expires: date
    standing: Literal["in_force", "expired", "invalid"]
    accepted: int
    """Findings accepted by it."""


def expirations(file: OwnershipFile, now: datetime) -> tuple[Expiration, ...]:
    """Everything that expires within 30 days, soonest first. What has expired is a defect of the file."""
    today = now.astimezone(UTC).date()
    found = (*_dated_entries(file), *_reviews(file), *_teams(file))
    soon = (one for one in found if today <= one.last <= today + SOON)
    return tuple(sorted(soon, key=lambda one: (one.last, one.kind, one.source, one.name)))


def exceptions_by_age(
    file: OwnershipFile, now: datetime, accepted: Mapping[str, int]
) -> tuple[ExceptionAge, ...]:
    """Every exception, oldest first; those without a creation date come first, as their age is unknown."""
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
    file: OwnershipFile, line: Line[WaiverText], now: datetime
) -> Literal["in_force", "expired", "invalid"]:
    if is_over(line.text.expires, now):
        return "expired"
    return "invalid" if invalid_reason(file, line, now) is not None else "in_force"


def _band(age: int | None) -> AgeBand:
    if age is None:
        return "undated"
    return AGE_BANDS[sum(age >= start for start in _STARTS)]


def _dated_entries(file: OwnershipFile) -> Iterator[Expiration]:
    """Contracts, attestations, exceptions and declarations that controls do not apply."""
    for id, contract in file.contracts.items():
        relying = {
            str(file.accountable(line))
            for line in file.owners
            if id in line.text.contract and file.accountable(line) is not None
        }
        name, number = file.contract_places[id]
        yield Expiration(
            kind="contract",
            name=id,
            last=contract.expires,
            source=f"{name}:{number}",
            teams=tuple(sorted(relying)),
        )
    for attestation in file.attestations:
        yield Expiration(
            kind="attestation",
            name=", ".join(attestation.text.controls),
            last=attestation.text.expires,
            source=_place(attestation),
            teams=(file.team(attestation.text.by) or attestation.text.by,),
        )
    waivers = [("exception", line) for line in file.exceptions]
    waivers += [("not_applicable", line) for line in file.not_applicable]
    for kind, line in waivers:
        yield Expiration(
            kind="exception" if kind == "exception" else "not_applicable",
            name=line.text.id,
            last=line.text.expires,
            source=_place(line),
            teams=(file.team(line.text.owner) or line.text.owner,),
        )


def _reviews(file: OwnershipFile) -> Iterator[Expiration]:
    """Reviews of lines and files, which are valid for the review interval plus its grace period."""
    valid_for = file.settings.review_every + file.settings.review_grace
    inherited: dict[tuple[str, int, date], set[str]] = {}
    for line in file.owners:
        team = file.accountable(line)
        if line.text.reviewed is not None:
            yield Expiration(
                kind="review",
                name=line.text.id or ", ".join(line.text.controls),
                last=_after(line.text.reviewed, valid_for),
                source=_place(line),
                teams=() if team is None else (team,),
            )
        elif (default := file.review(line.file)) is not None:
            teams = inherited.setdefault((default[0], default[1].line, default[1].day), set())
            teams |= set() if team is None else {team}
    for (name, number, day), teams in inherited.items():
        yield Expiration(
            kind="review",
            name=name,
            last=_after(day, valid_for),
            source=f"{name}:{number}",
            teams=tuple(sorted(teams)),
        )


def _teams(file: OwnershipFile) -> Iterator[Expiration]:
    for id, team in file.teams.items():
        if team.disbanded_on is not None:
            yield Expiration(kind="team", name=id, last=team.disbanded_on, source=file.file, teams=(id,))


def _after(day: date, time: timedelta) -> date:
    """``day + time``, limited to ``date.max``."""
    return day + time if time <= date.max - day else date.max


def _place(line: Line[Any]) -> str:
    return f"{line.file}:{line.number}"
