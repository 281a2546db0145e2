"""Collectors: tables that say which call tells which facet, and the one loop that runs them.

A collector names a kind, the call that lists it, and for each facet the calls that it takes with the
plain function that maps their answers. Each cloud has its own type of call and its own caller; the loop
knows neither. Every call is asked once per subject, all calls of all resources run side by side, and
whatever fails becomes :class:`~scanner.model.evidence.Unknown` or a blind spot.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from pydantic import ValidationError

from scanner.collect.workers import Workers
from scanner.model.evidence import BlindSpot, Cause, Observed, Unknown
from scanner.model.inventory import Inventory, Target, Wanted
from scanner.model.resources.base import HEADER, Resource

T = TypeVar("T")
Item = Any
"""What a list call told of one resource, in the cloud's own form."""
Answer = Any
"""What a call answered, in the cloud's own form; ``None`` where the cloud said "not configured"."""


class Call(Protocol):
    """One read operation of a cloud. Frozen and hashable; each cloud adds what its client needs."""

    @property
    def name(self) -> str:
        """The operation in the cloud's own words, e.g. ``s3:GetBucketPolicy``."""

    @property
    def permission(self) -> str | None:
        """The permission that it needs; ``None`` if it needs none."""


CallT = TypeVar("CallT", bound=Call)
CallIn = TypeVar("CallIn", bound=Call, contravariant=True)


class Caller(Protocol[CallIn]):
    """A cloud's client for one scope and place. The only one that sees the SDK's errors."""

    def pages(self, call: CallIn) -> Iterator[Observed[Sequence[Item]]]:
        """The pages of a listing; an Unknown in place of a page ends it and says what is missing."""

    def answer(self, call: CallIn, item: Item) -> Observed[Answer]:
        """Asks one thing about the item (or about the scope, where the call does not depend on it)."""

    def key(self, call: CallIn, item: Item) -> Hashable | None:
        """What the request depends on where it is the same for several items, so that it is made once;
        ``None`` where it is about this item alone."""

    def read(self, call: CallIn | None, function: Callable[..., T], *arguments: Any) -> Observed[T]:
        """Runs a mapping function; an answer of an unexpected form becomes Unknown(error)."""


@dataclass(frozen=True)
class FacetRead(Generic[CallT]):
    """One piece of evidence: a call, and the function that takes the item and the call's answer.

    Without a call, the list itself told it: the function takes the item alone.
    """

    call: CallT | None
    function: Callable[..., Any]


def _only(value: Observed[Any]) -> Observed[Any]:
    return value


@dataclass(frozen=True)
class Facet(Generic[CallT]):
    """How a facet is told: its pieces of evidence, and how they make one value.

    ``combine`` takes as many observed values as there are reads. It is built from ``any_of``, ``all_of``
    and ``lift`` alone.
    """

    reads: tuple[FacetRead[CallT], ...]
    combine: Callable[..., Observed[Any]] = _only


def from_list(function: Callable[[Item], Any]) -> Facet[Any]:
    """A facet that the list call itself tells."""
    return Facet((FacetRead(None, function),))


def asked(call: CallT, function: Callable[[Item, Answer], Any]) -> Facet[CallT]:
    """A facet that one call tells."""
    return Facet((FacetRead(call, function),))


@dataclass(frozen=True)
class Table(Generic[CallT]):
    """The table of one kind at one cloud."""

    kind: type[Resource]
    list: CallT | None
    """``None`` where the items are given: the scope itself and its regions."""
    header: Callable[[Item], Mapping[str, Any]]
    """The header of the resource from the item: every field of ``HEADER``."""
    facets: Mapping[str, Facet[CallT]]
    enrich: Facet[CallT] | None = None
    """Read before all else: a mapping to add to the item, e.g. the region that other calls must go to."""

    def calls(self, wanted: frozenset[str]) -> frozenset[CallT]:
        """Every call that collecting these facets can make."""
        facets = [facet for name, facet in self.facets.items() if name in wanted or name == "tags"]
        if self.enrich is not None:
            facets.append(self.enrich)
        reads = {read.call for facet in facets for read in facet.reads if read.call is not None}
        return frozenset(reads | ({self.list} if self.list is not None else set()))


