"""The text report: what is failing and nobody's first, then what is owned, what was not seen, the gate."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import TextIO

from scanner.assess.gate import NOTHING
from scanner.base.terminal import printable
from scanner.report.model import Controls, GateResult, Report, ScopeSummary, Settles, SpotLine, Summary
from scanner.report.numbers import numbers, partly_seen
from scanner.report.text_summary import Group, ReportSection, SectionGroups, TextSummary, gather
from scanner.report.wording import FOLD, headline, many

PROVIDER_NAMES = {"aws": "AWS", "azure": "Azure", "gcp": "Google Cloud"}


_SECTIONS = (
    ReportSection(
        "FAILING, AND NOBODY IS NAMED", lambda f: f.evidence == "fail" and f.state == "unowned", False
    ),
    ReportSection(
        "FAILING, AND GIVEN TO THE WRONG PARTY OR TO SEVERAL",
        lambda f: f.evidence == "fail" and f.state in ("misattributed", "contested"),
        True,
    ),
    ReportSection("FAILING, AND OWNED", lambda f: f.evidence == "fail" and f.state == "failing", True),
    ReportSection(
        "ACCEPTED FOR NOW", lambda f: f.evidence == "fail" and f.state == "accepted", True, "nobody: "
    ),
)


def render(report: Report, out: TextIO) -> None:
    """Writes the report for people. On a terminal, lines are cut to its width unless unfolded."""
    width = shutil.get_terminal_size().columns if out.isatty() and not report.unfolded else None
    for line in _lines(report):
        told = printable(line.rstrip())
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
    if head.scan.narrowed:
        yield f"Narrowed by {' '.join(head.scan.narrowed)}: nothing is said of the rest."
    if head.scan.now != head.scan.finished:
        yield f"Judged as of {head.scan.now:%Y-%m-%d %H:%M} UTC, not of the time of the scan."
    if head.summary.exit == NOTHING:
        yield from _nothing(head.summary, head.scan.narrowed)
        return
    gist = gather(report.findings, _SECTIONS, report.unfolded)
    for section in _SECTIONS:
        yield from _section(section, gist.sections[section.title], report.unfolded)
    yield from _unattested(report, gist)
    yield from partly_seen(head.coverage, report.unfolded)
    yield from _unseen(head.summary, head.blind_spots, report, gist)
    yield from _defects(report, gist)
    if head.summary.metrics is not None:
        yield from numbers(head.summary.metrics, head.scan.ownership_digest is not None, report.unfolded)
    yield ""
    yield from _next(report, gist)
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


def _section(section: ReportSection, gathered: SectionGroups, unfolded: bool) -> Iterator[str]:
    if not gathered.groups:
        return
    controls = len({control for control, _, _ in gathered.groups})
    yield ""
    yield headline(section.title, f"{many(controls, 'control')}, {many(len(gathered.resources), 'resource')}")
    ordered = sorted(gathered.groups.items(), key=lambda entry: (*entry[1].urgency, *map(str, entry[0])))
    shown = ordered if unfolded else ordered[:FOLD]
    for (control, _, owner), group in shown:
        who = (f"{owner}: " if owner else section.nobody) if section.owner else ""
        yield f" {group.priority:8}  {control:32}  {who}{_told(group)}"
    if len(ordered) > len(shown):
        yield f" … {many(len(ordered) - len(shown), 'more line')} (--all)"


def _told(group: Group) -> str:
    """The resources of one rule, with what is wrong with each; resources with the same words together."""
    words: dict[str, list[str]] = defaultdict(list)
    for one in group.first:
        words[one.message].append(one.name)
    told = "; ".join(f"{', '.join(names)}: {message}" for message, names in words.items())
    more = group.number - len(group.first)
    return told + (f"; and {more} more" if more else "")


def _unattested(report: Report, gist: TextSummary) -> Iterator[str]:
    controls = sorted(gist.unattested)
    if not controls:
        return
    shown = controls if report.unfolded else controls[:4]
    more = f" … {len(controls) - len(shown)} more (--all)" if len(controls) > len(shown) else ""
    yield ""
    yield headline("A STATEMENT IS MISSING", f"{many(len(controls), 'control')} only a person can attest")
    yield f" {', '.join(shown)}{more}"


def _unseen(summary: Summary, spots: Sequence[SpotLine], report: Report, gist: TextSummary) -> Iterator[str]:
    unknowns = summary.unknowns
    open_spots = [spot for spot in spots if not spot.expected]
    if unknowns.causes or unknowns.regions_disabled:
        yield ""
    if unknowns.causes:
        expected = f"{unknowns.acknowledged} expected, " if unknowns.acknowledged else ""
        told = f"{many(unknowns.causes, 'unknown')} ({expected}{unknowns.budget} tolerated)"
        yield headline("NOT SEEN", told)
        if unknowns.settled_by:
            settled = sum(entry.unknowns for entry in unknowns.settled_by)
            number = len(unknowns.settled_by)
            these = "this permission settles" if number == 1 else f"these {number} permissions settle"
            yield f" {these} {settled}: {', '.join(_permissions(unknowns.settled_by, report.unfolded))}"
        for spot in open_spots if report.unfolded else open_spots[:FOLD]:
            where = f"{spot.provider} {spot.scope}" + (f" {spot.region}" if spot.region else "")
            yield f" not listed: {spot.kind} in {where}: {spot.reason}, {spot.message}"
        for text in sorted(gist.causes)[: None if report.unfolded else FOLD]:
            yield f" {text}"
    if unknowns.regions_disabled:
        off = f"{many(unknowns.regions_disabled, 'region')} switched off for the account"
        yield f" {off}" if unknowns.causes else headline("NOT SEEN", off)
    for entry in unknowns.expected:
        if entry.causes:
            what = " ".join(part for part in (entry.call, entry.region, entry.scope) if part)
            told = "expected until" if entry.in_force else "EXPECTED ONLY UNTIL"
            causes = many(entry.causes, "unknown")
            yield f" {told} {entry.expires}: {causes} of {what}: {entry.reason} ({entry.owner})"


def _permissions(entries: Iterable[Settles], unfolded: bool) -> Iterator[str]:
    names = [entry.permission for entry in entries]
    limit = len(names) if unfolded else 6
    yield from names[:limit]
    if len(names) > limit:
        yield f"… {len(names) - limit} more (--all)"


def _defects(report: Report, gist: TextSummary) -> Iterator[str]:
    found = sorted(gist.defects)
    if not found:
        return
    yield ""
    yield headline("THE OWNERSHIP FILE", many(len(found), "line") + " to mend")
    for source, message in found if report.unfolded else found[:FOLD]:
        yield f" {source}: {message}"
    if not report.unfolded and len(found) > FOLD:
        yield f" … {len(found) - FOLD} more (--all)"


def _nothing(summary: Summary, narrowed: Sequence[str]) -> Iterator[str]:
    """Why nothing could be evaluated, and what to do."""
    unknowns = summary.unknowns
    meant = [option for option in narrowed if option.startswith(("--team", "--where"))]
    if meant and not unknowns.causes and not summary.scopes:
        yield f"Nothing could be evaluated: nothing that was seen is meant by {' '.join(meant)} → exit 4."
        return
    if not unknowns.causes:
        yield "Nothing could be evaluated: no scope was reached → exit 4."
        return
    needed = ", ".join(_permissions(unknowns.settled_by, False))
    advice = f" Grant the identity {needed}." if needed else ""
    yield f"Nothing could be evaluated: all {many(unknowns.causes, 'read')} failed → exit 4.{advice}"


def _next(report: Report, gist: TextSummary) -> Iterator[str]:
    """What would name someone for the failures that are nobody's."""
    unowned = gist.unowned
    if not unowned:
        return
    domains = sorted({control.split(".")[0] for control in unowned})
    told = f"{many(len(domains), 'line')} in {{}}, for {', '.join(domains)}, would name someone for "
    told += f"{many(len(unowned), 'control')} that fail{'s' * (len(unowned) == 1)}."
    if report.head.scan.ownership_digest is not None:
        yield f"Next: {told.format('the ownership file')}"
    else:
        yield f"Next: {told.format('an ownership file (--ownership FILE)')}"
        yield "      gapscan ownership init SNAPSHOT drafts one from a snapshot that gapscan collect made."


