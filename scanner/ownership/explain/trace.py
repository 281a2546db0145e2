"""Explains an owner: every line that fits, which one won, and why the others lost.

The explanation uses the same candidate lines as :mod:`~scanner.ownership.resolve.resolver`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Literal

from scanner.base.models import FrozenModel
from scanner.catalogue.control import Party
from scanner.model.evidence import Unknown
from scanner.ownership.explain.advice import Ending, endings, what_would_change
from scanner.ownership.explain.misses import NearMiss, misses
from scanner.ownership.explain.ranks import beats, rank_words
from scanner.ownership.file.file import Line, OwnershipFile, Specificity
from scanner.ownership.file.lint import invalid_reason
from scanner.ownership.file.schema import OwnerText
from scanner.ownership.resolve.outcomes import CandidateLine, Ownership, misattributes
from scanner.ownership.resolve.resolver import PlaceFacts, PreparedFile, Resolver
from scanner.ownership.resolve.selection import OwnershipTarget
from scanner.ownership.resolve.waivers import Waiver, Waivers
from scanner.ownership.status import OwnershipStatus

LineResult = Literal["won", "tied", "may win", "lost", "overridden", "lapsed", "asked only"]
"""The result for a line. ``may win``: an unread tag or path decides. ``lapsed``: the most specific, but its
team is not active, so no one owns. ``asked only``: a catch-all, which names a contact and no owner."""


class TracedLine(FrozenModel):
    """A line of the file that selects the control and fits the resource, or may fit it."""

    file: str
    line: int
    id: str | None
    """Its own id, if it has one."""
    accountable: str | None
    responsible: tuple[str, ...]
    consulted: tuple[str, ...]
    informed: tuple[str, ...]
    selector: str
    """The most specific of its selectors that selects the control."""
    where: str
    """In words; empty: everywhere."""
    rank: str
    """How specific it is, in words."""
    fits: Literal["yes", "maybe"]
    part: LineResult
    why: str


class TracedWaiver(FrozenModel):
    """An exception, or a declaration that the control does not apply, for the resource."""

    noun: Literal["exception", "not_applicable"]
    id: str
    file: str
    line: int
    expires: date
    in_force: bool
    why: str
    """Why it is or is not in force."""


class TracedTag(FrozenModel):
    """The owner according to a tag or a catalog."""

    team: str | None
    source: str | None
    used: bool
    why: str


class Explanation(FrozenModel):
    """Who is accountable for a control on a resource, and why."""

    control: str
    party: Party
    status: OwnershipStatus
    owner: str | None
    source: str | None
    specificity: Specificity | None
    proposed: str | None
    """Where there is no owner: the team that a proposal names."""
    flags: tuple[str, ...]
    exception: str | None
    not_applicable: str | None
    contract: str | None
    provided_by: tuple[str, str] | None
    """Common control: provider and id of the scope that provides it."""
    lines: tuple[TracedLine, ...] = ()
    """The most specific first."""
    excuses: tuple[TracedWaiver, ...] = ()
    informed: tuple[str, ...] = ()
    """The account's contacts, if the settings make them informed."""
    inference: TracedTag | None = None
    """``None``: no tag or catalog is used for controls of this domain."""
    misses: tuple[NearMiss, ...] = ()
    """Lines that select the control and fail by one condition."""
    changes: tuple[str, ...] = ()
    """What would change the answer."""
    endings: tuple[Ending, ...] = ()
    """What changes with time, soonest first."""


