"""Three simulated clouds with a sample company, for ``gapscan demo`` and the tests.

Each is a real server on the loopback address that the real SDK clients talk to. A test can make any
operation go wrong, and read what was called.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Literal, Protocol

Fault = Literal[
    "denied", "denied_by_organisation", "throttled", "expired", "malformed", "reset", "hang", "failing"
]
"""What goes wrong, each with the body and status that the real cloud sends. ``expired``: the credentials
have run out since the scan began; ``malformed``: a success whose
body is cut off or of another form; ``reset``: the connection breaks; ``hang``: no answer for a minute;
``failing``: the service's own internal error."""


class Sandbox(Protocol):
    """One simulated cloud."""

    fault: Callable[[str], Fault | None]
    """Asked before each operation, by its name as the adapters' calls have it; ``None``: answer well."""
    calls: Counter[str]
    """How often each operation was called."""

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that point the cloud's own SDK at the running sandbox, with made-up credentials."""

    def start(self) -> None:
        """Starts the server on a free port of 127.0.0.1 and seeds the sample company."""

    def stop(self) -> None:
        """Ends it."""
