"""Makes the report of an assessment. Pure: everything that a report says comes in as a value."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from scanner.baseline import REPORT_SCHEMA
from scanner.coverage import Coverage, Row
from scanner.finding import Finding
from scanner.gate import Decision
from scanner.report.model import (
    Controls,
    GateResult,
    Head,
    Report,
    RuleLine,
    Scan,
    ScopeSummary,
    Settles,
    SpotLine,
    Summary,
    TargetLine,
    Unknowns,
)
from scanner.resources import Account, ProviderName
from scanner.scan import Assessment, Collected, Criteria
from scanner.states import State


@dataclass(frozen=True)
class Circumstances:
    """How the scan was asked for; told in the report, never judged by."""

    version: str
    arguments: tuple[str, ...]
    gate: str
    ownership_digest: str | None
    ownership_commit: str | None
    unfolded: bool = False


def build(
    collected: Collected,
    assessment: Assessment,
    criteria: Criteria,
    circumstances: Circumstances,
    states: frozenset[State] | None = None,
) -> Report:
    """The report; ``states`` narrows its findings and rows, never its summary or the decision."""
    inventory, coverage, decision = collected.inventory, assessment.coverage, assessment.decision

    def shown(state: State | None) -> bool:
        return states is None or state in states

    head = Head(
        schema=REPORT_SCHEMA,
        scan=Scan(
            id=collected.id,
            started=collected.started,
            finished=collected.finished,
            now=criteria.now,
            version=circumstances.version,
            complete=decision.complete,
            arguments=circumstances.arguments,
            gate=circumstances.gate,
            rules_digest=criteria.pack.digest,
            ownership_digest=circumstances.ownership_digest,
            ownership_commit=circumstances.ownership_commit,
            targets=tuple(TargetLine(**vars(target)) for target in inventory.targets),
            calls=inventory.calls,
        ),
        summary=_summary(collected, coverage, decision, criteria, circumstances.gate),
        rules={
            rule.id: RuleLine(
                title=rule.text.title,
                control=rule.text.control,
                severity=rule.text.severity,
                rationale=rule.text.rationale,
                remediation=rule.text.remediation,
                refs=rule.text.refs,
            )
            for rule in criteria.chosen
        },
        blind_spots=tuple(
            SpotLine(
                provider=spot.provider,  # type: ignore[arg-type]  # evidence.py names no clouds
                scope=spot.scope,
                region=spot.region,
                kind=spot.kind,
                **spot.cause.model_dump(),
                expected=spot.cause.reason == "disabled",
            )
            for spot in inventory.blind_spots
        ),
        coverage=tuple(row for row in coverage.rows if shown(row.state)),
    )
    return Report(head, _Findings(coverage.findings, shown), circumstances.unfolded)


@dataclass(frozen=True)
class _Findings:
    """The findings whose state is shown; can be iterated again."""

    findings: Sequence[Finding]
    shown: Callable[[State | None], bool]

    def __iter__(self) -> Iterator[Finding]:
        return (finding for finding in self.findings if self.shown(finding.state))


def _summary(
    collected: Collected, coverage: Coverage, decision: Decision, criteria: Criteria, gate: str
) -> Summary:
    states: Counter[State] = Counter()
    defects = 0
    for finding in coverage.findings:
        if finding.state is None:
            defects += 1
        else:
            states[finding.state] += 1
    settles: Counter[tuple[ProviderName, str]] = Counter()
    for (provider, _, _, _), (permission, _) in decision.causes.items():
        if permission is not None:
            settles[provider, permission] += 1  # type: ignore[index]
    baseline = criteria.terms.baseline
    return Summary(
        states=dict(sorted(states.items())),
        scopes=tuple(_scopes(collected, coverage, criteria)),
        unknowns=Unknowns(
            causes=len(decision.causes),
            budget=criteria.terms.max_unknown,
            settled_by=tuple(
                Settles(provider=provider, permission=permission, unknowns=number)
                for (provider, permission), number in sorted(settles.items(), key=lambda e: (-e[1], e[0]))
            ),
            regions_disabled=sum(
                1 for spot in collected.inventory.blind_spots if spot.cause.reason == "disabled"
            ),
        ),
        gate=GateResult(
            name=gate,
            findings=len(decision.at_gate),
            by_severity=decision.by_severity,
            failing_not_gated=decision.failing_not_gated,
            new_rule=decision.new_rule,
            baseline=baseline.name if baseline is not None else None,
        ),
        ownership_defects=defects,
        exit=decision.exit,
    )


def _scopes(collected: Collected, coverage: Coverage, criteria: Criteria) -> Iterable[ScopeSummary]:
    resources = collected.inventory.resources
    rows: dict[tuple[str, str], dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in coverage.rows:
        rows[row.provider, row.scope][row.control].append(row)
    kinds = Counter((resource.provider, resource.scope, resource.kind) for resource in resources)
    totals = Counter((resource.provider, resource.scope) for resource in resources)
    for account in resources:
        if not isinstance(account, Account):
            continue
        key = (account.provider, account.scope)
        standing = Counter(_standing(of_control) for of_control in rows[key].values())
        standing["elsewhere"] = len(coverage.not_judged.get(key, ()))
        yield ScopeSummary(
            provider=account.provider,
            scope=account.scope,
            name=account.name,
            regions=kinds[(*key, "region")],
            resources=totals[key],
            controls=Controls(**{name: standing[name] for name in Controls.model_fields}),
        )


def _standing(rows: Sequence[Row]) -> str:
    """The field of :class:`Controls` that a control counts under: the first that any of its rows gives."""
    states = {row.state for row in rows}
    evidences = {row.evidence for row in rows}
    verdicts = sum(row.counts["pass"] for row in rows)
    if any(row.evidence == "fail" and row.state not in ("accepted", "not_applicable") for row in rows):
        return "failing"
    if any(row.evidence == "missing" and row.party == "customer" and row.state != "accepted" for row in rows):
        return "unattested"
    if "unknown" in states:
        return "unknown"
    if "unassessed" in evidences and not states <= {"inherited", "assumed", "not_applicable"}:
        return "partly_seen" if verdicts else "not_checked"
    if states & {"unclaimed", "contested", "misattributed"}:
        return "unnamed"
    for state, name in (("accepted", "accepted"), ("covered", "covered")):
        if state in states:
            return name
    return "providers" if states & {"inherited", "assumed"} else "not_applicable"
