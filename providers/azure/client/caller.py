"""Asks on behalf of one subscription, and proves that what Resource Graph listed is all there is."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from providers.azure.client.calls import ArmCall, AzureCall, GraphCall
from providers.azure.client.client import BATCH, DENY_ASSIGNMENTS, PERMISSIONS, Count, ResourceManager
from providers.azure.client.completeness import allows, may_hide
from providers.azure.client.guard import resource_id
from scanner.collect.collection import Answer, Call, Collection, Item
from scanner.model.evidence import Observed, Unknown, join

T = TypeVar("T")
Row = Mapping[str, Any]


class Graph:
    """Makes each query once for a batch of subscriptions and hands every subscription its rows."""

    def __init__(self, manager: ResourceManager, subscriptions: Sequence[str], count: Count) -> None:
        self._manager = manager
        self._count = count
        batches = [
            tuple(subscriptions[start : start + BATCH]) for start in range(0, len(subscriptions), BATCH)
        ]
        self._batch_of = {subscription: batch for batch in batches for subscription in batch}
        self._lock = threading.Lock()
        self._asking: dict[tuple[GraphCall, tuple[str, ...]], threading.Lock] = defaultdict(threading.Lock)
        self._told: dict[tuple[GraphCall, tuple[str, ...]], tuple[dict[str, list[Row]], Unknown | None]] = {}

    def rows(self, call: GraphCall, subscription: str) -> tuple[Sequence[Row], Unknown | None]:
        """The subscription's rows, and why some may be missing."""
        key = (call, self._batch_of[subscription])
        with self._lock:
            asking = self._asking[key]
        with asking:
            if key not in self._told:
                self._told[key] = self._ask(call, key[1])
            split, missing = self._told[key]
        return split.get(subscription, ()), missing

    def _ask(self, call: GraphCall, batch: tuple[str, ...]) -> tuple[dict[str, list[Row]], Unknown | None]:
        split: dict[str, list[Row]] = defaultdict(list)
        lost: list[Unknown] = []
        for page in self._manager.query(call, batch, self._count):
            if isinstance(page, Unknown):
                return split, join([*lost, page])
            for row in page:
                of = self._manager.read(call, _owner, row)
                if isinstance(of, Unknown):
                    lost.append(of)
                else:
                    split[of].append(row)
        return split, join(lost) if lost else None


