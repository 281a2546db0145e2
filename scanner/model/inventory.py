"""The inventory of one scan: resources and blind spots."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from scanner.model.evidence import BlindSpot
from scanner.model.resources.base import ProviderName, Resource

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

    def of(self, *kinds: str) -> Iterator[Resource]:
        """The resources of these kinds."""
        return (resource for resource in self.resources if resource.kind in kinds)

    @cached_property
    def numbers(self) -> Mapping[tuple[ProviderName, str, str, str], int]:
        """How many resources there are of each provider, scope, kind and type."""
        return Counter((one.provider, one.scope, one.kind, one.type) for one in self.resources)

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
