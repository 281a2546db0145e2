"""Connecting to Azure: the signed-in identity, the subscriptions, and what is collected from each."""

from __future__ import annotations

import os
import re
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, NoReturn

from providers.azure import tables as register
from providers.azure.account import accounts, regions
from providers.azure.audit import audit_trails
from providers.azure.client.caller import Graph, SubscriptionCaller
from providers.azure.client.calls import (
    ArmCall,
    AzureCall,
    Digest,
    DirectoryCall,
    MembersCall,
)
from providers.azure.client.client import (
    COMPLETENESS_CALLS,
    Count,
    MicrosoftGraph,
    ResourceManager,
    TokenIdentity,
    sign_in,
)
from providers.azure.client.directory import Grants, GrantsCaller, TenantCaller, TenantDirectory
from providers.azure.client.endpoints import endpoints
from providers.azure.client.nested import collect_nested
from providers.azure.client.recorded_sign_in import SIGN_IN, mistake, replayed_endpoints
from providers.azure.client.senders import Recordings
from providers.azure.compute import container_clusters, functions, virtual_machines
from providers.azure.databases import databases
from providers.azure.delegations import delegations
from providers.azure.eligible_roles import eligible_roles
from providers.azure.entra import ORGANISATION
from providers.azure.identity import access_keys, access_keys_of_service_principals, users
from providers.azure.keys import keys
from providers.azure.network import firewalls
from providers.azure.roles import roles
from providers.azure.storage import buckets
from providers.azure.tables import COLLECTORS
from providers.azure.tenant import tenants
from scanner.collect.answers import Replay
from scanner.collect.collection import Collection, CollectionPlace
from scanner.collect.provider import ConnectionRequest, Limits, Unreachable
from scanner.collect.table import Table
from scanner.model.evidence import Observed, Unknown
from scanner.model.inventory import Target, Wanted
from scanner.model.resources.account import Region
from scanner.model.resources.base import ProviderName
from scanner.model.resources.identity import Role
from scanner.model.resources.keys import Key

Row = Mapping[str, Any]

SUBSCRIPTIONS = ArmCall(
    name="Microsoft.Resources/Subscriptions_List",
    permission="Microsoft.Resources/subscriptions/read",
    path="/subscriptions",
    version="2022-12-01",
    paged=True,
)
SUBSCRIPTION = ArmCall(
    name="Microsoft.Resources/Subscriptions_Get",
    permission="Microsoft.Resources/subscriptions/read",
    path="/subscriptions/{subscription}",
    version="2022-12-01",
)
OFFERED_LOCATIONS = ArmCall(
    name="Microsoft.Resources/Subscriptions_ListLocations",
    permission="Microsoft.Resources/subscriptions/locations/read",
    path="/subscriptions/{subscription}/locations",
    version="2022-12-01",
    paged=True,
)
OTHER_CALLS: tuple[ArmCall, ...] = (SUBSCRIPTIONS, SUBSCRIPTION, OFFERED_LOCATIONS, *COMPLETENESS_CALLS)
"""The calls that are in no table: connecting, and proving that a listing is complete."""

_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_READER = "Grant the identity the Reader role on the subscription, and check its ID and tenant."


