"""Network security groups as firewalls.

They do not determine reachability alone: the machine also needs a public address or a load balancer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from providers.azure.client.calls import AzureCall, GraphCall
from providers.azure.client.guard import resource_id
from providers.azure.compute import INTERFACES, Interfaces
from providers.azure.virtual_networks import ADMIN_RULES, ROUTE_TABLES, Placement, placement
from scanner.collect.table import Facet, FacetRead, Table, from_list
from scanner.model.evidence import Observed, Unknown, join, lift
from scanner.model.resources.network import Firewall
from scanner.policy.addresses import addresses
from scanner.policy.reachability import ANY_PORT, Ingress, admin_ports, every_port_open, open_to_world

Row = Mapping[str, Any]


def _groups(row: Row) -> Sequence[Row]:
    return ({**row, "location": row["location"].lower()},)


SECURITY_GROUPS = GraphCall(
    name="Microsoft.ResourceGraph/Resources(networkSecurityGroups)",
    permission="Microsoft.Network/networkSecurityGroups/read",
    query=(
        "resources | where type =~ 'microsoft.network/networksecuritygroups'"
        " | project id, name, subscriptionId, location, tags, properties | order by id asc"
    ),
    items=_groups,
)
_WORLD = {4: "0.0.0.0/0", 6: "::/0"}
_ANYWHERE = frozenset({"*", "any", "internet"})
"""Sources, in lower case, that include every public address."""
_NETWORK = "virtualnetwork"
"""The tag, in lower case, for the virtual network and all that is connected with it."""
_EVERY_MACHINE = frozenset({"*", "any", "virtualnetwork"})
"""Destinations, in lower case, that include every address behind the group."""
_TAG = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:\.[A-Za-z0-9-]+)*")


def header(partition: str, item: Row) -> Mapping[str, Any]:
    """The header from a row of Resource Graph."""
    return {
        "provider": "azure",
        "partition": partition,
        "scope": item["subscriptionId"].lower(),
        "region": item["location"] or None,
        "id": resource_id(item["id"]).lower(),
        "name": item["name"],
        "type": "azure.network.securitygroup",
    }


def to_tags(item: Row) -> Mapping[str, str]:
    """The resource's own tags; Azure returns null for none."""
    return dict(item["tags"] or {})


def to_attached(item: Row) -> bool:
    """Whether ``subnets`` or ``networkInterfaces`` has entries. Both are missing if empty.

    https://learn.microsoft.com/rest/api/virtualnetwork/network-security-groups/list-all
    """
    properties = item["properties"]
    return bool(properties.get("subnets") or properties.get("networkInterfaces"))


def never(item: Row) -> bool:
    """Azure has no default security group: the customer creates each group and its rules. The six rules that
    Azure adds allow inbound only traffic within the network and load balancer probes."""
    return False


@dataclass(frozen=True)
class Opened:
    """What the inbound rules open to the internet."""

    by_rules: tuple[str, ...]
    with_default_route: tuple[str, ...]
    """The same if the tag VirtualNetwork includes the internet, as it does where a user-defined route has
    that prefix."""


def ingress(item: Row, default_route: bool = False) -> tuple[Ingress, ...]:
    """The inbound rules that affect traffic from the internet, including Azure's default rules.

    The internet is the sources ``*`` and ``Internet``, and with a ``default_route`` the tag VirtualNetwork;
    other service tags and application security groups are not. An allow rule counts even if it is for one
    machine behind the group. A deny rule counts only if it covers all machines and every source port:
    otherwise it can be bypassed. Without a protocol, ports apply to TCP and UDP.
    https://learn.microsoft.com/azure/virtual-network/network-security-groups-overview
    https://learn.microsoft.com/azure/virtual-network/service-tags-overview
    """
    properties = item["properties"]
    anywhere = _ANYWHERE | {_NETWORK} if default_route else _ANYWHERE
    rules = (
        rule["properties"] for rule in (*properties["securityRules"], *properties["defaultSecurityRules"])
    )
    return tuple(
        one
        for rule in rules
        if _choice(rule, "direction", "inbound", "outbound")
        for one in _rules(rule, anywhere)
    )


def to_opened(item: Row) -> Opened:
    """What the inbound rules open to the internet, evaluated in order of ``priority``."""
    return Opened(open_to_world(ingress(item)), open_to_world(ingress(item, default_route=True)))


def to_placement(item: Row, interfaces: Interfaces) -> Placement:
    """Where the group is in force."""
    return placement(item, interfaces)


def to_known_placement(item: Row) -> Placement:
    """Where the group is in force, as far as it reports that itself."""
    return placement(item, None)


def entire_answer(item: Row, answer: Any) -> Any:
    """The answer itself, for a facet that combines several."""
    return answer


def to_open_to_world(
    opened: Observed[Opened],
    itself: Observed[Placement],
    placed: Observed[Placement],
    routes: Observed[frozenset[str]],
    managed: Observed[frozenset[str]],
) -> Observed[tuple[str, ...]]:
    """What is open to the internet, where nothing but the group decides.

    Unknown where security admin rules apply: they allow or deny before it, and are not read. Unknown where a
    default route makes the tag VirtualNetwork include the internet and that matters: "the tag might also
    contain default routes".
    """
    if isinstance(opened, Unknown):
        return opened
    if isinstance(itself, Unknown):
        return itself
    # A group whose interfaces cannot be read is placed wherever it matters, for that reason.
    where = itself if isinstance(placed, Unknown) else placed
    unread = [placed] if isinstance(placed, Unknown) and itself.elsewhere else []
    causes: list[Unknown] = []
    if opened.by_rules != opened.with_default_route:
        causes += _doubts(routes, where.may_be_in, bool(where.subnets or where.elsewhere), unread, _ROUTED)
    causes += _doubts(managed, where.may_be_of, bool(where.subnets or where.elsewhere), unread, _MANAGED)
    return join(causes) if causes else opened.by_rules