def _gate(summary: Summary, complete: bool) -> Iterator[str]:
    gate = summary.gate
    severities = ", ".join(f"{number} {severity}" for severity, number in gate.by_severity.items())
    stands = f"{many(gate.findings, 'finding')} ({severities})" if gate.findings else "nothing"
    against = f" that {gate.baseline} did not have" if gate.baseline else ""
    waived = " Also incomplete." if not complete and summary.exit in (0, 1) else ""
    yield f"Gate {gate.name}: {stands}{against} → exit {summary.exit}.{waived}"
    if summary.exit == 3:
        yield "Incomplete: not everything could be seen, so this is no pass."
    if waived and summary.exit == 0:
        yield "INCOMPLETE, AND WAIVED with --allow-incomplete: what was not seen is not known to be fine."
    yield from _gates(gate)
    if gate.failing_not_gated:
        number = sum(gate.failing_not_gated.values())
        told = ", ".join(f"{count} {severity}" for severity, count in gate.failing_not_gated.items())
        yield f"{number} failing and not gated: {told}."
    if gate.new_rule:
        yield f"{many(gate.new_rule, 'finding')} of rules that the baseline did not have, not gated."


def _gates(gate: GateResult) -> Iterator[str]:
    """Which gate held where."""
    for line in gate.scopes:
        uncertain = (
            f", {line.uncertain:,} of them also to others, as a tag or path was not read"
            if line.uncertain
            else ""
        )
        lets = f", {line.failing_not_gated:,} failing and not gated" if line.failing_not_gated else ""
        yield (
            f" {line.scope} ({line.gate}): {line.findings:,} at the gate{lets}, of "
            f"{many(line.judged, 'finding')} held to it{uncertain}"
        )
