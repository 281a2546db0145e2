"""The loop that runs the tables of all clouds.

Each call is made once per item, or once for all items with the same request. The calls of all resources run
concurrently; every failure becomes :class:`~scanner.model.evidence.Unknown` or a blind spot.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic

from pydantic import ValidationError

from scanner.base.files import Unwritable
from scanner.collect.containment import contained, describe, is_unicode
from scanner.collect.listings import ListingLimits
from scanner.collect.resource_store import ResourceStore
from scanner.collect.table import AcrossScopes, Answer, Caller, CallT, Facet, FacetRead, Item, Table
from scanner.collect.workers import Workers
from scanner.model.evidence import BlindSpot, Cause, Observed, Unknown
from scanner.model.inventory import Inventory, Listing, ScopeKey, Target, Wanted
from scanner.model.resources.base import HEADER, Resource


@dataclass(frozen=True, order=True)
class CollectionPlace:
    """The scope, region and kind of one listing."""

    provider: str
    scope: str
    region: str | None
    kind: str


@dataclass
class _Counts:
    resources: int = 0
    calls: int = 0


class Collection:
    """The state of one scan's collection: resources, blind spots and calls from all threads."""

    def __init__(self, workers: Workers, listings: ListingLimits | None = None) -> None:
        self.workers = workers
        self.listings = listings or ListingLimits()
        self._lock = threading.Lock()
        self._resources = ResourceStore()
        self._full: Unwritable | None = None
        self._blind_spots: list[BlindSpot] = []
        self._calls: dict[str, Counter[str]] = defaultdict(Counter)
        self._listed: set[Listing] = set()
        self._expected: set[Listing] = set()
        self._answers: dict[Hashable, Future[Observed[Answer]]] = {}
        self._answers_of: dict[ScopeKey, list[Hashable]] = defaultdict(list)
        self._pending: Counter[CollectionPlace] = Counter()
        self._tasks: Counter[ScopeKey] = Counter()
        self._done = 0
        self._started = False
        self.counts = _Counts()

    def run(
        self,
        collector: Table[CallT],
        caller: Caller[CallT],
        place: CollectionPlace,
        wanted: frozenset[str],
        items: Iterable[Item] | None = None,
    ) -> None:
        """Starts collecting one kind in one place; ``items`` replace the listing."""
        unknown = wanted - frozenset(collector.facets)
        if unknown:
            raise ValueError(
                f"{place.provider} does not collect {', '.join(sorted(unknown))} of {place.kind}"
            )
        facets = {name: f for name, f in collector.facets.items() if name in wanted or name == "tags"}
        job = _Job(self, collector, caller, place, facets)
        self.begin(place)
        self.workers.submit(lambda: job.start(items))

    def begin(self, place: CollectionPlace) -> None:
        """Registers a pending task in the place."""
        with self._lock:
            self._pending[place] += 1
            self._tasks[place.provider, place.scope] += 1

    def end(self, place: CollectionPlace) -> None:
        """Marks one pending task in the place as done."""
        scope = (place.provider, place.scope)
        with self._lock:
            self._pending[place] -= 1
            if not self._pending[place]:
                del self._pending[place]
                self._done += 1
            self._tasks[scope] -= 1
            if not self._tasks[scope]:
                del self._tasks[scope]
                self._let_go(scope)

    def all_started(self) -> None:
        """Every scope's collection has been started: one without a pending task is done."""
        with self._lock:
            self._started = True
            for scope in list(self._answers_of):
                if scope not in self._tasks:
                    self._let_go(scope)

    def _let_go(self, scope: ScopeKey) -> None:
        """Forgets the answers that only this scope needs, once it is done."""
        if self._started:
            for key in self._answers_of.pop(scope, ()):
                del self._answers[key]

    def unfinished(self) -> tuple[CollectionPlace, ...]:
        """The places with pending tasks."""
        with self._lock:
            return tuple(sorted(self._pending, key=str))

    def places(self) -> tuple[int, int]:
        """The number of places that are done, and of all places so far."""
        with self._lock:
            return self._done, self._done + len(self._pending)

    def add(self, resource: Resource) -> None:
        """Adds a resource. If it cannot be stored, :meth:`check` says so; it is no answer of the cloud."""
        stored = resource.to_json()
        with self._lock:
            self.counts.resources += 1
            if self._full is None:
                try:
                    self._resources.add(resource, stored)
                except Unwritable as error:
                    self._full = error

    def check(self) -> None:
        """Raises :class:`~scanner.base.files.Unwritable` if a resource could not be stored."""
        if self._full is not None:
            raise self._full

    def blind_spot(self, place: CollectionPlace, unknown: Unknown) -> None:
        """Records that a place could not be listed, or not completely: one blind spot for each cause."""
        with self._lock:
            for cause in unknown.causes:
                self._blind_spots.append(
                    BlindSpot(
                        provider=place.provider,
                        scope=place.scope,
                        region=place.region,
                        kind=place.kind,
                        cause=cause,
                    )
                )

    def looked(self, place: CollectionPlace, table: str) -> None:
        """Records that a table's listing ran to its end in the place; only then is absence a fact."""
        with self._lock:
            self._listed.add(Listing(place.provider, place.scope, place.region, place.kind, table))

    def expect(self, place: CollectionPlace, table: str) -> None:
        """States that the table makes up part of the kind: without a listing of it there is a blind spot."""
        with self._lock:
            self._expected.add(Listing(place.provider, place.scope, None, place.kind, table))

    def called(self, provider: str, operation: str) -> None:
        """Counts a call. Clients report each one."""
        with self._lock:
            self._calls[provider][operation] += 1
            self.counts.calls += 1

    def ask(
        self,
        key: Hashable | None,
        question: Callable[[], Observed[Answer]],
        scope: ScopeKey | None = None,
    ) -> Future[Observed[Answer]]:
        """Submits a question; questions with the same key are asked once and share the answer.

        The question raises nothing. ``scope``: the only one that needs the answer; ``None``: others may.
        """
        if key is None:
            return self.workers.submit(question)
        with self._lock:
            future = self._answers.get(key)
            if future is None:
                future = self._answers[key] = self.workers.submit(question)
                if scope is not None:
                    self._answers_of[scope].append(key)
            return future

    def inventory(self, targets: Iterable[Target], wanted: Wanted) -> Inventory:
        """Everything that was collected, sorted. Raises :class:`~scanner.base.files.Unwritable`."""
        self.check()
        with self._lock:
            spots = {
                (s.provider, s.scope, s.region or "", s.kind, s.cause.call, s.cause.reason): s
                for s in (*self._blind_spots, *self._unlisted(), *self._failed())
            }
            return Inventory(
                resources=self._resources.resources(),
                blind_spots=tuple(spots[key] for key in sorted(spots)),
                targets=tuple(targets),
                collected=dict(wanted),
                calls={name: dict(sorted(counts.items())) for name, counts in sorted(self._calls.items())},
                listed=tuple(
                    sorted(
                        self._listed,
                        key=lambda one: (one.provider, one.scope, one.kind, one.table, one.region or ""),
                    )
                ),
            )

    def _failed(self) -> Iterator[BlindSpot]:
        """A blind spot for each place with a task that raised an exception, and so never ended."""
        failures = "; ".join(dict.fromkeys(map(describe, self.workers.failures)))
        for place in self._pending:
            if failures:
                message = f"reading it failed ({failures})"
                cause = Cause(reason="error", call=place.kind, permission=None, message=message)
                yield BlindSpot(
                    provider=place.provider,
                    scope=place.scope,
                    region=place.region,
                    kind=place.kind,
                    cause=cause,
                )

    def _unlisted(self) -> Iterator[BlindSpot]:
        """A blind spot for each expected table that neither was listed nor failed."""
        seen = {(one.provider, one.scope, one.kind, one.table) for one in self._listed}
        failed = {(spot.provider, spot.scope, spot.kind) for spot in self._blind_spots}
        for one in self._expected:
            if (one.provider, one.scope, one.kind, one.table) in seen:
                continue
            if (one.provider, one.scope, one.kind) in failed:
                continue
            cause = Cause(reason="error", call=one.table, permission=None, message="it was not listed")
            yield BlindSpot(provider=one.provider, scope=one.scope, region=None, kind=one.kind, cause=cause)


