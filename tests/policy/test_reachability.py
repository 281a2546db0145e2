from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_network
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.policy.addresses import NOT_PUBLIC, WORLD
from scanner.policy.reachability import (
    ADMIN_SERVICES,
    Ingress,
    admin_ports,
    every_port_open,
    open_to_world,
)

V4 = (
    "0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "0.0.0.0/2", "64.0.0.0/2", "1.0.0.0/8", "8.0.0.0/8", "8.0.0.0/9",
    "8.128.0.0/9", "10.0.0.0/8", "172.0.0.0/8", "8.8.8.8/32", "192.168.0.0/16", "203.0.113.0/24",
)  # fmt: skip
V6 = (
    "::/0",
    "::/1",
    "8000::/1",
    "2000::/3",
    "2600::/16",
    "2600::/17",
    "2600:8000::/17",
    "fc00::/7",
    "2a00::/20",
)
PORTS = (0, 1, 2, 3, 4, 5, 22, 443, 65534, 65535)
UNNAMED = "132"
network = cache(ip_network)
Address = IPv4Address | IPv6Address
ADDRESS: dict[int, type[IPv4Address] | type[IPv6Address]] = {4: IPv4Address, 6: IPv6Address}

ranges = st.tuples(st.sampled_from(PORTS), st.sampled_from(PORTS)).map(lambda p: (min(p), max(p)))


@st.composite
def ingress(draw: st.DrawFn, allow: bool | None = None) -> Ingress:
    protocol = draw(st.sampled_from(("tcp", "udp", "all", "icmp")))
    return Ingress(
        allow=draw(st.booleans()) if allow is None else allow,
        priority=draw(st.integers(0, 3)),
        protocol=protocol,
        ports=() if protocol == "icmp" else tuple(draw(st.lists(ranges, max_size=2))),
        sources=tuple(draw(st.lists(st.sampled_from(V4 + V6), min_size=1, max_size=3))),
    )


def allowed(rules: Sequence[Ingress], protocol: str, port: int | None, address: Address) -> bool:
    """Whether one packet is allowed: the first matching rule decides; a deny rule wins a tie."""
    matching = [
        rule
        for rule in rules
        if rule.protocol in ("all", protocol)
        and (not rule.ports or (port is not None and any(a <= port <= b for a, b in rule.ports)))
        and any(address in network(source) for source in rule.sources)
    ]
    if not matching:
        return False
    first = min(rule.priority for rule in matching)
    return all(rule.allow for rule in matching if rule.priority == first)


def reached(rules: Sequence[Ingress], protocol: str, port: int | None) -> bool:
    """Packet by packet: one for each range of public addresses that the rules treat alike."""
    for version, least in WORLD.items():
        networks = [network(text) for rule in rules for text in rule.sources]
        private = [network(text) for text in NOT_PUBLIC[version]]
        cuts = {0, 1 << (32 if version == 4 else 128)}
        for each in (n for n in [*networks, *private] if n.version == version):
            cuts |= {int(each.network_address), int(each.broadcast_address) + 1}
        edges = sorted(cuts)
        allowed_addresses = 0
        for begin, end in pairwise(edges):
            address = ADDRESS[version](begin)
            if not any(address in each for each in private) and allowed(rules, protocol, port, address):
                allowed_addresses += end - begin
        if allowed_addresses >= least:
            return True
    return False


def is_open(found: tuple[str, ...], protocol: str, port: int | None) -> bool:
    """Whether a port, or a protocol without ports, is in the result."""
    if "all" in found:
        return True
    if port is None:
        return protocol in found
    return any(
        int(span.split("-")[0]) <= port <= int(span.split("-")[-1])
        for name, _, span in (entry.partition(" ") for entry in found)
        if name == protocol and span
    )


@given(st.lists(ingress(), max_size=6))
def test_ports_match_a_packet_by_packet_evaluation(rules: list[Ingress]) -> None:
    found = open_to_world(rules)
    for protocol in ("tcp", "udp"):
        for port in (*PORTS, 6, 21, 23, 444):
            assert is_open(found, protocol, port) == reached(rules, protocol, port), (protocol, port)
    if any(rule.protocol == "icmp" for rule in rules):
        assert is_open(found, "icmp", None) == reached(rules, "icmp", None)


@given(st.lists(ingress(), max_size=6))
def test_all_means_that_unnamed_protocols_are_allowed_too(rules: list[Ingress]) -> None:
    if open_to_world(rules) == ("all",):
        assert reached(rules, UNNAMED, None)


@given(st.lists(ingress(allow=True), max_size=5))
def test_without_deny_rules_all_is_equivalent_to_unnamed_protocols(rules: list[Ingress]) -> None:
    assert (open_to_world(rules) == ("all",)) == reached(rules, UNNAMED, None)


