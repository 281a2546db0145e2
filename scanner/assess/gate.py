"""The gate: which findings are at it, whether the scan is complete, and the exit code."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec

from scanner.assess.baseline import Baseline
from scanner.assess.expected_unknowns import ExpectedUnknown
from scanner.assess.finding import Finding
from scanner.assess.narrowing import Selector
from scanner.assess.states import SEVERITIES, Evidence, Gate, State, gated
from scanner.catalogue.control import Severity
from scanner.model.evidence import BlindSpot
from scanner.model.inventory import Target
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

    def gates_at(self, target: OwnershipTarget) -> tuple[tuple[str, Gate], ...]:
        """The gates that may apply to a target, in their order, each with the name of its scope."""
        return tuple(self._gates_at(target))

    def _gates_at(self, target: OwnershipTarget) -> Iterator[tuple[str, Gate]]:
        for one in self.scopes:
            fit = one.selector.fit(target)
            if fit != "no":
                yield one.scope, one.gate
            if fit == "yes":
                return
        yield DEFAULT, self.gate

    def at(self, target: OwnershipTarget, state: State, evidence: Evidence, severity: Severity) -> GatePlace:
        """The gate that findings like this are at, before a baseline is considered."""
        gates = self.gates_at(target)
        # The first gate that stops it, else the first that may apply.
        scope, stopped = next(
            ((name, True) for name, gate in gates if gated(gate, state, evidence, severity)),
            (gates[0][0], False),
        )
        return GatePlace(scope, stopped, len(gates) > 1)

    @property
    def name(self) -> str:
        """The gates as text, for reports."""
        named = ", ".join(f"{one.scope}: {one.gate.name}" for one in self.scopes)
        return f"{self.gate.name} ({named})" if named else self.gate.name


@dataclass(frozen=True)
class GatePlace:
    """Where findings are at the gate."""

    scope: str
    """The name of the gate's scope."""
    stopped: bool
    """Whether the gate stops them, unless a baseline has them already."""
    uncertain: bool
    """Whether another gate may apply, too, because a tag or path could not be read."""


class GateGroup(msgspec.Struct):
    """The counts of one named scope's gate, or of the default gate."""

    evaluated: int = 0
    """Findings of evidence that the gate applies to."""
    uncertain: int = 0
    """Of these, findings where another gate may apply too because a tag or path could not be read."""
    at_gate: int = 0
    failing_not_gated: int = 0


class GateCounts(msgspec.Struct):
    """What the gate counts of findings; the counts of several scopes can be added up."""

    groups: dict[str, GateGroup] = {}
    by_severity: dict[Severity, int] = {}
    """Findings at the gate."""
    not_gated: dict[Severity, int] = {}
    """Failing findings that are not at the gate."""
    new_rule: int = 0
    known: bool = False
    """Whether any rule has a known verdict."""
    causes: dict[CauseKey, int] = {}
    permissions: dict[CauseKey, str] = {}

    def count(
        self,
        place: GatePlace,
        severity: Severity,
        evidence: Evidence,
        number: int,
        stopped: int,
        new_rule: int,
    ) -> None:
        """Counts findings of one class: how many of the ``number`` are stopped, and how many of them are not
        as their rule is newer than the baseline."""
        group = self.groups.setdefault(place.scope, GateGroup())
        group.evaluated += number
        group.uncertain += number if place.uncertain else 0
        group.at_gate += stopped
        self.new_rule += new_rule
        if stopped:
            self.by_severity[severity] = self.by_severity.get(severity, 0) + stopped
        if evidence == "fail" and number > stopped:
            group.failing_not_gated += number - stopped
            self.not_gated[severity] = self.not_gated.get(severity, 0) + number - stopped

    def lacks(self, finding: Finding) -> None:
        """Counts the causes of a finding's unknowns."""
        for unknown in finding.unknowns:
            key = (finding.provider or "", finding.scope or "", finding.region, unknown.call)
            self._cause(key, unknown.permission)

    def unlisted(self, spot: BlindSpot) -> None:
        """Counts the cause of a blind spot; a disabled region is none."""
        if spot.cause.reason != "disabled":
            self._cause((spot.provider, spot.scope, spot.region, spot.cause.call), spot.cause.permission)

    def _cause(self, key: CauseKey, permission: str | None) -> None:
        self.causes[key] = self.causes.get(key, 0) + 1
        if permission is not None:
            self.permissions[key] = max(permission, self.permissions.get(key, ""))

    def add(self, other: GateCounts) -> None:
        """Adds the counts of other scopes."""
        for name, group in other.groups.items():
            mine = self.groups.setdefault(name, GateGroup())
            mine.evaluated += group.evaluated
            mine.uncertain += group.uncertain
            mine.at_gate += group.at_gate
            mine.failing_not_gated += group.failing_not_gated
        for severity in SEVERITIES:
            for totals, more in (
                (self.by_severity, other.by_severity),
                (self.not_gated, other.not_gated),
            ):
                if severity in more:
                    totals[severity] = totals.get(severity, 0) + more[severity]
        self.new_rule += other.new_rule
        self.known = self.known or other.known
        for key, number in other.causes.items():
            self.causes[key] = self.causes.get(key, 0) + number
        for key, permission in other.permissions.items():
            self.permissions[key] = max(permission, self.permissions.get(key, ""))