def _doubts(
    answer: Observed[frozenset[str]],
    concerns: Callable[[frozenset[str]], bool],
    attached: bool,
    unread: list[Unknown],
    reason: Unknown,
) -> list[Unknown]:
    if not attached:
        return []
    if isinstance(answer, Unknown):
        return [answer]
    if not concerns(answer):
        return []
    return unread or [reason]


_ROUTED = Unknown.because(
    "unsupported",
    ROUTE_TABLES.name,
    None,
    "a default route of the subnet makes the tag VirtualNetwork include the internet",
)
_MANAGED = Unknown.because(
    "unsupported",
    ADMIN_RULES.name,
    None,
    "security admin rules of a virtual network manager, which are not read, take precedence",
)


def _rules(rule: Row, anywhere: AbstractSet[str]) -> Iterator[Ingress]:
    allow = _choice(rule, "access", "allow", "deny")
    versions = frozenset(_WORLD) if allow else _denied_versions(rule)
    sources = tuple(source for source in _sources(rule, anywhere) if (6 if ":" in source else 4) in versions)
    priority = rule["priority"]
    if not isinstance(priority, int):
        raise TypeError("priority")
    ports = _ports(rule, "destination")
    for protocol in _protocols(rule["protocol"].lower(), bool(ports)):
        if sources:
            ranges = ports if protocol in ("tcp", "udp", "all") else ()
            yield Ingress(allow=allow, priority=priority, protocol=protocol, ports=ranges, sources=sources)


def _choice(rule: Row, name: str, yes: str, no: str) -> bool:
    value = rule[name].lower()
    if value not in (yes, no):
        raise ValueError(name)
    return bool(value == yes)


def _protocols(protocol: str, with_ports: bool) -> tuple[str, ...]:
    if protocol not in ("*", "any"):
        return (protocol,)
    return ("tcp", "udp") if with_ports else ("all",)


def _ports(rule: Row, side: str) -> tuple[tuple[int, int], ...]:
    """The port ranges; empty for all ports."""
    values = _both(rule, f"{side}PortRange")
    if not values:
        raise ValueError(f"{side}PortRange")
    if "*" in values:
        return ()
    ranges = tuple(_range(value) for value in values)
    return () if ANY_PORT in ranges else ranges


def _range(text: str) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    return (int(first), int(last if dash else first))


def _sources(rule: Row, anywhere: AbstractSet[str]) -> tuple[str, ...]:
    prefixes = _both(rule, "sourceAddressPrefix")
    if not prefixes and not rule.get("sourceApplicationSecurityGroups"):
        raise ValueError("sourceAddressPrefix")
    if any(prefix.lower() in anywhere for prefix in prefixes):
        return tuple(_WORLD.values())
    return tuple(prefix for prefix in prefixes if not _TAG.fullmatch(prefix))


def _denied_versions(rule: Row) -> frozenset[int]:
    """The IP versions for which a deny rule covers everything behind the group, and cannot be bypassed."""
    if _ports(rule, "source"):
        return frozenset()
    prefixes = {prefix.lower() for prefix in _both(rule, "destinationAddressPrefix")}
    if prefixes & _EVERY_MACHINE:
        return frozenset(_WORLD)
    # Ranges of destinations add up as those of sources do; a tag covers only some of the machines.
    found = addresses(prefix for prefix in prefixes if not _TAG.fullmatch(prefix))
    return frozenset(
        version for version, world in addresses(_WORLD.values()).items() if found[version] == world
    )


def _both(rule: Row, name: str) -> tuple[str, ...]:
    """The values of the singular and the plural field; Azure uses one and leaves the other empty or out."""
    one, more = rule.get(name), rule.get(f"{name}es" if name.endswith("Prefix") else f"{name}s")
    return tuple(text.strip() for text in (*([one] if one else ()), *(more or ())))


def _admin_ports(*facts: Observed[Any]) -> Observed[tuple[str, ...]]:
    return lift(admin_ports, to_open_to_world(*facts))


def _everything(*facts: Observed[Any]) -> Observed[bool]:
    return lift(every_port_open, to_open_to_world(*facts))


_OPEN: tuple[FacetRead[AzureCall], ...] = (
    FacetRead(None, to_opened),
    FacetRead(None, to_known_placement),
    FacetRead(INTERFACES, to_placement),
    FacetRead(ROUTE_TABLES, entire_answer),
    FacetRead(ADMIN_RULES, entire_answer),
)

FACETS: Mapping[str, Facet[AzureCall]] = {
    "tags": from_list(to_tags),
    "attached": from_list(to_attached),
    "default": from_list(never),
    "open_to_world": Facet(_OPEN, combine=to_open_to_world),
    "admin_ports_open": Facet(_OPEN, combine=_admin_ports),
    "everything_open": Facet(_OPEN, combine=_everything),
    "default_allows": from_list(never),
}


def firewalls(partition: str) -> Table[AzureCall]:
    """The table for the network security groups of one cloud."""
    return Table(
        kind=Firewall,
        list=SECURITY_GROUPS,
        header=lambda item: header(partition, item),
        facets=FACETS,
    )


FIREWALLS = firewalls("azure")
