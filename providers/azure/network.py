"""Network security groups as firewalls.

They do not determine reachability alone: security admin rules of a virtual network manager take precedence,
and the machine needs a public address or a load balancer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from providers.azure.client.calls import AzureCall, GraphCall
from providers.azure.client.guard import resource_id
from scanner.collect.table import Facet, FacetRead, Table, from_list
from scanner.model.evidence import Observed, lift
from scanner.model.resources.network import Firewall
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


def ingress(item: Row) -> tuple[Ingress, ...]:
    """The inbound rules that affect traffic from the internet, including Azure's default rules.

    The internet is the sources ``*`` and ``Internet``; other service tags and application security groups
    are not. An allow rule counts even if it is for one machine behind the group. A deny rule counts only if
    it covers all machines and every source port: otherwise it can be bypassed. Without a protocol, ports
    apply to TCP and UDP.
    https://learn.microsoft.com/azure/virtual-network/network-security-groups-overview
    """
    properties = item["properties"]
    rules = (
        rule["properties"] for rule in (*properties["securityRules"], *properties["defaultSecurityRules"])
    )
    return tuple(
        one for rule in rules if _choice(rule, "direction", "inbound", "outbound") for one in _rules(rule)
    )


def to_open_to_world(item: Row) -> tuple[str, ...]:
    """What the inbound rules open to the internet, evaluated in order of ``priority``."""
    return open_to_world(ingress(item))


def _rules(rule: Row) -> Iterator[Ingress]:
    allow = _choice(rule, "access", "allow", "deny")
    versions = frozenset(_WORLD) if allow else _denied_versions(rule)
    sources = tuple(source for source in _sources(rule) if (6 if ":" in source else 4) in versions)
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


def _sources(rule: Row) -> tuple[str, ...]:
    prefixes = _both(rule, "sourceAddressPrefix")
    if not prefixes and not rule.get("sourceApplicationSecurityGroups"):
        raise ValueError("sourceAddressPrefix")
    if any(prefix.lower() in _ANYWHERE for prefix in prefixes):
        return tuple(_WORLD.values())
    return tuple(prefix for prefix in prefixes if not _TAG.fullmatch(prefix))


def _denied_versions(rule: Row) -> frozenset[int]:
    """The IP versions for which a deny rule covers everything behind the group, and cannot be bypassed."""
    if _ports(rule, "source"):
        return frozenset()
    prefixes = {prefix.lower() for prefix in _both(rule, "destinationAddressPrefix")}
    if prefixes & _EVERY_MACHINE:
        return frozenset(_WORLD)
    return frozenset(version for version, world in _WORLD.items() if world in prefixes)


def _both(rule: Row, name: str) -> tuple[str, ...]:
    """The values of the singular and the plural field; Azure uses one and leaves the other empty or out."""
    one, more = rule.get(name), rule.get(f"{name}es" if name.endswith("Prefix") else f"{name}s")
    return tuple(text.strip() for text in (*([one] if one else ()), *(more or ())))


def _admin_ports(opened: Observed[tuple[str, ...]]) -> Observed[tuple[str, ...]]:
    return lift(admin_ports, opened)


def _everything(opened: Observed[tuple[str, ...]]) -> Observed[bool]:
    return lift(every_port_open, opened)


_OPEN: FacetRead[AzureCall] = FacetRead(None, to_open_to_world)

FACETS: Mapping[str, Facet[AzureCall]] = {
    "tags": from_list(to_tags),
    "attached": from_list(to_attached),
    "default": from_list(never),
    "open_to_world": Facet((_OPEN,)),
    "admin_ports_open": Facet((_OPEN,), combine=_admin_ports),
    "everything_open": Facet((_OPEN,), combine=_everything),
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
