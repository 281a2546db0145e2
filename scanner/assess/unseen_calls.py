"""Calls that told nothing of some resources, by what they said; how many are told apart is limited."""

from __future__ import annotations

import msgspec

MESSAGES = 1_000
"""Messages that are told apart: some name the resource, so that there can be as many as resources."""

OTHER_MESSAGES = "other messages"
"""Stands for all further messages of a call."""


class UnseenCall(msgspec.Struct, frozen=True, order=True):
    """A call that told nothing of some resources."""

    call: str
    reason: str
    message: str | None
    """``None`` if a permission would settle it."""

    @property
    def with_other_messages(self) -> UnseenCall:
        """The same call and reason, whatever it said."""
        return UnseenCall(self.call, self.reason, OTHER_MESSAGES)


def limit_messages(unseen: dict[UnseenCall, int], number: int = MESSAGES) -> None:
    """Counts the resources of all but so many messages together.

    The first in the order of their text are kept, so that the result is the same whatever order they come in
    and wherever they are added up: what is among the first of all is among the first of each part.
    """
    kept = (None, OTHER_MESSAGES)
    told = sorted(
        (one for one in unseen if one.message not in kept),
        key=lambda one: (one.call, one.reason, one.message or ""),
    )
    for one in told[number:]:
        other = one.with_other_messages
        unseen[other] = unseen.get(other, 0) + unseen.pop(one)