@dataclass(frozen=True)
class _Job(Generic[CallT]):
    collection: Collection
    collector: Table[CallT]
    caller: Caller[CallT]
    place: CollectionPlace
    facets: Mapping[str, Facet[CallT]] = field(repr=False)

    def start(self, items: Iterable[Item] | None) -> None:
        failed: Unknown | None = contained(
            self.collector.name, self.list_all if items is None else partial(self.each, items)
        )
        if failed is None:
            self.collection.looked(self.place, self.collector.name)
        else:
            self.collection.blind_spot(self.place, failed)
        self.collection.end(self.place)

    def list_all(self) -> Unknown | None:
        """Goes through the pages; the Unknown that ends them early."""
        assert self.collector.list is not None
        pages = self.caller.pages(self.collector.list)
        for page in self.collection.listings.bound(self.collector.name, pages):
            if isinstance(page, Unknown):
                return page
            self.each(page)
        return None

    def read(self, call: CallT | None, function: Callable[..., Observed[Any]], *arguments: Any) -> Any:
        """What the function makes of an answer; unknown for whatever it raises."""
        name = call.name if call is not None else self.collector.name
        return contained(name, self.caller.read, call, function, *arguments)

    def each(self, items: Iterable[Item]) -> None:
        for item in items:
            self.collection.begin(self.place)
            if self.collector.enrich is None:
                self.read_facets(item)
            else:
                enrich = self.collector.enrich
                self.read_all(enrich.reads, item, partial(self.enriched, item))

    def enriched(self, item: Item, pieces: Sequence[Observed[Any]]) -> None:
        assert self.collector.enrich is not None
        more = self.combine(self.collector.enrich, pieces)
        whole = more
        if not isinstance(more, Unknown):
            whole = self.read(self.collector.list, lambda: {**item, **more})
        if isinstance(whole, Unknown):
            self.skip(whole)
        else:
            self.read_facets(whole)

    def combine(self, facet: Facet[CallT], pieces: Sequence[Observed[Any]]) -> Observed[Any]:
        """The value of a facet; unknown if an answer has a format that only shows here."""
        calls = [read.call for read in facet.reads if read.call is not None]
        return self.read(calls[0] if calls else self.collector.list, facet.combine, *pieces)

    def skip(self, unknown: Unknown) -> None:
        self.collection.blind_spot(self.place, unknown)
        self.collection.end(self.place)

    def read_facets(self, item: Item) -> None:
        reads = tuple(dict.fromkeys(read for facet in self.facets.values() for read in facet.reads))

        def build(pieces: Sequence[Observed[Any]]) -> None:
            known = dict(zip(reads, pieces, strict=True))
            values = {
                name: self.combine(facet, [known[read] for read in facet.reads])
                for name, facet in self.facets.items()
            }
            self.resource(item, values)

        self.read_all(reads, item, build)

    def read_all(
        self, reads: Sequence[FacetRead[CallT]], item: Item, then: Callable[[Sequence[Observed[Any]]], None]
    ) -> None:
        """Makes all calls concurrently, then continues in the thread that receives the last answer."""
        calls = list(dict.fromkeys(read.call for read in reads if read.call is not None))
        left = len(calls)
        lock = threading.Lock()
        answers: dict[CallT, Observed[Answer]] = {}

        def piece(read: FacetRead[CallT]) -> Observed[Any]:
            if read.call is None:
                return self.read(self.collector.list, read.function, item)
            answer = answers[read.call]
            if isinstance(answer, Unknown):
                return answer
            return self.read(read.call, read.function, item, answer)

        def finish() -> None:
            then([piece(read) for read in reads])

        def arrived(call: CallT, future: Future[Observed[Answer]]) -> None:
            nonlocal left
            with lock:
                answers[call] = future.result()
                left -= 1
                last = left == 0
            if last:
                self.collection.workers.submit(finish)

        if not calls:
            finish()
            return
        for call in calls:
            # An item without the parameters of the request is the fault of the call that listed it.
            shared = self.read(self.collector.list, self.caller.key, call, item)
            if isinstance(shared, Unknown):
                answered: Future[Observed[Answer]] = Future()
                answered.set_result(shared)
                arrived(call, answered)
                continue
            key = None if shared is None else (id(self.caller), call, shared)
            question = partial(self.read, call, self.caller.answer, call, item)
            scope = None if isinstance(shared, AcrossScopes) else (self.place.provider, self.place.scope)
            future = self.collection.ask(key, question, scope)
            future.add_done_callback(partial(arrived, call))

    def resource(self, item: Item, values: Mapping[str, Any]) -> None:
        header = self.read(self.collector.list, self.collector.header, item)
        if not isinstance(header, Unknown) and not is_unicode(header):
            header = Unknown(causes=(self.unreadable("its name"),))
        if isinstance(header, Unknown):
            self.skip(header)
            return
        values = {
            name: value if is_unicode(value) else Unknown(causes=(self.unreadable(name),))
            for name, value in values.items()
        }
        collected = frozenset(self.facets)
        try:
            resource = self.collector.kind.observe(collected, {**header, **values})
        except ValidationError as error:
            wrong = {str(problem["loc"][0]) for problem in error.errors()}
            unreadable = Unknown(causes=tuple(self.unreadable(name) for name in sorted(wrong)))
            if wrong & set(HEADER):
                self.skip(unreadable)
                return
            readable = {**values, **{name: Unknown(causes=(self.unreadable(name),)) for name in wrong}}
            resource = self.collector.kind.observe(collected, {**header, **readable})
        self.collection.add(resource)
        self.collection.end(self.place)

    def unreadable(self, name: str) -> Cause:
        facet = self.facets.get(name)
        calls = [read.call for read in facet.reads if read.call is not None] if facet else []
        call = calls[0] if calls else self.collector.list
        return Cause(
            reason="error",
            call=call.name if call is not None else self.place.kind,
            permission=None,
            message=f"the answer for {name} has an unexpected format",
        )
