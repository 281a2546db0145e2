"""Ingress from the internet to a VPC network: its firewall rules, and the firewall policies around them.

Policies of the organisation and of folders are evaluated first, so without them the result is unknown: one
that denies closes what the network's own rules open, one that allows opens what they leave closed. No asset
contains Google's own regional policies for managed services.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from providers.gcp.client.calls import GcpCall, Item
from providers.gcp.firewall_rules import (
    NETWORK,
    associations,
    is_disabled,
    is_network,
    policy_rules,
    vpc_rule,
)
from providers.gcp.packets import Level, interpretations, reach
from scanner.collect.table import Facet, FacetRead, Table, from_list
from scanner.model.evidence import Observed, Unknown, all_of, lift
from scanner.model.resources.network import Firewall
from scanner.policy.reachability import admin_ports, every_port_open

_NETWORK = "compute.googleapis.com/Network"
_FIREWALL = "compute.googleapis.com/Firewall"
_POLICY = "compute.googleapis.com/FirewallPolicy"

NETWORKS = GcpCall("ListAssets", (_NETWORK,))
RULES = GcpCall("ListAssets", (_FIREWALL,))
POLICIES = GcpCall("ListAssets", (_POLICY,))
POLICIES_ABOVE = GcpCall("ListAssets", (_POLICY,), parent="organization")

_DEFAULT_RULES = frozenset(
    {"default-allow-icmp", "default-allow-internal", "default-allow-rdp", "default-allow-ssh"}
)
"""The rules that are created with the default network:
https://cloud.google.com/firewall/docs/firewalls#more_rules_default_vpc."""
_REGION = re.compile(r"/regions/([^/]+)")


@dataclass(frozen=True)
class Policies:
    """The network firewall policies: the global one, and those of single regions."""

    levels: tuple[Level, ...]


def header(item: Item) -> Mapping[str, Any]:
    """https://cloud.google.com/compute/docs/reference/rest/v1/networks. A network spans all regions."""
    return {
        "provider": "gcp",
        "partition": "gcp",
        "scope": item.project.id,
        "region": None,
        "id": item.asset["name"],
        "name": item.data["name"],
        "type": "gcp.compute.network",
    }


def no_tags(_: Item) -> Mapping[str, str]:
    """Networks cannot be labelled."""
    return {}


def to_attached(item: Item) -> bool:
    """It has ``subnetworks``, or is a legacy network, which has its own range (``IPv4Range``). Other projects
    may have instances in a shared network, which no asset of this project shows."""
    return bool(item.data.get("subnetworks")) or "IPv4Range" in item.data


def to_default(item: Item) -> bool:
    """The network ``default``, which is created with a project."""
    return bool(item.data["name"] == "default")


def to_default_rules(item: Item, firewalls: Mapping[str, Any]) -> bool:
    """Whether one of the rules created with a default network is in it and not ``disabled``."""
    return any(
        rule["name"] in _DEFAULT_RULES and not is_disabled(rule) for rule in _of_network(item, firewalls)
    )


def to_policies_first(item: Item) -> bool:
    """``networkFirewallPolicyEnforcementOrder``: whether the network's policies precede its rules."""
    order = item.data.get("networkFirewallPolicyEnforcementOrder", "AFTER_CLASSIC_FIREWALL")
    if order not in ("AFTER_CLASSIC_FIREWALL", "BEFORE_CLASSIC_FIREWALL"):
        raise ValueError(f"{order} is an unknown enforcement order")
    return bool(order == "BEFORE_CLASSIC_FIREWALL")