@dataclass(frozen=True, order=True)
class CollectionPlace:
    """Where a kind is being collected."""

    provider: str
    scope: str
    region: str | None
    kind: str


@dataclass
class _Counts:
    resources: int = 0
    calls: int = 0


class Collection:
    """What is being collected in one scan: gathers resources, blind spots and calls from all threads."""

    def __init__(self, workers: Workers) -> None:
        self.workers = workers
        self._lock = threading.Lock()
        self._resources: list[Resource] = []
        self._blind_spots: list[BlindSpot] = []
        self._calls: dict[str, Counter[str]] = defaultdict(Counter)
        self._answers: dict[Hashable, Future[Observed[Answer]]] = {}
        self._pending: Counter[CollectionPlace] = Counter()
        self.counts = _Counts()

    def run(
        self,
        collector: Table[CallT],
        caller: Caller[CallT],
        place: CollectionPlace,
        wanted: frozenset[str],
        items: Iterable[Item] | None = None,
    ) -> None:
        """Starts collecting one kind in one place; ``items`` are given where nothing is to be listed."""
        unknown = wanted - frozenset(collector.facets)
        if unknown:
            raise ValueError(f"{place.provider} collects no {', '.join(sorted(unknown))} of {place.kind}")
        facets = {name: f for name, f in collector.facets.items() if name in wanted or name == "tags"}
        job = _Job(self, collector, caller, place, facets)
        self.begin(place)
        self.workers.submit(lambda: job.start(items))

    def begin(self, place: CollectionPlace) -> None:
        """Something is now being collected there."""
        with self._lock:
            self._pending[place] += 1

    def end(self, place: CollectionPlace) -> None:
        """One thing that was begun there is done."""
        with self._lock:
            self._pending[place] -= 1

    def unfinished(self) -> tuple[CollectionPlace, ...]:
        """The places that are not done yet."""
        with self._lock:
            return tuple(sorted((p for p, n in self._pending.items() if n), key=str))

    def places(self) -> tuple[int, int]:
        """How many places are done, and how many there are so far."""
        with self._lock:
            return sum(1 for n in self._pending.values() if not n), len(self._pending)

    def add(self, resource: Resource) -> None:
        """A resource was seen."""
        with self._lock:
            self._resources.append(resource)
            self.counts.resources += 1

    def blind_spot(self, place: CollectionPlace, unknown: Unknown) -> None:
        """A place could not be listed, or not completely: one blind spot for each cause."""
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

    def called(self, provider: str, operation: str) -> None:
        """A call is being made. Clients report each one."""
        with self._lock:
            self._calls[provider][operation] += 1
            self.counts.calls += 1

    def ask(self, key: Hashable | None, question: Callable[[], Observed[Answer]]) -> Future[Observed[Answer]]:
        """The answer to a question; with a key, the same answer for all who ask under that key."""
        if key is None:
            return self.workers.submit(question)
        with self._lock:
            future = self._answers.get(key)
            if future is None:
                future = self._answers[key] = self.workers.submit(question)
            return future

    def inventory(self, targets: Iterable[Target], wanted: Wanted) -> Inventory:
        """All that was gathered, sorted."""
        with self._lock:
            spots = {
                (s.provider, s.scope, s.region or "", s.kind, s.cause.call, s.cause.reason): s
                for s in self._blind_spots
            }
            # Two targets may reach the same resource: the one that saw less of it counts.
            once: dict[tuple[str, ...], Resource] = {}
            for resource in self._resources:
                place = (resource.provider, resource.scope, resource.kind, resource.id)
                other = once.get(place)
                if other is None or len(resource.unknowns()) > len(other.unknowns()):
                    once[place] = resource
            return Inventory(
                resources=tuple(once[place] for place in sorted(once)),
                blind_spots=tuple(spots[key] for key in sorted(spots)),
                targets=tuple(targets),
                collected=dict(wanted),
                calls={name: dict(sorted(counts.items())) for name, counts in sorted(self._calls.items())},
            )


