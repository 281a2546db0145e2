"""The traffic that passes levels of rules, compared with evaluating single packets."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.gcp.packets import Level, PacketRule, interpretations, reach

HALVES = ("1.1.1.1", "200.1.1.1")
"""One address of each half of the internet: if half of it gets through, it counts as open to the world."""
SOURCES = ("0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "10.0.0.0/8")
INSIDE = {
    (address, source) for address in HALVES for source in SOURCES if ip_address(address) in ip_network(source)
}
PORTS = ((), ((22, 22),), ((20, 30),), ((0, 65535),), ((0, 21), (23, 65535)))
TAGS = ("a", "b")
EDGES = (0, 20, 22, 25, 31, 65535)

rules = st.builds(
    PacketRule,
    action=st.sampled_from(("allow", "deny", "next")),
    priority=st.integers(0, 3),
    traffic=st.lists(
        st.one_of(
            st.tuples(st.sampled_from(("tcp", "udp")), st.sampled_from(PORTS)),
            st.tuples(st.sampled_from(("all", "icmp")), st.just(())),
        ),
        min_size=1,
        max_size=2,
    ).map(tuple),
    sources=st.lists(st.sampled_from(SOURCES), min_size=1, max_size=2).map(tuple),
    targets=st.frozensets(st.sampled_from(TAGS), max_size=1),
    name=st.just("r"),
)
levels = st.lists(
    st.builds(
        Level,
        rules=st.lists(rules, max_size=4).map(tuple),
        region=st.sampled_from((None, None, "europe-west1")),
    ),
    max_size=3,
)


def passes(
    rule_levels: list[Level], address: str, protocol: str, port: int, tags: frozenset[str], region: str | None
) -> bool:
    """The first rule that matches decides; the default is to deny."""
    for level in rule_levels:
        if level.region not in (None, region):
            continue
        order = {"deny": 0, "next": 1, "allow": 2}
        for rule in sorted(level.rules, key=lambda each: (each.priority, order[each.action])):
            targeted = not rule.targets or bool(rule.targets & tags)
            carried = any(
                name in ("all", protocol) and (not ports or any(a <= port <= b for a, b in ports))
                for name, ports in rule.traffic
            )
            if targeted and carried and any((address, source) in INSIDE for source in rule.sources):
                if rule.action == "next":
                    break
                return rule.action == "allow"
    return False


def covered(entries: tuple[str, ...], protocol: str, port: int) -> bool:
    for entry in entries:
        name, _, ports = entry.partition(" ")
        first, _, last = ports.partition("-")
        if name == "all" or (name == protocol and (not ports or int(first) <= port <= int(last or first))):
            return True
    return False


def names_icmp(rule_levels: list[Level]) -> bool:
    """Protocols that no rule for the internet names are reported only as part of everything."""
    rules = (rule for level in rule_levels for rule in level.rules if set(rule.sources) != {"10.0.0.0/8"})
    return any(name == "icmp" for rule in rules for name, _ in rule.traffic)


@settings(max_examples=300)
@given(levels)
def test_the_result_agrees_with_each_packet(rule_levels: list[Level]) -> None:
    found = reach(rule_levels)
    kinds = [frozenset(tags) for tags in ((), ("a",), ("b",), ("a", "b"))]
    for protocol, port in product(("tcp", "udp", "icmp"), EDGES):
        open_ = any(
            passes(rule_levels, address, protocol, port, tags, region)
            for address, tags, region in product(HALVES, kinds, (None, "europe-west1"))
        )
        if protocol == "icmp" and not names_icmp(rule_levels):
            continue
        assert covered(found, protocol, port) is open_, (found, protocol, port)


@settings(max_examples=100)
@given(levels)
def test_without_doubtful_rules_there_is_one_interpretation(rule_levels: list[Level]) -> None:
    assert interpretations(rule_levels) == (rule_levels,)


def test_a_denial_of_one_port_leaves_the_others_open() -> None:
    everything = PacketRule("allow", 2, (("all", ()),), ("0.0.0.0/0",))
    assert reach([Level((everything,))]) == ("all",)
    ssh = PacketRule("deny", 1, (("tcp", ((22, 22),)),), ("0.0.0.0/0", "::/0"))
    assert reach([Level((everything, ssh))]) == ("tcp 0-21", "tcp 23-65535", "udp 0-65535")


def test_tags_that_only_matter_together_are_combined() -> None:
    world = ("0.0.0.0/0",)
    delegated = PacketRule("next", 0, (("all", ()),), world, frozenset({"b"}))
    closed = PacketRule("deny", 1, (("all", ()),), world)
    opening = PacketRule("allow", 0, (("tcp", ((22, 22),)),), world, frozenset({"a"}))
    assert reach([Level((delegated, closed)), Level((opening,))]) == ("tcp 22",)
    assert reach([Level((closed,)), Level((opening,))]) == ()


def test_too_many_combinations_of_tags_are_an_error() -> None:
    targets = frozenset(f"account {number}" for number in range(100))
    delegated = Level((PacketRule("next", 0, (("all", ()),), ("0.0.0.0/0",), targets),))
    with pytest.raises(ValueError, match="too many"):
        reach([delegated, delegated])


def test_rules_for_a_few_addresses_make_no_difference() -> None:
    world, partner = ("0.0.0.0/0",), ("198.18.0.9/32", "2001:db8::/48")
    opening = PacketRule("allow", 5, (("tcp", ((22, 22),)),), world)
    assert reach([Level((opening, PacketRule("deny", 1, (("all", ()),), partner)))]) == ("tcp 22",)
    assert reach([Level((PacketRule("allow", 1, (("all", ()),), partner),))]) == ()
    halves = [PacketRule("allow", 1, (("udp", ()),), (half,)) for half in ("0.0.0.0/9", "8.0.0.0/7")]
    assert reach([Level(tuple(halves))]) == ("udp 0-65535",)


def test_each_of_many_tags_is_evaluated() -> None:
    many = tuple(
        PacketRule("allow", 1000, (("tcp", ((port, port),)),), ("0.0.0.0/0",), frozenset({f"tag {port}"}))
        for port in range(1, 200)
    )
    assert reach([Level(many)]) == ("tcp 1-199",)
