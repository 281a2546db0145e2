"""Resources that no query lists, because they stand within others: asked for one parent at a time."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from providers.azure.client.caller import SubscriptionCaller
from providers.azure.client.calls import ArmCall, AzureCall, GraphCall
from scanner.collect.collection import Answer, Collection, CollectionPlace, Item, Table
from scanner.model.evidence import Observed, Unknown

T = TypeVar("T")


@dataclass(frozen=True)
class Nested(Table[AzureCall]):
    """A table whose ``list`` is asked about each parent. An item is the child's own, and holds the parent's
    row under ``parent``."""

    parents: GraphCall = field(kw_only=True)

    def calls(self, wanted: frozenset[str]) -> frozenset[AzureCall]:
        """Every call that collecting these facets can make, that for the parents among them."""
        return super().calls(wanted) | {self.parents}


def collect_nested(
    table: Nested,
    caller: SubscriptionCaller,
    collection: Collection,
    place: CollectionPlace,
    wanted: frozenset[str],
) -> None:
    """Starts collecting the kind in one subscription, all parents side by side."""

    def start() -> None:
        for page in caller.pages(table.parents):
            if isinstance(page, Unknown):
                collection.blind_spot(place, page)
                break
            for parent in page:
                collection.run(table, _ParentCaller(caller, parent), place, wanted)
        collection.end(place)

    collection.begin(place)
    collection.workers.submit(start)


class _ParentCaller:
    """Asks on behalf of one parent."""

    def __init__(self, caller: SubscriptionCaller, parent: Item) -> None:
        self._caller = caller
        self._parent = parent

    def pages(self, call: AzureCall) -> Iterator[Observed[Sequence[Item]]]:
        """The children, each with the parent's row."""
        if not isinstance(call, ArmCall):
            raise TypeError(f"{call.name} lists no children")
        for page in self._caller.children(call, self._parent):
            yield page if isinstance(page, Unknown) else self.read(call, self._within, page)

    def answer(self, call: AzureCall, item: Item) -> Observed[Answer]:
        """As the subscription's caller."""
        return self._caller.answer(call, item)

    def key(self, call: AzureCall, item: Item) -> Hashable | None:
        """As the subscription's caller."""
        return self._caller.key(call, item)

    def read(self, call: AzureCall | None, function: Callable[..., T], *arguments: object) -> Observed[T]:
        """As the subscription's caller."""
        return self._caller.read(call, function, *arguments)

    def _within(self, children: Sequence[Item]) -> Sequence[Item]:
        return [{**child, "parent": self._parent} for child in children]
