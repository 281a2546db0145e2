"""Defects of an ownership file at a given time: findings of ownership, one per line."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from scanner.base.counts import many
from scanner.base.yaml import suggestion
from scanner.catalogue.control import Severity
from scanner.ownership.file.file import Line, OwnershipFile, Review, TextT, has_begun, is_over
from scanner.ownership.file.schema import OwnerText, WaiverText
from scanner.ownership.resolve.selection import Clause, Rank
from scanner.ownership.resolve.ties import ties

DOCUMENTED = "gov.provider-docs-reviewed"
"""The control that reviews of providers' documents serve."""


@dataclass(frozen=True, order=True)
class Defect:
    """Something wrong with the ownership file, or with a line of it."""

    file: str
    line: int
    code: str
    """``lapsed``, ``stale``, ``unreviewed``, ``contract_expired``, ``conflict``, ``misattributed``,
    ``exception_expired``, ``exception_invalid``, ``attestation_expired`` or ``undocumented``."""
    line_id: str
    """Stays the same when lines move: part of the finding's identity."""
    controls: tuple[str, ...]
    """The affected controls, sorted."""
    message: str
    severity: Severity


def defects(file: OwnershipFile, now: datetime) -> Iterator[Defect]:
    """All defects that the file itself shows, without any resources."""
    for line in file.owners:
        yield from _inactive_team(file, line, now)
    yield from _reviews(file, now)
    yield from _contracts(file, now)
    yield from _conflicts(file, now)
    for waiver in (*file.exceptions, *file.not_applicable):
        yield from _waiver(file, waiver, now)
    for attestation in file.attestations:
        text = attestation.text
        if is_over(text.expires, now):
            message = f"the attestation by {text.by} expired on {text.expires}"
            yield _defect("attestation_expired", attestation, message, "low")
        elif not file.active(text.by, now):
            yield _defect(
                "lapsed", attestation, f"team {text.by}, which made the attestation, is disbanded", "medium"
            )


def undocumented(
    file: OwnershipFile, services: Mapping[str, Collection[str]], now: datetime
) -> Iterator[Defect]:
    """Services in use, by provider, whose documentation of shared responsibility has no current review.

    Without any entry of ``documents`` nothing is reported: the file does not keep that list.
    """
    if not file.documents:
        return
    for provider, used in sorted(services.items()):
        entries = [one for one in file.documents if one.text.provider == provider]
        read: set[str] = set()
        for one in entries:
            if file.active(one.text.by, now) and not _overdue(file, one.text.reviewed, now):
                read |= {service.lower() for service in one.text.services}
        if left := sorted(service for service in used if "*" not in read and service.lower() not in read):
            place = entries[0] if entries else file.documents[0]
            message = f"{provider} services in use without a current document review: {', '.join(left)}"
            line = f"documents {provider}"
            yield Defect(place.file, place.number, "undocumented", line, (DOCUMENTED,), message, "low")


def _defect(code: str, line: Line[TextT], message: str, severity: Severity) -> Defect:
    return Defect(line.file, line.number, code, line.id, tuple(sorted(line.controls)), message, severity)


def _inactive_team(file: OwnershipFile, line: Line[OwnerText], now: datetime) -> Iterator[Defect]:
    name = line.text.accountable
    if name is None or file.active(name, now):
        return
    id = file.team(name)
    if id is None:
        why = f"no team {name!r}{suggestion(name, file.teams)}"
    elif file.teams[id].proposed is not None:
        why = f"team {id} is only proposed"
    else:
        why = f"team {name} is disbanded"
    yield _defect("lapsed", line, f"the line assigns no owner: {why}", "medium")


def review_overdue(file: OwnershipFile, line: Line[OwnerText], now: datetime) -> bool:
    """Whether the review of a line is overdue or dated in the future; false without a date."""
    default = file.review(line.file)
    day = line.text.reviewed or (default[1].day if default is not None else None)
    return day is not None and _overdue(file, day, now)


def _overdue(file: OwnershipFile, day: date, now: datetime) -> bool:
    # Compared as durations: adding to a date near date.max would overflow.
    allowed = file.settings.review_every + file.settings.review_grace
    return not has_begun(day, now) or now.astimezone(UTC).date() - day > allowed


