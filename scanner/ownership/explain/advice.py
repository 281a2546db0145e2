"""What would change an owner: facts that could not be read, a line of one's own, and time."""

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
    """Something that ends, or falls due, after a day."""

    day: date
    """The last day on which it is as it is now."""
    what: str


def what_would_change(
    known: PreparedFile,
    control: str,
    subject: OwnershipTarget,
    answer: Ownership,
    deciding: Sequence[Line[OwnerText]],
) -> Iterator[str]:
    """What would give another answer, in sentences without a full stop."""
    if "owner_uncertain" in answer.flags:
        yield from _reading(known, subject)
    living = [line for line in deciding if known.outcomes.living(line)]
    places = " and ".join(f"{line.file}:{line.number}" for line in (living or deciding))
    if deciding and not living:
        yield f"naming an active team in {places}"
    if answer.status == "contested" and len(living) > 1:
        ids = [line.text.id for line in living if line.text.id is not None]
        yield f"`overrides: [{ids[0] if ids else 'ID'}]` on one of {places}, or a narrower `where`"
    if answer.status == "misattributed":
        yield f"`claim: customer`, or a managed-service contract that covers {control}, in {places}"
    yield _narrower(known, control, subject, deciding)


def _reading(known: PreparedFile, subject: OwnershipTarget) -> Iterator[str]:
    for noun, value in (
        ("tags", subject.tags),
        ("path", subject.path),
        ("account's tags", subject.account_tags),
    ):
        if isinstance(value, Unknown) and (noun != "path" or known.file.uses_paths):
            calls = sorted({cause.permission or cause.call for cause in value.causes})
            yield f"reading the {noun} ({', '.join(calls)})"


def _narrower(
    known: PreparedFile, control: str, subject: OwnershipTarget, deciding: Sequence[Line[OwnerText]]
) -> str:
    """A line that would win over all that decide now."""
    if not deciding:
        return f"a line for {control}, everywhere or with `where: {{account: '{subject.scope}'}}`"
    if any(line.controls[control].specificity != "exact" for line in deciding):
        return f"a line that names {control} exactly, wherever it fits"
    clauses = [clause for line in deciding for clause in line.clauses]
    if any(clause.resources is not None for clause in clauses):
        return f"a line for {control} and this resource that says more (its tags or account), or `overrides`"
    if any(clause.tags is not None for clause in clauses):
        return f"a line for {control} and this very resource"
    return f"a line for {control} by tag or resource"


def endings(
    known: PreparedFile,
    control: str,
    place: PlaceFacts,
    answer: Ownership,
    deciding: Sequence[Line[OwnerText]],
) -> tuple[Ending, ...]:
    """What ends or falls due at this place, soonest first."""
    found = [*_line_endings(known, control, answer, deciding), *_excuse_endings(known, control, place)]
    team = known.file.teams.get(answer.owner or "")
    if answer.specificity == "inferred" and team is not None and team.disbanded_on is not None:
        found.append(Ending(day=team.disbanded_on, what=f"the last day of team {answer.owner}"))
    return tuple(sorted(set(found), key=lambda ending: (ending.day, ending.what)))


def _line_endings(
    known: PreparedFile, control: str, answer: Ownership, deciding: Sequence[Line[OwnerText]]
) -> Iterator[Ending]:
    file, now = known.file, known.now
    for line in deciding:
        place = f"{line.file}:{line.number}"
        id = file.accountable(line)
        team = file.teams.get(id or "")
        stays = f"; {id} stays accountable" if answer.status == "owned" else ""
        if team is not None and team.disbanded_on is not None and not is_over(team.disbanded_on, now):
            yield Ending(day=team.disbanded_on, what=f"the last day of team {id}: {place} lapses")
        for name in line.text.contract:
            contract = file.contracts[name]
            if control in file.covers[name] and not is_over(contract.expires, now):
                told = f"contract {name} with {contract.party} ends{stays}"
                yield Ending(day=contract.expires, what=told)
        held = file.review(line.file)
        reviewed = line.text.reviewed or (held[1].day if held is not None else None)
        if reviewed is not None and has_begun(reviewed, now):
            due = _later(reviewed, file.settings.review_every + file.settings.review_grace)
            if due is not None and not is_over(due, now):
                yield Ending(day=due, what=f"the review of {place} is overdue{stays}")


def _excuse_endings(known: PreparedFile, control: str, place: PlaceFacts) -> Iterator[Ending]:
    for source, made in ((known.exceptions, place.exceptions), (known.declarations, place.declarations)):
        for excuse in made:
            if control in excuse.line.controls and excuse.certain and excuse.standing == "in_force":
                noun = "exception" if source.noun == "exception" else "declaration"
                yield Ending(day=excuse.line.text.expires, what=f"{noun} {excuse.line.text.id} ends")


def _later(day: date, wait: timedelta) -> date | None:
    """A date at the end of time has no day after it."""
    return None if date.max - day < wait else day + wait
