"""Reading the clouds: connects and collects. Takes the clouds as functions; knows none of them."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial

from scanner.base.files import Unwritable
from scanner.base.yaml import DocumentError
from scanner.catalogue.responsibility import Catalogue
from scanner.collect.collection import Collection, CollectionPlace
from scanner.collect.containment import contained, describe
from scanner.collect.derived import collectable, derive, needed
from scanner.collect.provider import ConnectionRequest, Limits, Provider, Unreachable
from scanner.collect.workers import Workers
from scanner.model.evidence import Unknown
from scanner.model.inventory import Inventory, Target, Wanted
from scanner.model.resources.account import Region
from scanner.model.resources.base import ProviderName
from scanner.model.resources.kinds import KINDS
from scanner.rule.rule import Rule
from scanner.run.regions import refuse_absent_regions, without_kind

Connect = Callable[[ConnectionRequest, Limits], Provider]
"""A cloud's connect function. Raises :class:`~scanner.collect.provider.Unreachable`."""


class Interrupted(Exception):
    """The user interrupted the scan; ``places`` were not finished."""

    def __init__(self, places: Sequence[CollectionPlace], unconnected: Sequence[ConnectionRequest]) -> None:
        super().__init__("interrupted")
        self.places = tuple(places)
        self.unconnected = tuple(unconnected)


@dataclass(frozen=True)
class Collected:
    """The result of a collection, with its times."""

    inventory: Inventory
    started: datetime
    finished: datetime
    id: str
    """A new id for each collection."""


@dataclass(frozen=True, kw_only=True)
class CollectionRequest:
    """What to read of which clouds, and how long to wait for answers."""

    connections: tuple[ConnectionRequest, ...]
    """One for each set of credentials."""
    wanted: Wanted
    limits: Limits = field(default_factory=Limits)
    skipped: tuple[str, ...] = ()
    """Clouds that are left out although all were requested, each with the reason."""


def wanted_by(rules: Iterable[Rule], path: bool, catalogue: Catalogue) -> Wanted:
    """The facets that the rules read, and those that responsibility for the same resources depends on.

    Accounts are always collected; their path only if ``path``.
    """
    facets: dict[str, frozenset[str]] = {"account": frozenset({"path"} if path else ())}
    for rule in rules:
        kind = rule.text.for_
        facets[kind] = facets.get(kind, frozenset()) | rule.wanted | catalogue.facets(kind)
    return needed({kind: facets[kind] | {"tags"} for kind in KINDS if kind in facets})


def all_facets() -> Wanted:
    """Every facet of every kind."""
    return {kind: model.facets() for kind, model in KINDS.items()}


class Progress:
    """Receives the progress of a collection. The base class ignores it."""

    def update(self, done: int, places: int, resources: int, calls: int) -> None:
        """Called several times a second with the counts so far."""

    def close(self) -> None:
        """The collection has ended."""


def collect(
    request: CollectionRequest,
    connectors: Mapping[ProviderName, Connect],
    progress: Progress | None = None,
    workers: Workers | None = None,
) -> Collected:
    """Reads the scopes of every connection side by side.

    An unreachable scope becomes a target that says so; nothing is raised for it. Raises
    :class:`~scanner.base.yaml.DocumentError` for a mistake in a recording,
    :class:`~scanner.base.files.Unwritable` if there is no room for temporary files, and :class:`Interrupted`
    at once when the user interrupts, even while calls hang.
    """
    progress = progress or Progress()
    workers = workers or Workers()
    started = datetime.now(UTC)
    collection = Collection(workers)
    wanted = collectable(request.wanted)
    if any(connection.regions for connection in request.connections):
        # Only with its regions can a scan tell that one is not there.
        wanted = {**wanted, Region.kind: wanted.get(Region.kind, frozenset()) | {"tags"}}
    targets: dict[int, tuple[Target, ...]] = {}
    """By the connection's number; complete when the collection of every scope has been started."""
    lock = threading.Lock()

    def begin(number: int, connection: ConnectionRequest) -> None:
        try:
            provider = connectors[connection.provider](connection, request.limits)
            reached = tuple(replace(target, regions=connection.regions) for target in provider.targets)
        except DocumentError:
            raise  # a mistake in a file of the user's
        except Exception as error:  # noqa: BLE001  (another cloud's results must not be lost with it)
            reached = (_missed(connection, error),)
        else:
            failed = contained(f"{connection.provider} collection", provider.collect, wanted, collection)
            if isinstance(failed, Unknown):
                _unread(reached, wanted, failed, collection)
        with lock:
            targets[number] = reached
            started_all = len(targets) == len(request.connections)
        if started_all:
            collection.all_started()

    def tick() -> None:
        done, places = collection.places()
        collection.check()
        progress.update(done, places, collection.counts.resources, collection.counts.calls)

    for number, connection in enumerate(request.connections):
        workers.submit(partial(begin, number, connection))
    try:
        workers.wait(tick)
    except KeyboardInterrupt:
        workers.stop()
        with lock:
            unconnected = [one for number, one in enumerate(request.connections) if number not in targets]
        raise Interrupted(collection.unfinished(), unconnected) from None
    except Unwritable:
        workers.stop()
        raise
    finally:
        progress.close()
    for failure in workers.failures:
        if isinstance(failure, DocumentError):
            raise failure
    found = [target for number in sorted(targets) for target in targets[number]]
    inventory = refuse_absent_regions(collection.inventory(found, wanted))
    if Region.kind not in request.wanted:
        inventory = without_kind(inventory, Region.kind)
    inventory = derive(inventory, request.wanted)
    return Collected(inventory, started, datetime.now(UTC), uuid.uuid4().hex)


def _unread(targets: Iterable[Target], wanted: Wanted, failed: Unknown, collection: Collection) -> None:
    """Records that nothing was read completely of scopes whose collection could not be started."""
    for target in targets:
        if target.reached and target.scope is not None:
            for kind in wanted:
                collection.blind_spot(CollectionPlace(target.provider, target.scope, None, kind), failed)


def _missed(connection: ConnectionRequest, error: Exception) -> Target:
    only = connection.scopes[0] if len(connection.scopes) == 1 else None
    if isinstance(error, Unreachable):
        # Credentials that no longer work were meant to be used; without any, the cloud may not be in use.
        expected = connection.expected or not error.no_credentials
        scope, message = error.scope or only, str(error)
    else:
        expected, scope = True, only
        message = f"it could not be connected to ({describe(error)})."
    return Target(
        provider=connection.provider,
        scope=scope,
        identity=None,
        expected=expected,
        reached=False,
        message=f"{message[:1].upper()}{message[1:]}",
    )