def _reviews(file: OwnershipFile, now: datetime) -> Iterator[Defect]:
    for line in file.owners:
        day = line.text.reviewed
        if day is not None and _overdue(file, day, now):
            yield _defect("stale", line, _review_message(file, day, now), "low")
    inherited: dict[tuple[str, Review] | None, list[Line[OwnerText]]] = defaultdict(list)
    for line in file.owners:
        if line.text.reviewed is None:
            inherited[file.review(line.file)].append(line)
    for default, lines in inherited.items():
        controls = tuple(sorted({control for line in lines for control in line.controls}))
        if not controls:
            continue
        if default is None:
            message = "some lines have no review date: add `reviewed` to them or to the file"
            yield Defect(lines[0].file, lines[0].number, "unreviewed", "file", controls, message, "low")
        elif _overdue(file, default[1].day, now):
            name, review = default
            own = "file" if name == file.file else f"file {name}"
            yield Defect(
                name, review.line, "stale", own, controls, _review_message(file, review.day, now), "low"
            )


def _review_message(file: OwnershipFile, day: date, now: datetime) -> str:
    if not has_begun(day, now):
        return f"the review date {day} is in the future"
    return f"the last review was on {day}; one is due every {many(file.settings.review_every.days, 'day')}"


def _contracts(file: OwnershipFile, now: datetime) -> Iterator[Defect]:
    for id, contract in file.contracts.items():
        if not is_over(contract.expires, now):
            continue
        message = f"contract {id} with {contract.party} expired on {contract.expires}"
        lines = [line for line in file.owners if id in line.text.contract]
        for line in lines:
            controls = tuple(sorted(line.controls.keys() & file.covers[id]))
            if controls:
                yield Defect(line.file, line.number, "contract_expired", line.id, controls, message, "medium")
        if not any(line.controls.keys() & file.covers[id] for line in lines) and file.covers[id]:
            controls, place = tuple(sorted(file.covers[id])), file.contract_places[id]
            yield Defect(*place, "contract_expired", f"contract {id}", controls, message, "medium")


def _waiver(file: OwnershipFile, line: Line[WaiverText], now: datetime) -> Iterator[Defect]:
    text = line.text
    if is_over(text.expires, now):
        yield _defect("exception_expired", line, f"{text.id} expired on {text.expires}", "low")
    elif (why := invalid_reason(file, line, now)) is not None:
        yield _defect("exception_invalid", line, f"{text.id} is invalid: {why}", "medium")


def invalid_reason(file: OwnershipFile, line: Line[WaiverText], now: datetime) -> str | None:
    """Why an unexpired exception or declaration is invalid; ``None`` if it is valid."""
    text = line.text
    if not file.active(text.owner, now):
        return f"its owner {text.owner} is disbanded"
    if not file.active(text.approver, now):
        return f"its approver {text.approver} is disbanded"
    if text.created is not None:
        return None if has_begun(text.created, now) else f"it starts on {text.created}"
    longest = file.settings.max_exception
    if line in file.exceptions and text.expires - now.astimezone(UTC).date() > longest:
        return f"it has no `created` date and expires more than {many(longest.days, 'day')} from now"
    return None


def _conflicts(file: OwnershipFile, now: datetime) -> Iterator[Defect]:
    """Lines that are equally specific, name different teams and can select the same resource."""
    groups: dict[tuple[str, int, Rank], list[tuple[int, Clause]]] = defaultdict(list)
    for position, line in enumerate(file.owners):
        if line.text.accountable is not None and not file.active(line.text.accountable, now):
            continue
        for control, chosen in line.controls.items():
            if not file.contact_only(line, control):
                for clause in line.clauses:
                    groups[control, chosen.rank, clause.rank].append((position, clause))
    # Most controls have the same lines: conflicts among the same lines are computed once.
    alike: dict[tuple[tuple[int, Clause], ...], set[str]] = defaultdict(set)
    for (control, *_), entries in groups.items():
        alike[tuple(entries)].add(control)
    found: dict[tuple[int, int], set[str]] = defaultdict(set)
    for group, controls in alike.items():
        members = [(file.accountable(file.owners[position]), clause) for position, clause in group]
        for first, second in ties(members):
            (earlier, mine), (later, theirs) = group[first], group[second]
            if not _overridden(file.owners[earlier], file.owners[later]) and mine.can_meet(theirs):
                found[earlier, later] |= controls
    for (earlier, later), conflicting in sorted(found.items()):
        one, other = file.owners[earlier], file.owners[later]
        message = (
            f"as specific as {_place(one, other)}, which names {one.text.accountable or 'the provider'} "
            f"instead of {other.text.accountable or 'the provider'}: contested where both match"
        )
        id = "+".join(sorted((one.id, other.id)))
        yield Defect(other.file, other.number, "conflict", id, tuple(sorted(conflicting)), message, "medium")


def _place(line: Line[OwnerText], seen_from: Line[OwnerText]) -> str:
    return f"line {line.number}" if line.file == seen_from.file else f"{line.file}:{line.number}"


def _overridden(one: Line[OwnerText], other: Line[OwnerText]) -> bool:
    return one.text.id in other.text.overrides or other.text.id in one.text.overrides
