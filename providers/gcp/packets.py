"""What packets from the internet reach through levels of firewall rules that are asked one after the other.

https://cloud.google.com/firewall/docs/firewall-policies-rule-eval-order: within a level the first rule that
matches allows, denies, or hands over to the next level.
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
FEW = MappingProxyType({4: 1 << 13, 6: 1 << 100})
"""By IP version: rules for fewer addresses of the internet are left out. Two thousand of them together could
not make a difference to whether anyone gets through."""
FEW_DENIED = MappingProxyType({4: 1 << 22, 6: 1 << 110})
"""The same for denials: without eight hundred of them a network looks as open as it is, or more."""
MOST = 5000
"""Kinds of instances that are looked at, told apart by their tags; beyond it cannot be told."""
_WITH_PORTS = ("tcp", "udp")
_ORDER = {"deny": 0, "next": 1, "allow": 2}
_INSIDE = tuple(
    ip_network(text)
    for text in ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
)
"""Ranges that no packet from the internet comes from; the rest of what is not public does not matter here."""


@dataclass(frozen=True)
class PacketRule:
    """A rule for what comes in."""

    action: Literal["allow", "deny", "next"]
    priority: int
    """Lower goes first; of equal ones a denial goes first."""
    traffic: tuple[tuple[str, Ports], ...]
    """Protocols, or ``all``, each with its ports; no ports: all of them."""
    sources: tuple[str, ...]
    targets: frozenset[str] = frozenset()
    """The tags and service accounts of the instances it is for; empty: for all."""
    name: str = ""
    """What it is called in a message."""
    doubtful: bool = False
    """For some of the sources or targets only, and it cannot be told which."""


@dataclass(frozen=True)
class Level:
    """Rules that are asked together."""

    rules: tuple[PacketRule, ...]
    region: str | None = None
    """Where it is for the instances of one region alone."""


def anyone(sources: Iterable[str]) -> bool:
    """Whether address ranges that are let in are anyone on the internet. Raises :class:`ValueError` for what
    is no range."""
    let_in = Ingress(allow=True, priority=0, protocol="tcp", ports=(), sources=tuple(sources))
    return bool(open_to_world([let_in]))


def readings(levels: Sequence[Level]) -> tuple[Sequence[Level], ...]:
    """The ways in which doubtful rules can turn out that matter: most open, most closed, and with or without
    each handing over."""
    doubtful = [rule for level in levels for rule in level.rules if rule.doubtful]
    if not doubtful:
        return (levels,)
    choices = product((True, False), (True, False) if any(r.action == "next" for r in doubtful) else (True,))

    def kept(rule: PacketRule, open_: bool, handed: bool) -> bool:
        return not rule.doubtful or {"allow": open_, "deny": not open_, "next": handed}[rule.action]

    return tuple(
        [replace(lv, rules=tuple(r for r in lv.rules if kept(r, open_, handed))) for lv in levels]
        for open_, handed in choices
    )


def reach(levels: Sequence[Level]) -> tuple[str, ...]:
    """What anyone on the internet reaches on some instance, in the words of
    :func:`~scanner.policy.reachability.open_to_world`.

    Raises :class:`ValueError` for ranges that cannot be read, and where there are more than :data:`MOST`
    kinds of instances.
    """
    trimmed = [replace(level, rules=tuple(_public(level.rules))) for level in levels]
    regions = [None, *sorted({level.region for level in trimmed if level.region})]
    found: set[str] = set()
    for tags, region in product(_kinds(trimmed), regions):
        found |= set(_reach(trimmed, tags, region))
    return _merged(found)


def _kinds(levels: Sequence[Level]) -> set[frozenset[str]]:
    """Tags of instances that are enough to look at. Whatever gets in somewhere is let in by one rule, and
    handed over to it by at most one rule of each level before: with the tags that these are for and no others
    it gets in, too, since fewer rules are asked."""
    handing = [_targets(level.rules, "next") for level in levels]
    opening = _targets([rule for level in levels for rule in level.rules], "allow")
    if math.prod(map(len, (*handing, opening))) > MOST:
        raise ValueError("too many kinds of instances")
    return {frozenset().union(*chosen) for chosen in product(*handing, opening)}


def _targets(rules: Iterable[PacketRule], action: str) -> list[frozenset[str]]:
    """None, and each that a rule with the action is for."""
    named = {target for rule in rules if rule.action == action for target in rule.targets}
    return [frozenset(), *(frozenset({target}) for target in sorted(named))]


def _public(rules: Iterable[PacketRule]) -> Iterator[PacketRule]:
    for rule in rules:
        sources = tuple(source for source in rule.sources if not _inside(source))
        networks = [ip_network(source, strict=False) for source in sources]
        few = FEW_DENIED if rule.action == "deny" else FEW
        if any(sum(n.num_addresses for n in networks if n.version == v) >= few[v] for v in few):
            yield replace(rule, sources=sources)


def _inside(source: str) -> bool:
    network = ip_network(source, strict=False)
    return any(_within(network, private) for private in _INSIDE)


def _within(inner: Network, outer: Network) -> bool:
    if isinstance(inner, IPv4Network):
        return isinstance(outer, IPv4Network) and inner.subnet_of(outer)
    return isinstance(outer, IPv6Network) and inner.subnet_of(outer)


def _reach(levels: Sequence[Level], tags: frozenset[str], region: str | None) -> tuple[str, ...]:
    named = {protocol for level in levels for rule in level.rules for protocol, _ in rule.traffic}
    protocols = sorted(named - {"all"} | set(_WITH_PORTS))
    told = {name: open_to_world(_in_order(levels, tags, region, name)) for name in (*protocols, _OTHERS)}
    whole = {name: (f"{name} 0-65535",) if name in _WITH_PORTS else (name,) for name in told}
    if told == whole:
        return ("all",)
    return tuple(entry for name in protocols for entry in told[name])


def _in_order(
    levels: Sequence[Level], tags: frozenset[str], region: str | None, protocol: str
) -> Iterator[Ingress]:
    """The rules for one protocol and one kind of instance in one order, nothing handed over any more."""
    place = 0
    for level in levels:
        if level.region not in (None, region):
            continue
        handed: list[tuple[Ports, tuple[str, ...]]] = []
        for rule in sorted(level.rules, key=lambda each: (each.priority, _ORDER[each.action])):
            if rule.targets and not rule.targets & tags:
                continue
            # Ports of other protocols are not told apart: what is for some of them counts for all.
            boxes = [
                (ports if ports and protocol in _WITH_PORTS else (ANY_PORT,), rule.sources)
                for name, ports in rule.traffic
                if name in ("all", protocol)
            ]
            if rule.action == "next":
                handed += boxes
                continue
            for over in handed:
                boxes = [left for box in boxes for left in _without(box, over)]
            for ports, sources in boxes:
                place += 1
                shown = ports if protocol in _WITH_PORTS else ()
                yield Ingress(rule.action == "allow", place, protocol, shown, sources)


def _without(
    box: tuple[Ports, tuple[str, ...]], over: tuple[Ports, tuple[str, ...]]
) -> Iterator[tuple[Ports, tuple[str, ...]]]:
    """What of ports and sources is not in the other's."""
    elsewhere, shared = _split(box[0], over[0])
    if elsewhere:
        yield elsewhere, box[1]
    if shared:
        sources = tuple(_other_sources(box[1], over[1]))
        if sources:
            yield shared, sources


def _split(ports: Ports, taken: Ports) -> tuple[Ports, Ports]:
    """The ports that are not among the others, and those that are."""
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
    """The entries of several kinds of instances as one list: ranges of ports that touch are one."""
    if "all" in entries:
        return ("all",)
    ranges: dict[str, list[tuple[int, int]]] = {}
    for entry in entries:
        protocol, _, ports = entry.partition(" ")
        first, _, last = ports.partition("-")
        ranges.setdefault(protocol, []).extend([(int(first), int(last or first))] if ports else [])
    return tuple(words for protocol in sorted(ranges) for words in _words(protocol, ranges[protocol]))


def _words(protocol: str, ranges: list[tuple[int, int]]) -> Iterator[str]:
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
