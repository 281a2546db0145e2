"""The projects that a request reaches: their own assets, and the Provider that collects from them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from providers.gcp.account import ACCOUNTS, IDENTIFY, LOCATIONS, REGIONS, to_project
from providers.gcp.client.calls import GcpCall, Item, Project, to_region
from providers.gcp.client.channel import sign_in
from providers.gcp.client.client import Client
from providers.gcp.client.failures import NOT_ENABLED
from providers.gcp.client.session import Session, open_session
from providers.gcp.regions import not_there
from providers.gcp.tables import ADDITIONS, COLLECTORS, EXTRA_CALLS, REGISTER, Addition
from scanner.collect.answer_files import SHARED
from scanner.collect.collection import Collection, CollectionPlace
from scanner.collect.provider import ConnectionRequest, Limits, Unreachable
from scanner.collect.table import Table
from scanner.collect.workers import Workers
from scanner.model.evidence import Cause, Observed, Unknown
from scanner.model.inventory import Target, Wanted
from scanner.model.resources.base import ProviderName

_PROJECT = re.compile(r"(?:projects/)?((?:[a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]|[0-9]{6,20})")


def connect(request: ConnectionRequest, limits: Limits) -> GcpProvider:
    """Finds the projects of the request and checks that Cloud Asset Inventory answers for them.

    Uses Application Default Credentials and, without scopes, their default project
    (``GOOGLE_CLOUD_PROJECT``). A recording in the request answers instead: without credentials, and without
    scopes for every project that it was made of. Raises :class:`~scanner.collect.provider.Unreachable` if no
    project answers.
    """
    session = open_session(request, partial(sign_in, limits), kinds_of_calls(), IDENTIFY)
    scopes = request.scopes or session.scopes
    if not scopes:
        raise Unreachable(
            "gcp",
            "No Google Cloud project is specified.",
            "Pass one as a scope, set GOOGLE_CLOUD_PROJECT, or run gcloud config set project PROJECT.",
        )
    client = Client(None, None, limits, session.service)
    found = _identify_all(client, scopes)
    reached = {project.number: project for project in found if isinstance(project, Project)}
    if not reached:
        refused = [refusal for refusal in found if isinstance(refusal, Unreachable)]
        raise refused[0]
    targets = [
        _target(request, session, scope, outcome) for scope, outcome in zip(scopes, found, strict=True)
    ]
    regions = frozenset(request.regions)
    return GcpProvider(client, tuple(reached.values()), tuple(dict.fromkeys(targets)), regions)


def kinds_of_calls() -> Mapping[str, str]:
    """The kind of resources that each call is made for, by the call's name; ``shared`` for those made for
    several kinds, or to connect."""
    kinds: dict[str, set[str]] = {IDENTIFY.name: {SHARED}}
    for table in COLLECTORS:
        kind = table.kind.kind
        for call in table.calls(frozenset(table.facets)) | EXTRA_CALLS.get(kind, frozenset()):
            kinds.setdefault(call.name, set()).add(kind)
    return {name: next(iter(users)) if len(users) == 1 else SHARED for name, users in kinds.items()}


def _identify_all(client: Client, scopes: Sequence[str]) -> list[Project | Unreachable]:
    if len(scopes) == 1:
        return [_identify(client, scopes[0])]
    workers = Workers(min(8, len(scopes)))
    futures = [workers.submit(partial(_identify, client, scope)) for scope in scopes]
    workers.wait()
    workers.stop()
    return [future.result() for future in futures]


def _identify(client: Client, scope: str) -> Project | Unreachable:
    match = _PROJECT.fullmatch(scope)
    if match is None:
        return Unreachable(
            "gcp", f"{scope} is not a project ID or number.", "Use project IDs or numbers as scopes.", scope
        )
    wanted = match[1]
    assets = client.listing(IDENTIFY, f"projects/{wanted}")
    if isinstance(assets, Unknown):
        cause = assets.causes[0]
        return Unreachable(
            "gcp", f"Project {wanted} could not be read: {cause.message.rstrip('.')}.", _advice(cause), wanted
        )
    if not assets:
        return Unreachable(
            "gcp",
            f"Cloud Asset Inventory has no project {wanted}.",
            "Check the ID; a new project takes a few minutes to appear.",
            wanted,
        )
    project = client.read(IDENTIFY, to_project, next(iter(assets.values())))
    if isinstance(project, Unknown):
        return Unreachable(
            "gcp", f"Project {wanted}: {project.causes[0].message.rstrip('.')}.", "Try again later.", wanted
        )
    if wanted not in (project.id, project.number):
        return Unreachable(
            "gcp",
            f"Project {wanted} was requested, but {project.id} answered.",
            "Check the scope and the endpoint.",
            wanted,
        )
    return project


def _advice(cause: Cause) -> str:
    if NOT_ENABLED in cause.message:
        return "Enable the Cloud Asset API on that project: gcloud services enable cloudasset.googleapis.com."
    if cause.reason == "denied":
        if cause.permission is None:
            return "Renew the credentials: run gcloud auth application-default login."
        return f"Grant {cause.permission} (roles/cloudasset.viewer) on the project, or check its ID."
    if cause.reason == "denied_by_organisation":
        return "A VPC Service Controls perimeter blocks the call: run inside it, or request an ingress rule."
    if cause.reason == "throttled":
        return "The quota is exhausted: try again in a minute."
    return "Check the project's ID, the network and the endpoint, then try again."


def _target(
    request: ConnectionRequest, session: Session, scope: str, outcome: Project | Unreachable
) -> Target:
    reached = isinstance(outcome, Project)
    return Target(
        provider="gcp",
        scope=outcome.id if isinstance(outcome, Project) else outcome.scope or scope,
        identity=session.identity,
        expected=request.expected,
        reached=reached,
        message=None if isinstance(outcome, Project) else str(outcome),
    )


@dataclass(frozen=True)
class GcpProvider:
    """The projects that answered."""

    client: Client
    projects: tuple[Project, ...]
    targets: tuple[Target, ...]
    regions: frozenset[str]
    """The regions to collect; empty: all."""
    name: ProviderName = "gcp"

    def collect(self, wanted: Wanted, collection: Collection) -> None:
        """Starts collecting the wanted facets of every project. See
        :class:`scanner.collect.provider.Provider`."""
        self.client.count_into(collection)
        for project in self.projects:
            REGISTER.announce(project.id, wanted, collection)
            for region, unknown in not_there(self.regions).items():
                for kind in wanted:
                    collection.blind_spot(CollectionPlace("gcp", project.id, region, kind), unknown)
            for table in COLLECTORS:
                kind = table.kind.kind
                if kind in wanted:
                    self._started(project, table, wanted[kind], collection)
                    for addition in ADDITIONS.get(kind, ()):
                        self._added(project, table, addition, wanted[kind], collection)

    def _started(
        self, project: Project, table: Table[GcpCall], wanted: frozenset[str], collection: Collection
    ) -> None:
        place = CollectionPlace("gcp", project.id, None, table.kind.kind)
        if table is REGIONS:
            collection.begin(place)
            collection.workers.submit(partial(self._regions, project, place, wanted, collection))
        elif table is ACCOUNTS:
            collection.run(table, self.client, place, wanted, [Item(project)])
        else:
            self._listed(project, table, wanted, collection)

    def _listed(
        self, project: Project, table: Table[GcpCall], wanted: frozenset[str], collection: Collection
    ) -> None:
        assert table.list is not None
        listing = replace(table, list=replace(table.list, project=project, regions=self.regions))
        collection.run(
            listing, self.client, CollectionPlace("gcp", project.id, None, table.kind.kind), wanted
        )

    def _added(
        self,
        project: Project,
        table: Table[GcpCall],
        addition: Addition,
        wanted: frozenset[str],
        collection: Collection,
    ) -> None:
        """Each call is made once, however many projects need it."""
        place, item = CollectionPlace("gcp", project.id, None, table.kind.kind), Item(project)
        collection.begin(place)
        futures = [self._asked(call, item, collection) for call in addition.calls]

        def collect() -> None:
            first, *others = (future.result() for future in futures)
            found = first
            if not isinstance(first, Unknown):
                found = self.client.read(addition.calls[0], addition.items, item, first, *others)
            if isinstance(found, Unknown):
                collection.blind_spot(place, found)
            else:
                items, missed = found
                if missed is not None:
                    collection.blind_spot(place, missed)
                collection.run(table, self.client, place, wanted, items)
            collection.end(place)

        self._after(futures, collect, collection)

    def _asked(self, call: GcpCall, item: Item, collection: Collection) -> Future[Observed[Any]]:
        key = (id(self.client), call, self.client.key(call, item))
        return collection.ask(key, partial(self.client.answer, call, item))

    def _after(self, futures: list[Future[Any]], then: Callable[[], None], collection: Collection) -> None:
        """Continues when all have an answer, without a thread that waits for them."""
        if futures:
            futures[0].add_done_callback(lambda _: self._after(futures[1:], then, collection))
        else:
            collection.workers.submit(then)

    def _regions(
        self, project: Project, place: CollectionPlace, wanted: frozenset[str], collection: Collection
    ) -> None:
        """The locations of an incomplete listing are kept, and a blind spot is added."""
        found: set[str] = set()
        for page in self.client.pages(replace(LOCATIONS, project=project)):
            if isinstance(page, Unknown):
                collection.blind_spot(place, page)
            else:
                found.update(self._of_page(page))
        # A region of Google's that was asked for is there, whatever the project has in it.
        for region in sorted(self.regions - not_there(self.regions).keys()):
            collection.looked(CollectionPlace("gcp", project.id, region, "region"), REGIONS.name)
        items = [Item(project, region=region) for region in sorted(found)]
        collection.run(REGIONS, self.client, place, wanted, items)
        collection.end(place)

    def _of_page(self, page: Sequence[Any]) -> set[str]:
        regions = {to_region(item.asset.get("location", "")) for item in page}
        return {region for region in regions if region and (not self.regions or region in self.regions)}
