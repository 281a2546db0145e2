"""What an assessment has produced so far: its findings, and the evidence of each coverage row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from scanner.assess.coverage_rows import CoverageKey, CoverageRows
from scanner.assess.finding import Finding
from scanner.assess.finding_store import FindingStore
from scanner.assess.judged_control import JudgedControl
from scanner.assess.observer import AssessmentObserver
from scanner.assess.states import State
from scanner.catalogue.control import Control
from scanner.ownership.resolve.outcomes import Ownership
from scanner.ownership.resolve.selection import OwnershipTarget
from scanner.rule.rule import Outcome


class Ledger:
    """Collects findings and row evidence, and passes each on to the observers.

    ``rows`` has the evidence of everything that was assessed; ``reported`` only of what the assessment is
    narrowed to. Without a narrowing they are the same object.
    """

    def __init__(self, observers: Sequence[AssessmentObserver], *, narrowed: bool) -> None:
        self.findings = FindingStore()
        self.states: Counter[State] = Counter()
        """Findings of evidence by state."""
        self.rows = CoverageRows()
        self.reported = CoverageRows() if narrowed else self.rows
        self._observers = observers

    @property
    def tables(self) -> tuple[CoverageRows, ...]:
        """Every table of rows, each once; the first has everything."""
        return (self.rows,) if self.reported is self.rows else (self.rows, self.reported)

    def keep(self, finding: Finding, target: OwnershipTarget | None, ownership: Ownership | None) -> None:
        """Stores a finding. One of ownership has neither target nor owner."""
        self.findings.add(finding)
        if finding.state is not None:
            self.states[finding.state] += 1
        for observer in self._observers:
            observer.on_finding(finding, target, ownership)

    def record(
        self,
        control: Control,
        target: OwnershipTarget,
        assessed: JudgedControl,
        outcome: Outcome | None = None,
        *,
        settled: bool = True,
    ) -> bool:
        """Adds evidence to its row; returns whether the assessment reports it.

        Evidence that is not ``settled`` gets its state from another scope later; observers see it then.
        """
        key = assessed.row(control, target)
        reported = assessed.fit != "no"
        for rows in self.tables if reported else (self.rows,):
            row = rows.row(key)
            row.add(assessed.evidence, assessed.result.state)
            if outcome is not None:
                row.counts[outcome] += 1
        if reported and settled:
            for observer in self._observers:
                observer.on_evidence(
                    control.id,
                    target,
                    assessed.party,
                    assessed.evidence,
                    assessed.result.state,
                    assessed.ownership,
                )
        return reported

    def record_unassessed(self, key: CoverageKey, target: OwnershipTarget, state: State) -> None:
        """Adds to an existing row that part of what its control expects was not evaluated."""
        reported = key in self.reported.of(*key[:3])
        for rows in self.tables if reported else (self.rows,):
            rows.row(key).add("unassessed", state)
        if reported:
            for observer in self._observers:
                observer.on_evidence(key.control, target, key.party, "unassessed", state, None)

    def announce(self, key: CoverageKey, target: OwnershipTarget, ownership: Ownership) -> None:
        """Shows observers the evidence of a row whose state came from another scope."""
        for evidence, state in sorted(self.reported.row(key).pieces):
            for observer in self._observers:
                observer.on_evidence(key.control, target, key.party, evidence, state, ownership)
