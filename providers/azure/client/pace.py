"""How long to wait before asking again, as the answers' own headers say."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping

RETRIED = frozenset({408, 429, 500, 502, 503, 504})
"""Statuses after which the same question may be answered."""
_RESET = "x-ms-user-quota-resets-after"
_REMAINING = "x-ms-user-quota-remaining"
_FIRST_WAIT = 0.5


def pause(headers: Mapping[str, str], attempt: int, most: float) -> float:
    """Seconds to wait after the failed ``attempt`` (1 for the first), never more than ``most``.

    ``Retry-After`` decides, then the quota of Resource Graph, else each wait is twice the last one.
    Throttled queries at Resource Graph may come without Retry-After.
    """
    asked = headers.get("Retry-After", "")
    if re.fullmatch(r"[0-9]{1,6}", asked):
        seconds = float(asked)
    else:
        seconds = max(_seconds(headers.get(_RESET, "")), _FIRST_WAIT * 2 ** (attempt - 1))
    return min(seconds, most)


class QueryPace:
    """Holds queries at Resource Graph back while the user's quota is used up; shared by all threads.

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

    def heard(self, headers: Mapping[str, str]) -> None:
        """Takes note of the quota that an answer tells."""
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
