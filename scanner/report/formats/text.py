"""The text report: failures without an owner first, then owned failures, unknowns, metrics and the gate."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import TextIO

from scanner.assess.gate import NOTHING
from scanner.base.counts import many
from scanner.base.terminal import printable
from scanner.report.model import (
    Controls,
    GateResult,
    Head,
    Report,
    ScopeSummary,
    Settles,
    SpotLine,
    Summary,
)
from scanner.report.numbers import numbers, partly_assessed
from scanner.report.text_summary import (
    FindingGroup,
    ReportSection,
    SectionGroups,
    TextSummary,
    summarize,
    unseen_because,
)
from scanner.report.wording import FOLD, headline

PROVIDER_NAMES = {"aws": "AWS", "azure": "Azure", "gcp": "Google Cloud"}


_SECTIONS = (
    ReportSection(
        "FAILING, NO OWNER", "unowned", lambda f: f.evidence == "fail" and f.state == "unowned", False
    ),
    ReportSection(
        "FAILING, MISATTRIBUTED OR CONTESTED",
        "misplaced",
        lambda f: f.evidence == "fail" and f.state in ("misattributed", "contested"),
        True,
    ),
    ReportSection("FAILING, OWNED", "owned", lambda f: f.evidence == "fail" and f.state == "failing", True),
    ReportSection(
        "ACCEPTED BY EXCEPTION",
        "accepted",
        lambda f: f.evidence == "fail" and f.state == "accepted",
        True,
        "no owner: ",
    ),
)


def render(report: Report, out: TextIO) -> None:
    """Writes the report as text. On a terminal, lines are cut to its width unless unfolded."""
    width = shutil.get_terminal_size().columns if out.isatty() and not report.unfolded else None
    for line in _lines(report):
        text = printable(line.rstrip())
        out.write((text if width is None or len(text) <= width else text[: width - 1] + "…") + "\n")


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
            status = "NOT REACHED" if target.expected else "not scanned"
            name = f" {target.scope}" if target.scope else ""
            yield f"{PROVIDER_NAMES[target.provider]}{name}: {status}: {target.message}"
    if head.scan.narrowed:
        yield f"Narrowed by {' '.join(head.scan.narrowed)}: the rest is not reported."
    if head.scan.now != head.scan.finished:
        yield f"Evaluated as of {head.scan.now:%Y-%m-%d %H:%M} UTC, not the time of the scan."
    if head.summary.exit == NOTHING:
        yield from _nothing(head.summary, head.scan.narrowed)
        return
    details = summarize(report.findings, _SECTIONS, head.summary.unseen, report.unfolded)
    for section in _SECTIONS:
        yield from _section(section, details.sections[section.title], head, report.unfolded)
    yield from _unattested(report, details)
    yield from partly_assessed(head.coverage, report.unfolded)
    yield from _unseen(head.summary, head.blind_spots, report, details)
    yield from _defects(report, details)
    if head.summary.metrics is not None:
        yield from numbers(head.summary.metrics, head.scan.ownership_digest is not None, report.unfolded)
    yield ""
    yield from _next(report, details)
    yield from _gate(head.summary, head.scan.complete)


def _scope(scope: ScopeSummary, seconds: float, owned: str) -> Iterator[str]:
    cloud = PROVIDER_NAMES[scope.provider]
    name = f"{scope.name} {scope.scope}" if scope.name != scope.scope else scope.scope
    parts = [f"{cloud}: {name}"]
    if scope.regions:
        parts.append(many(scope.regions, "region"))
    parts += [many(scope.resources, "resource"), f"{seconds:.0f} s", owned]
    yield " · ".join(parts)
    controls = scope.controls
    split = [
        (controls.yours, "yours"),
        (controls.elsewhere, "organisation-wide (not assessed from one account)"),
        (controls.not_applicable, "do not apply"),
        (controls.providers, f"{cloud}'s"),
    ]
    yield (
        f"{many(controls.total, 'control')}: "
        + ", ".join(f"{number} {text}" for number, text in split if number)
        + "."
    )
    if controls.yours:
        yield f"Your {controls.yours}: " + " · ".join(_results(controls))


def _results(controls: Controls) -> Iterator[str]:
    for number, text in (
        (controls.failing, "failing"),
        (controls.unnamed, "passing, no owner"),
        (controls.covered, "covered"),
        (controls.accepted, "accepted"),
        (controls.unknown, "unknown"),
        (controls.unattested, "need an attestation"),
        (controls.partly_seen, "partly assessed"),
        (controls.not_checked, "not assessed yet"),
    ):
        if number:
            yield f"{number} {text}"


def _section(section: ReportSection, found: SectionGroups, head: Head, unfolded: bool) -> Iterator[str]:
    if not found.groups:
        return
    counts = many(len({control for control, _, _ in found.groups}), "control")
    if len(found.states) > 1 or not _of_some_states(head) or section.counted != "misplaced":
        counts += f", {many(getattr(head.summary.failing, section.counted), 'resource')}"
    yield ""
    yield headline(section.title, counts)
    ordered = sorted(found.groups.items(), key=lambda entry: (*entry[1].urgency, *map(str, entry[0])))
    shown = ordered if unfolded else ordered[:FOLD]
    for (control, _, owner), group in shown:
        who = (f"{owner}: " if owner else section.no_owner) if section.owner else ""
        proposed = f" (proposed: {', '.join(sorted(group.proposed))})" if group.proposed else ""
        yield f" {group.priority:8}  {control:32}  {who}{_resources(group)}{proposed}"
    if len(ordered) > len(shown):
        yield f" … {many(len(ordered) - len(shown), 'more line')} (--all)"


def _of_some_states(head: Head) -> bool:
    """Whether findings in other states are left out, which the summary counts all the same."""
    return any(option.startswith("--states") for option in head.scan.narrowed)


def _resources(group: FindingGroup) -> str:
    """The resources of a group with their messages; resources with the same message together."""
    names_of: dict[str, list[str]] = defaultdict(list)
    for one in group.first:
        names_of[one.message].append(one.name)
    text = "; ".join(f"{', '.join(names)}: {message}" for message, names in names_of.items())
    more = group.number - len(group.first)
    return text + (f"; and {more} more" if more else "")


def _unattested(report: Report, details: TextSummary) -> Iterator[str]:
    controls = sorted(details.unattested)
    if not controls:
        return
    shown = controls if report.unfolded else controls[:4]
    more = f" … {len(controls) - len(shown)} more (--all)" if len(controls) > len(shown) else ""
    yield ""
    yield headline("MISSING ATTESTATIONS", f"{many(len(controls), 'control')} only a person can attest")
    yield f" {', '.join(shown)}{more}"


def _unseen(
    summary: Summary, spots: Sequence[SpotLine], report: Report, details: TextSummary
) -> Iterator[str]:
    unknowns = summary.unknowns
    open_spots = [spot for spot in spots if not spot.expected]
    if unknowns.causes or unknowns.regions_disabled:
        yield ""
    if unknowns.causes:
        expected = f"{unknowns.acknowledged} expected, " if unknowns.acknowledged else ""
        causes = f"{many(unknowns.causes, 'unknown')} ({expected}{unknowns.budget} tolerated)"
        yield headline("NOT SEEN", causes)
        yield from _unseen_resources(details, summary, report.unfolded)
        if unknowns.settled_by:
            settled = sum(entry.unknowns for entry in unknowns.settled_by)
            number = len(unknowns.settled_by)
            these = "this permission settles" if number == 1 else f"these {number} permissions settle"
            yield f" {these} {settled}: {', '.join(_permissions(unknowns.settled_by, report.unfolded))}"
        for spot in open_spots if report.unfolded else open_spots[:FOLD]:
            where = f"{spot.provider} {spot.scope}" + (f" {spot.region}" if spot.region else "")
            yield f" not listed: {spot.kind} in {where}: {spot.reason}, {spot.message}"
    if unknowns.regions_disabled:
        disabled = f"{many(unknowns.regions_disabled, 'region')} disabled for the account"
        yield f" {disabled}" if unknowns.causes else headline("NOT SEEN", disabled)
    for entry in unknowns.expected:
        if entry.causes:
            what = " ".join(part for part in (entry.call, entry.region, entry.scope) if part)
            status = "expected until" if entry.in_force else "EXPECTED ONLY UNTIL"
            causes = many(entry.causes, "unknown")
            yield f" {status} {entry.expires}: {causes} of {what}: {entry.reason} ({entry.owner})"


def _unseen_resources(details: TextSummary, summary: Summary, unfolded: bool) -> Iterator[str]:
    """The resources that are unknown, by what told nothing of them; the most resources first."""
    unseen = {unseen_because(one.call, one.reason, one.message): one.resources for one in summary.unseen}
    groups = sorted(details.unseen.items(), key=lambda entry: (-unseen.get(entry[0], 0), entry[0]))
    for why, group in groups if unfolded else groups[:FOLD]:
        more = unseen.get(why, 0) - len(group.names)
        yield f" {', '.join(group.names)}{f' and {more} more' if more > 0 else ''}: {why}"
    if not unfolded and len(groups) > FOLD:
        yield f" … {many(len(groups) - FOLD, 'more line')} (--all)"


def _permissions(entries: Iterable[Settles], unfolded: bool) -> Iterator[str]:
    names = [entry.permission for entry in entries]
    limit = len(names) if unfolded else 6
    yield from names[:limit]
    if len(names) > limit:
        yield f"… {len(names) - limit} more (--all)"


def _defects(report: Report, details: TextSummary) -> Iterator[str]:
    found = sorted(details.defects)
    if not found:
        return
    yield ""
    yield headline("OWNERSHIP FILE", many(len(found), "line") + " to fix")
    for source, message in found if report.unfolded else found[:FOLD]:
        yield f" {source}: {message}"
    if not report.unfolded and len(found) > FOLD:
        yield f" … {len(found) - FOLD} more (--all)"


def _nothing(summary: Summary, narrowed: Sequence[str]) -> Iterator[str]:
    """Why nothing could be evaluated, and what to do."""
    unknowns = summary.unknowns
    selection = [option for option in narrowed if option.startswith(("--team", "--where"))]
    if selection and not unknowns.causes and not summary.scopes:
        yield f"Nothing could be evaluated: nothing collected matches {' '.join(selection)} → exit 4."
        return
    if not unknowns.causes:
        yield "Nothing could be evaluated: no scope was reached → exit 4."
        return
    needed = ", ".join(_permissions(unknowns.settled_by, False))
    advice = f" Grant the identity {needed}." if needed else ""
    yield f"Nothing could be evaluated: all {many(unknowns.causes, 'read')} failed → exit 4.{advice}"


def _next(report: Report, details: TextSummary) -> Iterator[str]:
    """How to assign owners to the failures without one."""
    unowned = details.unowned
    if not unowned:
        return
    domains = sorted({control.split(".")[0] for control in unowned})
    advice = f"{many(len(domains), 'line')} in {{}}, for {', '.join(domains)}, would assign an owner to "
    advice += f"{many(len(unowned), 'failing control')}."
    if details.proposed:
        yield (
            f"Next: the ownership file proposes owners of {many(len(details.proposed), 'failing control')}: "
            "remove `proposed` from the lines that are right."
        )
    elif report.head.scan.ownership_digest is not None:
        yield f"Next: {advice.format('the ownership file')}"
    else:
        yield f"Next: {advice.format('an ownership file (--ownership FILE)')}"
        yield "      gapscan ownership init SNAPSHOT drafts one from a snapshot of gapscan collect."


def _gate(summary: Summary, complete: bool) -> Iterator[str]:
    gate = summary.gate
    severities = ", ".join(f"{number} {severity}" for severity, number in gate.by_severity.items())
    findings = f"{many(gate.findings, 'finding')} ({severities})" if gate.findings else "nothing"
    against = f" new since {gate.baseline}" if gate.baseline else ""
    waived = " Also incomplete." if not complete and summary.exit in (0, 1) else ""
    yield f"Gate {gate.name}: {findings}{against} → exit {summary.exit}.{waived}"
    if summary.exit == 3:
        yield "Incomplete: not everything could be read, so this is not a pass."
    if waived and summary.exit == 0:
        yield "INCOMPLETE, WAIVED with --allow-incomplete: what could not be read may be failing."
    yield from _gates(gate)
    if gate.failing_not_gated:
        number = sum(gate.failing_not_gated.values())
        counts = ", ".join(f"{count} {severity}" for severity, count in gate.failing_not_gated.items())
        yield f"{number} failing and not gated: {counts}."
    if gate.new_rule:
        yield f"{many(gate.new_rule, 'finding')} of rules that the baseline did not have, not gated."


def _gates(gate: GateResult) -> Iterator[str]:
    """The counts of the gate of each named scope."""
    for line in gate.scopes:
        uncertain = (
            f", {line.uncertain:,} of them also by other gates, as a tag or path could not be read"
            if line.uncertain
            else ""
        )
        not_gated = f", {line.failing_not_gated:,} failing and not gated" if line.failing_not_gated else ""
        yield (
            f" {line.scope} ({line.gate}): {line.findings:,} at the gate{not_gated}, of "
            f"{many(line.judged, 'finding')} evaluated{uncertain}"
        )
