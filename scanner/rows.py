"""Coverage rows: one control in one scope under one owner, and what came together for it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, get_args

from pydantic import BaseModel, ConfigDict

from scanner.resources import ProviderName
from scanner.responsibility import Party
from scanner.rule import Outcome
from scanner.states import Evidence, OwnershipStatus, State, worst

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


class Row(BaseModel):
    """One control in one scope under one owner."""

    model_config = ConfigDict(frozen=True, extra="forbid")

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
    """Kinds that the control expects and that a rule examined."""
    kinds_expected: tuple[str, ...]
    counts: Mapping[Outcome, int]
    """Verdicts by outcome."""


class RowKey(NamedTuple):
    """What a row is one of."""

    control: str
    provider: ProviderName
    scope: str
    owner: str | None
    party: Party
    ownership: OwnershipStatus


@dataclass
class Gathered:
    """What has come together for one row: the worst of it, and how many verdicts."""

    evidence: Evidence = "n/a"
    state: State = ROW_ORDER[-1]
    counts: Counter[Outcome] = field(default_factory=Counter)

    def add(self, evidence: Evidence, state: State) -> None:
        """One more piece of evidence."""
        if ROW_ORDER.index(state) < ROW_ORDER.index(self.state):
            self.state, self.evidence = state, evidence
        elif state == self.state:
            self.evidence = worst((self.evidence, evidence))


_Place = tuple[str, ProviderName, str]


class Rows:
    """The rows of one assessment while they are made."""

    def __init__(self) -> None:
        self._of: dict[_Place, dict[RowKey, Gathered]] = defaultdict(dict)

    def row(self, key: RowKey) -> Gathered:
        """The row of this key; a new one where there is none yet."""
        return self._of[key[:3]].setdefault(key, Gathered())

    def of(self, control: str, provider: ProviderName, scope: str) -> Sequence[RowKey]:
        """The rows that there are of a control in a scope."""
        return tuple(self._of.get((control, provider, scope), ()))

    def __iter__(self) -> Iterator[tuple[RowKey, Gathered]]:
        """Every row, sorted by its key."""
        every = [pair for rows in self._of.values() for pair in rows.items()]
        return iter(sorted(every, key=lambda pair: str(tuple(pair[0]))))