class SubscriptionCaller:
    """The caller of one subscription."""

    def __init__(
        self,
        manager: ResourceManager,
        graph: Graph,
        subscription: str,
        principal: str | None,
        collection: Collection,
        locations: frozenset[str],
    ) -> None:
        self._manager = manager
        self._graph = graph
        self._subscription = subscription
        self._principal = principal
        self._collection = collection
        self._locations = locations
        self._lock = threading.Lock()
        self._rights: Observed[tuple[Any, Any]] | None = None
        self._asking: dict[ArmCall, threading.Lock] = defaultdict(threading.Lock)
        self._told: dict[ArmCall, tuple[Answer, Unknown | None]] = {}

    def pages(self, call: AzureCall) -> Iterator[Observed[Sequence[Item]]]:
        """The items of a query at Resource Graph, then an Unknown unless they are proven to be all.

        Of a list at the Resource Manager, which refuses where it may not tell all: its items.
        """
        if isinstance(call, ArmCall):
            answer, incomplete = self._once(call)
            yield answer or ()
            if incomplete is not None:
                yield incomplete
            return
        rows, missing = self._graph.rows(call, self._subscription)
        lost = [] if missing is None else [missing]
        for row in rows:
            items = self.read(call, call.items, row)
            if isinstance(items, Unknown):
                lost.append(items)
            else:
                yield [item for item in items if not self._locations or item["location"] in self._locations]
        doubt = join(lost) if lost else self._doubt(call)
        if doubt is not None:
            yield doubt

    def answer(self, call: AzureCall, item: Item) -> Observed[Answer]:
        """The answer about the item or the subscription. For a query: the rows of the subscription, or what
        its digest makes of them once they are proven to be all."""
        if isinstance(call, GraphCall):
            rows, missing = self._graph.rows(call, self._subscription)
            if missing is not None or call.digest is None:
                return missing if missing is not None else rows
            doubt = self._doubt(call)
            return doubt if doubt is not None else self.read(call, call.digest, rows)
        if not call.about_item:
            answer, incomplete = self._once(call)
            return incomplete if incomplete is not None else answer
        about = self.read(call, lambda: resource_id(item["id"], call.of))
        if isinstance(about, Unknown):
            return about
        return self._manager.get(call, self._subscription, about, self._count)

    def children(self, call: ArmCall, parent: Item) -> Iterator[Observed[Sequence[Item]]]:
        """The pages of a list about the parent; an Unknown in place of a page ends it."""
        about = self.read(call, lambda: resource_id(parent["id"], call.of))
        if isinstance(about, Unknown):
            yield about
            return
        yield from self._manager.pages(call, self._subscription, about, self._count)

    def key(self, call: AzureCall, item: Item) -> Hashable | None:
        """The subscription, for what is about it and not about the item."""
        if isinstance(call, GraphCall) or not call.about_item:
            return self._subscription
        return None

    def read(self, call: Call | None, function: Callable[..., T], *arguments: Any) -> Observed[T]:
        """Runs a mapping function; an answer of an unexpected form becomes Unknown(error)."""
        return self._manager.read(call or _LISTED, function, *arguments)

    def _once(self, call: ArmCall) -> tuple[Answer, Unknown | None]:
        """The answer about the subscription, asked once though both a listing and facets want it; and why
        some of it may be missing."""
        with self._lock:
            asking = self._asking[call]
        with asking:
            if call not in self._told:
                self._told[call] = self._ask(call)
            return self._told[call]

    def _ask(self, call: ArmCall) -> tuple[Answer, Unknown | None]:
        if not call.paged:
            answer = self._manager.get(call, self._subscription, "", self._count)
            return (None, answer) if isinstance(answer, Unknown) else (answer, None)
        gathered: list[Item] = []
        for page in self._manager.pages(call, self._subscription, "", self._count):
            if isinstance(page, Unknown):
                return gathered, page
            gathered.extend(page)
        return gathered, None

    def _count(self, operation: str) -> None:
        self._collection.called("azure", operation)

    def _doubt(self, call: GraphCall) -> Unknown | None:
        """Why rows may have been left out; ``None`` when it is proven that none were."""
        action = call.permission
        if action is None:
            return None
        with self._lock:
            if self._rights is None:
                self._rights = self._ask_rights()
            rights = self._rights
        if isinstance(rights, Unknown):
            return rights
        permissions, denials = rights
        allowed = self.read(PERMISSIONS, allows, permissions, action)
        if isinstance(allowed, Unknown):
            return allowed
        if not allowed:
            message = f"no role allows {action} on the whole subscription, so some may be left out"
            return Unknown.because("denied", call.name, action, message)
        hidden = self.read(DENY_ASSIGNMENTS, may_hide, denials, action, self._principal)
        if isinstance(hidden, Unknown):
            return hidden
        if hidden:
            message = f"{len(hidden)} deny assignment(s) may take {action} away, so some may be left out"
            return Unknown.because("denied_by_organisation", call.name, None, message)
        return None

    def _ask_rights(self) -> Observed[tuple[Any, Any]]:
        answers = []
        for call in (PERMISSIONS, DENY_ASSIGNMENTS):
            answer = self._manager.get(call, self._subscription, "", self._count)
            if isinstance(answer, Unknown):
                return answer
            answers.append(answer)
        return (answers[0], answers[1])


def _owner(row: Row) -> str:
    return str(row["subscriptionId"].lower())


_LISTED = GraphCall(name="Microsoft.ResourceGraph/Resources", permission=None, query="")
