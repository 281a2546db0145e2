"""One finding explained: what it is, whose part, its owner, since when, how certain, and its resolution."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from scanner.assess.finding import Finding
from scanner.base.models import FrozenModel
from scanner.catalogue.boundary import PROMOTED, Boundary
from scanner.catalogue.responsibility import Catalogue
from scanner.explain.flags import flag_texts
from scanner.explain.owner import answer
from scanner.explain.resolution import resolutions
from scanner.ownership.explain.trace import Explanation
from scanner.report.model import Head

Title = Literal["FINDING", "PARTY", "OWNER", "SINCE", "CERTAINTY", "RESOLUTION"]

_LONGEST = 80
"""Maximum characters shown of a value."""

_TRACED = frozenset(
    {
        "catch_all",
        "exception_expired",
        "exception_invalid",
        "lapsed",
        "not_applicable_expired",
        "not_applicable_invalid",
        "tag_contradicts",
        "unknown_team",
    }
)
"""Flags that the trace of the owner explains itself."""


class Sentence(FrozenModel):
    """A fact with its source."""

    text: str
    source: str | None = None
    """A call, a file with a line, a file of the catalogue, or a web page."""

    def __str__(self) -> str:
        return f"{self.text} ({self.source})" if self.source else self.text


class ExplanationSection(FrozenModel):
    """The answer to one question about the finding."""

    title: Title
    sentences: tuple[Sentence, ...]


class FindingExplanation(FrozenModel):
    """The explanation of a finding."""

    uid: str
    control: str
    rule: str | None
    state: str | None
    sections: tuple[ExplanationSection, ...]
    owner: Explanation | None = None
    """The trace of the owner, if the ownership file was given."""


@dataclass(frozen=True)
class Material:
    """What an explanation uses besides the finding itself."""

    head: Head
    catalogue: Catalogue
    boundary: Boundary | None = None
    """From a snapshot; without one, the finding's service model is used."""
    owner: Explanation | None = None
    ownership_given: bool = False
    """Whether the ownership file was given; a kind that could not be listed has no trace even then."""
    owner_from_report: bool = False
    """Whether the owner was traced from the report alone, which has no paths and services."""
    calls: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The calls that read each facet of the rule."""
    earlier: Finding | None = None
    """The same finding in an earlier report."""
    earlier_name: str | None = None
    """The name of the earlier report, also if it lacks the finding."""
    earlier_head: Head | None = None


def explain(finding: Finding, material: Material) -> FindingExplanation:
    """All sections that have something to say."""
    parts: tuple[tuple[Title, Iterable[Sentence]], ...] = (
        ("FINDING", _what(finding, material)),
        ("PARTY", _party(finding, material)),
        ("OWNER", _owner(finding, material)),
        ("SINCE", _since(finding, material)),
        ("CERTAINTY", _certainty(finding, material)),
        ("RESOLUTION", _resolution(finding, material)),
    )
    sections = (ExplanationSection(title=title, sentences=tuple(sentences)) for title, sentences in parts)
    return FindingExplanation(
        uid=finding.uid,
        control=finding.control,
        rule=finding.rule,
        state=finding.state,
        sections=tuple(section for section in sections if section.sentences),
        owner=material.owner,
    )


def _what(finding: Finding, material: Material) -> Iterator[Sentence]:
    finished = _time(material.head.scan.finished)
    yield Sentence(text=finding.message, source=f"as of {finished}")
    if finding.resource is not None:
        region = f" {finding.region}" if finding.region else ""
        place = f"{finding.provider} {finding.scope}{region}"
        kind, id = finding.resource.kind, finding.resource.id
        unlisted = id == f"{kind}@{finding.region or 'global'}"
        yield Sentence(text=f"Every {kind} in {place}." if unlisted else f"{kind} {id} in {place}.")
    for facet, value in finding.observed.items():
        calls = material.calls.get(facet, ())
        yield Sentence(text=f"{facet} is {_value(value)}", source=", ".join(calls) or None)
    rule = material.head.rules.get(finding.rule or "")
    control = material.catalogue.controls.get(finding.control)
    if rule is not None:
        yield Sentence(text=f"{rule.title}: {rule.rationale}", source=f"rule {finding.rule}")
    elif control is not None:
        yield Sentence(text=f"{control.title}.", source=f"control {control.id}")
    yield Sentence(text=_state(finding))


def _state(finding: Finding) -> str:
    if finding.subject == "ownership":
        return f"A defect of the ownership file, {finding.severity}."
    axes = f"{finding.evidence} and {finding.ownership}"
    return f"{finding.state} ({axes}), {finding.severity}, priority {finding.priority}."


def _party(finding: Finding, material: Material) -> Iterator[Sentence]:
    if finding.subject == "ownership":
        return
    control = material.catalogue.controls.get(finding.control)
    if control is None:
        yield Sentence(text=f"The {finding.party}'s. This version has no control {finding.control}.")
        return
    where = f"rules/controls/{control.domain}.yaml, {control.id}"
    # The service model of the account itself does not apply to a control that is assessed once per scope.
    boundary = material.boundary if finding.rule is not None else None
    reason: str | None = None
    if boundary is not None:
        if "promoted" in finding.flags:
            boundary = boundary.promoted()
        reason = boundary.reason
        source = boundary.source
        where = f"{source.title}, {source.url}" if source is not None else where
    elif finding.service_model is not None:
        reason = material.catalogue.default_boundary(control, finding.service_model).reason
        if "promoted" in finding.flags:
            reason = f"{reason} {PROMOTED}"
    elif finding.rule is None and finding.party == "customer":
        models = [
            model
            for model, cell in control.responsibility.items()
            if cell in ("customer", "both") and model != "on_prem"
        ]
        place = finding.resource.kind if finding.resource is not None else "scope"
        if models:
            enough = f"one of these is enough for the {place} as a whole"
            reason = f"It is your part under {_list(models)}; {enough}."
    party = "Yours" if finding.party == "customer" else "The provider's"
    yield Sentence(text=f"{party}: {reason}" if reason else f"{party}.", source=where)
    duty = control.obligations[finding.party] if finding.party is not None else None
    if duty:
        whose = "Your obligation" if finding.party == "customer" else "The provider's obligation"
        yield Sentence(text=f"{whose}: {duty}")


def _owner(finding: Finding, material: Material) -> Iterator[Sentence]:
    if finding.subject == "ownership":
        yield Sentence(text="The maintainer of the ownership file.", source=finding.owner_source)
        return
    yield from _traced_owner(finding, material)
    known = _TRACED if material.owner is not None else frozenset()
    notable = [flag for flag in finding.flags if not _doubtful(flag) and flag not in known | {"promoted"}]
    yield from (Sentence(text=f"{text[0].upper()}{text[1:]}.") for text in flag_texts(notable))


def _traced_owner(finding: Finding, material: Material) -> Iterator[Sentence]:
    trace = material.owner
    if trace is None:
        if material.head.scan.ownership_digest is None:
            yield Sentence(text="No owner: there was no ownership file (gapscan ownership init drafts one).")
            return
        who = finding.owner or "No owner"
        if finding.ownership == "nobody" and finding.owner:
            who = f"No owner; ask {finding.owner}"
        elif finding.ownership in ("contested", "misattributed"):
            who = f"{finding.owner or 'No owner'}, but {finding.ownership}"
        if finding.proposed is not None:
            who += f", proposed: {finding.proposed}"
        yield Sentence(text=f"{who}.", source=finding.owner_source)
        if not material.ownership_given:
            yield Sentence(text="--ownership shows why, and what would change it.")
        return
    yield Sentence(text=f"{answer(trace)[0].upper()}{answer(trace)[1:]}")
    if (trace.status, trace.owner) != (finding.ownership, finding.owner):
        before = finding.owner if finding.ownership == "owned" else finding.ownership
        yield Sentence(text=f"The report said {before}: the file, the time or the tags have changed.")
    for line in trace.lines:
        name = (
            f"{line.accountable or 'the provider'} ({line.selector}{f', {line.where}' if line.where else ''})"
        )
        if line.part != "won" or trace.status != "owned":
            yield Sentence(text=f"{name}: {line.part}: {line.why}", source=f"{line.file}:{line.line}")
    if trace.inference is not None and trace.inference.source is not None and not trace.inference.used:
        yield Sentence(text=f"{trace.inference.source}: {trace.inference.why}")
    for waiver in trace.excuses:
        label = "Exception" if waiver.noun == "exception" else "Declared not applicable,"
        yield Sentence(text=f"{label} {waiver.id}: {waiver.why}", source=f"{waiver.file}:{waiver.line}")
    for ending in trace.endings[:1]:
        yield Sentence(text=f"Next: {ending.day} {ending.what}")


def _doubtful(flag: str) -> bool:
    return flag.endswith("_uncertain") or flag == "model_unresolved"


def _since(finding: Finding, material: Material) -> Iterator[Sentence]:
    scan = material.head.scan
    if material.earlier_name is None:
        baseline = material.head.summary.gate.baseline
        hint = f"; the scan's baseline was {baseline}: give it with --baseline" if baseline else ""
        yield Sentence(text=f"Not known: no earlier report. Seen on {_time(scan.finished)}{hint}.")
        return
    head = material.earlier_head
    when = f" of {_time(head.scan.finished)}" if head is not None else ""
    source = f"{material.earlier_name}{when}"
    if material.earlier is None:
        omitted = _why_omitted(finding, head) if head is not None else None
        new = "New: it was not there before."
        if head is not None and head.summary.listed == "open" and finding.rule is not None:
            # What was fine is only counted there.
            new = "New: it was not there before, or it was fine."
        text = f"Not known: {omitted}." if omitted else new
        yield Sentence(text=text, source=source)
        return
    before = material.earlier
    if before.subject == "ownership" or before.state == finding.state:
        yield Sentence(text=f"At least since then: {before.state or 'the same defect'}.", source=source)
    else:
        yield Sentence(text=f"Changed since then: it was {before.state}.", source=source)
    if before.owner != finding.owner:
        yield Sentence(text=f"Then owned by {before.owner or 'nobody'}.", source=source)


def _why_omitted(finding: Finding, earlier: Head) -> str | None:
    """Why the earlier report cannot have the finding; ``None`` if it could."""
    if earlier.scan.narrowed:
        return f"that report is narrowed ({', '.join(earlier.scan.narrowed)})"
    if finding.subject == "ownership":
        return None
    if (finding.provider, finding.scope) not in {(s.provider, s.scope) for s in earlier.summary.scopes}:
        return f"that report does not have {finding.provider} {finding.scope}"
    if finding.rule is not None and finding.rule not in earlier.rules:
        return f"that report was made without the rule {finding.rule}"
    return None


def _certainty(finding: Finding, material: Material) -> Iterator[Sentence]:
    for unknown in finding.unknowns:
        facet = f"{unknown.facet} could not be determined" if unknown.facet else "Could not be determined"
        needs = f"; needs {unknown.permission}" if unknown.permission else ""
        yield Sentence(text=f"{facet}: {unknown.reason}{needs}.", source=unknown.call)
    if finding.verdict in ("pass", "fail") and not finding.unknowns and finding.observed:
        yield Sentence(text=f"{_list(finding.observed)} {_were(len(finding.observed))} read.")
    spots = [
        spot
        for spot in material.head.blind_spots
        if (spot.provider, spot.scope) == (finding.provider, finding.scope)
        and finding.resource is not None
        and spot.kind == finding.resource.kind
    ]
    if spots:
        places = ", ".join(sorted({spot.region or "all regions" for spot in spots}))
        calls = ", ".join(sorted({spot.call for spot in spots}))
        yield Sentence(
            text=f"There may be more: {spots[0].kind} could not be listed in {places}.", source=calls
        )
    doubts = [flag for flag in finding.flags if _doubtful(flag)]
    yield from (Sentence(text=f"{text[0].upper()}{text[1:]}.") for text in flag_texts(doubts))
    if material.owner is not None and material.owner_from_report:
        yield Sentence(text="The owner was determined without paths and services; --snapshot adds them.")
    if finding.party == "customer" and finding.subject == "evidence":
        yield Sentence(text="A certificate of the provider does not cover this.")


def _resolution(finding: Finding, material: Material) -> Iterator[Sentence]:
    rule = material.head.rules.get(finding.rule or "")
    yield from (Sentence(text=text) for text in resolutions(finding, rule))


def _value(value: Any) -> str:
    shown = json.dumps(value, ensure_ascii=False)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"


def _list(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _were(count: int) -> str:
    return "were" if count > 1 else "was"


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
