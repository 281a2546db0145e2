"""The gate: which findings are at it, whether the scan is complete, and the exit code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from scanner.assess.baseline import Baseline
from scanner.assess.expected_unknowns import ExpectedUnknown
from scanner.assess.finding import Finding
from scanner.assess.narrowing import Selector
from scanner.assess.observer import AssessmentObserver
from scanner.assess.states import SEVERITIES, Evidence, Gate, State, gated
from scanner.catalogue.control import Severity
from scanner.model.evidence import BlindSpot
from scanner.model.inventory import Target
from scanner.ownership.resolve.outcomes import Ownership
from scanner.ownership.resolve.selection import OwnershipTarget

OK, AT_GATE, USAGE, INCOMPLETE, NOTHING = 0, 1, 2, 3, 4
INTERNAL, UNWRITABLE, INTERRUPTED = 70, 74, 130

CauseKey = tuple[str, str, str | None, str]
"""A cause of unknowns as the budget counts them: provider, scope, region, call."""

DEFAULT = "default"
"""The name of the gate that applies where no named scope matches."""


@dataclass(frozen=True)
class ScopeGate:
    """The gate of a named scope."""

    scope: str
    selector: Selector
    gate: Gate


@dataclass(frozen=True)
class Terms:
    """The gate's configuration."""

    gate: Gate
    """Applies where no named scope matches."""
    max_unknown: int = 0
    allow_incomplete: bool = False
    baseline: Baseline | None = None
    expectations: tuple[ExpectedUnknown, ...] = ()
    """The ``expected_unknowns``, expired ones included."""
    scopes: tuple[ScopeGate, ...] = ()
    """The first that matches applies. If that depends on an unread tag or path, each that may apply does."""

    def gates_at(self, target: OwnershipTarget) -> Iterator[tuple[str, Gate]]:
        """The gates that may apply to a target, in their order, each with the name of its scope."""
        for one in self.scopes:
            fit = one.selector.fit(target)
            if fit != "no":
                yield one.scope, one.gate
            if fit == "yes":
                return
        yield DEFAULT, self.gate

    @property
    def name(self) -> str:
        """The gates as text, for reports."""
        named = ", ".join(f"{one.scope}: {one.gate.name}" for one in self.scopes)
        return f"{self.gate.name} ({named})" if named else self.gate.name


@dataclass
class GateGroup:
    """The counts of one named scope's gate, or of the default gate."""

    gate: str
    evaluated: int = 0
    """Findings of evidence that the gate applies to."""
    uncertain: int = 0
    """Of these, findings where another gate may apply too because a tag or path could not be read."""
    at_gate: int = 0
    failing_not_gated: int = 0


@dataclass(frozen=True)
class Decision:
    """The result of the gate."""

    at_gate: tuple[str, ...]
    """Uids of the findings at the gate."""
    by_severity: Mapping[Severity, int]
    failing_not_gated: Mapping[Severity, int]
    new_rule: int
    causes: Mapping[CauseKey, tuple[str | None, int]]
    """Causes of unknowns, each with the permission that settles it and the number of unknowns."""
    acknowledged: Mapping[CauseKey, ExpectedUnknown]
    """The causes that an expected unknown acknowledges; they do not count against the budget."""
    complete: bool
    exit: int
    by_scope: Mapping[str, GateGroup]
    """By named scope, in their order, then the default."""


class _Causes:
    """The causes of unknowns, each counted once for each call, scope and region."""

    def __init__(self) -> None:
        self._counted: Counter[CauseKey] = Counter()
        self._permissions: dict[CauseKey, str | None] = {}

    def add(self, finding: Finding) -> None:
        for unknown in finding.unknowns:
            key: CauseKey = (finding.provider or "", finding.scope or "", finding.region, unknown.call)
            self._counted[key] += 1
            self._permissions[key] = unknown.permission

    def counted(self, spots: Iterable[BlindSpot]) -> dict[CauseKey, tuple[str | None, int]]:
        """Each cause with the permission that settles it and the number of unknowns, blind spots included."""
        for spot in spots:
            if spot.cause.reason != "disabled":
                key = (spot.provider, spot.scope, spot.region, spot.cause.call)
                self._counted[key] += 1
                self._permissions[key] = spot.cause.permission
        return {
            key: (self._permissions[key], number) for key, number in sorted(self._counted.items(), key=str)
        }


