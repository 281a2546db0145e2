"""What firewall rules allow from the internet: arithmetic on address and port ranges.

Address ranges are pairs of integers, both ends included, sorted and disjoint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Network, IPv6Network, ip_network
from itertools import pairwise
from types import MappingProxyType

Ranges = tuple[tuple[int, int], ...]

WORLD = MappingProxyType({4: 1 << 24, 6: 1 << 112})
"""By IP version: the number of public addresses that counts as anyone on the internet: a /8 (IPv4) or a /16
(IPv6). Nobody owns that much, and a rule for 0.0.0.0/0 split into halves is just as open."""

NOT_PUBLIC = {
    4: (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
        "203.0.113.0/24", "224.0.0.0/3",
    ),
    6: ("::/3", "4000::/2", "8000::/1"),
}  # fmt: skip
"""Addresses that are not public: IANA's special-purpose registries, and IPv6 outside 2000::/3."""

ANY_PORT = (0, 65535)

ADMIN_SERVICES: Mapping[tuple[str, int], str] = MappingProxyType(
    {
        ("tcp", 22): "SSH",
        ("tcp", 23): "Telnet",
        ("tcp", 135): "RPC",
        ("tcp", 445): "SMB",
        ("tcp", 1433): "SQL Server",
        ("tcp", 1521): "Oracle",
        ("tcp", 2375): "Docker",
        ("tcp", 3306): "MySQL",
        ("tcp", 3389): "RDP",
        ("udp", 3389): "RDP",
        ("tcp", 5432): "PostgreSQL",
        ("tcp", 5900): "VNC",
        ("tcp", 5985): "WinRM",
        ("tcp", 5986): "WinRM over TLS",
        ("tcp", 6379): "Redis",
        ("tcp", 6443): "Kubernetes API",
        ("tcp", 9200): "Elasticsearch",
        ("tcp", 10250): "kubelet",
        ("tcp", 11211): "Memcached",
        ("tcp", 27017): "MongoDB",
    }
)
"""Remote administration and database services by protocol and port."""


@dataclass(frozen=True)
class Ingress:
    """One inbound rule."""

    allow: bool
    priority: int
    """Lower takes precedence; at equal priority a deny rule does."""
    protocol: str
    """``tcp``, ``udp``, ``all``, or another protocol's name or number."""
    ports: tuple[tuple[int, int], ...]
    """Both ends included; empty for all ports, and for protocols without ports."""
    sources: tuple[str, ...]
    """Address ranges such as ``203.0.113.0/24`` or ``::/0``."""


def open_to_world(rules: Iterable[Ingress]) -> tuple[str, ...]:
    """What anyone on the internet can reach, sorted: ``tcp 22``, ``tcp 8000-8100``, ``icmp``, ``all``.

    A rule with ports does not apply to protocols without ports. Raises :class:`ValueError` for an invalid
    address range or port.
    """
    ordered = [_Rule.of(rule) for rule in sorted(rules, key=lambda rule: (rule.priority, rule.allow))]
    if _open_to_internet(ordered, _decides_all):
        return ("all",)
    found = []
    for protocol in sorted({rule.protocol for rule in ordered} - {"all"} | {"tcp", "udp"}):
        if protocol in ("tcp", "udp"):
            found += [f"{protocol} {_port_text(ports)}" for ports in _open_ports(ordered, protocol)]
        elif _open_to_internet(ordered, partial(_matches, protocol, None)):
            found.append(protocol)
    return tuple(found)


def admin_ports(open_: Iterable[str]) -> tuple[str, ...]:
    """The administrative services in the result of :func:`open_to_world`: ``SSH (tcp 22)``, …"""
    entries = list(open_)
    return tuple(
        f"{service} ({protocol} {port})"
        for (protocol, port), service in sorted(ADMIN_SERVICES.items(), key=lambda e: (e[0][1], e[0][0]))
        if any(_includes(entry, protocol, port) for entry in entries)
    )


def every_port_open(open_: Iterable[str]) -> bool:
    """Whether all ports of a protocol are in the result of :func:`open_to_world`; port 0 is optional."""
    whole = {f"{protocol} {first}-65535" for protocol in ("tcp", "udp") for first in (0, 1)}
    return any(entry == "all" or entry in whole for entry in open_)