def _of_network(item: Item, firewalls: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for asset in firewalls.values():
        data = asset["resource"]["data"]
        if is_network(data["network"], item):
            yield data


def to_rules(item: Item, firewalls: Mapping[str, Any]) -> Level:
    """The VPC firewall rules: https://cloud.google.com/compute/docs/reference/rest/v1/firewalls."""
    return Level(tuple(rule for data in _of_network(item, firewalls) for rule in vpc_rule(data)))


def to_policies(item: Item, policies: Mapping[str, Any]) -> Policies:
    """Network firewall policies associated with the network:
    https://cloud.google.com/firewall/docs/network-firewall-policies.

    Raises :class:`LookupError` if the policy that the network references is not among them.
    """
    own: list[Level] = []
    regional: list[Level] = []
    for asset in policies.values():
        data = asset["resource"]["data"]
        targets = associations(data)
        if not any(NETWORK.search(target) and is_network(target, item) for target in targets):
            continue
        region = _REGION.search(asset["name"])
        level = Level(policy_rules(data, item), region[1] if region else None)
        (regional if region else own).append(level)
    if item.data.get("firewallPolicy") and not own:
        raise LookupError("the network's firewall policy is not among those listed")
    return Policies((*own, *regional))


def to_levels_above(item: Item, policies: Mapping[str, Any]) -> Observed[tuple[Level, ...]]:
    """Hierarchical firewall policies, from the organisation down:
    https://cloud.google.com/firewall/docs/firewall-policies."""
    ancestors = item.project.ancestors
    if isinstance(ancestors, Unknown):
        return ancestors
    levels: dict[str, list[Level]] = {}
    for asset in policies.values():
        data = asset["resource"]["data"]
        for target in associations(data):
            place = "/".join(target.split("/")[-2:])
            if place in ancestors:
                levels.setdefault(place, []).append(Level(policy_rules(data, item)))
    return tuple(level for place in reversed(ancestors) for level in levels.get(place, ()))


def to_open(
    rules: Observed[Level],
    own: Observed[Policies],
    above: Observed[tuple[Level, ...]],
    before: Observed[bool],
) -> Observed[tuple[str, ...]]:
    """All levels in their order: the organisation's, the folders', then the network's rules and policies.
    Unknown if it depends on a rule whose sources or destinations cannot be determined."""
    if isinstance(rules, Unknown) or isinstance(own, Unknown):
        return lift(lambda *_: (), rules, own, above, before)
    if isinstance(above, Unknown) or isinstance(before, Unknown):
        return lift(lambda *_: (), above, before)
    return _open((*above, *((*own.levels, rules) if before else (rules, *own.levels))))


@lru_cache(maxsize=256)
def _open(levels: tuple[Level, ...]) -> Observed[tuple[str, ...]]:
    """Cached, since several facets use it."""
    try:
        found = {reach(interpretation) for interpretation in interpretations(levels)}
    except ValueError as error:
        return Unknown.because("error", RULES.name, None, f"cannot determine what the rules allow: {error}")
    if len(found) == 1:
        return found.pop()
    names = sorted({rule.name for level in levels for rule in level.rules if rule.doubtful})
    why = f"no asset shows all sources or destinations of {', '.join(names)}"
    return Unknown.because("unsupported", RULES.name, None, why)


def to_admin_ports(*levels: Observed[Any]) -> Observed[tuple[str, ...]]:
    """The administration ports among the open ones."""
    return lift(admin_ports, to_open(*levels))


def to_everything(*levels: Observed[Any]) -> Observed[bool]:
    """Whether everything is open."""
    return lift(every_port_open, to_open(*levels))


_LEVELS: tuple[FacetRead[GcpCall], ...] = (
    FacetRead(RULES, to_rules),
    FacetRead(POLICIES, to_policies),
    FacetRead(POLICIES_ABOVE, to_levels_above),
    FacetRead(None, to_policies_first),
)

FIREWALLS = Table(
    kind=Firewall,
    list=NETWORKS,
    header=header,
    facets={
        "tags": from_list(no_tags),
        "attached": from_list(to_attached),
        "default": from_list(to_default),
        "open_to_world": Facet(_LEVELS, to_open),
        "admin_ports_open": Facet(_LEVELS, to_admin_ports),
        "everything_open": Facet(_LEVELS, to_everything),
        "default_allows": Facet((FacetRead(None, to_default), FacetRead(RULES, to_default_rules)), all_of),
    },
)
"""One firewall for each VPC network of the project."""
