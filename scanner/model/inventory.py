"""What one scan saw, and what it could not see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from scanner.model.evidence import BlindSpot
from scanner.model.resources.base import ProviderName, Resource

Wanted = Mapping[str, frozenset[str]]
"""The facets to collect of each kind. A kind that is not named is not collected; tags always are."""


@dataclass(frozen=True)
class Target:
    """One scope that was to be scanned, and whether it was reached."""

    provider: ProviderName
    scope: str | None
    """``None`` when not even the scope's id could be told."""
    identity: str | None
    """Who asked: a role ARN, an application or object id, a service account; ``None`` when not told."""
    expected: bool
    reached: bool
    message: str | None
    """When it was not reached: why, and what to do, in one line."""
    regions: tuple[str, ...] = ()
    """The regions that the user narrowed it to; empty: all that the scope can use."""


class Resources(Protocol):
    """Resources in a fixed order, iterated as often as needed: in memory, or read from a file each time."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Resource]: ...


@dataclass(frozen=True)
class Inventory:
    """Everything that one scan saw, and what it could not see. Sorted, so that equal scans are equal."""

    resources: Resources
    blind_spots: tuple[BlindSpot, ...]
    targets: tuple[Target, ...]
    collected: Wanted
    """The facets that were asked for, by kind."""
    calls: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Number of calls made, by provider and operation."""

    def complete(self, provider: str, scope: str, kind: str) -> bool:
        """Whether every resource of the kind in the scope is known to be here."""
        return kind in self.collected and not any(
            spot.kind == kind and spot.provider == provider and spot.scope == scope
            for spot in self.blind_spots
        )
