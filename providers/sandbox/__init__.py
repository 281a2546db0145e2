"""Three simulated clouds with a sample company, for ``gapscan demo`` and the tests.

Each is a real server on the loopback address that the real SDK clients talk to. A test can inject a fault
into any operation and read which operations were called.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Literal, Protocol

Fault = Literal[
    "denied", "denied_by_organisation", "throttled", "expired", "malformed", "reset", "hang", "failing"
]
"""A failure, with the body and status that the real cloud sends. ``expired``: the credentials expired
during the scan; ``malformed``: a success whose body is truncated or has another format; ``reset``: the
connection is reset; ``hang``: no response for a minute; ``failing``: an internal error of the service."""


class Sandbox(Protocol):
    """One simulated cloud."""

    fault: Callable[[str], Fault | None]
    """Called before each operation with its name as in the adapters' calls; ``None``: no fault."""
    calls: Counter[str]
    """How often each operation was called."""

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that point the cloud's own SDK at the running sandbox, with fake credentials."""

    def start(self) -> None:
        """Starts the server on a free port of 127.0.0.1 and seeds the sample company."""

    def stop(self) -> None:
        """Stops the server."""
