"""What an assessment of some scopes has counted so far, and where its findings go."""

from __future__ import annotations

from msgspec.structs import replace

from scanner.assess.coverage_rows import CoverageKey, CoverageRows
from scanner.assess.finding import Finding
from scanner.assess.finding_store import FindingStore
from scanner.assess.gate import GateCounts, Terms
from scanner.assess.judged_control import JudgedControl
from scanner.assess.metrics import BASES, CountedFinding, MetricCounts, basis
from scanner.assess.states import State
from scanner.assess.verdict_classes import VerdictClass
from scanner.catalogue.control import Control
from scanner.ownership.resolve.selection import OwnershipTarget


class Ledger:
    """Counts evidence and findings.

    ``rows`` has the evidence of everything that was assessed; ``reported`` only of what the assessment is
    narrowed to. Without a narrowing they are the same object.
    """

    def __init__(self, findings: FindingStore | None, terms: Terms, *, narrowed: bool) -> None:
        self._findings = findings
        self._terms = terms
        self.states: dict[State, int] = {}
        """Findings of evidence by state."""
        self.rows = CoverageRows()
        self.reported = CoverageRows() if narrowed else self.rows
        self.gate = GateCounts()
        self.metrics = MetricCounts()

    def settle(self, one: VerdictClass) -> None:
        """Counts all verdicts of a class."""
        key, evidence, state = one.row, one.assessed.evidence, one.state
        for rows in self._tables(one.assessed):
            row = rows.row(key)
            row.add(evidence, state)
            row.count(one.rule.id, one.outcome, one.count)
        if not one.reported:
            return
        measured = one.measured()
        self._measure(one.control.id, one.target, one.assessed)
        self.metrics.finding(measured, one.count)
        self.states[state] = self.states.get(state, 0) + one.count
        self.gate.known = self.gate.known or one.outcome != "unknown"
        self.gate.count(one.place, measured.severity, evidence, one.count, one.stopped, one.new_rule)

    def record(
        self,
        control: Control,
        target: OwnershipTarget,
        assessed: JudgedControl,
        *,
        settled: bool = True,
    ) -> bool:
        """Adds evidence that is no verdict to its row; returns whether the assessment reports it.

        Evidence that is not ``settled`` gets its state from another scope later.
        """
        key = assessed.row(control, target)
        for rows in self._tables(assessed):
            rows.row(key).add(assessed.evidence, assessed.result.state)
        reported = assessed.fit != "no"
        if reported and settled:
            self._measure(control.id, target, assessed)
        return reported

    def record_unassessed(self, key: CoverageKey, state: State) -> None:
        """Adds to an existing row that part of what its control expects was not evaluated."""
        reported = key in self.reported.of(*key[:3])
        for rows in (self.rows, self.reported) if reported and self.narrowed else (self.rows,):
            rows.row(key).add("unassessed", state)
        if reported:
            self.metrics.evidence(key.control, key.provider, key.scope, key.party, "unassessed", state, None)

    def attested(
        self, control: Control, target: OwnershipTarget, assessed: JudgedControl, finding: Finding
    ) -> None:
        """Counts and stores the finding of an attestation, which a gate may stop.

        It is listed in any case: no rule counts it, and no listing of resources proves that it is gone.
        """
        state, evidence, baseline = assessed.result.state, assessed.evidence, self._terms.baseline
        place = self._terms.at(target, state, evidence, control.severity)
        stopped = place.stopped and (baseline is None or baseline.is_new(finding.uid, evidence))
        self.metrics.finding(
            CountedFinding(
                control.id,
                target.provider,
                target.scope,
                assessed.party,
                assessed.ownership,
                evidence,
                state,
                assessed.all_flags,
                control.severity,
            ),
            1,
        )
        self.states[state] = self.states.get(state, 0) + 1
        self.gate.count(place, control.severity, evidence, 1, int(stopped), 0)
        self.keep(replace(finding, at_gate=stopped))

    def keep(self, finding: Finding) -> None:
        """Stores a finding, if findings are wanted."""
        if self._findings is not None:
            self._findings.add(finding.encoded())

    @property
    def narrowed(self) -> bool:
        """Whether only a part of what is assessed is reported."""
        return self.reported is not self.rows

    def _tables(self, assessed: JudgedControl) -> tuple[CoverageRows, ...]:
        return (self.rows, self.reported) if self.narrowed and assessed.fit != "no" else (self.rows,)

    def _measure(self, control: str, target: OwnershipTarget, assessed: JudgedControl) -> None:
        self.metrics.evidence(
            control,
            target.provider,
            target.scope,
            assessed.party,
            assessed.evidence,
            assessed.result.state,
            BASES.index(basis(assessed.ownership)),
        )