@dataclass(frozen=True)
class Decision:
    """The result of the gate."""

    by_severity: Mapping[Severity, int]
    """The findings at the gate."""
    failing_not_gated: Mapping[Severity, int]
    new_rule: int
    causes: Mapping[CauseKey, tuple[str | None, int]]
    """Causes of unknowns, each with the permission that settles it and the number of unknowns."""
    acknowledged: Mapping[CauseKey, ExpectedUnknown]
    """The causes that an expected unknown acknowledges; they do not count against the budget."""
    complete: bool
    exit: int
    by_scope: Mapping[str, tuple[str, GateGroup]]
    """The name of the gate and its counts, by named scope in their order, then the default."""

    @property
    def at_gate(self) -> int:
        """The number of findings at the gate."""
        return sum(self.by_severity.values())


def decide(
    terms: Terms,
    counts: GateCounts,
    now: datetime,
    targets: Iterable[Target],
    *,
    nothing: bool = False,
    evaluates: bool = True,
) -> Decision:
    """The decision on everything that was counted. ``nothing``: the assessment was narrowed to something that
    does not exist.

    ``evaluates``: a rule was chosen, so that a scan without a known verdict has evaluated nothing.
    """
    causes = {
        key: (counts.permissions.get(key), number)
        for key, number in sorted(counts.causes.items(), key=lambda one: str(one[0]))
    }
    acknowledged = {
        key: expectation
        for key in causes
        for expectation in reversed(terms.expectations)
        if expectation.in_force(now) and expectation.covers(key[1], key[2], key[3])
    }
    targets = tuple(targets)
    missed = any(target.expected and not target.reached for target in targets)
    complete = len(causes) - len(acknowledged) <= terms.max_unknown and not missed
    reached = any(target.reached for target in targets)
    if not reached or nothing or (causes and evaluates and not counts.known):
        code = NOTHING
    elif counts.by_severity:
        code = AT_GATE
    elif not complete and not terms.allow_incomplete:
        code = INCOMPLETE
    else:
        code = OK
    gates = {**{one.scope: one.gate.name for one in terms.scopes}, DEFAULT: terms.gate.name}
    return Decision(
        by_severity=_ordered(counts.by_severity),
        failing_not_gated=_ordered(counts.not_gated),
        new_rule=counts.new_rule,
        causes=causes,
        acknowledged=acknowledged,
        complete=complete,
        exit=code,
        by_scope={name: (gate, counts.groups.get(name, GateGroup())) for name, gate in gates.items()},
    )


def _ordered(counts: Mapping[Severity, int]) -> dict[Severity, int]:
    return {severity: counts[severity] for severity in reversed(SEVERITIES) if counts.get(severity)}
