"""Child resources, which no query lists: listed once per parent."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from providers.azure.client.calls import ArmCall, GraphCall, IdentityCall
from providers.azure.client.directory import GrantsCaller
from scanner.collect.collection import Collection, CollectionPlace
from scanner.collect.table import Answer, Item, Table
from scanner.model.evidence import Observed, Unknown

T = TypeVar("T")


@dataclass(frozen=True)
class Nested(Table[IdentityCall]):
    """A table whose ``list`` is called once per parent. An item is the child, with the parent's row under
    ``parent``."""

    parents: GraphCall = field(kw_only=True)

    def calls(self, wanted: frozenset[str]) -> frozenset[IdentityCall]:
        """Every call that collecting these facets can make, including the one for the parents."""
        return super().calls(wanted) | {self.parents}


def collect_nested(
    table: Nested,
    caller: GrantsCaller,
    collection: Collection,
    place: CollectionPlace,
    wanted: frozenset[str],
) -> None:
    """Starts collecting the kind in one subscription, all parents in parallel."""

    def start() -> None:
        for page in caller.pages(table.parents):
            if isinstance(page, Unknown):
                collection.blind_spot(place, page)
                break
            for parent in page:
                collection.run(table, _ParentCaller(caller, parent), place, wanted)
        else:
            collection.looked(place, table.name)
        collection.end(place)

    collection.begin(place)
    collection.workers.submit(start)


class _ParentCaller:
    """The caller of one parent."""

    def __init__(self, caller: GrantsCaller, parent: Item) -> None:
        self._caller = caller
        self._parent = parent

    def pages(self, call: IdentityCall) -> Iterator[Observed[Sequence[Item]]]:
        """The children, each with the parent's row."""
        if not isinstance(call, ArmCall):
            raise TypeError(f"{call.name} does not list children")
        for page in self._caller.children(call, self._parent):
            yield page if isinstance(page, Unknown) else self.read(call, self._with_parent, page)

    def answer(self, call: IdentityCall, item: Item) -> Observed[Answer]:
        """As for the subscription."""
        return self._caller.answer(call, item)

    def key(self, call: IdentityCall, item: Item) -> Hashable | None:
        """As for the subscription."""
        return self._caller.key(call, item)

    def read(self, call: IdentityCall | None, function: Callable[..., T], *arguments: object) -> Observed[T]:
        """As for the subscription."""
        return self._caller.read(call, function, *arguments)

    def _with_parent(self, children: Sequence[Item]) -> Sequence[Item]:
        return [{**child, "parent": self._parent} for child in children]
