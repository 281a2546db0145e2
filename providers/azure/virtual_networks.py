"""What decides beside a network security group: the routes of its subnets, which the tag VirtualNetwork
includes, and the security admin rules of a virtual network manager, which take precedence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from providers.azure.client.calls import GraphCall
from providers.azure.compute import Interfaces
from scanner.policy.addresses import cover_world

Row = Mapping[str, Any]


def subnets_with_default_route(rows: Iterable[Row]) -> frozenset[str]:
    """The IDs of the subnets, in lower case, whose user-defined routes together cover the internet."""
    return frozenset(
        subnet["id"].lower()
        for row in rows
        if _routes_cover_world(row["properties"]["routes"])
        for subnet in row["properties"].get("subnets") or ()
    )


def _routes_cover_world(routes: Iterable[Row]) -> bool:
    prefixes = [route["properties"]["addressPrefix"] for route in routes]
    # Of a route for a service tag the addresses are Azure's own.
    return cover_world(prefix for prefix in prefixes if prefix[:1].isdigit() or ":" in prefix)


def managed_networks(rows: Iterable[Row]) -> frozenset[str]:
    """The IDs of the virtual networks, in lower case, to which security admin rules apply.

    https://learn.microsoft.com/azure/virtual-network-manager/query-azure-resource-graph
    """
    found = set()
    for row in rows:
        network, extension, _ = row["id"].lower().partition(_EFFECTIVE)
        properties = {name.lower(): value for name, value in row["properties"].items()}
        if not extension:
            raise ValueError("id")
        if properties["effectivesecurityadminconfigurations"]:
            found.add(network)
    return frozenset(found)


_EFFECTIVE = "/providers/microsoft.network/effectivesecurityadminrules/"
ROUTE_TABLES = GraphCall(
    name="Microsoft.ResourceGraph/Resources(routeTables)",
    permission="Microsoft.Network/routeTables/read",
    query=(
        "resources | where type =~ 'microsoft.network/routetables'"
        " | project id, name, subscriptionId, properties | order by id asc"
    ),
    digest=subnets_with_default_route,
)
ADMIN_RULES = GraphCall(
    name="Microsoft.ResourceGraph/Resources(effectiveSecurityAdminRules)",
    # The type has no action of its own that a custom role may name.
    permission="Microsoft.Network/*/read",
    query=(
        "networkresources | where type =~ 'microsoft.network/effectivesecurityadminrules'"
        " | project id, name, subscriptionId, properties | order by id asc"
    ),
    digest=managed_networks,
)


@dataclass(frozen=True)
class Placement:
    """Where a network security group is in force."""

    subnets: frozenset[str]
    """The IDs of its subnets, and of those of its interfaces, in lower case."""
    elsewhere: bool
    """It has interfaces whose subnet is not reported, such as those of scale sets."""

    def may_be_in(self, subnets: frozenset[str]) -> bool:
        """Whether it is, or may be, in force in one of the subnets."""
        return bool(subnets and (self.elsewhere or self.subnets & subnets))

    def may_be_of(self, networks: frozenset[str]) -> bool:
        """Whether it is, or may be, in force in one of the virtual networks."""
        own = {subnet.partition("/subnets/")[0] for subnet in self.subnets}
        return bool(networks and (self.elsewhere or own & networks))


def placement(group: Row, interfaces: Interfaces | None) -> Placement:
    """Where the group is in force; without ``interfaces``, those of its interfaces are elsewhere."""
    properties = group["properties"]
    subnets = {one["id"].lower() for one in properties.get("subnets") or ()}
    elsewhere = False
    for one in properties.get("networkInterfaces") or ():
        interface = interfaces.by_id.get(one["id"].lower()) if interfaces is not None else None
        found = _subnets(interface["properties"]["ipConfigurations"]) if interface is not None else ()
        elsewhere = elsewhere or not found
        subnets.update(found)
    return Placement(frozenset(subnets), elsewhere)


def _subnets(configurations: Sequence[Row]) -> Sequence[str]:
    named = [one["properties"].get("subnet") for one in configurations]
    return [one["id"].lower() for one in named if one]
