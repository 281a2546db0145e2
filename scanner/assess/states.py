"""States: the join of ownership and evidence, as data, with pure functions over it.

Nothing here knows a resource, a file or a clock. The printed table (:func:`states_markdown`) is made of
the same rows that decide (:func:`judge`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Literal, get_args

from scanner.base.yaml import suggestion
from scanner.catalogue.control import Party, Severity
from scanner.ownership.status import OwnershipStatus

Evidence = Literal["fail", "missing", "unknown", "unassessed", "pass", "n/a"]
"""What the configuration and the statements say of a control.

``missing``: a statement is wanted and none is in date. ``unknown``: a rule could not tell.
``unassessed``: no rule sees it.
"""
EVIDENCE_ORDER: tuple[Evidence, ...] = get_args(Evidence)
"""Worst first; the worst of several stands."""

State = Literal[
    "unowned",
    "failing",
    "unattested",
    "misattributed",
    "contested",
    "unknown",
    "unclaimed",
    "unassessed",
    "assumed",
    "covered",
    "inherited",
    "accepted",
    "not_applicable",
]
"""What ownership and evidence make together."""
STATES: tuple[State, ...] = get_args(State)

Standing = Literal["gap", "watch", "fine"]
"""How a state is counted: a gap is to be closed, a watch is not settled, fine needs nothing."""

SEVERITIES: tuple[Severity, ...] = get_args(Severity)
"""Least first."""

EXCEPTION_UNNEEDED = "exception_unneeded"
"""An exception is in force for what passes without it."""
EXCEPTION_WITHOUT_OWNER = "exception_without_owner"
"""An exception is in force, and nobody is accountable for what it excuses."""
NOT_APPLICABLE_CONTRADICTED = "not_applicable_contradicted"
"""Declared not applicable, and the configuration shows that there is something that it applies to."""
PROMOTED = "promoted"
"""The provider's obligation fails on a setting that the customer can see: it is the customer's."""

_ALWAYS_GAP: frozenset[State] = frozenset({"unowned", "failing", "unattested"})
_GAP_IF_PROVEN: frozenset[State] = frozenset({"misattributed", "contested"})
_FINE: frozenset[State] = frozenset({"covered", "inherited", "accepted", "not_applicable"})


@dataclass(frozen=True)
class Claim:
    """Everything about a control at a resource that is not evidence."""

    ownership: OwnershipStatus
    exception_in_force: bool = False
    declared_not_applicable: bool = False
    party: Party = "customer"
    """Whose obligation it is, before live evidence is looked at."""
    certificate_in_date: bool = False
    """A certificate of the provider that covers the control is in date."""
    may_become_customers: bool = False
    """A rule looks at it, so that a failure would make the provider's obligation the customer's."""


@dataclass(frozen=True)
class Judgement:
    """The state of a control at a resource, and what is odd about how it came to be."""

    state: State
    flags: frozenset[str] = frozenset()


@dataclass(frozen=True)
class StateCell:
    """One cell of the table. Without a state, the rows above it decide."""

    state: State | None
    flag: str | None = None


@dataclass(frozen=True)
class StateRow:
    """One row of the table: the claims that it is for, and a cell for each evidence."""

    title: str
    claims: Mapping[str, object]
    """The attributes of a :class:`Claim` that choose the row, each with its value or several."""
    cells: Mapping[Evidence, StateCell]

    def chosen(self, claim: Claim) -> bool:
        """Whether the row is for the claim."""
        return all(
            getattr(claim, name) in (value if isinstance(value, tuple) else (value,))
            for name, value in self.claims.items()
        )


def _row(title: str, *cells: State | StateCell, **claims: object) -> StateRow:
    told = (cell if isinstance(cell, StateCell) else StateCell(cell) for cell in cells)
    return StateRow(title, claims, MappingProxyType(dict(zip(EVIDENCE_ORDER, told, strict=True))))


_ABOVE = StateCell(None)
_UNNEEDED = StateCell("covered", EXCEPTION_UNNEEDED)
_EXCUSED_FOR_NOBODY = StateCell("accepted", EXCEPTION_WITHOUT_OWNER)
_CONTRADICTED = StateCell(None, NOT_APPLICABLE_CONTRADICTED)
_CUSTOMERS = StateCell(None, PROMOTED)

# Columns: fail, missing, unknown, unassessed, pass, n/a. A cell that leaves it to the rows above is
# decided by the next row upwards that is for the claim.
_TABLE: tuple[StateRow, ...] = (
    _row(
        "owned",
        "failing", "unattested", "unknown", "unassessed", "covered", "not_applicable",
        ownership="owned",
    ),
    _row(
        "nobody",
        "unowned", "unowned", "unknown", "unclaimed", "unclaimed", "not_applicable",
        ownership="nobody",
    ),
    _row(
        "contested",
        "contested", "contested", "unknown", "contested", "contested", "not_applicable",
        ownership="contested",
    ),
    _row(
        "misattributed",
        "misattributed", "misattributed", "unknown", "misattributed", "misattributed", "not_applicable",
        ownership="misattributed",
    ),
    _row(
        "owned, exception in force",
        "accepted", "accepted", "unknown", "unassessed", _UNNEEDED, "not_applicable",
        ownership="owned", exception_in_force=True,
    ),
    _row(
        "nobody, exception in force",
        _EXCUSED_FOR_NOBODY, _EXCUSED_FOR_NOBODY, "unknown", "unclaimed", "unclaimed", "not_applicable",
        ownership="nobody", exception_in_force=True,
    ),
    _row(
        "contested or misattributed, exception in force",
        _ABOVE, _ABOVE, "unknown", _ABOVE, _ABOVE, "not_applicable",
        ownership=("contested", "misattributed"), exception_in_force=True,
    ),
    _row(
        "declared not applicable",
        _CONTRADICTED, "not_applicable", _ABOVE, "not_applicable", _CONTRADICTED, "not_applicable",
        declared_not_applicable=True,
    ),
    _row(
        "the provider's, certificate in date",
        _CUSTOMERS, "inherited", "inherited", "inherited", "inherited", "not_applicable",
        party="provider", certificate_in_date=True, may_become_customers=False,
    ),
    _row(
        "the provider's, certificate in date, a rule could make it the customer's",
        _CUSTOMERS, "inherited", "unknown", "inherited", "inherited", "not_applicable",
        party="provider", certificate_in_date=True, may_become_customers=True,
    ),
    _row(
        "the provider's, no certificate in date",
        _CUSTOMERS, "assumed", "assumed", "assumed", "assumed", "not_applicable",
        party="provider", certificate_in_date=False, may_become_customers=False,
    ),
    _row(
        "the provider's, no certificate in date, a rule could make it the customer's",
        _CUSTOMERS, "assumed", "unknown", "assumed", "assumed", "not_applicable",
        party="provider", certificate_in_date=False, may_become_customers=True,
    ),
)  # fmt: skip


def table() -> tuple[StateRow, ...]:
    """The rows of the table, as printed."""
    return _TABLE


def worst(evidences: Iterable[Evidence]) -> Evidence:
    """The worst of several; raises :class:`ValueError` if there is none."""
    return min(evidences, key=EVIDENCE_ORDER.index)


@cache
def judge(claim: Claim, evidence: Evidence) -> Judgement:
    """The state of a control at a resource: the table, read from its last row upwards."""
    flags: set[str] = set()
    for row in reversed(_TABLE):
        if row.chosen(claim):
            cell = row.cells[evidence]
            if cell.flag is not None:
                flags.add(cell.flag)
            if cell.state is not None:
                return Judgement(cell.state, frozenset(flags))
    raise AssertionError("the four rows of ownership decide every claim")


def standing(state: State, evidence: Evidence) -> Standing:
    """Whether a state is a gap, to be watched, or fine. Wrong or tied owners are gaps on fail or missing."""
    if state in _ALWAYS_GAP or (state in _GAP_IF_PROVEN and evidence in ("fail", "missing")):
        return "gap"
    return "fine" if state in _FINE else "watch"


def priority(
    severity: Severity, state: State, evidence: Evidence, *, sensitive: bool, ownership_file: bool
) -> Severity:
    """The place in the order of work: the severity, moved by what the state and the resource tell.

    Failures that nobody or wrongly somebody else owns rise by one, and so do sensitive resources;
    unattested falls by one and unclaimed by two. Without an ownership file nothing rises, since there
    everything would.
    """
    uplift = int(evidence == "fail" and state in ("unowned", "misattributed")) + int(sensitive)
    fall = {"unattested": 1, "unclaimed": 2}.get(state, 0)
    place = SEVERITIES.index(severity) + (uplift if ownership_file else 0) - fall
    return SEVERITIES[max(0, min(place, len(SEVERITIES) - 1))]


@dataclass(frozen=True)
class Criterion:
    """What is at a gate: a state, from a severity upwards, on certain evidence."""

    state: State
    at_least: Severity
    evidence: frozenset[Evidence]


@dataclass(frozen=True)
class Gate:
    """What ends a scan with exit code 1."""

    name: str
    criteria: tuple[Criterion, ...]


_PROVEN: frozenset[Evidence] = frozenset({"fail"})
_LACKING: frozenset[Evidence] = frozenset({"fail", "missing"})
_OWNERSHIP = tuple(Criterion(state, "medium", _PROVEN) for state in ("unowned", "misattributed", "contested"))

GATES: Mapping[str, Gate] = MappingProxyType(
    {
        gate.name: gate
        for gate in (
            Gate("ownership", _OWNERSHIP),
            Gate("posture", (*_OWNERSHIP, Criterion("failing", "high", _PROVEN))),
            Gate(
                "strict",
                tuple(
                    Criterion(state, "low", _LACKING)
                    for state in STATES
                    if state in _ALWAYS_GAP or state in _GAP_IF_PROVEN
                ),
            ),
            Gate("none", ()),
        )
    }
)
"""The gates that have a name; the first is the default."""


def gated(gate: Gate, state: State, evidence: Evidence, severity: Severity) -> bool:
    """Whether a finding is at the gate. Takes the severity, never the priority."""
    return any(
        criterion.state == state
        and evidence in criterion.evidence
        and SEVERITIES.index(severity) >= SEVERITIES.index(criterion.at_least)
        for criterion in gate.criteria
    )


def parse_fail_on(text: str) -> Gate:
    """The gate that ``STATE:SEVERITY,…`` spells out; raises :class:`ValueError` with what is wrong.

    A state counts where the configuration proves it (evidence fail), and states that never come of a
    failure (``unattested``, ``unclaimed``, …) count on the evidence that they come of.
    """
    criteria = tuple(_criterion(part.strip()) for part in text.split(","))
    return Gate(text, criteria)


def _criterion(part: str) -> Criterion:
    name, colon, level = (piece.strip() for piece in part.partition(":"))
    state = next((known for known in STATES if known == name), None)
    severity = next((known for known in SEVERITIES if known == level), None)
    if not colon:
        raise ValueError(f"expected STATE:SEVERITY, such as unowned:high, not {part!r}")
    if state is None:
        raise ValueError(f"no state {name!r}{suggestion(name, STATES)} (known: {', '.join(_failable())})")
    if state in _FINE:
        raise ValueError(f"{state} is fine, so nothing can fail on it (use one of {', '.join(_failable())})")
    if severity is None:
        hint = suggestion(level, SEVERITIES)
        raise ValueError(f"no severity {level!r}{hint} (known: {', '.join(SEVERITIES)})")
    evidence = frozenset(seen for row in _TABLE for seen, cell in row.cells.items() if cell.state == state)
    return Criterion(state, severity, _PROVEN if "fail" in evidence else evidence)


def _failable() -> Iterator[State]:
    return (state for state in STATES if state not in _FINE)


def states_markdown() -> str:
    """The table as Markdown, made of the rows that decide."""
    lines = [
        "| ownership ＼ evidence | " + " | ".join(EVIDENCE_ORDER) + " |",
        "|---" * (len(EVIDENCE_ORDER) + 1) + "|",
    ]
    for row in _TABLE:
        cells = (_told(row.cells[evidence]) for evidence in EVIDENCE_ORDER)
        lines.append(f"| {row.title} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _told(cell: StateCell) -> str:
    state = cell.state or "rows above"
    return f"{state} (flag `{cell.flag}`)" if cell.flag else state
