"""How an owner came to be: every line that fits, which one won and why the others lost.

An explanation decides nothing. It is made of the same entries that :mod:`~scanner.ownership.resolve.resolver`
weighs.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Literal

from scanner.base.models import FrozenModel
from scanner.catalogue.control import Party
from scanner.model.evidence import Unknown
from scanner.ownership.explain.advice import Ending, endings, what_would_change
from scanner.ownership.explain.misses import Miss, misses
from scanner.ownership.explain.ranks import beats, rank_words
from scanner.ownership.file.file import Line, OwnershipFile, Specificity
from scanner.ownership.file.lint import invalid
from scanner.ownership.file.schema import OwnerText
from scanner.ownership.resolve.excuses import Excuse, Excuses
from scanner.ownership.resolve.outcomes import CandidateLine, Ownership, misattributes
from scanner.ownership.resolve.resolver import PlaceFacts, PreparedFile, Resolver
from scanner.ownership.resolve.selection import OwnershipTarget
from scanner.ownership.status import OwnershipStatus

Part = Literal["won", "tied", "may win", "lost", "overridden", "lapsed", "asked only"]
"""What became of a line. ``may win``: an unread tag or path decides. ``lapsed``: nothing is more specific,
and its team is gone, so that nobody owns. ``asked only``: a catch-all, which owns nothing."""


class TracedLine(FrozenModel):
    """A line of the file that means the control and fits the place, or may fit it."""

    file: str
    line: int
    id: str | None
    """Its own id, if it has one."""
    accountable: str | None
    responsible: tuple[str, ...]
    consulted: tuple[str, ...]
    informed: tuple[str, ...]
    selector: str
    """The most specific of its selectors that means the control."""
    where: str
    """In words; empty: everywhere."""
    rank: str
    """How specific it is, in words."""
    fits: Literal["yes", "maybe"]
    part: Part
    why: str


class TracedExcuse(FrozenModel):
    """An exception, or a declaration that the control does not apply, that was made for the place."""

    noun: Literal["exception", "not_applicable"]
    id: str
    file: str
    line: int
    expires: date
    in_force: bool
    why: str
    """Why it counts or does not."""


class TracedTag(FrozenModel):
    """What a tag or a catalog says of the owner."""

    team: str | None
    source: str | None
    used: bool
    why: str


class Explanation(FrozenModel):
    """Who is accountable for a control on a resource, and everything that led there."""

    control: str
    party: Party
    status: OwnershipStatus
    owner: str | None
    source: str | None
    specificity: Specificity | None
    flags: tuple[str, ...]
    exception: str | None
    not_applicable: str | None
    contract: str | None
    provided_by: tuple[str, str] | None
    """Provider and scope that provides the control here."""
    lines: tuple[TracedLine, ...] = ()
    """The most specific first."""
    excuses: tuple[TracedExcuse, ...] = ()
    informed: tuple[str, ...] = ()
    """The account's contacts, where the settings say that they are informed."""
    inference: TracedTag | None = None
    """``None``: no tag or catalog is asked about controls of this domain."""
    misses: tuple[Miss, ...] = ()
    """Lines that mean the control and fail by one condition."""
    changes: tuple[str, ...] = ()
    """What would change the answer."""
    endings: tuple[Ending, ...] = ()
    """What changes by itself when time passes, soonest first."""


def trace(
    resolver: Resolver, control: str, subject: OwnershipTarget, party: Party = "customer"
) -> Explanation:
    """The answer of :meth:`Resolver.resolve` to the same question, and how it came to be."""
    answer = resolver.resolve(control, subject, party)
    known = resolver.known
    if known is None:
        told = "there is no ownership file: gapscan ownership init drafts one"
        return _explanation(control, party, answer, changes=(told,))
    place = known.place(subject)
    entries = known.outcomes.entries(control, place.situation)
    deciding = _deciding(entries)
    return _explanation(
        control,
        party,
        answer,
        lines=tuple(_lines(known, control, place, entries, deciding, subject, party)),
        informed=subject.contacts if _informs(known.file, control, subject) else (),
        excuses=tuple(_excuses(known, control, place)),
        inference=_inference(known, control, place, answer),
        misses=misses(known.file, control, place.facts, subject),
        changes=tuple(what_would_change(known, control, subject, answer, [e.fitting.line for e in deciding])),
        endings=endings(known, control, place, answer, [entry.fitting.line for entry in deciding]),
    )


