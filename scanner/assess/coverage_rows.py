"""Coverage rows: one control in one scope under one owner, with the evidence that it is made of."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, get_args

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
    """Verdicts by outcome."""
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


@dataclass
class RowEvidence:
    """The evidence of one row: the distinct pieces, and the number of verdicts."""

    counts: Counter[Outcome] = field(default_factory=Counter)
    pieces: set[tuple[Evidence, State]] = field(default_factory=set)
    """Distinct pieces of evidence, each with its state."""
    provided_by: str | None = None

    def add(self, evidence: Evidence, state: State) -> None:
        """Adds a piece of evidence."""
        self.pieces.add((evidence, state))

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
