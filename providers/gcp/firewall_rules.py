"""The rules of a VPC network, and those of firewall policies, as packet rules.

A field that is not known here may narrow what a rule applies to: the rule becomes doubtful.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_network
from typing import Any

from providers.gcp.client.calls import Item
from providers.gcp.packets import PacketRule, Ports

_WORLD = ("0.0.0.0/0", "::/0")
_NAMES = {
    "1": "icmp",
    "6": "tcp",
    "17": "udp",
    "50": "esp",
    "51": "ah",
    "58": "icmpv6",
    "94": "ipip",
    "132": "sctp",
}
NETWORK = re.compile(r"projects/([^/]+)/global/networks/([^/]+)")
_LOCAL = frozenset({"NON_INTERNET", "INTRA_VPC", "VPC_NETWORKS"})
"""Network contexts that no packet from the internet has:
https://cloud.google.com/firewall/docs/understand-network-contexts."""
_ANYWHERE = frozenset({"INTERNET", "UNSPECIFIED", None})
_CONTEXTS = ("srcNetworkContext", "srcNetworkScope", "srcNetworkType")
"""The field for the context, and its former names."""
_FORMER = {
    "sourceRanges": "sourceRange",
    "destinationRanges": "destinationRange",
    "sourceTags": "sourceTag",
    "targetTags": "targetTag",
    "sourceServiceAccounts": "sourceServiceAccount",
    "targetServiceAccounts": "targetServiceAccount",
    "ports": "port",
}
"""Fields of a VPC firewall rule by name, with the name that assets gave them formerly."""
_RULE_FIELDS = frozenset(
    {
        *_FORMER,
        *_FORMER.values(),
        *("allowed", "denied", "direction", "disabled", "network", "priority"),
        *("creationTimestamp", "description", "enableLogging", "id", "kind", "logConfig", "name", "params"),
        *("selfLink", "selfLinkWithId"),
    }
)
"""The fields of https://cloud.google.com/compute/docs/reference/rest/v1/firewalls. Another may narrow
what the rule applies to."""
_POLICY_RULE_FIELDS = frozenset(
    {
        *("action", "direction", "disabled", "match", "priority", "securityProfileGroup", "tlsInspect"),
        *("targetResources", "targetSecureTags", "targetServiceAccounts", "targetType"),
        *("description", "enableLogging", "kind", "ruleName", "ruleTupleCount"),
    }
)
_MATCH_FIELDS = frozenset(
    {
        *("layer4Configs", "srcIpRanges", "srcAddressGroups", "srcFqdns", "srcRegionCodes", "srcSecureTags"),
        *("srcThreatIntelligences", "srcNetworks", *_CONTEXTS),
        *("destIpRanges", "destAddressGroups", "destFqdns", "destRegionCodes", "destThreatIntelligences"),
        *("destNetworkContext", "destNetworkScope", "destNetworkType"),
    }
)
"""The fields of https://cloud.google.com/compute/docs/reference/rest/v1/firewallPolicies/addRule."""
_SOURCES = tuple(sorted(name for name in _MATCH_FIELDS if name.startswith("src") and name not in _CONTEXTS))
_TRAFFIC_FIELDS = frozenset({"IPProtocol", "ipProtocol", "ports", "port"})


def is_network(url: str, item: Item) -> bool:
    """Whether the URL is the network's. It may contain names or numbers: the API accepts both."""
    match = NETWORK.search(url)
    if match is None:
        raise ValueError(f"{url} is not a network")
    names = (item.data["name"], str(item.data.get("id", "")))
    return match[1] in (item.project.id, item.project.number) and match[2] in names


def is_disabled(rule: Mapping[str, Any]) -> bool:
    """``disabled``. Raises :class:`TypeError` if it is neither true nor false."""
    disabled = rule.get("disabled", False)
    if not isinstance(disabled, bool):
        raise TypeError("disabled is neither true nor false")
    return disabled


def _is_ingress(direction: str) -> bool:
    if direction not in ("INGRESS", "EGRESS"):
        raise ValueError(f"{direction} is an unknown direction")
    return direction == "INGRESS"


def vpc_rule(data: Mapping[str, Any]) -> Iterator[PacketRule]:
    """An enabled ingress rule of https://cloud.google.com/compute/docs/reference/rest/v1/firewalls."""
    if is_disabled(data) or not _is_ingress(data.get("direction", "INGRESS")):
        return
    sources = tuple(_named(data, "sourceRanges"))
    if not sources and not _named(data, "sourceTags") and not _named(data, "sourceServiceAccounts"):
        sources = ("0.0.0.0/0",)
    targets = {f"tag {tag}" for tag in _named(data, "targetTags")}
    targets |= {f"account {mail}" for mail in _named(data, "targetServiceAccounts")}
    allowed, denied = data.get("allowed", ()), data.get("denied", ())
    if bool(allowed) == bool(denied):
        raise ValueError(f"firewall rule {data['name']} must either allow or deny")
    entries = allowed or denied
    yield PacketRule(
        action="allow" if allowed else "deny",
        priority=int(data.get("priority", 1000)),
        traffic=tuple(_traffic(_protocol(entry), entry) for entry in entries),
        sources=_checked(sources),
        targets=frozenset(targets),
        name=f"firewall rule {data['name']}",
        # A denial for some destinations protects only those.
        doubtful=bool(denied and _named(data, "destinationRanges"))
        or _has_unknown(data, _RULE_FIELDS)
        or any(_has_unknown(entry, _TRAFFIC_FIELDS) for entry in entries),
    )


