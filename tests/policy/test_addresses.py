from __future__ import annotations

from ipaddress import IPv4Network, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.policy.addresses import address_range, addresses, cover_world, include_world, minus, size, union

pairs = st.tuples(st.integers(0, 300), st.integers(0, 300)).map(lambda pair: (min(pair), max(pair)))


def some(ranges: list[tuple[int, int]]) -> dict[int, tuple[tuple[int, int], ...]]:
    return dict(union(address_range(ip_address(first), ip_address(last)) for first, last in ranges))


@given(st.lists(pairs, max_size=8), st.lists(pairs, max_size=8))
def test_sums_and_differences_match_sets(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    def members(ranges: list[tuple[int, int]]) -> set[int]:
        return {number for first, last in ranges for number in range(first, last + 1)}

    left = minus(some(one)[4], some(other)[4])
    assert members(list(left)) == members(one) - members(other)
    assert size(some([*one, *other])[4]) == len(members(one) | members(other))


@pytest.mark.parametrize(
    ("networks", "expected"),
    [
        (("0.0.0.0/0",), True),
        (("::/0",), True),
        (("0.0.0.0/1", "128.0.0.0/1"), True),
        (("::/1", "8000::/1"), True),
        (tuple(f"{first}.0.0.0/9" for first in range(1, 100)), True),
        (("8.0.0.0/8",), True),
        (("8.0.0.0/9", "9.0.0.0/10"), False),
        (("10.0.0.0/8", "172.16.0.0/12", "fc00::/7"), False),
        (("203.0.113.7",), False),
        ((), False),
    ],
)
def test_what_counts_as_the_world(networks: tuple[str, ...], expected: bool) -> None:
    assert cover_world(networks) is expected


def test_all_but_a_little_is_the_world() -> None:
    everywhere = [IPv4Network("0.0.0.0/0")]
    for spared in ("192.0.2.0/24", "8.8.8.8/32", "16.0.0.0/6"):
        network = IPv4Network(spared)
        everywhere = [
            part
            for one in everywhere
            for part in (one.address_exclude(network) if network.subnet_of(one) else [one])
        ]
    assert cover_world(str(one) for one in everywhere)


def test_a_range_that_is_none_is_an_error() -> None:
    with pytest.raises(ValueError):
        address_range(ip_address("192.0.2.9"), ip_address("192.0.2.1"))
    with pytest.raises(ValueError):
        address_range(ip_address("192.0.2.9"), ip_address("::1"))
    with pytest.raises(ValueError):
        addresses(["everywhere"])
    assert not include_world(address_range(ip_address("192.0.2.1"), ip_address("192.0.2.1")))
