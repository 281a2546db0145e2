"""Coverage rows: one control in one scope under one owner, with the evidence that it is made of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, get_args

import msgspec

from scanner.assess.states import Evidence, State, worst
from scanner.base.models import FrozenModel
from scanner.catalogue.control import Party
from scanner.model.resources.base import ProviderName
from scanner.ownership.status import OwnershipStatus
from scanner.rule.rule import Outcome

OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

ROW_ORDER: tuple[State, ...] = (
    "unowned",
    "misattributed",
    "contested",
    "failing",
    "unattested",
    "unknown",
    "unclaimed",
    "unassessed",
    "assumed",
    "accepted",
    "covered",
    "inherited",
    "not_applicable",
)
"""The state of a row is the first of these among its pieces of evidence."""


class CoverageRow(FrozenModel):
    """One control in one scope under one owner."""

    control: str
    provider: ProviderName
    scope: str
    owner: str | None
    party: Party
    ownership: OwnershipStatus
    evidence: Evidence
    """The worst evidence in the row among the pieces that have its state."""
    state: State
    kinds_seen: tuple[str, ...]
    """The expected kinds that a rule covers."""
    kinds_expected: tuple[str, ...]
    """Kinds that the control expects evidence from and that exist there or could not be listed."""
    counts: Mapping[Outcome, int]
    """Verdicts by outcome, whether their findings are listed or only counted here."""
    rules: Mapping[str, Mapping[Outcome, int]] = {}
    """The same by rule, without the outcomes that a rule does not have here."""
    provided_by: str | None = None
    """The scope that provides this common control, as ``aws 444455556666``: the row has the state there,
    or a worse one if something fails or is unknown here."""


class CoverageKey(NamedTuple):
    """What identifies a row."""

    control: str
    provider: ProviderName
    scope: str
    owner: str | None
    party: Party
    ownership: OwnershipStatus


class RowEvidence(msgspec.Struct):
    """The evidence of one row: the distinct pieces, and the number of verdicts."""

    verdicts: dict[str, dict[Outcome, int]] = {}
    """By rule and outcome."""
    pieces: set[tuple[Evidence, State]] = set()
    """Distinct pieces of evidence, each with its state."""
    provided_by: str | None = None

    def count(self, rule: str, outcome: Outcome, number: int) -> None:
        """Counts verdicts of a rule."""
        of_rule = self.verdicts.setdefault(rule, {})
        of_rule[outcome] = of_rule.get(outcome, 0) + number

    def add(self, evidence: Evidence, state: State) -> None:
        """Adds a piece of evidence."""
        self.pieces.add((evidence, state))

    def merge(self, other: RowEvidence) -> None:
        """Adds the evidence of the same row from elsewhere."""
        self.pieces |= other.pieces
        for rule, counts in other.verdicts.items():
            for outcome, number in counts.items():
                self.count(rule, outcome, number)

    @property
    def counts(self) -> dict[Outcome, int]:
        """Verdicts by outcome."""
        return {
            outcome: sum(of_rule.get(outcome, 0) for of_rule in self.verdicts.values())
            for outcome in OUTCOMES
        }

    @property
    def state(self) -> State:
        """The worst state."""
        return min((state for _, state in self.pieces), key=ROW_ORDER.index, default=ROW_ORDER[-1])

    @property
    def evidence(self) -> Evidence:
        """The worst evidence among the pieces that have the worst state."""
        state = self.state
        return worst([evidence for evidence, of in self.pieces if of == state]) if self.pieces else "n/a"


_Place = tuple[str, ProviderName, str]


class CoverageRows:
    """The rows of one assessment while it runs."""

    def __init__(self) -> None:
        self._of: dict[_Place, dict[CoverageKey, RowEvidence]] = defaultdict(dict)
        self._by_place: dict[tuple[str, str, str], list[_Place]] = defaultdict(list)
        """The same places by control, provider and scope in lower case."""

    def row(self, key: CoverageKey) -> RowEvidence:
        """The row of the key; creates it if there is none."""
        place = key[:3]
        if place not in self._of:
            self._by_place[key.control, key.provider, key.scope.lower()].append(place)
        return self._of[place].setdefault(key, RowEvidence())

    @classmethod
    def holding(cls, rows: Mapping[CoverageKey, RowEvidence]) -> CoverageRows:
        """Rows that were assessed before."""
        made = cls()
        made.merge(rows)
        return made

    def merge(self, rows: Mapping[CoverageKey, RowEvidence]) -> None:
        """Adds rows of other scopes."""
        for key, evidence in rows.items():
            self.row(key).merge(evidence)

    def of(self, control: str, provider: ProviderName, scope: str) -> Sequence[CoverageKey]:
        """The keys of the rows of a control in a scope."""
        return tuple(self._of.get((control, provider, scope), ()))

    def at(self, control: str, provider: str, scope: str) -> Sequence[RowEvidence]:
        """The rows of a control in a scope, ignoring the case of the scope's id."""
        found = self._by_place.get((control, provider, scope.lower()), ())
        return [row for place in found for row in self._of[place].values()]

    def __iter__(self) -> Iterator[tuple[CoverageKey, RowEvidence]]:
        """Every row, sorted by its key."""
        pairs = [pair for rows in self._of.values() for pair in rows.items()]
        return iter(sorted(pairs, key=lambda pair: str(tuple(pair[0]))))
