"""The interface between the engine and a cloud: the Provider protocol.

A cloud's package offers ``connect(request, limits) -> Provider``, which may raise :class:`Unreachable`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from scanner.model.inventory import Target, Wanted
from scanner.model.resources.base import ProviderName

if TYPE_CHECKING:
    from scanner.collect.answers import Recorder, Replay
    from scanner.collect.collection import Collection


@dataclass(frozen=True)
class Limits:
    """Timeouts and retries of a client before an answer is unknown."""

    connect_seconds: float = 5.0
    read_seconds: float = 30.0
    attempts: int = 4
    """Attempts of one call, including the first."""


@dataclass(frozen=True)
class ConnectionRequest:
    """What to scan on one cloud with one set of credentials."""

    provider: ProviderName
    scopes: tuple[str, ...] = ()
    """Account, subscription or project ids; empty: the default scope of the credentials."""
    profile: str | None = None
    """A named profile of the cloud's own command line (AWS)."""
    role: str | None = None
    """ARN of a role to assume first (AWS)."""
    regions: tuple[str, ...] = ()
    """Only these regions; empty: all that the scope can use."""
    expected: bool = True
    """Named by the user, so that the scan is incomplete if it is not reached."""
    recorder: Recorder | None = field(default=None, compare=False, repr=False)
    """Receives every answer of the cloud, as its client gets it."""
    replay: Replay | None = field(default=None, compare=False, repr=False)
    """Answers in place of the cloud: no credentials are used and nothing is sent."""


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
        """There are no credentials at all, rather than credentials that do not work."""
        self.provider: ProviderName = provider
        self.scope = scope
        self.message = message
        self.advice = advice


class Provider(Protocol):
    """A connected cloud."""

    @property
    def name(self) -> ProviderName:
        """The name of the cloud."""

    @property
    def targets(self) -> Sequence[Target]:
        """The scopes of the request, reached or not; at least one is reached."""

    def collect(self, wanted: Wanted, collection: Collection) -> None:
        """Starts the collection of ``wanted`` from every reached scope on the collection's workers.

        Runs on a worker itself, so it may call the cloud. A kind that cannot be listed is recorded as a
        blind spot; no exception is raised.
        """


def is_loopback(host: str) -> bool:
    """Whether a host is this machine: unencrypted connections are allowed to no other."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False  # a name, which may resolve to any address
