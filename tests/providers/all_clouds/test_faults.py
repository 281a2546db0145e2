"""Faults of every kind: verdicts change only to unknown, and the exit code is right."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from providers.sandbox import Fault
from scanner.collect.provider import Limits
from tests.providers.all_clouds.conftest import Cloud, FaultOf, every, only
from tests.providers.all_clouds.invariants import Verdicts, assert_only_unknown_added, verdicts
from tests.providers.all_clouds.replayed_tables import ReplayedCloud


@pytest.fixture
def clean_scan(cloud: Cloud) -> tuple[Cloud, Verdicts]:
    """A cloud, and the verdicts of a scan without faults."""
    before, clean = cloud.scan()
    cloud.clean_inventory = before
    cloud.operations = tuple(sorted(cloud.sandbox.calls))
    cloud.requests = cloud.sandbox.calls.total()
    return cloud, verdicts(clean)


def exit_code(clean_scan: tuple[Cloud, Verdicts], fault: FaultOf, limits: Limits | None = None) -> int:
    """Scans with the fault, checks the invariants, and returns the exit code."""
    cloud, known = clean_scan
    inventory, assessment = cloud.scan(fault, limits) if limits else cloud.scan(fault)
    code = assessment.decision.exit
    if not any(target.reached for target in inventory.targets):
        assert code == 4
        assert all(target.message for target in inventory.targets)
        return code
    assert_only_unknown_added(known, cloud.clean_inventory, inventory, assessment)
    if assessment.decision.causes:
        assert code in (3, 4)
    else:
        assert (code, verdicts(assessment)) == (0, known)
    return code


def sample(clean_scan: tuple[Cloud, Verdicts], number: int, seed: int) -> list[str]:
    """A fixed sample of the cloud's operations."""
    return random.Random(seed).sample(clean_scan[0].operations, number)


def test_random_pairs_denied(cloud: Cloud, answers: ReplayedCloud) -> None:
    before, clean, operations = cloud.replay(answers)
    for seed in range(12):
        pair = random.Random(seed).sample(sorted(operations), 2)
        inventory, assessment, _ = cloud.replay(answers, dict.fromkeys(pair, "denied"))
        assert_only_unknown_added(verdicts(clean), before, inventory, assessment)
        if assessment.decision.causes:
            assert assessment.decision.exit == 3, pair


@pytest.mark.parametrize("fault", ["denied_by_organisation", "malformed", "reset", "failing"])
def test_calls_that_fail_in_other_ways(clean_scan: tuple[Cloud, Verdicts], fault: Fault) -> None:
    for operation in sample(clean_scan, 2, len(fault)):
        exit_code(clean_scan, only(operation, fault))


@pytest.mark.parametrize("share", [0.1, 0.4])
def test_a_share_of_all_requests_throttled(clean_scan: tuple[Cloud, Verdicts], share: float) -> None:
    rng = random.Random(11)
    limits = Limits(connect_seconds=2, read_seconds=5, attempts=3)
    exit_code(clean_scan, lambda _: "throttled" if rng.random() < share else None, limits)


def test_interrupted_listings(clean_scan: tuple[Cloud, Verdicts]) -> None:
    """The first call of each operation succeeds; later ones fail."""
    calls: Counter[str] = Counter()

    def fault(name: str) -> Fault | None:
        calls[name] += 1
        return "failing" if calls[name] > 1 else None

    assert exit_code(clean_scan, fault) in (0, 3)


def test_sockets_that_hang(clean_scan: tuple[Cloud, Verdicts]) -> None:
    limits = Limits(connect_seconds=1, read_seconds=1, attempts=1)
    for operation in sample(clean_scan, 2, 5):
        assert exit_code(clean_scan, only(operation, "hang"), limits) in (0, 3, 4)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_credentials_that_expire_during_the_scan(clean_scan: tuple[Cloud, Verdicts], share: float) -> None:
    calls = Counter[str]()
    after = clean_scan[0].requests * share

    def fault(name: str) -> Fault | None:
        calls[name] += 1
        return "expired" if calls.total() > after else None

    assert exit_code(clean_scan, fault) in (3, 4)


def test_every_call_fails_in_every_way(clean_scan: tuple[Cloud, Verdicts]) -> None:
    faults: tuple[Fault, ...]
    faults = ("denied", "denied_by_organisation", "throttled", "expired", "malformed", "failing")
    for fault in faults:
        assert exit_code(clean_scan, every(fault)) == 4