def trace(
    resolver: Resolver, control: str, target: OwnershipTarget, party: Party = "customer"
) -> Explanation:
    """The answer of :meth:`Resolver.resolve` to the same question, with the reasons."""
    answer = resolver.resolve(control, target, party)
    prepared = resolver.prepared
    if prepared is None:
        advice = "an ownership file: `gapscan ownership init` drafts one"
        return _explanation(control, party, answer, changes=(advice,))
    place = prepared.place(target)
    candidates = prepared.outcomes.candidates(control, place.lines)
    deciding = _deciding(candidates)
    deciding_lines = [one.fitting.line for one in deciding]
    proposed = resolver.proposed(control, target) if answer.status == "nobody" else None
    return _explanation(
        control,
        party,
        answer,
        proposed=proposed,
        lines=tuple(_lines(prepared, control, place, candidates, deciding, target, party)),
        informed=target.contacts if _informs(prepared.file, control, target) else (),
        excuses=tuple(_waivers(prepared, control, place)),
        inference=_inference(prepared, control, place, answer),
        misses=misses(prepared.file, control, place.facts, target),
        changes=(
            *(["removing `proposed` from the line that is right"] if proposed is not None else []),
            *what_would_change(prepared, control, target, answer, deciding_lines),
        ),
        endings=endings(prepared, control, place, answer, deciding_lines),
    )


def _informs(file: OwnershipFile, control: str, target: OwnershipTarget) -> bool:
    """Whether the contacts of the target's cloud are informed about the control."""
    return any(
        source.from_ == "contact"
        and control.partition(".")[0] in source.domains
        and any(kind.partition(".")[0] == target.provider for kind in source.kinds)
        for source in file.settings.inferred
    )


def _explanation(control: str, party: Party, answer: Ownership, **fields: object) -> Explanation:
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
            "proposed": None,
            **fields,
        }
    )


def _deciding(candidates: tuple[CandidateLine, ...]) -> list[CandidateLine]:
    """The most specific lines that certainly fit."""
    top = next((one.rank for one in candidates if one.certain), None)
    return [one for one in candidates if one.rank == top and one.certain]


def _lines(
    prepared: PreparedFile,
    control: str,
    place: PlaceFacts,
    candidates: tuple[CandidateLine, ...],
    deciding: list[CandidateLine],
    target: OwnershipTarget,
    party: Party,
) -> Iterator[TracedLine]:
    seen: set[Line[OwnerText]] = set()
    for candidate in candidates:
        if candidate.fitting.line not in seen:
            seen.add(candidate.fitting.line)
            result, why = _result(prepared, control, candidate, deciding, target, party)
            yield _traced(control, candidate, result, why)
    for fitting in place.lines.fitting:
        line = fitting.line
        if control not in line.controls or line in seen:
            continue
        seen.add(line)
        candidate = CandidateLine((line.controls[control].rank, *fitting.clause.rank), fitting, False)
        if prepared.file.contact_only(line, control):
            why = "`*` without `where` names a contact and no owner"
            yield _traced(control, candidate, "asked only", why)
            continue
        overriding = next(
            other.line
            for other in place.lines.fitting
            if other.certain and control in other.line.controls and line.text.id in other.line.text.overrides
        )
        yield _traced(control, candidate, "overridden", f"overridden by {place_of(overriding)}")


def _result(
    prepared: PreparedFile,
    control: str,
    candidate: CandidateLine,
    deciding: list[CandidateLine],
    target: OwnershipTarget,
    party: Party,
) -> tuple[LineResult, str]:
    line = candidate.fitting.line
    top = deciding[0] if deciding else None
    if top is not None and candidate.rank < top.rank:
        return "lost", f"{beats(top.rank, candidate.rank)} ({place_of(top.fitting.line)})"
    if not candidate.certain:
        return "may win", _uncertainty(candidate, target)
    if not prepared.outcomes.has_active_team(line):
        return "lapsed", f"{line.text.accountable} is not an active team: the line assigns no owner"
    rivals = [
        other.fitting.line
        for other in deciding
        if prepared.outcomes.has_active_team(other.fitting.line)
        and prepared.file.accountable(other.fitting.line) != prepared.file.accountable(line)
    ]
    if rivals:
        rival = rivals[0].text.accountable or "the provider"
        return "tied", f"{place_of(rivals[0])} is equally specific and names {rival}"
    if party == "customer" and misattributes(prepared.file, line, control):
        other = "the provider" if line.text.claim == "provider" else "a contract that does not cover it"
        return "won", f"it is the most specific, but assigns the customer's obligation to {other}"
    return "won", "no matching line is more specific"