def connect(
    request: ConnectionRequest, limits: Limits, sleep: Callable[[float], None] = time.sleep
) -> AzureProvider:
    """Signs in and finds the subscriptions: those in the request, else all that the identity can access.

    Raises :class:`~scanner.collect.provider.Unreachable` if none can be read, and
    :class:`~scanner.base.yaml.DocumentError` for a recording with an answer to a call that is not known.
    """
    if request.profile or request.role:
        raise Unreachable(
            "azure",
            "Azure has no profiles and no roles to assume.",
            "Sign in with `az login`, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET.",
        )
    calls = _calls()
    replay = request.replay
    if replay is None:
        try:
            where = endpoints(os.environ)
        except ValueError as error:
            raise Unreachable("azure", f"{error}.", "Correct the variable, or unset it.") from error
    else:
        replay.check("azure", [SIGN_IN, *(call.name for call in (*calls, *OTHER_CALLS))], mistake)
        where = replayed_endpoints(replay)
        sleep = _without_waiting
    recordings = Recordings(request.recorder, replay, _kinds())
    identity = sign_in(where, limits, recordings)
    arm_calls = [call for call in calls if not isinstance(call, DirectoryCall)]
    manager = ResourceManager(where, identity, limits, [*arm_calls, *OTHER_CALLS], sleep, recordings)
    directory = [call for call in calls if isinstance(call, DirectoryCall)]
    graph = MicrosoftGraph(where, identity, limits, directory, sleep, recordings)
    found, unreached = _subscriptions(request, manager, identity)
    if not found:
        _raise_unreachable(unreached)
    locations = _locations(request, manager, found)
    return AzureProvider(
        manager, graph, identity, where.partition, tuple(found), unreached, request.expected, locations
    )


def _calls() -> AbstractSet[AzureCall | DirectoryCall]:
    """The requests that the tables make."""
    named = {call for table in COLLECTORS for call in table.calls(table.kind.facets())}
    return {call.call if isinstance(call, Digest | MembersCall) else call for call in named}


def _kinds() -> Mapping[str, str]:
    """The kind of each call that only one kind needs."""
    kinds: dict[str, set[str]] = defaultdict(set)
    for table in COLLECTORS:
        for call in table.calls(table.kind.facets()):
            kinds[call.name].add(table.kind.kind)
    return {name: min(of) for name, of in kinds.items() if len(of) == 1}


def _without_waiting(seconds: float) -> None:
    """In place of sleep: a recorded answer does not become another one by waiting."""


