"""States: the join of ownership and evidence, as data, with pure functions over it.

Nothing here depends on resources, files or a clock. The printed table (:func:`states_markdown`) is generated
from the rows that :func:`state_of` evaluates.
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
"""What the configuration and the attestations show about a control.

``missing``: an attestation is required and none is in date. ``unknown``: a rule could not be evaluated.
``unassessed``: no rule covers it.
"""
EVIDENCE_ORDER: tuple[Evidence, ...] = get_args(Evidence)
"""Worst first; the worst of several counts."""

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
"""The combination of ownership and evidence."""
STATES: tuple[State, ...] = get_args(State)

Standing = Literal["gap", "watch", "fine"]
"""How a state is counted: a gap has to be closed, a watch is not settled, fine needs no action."""

SEVERITIES: tuple[Severity, ...] = get_args(Severity)
"""Lowest first."""

EXCEPTION_UNNEEDED = "exception_unneeded"
"""An exception is in force for something that passes without it."""
EXCEPTION_WITHOUT_OWNER = "exception_without_owner"
"""An exception is in force, and what it accepts has no owner."""
NOT_APPLICABLE_CONTRADICTED = "not_applicable_contradicted"
"""Declared not applicable, but the configuration shows that the control applies."""
PROMOTED = "promoted"
"""The provider's obligation fails on a setting that the customer can see, so it is the customer's."""

_ALWAYS_GAP: frozenset[State] = frozenset({"unowned", "failing", "unattested"})
_GAP_IF_PROVEN: frozenset[State] = frozenset({"misattributed", "contested"})
_FINE: frozenset[State] = frozenset({"covered", "inherited", "accepted", "not_applicable"})


@dataclass(frozen=True)
class Claim:
    """Everything about a control at a resource, except the evidence."""

    ownership: OwnershipStatus
    exception_in_force: bool = False
    declared_not_applicable: bool = False
    party: Party = "customer"
    """The party responsible before live evidence is considered."""
    certificate_in_date: bool = False
    """A certificate of the provider that covers the control is in date."""
    may_become_customers: bool = False
    """A rule covers it, so a failure would make the provider's obligation the customer's."""


@dataclass(frozen=True)
class ControlState:
    """The state of a control at a resource, with the flags that explain it."""

    state: State
    flags: frozenset[str] = frozenset()


@dataclass(frozen=True)
class StateCell:
    """One cell of the table. Without a state, the rows above it apply."""

    state: State | None
    flag: str | None = None


@dataclass(frozen=True)
class StateRow:
    """One row of the table: the claims that it applies to, and a cell for each evidence."""

    title: str
    claims: Mapping[str, object]
    """The attributes of the :class:`Claim` that the row applies to, each with its value or values."""
    cells: Mapping[Evidence, StateCell]

    def matches(self, claim: Claim) -> bool:
        """Whether the row applies to the claim."""
        return all(
            getattr(claim, name) in (value if isinstance(value, tuple) else (value,))
            for name, value in self.claims.items()
        )


def _row(title: str, *cells: State | StateCell, **claims: object) -> StateRow:
    row = (cell if isinstance(cell, StateCell) else StateCell(cell) for cell in cells)
    return StateRow(title, claims, MappingProxyType(dict(zip(EVIDENCE_ORDER, row, strict=True))))


_ABOVE = StateCell(None)
_UNNEEDED = StateCell("covered", EXCEPTION_UNNEEDED)
_ACCEPTED_UNOWNED = StateCell("accepted", EXCEPTION_WITHOUT_OWNER)
_CONTRADICTED = StateCell(None, NOT_APPLICABLE_CONTRADICTED)
_CUSTOMERS = StateCell(None, PROMOTED)

# Columns: fail, missing, unknown, unassessed, pass, n/a. A cell without a state takes that of the next row
# upwards that matches the claim.
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
        _ACCEPTED_UNOWNED, _ACCEPTED_UNOWNED, "unknown", "unclaimed", "unclaimed", "not_applicable",
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
    """The rows of the table, in printed order."""
    return _TABLE


def worst(evidences: Iterable[Evidence]) -> Evidence:
    """The worst evidence; raises :class:`ValueError` if there is none."""
    return min(evidences, key=EVIDENCE_ORDER.index)


@cache
def state_of(claim: Claim, evidence: Evidence) -> ControlState:
    """The state of a control at a resource: the table, read from its last row upwards."""
    flags: set[str] = set()
    for row in reversed(_TABLE):
        if row.matches(claim):
            cell = row.cells[evidence]
            if cell.flag is not None:
                flags.add(cell.flag)
            if cell.state is not None:
                return ControlState(cell.state, frozenset(flags))
    raise AssertionError("the four rows of ownership match every claim")


def standing(state: State, evidence: Evidence) -> Standing:
    """Whether a state is a gap, watch or fine. Misattributed and contested are gaps on fail and missing."""
    if state in _ALWAYS_GAP or (state in _GAP_IF_PROVEN and evidence in ("fail", "missing")):
        return "gap"
    return "fine" if state in _FINE else "watch"


def priority(
    severity: Severity, state: State, evidence: Evidence, *, sensitive: bool, ownership_file: bool
) -> Severity:
    """The order in which to work: the severity, adjusted by state and resource.

    Unowned and misattributed failures rise by one, and so do sensitive resources; unattested falls by one and
    unclaimed by two. Without an ownership file nothing rises, since every failure would.
    """
    uplift = int(evidence == "fail" and state in ("unowned", "misattributed")) + int(sensitive)
    fall = {"unattested": 1, "unclaimed": 2}.get(state, 0)
    level = SEVERITIES.index(severity) + (uplift if ownership_file else 0) - fall
    return SEVERITIES[max(0, min(level, len(SEVERITIES) - 1))]


@dataclass(frozen=True)
class Criterion:
    """What a gate stops: a state, from a severity upwards, with certain evidence."""

    state: State
    at_least: Severity
    evidence: frozenset[Evidence]


@dataclass(frozen=True)
class Gate:
    """The criteria that end a scan with exit code 1."""

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
"""The named gates; the first is the default."""


def gated(gate: Gate, state: State, evidence: Evidence, severity: Severity) -> bool:
    """Whether a finding is at the gate, by its severity, never its priority."""
    return any(
        criterion.state == state
        and evidence in criterion.evidence
        and SEVERITIES.index(severity) >= SEVERITIES.index(criterion.at_least)
        for criterion in gate.criteria
    )


def parse_fail_on(text: str) -> Gate:
    """Parses a gate ``STATE:SEVERITY,…``; raises :class:`ValueError` with what is wrong.

    A state counts where the configuration proves it (evidence fail); states that a failure never has
    (``unattested``, ``unclaimed``, …) count with the evidence that they result from.
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
    """The table as Markdown."""
    lines = [
        "| ownership ＼ evidence | " + " | ".join(EVIDENCE_ORDER) + " |",
        "|---" * (len(EVIDENCE_ORDER) + 1) + "|",
    ]
    for row in _TABLE:
        cells = (_cell_text(row.cells[evidence]) for evidence in EVIDENCE_ORDER)
        lines.append(f"| {row.title} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell_text(cell: StateCell) -> str:
    state = cell.state or "rows above"
    return f"{state} (flag `{cell.flag}`)" if cell.flag else state
