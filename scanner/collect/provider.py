"""What the engine asks of a cloud, and what it gets back: the Provider protocol and the Inventory.

A cloud's package offers ``connect(request, limits) -> Provider``, which may raise :class:`Unreachable`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from scanner.model.evidence import BlindSpot
from scanner.model.resources.base import ProviderName, Resource

if TYPE_CHECKING:
    from scanner.collect.collection import Collection

Wanted = Mapping[str, frozenset[str]]
"""The facets to collect of each kind. A kind that is not named is not collected; tags always are."""


@dataclass(frozen=True)
class Limits:
    """How long and how often a client tries before an answer is unknown."""

    connect_seconds: float = 5.0
    read_seconds: float = 30.0
    attempts: int = 4
    """Tries of one call, the first among them."""


@dataclass(frozen=True)
class Request:
    """What the user asked to scan at one cloud with one set of credentials."""

    provider: ProviderName
    scopes: tuple[str, ...] = ()
    """Account, subscription or project ids; empty: what the credentials point at."""
    profile: str | None = None
    """A named set of credentials of the cloud's own command line (AWS)."""
    role: str | None = None
    """ARN of a role to assume first (AWS)."""
    regions: tuple[str, ...] = ()
    """Only these regions; empty: all that the scope can use."""
    expected: bool = True
    """Named by the user, so that not reaching it makes the scan incomplete."""


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


class Unreachable(Exception):
    """No scope of a request could be reached. ``message`` says why in one line, ``advice`` what to do."""

    def __init__(
        self,
        provider: ProviderName,
        message: str,
        advice: str,
        scope: str | None = None,
        no_credentials: bool = False,
    ) -> None:
        super().__init__(f"{message} {advice}")
        self.no_credentials = no_credentials
        """There are none at all, rather than some that do not work."""
        self.provider: ProviderName = provider
        self.scope = scope
        self.message = message
        self.advice = advice


class Provider(Protocol):
    """A cloud that answered: connected, and ready to be read."""

    @property
    def name(self) -> ProviderName:
        """Which cloud it is."""

    @property
    def targets(self) -> Sequence[Target]:
        """The scopes of the request, reached or not; at least one was reached."""

    def collect(self, wanted: Wanted, collection: Collection) -> None:
        """Starts the collection of ``wanted`` from every reached scope; the collection's workers do it.

        Runs on a worker itself, so it may call the cloud. Whatever cannot be listed is recorded as a
        blind spot; nothing is raised for it.
        """


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


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself: to any other, nothing goes unencrypted."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False  # a name, which may lead anywhere
