"""The decision: what stands at the gate, whether the scan could see enough, and the exit code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from scanner.baseline import Baseline
from scanner.evidence import BlindSpot
from scanner.expectation import Expectation
from scanner.finding import Finding
from scanner.provider import Target
from scanner.responsibility import Severity
from scanner.states import SEVERITIES, Gate, gated

OK, AT_GATE, USAGE, INCOMPLETE, NOTHING = 0, 1, 2, 3, 4
INTERNAL, UNWRITABLE, INTERRUPTED = 70, 74, 130

CauseKey = tuple[str, str, str | None, str]
"""A cause of unknowns, as the budget counts them: provider, scope, region, call."""


@dataclass(frozen=True)
class Terms:
    """What the user asked of the gate."""

    gate: Gate
    max_unknown: int = 0
    allow_incomplete: bool = False
    baseline: Baseline | None = None
    expectations: tuple[Expectation, ...] = ()
    """Acknowledged unknowns that are in force."""


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
    acknowledged: Mapping[CauseKey, Expectation]
    """Those of the causes that somebody expected; they are outside the budget."""
    complete: bool
    exit: int


class _Causes:
    """The causes of everything that is unknown, once for each call, scope and region."""

    def __init__(self) -> None:
        self._counted: Counter[CauseKey] = Counter()
        self._permissions: dict[CauseKey, str | None] = {}

    def add(self, finding: Finding) -> None:
        for unknown in finding.unknowns if finding.verdict == "unknown" else ():
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


def decide(
    findings: Iterable[Finding], spots: Iterable[BlindSpot], targets: Iterable[Target], terms: Terms
) -> Decision:
    """What the findings come to. ``findings`` is iterated once, and none of them is kept."""
    at_gate: list[str] = []
    by_severity: Counter[Severity] = Counter()
    hiding = _Causes()
    not_gated: Counter[Severity] = Counter()
    new_rule = 0
    known = False
    for finding in findings:
        hiding.add(finding)
        if finding.subject != "evidence" or finding.state is None or finding.evidence is None:
            continue
        known = known or finding.verdict in ("pass", "fail", "n/a")
        stands = gated(terms.gate, finding.state, finding.evidence, finding.severity)
        if stands and terms.baseline is not None:
            if terms.baseline.is_new_rule(finding):
                new_rule += 1
                stands = False
            else:
                stands = terms.baseline.is_new(finding)
        if stands:
            at_gate.append(finding.uid)
            by_severity[finding.severity] += 1
        elif finding.evidence == "fail":
            not_gated[finding.severity] += 1
    hidden = hiding.counted(spots)
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
    if not reached or (hidden and not known):
        code = NOTHING
    elif at_gate:
        code = AT_GATE
    elif not complete and not terms.allow_incomplete:
        code = INCOMPLETE
    else:
        code = OK
    return Decision(
        at_gate=tuple(at_gate),
        by_severity=_ordered(by_severity),
        failing_not_gated=_ordered(not_gated),
        new_rule=new_rule,
        causes=hidden,
        acknowledged=acknowledged,
        complete=complete,
        exit=code,
    )


def _ordered(counts: Counter[Severity]) -> dict[Severity, int]:
    return {severity: counts[severity] for severity in reversed(SEVERITIES) if counts[severity]}
