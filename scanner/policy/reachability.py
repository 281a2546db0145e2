"""What firewall rules allow from the internet: arithmetic on address and port ranges."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from types import MappingProxyType

from scanner.policy.addresses import PUBLIC, WORLD, Addresses, addresses, minus, size

ANY_PORT = (0, 65535)

UNIMPORTANT_PORTS = 100
"""Where no more than so many ports of a protocol are closed, all of them count as open: rules that leave out
a few ports narrow nobody."""

_SERVICES: Mapping[str, tuple[tuple[str, tuple[int, ...]], ...]] = MappingProxyType(
    {
        "FTP": (("tcp", (21,)),),
        "SSH": (("tcp", (22,)),),
        "Telnet": (("tcp", (23,)),),
        "rpcbind": (("tcp", (111,)), ("udp", (111,))),
        "RPC": (("tcp", (135,)),),
        "NetBIOS": (("tcp", (137, 138, 139)), ("udp", (137, 138))),
        "SMB": (("tcp", (445,)),),
        "SQL Server": (("tcp", (1433, 1434)), ("udp", (1434,))),
        "Oracle": (("tcp", (1521, 2483, 2484)),),
        "NFS": (("tcp", (2049,)), ("udp", (2049,))),
        "Docker": (("tcp", (2375, 2376)),),
        "etcd": (("tcp", (2379, 2380)),),
        "MySQL": (("tcp", (3306,)),),
        "RDP": (("tcp", (3389,)), ("udp", (3389,))),
        "PostgreSQL": (("tcp", (5432,)),),
        "Redshift": (("tcp", (5439,)),),
        "Kibana": (("tcp", (5601,)),),
        "VNC": (("tcp", (5900, 5901)),),
        "CouchDB": (("tcp", (5984,)),),
        "WinRM": (("tcp", (5985,)),),
        "WinRM over TLS": (("tcp", (5986,)),),
        "Redis": (("tcp", (6379,)),),
        "Kubernetes API": (("tcp", (6443,)),),
        "Neo4j": (("tcp", (7474, 7687)),),
        "Cassandra": (("tcp", (7000, 7001, 7199, 9042, 9160)),),
        "InfluxDB": (("tcp", (8086,)),),
        "Kafka": (("tcp", (9092,)),),
        "Elasticsearch": (("tcp", (9200, 9300)),),
        "kubelet": (("tcp", (10250,)),),
        "Memcached": (("tcp", (11211,)), ("udp", (11211,))),
        "MongoDB": (("tcp", (27017, 27018, 27019)),),
    }
)
"""By IANA's registry of service names and port numbers, and the products' own documentation."""

ADMIN_SERVICES: Mapping[tuple[str, int], str] = MappingProxyType(
    {
        (protocol, port): service
        for service, everywhere in _SERVICES.items()
        for protocol, ports in everywhere
        for port in ports
    }
)
"""Remote administration, file and database services by protocol and port."""


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
    """Whether all ports of TCP, of UDP or of all protocols are in the result of :func:`open_to_world`, except
    as many as :data:`UNIMPORTANT_PORTS`."""
    entries = list(open_)
    most = ANY_PORT[1] + 1 - UNIMPORTANT_PORTS
    return any(entry == "all" for entry in entries) or any(
        sum(_count(entry) for entry in entries if entry.partition(" ")[0] == protocol) >= most
        for protocol in ("tcp", "udp")
    )


def _count(entry: str) -> int:
    """The number of ports of an entry of :func:`open_to_world`; its entries are disjoint."""
    first, _, last = entry.partition(" ")[2].partition("-")
    return int(last or first) - int(first) + 1 if first else 0


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
    sources: Addresses

    @classmethod
    def of(cls, rule: Ingress) -> _Rule:
        for first, last in rule.ports:
            if not ANY_PORT[0] <= first <= last <= ANY_PORT[1]:
                raise ValueError(f"invalid port range: {first}-{last}")
        return cls(rule.allow, rule.protocol, rule.ports, addresses(rule.sources))


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
    left = PUBLIC[version]
    allowed = 0
    for rule in rules:
        remaining = minus(left, rule.sources[version])
        if rule.allow:
            allowed += size(left) - size(remaining)
        left = remaining
    return allowed
