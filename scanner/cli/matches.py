"""What may be meant by a name, gathered in one pass over any number of things; memory use is bounded."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

LISTED = 10
"""Maximum matches that a message lists."""
_SIMILAR = 1_000
"""Names that are compared with a name that nothing matches: so many that begin or end alike, and so many
others."""
_ALIKE = 3
"""Characters at the beginning or the end that make names alike."""


class Matches(Generic[T]):
    """Matches of a name by their rank: the exact id, the id or name in any case, or a part of one."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._wanted = name.lower()
        self._found: tuple[dict[Hashable, T], ...] = ({}, {}, {})
        self._alike: dict[str, None] = {}
        self._others: dict[str, None] = {}

    def rank(self, id: str, name: str) -> int | None:
        """How well a thing with this id and name matches: 0 is best, ``None`` not at all."""
        if id == self._name:
            return 0
        ids = (id.lower(), name.lower())
        if self._wanted in ids:
            return 1
        if self._wanted in ids[0] or self._wanted in ids[1]:
            return 2
        for one in (name, id):
            self._remember(one)
        return None

    def add(self, rank: int, key: Hashable, thing: T) -> None:
        """Adds a match; of the same key, the first is kept."""
        found = self._found[rank]
        if len(found) <= LISTED:
            found.setdefault(key, thing)

    def offer(self, key: Hashable, id: str, name: str, thing: T) -> None:
        """Adds a thing if it matches."""
        if (rank := self.rank(id, name)) is not None:
            self.add(rank, key, thing)

    def best(self) -> list[T]:
        """The matches of the best rank that has any; one more than :data:`LISTED` stands for any more."""
        return next((list(found.values()) for found in self._found if found), [])

    @property
    def similar(self) -> Iterator[str]:
        """A sample of the other names, those that begin or end alike first."""
        yield from self._alike
        yield from self._others

    def _remember(self, name: str) -> None:
        folded = name.lower()
        wanted = self._wanted
        alike = folded[:_ALIKE] == wanted[:_ALIKE] or folded[-_ALIKE:] == wanted[-_ALIKE:]
        names = self._alike if alike else self._others
        if len(names) < _SIMILAR:
            names[name] = None
