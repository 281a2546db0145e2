"""The register of a cloud: which tables make up each kind, and which kinds the cloud does not have.

A table that the register names and that was not listed leaves a blind spot. A kind that the register does not
name at all is unassessed: never absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from scanner.collect.collection import Collection, CollectionPlace
from scanner.model.inventory import Wanted

NOT_THERE = "not there"
"""Stands for the table of a kind that cannot exist in a scope."""


@dataclass(frozen=True)
class Register:
    """What can exist in one sort of scope of a cloud."""

    provider: str
    sources: Mapping[str, tuple[str, ...]]
    """By kind: the names of all tables that it is listed by."""
    not_there: Mapping[str, str]
    """Kinds that cannot exist in the scope, each with the reason."""
    without_table: Mapping[str, str] = field(default_factory=dict)
    """Kinds that can exist in the scope but have no table yet, each with the reason: they stay unassessed."""

    def announce(self, scope: str, wanted: Wanted, collection: Collection) -> None:
        """States what the collection of a scope has to list, and what cannot be there."""
        for kind in wanted:
            place = CollectionPlace(self.provider, scope, None, kind)
            for table in self.sources.get(kind, ()):
                collection.expect(place, table)
            if kind in self.not_there:
                collection.looked(place, NOT_THERE)
