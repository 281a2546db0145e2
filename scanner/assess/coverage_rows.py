"""Coverage rows: one control in one scope under one owner, and what came together for it."""

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
from scanner.rule.rules import Outcome

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
"""The state of a row is the first of these that anything in it has."""


class CoverageRow(FrozenModel):
    """One control in one scope under one owner."""

    control: str
    provider: ProviderName
    scope: str
    owner: str | None
    party: Party
    ownership: OwnershipStatus
    evidence: Evidence
    """The worst over everything in the row that has its state."""
    state: State
    kinds_seen: tuple[str, ...]
    """Those of the expected kinds that a rule examined."""
    kinds_expected: tuple[str, ...]
    """Kinds that the control expects evidence from and that are there, or could not be listed."""
    counts: Mapping[Outcome, int]
    """Verdicts by outcome."""
    provided_by: str | None = None
    """The scope that provides the control here, as ``aws 444455556666``: its state counts, and what fails or
    is unknown here."""


class CoverageKey(NamedTuple):
    """What a row is one of."""

    control: str
    provider: ProviderName
    scope: str
    owner: str | None
    party: Party
    ownership: OwnershipStatus


@dataclass
class RowEvidence:
    """What has come together for one row: the worst of it, and how many verdicts."""

    counts: Counter[Outcome] = field(default_factory=Counter)
    pieces: set[tuple[Evidence, State]] = field(default_factory=set)
    """What was found, each once."""
    provided_by: str | None = None

    def add(self, evidence: Evidence, state: State) -> None:
        """One more piece of evidence."""
        self.pieces.add((evidence, state))

    @property
    def state(self) -> State:
        """The worst."""
        return min((state for _, state in self.pieces), key=ROW_ORDER.index, default=ROW_ORDER[-1])

    @property
    def evidence(self) -> Evidence:
        """The worst of what has that state."""
        state = self.state
        return worst([evidence for evidence, of in self.pieces if of == state]) if self.pieces else "n/a"


_Place = tuple[str, ProviderName, str]


class CoverageRows:
    """The rows of one assessment while they are made."""

    def __init__(self) -> None:
        self._of: dict[_Place, dict[CoverageKey, RowEvidence]] = defaultdict(dict)
        self._by_place: dict[tuple[str, str, str], list[_Place]] = defaultdict(list)
        """With the scope in lower case."""

    def row(self, key: CoverageKey) -> RowEvidence:
        """The row of this key; a new one where there is none yet."""
        place = key[:3]
        if place not in self._of:
            self._by_place[key.control, key.provider, key.scope.lower()].append(place)
        return self._of[place].setdefault(key, RowEvidence())

    def of(self, control: str, provider: ProviderName, scope: str) -> Sequence[CoverageKey]:
        """The rows that there are of a control in a scope."""
        return tuple(self._of.get((control, provider, scope), ()))

    def at(self, control: str, provider: str, scope: str) -> Sequence[RowEvidence]:
        """What has come together for a control in a scope, whatever the case of its id."""
        found = self._by_place.get((control, provider, scope.lower()), ())
        return [gathered for place in found for gathered in self._of[place].values()]

    def __iter__(self) -> Iterator[tuple[CoverageKey, RowEvidence]]:
        """Every row, sorted by its key."""
        every = [pair for rows in self._of.values() for pair in rows.items()]
        return iter(sorted(every, key=lambda pair: str(tuple(pair[0]))))