def _includes(entry: str, protocol: str, port: int) -> bool:
    if entry == "all":
        return True
    name, _, ports = entry.partition(" ")
    first, _, last = ports.partition("-")
    return name == protocol and bool(first) and int(first) <= port <= int(last or first)


def _port_text(ports: tuple[int, int]) -> str:
    return str(ports[0]) if ports[0] == ports[1] else f"{ports[0]}-{ports[1]}"


@dataclass(frozen=True)
class _Rule:
    """A rule with its sources as integer ranges."""

    allow: bool
    protocol: str
    ports: tuple[tuple[int, int], ...]
    sources: Mapping[int, Ranges]
    """By IP version."""

    @classmethod
    def of(cls, rule: Ingress) -> _Rule:
        for first, last in rule.ports:
            if not ANY_PORT[0] <= first <= last <= ANY_PORT[1]:
                raise ValueError(f"invalid port range: {first}-{last}")
        return cls(rule.allow, rule.protocol, rule.ports, _ranges(rule.sources))


def _matches(protocol: str, port: int | None, rule: _Rule) -> bool:
    """Whether the rule applies to a port, or to a protocol without ports."""
    if rule.protocol not in ("all", protocol):
        return False
    if not rule.ports:
        return True
    return port is not None and any(first <= port <= last for first, last in rule.ports)


def _decides_all(rule: _Rule) -> bool:
    """Whether the rule matters for ``all``: it allows every protocol and port, or denies any part of them."""
    return not rule.allow or (rule.protocol == "all" and not rule.ports)


def _open_ports(rules: Sequence[_Rule], protocol: str) -> Iterator[tuple[int, int]]:
    """The open port ranges, with adjacent ranges merged."""
    edges = {ANY_PORT[0], ANY_PORT[1] + 1}
    for rule in rules:
        if rule.protocol in ("all", protocol):
            edges |= {edge for first, last in rule.ports for edge in (first, last + 1)}
    run: tuple[int, int] | None = None
    for first, after in pairwise(sorted(edges)):
        if _open_to_internet(rules, partial(_matches, protocol, first)):
            run = (run[0] if run else first, after - 1)
        elif run:
            yield run
            run = None
    if run:
        yield run


def _open_to_internet(rules: Sequence[_Rule], applies: Callable[[_Rule], bool]) -> bool:
    """Whether the internet is allowed by the rules that apply, in their order."""
    chosen = [rule for rule in rules if applies(rule)]
    return any(_allowed(chosen, version) >= least for version, least in WORLD.items())


def _allowed(rules: Iterable[_Rule], version: int) -> int:
    """The number of public addresses that are allowed."""
    left = _PUBLIC[version]
    allowed = 0
    for rule in rules:
        remaining = _minus(left, rule.sources[version])
        if rule.allow:
            allowed += _size(left) - _size(remaining)
        left = remaining
    return allowed


def _ranges(sources: Iterable[str]) -> Mapping[int, Ranges]:
    """The address ranges by IP version. Raises :class:`ValueError`."""
    networks = [ip_network(source, strict=False) for source in sources]
    return {version: _merged(n for n in networks if n.version == version) for version in WORLD}


def _merged(networks: Iterable[IPv4Network | IPv6Network]) -> Ranges:
    merged: list[tuple[int, int]] = []
    for first, last in sorted((int(n.network_address), int(n.broadcast_address)) for n in networks):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return tuple(merged)


def _minus(ranges: Ranges, taken: Ranges) -> Ranges:
    """The ranges without ``taken``; both are sorted and disjoint, and are traversed once."""
    left: list[tuple[int, int]] = []
    at = 0
    for first, last in ranges:
        while at < len(taken) and taken[at][1] < first:
            at += 1
        begin, here = first, at
        while here < len(taken) and taken[here][0] <= last:
            if begin < taken[here][0]:
                left.append((begin, taken[here][0] - 1))
            begin = taken[here][1] + 1
            here += 1
        if begin <= last:
            left.append((begin, last))
    return tuple(left)


def _size(ranges: Ranges) -> int:
    return sum(last - first + 1 for first, last in ranges)


_PUBLIC: Mapping[int, Ranges] = {
    version: _minus(((0, (1 << bits) - 1),), _ranges(NOT_PUBLIC[version])[version])
    for version, bits in ((4, 32), (6, 128))
}
"""Every public address by IP version."""
