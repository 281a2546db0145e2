"""What would change an owner: reading unread facts, a more specific line, and time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from scanner.base.models import FrozenModel
from scanner.model.evidence import Unknown
from scanner.ownership.file.file import Line, has_begun, is_over
from scanner.ownership.file.schema import OwnerText
from scanner.ownership.resolve.outcomes import Ownership
from scanner.ownership.resolve.resolver import PlaceFacts, PreparedFile
from scanner.ownership.resolve.selection import OwnershipTarget


class Ending(FrozenModel):
    """Something that ends or becomes overdue after a day."""

    day: date
    """The last day before the change."""
    what: str


def what_would_change(
    prepared: PreparedFile,
    control: str,
    target: OwnershipTarget,
    answer: Ownership,
    deciding: Sequence[Line[OwnerText]],
) -> Iterator[str]:
    """What would change the answer, in phrases without a full stop."""
    if "owner_uncertain" in answer.flags:
        yield from _unread(prepared, target)
    active = [line for line in deciding if prepared.outcomes.has_active_team(line)]
    places = " and ".join(f"{line.file}:{line.number}" for line in (active or deciding))
    if deciding and not active:
        yield f"naming an active team in {places}"
    if answer.status == "contested" and len(active) > 1:
        ids = [line.text.id for line in active if line.text.id is not None]
        yield f"`overrides: [{ids[0] if ids else 'ID'}]` on one of {places}, or a narrower `where`"
    if answer.status == "misattributed":
        yield f"`claim: customer`, or a managed-service contract that covers {control}, in {places}"
    yield _more_specific(control, target, deciding)


def _unread(prepared: PreparedFile, target: OwnershipTarget) -> Iterator[str]:
    for name, value in (
        ("tags", target.tags),
        ("path", target.path),
        ("account's tags", target.account_tags),
    ):
        if isinstance(value, Unknown) and (name != "path" or prepared.file.uses_paths):
            calls = sorted({cause.permission or cause.call for cause in value.causes})
            yield f"reading the {name} ({', '.join(calls)})"


def _more_specific(control: str, target: OwnershipTarget, deciding: Sequence[Line[OwnerText]]) -> str:
    """A line that would take precedence over the deciding lines."""
    if not deciding:
        return f"a line for {control}, everywhere or with `where: {{account: '{target.scope}'}}`"
    if any(line.controls[control].specificity != "exact" for line in deciding):
        return f"a line that names {control} exactly, wherever it matches"
    clauses = [clause for line in deciding for clause in line.clauses]
    if any(clause.resources is not None for clause in clauses):
        return f"a line for {control} and this resource with more conditions (tags, account), or `overrides`"
    if any(clause.tags is not None for clause in clauses):
        return f"a line for {control} and this exact resource"
    return f"a line for {control} by tag or resource"


def endings(
    prepared: PreparedFile,
    control: str,
    place: PlaceFacts,
    answer: Ownership,
    deciding: Sequence[Line[OwnerText]],
) -> tuple[Ending, ...]:
    """What ends or becomes overdue at this place, soonest first."""
    found = [*_line_endings(prepared, control, answer, deciding), *_waiver_endings(prepared, control, place)]
    team = prepared.file.teams.get(answer.owner or "")
    if answer.specificity == "inferred" and team is not None and team.disbanded_on is not None:
        found.append(Ending(day=team.disbanded_on, what=f"the last day of team {answer.owner}"))
    return tuple(sorted(set(found), key=lambda ending: (ending.day, ending.what)))


def _line_endings(
    prepared: PreparedFile, control: str, answer: Ownership, deciding: Sequence[Line[OwnerText]]
) -> Iterator[Ending]:
    file, now = prepared.file, prepared.now
    for line in deciding:
        place = f"{line.file}:{line.number}"
        id = file.accountable(line)
        team = file.teams.get(id or "")
        stays = f"; {id} stays accountable" if answer.status == "owned" else ""
        if team is not None and team.disbanded_on is not None and not is_over(team.disbanded_on, now):
            what = f"the last day of team {id}: {place} then assigns no owner"
            yield Ending(day=team.disbanded_on, what=what)
        for name in line.text.contract:
            contract = file.contracts[name]
            if control in file.covers[name] and not is_over(contract.expires, now):
                yield Ending(day=contract.expires, what=f"contract {name} with {contract.party} ends{stays}")
        default = file.review(line.file)
        reviewed = line.text.reviewed or (default[1].day if default is not None else None)
        if reviewed is not None and has_begun(reviewed, now):
            due = _later(reviewed, file.settings.review_every + file.settings.review_grace)
            if due is not None and not is_over(due, now):
                yield Ending(day=due, what=f"the review of {place} is overdue{stays}")


def _waiver_endings(prepared: PreparedFile, control: str, place: PlaceFacts) -> Iterator[Ending]:
    for source, waivers in (
        (prepared.exceptions, place.exceptions),
        (prepared.declarations, place.declarations),
    ):
        label = "exception" if source.kind == "exception" else "declaration"
        for waiver in waivers:
            if control in waiver.line.controls and waiver.certain and waiver.status == "in_force":
                yield Ending(day=waiver.line.text.expires, what=f"{label} {waiver.line.text.id} ends")


def _later(day: date, wait: timedelta) -> date | None:
    """``day + wait``; ``None`` if that is beyond ``date.max``."""
    return None if date.max - day < wait else day + wait
