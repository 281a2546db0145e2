"""Arithmetic on address ranges: sums and differences, and whether they let in anyone on the internet.

Ranges are pairs of integers by IP version, both ends included, sorted and disjoint.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from types import MappingProxyType

Ranges = tuple[tuple[int, int], ...]
"""Of one IP version."""
Addresses = Mapping[int, Ranges]
"""By IP version."""

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

NO_ADDRESSES: Addresses = MappingProxyType(dict.fromkeys(WORLD, ()))


def addresses(networks: Iterable[str]) -> Addresses:
    """The sum of ranges such as ``203.0.113.0/24`` and ``::/0``. Raises :class:`ValueError` for another."""
    parsed = [ip_network(text.strip(), strict=False) for text in networks]
    return {
        version: _merged(_ends(network) for network in parsed if network.version == version)
        for version in WORLD
    }


def address_range(first: IPv4Address | IPv6Address, last: IPv4Address | IPv6Address) -> Addresses:
    """From the first to the last address. Raises :class:`ValueError` if there is no such range."""
    if first.version != last.version or int(first) > int(last):
        raise ValueError(f"invalid address range: {first}-{last}")
    return {**NO_ADDRESSES, first.version: ((int(first), int(last)),)}


def union(parts: Iterable[Addresses]) -> Addresses:
    """The sum of all parts."""
    every = list(parts)
    return {version: _merged(pair for part in every for pair in part[version]) for version in WORLD}


def minus(ranges: Ranges, taken: Ranges) -> Ranges:
    """The ranges without ``taken``; both are traversed once."""
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


def size(ranges: Ranges) -> int:
    """The number of addresses."""
    return sum(last - first + 1 for first, last in ranges)


def is_world(ranges: Ranges, version: int) -> bool:
    """Whether so many public addresses are among them that they count as anyone on the internet."""
    public = PUBLIC[version]
    return size(public) - size(minus(public, ranges)) >= WORLD[version]


def include_world(found: Addresses) -> bool:
    """Whether the addresses of either IP version count as anyone on the internet."""
    return any(is_world(found[version], version) for version in WORLD)


def cover_world(networks: Iterable[str]) -> bool:
    """As :func:`include_world`, for the sum of ranges such as ``0.0.0.0/1``. Raises :class:`ValueError`."""
    return include_world(addresses(networks))


def _ends(network: IPv4Network | IPv6Network) -> tuple[int, int]:
    return int(network.network_address), int(network.broadcast_address)


def _merged(pairs: Iterable[tuple[int, int]]) -> Ranges:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(pairs):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return tuple(merged)


PUBLIC: Addresses = MappingProxyType(
    {
        version: minus(((0, (1 << bits) - 1),), addresses(NOT_PUBLIC[version])[version])
        for version, bits in ((4, 32), (6, 128))
    }
)
"""Every public address."""