@dataclass(frozen=True)
class AzureProvider:
    """A signed-in connection, with the subscriptions that were reached and those that were not."""

    manager: ResourceManager
    graph: MicrosoftGraph
    identity: TokenIdentity
    partition: str
    subscriptions: Sequence[Row]
    """As returned by ``Subscriptions_Get``."""
    unreached: Sequence[Target]
    expected: bool
    locations: frozenset[str]
    """Only these; empty: all."""

    @property
    def name(self) -> ProviderName:
        """The provider name."""
        return "azure"

    @property
    def targets(self) -> Sequence[Target]:
        """The subscriptions of the request, reached or not."""
        reached = (
            Target("azure", _id(one), self.identity.name, self.expected, True, None)
            for one in self.subscriptions
        )
        return (*reached, *self.unreached)

    def collect(self, wanted: Wanted, collection: Collection) -> None:
        """Starts collecting ``wanted`` from every subscription, and once from each tenant."""

        def count(operation: str) -> None:
            collection.called("azure", operation)

        graph = Graph(self.manager, [_id(one) for one in self.subscriptions], count)
        tables: tuple[Table[AzureCall], ...] = (
            accounts(self.partition),
            regions(self.partition),
            buckets(self.partition),
            audit_trails(self.partition),
            firewalls(self.partition),
            virtual_machines(self.partition),
            *databases(self.partition),
            functions(self.partition),
            container_clusters(self.partition),
            *(table(self.partition) for table in register.RESOURCES),
        )
        registered = {table.name for table in COLLECTORS}
        callers = {
            _id(one): SubscriptionCaller(
                self.manager, graph, _id(one), self.identity.principal, collection, self.locations
            )
            for one in self.subscriptions
        }
        for one in self.subscriptions:
            register.SUBSCRIPTION.announce(_id(one), wanted, collection)
            for location in self.locations if Region.kind in wanted else ():
                # Azure offers it, so it is there, even if nothing is in it.
                place = CollectionPlace("azure", _id(one), location, Region.kind)
                collection.looked(place, OFFERED_LOCATIONS.name)
            caller = callers[_id(one)]
            for table in tables:
                kind = table.kind.kind
                if kind in wanted and table.name in registered:
                    place = CollectionPlace("azure", _id(one), None, kind)
                    items = [one] if table.list is None else None
                    collection.run(table, caller, place, wanted[kind], items)
        for tenant in sorted({_tenant(one) for one in self.subscriptions}):
            tenant_callers = {
                _id(one): callers[_id(one)] for one in self.subscriptions if _tenant(one) == tenant
            }
            self._collect_identities(tenant, tenant_callers, wanted, collection, count)

    def _collect_identities(
        self,
        tenant: str,
        callers: Mapping[str, SubscriptionCaller],
        wanted: Wanted,
        collection: Collection,
        count: Count,
    ) -> None:
        register.TENANT.announce(tenant, wanted, collection)
        registered = {table.name for table in COLLECTORS}
        grants = {scope: Grants(caller) for scope, caller in callers.items()}
        directory: TenantDirectory | Unknown = self._other_tenant(tenant)
        if self._sign_in_tenant() in (None, tenant):
            directory = TenantDirectory(self.graph, tenant, list(grants.values()), count)
        for scope, one in grants.items():
            for nested in keys(self.partition, tenant):
                if Key.kind in wanted and nested.name in registered:
                    place = CollectionPlace("azure", scope, None, Key.kind)
                    collect_nested(nested, GrantsCaller(one, directory), collection, place, wanted[Key.kind])
            for of_role in (roles, delegations, eligible_roles):
                table = of_role(self.partition, scope, tenant)
                if Role.kind in wanted and table.name in registered:
                    place = CollectionPlace("azure", scope, None, Role.kind)
                    collection.run(table, GrantsCaller(one, directory), place, wanted[Role.kind])
        for table in (
            tenants(self.partition, tenant),
            users(self.partition, tenant),
            access_keys(self.partition, tenant, self.identity.time),
            access_keys_of_service_principals(self.partition, tenant, self.identity.time),
        ):
            kind = table.kind.kind
            if kind in wanted and table.name in registered:
                place = CollectionPlace("azure", tenant, None, kind)
                if isinstance(directory, Unknown):
                    collection.begin(place)
                    collection.blind_spot(place, directory)
                    collection.end(place)
                else:
                    collection.run(table, TenantCaller(directory), place, wanted[kind])

    def _sign_in_tenant(self) -> str | None:
        """The tenant that the identity signed in to; ``None`` if the token does not state it and the
        subscriptions have only one tenant."""
        tenant = self.identity.tenant
        if tenant is not None:
            return tenant.lower()
        return None if len({_tenant(one) for one in self.subscriptions}) == 1 else ""

    def _other_tenant(self, tenant: str) -> Unknown:
        message = f"the subscriptions belong to tenant {tenant}, but the identity signed in to another tenant"
        return Unknown.because("denied", ORGANISATION.name, None, message)


def _id(subscription: Row) -> str:
    return str(subscription["subscriptionId"]).lower()


def _tenant(subscription: Row) -> str:
    return str(subscription["tenantId"]).lower()


def _uncounted(operation: str) -> None:
    """Requests while connecting are not counted: there is no collection yet."""


def _subscriptions(
    request: ConnectionRequest, manager: ResourceManager, identity: TokenIdentity
) -> tuple[list[Row], tuple[Target, ...]]:
    if request.scopes:
        return _named_subscriptions(request.scopes, request, manager, identity)
    listed = manager.get(SUBSCRIPTIONS, "", "", _uncounted)
    if isinstance(listed, Unknown) and request.replay is not None:
        recorded = _recorded_subscriptions(request.replay, identity)
        if recorded:
            return _named_subscriptions(recorded, request, manager, identity)
    every = (
        listed
        if isinstance(listed, Unknown)
        else manager.read(SUBSCRIPTIONS, lambda rows: [_checked(row, None) for row in rows], listed)
    )
    if isinstance(every, Unknown):
        cause = every.causes[0]
        raise Unreachable(
            "azure",
            f"the subscriptions could not be listed: {cause.message}.",
            "Check the network, AZURE_RESOURCE_MANAGER_URL and the identity's role.",
        )
    return sorted(every, key=_id), ()


