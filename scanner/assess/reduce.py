"""Reduce: parts of any scopes, in any order, to one assessment. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from scanner.assess.common_controls import CommonControls
from scanner.assess.coverage_rows import CoverageKey, CoverageRow, CoverageRows, RowEvidence
from scanner.assess.finding import Finding, of_defect
from scanner.assess.finding_store import FindingStore
from scanner.assess.gate import Decision, decide
from scanner.assess.kind_coverage import kinds_with_rules
from scanner.assess.metrics import Metrics, metrics
from scanner.assess.part import FailingSection, Part, PartSpot
from scanner.assess.request import AssessmentRequest
from scanner.assess.states import State
from scanner.assess.targets import unreached
from scanner.assess.unseen_calls import UnseenCall
from scanner.model.inventory import Target
from scanner.model.resources.base import ProviderName
from scanner.ownership.resolve.resolver import Resolver


@dataclass(frozen=True)
class ScopeCoverage:
    """One scope that was seen."""

    provider: ProviderName
    scope: str
    name: str
    regions: int
    resources: int
    elsewhere: tuple[str, ...]
    """Controls of organisation or tenant level, which are assessed only there."""
    directory: bool = False
    """A tenant, which is reached with its subscriptions and is no target of its own."""


@dataclass(frozen=True)
class Coverage:
    """Every finding that is listed, sorted by uid, and every row."""

    scopes: tuple[ScopeCoverage, ...]
    findings: FindingStore
    states: Mapping[State, int]
    """Findings of evidence by state, listed or not."""
    defects: int
    """Findings of ownership."""
    rows: tuple[CoverageRow, ...]
    blind_spots: tuple[PartSpot, ...]
    """Those that may hold something of what the assessment is narrowed to."""
    failing: Mapping[FailingSection, int]
    """Resources of which something fails; one can be in several sections."""
    unseen: Mapping[UnseenCall, int]
    """Resources of which a call told nothing."""


@dataclass(frozen=True)
class Assessment:
    """The assessment of everything that was read."""

    coverage: Coverage
    decision: Decision
    metrics: Metrics

    @property
    def exit(self) -> int:
        """The exit code of the command that asked for it."""
        return self.decision.exit


def reduce(
    part: Part,
    request: AssessmentRequest,
    resolver: Resolver,
    targets: Iterable[Target],
    findings: FindingStore,
    providing: Sequence[Part] = (),
) -> Assessment:
    """The assessment of all parts, which are added up in ``part``. Their findings are in the store; those of
    the ownership file are added to it.

    ``providing``: parts of scopes that are not reported, but may provide common controls for those that are.
    """
    assessed = {(key.provider, key.scope) for key in part.rows}
    elsewhere = [
        row
        for other in providing
        for row in _rows(other, request, ())
        if (row.provider, row.scope) not in assessed
    ]
    rows = tuple(_rows(part, request, elsewhere))
    defects = 0
    for finding in _defects(part, request, resolver, providing):
        findings.add(finding.encoded())
        defects += 1
    nothing = request.narrowing is not None and not (rows or part.spots)
    decision = decide(
        request.terms,
        part.gate,
        request.time,
        _within(targets, request),
        nothing=nothing,
        evaluates=bool(request.chosen),
    )
    coverage = Coverage(
        scopes=tuple(
            ScopeCoverage(
                scope.provider,
                scope.scope,
                scope.name,
                scope.regions,
                scope.resources,
                part.elsewhere.get(key, ()),
                scope.directory,
            )
            for key, scope in sorted(part.scopes.items())
        ),
        findings=findings,
        states=dict(sorted(part.states.items())),
        defects=defects,
        rows=rows,
        blind_spots=tuple(sorted(part.spots, key=_spot_order)),
        failing=part.failing,
        unseen=dict(sorted(part.unseen.items(), key=lambda one: (-one[1], str(one[0])))),
    )
    return Assessment(coverage, decision, metrics(part.metrics, resolver, request.narrowing))


def _rows(part: Part, request: AssessmentRequest, elsewhere: Iterable[CoverageRow]) -> Iterator[CoverageRow]:
    """The rows of a part, once common controls have the state that they have in the providing scopes."""
    everything = CoverageRows.holding(part.rows)
    tables = [everything]
    if part.reported is not None:
        tables.append(CoverageRows.holding(part.reported))
    settled = list(CommonControls(part.links, elsewhere).settle(tables))
    for link, key in settled:
        for evidence, state in sorted(tables[-1].row(key).pieces):
            part.metrics.evidence(*key[:3], key.party, evidence, state, link.basis)
    kinds = kinds_with_rules(request.chosen)
    for key, row in tables[-1]:
        expected = part.expected[key[:3]]
        yield _row(key, row, expected, tuple(kind for kind in expected if kind in kinds.get(key.control, ())))


def _row(key: CoverageKey, row: RowEvidence, expected: tuple[str, ...], seen: tuple[str, ...]) -> CoverageRow:
    return CoverageRow(
        **key._asdict(),
        evidence=row.evidence,
        state=row.state,
        kinds_seen=seen,
        kinds_expected=expected,
        counts=row.counts,
        rules={rule: dict(sorted(counts.items())) for rule, counts in sorted(row.verdicts.items())},
        provided_by=row.provided_by,
    )


def _defects(
    part: Part, request: AssessmentRequest, resolver: Resolver, providing: Sequence[Part]
) -> Iterator[Finding]:
    """Findings of ownership: what is wrong with the file, once for each line and control."""
    narrowing = request.narrowing
    missing = () if narrowing is not None else resolver.undocumented(part.services)
    shown = {defect for one in (part, *providing) for defect in one.defects}
    for defect in (*resolver.defects(shown), *missing):
        if narrowing is not None and not narrowing.concerns(defect.file, defect.line):
            continue
        for control in defect.controls:
            yield of_defect(
                code=defect.code,
                line_id=defect.line_id,
                source=f"{defect.file}:{defect.line}",
                control=request.catalogue.controls[control],
                message=defect.message,
                severity=defect.severity,
            )


def _within(targets: Iterable[Target], request: AssessmentRequest) -> tuple[Target, ...]:
    """The scan's targets that may hold something of what the request is narrowed to."""
    narrowing = request.narrowing
    return tuple(
        target
        for target in targets
        if narrowing is None
        or target.reached
        or target.scope is None
        or narrowing.may_hold(unreached(target.provider, target.scope, request.stated_scopes))
    )


def _spot_order(spot: PartSpot) -> tuple[str, ...]:
    return spot.provider, spot.scope, spot.region or "", spot.kind, spot.call, spot.reason
