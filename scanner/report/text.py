"""The text report: what is failing and nobody's first, then what is owned, what was not seen, the gate."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TextIO

from scanner.finding import Finding
from scanner.gate import NOTHING
from scanner.report.model import Controls, Report, ScopeSummary, Settles, SpotLine, Summary
from scanner.states import SEVERITIES

FOLD = 8
"""Lines of a section before the rest is folded."""

PROVIDER_NAMES = {"aws": "AWS", "azure": "Azure", "gcp": "Google Cloud"}


@dataclass(frozen=True)
class _Section:
    title: str
    chosen: Callable[[Finding], bool]
    owner: bool
    """Whether the lines name the owner."""


_SECTIONS = (
    _Section("FAILING, AND NOBODY IS NAMED", lambda f: f.evidence == "fail" and f.state == "unowned", False),
    _Section(
        "FAILING, AND GIVEN TO THE WRONG PARTY OR TO SEVERAL",
        lambda f: f.evidence == "fail" and f.state in ("misattributed", "contested"),
        True,
    ),
    _Section("FAILING, AND OWNED", lambda f: f.evidence == "fail" and f.state == "failing", True),
    _Section("ACCEPTED FOR NOW", lambda f: f.evidence == "fail" and f.state == "accepted", True),
)


def render(report: Report, out: TextIO) -> None:
    """Writes the report for people. On a terminal, lines are cut to its width unless unfolded."""
    width = shutil.get_terminal_size().columns if out.isatty() and not report.unfolded else None
    for line in _lines(report):
        told = line.rstrip()
        out.write((told if width is None or len(told) <= width else told[: width - 1] + "…") + "\n")


def _lines(report: Report) -> Iterator[str]:
    head = report.head
    seconds = (head.scan.finished - head.scan.started).total_seconds()
    owned = "no ownership file" if head.scan.ownership_digest is None else "with ownership file"
    for number, scope in enumerate(head.summary.scopes):
        if number:
            yield ""
        yield from _scope(scope, seconds, owned)
    for target in head.scan.targets:
        if not target.reached:
            told = "NOT REACHED" if target.expected else "not scanned"
            name = f" {target.scope}" if target.scope else ""
            yield f"{PROVIDER_NAMES[target.provider]}{name}: {told}: {target.message}"
    if head.summary.exit == NOTHING:
        yield from _nothing(head.summary)
        return
    for section in _SECTIONS:
        yield from _section(section, report)
    yield from _unattested(report)
    yield from _unseen(head.summary, head.blind_spots, report)
    yield from _defects(report)
    yield ""
    yield from _next(report)
    yield from _gate(head.summary, head.scan.complete)


def _scope(scope: ScopeSummary, seconds: float, owned: str) -> Iterator[str]:
    cloud = PROVIDER_NAMES[scope.provider]
    name = f"{scope.name} {scope.scope}" if scope.name != scope.scope else scope.scope
    parts = [f"{cloud}: {name}"]
    if scope.regions:
        parts.append(f"{scope.regions} region{'s' * (scope.regions != 1)}")
    parts += [f"{scope.resources:,} resources", f"{seconds:.0f} s", owned]
    yield " · ".join(parts)
    controls = scope.controls
    split = [
        (controls.yours, "yours"),
        (controls.elsewhere, "organisation-wide (not judged from one scope)"),
        (controls.not_applicable, "do not apply"),
        (controls.providers, f"{cloud}'s"),
    ]
    yield (
        f"{controls.total} controls: "
        + ", ".join(f"{number} {told}" for number, told in split if number)
        + "."
    )
    if controls.yours:
        yield f"Your {controls.yours}: " + " · ".join(_standing(controls))


def _standing(controls: Controls) -> Iterator[str]:
    for number, told in (
        (controls.failing, "fail"),
        (controls.unnamed, "pass, but nobody is named"),
        (controls.covered, "covered"),
        (controls.accepted, "accepted"),
        (controls.unknown, "not seen"),
        (controls.unattested, "need a statement"),
        (controls.partly_seen, "partly seen"),
        (controls.not_checked, "not checked yet"),
    ):
        if number:
            yield f"{number} {told}"


def _section(section: _Section, report: Report) -> Iterator[str]:
    groups: dict[tuple[str, str, str | None], list[Finding]] = defaultdict(list)
    for finding in report.findings:
        if section.chosen(finding):
            owner = finding.owner if section.owner else None
            groups[finding.control, finding.rule or "", owner].append(finding)
    if not groups:
        return
    controls = len({control for control, _, _ in groups})
    resources = len({(f.scope, f.resource.id) for found in groups.values() for f in found if f.resource})
    yield ""
    yield _headline(section.title, f"{_many(controls, 'control')}, {_many(resources, 'resource')}")
    ordered = sorted(groups.items(), key=lambda entry: (*_urgency(entry[1]), *map(str, entry[0])))
    shown = ordered if report.unfolded else ordered[:FOLD]
    for (control, _, owner), found in shown:
        worst = max((finding.priority for finding in found), key=SEVERITIES.index)
        who = f"{owner or 'nobody'}: " if section.owner else ""
        yield f" {worst:8}  {control:32}  {who}{_told(found, report.unfolded)}"
    if len(ordered) > len(shown):
        yield f" … {_many(len(ordered) - len(shown), 'more line')} (--all)"


def _urgency(found: Sequence[Finding]) -> tuple[int, int]:
    """The most urgent first: by priority, then by severity."""
    return min((-SEVERITIES.index(f.priority), -SEVERITIES.index(f.severity)) for f in found)


def _told(found: Sequence[Finding], unfolded: bool) -> str:
    """The resources of one rule, with what is wrong with each; resources with the same words together."""
    ordered = sorted(found, key=lambda f: (_urgency([f]), f.resource.name if f.resource else ""))
    shown = ordered if unfolded else ordered[:3]
    words: dict[str, list[str]] = defaultdict(list)
    for finding in shown:
        name = finding.resource.name if finding.resource else ""
        words[finding.message.removeprefix(f"{name}: ").removeprefix(f"{name} ")].append(name)
    told = "; ".join(f"{', '.join(names)}: {message}" for message, names in words.items())
    return told + (f"; and {len(ordered) - len(shown)} more" if len(ordered) > len(shown) else "")


def _unattested(report: Report) -> Iterator[str]:
    missing = [
        finding
        for finding in report.findings
        if finding.evidence == "missing"
        and finding.state in ("unowned", "unattested", "misattributed", "contested")
    ]
    if not missing:
        return
    controls = sorted({finding.control for finding in missing})
    shown = controls if report.unfolded else controls[:4]
    more = f" … {len(controls) - len(shown)} more (--all)" if len(controls) > len(shown) else ""
    yield ""
    yield _headline("A STATEMENT IS MISSING", f"{_many(len(controls), 'control')} only a person can attest")
    yield f" {', '.join(shown)}{more}"


def _unseen(summary: Summary, spots: Sequence[SpotLine], report: Report) -> Iterator[str]:
    unknowns = summary.unknowns
    open_spots = [spot for spot in spots if not spot.expected]
    if unknowns.causes or unknowns.regions_disabled:
        yield ""
    if unknowns.causes:
        yield _headline("NOT SEEN", f"{_many(unknowns.causes, 'unknown')} ({unknowns.budget} tolerated)")
        if unknowns.settled_by:
            settled = sum(entry.unknowns for entry in unknowns.settled_by)
            number = len(unknowns.settled_by)
            these = "this permission settles" if number == 1 else f"these {number} permissions settle"
            yield f" {these} {settled}: {', '.join(_permissions(unknowns.settled_by, report.unfolded))}"
        for spot in open_spots if report.unfolded else open_spots[:FOLD]:
            where = f"{spot.provider} {spot.scope}" + (f" {spot.region}" if spot.region else "")
            yield f" not listed: {spot.kind} in {where}: {spot.reason}, {spot.message}"
        causes: dict[str, int] = defaultdict(int)
        for finding in report.findings:
            for unknown in finding.unknowns:
                if unknown.facet is not None and unknown.permission is None:
                    causes[f"{unknown.call} {unknown.reason}: {unknown.message}"] += 1
        for text in sorted(causes)[: None if report.unfolded else FOLD]:
            yield f" {text}"
    if unknowns.regions_disabled:
        off = f"{_many(unknowns.regions_disabled, 'region')} switched off for the account"
        yield f" {off}" if unknowns.causes else _headline("NOT SEEN", off)


def _permissions(entries: Iterable[Settles], unfolded: bool) -> Iterator[str]:
    names = [entry.permission for entry in entries]
    limit = len(names) if unfolded else 6
    yield from names[:limit]
    if len(names) > limit:
        yield f"… {len(names) - limit} more (--all)"


def _defects(report: Report) -> Iterator[str]:
    found = sorted({(f.owner_source or "", f.message) for f in report.findings if f.subject == "ownership"})
    if not found:
        return
    yield ""
    yield _headline("THE OWNERSHIP FILE", _many(len(found), "line") + " to mend")
    for source, message in found if report.unfolded else found[:FOLD]:
        yield f" {source}: {message}"
    if not report.unfolded and len(found) > FOLD:
        yield f" … {len(found) - FOLD} more (--all)"


def _nothing(summary: Summary) -> Iterator[str]:
    """Why nothing could be evaluated, and what to do."""
    unknowns = summary.unknowns
    if not unknowns.causes:
        yield "Nothing could be evaluated: no scope was reached → exit 4."
        return
    needed = ", ".join(_permissions(unknowns.settled_by, False))
    advice = f" Grant the identity {needed}." if needed else ""
    yield f"Nothing could be evaluated: all {_many(unknowns.causes, 'read')} failed → exit 4.{advice}"


def _next(report: Report) -> Iterator[str]:
    """What would name someone for the failures that are nobody's."""
    unowned = {f.control for f in report.findings if f.state == "unowned" and f.evidence == "fail"}
    if not unowned:
        return
    domains = sorted({control.split(".")[0] for control in unowned})
    where = "an ownership file" if report.head.scan.ownership_digest is None else "the ownership file"
    option = " (--ownership FILE)" if report.head.scan.ownership_digest is None else ""
    yield (
        f"Next: {_many(len(domains), 'line')} in {where}{option}, for {', '.join(domains)}, would name "
        f"someone for {_many(len(unowned), 'control')} that fail{'s' * (len(unowned) == 1)}."
    )


