"""The request rate of one client after the service has throttled it.

botocore's own adaptive mode starts from a measured rate of zero: throttled within the first half second, it
continues with one call in two seconds for the whole service. This one starts from the actual rate.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

BACK_OFF = 0.7
RECOVER = 1.2
"""Factors of the rate: after a throttled second, and after one without throttling."""
SLOWEST = 10.0
"""The minimum rate in calls per second; retries have longer waits of their own."""
WINDOW = 1.0
"""Seconds between changes of the rate."""


class ClientPace:
    """The pace of one client: unlimited until it is throttled. Safe to use from many threads."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._sent: deque[float] = deque()
        self._rate: float | None = None
        self._free_at = 0.0
        """Twice the rate at the first throttling: above it the client is unlimited again."""
        self._next = 0.0
        self._changed = clock()

    def wait(self) -> None:
        """Before a call: waits for its turn, if the rate is limited."""
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
        """After a throttled call: lowers the rate, at most once per window."""
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
