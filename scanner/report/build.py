"""Builds the report of an assessment. Pure: everything in a report is an input."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import get_args

from scanner.assess.baseline import Baseline
from scanner.assess.changes import AssessedSide, closed_by_absence
from scanner.assess.coverage_rows import CoverageRow
from scanner.assess.finding import Finding
from scanner.assess.gate import Decision
from scanner.assess.metrics import Metrics
from scanner.assess.part import FailingSection
from scanner.assess.reduce import Assessment, Coverage
from scanner.assess.report_file import REPORT_SCHEMA
from scanner.assess.request import AssessmentRequest
from scanner.assess.states import State
from scanner.model.inventory import Inventory
from scanner.model.resources.base import ProviderName
from scanner.report.model import (
    Acknowledged,
    Controls,
    FailingResources,
    GateLine,
    GateResult,
    Head,
    ListedLine,
    Report,
    RuleLine,
    Scan,
    ScopeSummary,
    Settles,
    SpotLine,
    Summary,
    TargetLine,
    Unknowns,
    Unseen,
)
from scanner.run.scan import Collected


def build(
    collected: Collected,
    assessment: Assessment,
    request: AssessmentRequest,
) -> Report:
    """The report. Narrowing it to states changes its findings and rows, never its summary or the decision."""
    inventory, coverage, decision = collected.inventory, assessment.coverage, assessment.decision

    def shown(state: State | None) -> bool:
        return request.reported_states is None or state in request.reported_states

    head = Head(
        schema=REPORT_SCHEMA,
        scan=Scan(
            id=collected.id,
            started=collected.started,
            finished=collected.finished,
            now=request.time,
            version=request.version,
            complete=decision.complete,
            arguments=request.arguments,
            gate=request.terms.name,
            rules_digest=request.pack.digest,
            pack=tuple(request.pack.rules),
            narrowed=request.narrowed_by,
            ownership_digest=request.ownership.digest if request.ownership is not None else None,
            ownership_commit=request.ownership_commit,
            targets=tuple(TargetLine(**vars(target)) for target in inventory.targets),
            calls=inventory.calls,
            listed=_listed(inventory),
        ),
        summary=_summary(coverage, decision, request, assessment.metrics),
        rules={
            rule.id: RuleLine(
                title=rule.text.title,
                control=rule.text.control,
                severity=rule.text.severity,
                rationale=rule.text.rationale,
                remediation=rule.text.remediation,
                refs=rule.text.refs,
                related=rule.text.related,
            )
            for rule in request.chosen
        },
        blind_spots=tuple(
            SpotLine(
                provider=spot.provider,  # type: ignore[arg-type]  # evidence.py names no clouds
                scope=spot.scope,
                region=spot.region,
                kind=spot.kind,
                reason=spot.reason,  # type: ignore[arg-type]
                call=spot.call,
                permission=spot.permission,
                message=spot.message,
                expected=spot.reason == "disabled"
                or (spot.provider, spot.scope, spot.region, spot.call) in decision.acknowledged,
            )
            for spot in coverage.blind_spots
        ),
        coverage=tuple(row for row in coverage.rows if shown(row.state)),
    )
    baseline = request.terms.baseline
    return Report(
        head=head,
        findings=_Findings(coverage.findings, shown) if request.reported_states else coverage.findings,
        baseline=baseline,
        closed=_Closed(head, coverage, baseline) if baseline is not None else (),
        unfolded=request.unfolded,
    )


def _listed(inventory: Inventory) -> tuple[ListedLine, ...] | None:
    if inventory.listed is None:
        return None
    kinds: dict[tuple[str, str], set[str]] = defaultdict(set)
    for one in inventory.listed:
        kinds[one.provider, one.scope].add(one.kind)
    return tuple(
        ListedLine.model_validate({"provider": provider, "scope": scope, "kinds": tuple(sorted(found))})
        for (provider, scope), found in sorted(kinds.items())
    )


@dataclass(frozen=True)
class _Closed:
    """Findings that were open in the baseline and are verifiably gone; can be iterated repeatedly."""

    head: Head
    coverage: Coverage
    baseline: Baseline

    def __iter__(self) -> Iterator[Finding]:
        later = AssessedSide.of(self.head.model_dump(mode="json", by_alias=True))
        return closed_by_absence(self.baseline.findings, self.coverage.findings, later)


@dataclass(frozen=True)
class _Findings:
    """The findings whose state is shown; can be iterated repeatedly."""

    findings: Iterable[Finding]
    shown: Callable[[State | None], bool]

    def __iter__(self) -> Iterator[Finding]:
        return (finding for finding in self.findings if self.shown(finding.state))

    def lines(self) -> Iterator[bytes]:
        return (finding.encoded() for finding in self)


def _summary(coverage: Coverage, decision: Decision, request: AssessmentRequest, metrics: Metrics) -> Summary:
    settles: Counter[tuple[ProviderName, str]] = Counter()
    for (provider, _, _, _), (permission, _) in decision.causes.items():
        if permission is not None:
            settles[provider, permission] += 1  # type: ignore[index]
    baseline = request.terms.baseline
    return Summary(
        states=coverage.states,
        listed="all" if request.every_finding else "open",
        failing=FailingResources(
            **{name: coverage.failing.get(name, 0) for name in get_args(FailingSection)}
        ),
        unseen=tuple(
            Unseen(call=one.call, reason=one.reason, message=one.message, resources=number)  # type: ignore[arg-type]
            for one, number in coverage.unseen.items()
        ),
        scopes=tuple(_scopes(coverage)),
        unknowns=Unknowns(
            causes=len(decision.causes),
            budget=request.terms.max_unknown,
            settled_by=tuple(
                Settles(provider=provider, permission=permission, unknowns=number)
                for (provider, permission), number in sorted(settles.items(), key=lambda e: (-e[1], e[0]))
            ),
            regions_disabled=sum(1 for spot in coverage.blind_spots if spot.reason == "disabled"),
            acknowledged=len(decision.acknowledged),
            expected=tuple(_acknowledged(decision, request)),
        ),
        gate=GateResult(
            name=request.terms.name,
            findings=decision.at_gate,
            by_severity=decision.by_severity,
            failing_not_gated=decision.failing_not_gated,
            new_rule=decision.new_rule,
            baseline=baseline.name if baseline is not None else None,
            scopes=tuple(_gate_lines(decision)) if request.terms.scopes else (),
        ),
        ownership_defects=coverage.defects,
        metrics=metrics,
        exit=decision.exit,
    )


def _gate_lines(decision: Decision) -> Iterator[GateLine]:
    for scope, (gate, group) in decision.by_scope.items():
        yield GateLine(
            scope=scope,
            gate=gate,
            judged=group.evaluated,
            uncertain=group.uncertain,
            findings=group.at_gate,
            failing_not_gated=group.failing_not_gated,
        )


def _acknowledged(decision: Decision, request: AssessmentRequest) -> Iterator[Acknowledged]:
    for entry in request.terms.expectations:
        in_force = entry.in_force(request.time)
        acknowledged = [key for key, by in decision.acknowledged.items() if by == entry]
        matching = [key for key in decision.causes if entry.covers(key[1], key[2], key[3])]
        yield Acknowledged(
            **entry.model_dump(), in_force=in_force, causes=len(acknowledged) if in_force else len(matching)
        )


def _scopes(coverage: Coverage) -> Iterable[ScopeSummary]:
    rows: dict[tuple[str, str], dict[str, list[CoverageRow]]] = defaultdict(lambda: defaultdict(list))
    for row in coverage.rows:
        rows[row.provider, row.scope][row.control].append(row)
    for scope in coverage.scopes:
        of_scope = rows[scope.provider, scope.scope].values()
        counts = Counter(_controls_field(of_control) for of_control in of_scope)
        counts["elsewhere"] = len(scope.elsewhere)
        yield ScopeSummary(
            provider=scope.provider,
            scope=scope.scope,
            name=scope.name,
            regions=scope.regions,
            resources=scope.resources,
            directory=scope.directory,
            controls=Controls(**{name: counts[name] for name in Controls.model_fields}),
        )


def _controls_field(rows: Sequence[CoverageRow]) -> str:
    """The field of :class:`Controls` that counts a control: the first below that any of its rows meets."""
    # What does not apply, whatever is known of it, says nothing of the rest.
    rows = [row for row in rows if row.state != "not_applicable"]
    states = {row.state for row in rows}
    unassessed = any(row.evidence == "unassessed" and row.state not in _PROVIDERS for row in rows)
    if any(row.evidence == "fail" and row.state != "accepted" for row in rows):
        return "failing"
    if any(row.evidence == "missing" and row.party == "customer" and row.state != "accepted" for row in rows):
        return "unattested"
    if "unknown" in states:
        return "unknown"
    if unassessed:
        return "partly_seen" if any(row.counts["pass"] for row in rows) else "not_checked"
    if states & {"unclaimed", "contested", "misattributed"}:
        return "unnamed"
    for state, name in (("accepted", "accepted"), ("covered", "covered")):
        if state in states:
            return name
    return "providers" if states else "not_applicable"


_PROVIDERS: frozenset[State] = frozenset({"inherited", "assumed"})
"""What the provider is responsible for, with and without its certificate."""
