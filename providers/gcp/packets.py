"""The internet traffic that passes several levels of firewall rules, evaluated one after the other.

https://cloud.google.com/firewall/docs/firewall-policies-rule-eval-order: within a level the first rule that
matches allows, denies, or delegates to the next level.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Network, ip_network
from itertools import product
from types import MappingProxyType
from typing import Literal

from scanner.policy.reachability import ANY_PORT, Ingress, open_to_world

Ports = tuple[tuple[int, int], ...]
Network = IPv4Network | IPv6Network

_OTHERS = "others"
"""Stands for every protocol that no rule names."""
MIN_ADDRESSES = MappingProxyType({4: 1 << 13, 6: 1 << 100})
"""By IP version: rules for fewer public addresses are ignored. Two thousand of them together could not change
whether the internet as a whole gets through."""
MIN_DENIED_ADDRESSES = MappingProxyType({4: 1 << 22, 6: 1 << 110})
"""The same for denials: without eight hundred of them a network looks at least as open as it is."""
MAX_TAG_SETS = 5000
"""The most sets of instance tags that are evaluated; with more, the result cannot be determined."""
_WITH_PORTS = ("tcp", "udp")
_ORDER = {"deny": 0, "next": 1, "allow": 2}
_NON_PUBLIC = tuple(
    ip_network(text)
    for text in ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
)
"""Ranges that no packet from the internet comes from. Other non-public ranges make no difference here."""


@dataclass(frozen=True)
class PacketRule:
    """An ingress rule."""

    action: Literal["allow", "deny", "next"]
    priority: int
    """Lower is evaluated first; at equal priority a denial is."""
    traffic: tuple[tuple[str, Ports], ...]
    """Protocols, or ``all``, each with its ports; no ports: all ports."""
    sources: tuple[str, ...]
    targets: frozenset[str] = frozenset()
    """The tags and service accounts of the instances it applies to; empty: all instances."""
    name: str = ""
    """Its name in messages."""
    doubtful: bool = False
    """It applies to some of the sources or targets only, and which cannot be determined."""


@dataclass(frozen=True)
class Level:
    """Rules that are evaluated together."""

    rules: tuple[PacketRule, ...]
    region: str | None = None
    """Set if it applies only to instances of one region."""


def covers_internet(sources: Iterable[str]) -> bool:
    """Whether allowed address ranges amount to anyone on the internet. Raises :class:`ValueError` for an
    invalid range."""
    allowed = Ingress(allow=True, priority=0, protocol="tcp", ports=(), sources=tuple(sources))
    return bool(open_to_world([allowed]))


def interpretations(levels: Sequence[Level]) -> tuple[Sequence[Level], ...]:
    """The interpretations of doubtful rules that matter: most open and most closed, each with and without
    delegation to the next level."""
    doubtful = [rule for level in levels for rule in level.rules if rule.doubtful]
    if not doubtful:
        return (levels,)
    choices = product((True, False), (True, False) if any(r.action == "next" for r in doubtful) else (True,))

    def kept(rule: PacketRule, open_: bool, delegated: bool) -> bool:
        return not rule.doubtful or {"allow": open_, "deny": not open_, "next": delegated}[rule.action]

    return tuple(
        [replace(lv, rules=tuple(r for r in lv.rules if kept(r, open_, delegated))) for lv in levels]
        for open_, delegated in choices
    )


def reach(levels: Sequence[Level]) -> tuple[str, ...]:
    """The traffic that anyone on the internet can send to some instance, in the notation of
    :func:`~scanner.policy.reachability.open_to_world`.

    Raises :class:`ValueError` for invalid ranges, and for more than :data:`MAX_TAG_SETS` sets of tags.
    """
    trimmed = [replace(level, rules=tuple(_public(level.rules))) for level in levels]
    regions = [None, *sorted({level.region for level in trimmed if level.region})]
    found: set[str] = set()
    for tags, region in product(_tag_sets(trimmed), regions):
        found |= set(_reach(trimmed, tags, region))
    return _merged(found)


def _tag_sets(levels: Sequence[Level]) -> set[frozenset[str]]:
    """The sets of instance tags that suffice. Traffic that reaches any instance is allowed by one rule, and
    delegated to it by at most one rule of each earlier level: it also reaches an instance that has only the
    tags these rules apply to, since fewer rules are evaluated."""
    delegating = [_targets(level.rules, "next") for level in levels]
    allowing = _targets([rule for level in levels for rule in level.rules], "allow")
    if math.prod(map(len, (*delegating, allowing))) > MAX_TAG_SETS:
        raise ValueError("too many combinations of instance tags")
    return {frozenset().union(*chosen) for chosen in product(*delegating, allowing)}


def _targets(rules: Iterable[PacketRule], action: str) -> list[frozenset[str]]:
    """The empty set, and one for each target of the rules with the action."""
    named = {target for rule in rules if rule.action == action for target in rule.targets}
    return [frozenset(), *(frozenset({target}) for target in sorted(named))]


def _public(rules: Iterable[PacketRule]) -> Iterator[PacketRule]:
    for rule in rules:
        sources = tuple(source for source in rule.sources if not _non_public(source))
        networks = [ip_network(source, strict=False) for source in sources]
        least = MIN_DENIED_ADDRESSES if rule.action == "deny" else MIN_ADDRESSES
        if any(sum(n.num_addresses for n in networks if n.version == v) >= least[v] for v in least):
            yield replace(rule, sources=sources)


def _non_public(source: str) -> bool:
    network = ip_network(source, strict=False)
    return any(_within(network, private) for private in _NON_PUBLIC)


def _within(inner: Network, outer: Network) -> bool:
    if isinstance(inner, IPv4Network):
        return isinstance(outer, IPv4Network) and inner.subnet_of(outer)
    return isinstance(outer, IPv6Network) and inner.subnet_of(outer)


def _reach(levels: Sequence[Level], tags: frozenset[str], region: str | None) -> tuple[str, ...]:
    named = {protocol for level in levels for rule in level.rules for protocol, _ in rule.traffic}
    protocols = sorted(named - {"all"} | set(_WITH_PORTS))
    reached = {name: open_to_world(_in_order(levels, tags, region, name)) for name in (*protocols, _OTHERS)}
    whole = {name: (f"{name} 0-65535",) if name in _WITH_PORTS else (name,) for name in reached}
    if reached == whole:
        return ("all",)
    return tuple(entry for name in protocols for entry in reached[name])


def _in_order(
    levels: Sequence[Level], tags: frozenset[str], region: str | None, protocol: str
) -> Iterator[Ingress]:
    """The rules for one protocol and one set of tags as a single list, with delegations resolved."""
    position = 0
    for level in levels:
        if level.region not in (None, region):
            continue
        delegated: list[tuple[Ports, tuple[str, ...]]] = []
        for rule in sorted(level.rules, key=lambda each: (each.priority, _ORDER[each.action])):
            if rule.targets and not rule.targets & tags:
                continue
            # Ports of other protocols are ignored: a rule for some of them counts for all.
            boxes = [
                (ports if ports and protocol in _WITH_PORTS else (ANY_PORT,), rule.sources)
                for name, ports in rule.traffic
                if name in ("all", protocol)
            ]
            if rule.action == "next":
                delegated += boxes
                continue
            for taken in delegated:
                boxes = [left for box in boxes for left in _without(box, taken)]
            for ports, sources in boxes:
                position += 1
                shown = ports if protocol in _WITH_PORTS else ()
                yield Ingress(rule.action == "allow", position, protocol, shown, sources)


def _without(
    box: tuple[Ports, tuple[str, ...]], taken: tuple[Ports, tuple[str, ...]]
) -> Iterator[tuple[Ports, tuple[str, ...]]]:
    """The ports and sources of the box that are not taken."""
    left, shared = _split(box[0], taken[0])
    if left:
        yield left, box[1]
    if shared:
        sources = tuple(_other_sources(box[1], taken[1]))
        if sources:
            yield shared, sources


def _split(ports: Ports, taken: Ports) -> tuple[Ports, Ports]:
    """The ports that are not taken, and those that are."""
    left, shared = list(ports), []
    for first, last in taken:
        shared += [(max(a, first), min(b, last)) for a, b in left if a <= last and b >= first]
        parts = [part for a, b in left for part in ((a, min(b, first - 1)), (max(a, last + 1), b))]
        left = [(a, b) for a, b in parts if a <= b]
    return tuple(left), tuple(shared)


def _other_sources(sources: Iterable[str], taken: Iterable[str]) -> Iterator[str]:
    left = [ip_network(source, strict=False) for source in sources]
    for text in taken:
        other = ip_network(text, strict=False)
        left = [part for network in left for part in _outside(network, other)]
    return (str(network) for network in left)


def _outside(network: Network, other: Network) -> Iterator[Network]:
    if _within(network, other):
        return
    if _within(other, network):
        yield from _excluded(network, other)
    else:
        yield network


def _excluded(network: Network, part: Network) -> Iterator[Network]:
    if isinstance(network, IPv4Network):
        yield from network.address_exclude(IPv4Network(part))
    else:
        yield from network.address_exclude(IPv6Network(part))


def _merged(entries: set[str]) -> tuple[str, ...]:
    """The entries for several sets of tags as one list, with adjacent port ranges merged."""
    if "all" in entries:
        return ("all",)
    ranges: dict[str, list[tuple[int, int]]] = {}
    for entry in entries:
        protocol, _, ports = entry.partition(" ")
        first, _, last = ports.partition("-")
        ranges.setdefault(protocol, []).extend([(int(first), int(last or first))] if ports else [])
    return tuple(entry for protocol in sorted(ranges) for entry in _entries(protocol, ranges[protocol]))


def _entries(protocol: str, ranges: list[tuple[int, int]]) -> Iterator[str]:
    runs: list[tuple[int, int]] = []
    for begin, end in sorted(ranges):
        if runs and begin <= runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], max(runs[-1][1], end))
        else:
            runs.append((begin, end))
    if not runs:
        yield protocol
    for begin, end in runs:
        yield f"{protocol} {begin}" if begin == end else f"{protocol} {begin}-{end}"