def _gate(summary: Summary, complete: bool) -> Iterator[str]:
    gate = summary.gate
    severities = ", ".join(f"{number} {severity}" for severity, number in gate.by_severity.items())
    stands = f"{_many(gate.findings, 'finding')} ({severities})" if gate.findings else "nothing"
    against = f" that {gate.baseline} did not have" if gate.baseline else ""
    waived = " Also incomplete." if not complete and summary.exit in (0, 1) else ""
    yield f"Gate {gate.name}: {stands}{against} → exit {summary.exit}.{waived}"
    if summary.exit == 3:
        yield "Incomplete: not everything could be seen, so this is no pass."
    if waived and summary.exit == 0:
        yield "INCOMPLETE, AND WAIVED with --allow-incomplete: what was not seen is not known to be fine."
    if gate.failing_not_gated:
        number = sum(gate.failing_not_gated.values())
        told = ", ".join(f"{count} {severity}" for severity, count in gate.failing_not_gated.items())
        yield f"{number} failing and not gated: {told}."
    if gate.new_rule:
        yield f"{_many(gate.new_rule, 'finding')} of rules that the baseline did not have, not gated."


def _headline(title: str, told: str) -> str:
    return f"{title:44}{told}" if len(title) < 43 else f"{title}  {told}"


def _many(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
