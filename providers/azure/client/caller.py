"""The calls of one subscription, and the check that a Resource Graph listing is complete."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from providers.azure.client.calls import ArmCall, AzureCall, GraphCall
from providers.azure.client.client import BATCH, DENY_ASSIGNMENTS, PERMISSIONS, Count, ResourceManager
from providers.azure.client.completeness import allows, may_hide
from providers.azure.client.guard import resource_id
from scanner.collect.collection import Collection
from scanner.collect.table import Answer, Call, Item
from scanner.model.evidence import Observed, Unknown, join

T = TypeVar("T")
Row = Mapping[str, Any]


class Graph:
    """Runs each query once per batch of subscriptions and returns each subscription its own rows."""

    def __init__(self, manager: ResourceManager, subscriptions: Sequence[str], count: Count) -> None:
        self._manager = manager
        self._count = count
        batches = [
            tuple(subscriptions[start : start + BATCH]) for start in range(0, len(subscriptions), BATCH)
        ]
        self._batch_of = {subscription: batch for batch in batches for subscription in batch}
        self._lock = threading.Lock()
        self._call_locks: dict[tuple[GraphCall, tuple[str, ...]], threading.Lock] = defaultdict(
            threading.Lock
        )
        self._results: dict[
            tuple[GraphCall, tuple[str, ...]], tuple[dict[str, list[Row]], Unknown | None]
        ] = {}

    def rows(self, call: GraphCall, subscription: str) -> tuple[Sequence[Row], Unknown | None]:
        """The subscription's rows, and the reason why some may be missing."""
        key = (call, self._batch_of[subscription])
        with self._lock:
            call_lock = self._call_locks[key]
        with call_lock:
            if key not in self._results:
                self._results[key] = self._ask(call, key[1])
            by_subscription, missing = self._results[key]
        return by_subscription.get(subscription, ()), missing

    def _ask(self, call: GraphCall, batch: tuple[str, ...]) -> tuple[dict[str, list[Row]], Unknown | None]:
        by_subscription: dict[str, list[Row]] = defaultdict(list)
        missing: list[Unknown] = []
        for page in self._manager.query(call, batch, self._count):
            if isinstance(page, Unknown):
                return by_subscription, join([*missing, page])
            for row in page:
                subscription = self._manager.read(call, _subscription_of, row)
                if isinstance(subscription, Unknown):
                    missing.append(subscription)
                else:
                    by_subscription[subscription].append(row)
        return by_subscription, join(missing) if missing else None


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
        self._permissions: Observed[tuple[Any, Any]] | None = None
        self._call_locks: dict[ArmCall, threading.Lock] = defaultdict(threading.Lock)
        self._results: dict[ArmCall, tuple[Answer, Unknown | None]] = {}

    def pages(self, call: AzureCall) -> Iterator[Observed[Sequence[Item]]]:
        """The items of a Resource Graph query, then an Unknown unless the listing is proven complete.

        For a Resource Manager list, which is denied as a whole rather than filtered: its items.
        """
        if isinstance(call, ArmCall):
            rows, missing = self._once(call)
        else:
            rows, missing = self._graph.rows(call, self._subscription)
        causes = [] if missing is None else [missing]
        for row in rows or ():
            items = self.read(call, call.items, row)
            if isinstance(items, Unknown):
                causes.append(items)
            elif isinstance(call, ArmCall):
                yield items
            else:
                yield [item for item in items if not self._locations or item["location"] in self._locations]
        incomplete = join(causes) if causes else None
        if incomplete is None and isinstance(call, GraphCall):
            incomplete = self._incomplete(call)
        if incomplete is not None:
            yield incomplete

    def answer(self, call: AzureCall, item: Item) -> Observed[Answer]:
        """The answer about the item or the subscription. For a query: the rows of the subscription, or their
        digest if the listing is proven complete."""
        if isinstance(call, GraphCall):
            rows, missing = self._graph.rows(call, self._subscription)
            if missing is not None or call.digest is None:
                return missing if missing is not None else rows
            incomplete = self._incomplete(call)
            return incomplete if incomplete is not None else self.read(call, call.digest, rows)
        if not call.about_item:
            answer, incomplete = self._once(call)
            return incomplete if incomplete is not None else answer
        item_id = self.read(call, lambda: resource_id(item["id"], call.of))
        if isinstance(item_id, Unknown):
            return item_id
        return self._manager.get(call, self._subscription, item_id, self._count)

    def children(self, call: ArmCall, parent: Item) -> Iterator[Observed[Sequence[Item]]]:
        """The pages of a list about the parent; an Unknown in place of a page ends the list."""
        item_id = self.read(call, lambda: resource_id(parent["id"], call.of))
        if isinstance(item_id, Unknown):
            yield item_id
            return
        yield from self._manager.pages(call, self._subscription, item_id, self._count)

    def key(self, call: AzureCall, item: Item) -> Hashable | None:
        """The subscription, for calls that are about the subscription and not about the item."""
        if isinstance(call, GraphCall) or not call.about_item:
            return self._subscription
        return None

    def read(self, call: Call | None, function: Callable[..., T], *arguments: Any) -> Observed[T]:
        """Runs a mapping function; an answer of an unexpected format becomes Unknown(error)."""
        return self._manager.read(call or _LISTED, function, *arguments)

    def _once(self, call: ArmCall) -> tuple[Answer, Unknown | None]:
        """The answer about the subscription, and the reason why some of it may be missing.

        Requested once, even if both a listing and facets need it.
        """
        with self._lock:
            call_lock = self._call_locks[call]
        with call_lock:
            if call not in self._results:
                self._results[call] = self._ask(call)
            return self._results[call]

    def _ask(self, call: ArmCall) -> tuple[Answer, Unknown | None]:
        if not call.paged:
            answer = self._manager.get(call, self._subscription, "", self._count)
            return (None, answer) if isinstance(answer, Unknown) else (answer, None)
        items: list[Item] = []
        for page in self._manager.pages(call, self._subscription, "", self._count):
            if isinstance(page, Unknown):
                return items, page
            items.extend(page)
        return items, None

    def _count(self, operation: str) -> None:
        self._collection.called("azure", operation)

    def _incomplete(self, call: GraphCall) -> Unknown | None:
        """Why rows may be missing; ``None`` if the listing is proven complete."""
        action = call.permission
        if action is None:
            return None
        with self._lock:
            if self._permissions is None:
                self._permissions = self._read_permissions()
            caller_permissions = self._permissions
        if isinstance(caller_permissions, Unknown):
            return caller_permissions
        permissions, deny_assignments = caller_permissions
        allowed = self.read(PERMISSIONS, allows, permissions, action)
        if isinstance(allowed, Unknown):
            return allowed
        if not allowed:
            message = f"no role allows {action} on the whole subscription, so resources may be missing"
            return Unknown.because("denied", call.name, action, message)
        hidden = self.read(DENY_ASSIGNMENTS, may_hide, deny_assignments, action, self._principal)
        if isinstance(hidden, Unknown):
            return hidden
        if hidden:
            message = f"{len(hidden)} deny assignment(s) may block {action}, so resources may be missing"
            return Unknown.because("denied_by_organisation", call.name, None, message)
        return None

    def _read_permissions(self) -> Observed[tuple[Any, Any]]:
        answers = []
        for call in (PERMISSIONS, DENY_ASSIGNMENTS):
            answer = self._manager.get(call, self._subscription, "", self._count)
            if isinstance(answer, Unknown):
                return answer
            answers.append(answer)
        return (answers[0], answers[1])


def _subscription_of(row: Row) -> str:
    return str(row["subscriptionId"].lower())


_LISTED = GraphCall(name="Microsoft.ResourceGraph/Resources", permission=None, query="")
