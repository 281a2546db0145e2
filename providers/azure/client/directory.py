"""Asks about a tenant through Microsoft Graph, each thing once, however many subscriptions want to know."""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, TypeVar

from providers.azure.client.caller import SubscriptionCaller
from providers.azure.client.calls import ArmCall, Digest, DirectoryCall, GraphCall, IdentityCall, MembersCall
from providers.azure.client.client import Count, MicrosoftGraph
from scanner.collect.collection import Answer, Item
from scanner.model.evidence import Observed, Unknown, join

T = TypeVar("T")
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class _Once:
    """Answers that are asked for once, whoever asks first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asking: dict[Hashable, threading.Lock] = defaultdict(threading.Lock)
        self._told: dict[Hashable, Observed[Any]] = {}

    def ask(self, key: Hashable, question: Callable[[], Observed[Any]]) -> Observed[Any]:
        with self._lock:
            asking = self._asking[key]
        with asking:
            if key not in self._told:
                self._told[key] = question()
            return self._told[key]


class Grants:
    """One subscription's lists about roles, each digested once."""

    def __init__(self, caller: SubscriptionCaller) -> None:
        self.caller = caller
        self._once = _Once()

    def digest(self, call: Digest) -> Observed[Answer]:
        """What is kept of the list."""
        return self._once.ask(call, lambda: self._digest(call))

    def _digest(self, call: Digest) -> Observed[Answer]:
        told = self.caller.answer(call.call, {})
        return told if isinstance(told, Unknown) else self.caller.read(call.call, call.digest, told)


class TenantDirectory:
    """One tenant. Shared by the callers of the tenant and of its subscriptions."""

    def __init__(self, graph: MicrosoftGraph, tenant: str, grants: Sequence[Grants], count: Count) -> None:
        self.tenant = tenant
        self._graph = graph
        self._grants = grants
        self._count = count
        self._once = _Once()

    def pages(self, call: DirectoryCall) -> Iterator[Observed[Sequence[Item]]]:
        """The items of a list, as its pages come; an Unknown for what is missing."""
        lost: list[Unknown] = []
        for page in self._graph.pages(call, "", self._count):
            if isinstance(page, Unknown):
                lost.append(page)
                break
            for row in page:
                items = self.read(call, lambda row: tuple(call.items(row)), row)
                if isinstance(items, Unknown):
                    lost.append(items)
                else:
                    yield items
        if lost:
            yield join(lost)

    def answer(self, call: DirectoryCall | Digest | MembersCall) -> Observed[Answer]:
        """What is kept of the answer about the tenant, or about all of its scanned subscriptions."""
        return self._once.ask(call, lambda: self._ask(call))

    def read(self, call: IdentityCall, function: Callable[..., T], *arguments: Any) -> Observed[T]:
        """Runs a mapping function; an answer of an unexpected form becomes Unknown(error)."""
        return self._graph.read(call, function, *arguments)

    def _ask(self, call: DirectoryCall | Digest | MembersCall) -> Observed[Answer]:
        if isinstance(call, Digest):
            return tuple(one.digest(call) for one in self._grants)
        if isinstance(call, MembersCall):
            groups = call.groups(*(self.answer(one) for one in call.of))
            return {group: self._members(call.call, group) for group in sorted(groups)}
        told = self._graph.get(call, "", self._count)
        return told if isinstance(told, Unknown) else self.read(call, call.digest, told)

    def _members(self, call: DirectoryCall, group: str) -> Observed[frozenset[str]]:
        return self._once.ask((call, group), lambda: self._ask_members(call, group))

    def _ask_members(self, call: DirectoryCall, group: str) -> Observed[frozenset[str]]:
        if not _GUID.fullmatch(group):
            return Unknown.because("error", call.name, None, "the id of a group has an unexpected form")
        told = self._graph.get(call, group, self._count)
        return told if isinstance(told, Unknown) else self.read(call, call.digest, told)


class TenantCaller:
    """The caller of one tenant."""

    def __init__(self, directory: TenantDirectory) -> None:
        self._directory = directory

    def pages(self, call: IdentityCall) -> Iterator[Observed[Sequence[Item]]]:
        """The items of a list at Microsoft Graph."""
        if not isinstance(call, DirectoryCall):
            raise TypeError(f"{call.name} lists nothing")
        return self._directory.pages(call)

    def answer(self, call: IdentityCall, item: Item) -> Observed[Answer]:
        """What is kept of the answer; every answer is about the whole tenant."""
        if isinstance(call, ArmCall | GraphCall):
            raise TypeError(f"{call.name} is not about a tenant")
        return self._directory.answer(call)

    def key(self, call: IdentityCall, item: Item) -> Hashable | None:
        """The tenant."""
        return self._directory.tenant

    def read(self, call: IdentityCall | None, function: Callable[..., T], *arguments: Any) -> Observed[T]:
        """Runs a mapping function; an answer of an unexpected form becomes Unknown(error)."""
        return self._directory.read(call or _LISTED, function, *arguments)


class GrantsCaller:
    """The caller of one subscription's role assignments, and of its tenant for who the principals are."""

    def __init__(self, grants: Grants, directory: TenantDirectory | Unknown) -> None:
        self._grants = grants
        self._directory = directory

    def pages(self, call: IdentityCall) -> Iterator[Observed[Sequence[Item]]]:
        """The items of a list at the Resource Manager."""
        if not isinstance(call, ArmCall):
            raise TypeError(f"{call.name} lists nothing")
        return self._grants.caller.pages(call)

    def answer(self, call: IdentityCall, item: Item) -> Observed[Answer]:
        """What is kept of the answer about the subscription or the tenant."""
        if isinstance(call, Digest):
            return self._grants.digest(call)
        if isinstance(call, ArmCall | GraphCall):
            return self._grants.caller.answer(call, item)
        return self._directory if isinstance(self._directory, Unknown) else self._directory.answer(call)

    def key(self, call: IdentityCall, item: Item) -> Hashable | None:
        """Always the same: no answer depends on the assignment."""
        return call.name

    def read(self, call: IdentityCall | None, function: Callable[..., T], *arguments: Any) -> Observed[T]:
        """Runs a mapping function; an answer of an unexpected form becomes Unknown(error)."""
        return self._grants.caller.read(call, function, *arguments)


_LISTED = DirectoryCall(name="Microsoft.Graph", permission=None, path="")
