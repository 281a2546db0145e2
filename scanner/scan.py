"""One scan: connect, collect, evaluate, join, decide. Takes the clouds as functions; knows none of them."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial

from scanner.collect import Collection, Place
from scanner.coverage import Coverage, Join
from scanner.derive import collectable, derive, needed
from scanner.evaluate import evaluate
from scanner.expectation import Expectation
from scanner.gate import Decision, Terms, decide
from scanner.ownership import Resolver
from scanner.provider import Inventory, Limits, Provider, Request, Target, Unreachable, Wanted
from scanner.resources import KINDS, ProviderName
from scanner.responsibility import Catalogue
from scanner.rule import Pack, Rule
from scanner.subjects import Stated, Subjects
from scanner.workers import Workers

Connect = Callable[[Request, Limits], Provider]
"""What each cloud offers. Raises :class:`~scanner.provider.Unreachable`."""


class Interrupted(Exception):
    """The user ended the scan; ``places`` are those that were not finished."""

    def __init__(self, places: Sequence[Place], unconnected: Sequence[Request]) -> None:
        super().__init__("interrupted")
        self.places = tuple(places)
        self.unconnected = tuple(unconnected)


@dataclass(frozen=True)
class Collected:
    """What a collection brought home, and when."""

    inventory: Inventory
    started: datetime
    finished: datetime
    id: str
    """A fresh id for this scan."""


@dataclass(frozen=True)
class Criteria:
    """What an inventory is judged by."""

    chosen: tuple[Rule, ...]
    pack: Pack
    catalogue: Catalogue
    controls: frozenset[str]
    """The controls that were asked for."""
    resolver: Resolver
    terms: Terms
    now: datetime
    expectations: tuple[Expectation, ...] = ()
    """Every entry of ``expected_unknowns``; those in force are among the terms."""
    stated: Mapping[str, Stated] = field(default_factory=dict)
    """Path and tags of scopes by id, as the user states them."""


@dataclass(frozen=True)
class Assessment:
    """An inventory, judged."""

    coverage: Coverage
    decision: Decision


def wanted_by(rules: Iterable[Rule], path: bool) -> Wanted:
    """The facets that the rules read. The account is always collected; its path only if ``path``."""
    facets: dict[str, frozenset[str]] = {"account": frozenset({"path"} if path else ())}
    for rule in rules:
        kind = rule.text.for_
        facets[kind] = facets.get(kind, frozenset()) | rule.wanted
    return needed({kind: facets[kind] | {"tags"} for kind in KINDS if kind in facets})


def everything() -> Wanted:
    """Every facet of every kind."""
    return {kind: model.facets() for kind, model in KINDS.items()}


class Progress:
    """What a scan tells while it runs. The base class tells nothing."""

    def update(self, done: int, places: int, resources: int, calls: int) -> None:
        """Called several times a second with what was done so far."""

    def close(self) -> None:
        """The scan is over."""


def collect(
    requests: Sequence[Request],
    connectors: Mapping[ProviderName, Connect],
    wanted: Wanted,
    limits: Limits,
    progress: Progress | None = None,
    workers: Workers | None = None,
) -> Collected:
    """Reads every request's scopes side by side.

    What cannot be reached is a target that says so; nothing is raised for it. Raises
    :class:`Interrupted` at once when the user ends it, whatever the workers are waiting for.
    """
    progress = progress or Progress()
    workers = workers or Workers()
    started = datetime.now(UTC)
    collection = Collection(workers)
    targets: dict[int, tuple[Target, ...]] = {}
    lock = threading.Lock()

    def begin(number: int, request: Request) -> None:
        try:
            provider = connectors[request.provider](request, limits)
        except Unreachable as error:
            told: tuple[Target, ...] = (_missed(request, error),)
        else:
            told = tuple(replace(target, regions=request.regions) for target in provider.targets)
            provider.collect(collectable(wanted), collection)
        with lock:
            targets[number] = told

    def tick() -> None:
        done, places = collection.places()
        progress.update(done, places, collection.counts.resources, collection.counts.calls)

    for number, request in enumerate(requests):
        workers.submit(partial(begin, number, request))
    try:
        workers.wait(tick)
    except KeyboardInterrupt:
        workers.stop()
        with lock:
            unconnected = [request for number, request in enumerate(requests) if number not in targets]
        raise Interrupted(collection.unfinished(), unconnected) from None
    finally:
        progress.close()
    found = [target for number in sorted(targets) for target in targets[number]]
    inventory = derive(collection.inventory(found, collectable(wanted)), wanted)
    return Collected(inventory, started, datetime.now(UTC), uuid.uuid4().hex)


def _missed(request: Request, error: Unreachable) -> Target:
    return Target(
        provider=request.provider,
        scope=error.scope or (request.scopes[0] if len(request.scopes) == 1 else None),
        identity=None,
        # Credentials that do not work any more were meant to be used; none at all may mean no such cloud.
        expected=request.expected or not error.no_credentials,
        reached=False,
        message=f"{str(error)[:1].upper()}{str(error)[1:]}",
    )


def assess(inventory: Inventory, criteria: Criteria) -> Assessment:
    """Judges an inventory. Pure: the same inventory and criteria give the same assessment."""
    verdicts = evaluate(criteria.chosen, inventory, criteria.now)
    join = Join(
        inventory=inventory,
        chosen=criteria.chosen,
        pack=criteria.pack,
        catalogue=criteria.catalogue,
        resolver=criteria.resolver,
        controls=criteria.controls,
        now=criteria.now,
        subjects=Subjects(inventory, criteria.catalogue, criteria.stated),
    )
    coverage = join.cover(verdicts)
    decision = decide(coverage.findings, inventory.blind_spots, inventory.targets, criteria.terms)
    return Assessment(coverage, decision)