def _informs(file: OwnershipFile, control: str, subject: OwnershipTarget) -> bool:
    """Whether the contacts of the subject's cloud are informed about the control."""
    return any(
        source.from_ == "contact"
        and control.partition(".")[0] in source.domains
        and any(kind.partition(".")[0] == subject.provider for kind in source.kinds)
        for source in file.settings.inferred
    )


def _explanation(control: str, party: Party, answer: Ownership, **told: object) -> Explanation:
    return Explanation.model_validate(
        {
            "control": control,
            "party": party,
            "status": answer.status,
            "owner": answer.owner,
            "source": answer.source,
            "specificity": answer.specificity,
            "flags": tuple(sorted(answer.flags)),
            "exception": answer.exception,
            "not_applicable": answer.not_applicable,
            "contract": answer.contract,
            "provided_by": answer.provided_by,
            **told,
        }
    )


def _deciding(entries: tuple[CandidateLine, ...]) -> list[CandidateLine]:
    """The most specific lines that fit for certain."""
    top = next((entry.rank for entry in entries if entry.certain), None)
    return [entry for entry in entries if entry.rank == top and entry.certain]


def _lines(
    known: PreparedFile,
    control: str,
    place: PlaceFacts,
    entries: tuple[CandidateLine, ...],
    deciding: list[CandidateLine],
    subject: OwnershipTarget,
    party: Party,
) -> Iterator[TracedLine]:
    seen: set[Line[OwnerText]] = set()
    for entry in entries:
        if entry.fitting.line not in seen:
            seen.add(entry.fitting.line)
            part, why = _part(known, control, entry, deciding, subject, party)
            yield _traced(control, entry, part, why)
    for fitting in place.situation.owners:
        line = fitting.line
        if control not in line.controls or line in seen:
            continue
        seen.add(line)
        entry = CandidateLine((line.controls[control].rank, *fitting.clause.rank), fitting, False)
        if known.file.routes(line, control):
            why = "`*` without `where` tells whom to ask and owns nothing"
            yield _traced(control, entry, "asked only", why)
            continue
        over = next(
            other.line
            for other in place.situation.owners
            if other.certain and control in other.line.controls and line.text.id in other.line.text.overrides
        )
        yield _traced(control, entry, "overridden", f"overridden by {place_of(over)}")


def _part(
    known: PreparedFile,
    control: str,
    entry: CandidateLine,
    deciding: list[CandidateLine],
    subject: OwnershipTarget,
    party: Party,
) -> tuple[Part, str]:
    line = entry.fitting.line
    top = deciding[0] if deciding else None
    if top is not None and entry.rank < top.rank:
        return "lost", f"{beats(top.rank, entry.rank)} ({place_of(top.fitting.line)})"
    if not entry.certain:
        return "may win", _unsure(entry, subject)
    if not known.outcomes.living(line):
        return "lapsed", f"no team {line.text.accountable} is active: the line owns nothing"
    rivals = [
        other.fitting.line
        for other in deciding
        if known.outcomes.living(other.fitting.line)
        and known.file.accountable(other.fitting.line) != known.file.accountable(line)
    ]
    if rivals:
        return (
            "tied",
            f"{place_of(rivals[0])} is as specific and names {rivals[0].text.accountable or 'nobody'}",
        )
    if party == "customer" and misattributes(known.file, line, control):
        whose = "to the provider" if line.text.claim == "provider" else "to a contract that does not cover it"
        return "won", f"nothing is more specific, but it leaves {whose} what is the customer's"
    return "won", "nothing that fits is more specific"


