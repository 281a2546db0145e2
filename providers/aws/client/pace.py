"""How fast one client may call, once the service has throttled it.

botocore's own adaptive mode starts from a measured rate of zero: throttled within the first half second, it
goes on with one call in two seconds for the whole service. This one starts from what was really sent.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

BACK_OFF = 0.7
RECOVER = 1.2
"""Factors of the rate: at a throttled second, and at one that was not."""
SLOWEST = 10.0
"""Calls a second that are never gone below; retries wait longer by themselves."""
WINDOW = 1.0
"""Seconds between changes of the rate."""


class ClientPace:
    """The pace of one client: free until it is throttled. Safe to use from many threads."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._sent: deque[float] = deque()
        self._rate: float | None = None
        self._free_at = 0.0
        """The rate at which the first throttling came, twice over: from there on it is free again."""
        self._next = 0.0
        self._changed = clock()

    def wait(self) -> None:
        """Before a call: waits for its turn, if there is a limit now."""
        with self._lock:
            now = self._clock()
            self._recover(now)
            turn = now
            if self._rate is not None:
                turn = max(now, self._next)
                self._next = turn + 1 / self._rate
            self._sent.append(turn)
            while self._sent[0] <= now - WINDOW:
                self._sent.popleft()
        if turn > now:
            self._sleep(turn - now)

    def throttled(self) -> None:
        """The service asked for fewer calls."""
        with self._lock:
            now = self._clock()
            if self._rate is not None and now - self._changed < WINDOW:
                return
            rate = self._rate
            if rate is None:
                rate = len(self._sent) / WINDOW
                self._free_at = 2 * rate
                self._next = now
            self._rate = max(SLOWEST, rate * BACK_OFF)
            self._changed = now

    def _recover(self, now: float) -> None:
        while self._rate is not None and now - self._changed >= WINDOW:
            self._rate *= RECOVER
            self._changed += WINDOW
            if self._rate > max(self._free_at, 2 * SLOWEST):
                self._rate = None