@given(st.lists(ingress(), max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_rules_does_not_matter(rules: list[Ingress], chance: random.Random) -> None:
    shuffled = list(rules)
    chance.shuffle(shuffled)
    assert open_to_world(shuffled) == open_to_world(rules)


@given(st.lists(ingress(), max_size=5), ingress(allow=False))
def test_a_deny_rule_never_opens(rules: list[Ingress], denial: Ingress) -> None:
    before, after = open_to_world(rules), open_to_world([*rules, denial])
    for protocol in ("tcp", "udp"):
        for port in PORTS:
            assert is_open(before, protocol, port) or not is_open(after, protocol, port)


@given(st.lists(ingress(), max_size=5), ingress(allow=True))
def test_an_allow_rule_never_closes(rules: list[Ingress], permission: Ingress) -> None:
    before, after = open_to_world(rules), open_to_world([*rules, permission])
    for protocol in ("tcp", "udp"):
        for port in PORTS:
            assert is_open(after, protocol, port) or not is_open(before, protocol, port)


def tcp(first: int, last: int, *sources: str, allow: bool = True, priority: int = 0) -> Ingress:
    return Ingress(allow, priority, "tcp", ((first, last),), sources)


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([], ()),
        ([tcp(22, 22, "0.0.0.0/0")], ("tcp 22",)),
        ([tcp(22, 22, "::/0")], ("tcp 22",)),
        ([tcp(22, 22, "0.0.0.0/1"), tcp(22, 22, "128.0.0.0/1")], ("tcp 22",)),
        ([tcp(22, 22, "0.0.0.0/1")], ("tcp 22",)),
        ([tcp(22, 22, "8.0.0.0/9")], ()),
        ([tcp(22, 22, "8.0.0.0/9"), tcp(22, 22, "8.128.0.0/9")], ("tcp 22",)),
        ([tcp(22, 22, "10.0.0.0/8", "192.168.0.0/16", "fc00::/7")], ()),
        ([tcp(22, 22, "224.0.0.0/3")], ()),
        ([tcp(0, 9, "0.0.0.0/0"), tcp(10, 20, "0.0.0.0/0")], ("tcp 0-20",)),
        ([tcp(0, 65535, "0.0.0.0/0"), tcp(22, 22, "0.0.0.0/0", allow=False)], ("tcp 0-21", "tcp 23-65535")),
        (
            [tcp(22, 22, "0.0.0.0/0", allow=False, priority=1), tcp(22, 22, "0.0.0.0/0", priority=2)],
            (),
        ),
        (
            [tcp(22, 22, "0.0.0.0/0", allow=False, priority=2), tcp(22, 22, "0.0.0.0/0", priority=1)],
            ("tcp 22",),
        ),
        # A deny rule for one IP version does not affect the other.
        ([tcp(22, 22, "0.0.0.0/0", allow=False), tcp(22, 22, "0.0.0.0/0", "::/0", priority=1)], ("tcp 22",)),
        ([Ingress(True, 0, "all", (), ("0.0.0.0/0",))], ("all",)),
        ([Ingress(True, 0, "all", ((53, 53),), ("0.0.0.0/0",))], ("tcp 53", "udp 53")),
        ([Ingress(True, 0, "icmp", (), ("0.0.0.0/0",))], ("icmp",)),
        (
            # A deny rule with ports does not affect protocols without ports.
            [
                Ingress(False, 0, "all", ((22, 22),), ("0.0.0.0/0",)),
                Ingress(True, 1, "icmp", (), ("0.0.0.0/0",)),
            ],
            ("icmp",),
        ),
        (
            [Ingress(True, 0, "all", (), ("0.0.0.0/0",)), tcp(22, 22, "0.0.0.0/0", allow=False)],
            ("tcp 0-21", "tcp 23-65535", "udp 0-65535"),
        ),
        ([Ingress(True, 0, "tcp", (), ("0.0.0.0/0",))], ("tcp 0-65535",)),
        ([Ingress(True, 0, "tcp", ((443, 443), (80, 80)), ("0.0.0.0/0",))], ("tcp 80", "tcp 443")),
        ([tcp(22, 22)], ()),
    ],
)
def test_what_is_open(rules: list[Ingress], expected: tuple[str, ...]) -> None:
    assert open_to_world(rules) == expected


@pytest.mark.parametrize(
    "rule",
    [
        tcp(-1, 22, "0.0.0.0/0"),
        tcp(22, 21, "0.0.0.0/0"),
        tcp(0, 65536, "0.0.0.0/0"),
        tcp(22, 22, "everywhere"),
        tcp(22, 22, "0.0.0.0/33"),
        Ingress(True, 0, "icmp", ((3, 1),), ("0.0.0.0/0",)),
    ],
)
def test_invalid_rules_are_an_error(rule: Ingress) -> None:
    with pytest.raises(ValueError):
        open_to_world([rule])


def test_administrative_services_are_named() -> None:
    assert admin_ports(("tcp 20-23", "udp 3389", "icmp")) == (
        "FTP (tcp 21)",
        "SSH (tcp 22)",
        "Telnet (tcp 23)",
        "RDP (udp 3389)",
    )
    assert admin_ports(("tcp 80", "udp 22")) == ()
    assert len(admin_ports(("all",))) == len(ADMIN_SERVICES)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ((), False),
        (("all",), True),
        (("tcp 0-65535",), True),
        (("icmp", "udp 0-65535"), True),
        (("tcp 0-21", "tcp 23-65535"), True),
        (("tcp 1-65535",), True),
        (("tcp 2-21", "tcp 23-3388", "tcp 3390-65535"), True),
        (("tcp 0-1023", "udp 1024-65535"), False),
        (("tcp 1024-65535",), False),
        (("icmp", "tcp 443"), False),
    ],
)
def test_every_port_open(found: tuple[str, ...], expected: bool) -> None:
    assert every_port_open(found) is expected


@pytest.mark.parametrize(
    "port",
    [
        21, 22, 23, 135, 137, 138, 139, 445, 1433, 1521, 2049, 2375, 2376, 2379, 2380, 2484, 3306, 3389, 5432,
        5439, 5601, 5900, 6379, 7199, 9042, 9092, 9160, 9200, 9300, 11211, 27017, 27018, 27019,
    ],
)  # fmt: skip
def test_a_database_or_console_on_the_internet_is_an_administrative_service(port: int) -> None:
    assert len(admin_ports((f"tcp {port}",))) == 1
    assert admin_ports((f"udp {port + 20000}",)) == ()