def _uncertainty(candidate: CandidateLine, target: OwnershipTarget) -> str:
    """Why it is unknown whether a line fits or is overridden."""
    if candidate.fitting.certain:
        return "it matches, but a line that overrides it may match too"
    clause = candidate.fitting.clause
    reasons = []
    if clause.tags is not None and isinstance(target.tags, Unknown):
        reasons.append(f"the tags could not be read ({_causes(target.tags)})")
    if clause.path is not None and isinstance(target.path, Unknown):
        reasons.append(f"the path could not be read ({_causes(target.path)})")
    return (
        f"it may match: {' and '.join(reasons) or 'a tag key occurs in two spellings with different values'}"
    )


def _causes(unknown: Unknown) -> str:
    return "; ".join(dict.fromkeys(f"{cause.call} {cause.reason}" for cause in unknown.causes))


def _traced(control: str, candidate: CandidateLine, result: LineResult, why: str) -> TracedLine:
    line = candidate.fitting.line
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
        rank=rank_words(candidate.rank),
        fits="yes" if candidate.fitting.certain else "maybe",
        part=result,
        why=why,
    )


def _waivers(prepared: PreparedFile, control: str, place: PlaceFacts) -> Iterator[TracedWaiver]:
    for waivers, source in (
        (place.exceptions, prepared.exceptions),
        (place.declarations, prepared.declarations),
    ):
        first, _ = source.in_force(control, waivers)
        for waiver in waivers:
            if control in waiver.line.controls:
                yield _waiver(prepared, source, waiver, first)


def _waiver(prepared: PreparedFile, source: Waivers, waiver: Waiver, first: str | None) -> TracedWaiver:
    text = waiver.line.text
    in_force = waiver.certain and waiver.status == "in_force"
    if waiver.status == "expired":
        why = f"not in force: expired on {text.expires}"
    elif waiver.status == "invalid":
        why = f"not in force: {invalid_reason(prepared.file, waiver.line, prepared.now)}"
    elif not in_force:
        why = "not in force: an unread path decides whether it applies"
    elif text.id == first:
        why = f"in force until {text.expires}; approved by {text.approver} ({text.ticket})"
    else:
        why = f"also in force; {first} takes precedence"
    return TracedWaiver(
        noun=source.kind,
        id=text.id,
        file=waiver.line.file,
        line=waiver.line.number,
        expires=text.expires,
        in_force=in_force,
        why=why,
    )


def _inference(
    prepared: PreparedFile, control: str, place: PlaceFacts, answer: Ownership
) -> TracedTag | None:
    domain = prepared.catalogue.controls[control].domain
    if not any(domain in source.domains for source in prepared.file.settings.inferred):
        return None
    inferred = prepared.inferred_owner(control, place)
    used = answer.specificity == "inferred"
    if inferred.uncertain:
        why = "unread tags may name a team"
    elif inferred.unknown_team:
        why = "it names no active team, so there is no owner"
    elif inferred.team is None:
        why = "no tag or catalog names an owner"
    elif used:
        why = "no line of the file assigns an owner, so it decides"
    elif "owner_uncertain" in answer.flags and answer.status != "owned":
        why = "a line that may match would take precedence"
    elif inferred.team == answer.owner:
        why = "it agrees with the file"
    else:
        why = "a line of the file beats a tag or a catalog"
    return TracedTag(team=inferred.team, source=inferred.source, used=used, why=why)


def place_of(line: Line[OwnerText]) -> str:
    """File and line number of a line."""
    return f"{line.file}:{line.number}"
