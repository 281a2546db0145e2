"""Connecting to Azure: the signed-in identity, the subscriptions, and what is collected from each."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

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
)
from providers.azure.client.directory import Grants, GrantsCaller, TenantCaller, TenantDirectory
from providers.azure.client.endpoints import endpoints
from providers.azure.client.nested import collect_nested
from providers.azure.client.recorded_sign_in import SIGN_IN, mistake, replayed_endpoints
from providers.azure.client.senders import Recordings
from providers.azure.client.token_identity import TokenIdentity, sign_in
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
from providers.azure.subscriptions import (
    OFFERED_LOCATIONS,
    SUBSCRIPTION,
    SUBSCRIPTIONS,
    raise_unreachable,
    requested_locations,
    subscription_id,
    subscriptions,
    tenant_of,
)
from providers.azure.tables import COLLECTORS
from providers.azure.tenant import tenants
from scanner.collect.collection import Collection, CollectionPlace
from scanner.collect.provider import ConnectionRequest, Limits, Unreachable
from scanner.collect.table import Table
from scanner.model.evidence import Unknown
from scanner.model.inventory import Target, Wanted
from scanner.model.resources.account import Region
from scanner.model.resources.base import ProviderName
from scanner.model.resources.identity import Role
from scanner.model.resources.keys import Key

Row = Mapping[str, Any]

OTHER_CALLS: tuple[ArmCall, ...] = (SUBSCRIPTIONS, SUBSCRIPTION, OFFERED_LOCATIONS, *COMPLETENESS_CALLS)
"""The calls that are in no table: connecting, and proving that a listing is complete."""


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
    found, unreached = subscriptions(request, manager, identity)
    if not found:
        raise_unreachable(unreached)
    locations = requested_locations(request, manager, found)
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
            Target("azure", subscription_id(one), self.identity.name, self.expected, True, None)
            for one in self.subscriptions
        )
        return (*reached, *self.unreached)

    def collect(self, wanted: Wanted, collection: Collection) -> None:
        """Starts collecting ``wanted`` from every subscription, and once from each tenant."""

        def count(operation: str) -> None:
            collection.called("azure", operation)

        graph = Graph(self.manager, [subscription_id(one) for one in self.subscriptions], count)
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
            subscription_id(one): SubscriptionCaller(
                self.manager, graph, subscription_id(one), self.identity.principal, collection, self.locations
            )
            for one in self.subscriptions
        }
        for one in self.subscriptions:
            register.SUBSCRIPTION.announce(subscription_id(one), wanted, collection)
            for location in self.locations if Region.kind in wanted else ():
                # Azure offers it, so it is there, even if nothing is in it.
                place = CollectionPlace("azure", subscription_id(one), location, Region.kind)
                collection.looked(place, OFFERED_LOCATIONS.name)
            caller = callers[subscription_id(one)]
            for table in tables:
                kind = table.kind.kind
                if kind in wanted and table.name in registered:
                    place = CollectionPlace("azure", subscription_id(one), None, kind)
                    items = [one] if table.list is None else None
                    collection.run(table, caller, place, wanted[kind], items)
        for tenant in sorted({tenant_of(one) for one in self.subscriptions}):
            tenant_callers = {
                subscription_id(one): callers[subscription_id(one)]
                for one in self.subscriptions
                if tenant_of(one) == tenant
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
        return None if len({tenant_of(one) for one in self.subscriptions}) == 1 else ""

    def _other_tenant(self, tenant: str) -> Unknown:
        message = f"the subscriptions belong to tenant {tenant}, but the identity signed in to another tenant"
        return Unknown.because("denied", ORGANISATION.name, None, message)