@dataclass(frozen=True)
class _Job(Generic[CallT]):
    collection: Collection
    collector: Table[CallT]
    caller: Caller[CallT]
    place: CollectionPlace
    facets: Mapping[str, Facet[CallT]] = field(repr=False)

    def start(self, items: Iterable[Item] | None) -> None:
        if items is None:
            assert self.collector.list is not None
            for page in self.caller.pages(self.collector.list):
                if isinstance(page, Unknown):
                    self.collection.blind_spot(self.place, page)
                    break
                self.each(page)
        else:
            self.each(items)
        self.collection.end(self.place)

    def each(self, items: Iterable[Item]) -> None:
        for item in items:
            self.collection.begin(self.place)
            if self.collector.enrich is None:
                self.facts(item)
            else:
                enrich = self.collector.enrich
                self.gather(enrich.reads, item, partial(self.enriched, item))

    def enriched(self, item: Item, pieces: Sequence[Observed[Any]]) -> None:
        assert self.collector.enrich is not None
        more = self.collector.enrich.combine(*pieces)
        if isinstance(more, Unknown):
            self.lost(more)
        else:
            self.facts({**item, **more})

    def lost(self, unknown: Unknown) -> None:
        self.collection.blind_spot(self.place, unknown)
        self.collection.end(self.place)

    def facts(self, item: Item) -> None:
        reads = tuple(dict.fromkeys(read for facet in self.facets.values() for read in facet.reads))

        def build(pieces: Sequence[Observed[Any]]) -> None:
            known = dict(zip(reads, pieces, strict=True))
            values = {
                name: facet.combine(*(known[read] for read in facet.reads))
                for name, facet in self.facets.items()
            }
            self.resource(item, values)

        self.gather(reads, item, build)

    def gather(
        self, reads: Sequence[FacetRead[CallT]], item: Item, then: Callable[[Sequence[Observed[Any]]], None]
    ) -> None:
        """Asks everything side by side and goes on in the thread that gets the last answer."""
        calls = list(dict.fromkeys(read.call for read in reads if read.call is not None))
        left = len(calls)
        lock = threading.Lock()
        answers: dict[CallT, Observed[Answer]] = {}

        def piece(read: FacetRead[CallT]) -> Observed[Any]:
            if read.call is None:
                return self.caller.read(None, read.function, item)
            answer = answers[read.call]
            if isinstance(answer, Unknown):
                return answer
            return self.caller.read(read.call, read.function, item, answer)

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
            # An item that lacks what the request is made of is an answer of an unexpected form, too.
            about = self.caller.read(call, self.caller.key, call, item)
            key = None if about is None or isinstance(about, Unknown) else (id(self.caller), call, about)
            question = partial(self.caller.read, call, self.caller.answer, call, item)
            future = self.collection.ask(key, question)
            future.add_done_callback(partial(arrived, call))

    def resource(self, item: Item, values: Mapping[str, Any]) -> None:
        header = self.caller.read(self.collector.list, self.collector.header, item)
        if isinstance(header, Unknown):
            self.lost(header)
            return
        collected = frozenset(self.facets)
        try:
            resource = self.collector.kind.observe(collected, {**header, **values})
        except ValidationError as error:
            wrong = {str(problem["loc"][0]) for problem in error.errors()}
            unreadable = Unknown(causes=tuple(self.unreadable(name) for name in sorted(wrong)))
            if wrong & set(HEADER):
                self.lost(unreadable)
                return
            text = {**values, **{name: Unknown(causes=(self.unreadable(name),)) for name in wrong}}
            resource = self.collector.kind.observe(collected, {**header, **text})
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
            message=f"the answer about {name} has an unexpected form",
        )