def _unsure(entry: CandidateLine, subject: OwnershipTarget) -> str:
    """Why it cannot be told whether a line fits, or counts."""
    if entry.fitting.certain:
        return "it fits, but a line that overrides it may fit too"
    clause = entry.fitting.clause
    told = []
    if clause.tags is not None and isinstance(subject.tags, Unknown):
        told.append(f"the tags could not be read ({_causes(subject.tags)})")
    if clause.path is not None and isinstance(subject.path, Unknown):
        told.append(f"the path could not be read ({_causes(subject.path)})")
    return f"it may fit: {' and '.join(told) or 'a tag is there twice, in spellings that disagree'}"


def _causes(unknown: Unknown) -> str:
    return "; ".join(dict.fromkeys(f"{cause.call} {cause.reason}" for cause in unknown.causes))


def _traced(control: str, entry: CandidateLine, part: Part, why: str) -> TracedLine:
    line = entry.fitting.line
    return TracedLine(
        file=line.file,
        line=line.number,
        id=line.text.id,
        accountable=line.text.accountable,
        responsible=line.text.responsible,
        consulted=line.text.consulted,
        informed=line.text.informed,
        selector=line.controls[control].selector,
        where=line.where,
        rank=rank_words(entry.rank),
        fits="yes" if entry.fitting.certain else "maybe",
        part=part,
        why=why,
    )


def _excuses(known: PreparedFile, control: str, place: PlaceFacts) -> Iterator[TracedExcuse]:
    for made, source in ((place.exceptions, known.exceptions), (place.declarations, known.declarations)):
        first, _ = source.in_force(control, made)
        for excuse in made:
            if control in excuse.line.controls:
                yield _excuse(known, source, excuse, first)


def _excuse(known: PreparedFile, source: Excuses, excuse: Excuse, first: str | None) -> TracedExcuse:
    text = excuse.line.text
    in_force = excuse.certain and excuse.standing == "in_force"
    if excuse.standing == "expired":
        why = f"does not count: expired on {text.expires}"
    elif excuse.standing == "invalid":
        why = f"does not count: {invalid(known.file, excuse.line, known.now)}"
    elif not in_force:
        why = "does not count: whether it is meant for this depends on a path that could not be read"
    elif text.id == first:
        why = f"in force until {text.expires}; approved by {text.approver} ({text.ticket})"
    else:
        why = f"in force too; {first} comes first"
    return TracedExcuse(
        noun=source.noun,
        id=text.id,
        file=excuse.line.file,
        line=excuse.line.number,
        expires=text.expires,
        in_force=in_force,
        why=why,
    )


def _inference(known: PreparedFile, control: str, place: PlaceFacts, answer: Ownership) -> TracedTag | None:
    domain = known.catalogue.controls[control].domain
    if not any(domain in source.domains for source in known.file.settings.inferred):
        return None
    guess = known.guess(control, place)
    used = answer.specificity == "inferred"
    if guess.uncertain:
        why = "tags that could not be read might name a team"
    elif guess.unknown_team:
        why = "it names no active team of the file, so it is nobody"
    elif guess.team is None:
        why = "no tag or catalog names an owner"
    elif used:
        why = "no line of the file speaks, so this does"
    elif "owner_uncertain" in answer.flags and answer.status != "owned":
        why = "a line that may fit would beat it"
    elif guess.team == answer.owner:
        why = "it agrees with the file"
    else:
        why = "a written line beats a tag or a catalog"
    return TracedTag(team=guess.team, source=guess.source, used=used, why=why)


def place_of(line: Line[OwnerText]) -> str:
    """Where a line stands."""
    return f"{line.file}:{line.number}"
