"""The inventory of one scan: resources and blind spots."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from operator import eq
from typing import Protocol, TypeVar

from scanner.model.evidence import BlindSpot
from scanner.model.resources.base import ProviderName, Resource

T = TypeVar("T")

Wanted = Mapping[str, frozenset[str]]
"""The facets to collect, by kind. Kinds that are not listed are not collected; tags always are."""


@dataclass(frozen=True)
class Target:
    """One scope requested for the scan, and whether it was reached."""

    provider: ProviderName
    scope: str | None
    """``None`` if the scope's id could not be determined."""
    identity: str | None
    """The scanning identity: a role ARN, an application or object id, a service account; ``None`` if not
    known."""
    expected: bool
    reached: bool
    message: str | None
    """If it was not reached: why, and what to do, in one line."""
    regions: tuple[str, ...] = ()
    """The regions that the user selected; empty: all that the scope can use."""


class Resources(Protocol):
    """Resources in a fixed order that can be iterated repeatedly, in memory or from a file."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Resource]: ...


ScopeKey = tuple[str, str]
"""Provider and id of a scope."""

ResourceNumbers = Mapping[tuple[str, str, str, str], int]
"""How many resources there are, by provider, scope, kind and type."""


@dataclass(frozen=True)
class Selection:
    """Some kinds and some scopes; ``None``: all."""

    kinds: frozenset[str] | None = None
    scopes: frozenset[ScopeKey] | None = None

    def __contains__(self, header: tuple[str, str, str]) -> bool:
        """Whether a resource with this provider, scope and kind is selected."""
        provider, scope, kind = header
        return (self.kinds is None or kind in self.kinds) and (
            self.scopes is None or (provider, scope) in self.scopes
        )

    def __and__(self, other: Selection) -> Selection:
        return Selection(_both(self.kinds, other.kinds), _both(self.scopes, other.scopes))

    def of(self, numbers: ResourceNumbers) -> ResourceNumbers:
        """The numbers of the selected resources."""
        return {key: number for key, number in numbers.items() if key[:3] in self}


def _both(one: frozenset[T] | None, other: frozenset[T] | None) -> frozenset[T] | None:
    if one is None or other is None:
        return other if one is None else one
    return one & other


class SelectableResources(ABC):
    """Resources of which some can be selected by their headers, without holding or reading the others."""

    @property
    @abstractmethod
    def numbers(self) -> ResourceNumbers:
        """How many there are of each."""

    @abstractmethod
    def select(self, selection: Selection) -> SelectableResources:
        """The selected ones, in order."""

    def named(self, kind: str, ids: frozenset[str]) -> Iterator[Resource]:
        """Those of a kind with one of these ids, in order."""
        return (one for one in self.select(Selection(kinds=frozenset({kind}))) if one.id in ids)

    @abstractmethod
    def __iter__(self) -> Iterator[Resource]: ...

    def __len__(self) -> int:
        return sum(self.numbers.values())

    def __eq__(self, other: object) -> bool:
        """Whether both have equal resources in the same order, wherever they are stored."""
        if not isinstance(other, SelectableResources):
            return NotImplemented
        return len(self) == len(other) and all(map(eq, self, other))

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, eq=False)
class _Iterated(SelectableResources):
    """Those of other resources that are selected."""

    resources: Resources
    selection: Selection

    @cached_property
    def numbers(self) -> ResourceNumbers:
        return dict(Counter((one.provider, one.scope, one.kind, one.type) for one in self))

    def select(self, selection: Selection) -> SelectableResources:
        return _Iterated(self.resources, self.selection & selection)

    def __iter__(self) -> Iterator[Resource]:
        chosen = self.selection
        return (one for one in self.resources if (one.provider, one.scope, one.kind) in chosen)


@dataclass(frozen=True, order=True)
class Listing:
    """A listing that ran to its end: of a kind, by one table, in a scope or in one of its regions.

    A kind that cannot exist in a scope counts as listed there by what the cloud is known not to have.
    """

    provider: str
    scope: str
    region: str | None
    kind: str
    table: str
    """The table's name."""


@dataclass(frozen=True)
class Inventory:
    """All resources and blind spots of one scan. Sorted, so that equal scans are equal."""

    resources: Resources
    blind_spots: tuple[BlindSpot, ...]
    targets: tuple[Target, ...]
    collected: Wanted
    """The facets that were requested, by kind."""
    calls: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Number of calls made, by provider and operation."""
    listed: tuple[Listing, ...] | None = None
    """Every listing that ran to its end. ``None``: not recorded (a snapshot of an earlier version); then each
    collected kind counts as listed."""

    @cached_property
    def numbers(self) -> ResourceNumbers:
        """How many resources there are, by provider, scope, kind and type."""
        return self.selectable.numbers

    @cached_property
    def selectable(self) -> SelectableResources:
        """The resources, so that some of them can be selected."""
        held = self.resources
        return held if isinstance(held, SelectableResources) else _Iterated(held, Selection())

    def of(self, *kinds: str) -> Iterator[Resource]:
        """The resources of these kinds, in order."""
        return iter(self.selectable.select(Selection(kinds=frozenset(kinds))))

    def within(self, scopes: Collection[ScopeKey]) -> Inventory:
        """The inventory of these scopes alone. Targets whose scope is not known are in none."""
        chosen = frozenset(scopes)
        return replace(
            self,
            resources=self.selectable.select(Selection(scopes=chosen)),
            blind_spots=tuple(one for one in self.blind_spots if (one.provider, one.scope) in chosen),
            targets=tuple(one for one in self.targets if (one.provider, one.scope) in chosen),
            listed=None
            if self.listed is None
            else tuple(one for one in self.listed if (one.provider, one.scope) in chosen),
        )

    @cached_property
    def scopes(self) -> frozenset[ScopeKey]:
        """Every scope that it tells something about."""
        found: set[ScopeKey] = {key[:2] for key in self.numbers}
        found |= {(spot.provider, spot.scope) for spot in self.blind_spots}
        found |= {(one.provider, one.scope) for one in self.listed or ()}
        found |= {(one.provider, one.scope) for one in self.targets if one.scope is not None}
        return frozenset(found)

    def looked(self, provider: str, scope: str, kind: str) -> bool:
        """Whether the kind was listed in the scope, so that its absence is a fact; see also blind spots."""
        if self.listed is None:
            return kind in self.collected
        return (provider, scope, kind) in self._looked

    def complete(self, provider: str, scope: str, kind: str) -> bool:
        """Whether every resource of the kind in the scope is known to be in the inventory."""
        return self.looked(provider, scope, kind) and (provider, scope, kind) not in self._hidden

    @cached_property
    def _hidden(self) -> frozenset[tuple[str, str, str]]:
        return frozenset((spot.provider, spot.scope, spot.kind) for spot in self.blind_spots)

    @cached_property
    def _looked(self) -> frozenset[tuple[str, str, str]]:
        return frozenset((one.provider, one.scope, one.kind) for one in self.listed or ())
