"""Reads a tenant through Microsoft Graph, each call once, however many subscriptions need it."""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from providers.azure.client.caller import SubscriptionCaller
from providers.azure.client.calls import ArmCall, Digest, DirectoryCall, GraphCall, IdentityCall, MembersCall
from providers.azure.client.client import Count, MicrosoftGraph
from scanner.collect.table import Answer, Item
from scanner.model.evidence import Observed, Unknown, join

T = TypeVar("T")
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class _Cache(Generic[T]):
    """Answers that are requested once, by whichever thread asks first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._key_locks: dict[Hashable, threading.Lock] = defaultdict(threading.Lock)
        self._answers: dict[Hashable, T] = {}

    def get(self, key: Hashable, request: Callable[[], T]) -> T:
        with self._lock:
            key_lock = self._key_locks[key]
        with key_lock:
            if key not in self._answers:
                self._answers[key] = request()
            return self._answers[key]


class Grants:
    """One subscription's role lists, each reduced once."""

    def __init__(self, caller: SubscriptionCaller) -> None:
        self.caller = caller
        self._cache = _Cache[Observed[Any]]()

    def digest(self, call: Digest) -> Observed[Answer]:
        """The digest of the list."""
        return self._cache.get(call, lambda: self._digest(call))

    def _digest(self, call: Digest) -> Observed[Answer]:
        answer = self.caller.answer(call.call, {})
        return answer if isinstance(answer, Unknown) else self.caller.read(call.call, call.digest, answer)


class TenantDirectory:
    """One tenant. Shared by the callers of the tenant and of its subscriptions."""

    def __init__(self, graph: MicrosoftGraph, tenant: str, grants: Sequence[Grants], count: Count) -> None:
        self.tenant = tenant
        self._graph = graph
        self._grants = grants
        self._count = count
        self._cache = _Cache[Observed[Any]]()
        self._lists = _Cache[tuple[Sequence[Any], Unknown | None]]()

    def pages(self, call: DirectoryCall) -> Iterator[Observed[Sequence[Item]]]:
        """The items of a list, page by page; an Unknown for what is missing."""
        missing: list[Unknown] = []
        for page in self._pages(call):
            if isinstance(page, Unknown):
                missing.append(page)
                break
            for row in page:
                items = self.read(call, lambda row: tuple(call.items(row)), row)
                if isinstance(items, Unknown):
                    missing.append(items)
                else:
                    yield items
        if missing:
            yield join(missing)

    def _pages(self, call: DirectoryCall) -> Iterator[Observed[Sequence[Any]]]:
        """The pages; of a call that facets need too, as one page, which is kept for its digest."""
        if not call.digested:
            return self._graph.pages(call, "", self._count)
        rows, missing = self._rows(call)
        return iter((rows,) if missing is None else (rows, missing))

    def _rows(self, call: DirectoryCall) -> tuple[Sequence[Any], Unknown | None]:
        def ask() -> tuple[Sequence[Any], Unknown | None]:
            rows: list[Any] = []
            for page in self._graph.pages(call, "", self._count):
                if isinstance(page, Unknown):
                    return rows, page
                rows.extend(page)
            return rows, None

        return self._lists.get(call, ask)

    def answer(self, call: DirectoryCall | Digest | MembersCall) -> Observed[Answer]:
        """The digest of the answer about the tenant, or of those about all its scanned subscriptions."""
        return self._cache.get(call, lambda: self._ask(call))

    def read(self, call: IdentityCall, function: Callable[..., T], *arguments: Any) -> Observed[T]:
        """Runs a mapping function; an answer of an unexpected format becomes Unknown(error)."""
        return self._graph.read(call, function, *arguments)

    def _ask(self, call: DirectoryCall | Digest | MembersCall) -> Observed[Answer]:
        if isinstance(call, Digest):
            return tuple(one.digest(call) for one in self._grants)
        if isinstance(call, MembersCall):
            groups = self.read(call, call.groups, *(self.answer(one) for one in call.of))
            if isinstance(groups, Unknown):
                return groups
            return {group: self._members(call.call, group) for group in sorted(groups)}
        if call.paged and call.digested:
            rows, missing = self._rows(call)
            return self.read(call, call.digest, rows) if missing is None else missing
        answer = self._graph.get(call, "", self._count)
        return answer if isinstance(answer, Unknown) else self.read(call, call.digest, answer)

    def _members(self, call: DirectoryCall, group: str) -> Observed[Any]:
        return self._cache.get((call, group), lambda: self._ask_members(call, group))

    def _ask_members(self, call: DirectoryCall, group: str) -> Observed[Any]:
        if not _GUID.fullmatch(group):
            return Unknown.because("error", call.name, None, "the object ID has an unexpected format")
        answer = self._graph.get(call, group, self._count)
        return answer if isinstance(answer, Unknown) else self.read(call, call.digest, answer)


class TenantCaller:
    """The caller of one tenant."""

    def __init__(self, directory: TenantDirectory) -> None:
        self._directory = directory

    def pages(self, call: IdentityCall) -> Iterator[Observed[Sequence[Item]]]:
        """The items of a Microsoft Graph list."""
        if not isinstance(call, DirectoryCall):
            raise TypeError(f"{call.name} is not a list call")
        return self._directory.pages(call)

    def answer(self, call: IdentityCall, item: Item) -> Observed[Answer]:
        """The digest of the answer; every answer is about the whole tenant."""
        if isinstance(call, ArmCall | GraphCall):
            raise TypeError(f"{call.name} is not about a tenant")
        return self._directory.answer(call)

    def key(self, call: IdentityCall, item: Item) -> Hashable | None:
        """The tenant."""
        return self._directory.tenant

    def read(self, call: IdentityCall | None, function: Callable[..., T], *arguments: Any) -> Observed[T]:
        """Runs a mapping function; an answer of an unexpected format becomes Unknown(error)."""
        return self._directory.read(call or _LISTED, function, *arguments)


class GrantsCaller:
    """The caller of one subscription, and of its tenant for the principals of its role assignments."""

    def __init__(self, grants: Grants, directory: TenantDirectory | Unknown) -> None:
        self._grants = grants
        self._directory = directory

    def pages(self, call: IdentityCall) -> Iterator[Observed[Sequence[Item]]]:
        """The items of a list about the subscription."""
        if not isinstance(call, ArmCall | GraphCall):
            raise TypeError(f"{call.name} is not a list call")
        return self._grants.caller.pages(call)

    def children(self, call: ArmCall, parent: Item) -> Iterator[Observed[Sequence[Item]]]:
        """The pages of a list about the parent."""
        return self._grants.caller.children(call, parent)

    def answer(self, call: IdentityCall, item: Item) -> Observed[Answer]:
        """The digest of the answer about the subscription or the tenant."""
        if isinstance(call, Digest):
            return self._grants.digest(call)
        if isinstance(call, ArmCall | GraphCall):
            return self._grants.caller.answer(call, item)
        return self._directory if isinstance(self._directory, Unknown) else self._directory.answer(call)

    def key(self, call: IdentityCall, item: Item) -> Hashable | None:
        """As for the subscription; no answer about the tenant depends on the item."""
        return self._grants.caller.key(call, item) if isinstance(call, ArmCall | GraphCall) else call.name

    def read(self, call: IdentityCall | None, function: Callable[..., T], *arguments: Any) -> Observed[T]:
        """Runs a mapping function; an answer of an unexpected format becomes Unknown(error)."""
        return self._grants.caller.read(call, function, *arguments)


_LISTED = DirectoryCall(name="Microsoft.Graph", permission=None, path="")