def _recorded_subscriptions(replay: Replay, identity: TokenIdentity) -> Sequence[str]:
    """The subscriptions of a recording that was made with named ones, and so has no list of them."""
    if replay.exchanges("azure", SUBSCRIPTIONS.name):
        return ()
    tenant = (identity.tenant or "").lower()
    return [scope for scope in replay.scopes("azure") if _GUID.fullmatch(scope) and scope != tenant]


def _named_subscriptions(
    scopes: Sequence[str], request: ConnectionRequest, manager: ResourceManager, identity: TokenIdentity
) -> tuple[list[Row], tuple[Target, ...]]:
    found: dict[str, Row] = {}
    unreached: list[Target] = []

    def add_unreached(scope: str, message: str) -> None:
        unreached.append(Target("azure", scope, identity.name, request.expected, False, message))

    for scope in dict.fromkeys(scope.lower() for scope in scopes):
        if not _GUID.fullmatch(scope):
            add_unreached(scope, "This is not a subscription ID. `az account list` shows the IDs.")
            continue
        answer = manager.get(SUBSCRIPTION, scope, "", _uncounted)
        one = answer if isinstance(answer, Unknown) else manager.read(SUBSCRIPTION, _checked, answer, scope)
        if isinstance(one, Unknown):
            add_unreached(scope, f"{one.causes[0].message} {_READER}")
        else:
            found[scope] = one
    return list(found.values()), tuple(unreached)


def _checked(row: Row, scope: str | None) -> Row:
    """The subscription, validated for the header. Raises if it is another one or incomplete."""
    identifier = _id(row)
    if not _GUID.fullmatch(identifier) or (scope is not None and identifier != scope):
        raise ValueError("subscriptionId")
    if not isinstance(row["displayName"], str):
        raise TypeError("displayName")
    if not _GUID.fullmatch(_tenant(row)):
        raise ValueError("tenantId")
    return row


def _raise_unreachable(unreached: Sequence[Target]) -> NoReturn:
    if len(unreached) == 1:
        only = unreached[0]
        raise Unreachable(
            "azure", f"subscription {only.scope} cannot be read.", only.message or "", scope=only.scope
        )
    if unreached:
        first = unreached[0]
        raise Unreachable(
            "azure",
            f"none of the {len(unreached)} subscriptions can be read.",
            f"The first, {first.scope}: {first.message}",
        )
    raise Unreachable(
        "azure",
        "the identity has access to no subscription.",
        "Grant it the Reader role on a subscription or management group.",
    )


def _locations(request: ConnectionRequest, manager: ResourceManager, found: Sequence[Row]) -> frozenset[str]:
    """The requested locations. Raises if one is not available in any subscription."""
    requested = frozenset(name.lower().replace(" ", "") for name in request.regions)
    if not requested:
        return requested
    offered: set[str] = set()
    for one in found:
        answer = manager.get(OFFERED_LOCATIONS, _id(one), "", _uncounted)
        names: Observed[set[str]] = (
            answer
            if isinstance(answer, Unknown)
            else manager.read(
                OFFERED_LOCATIONS, lambda rows: {str(row["name"]).lower() for row in rows}, answer
            )
        )
        if isinstance(names, Unknown):
            # A misspelt name would match no resources, which would look like a pass.
            raise Unreachable(
                "azure",
                f"the locations could not be checked: {names.causes[0].message}.",
                "Grant the identity the Reader role, or do not name locations.",
            )
        offered |= names
    unknown = sorted(requested - offered)
    if unknown:
        raise Unreachable(
            "azure",
            f"Azure offers no location {', '.join(unknown)} in these subscriptions.",
            "`az account list-locations` shows the names.",
        )
    return requested
