"""Waiting times before a retry, from the response headers."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping

RETRIED = frozenset({408, 429, 500, 502, 503, 504})
"""Statuses after which a retry may succeed."""
_RETRY_AFTER = "Retry-After"
_RESET = "x-ms-user-quota-resets-after"
_REMAINING = "x-ms-user-quota-remaining"
READ_HEADERS = (_RETRY_AFTER, _RESET, _REMAINING)
"""All response headers that the client reads."""
_FIRST_WAIT = 0.5


def pause(headers: Mapping[str, str], attempt: int, most: float) -> float:
    """Seconds to wait after the failed ``attempt`` (1 for the first), at most ``most``.

    From ``Retry-After``, then from the Resource Graph quota, else exponential backoff. Throttled Resource
    Graph responses may lack Retry-After.
    """
    retry_after = headers.get(_RETRY_AFTER, "")
    if re.fullmatch(r"[0-9]{1,6}", retry_after):
        seconds = float(retry_after)
    else:
        seconds = max(_seconds(headers.get(_RESET, "")), _FIRST_WAIT * 2 ** (attempt - 1))
    return min(seconds, most)


class QueryPace:
    """Delays Resource Graph queries while the user's quota is used up; shared by all threads.

    https://learn.microsoft.com/azure/governance/resource-graph/concepts/guidance-for-throttled-requests
    """

    def __init__(self, clock: Callable[[], float], sleep: Callable[[float], None], most: float) -> None:
        self._clock = clock
        self._sleep = sleep
        self._most = most
        self._lock = threading.Lock()
        self._resume = 0.0

    def wait(self) -> None:
        """Returns when a query may be sent."""
        with self._lock:
            seconds = self._resume - self._clock()
        if seconds > 0:
            self._sleep(min(seconds, self._most))

    def update(self, headers: Mapping[str, str]) -> None:
        """Records the quota from the headers of a response."""
        remaining = headers.get(_REMAINING, "")
        if re.fullmatch(r"[0-9]{1,9}", remaining) and int(remaining) == 0:
            with self._lock:
                self._resume = max(self._resume, self._clock() + _seconds(headers.get(_RESET, "")))


def _seconds(text: str) -> float:
    match = re.fullmatch(r"([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:\.[0-9]+)?", text)
    if match is None:
        return 0.0
    hours, minutes, seconds = (int(part) for part in match.groups())
    return float(hours * 3600 + minutes * 60 + seconds)
