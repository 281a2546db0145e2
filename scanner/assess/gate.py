"""The decision: what stands at the gate, whether the scan could see enough, and the exit code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

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
"""A cause of unknowns, as the budget counts them: provider, scope, region, call."""


DEFAULT = "default"
"""The name under which the gate is told that holds where no named scope fits."""


@dataclass(frozen=True)
class ScopeGate:
    """The gate of a named scope."""

    scope: str
    selector: Selector
    gate: Gate


@dataclass(frozen=True)
class Terms:
    """What the user asked of the gate."""

    gate: Gate
    """It holds where no named scope fits."""
    max_unknown: int = 0
    allow_incomplete: bool = False
    baseline: Baseline | None = None
    expectations: tuple[ExpectedUnknown, ...] = ()
    """Acknowledged unknowns that are in force."""
    scopes: tuple[ScopeGate, ...] = ()
    """The first that fits holds. Where an unread tag or path decides, each that may hold does."""

    def holding(self, place: OwnershipTarget) -> Iterator[tuple[str, Gate]]:
        """The gates that may hold at a place, in their order, each with the name of its scope."""
        for one in self.scopes:
            fit = one.selector.fit(place)
            if fit != "no":
                yield one.scope, one.gate
            if fit == "yes":
                return
        yield DEFAULT, self.gate

    @property
    def name(self) -> str:
        """The gates, for people."""
        named = ", ".join(f"{one.scope}: {one.gate.name}" for one in self.scopes)
        return f"{self.gate.name} ({named})" if named else self.gate.name


@dataclass
class GateGroup:
    """What came to the gate of one named scope, or to the default."""

    gate: str
    judged: int = 0
    """Findings of evidence that the gate was held against."""
    uncertain: int = 0
    """Of these, findings where another gate might hold too, since a tag or path could not be read."""
    at_gate: int = 0
    failing_not_gated: int = 0


@dataclass(frozen=True)
class Decision:
    """What the findings come to under the terms."""

    at_gate: tuple[str, ...]
    """Uids of the findings at the gate."""
    by_severity: Mapping[Severity, int]
    failing_not_gated: Mapping[Severity, int]
    new_rule: int
    causes: Mapping[CauseKey, tuple[str | None, int]]
    """Causes of unknowns with the permission that settles each, and how many things it hides."""
    acknowledged: Mapping[CauseKey, ExpectedUnknown]
    """Those of the causes that somebody expected; they are outside the budget."""
    complete: bool
    exit: int
    held: Mapping[str, GateGroup]
    """By named scope, in their order, then the default."""


class _Causes:
    """The causes of everything that is unknown, once for each call, scope and region."""

    def __init__(self) -> None:
        self._counted: Counter[CauseKey] = Counter()
        self._permissions: dict[CauseKey, str | None] = {}

    def add(self, finding: Finding) -> None:
        for unknown in finding.unknowns:
            key: CauseKey = (finding.provider or "", finding.scope or "", finding.region, unknown.call)
            self._counted[key] += 1
            self._permissions[key] = unknown.permission

    def counted(self, spots: Iterable[BlindSpot]) -> dict[CauseKey, tuple[str | None, int]]:
        """With the permission that settles each, and how many things it hides; the blind spots too."""
        for spot in spots:
            if spot.cause.reason != "disabled":
                key = (spot.provider, spot.scope, spot.region, spot.cause.call)
                self._counted[key] += 1
                self._permissions[key] = spot.cause.permission
        return {
            key: (self._permissions[key], number) for key, number in sorted(self._counted.items(), key=str)
        }


class Tally(AssessmentObserver):
    """Counts what the findings come to, one after another; keeps of them the uids at the gate."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._at_gate: list[str] = []
        self._by_severity: Counter[Severity] = Counter()
        self._not_gated: Counter[Severity] = Counter()
        self._hiding = _Causes()
        self._new_rule = 0
        self._known = False
        self._held = {one.scope: GateGroup(one.gate.name) for one in terms.scopes}
        self._held[DEFAULT] = GateGroup(terms.gate.name)
        self._last: tuple[tuple[str | None, ...], tuple[tuple[str, Gate], ...]] | None = None

    def found(self, finding: Finding, place: OwnershipTarget | None, ownership: Ownership | None) -> None:
        """Counts a finding."""
        self._hiding.add(finding)
        if place is None or finding.state is None or finding.evidence is None:
            return
        self._known = self._known or finding.verdict in ("pass", "fail", "n/a")
        held, stands = self._held_against(place, finding.state, finding.evidence, finding.severity)
        baseline = self._terms.baseline
        if stands and baseline is not None:
            if baseline.is_new_rule(finding):
                self._new_rule += 1
                stands = False
            else:
                stands = baseline.is_new(finding)
        if stands:
            self._at_gate.append(finding.uid)
            self._by_severity[finding.severity] += 1
            held.at_gate += 1
        elif finding.evidence == "fail":
            self._not_gated[finding.severity] += 1
            held.failing_not_gated += 1

    def _held_against(
        self, place: OwnershipTarget, state: State, evidence: Evidence, severity: Severity
    ) -> tuple[GateGroup, bool]:
        """Whether any gate that may hold there ends the scan, and the first that does, else the first."""
        gates = self._gates(place)
        scope, stands = next(
            ((name, True) for name, gate in gates if gated(gate, state, evidence, severity)),
            (gates[0][0], False),
        )
        held = self._held[scope]
        held.judged += 1
        held.uncertain += len(gates) > 1
        return held, stands

    def _gates(self, place: OwnershipTarget) -> tuple[tuple[str, Gate], ...]:
        """The gates that may hold at a place; the findings of one resource come one after another."""
        key = (place.provider, place.scope, place.region, place.kind, place.resource_id)
        if self._last is None or self._last[0] != key:
            self._last = (key, tuple(self._terms.holding(place)))
        return self._last[1]

    def decide(
        self, spots: Iterable[BlindSpot], targets: Iterable[Target], *, nothing: bool = False
    ) -> Decision:
        """What it all comes to. ``nothing``: what the assessment was narrowed to does not exist."""
        terms = self._terms
        hidden = self._hiding.counted(spots)
        acknowledged = {
            key: expectation
            for key in hidden
            for expectation in reversed(terms.expectations)
            if expectation.covers(key[1], key[2], key[3])
        }
        targets = tuple(targets)
        missed = any(target.expected and not target.reached for target in targets)
        complete = len(hidden) - len(acknowledged) <= terms.max_unknown and not missed
        reached = any(target.reached for target in targets)
        if not reached or nothing or (hidden and not self._known):
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
            causes=hidden,
            acknowledged=acknowledged,
            complete=complete,
            exit=code,
            held=self._held,
        )


def _ordered(counts: Counter[Severity]) -> dict[Severity, int]:
    return {severity: counts[severity] for severity in reversed(SEVERITIES) if counts[severity]}
