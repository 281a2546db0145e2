"""One scan: connect, collect, evaluate, join, decide. Takes the clouds as functions; knows none of them."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial

from scanner.assess.coverage_rows import CoverageRow
from scanner.assess.expected_unknowns import ExpectedUnknown
from scanner.assess.gate import Decision, Tally, Terms
from scanner.assess.join import Coverage, Join
from scanner.assess.metrics import Meter, Metrics
from scanner.assess.narrowing import Narrowing
from scanner.assess.targets import OwnershipTargets, StatedScope
from scanner.catalogue.responsibility import Catalogue
from scanner.collect.collection import Collection, CollectionPlace
from scanner.collect.derived import collectable, derive, needed
from scanner.collect.provider import Limits, Provider, Request, Unreachable
from scanner.collect.workers import Workers
from scanner.model.inventory import Inventory, Target, Wanted
from scanner.model.resources.base import ProviderName
from scanner.model.resources.kinds import KINDS
from scanner.ownership.resolve.resolver import Resolver
from scanner.rule.evaluate import evaluate
from scanner.rule.rules import Pack, Rule

Connect = Callable[[Request, Limits], Provider]
"""What each cloud offers. Raises :class:`~scanner.collect.provider.Unreachable`."""


class Interrupted(Exception):
    """The user ended the scan; ``places`` are those that were not finished."""

    def __init__(self, places: Sequence[CollectionPlace], unconnected: Sequence[Request]) -> None:
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
    expectations: tuple[ExpectedUnknown, ...] = ()
    """Every entry of ``expected_unknowns``; those in force are among the terms."""
    stated: Mapping[str, StatedScope] = field(default_factory=dict)
    """Path and tags of scopes by id, as the user states them."""
    narrowing: Narrowing | None = None
    """What is left out of everything that is told; never what is judged, or how."""
    others: tuple[Inventory, ...] = ()
    """Scopes that are not assessed here, but may provide controls for those that are."""


@dataclass(frozen=True)
class Assessment:
    """An inventory, judged."""

    coverage: Coverage
    decision: Decision
    metrics: Metrics


def wanted_by(rules: Iterable[Rule], path: bool, catalogue: Catalogue) -> Wanted:
    """The facets that the rules read, and those that tell whose a control is on the same resources.

    The account is always collected; its path only if ``path``.
    """
    facets: dict[str, frozenset[str]] = {"account": frozenset({"path"} if path else ())}
    for rule in rules:
        kind = rule.text.for_
        facets[kind] = facets.get(kind, frozenset()) | rule.wanted | catalogue.facets(kind)
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


def _join(inventory: Inventory, criteria: Criteria, subjects: OwnershipTargets) -> Join:
    return Join(
        inventory=inventory,
        chosen=criteria.chosen,
        pack=criteria.pack,
        catalogue=criteria.catalogue,
        resolver=criteria.resolver,
        controls=criteria.controls,
        now=criteria.now,
        subjects=subjects,
    )


def _rows_of(criteria: Criteria, assessed: OwnershipTargets) -> tuple[CoverageRow, ...]:
    """The rows of the other scopes, which may provide controls; not of those that are assessed anyway."""
    rows: list[CoverageRow] = []
    for other in criteria.others:
        subjects = OwnershipTargets(other, criteria.catalogue, criteria.stated)
        coverage = _join(other, criteria, subjects).cover(evaluate(criteria.chosen, other, criteria.now))
        rows += [row for row in coverage.rows if (row.provider, row.scope) not in assessed.scopes]
    return tuple(rows)


def assess(inventory: Inventory, criteria: Criteria) -> Assessment:
    """Judges an inventory. Pure: the same inventory and criteria give the same assessment."""
    if criteria.others:
        inventory = derive(inventory, inventory.collected, criteria.others)
    verdicts = evaluate(criteria.chosen, inventory, criteria.now)
    subjects = OwnershipTargets(inventory, criteria.catalogue, criteria.stated)
    tally, meter = Tally(criteria.terms), Meter()
    join = replace(
        _join(inventory, criteria, subjects),
        narrowing=criteria.narrowing,
        watchers=(tally, meter),
        elsewhere=_rows_of(criteria, subjects),
    )
    coverage = join.cover(verdicts)
    narrowing, targets = criteria.narrowing, inventory.targets
    if narrowing is not None:
        targets = tuple(
            target
            for target in targets
            if target.reached
            or target.scope is None
            or narrowing.may_hold(subjects.unseen(target.provider, target.scope))
        )
    nothing = narrowing is not None and not (coverage.rows or coverage.blind_spots)
    decision = tally.decide(coverage.blind_spots, targets, nothing=nothing)
    return Assessment(coverage, decision, meter.metrics(criteria.resolver, narrowing))