def _named(data: Mapping[str, Any], name: str) -> Any:
    """A list by its name or its former name. Raises :class:`ValueError` if the two differ."""
    found = [data[each] for each in (name, _FORMER[name]) if data.get(each)]
    if found[1:] and found[0] != found[1]:
        raise ValueError(f"{name} and {_FORMER[name]} differ")
    if found and not isinstance(found[0], list):
        raise TypeError(f"{name} is not a list")
    return found[0] if found else ()


def _protocol(entry: Mapping[str, Any]) -> Any:
    found = {entry[name] for name in ("IPProtocol", "ipProtocol") if entry.get(name)}
    if len(found) != 1:
        raise ValueError("a rule has no protocol, or several")
    return found.pop()


def _has_unknown(part: Mapping[str, Any], known: frozenset[str]) -> bool:
    """Whether it has a field, not empty, that may narrow what the rule applies to."""
    return any(part[name] not in (None, False, "", [], {}) for name in part.keys() - known)


def _traffic(protocol: Any, entry: Mapping[str, Any]) -> tuple[str, Ports]:
    if not isinstance(protocol, str) or not protocol:
        raise ValueError("a rule has no protocol")
    ports = []
    for text in _named(entry, "ports"):
        first, _, last = text.partition("-")
        begin, end = int(first), int(last or first)
        if not 0 <= begin <= end <= 65535:
            raise ValueError(f"{text} is not a port range")
        ports.append((begin, end))
    name = protocol.lower()
    return _NAMES.get(name, name), tuple(ports)


def _checked(sources: Sequence[str]) -> tuple[str, ...]:
    """The ranges, unchanged. Raises :class:`ValueError` for an invalid one."""
    for source in sources:
        ip_network(source, strict=False)
    return tuple(sources)


def policy_rules(data: Mapping[str, Any], item: Item) -> tuple[PacketRule, ...]:
    """The rules of a firewall policy that apply to ingress from the internet to the network. Raises
    :class:`LookupError` if the policy lists none: each has at least the rules it was created with."""
    return tuple(rule for each in data["rules"] for rule in _policy_rule(each, data, item))


def _policy_rule(rule: Mapping[str, Any], policy: Mapping[str, Any], item: Item) -> Iterator[PacketRule]:
    """https://cloud.google.com/compute/docs/reference/rest/v1/firewallPolicies/addRule."""
    networks = rule.get("targetResources", ())
    target = rule.get("targetType") or "INSTANCES"
    if not _is_ingress(rule["direction"]) or is_disabled(rule) or target == "INTERNAL_MANAGED_LB":
        return
    if networks and not any(is_network(network, item) for network in networks):
        return
    match = rule["match"]
    contexts = {match.get(name) for name in _CONTEXTS}
    if contexts & _LOCAL:
        return
    action = _ACTIONS[rule["action"]]
    targets = {f"account {mail}" for mail in rule.get("targetServiceAccounts", ())}
    targets |= {f"secure tag {tag['name']}" for tag in rule.get("targetSecureTags", ())}
    priority = int(rule["priority"])
    name = f"rule {priority} of firewall policy {policy.get('shortName') or policy['name']}"
    entries = match["layer4Configs"]
    narrowed = (
        bool(contexts - _ANYWHERE)
        or target != "INSTANCES"
        or _has_unknown(rule, _POLICY_RULE_FIELDS)
        or _has_unknown(match, _MATCH_FIELDS)
        or any(_has_unknown(entry, _TRAFFIC_FIELDS) for entry in entries)
    )
    traffic = tuple(_traffic(_protocol(entry), entry) for entry in entries)
    known = PacketRule(
        action=action,
        priority=priority,
        traffic=traffic,
        sources=_checked(match.get("srcIpRanges", ())),
        targets=frozenset(targets),
        name=name,
        doubtful=narrowed
        or (action != "allow" and any(match[each] for each in match if each.startswith("dest"))),
    )
    if known.sources:
        yield known
    if _has_unresolved_sources(match, action):
        yield PacketRule(action, priority, traffic, _WORLD, frozenset(targets), name, doubtful=True)


_ACTIONS: Mapping[str, Any] = {
    "allow": "allow",
    "deny": "deny",
    "goto_next": "next",
    "apply_security_profile_group": "allow",
}
"""Traffic that a security profile inspects counts as allowed: it passes unless a threat is found."""


def _has_unresolved_sources(match: Mapping[str, Any], action: str) -> bool:
    """Whether there are sources whose addresses no asset shows, or none that is known. An address group can
    contain any addresses. Countries and threat lists are many addresses if they are allowed, and leave most
    of the internet if they are denied. Domain names and tags are few addresses, or internal ones."""
    if match.get("srcAddressGroups") or not any(match.get(name) for name in _SOURCES):
        return True
    return action != "deny" and bool(match.get("srcRegionCodes") or match.get("srcThreatIntelligences"))


def associations(policy: Mapping[str, Any]) -> tuple[str, ...]:
    """What a firewall policy is attached to. Raises :class:`ValueError` for another name of the list."""
    if "association" in policy:
        raise ValueError("the policy has no associations, but an association")
    return tuple(str(each["attachmentTarget"]) for each in policy.get("associations", ()))