class Tally(AssessmentObserver):
    """Counts findings as they arrive, and stores only the uids of those at the gate."""

    def __init__(self, terms: Terms, now: datetime) -> None:
        self._terms = terms
        self._now = now
        self._at_gate: list[str] = []
        self._by_severity: Counter[Severity] = Counter()
        self._not_gated: Counter[Severity] = Counter()
        self._causes = _Causes()
        self._new_rule = 0
        self._known = False
        self._groups = {one.scope: GateGroup(one.gate.name) for one in terms.scopes}
        self._groups[DEFAULT] = GateGroup(terms.gate.name)
        self._last: tuple[tuple[str | None, ...], tuple[tuple[str, Gate], ...]] | None = None

    def on_finding(
        self, finding: Finding, target: OwnershipTarget | None, ownership: Ownership | None
    ) -> None:
        """Counts a finding."""
        self._causes.add(finding)
        if target is None or finding.state is None or finding.evidence is None:
            return
        self._known = self._known or finding.verdict in ("pass", "fail", "n/a")
        group, at_gate = self._evaluate(target, finding.state, finding.evidence, finding.severity)
        baseline = self._terms.baseline
        if at_gate and baseline is not None:
            if baseline.is_new_rule(finding):
                self._new_rule += 1
                at_gate = False
            else:
                at_gate = baseline.is_new(finding)
        if at_gate:
            self._at_gate.append(finding.uid)
            self._by_severity[finding.severity] += 1
            group.at_gate += 1
        elif finding.evidence == "fail":
            self._not_gated[finding.severity] += 1
            group.failing_not_gated += 1

    def _evaluate(
        self, target: OwnershipTarget, state: State, evidence: Evidence, severity: Severity
    ) -> tuple[GateGroup, bool]:
        """The group of the first gate that may apply and stops the finding, else of the first that may apply;
        and whether one stops it."""
        gates = self._gates(target)
        scope, at_gate = next(
            ((name, True) for name, gate in gates if gated(gate, state, evidence, severity)),
            (gates[0][0], False),
        )
        group = self._groups[scope]
        group.evaluated += 1
        group.uncertain += len(gates) > 1
        return group, at_gate

    def _gates(self, target: OwnershipTarget) -> tuple[tuple[str, Gate], ...]:
        """The gates that may apply to a target, cached: the findings of one resource arrive in sequence."""
        key = (target.provider, target.scope, target.region, target.kind, target.resource_id)
        if self._last is None or self._last[0] != key:
            self._last = (key, tuple(self._terms.gates_at(target)))
        return self._last[1]

    def decide(
        self,
        spots: Iterable[BlindSpot],
        targets: Iterable[Target],
        *,
        nothing: bool = False,
        evaluates: bool = True,
    ) -> Decision:
        """The decision. ``nothing``: the assessment was narrowed to something that does not exist.

        ``evaluates``: a rule was chosen, so that a scan without a known verdict has evaluated nothing.
        """
        terms = self._terms
        causes = self._causes.counted(spots)
        acknowledged = {
            key: expectation
            for key in causes
            for expectation in reversed(terms.expectations)
            if expectation.in_force(self._now) and expectation.covers(key[1], key[2], key[3])
        }
        targets = tuple(targets)
        missed = any(target.expected and not target.reached for target in targets)
        complete = len(causes) - len(acknowledged) <= terms.max_unknown and not missed
        reached = any(target.reached for target in targets)
        if not reached or nothing or (causes and evaluates and not self._known):
            code = NOTHING
        elif self._at_gate:
            code = AT_GATE
        elif not complete and not terms.allow_incomplete:
            code = INCOMPLETE
        else:
            code = OK
        return Decision(
            at_gate=tuple(sorted(self._at_gate)),
            by_severity=_ordered(self._by_severity),
            failing_not_gated=_ordered(self._not_gated),
            new_rule=self._new_rule,
            causes=causes,
            acknowledged=acknowledged,
            complete=complete,
            exit=code,
            by_scope=self._groups,
        )


def _ordered(counts: Counter[Severity]) -> dict[Severity, int]:
    return {severity: counts[severity] for severity in reversed(SEVERITIES) if counts[severity]}
