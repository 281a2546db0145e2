"""Everything that can go wrong on the way: no verdict changes but to unknown, and the exit code is right."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest

from providers.sandbox import Fault
from scanner.collect.provider import Limits
from tests.providers.all_clouds.conftest import Cloud
from tests.providers.all_clouds.law import Known, verdicts, worse_only

Broken = Callable[[str], Fault | None]


@pytest.fixture
def whole(cloud: Cloud) -> tuple[Cloud, Known]:
    """A cloud, and what a clean scan of it says."""
    before, clean = cloud.scan()
    cloud.before = before
    cloud.operations = tuple(sorted(cloud.sandbox.calls))
    cloud.requests = cloud.sandbox.calls.total()
    return cloud, verdicts(clean)


def held(whole: tuple[Cloud, Known], fault: Broken, limits: Limits | None = None) -> int:
    """Scans with the fault, checks the law, and gives the exit code."""
    cloud, known = whole
    inventory, assessment = cloud.scan(fault, limits) if limits else cloud.scan(fault)
    code = assessment.decision.exit
    if not any(target.reached for target in inventory.targets):
        assert code == 4
        assert all(target.message for target in inventory.targets)
        return code
    worse_only(known, cloud.before, inventory, assessment)
    if assessment.decision.causes:
        assert code in (3, 4)
    else:
        assert (code, verdicts(assessment)) == (0, known)
    return code


def some(whole: tuple[Cloud, Known], number: int, seed: int) -> list[str]:
    """Some operations of the cloud, always the same."""
    return random.Random(seed).sample(whole[0].operations, number)


def test_random_pairs_denied(whole: tuple[Cloud, Known]) -> None:
    for seed in range(6):
        pair = some(whole, 2, seed)
        held(whole, lambda name, pair=pair: "denied" if name in pair else None)


@pytest.mark.parametrize("fault", ["denied_by_organisation", "malformed", "reset", "failing"])
def test_calls_that_fail_in_other_ways(whole: tuple[Cloud, Known], fault: Fault) -> None:
    for operation in some(whole, 4, len(fault)):
        held(whole, lambda name, operation=operation: fault if name == operation else None)


@pytest.mark.parametrize("share", [0.1, 0.4])
def test_a_share_of_all_requests_throttled(whole: tuple[Cloud, Known], share: float) -> None:
    chance = random.Random(11)
    limits = Limits(connect_seconds=2, read_seconds=5, attempts=3)
    held(whole, lambda _: "throttled" if chance.random() < share else None, limits)


def test_pages_that_stop_half_way(whole: tuple[Cloud, Known]) -> None:
    """The first answer of each operation comes, whatever follows does not."""
    seen: Counter[str] = Counter()

    def fault(name: str) -> Fault | None:
        seen[name] += 1
        return "failing" if seen[name] > 1 else None

    assert held(whole, fault) in (0, 3)


def test_sockets_that_hang(whole: tuple[Cloud, Known]) -> None:
    limits = Limits(connect_seconds=1, read_seconds=1, attempts=1)
    for operation in some(whole, 2, 5):
        assert held(whole, lambda name, o=operation: "hang" if name == o else None, limits) in (0, 3, 4)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_credentials_that_expire_half_way(whole: tuple[Cloud, Known], share: float) -> None:
    made = Counter[str]()
    after = whole[0].requests * share

    def fault(name: str) -> Fault | None:
        made[name] += 1
        return "expired" if made.total() > after else None

    assert held(whole, fault) in (3, 4)


def test_everything_wrong_in_every_way(whole: tuple[Cloud, Known]) -> None:
    for fault in ("denied", "denied_by_organisation", "throttled", "expired", "malformed", "failing"):
        wrong: Fault = fault
        assert held(whole, lambda _, wrong=wrong: wrong) == 4
