"""The ends of listings: a cloud whose pages never end must not keep a scan for ever."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from scanner.collect.table import Item
from scanner.model.evidence import Observed, Unknown


@dataclass(frozen=True)
class ListingLimits:
    """How long one listing may go on. What was listed until then counts, with a blind spot for the rest."""

    pages: int = 10_000
    """Ten times what the largest accounts need at the clouds' page sizes of 100 to 1,000."""
    seconds: float = 3600.0
    clock: Callable[[], float] = time.monotonic
    """In seconds, from any start."""

    def bound(
        self, call: str, pages: Iterable[Observed[Sequence[Item]]]
    ) -> Iterator[Observed[Sequence[Item]]]:
        """The pages; an Unknown in place of what lies beyond the limits."""
        end = self.clock() + self.seconds
        for number, page in enumerate(pages, 1):
            if number > self.pages:
                yield Unknown.because("error", call, None, f"the list goes on after {self.pages:,} pages")
                return
            yield page
            if self.clock() > end:
                message = f"the list goes on after {self.seconds / 60:,.0f} minutes"
                yield Unknown.because("error", call, None, message)
                return
