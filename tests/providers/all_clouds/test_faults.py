"""Faults of every kind: verdicts change only to unknown, and the exit code is right."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from providers.sandbox import Fault
from scanner.collect.provider import Limits
from tests.providers.all_clouds.conftest import Cloud, FaultOf, every
from tests.providers.all_clouds.invariants import assert_only_unknown_added, verdicts
from tests.providers.all_clouds.replayed_tables import ReplayedCloud


def exit_code(cloud: Cloud, fault: FaultOf, limits: Limits | None = None) -> int:
    """Scans with the fault, checks the invariants, and returns the exit code."""
    clean = cloud.clean
    known = verdicts(clean.assessment)
    inventory, assessment = cloud.scan(fault, limits) if limits else cloud.scan(fault)
    code = assessment.decision.exit
    if not any(target.reached for target in inventory.targets):
        assert code == 4
        assert all(target.message for target in inventory.targets)
        return code
    assert_only_unknown_added(known, clean.inventory, inventory, assessment)
    if assessment.decision.causes:
        assert code in (3, 4)
    else:
        assert (code, verdicts(assessment)) == (0, known)
    return code


def sample(cloud: Cloud, number: int, seed: int) -> list[str]:
    """A fixed sample of the cloud's operations."""
    return random.Random(seed).sample(sorted(cloud.clean.calls), number)


def test_random_pairs_denied(cloud: Cloud, answers: ReplayedCloud) -> None:
    before, clean, operations = cloud.replay(answers)
    for seed in range(12):
        pair = random.Random(seed).sample(sorted(operations), 2)
        inventory, assessment, _ = cloud.replay(answers, dict.fromkeys(pair, "denied"))
        assert_only_unknown_added(verdicts(clean), before, inventory, assessment)
        if assessment.decision.causes:
            assert assessment.decision.exit == 3, pair


@pytest.mark.parametrize("fault", ["denied_by_organisation", "malformed", "reset", "failing"])
def test_calls_that_fail_in_other_ways(cloud: Cloud, fault: Fault) -> None:
    exit_code(cloud, dict.fromkeys(sample(cloud, 2, len(fault)), fault).get)


def test_a_share_of_all_requests_throttled(cloud: Cloud) -> None:
    """Most are answered when they are sent again, and some never."""
    rng = random.Random(11)
    limits = Limits(connect_seconds=2, read_seconds=5, attempts=3)
    exit_code(cloud, lambda _: "throttled" if rng.random() < 0.3 else None, limits)


def test_interrupted_listings(cloud: Cloud) -> None:
    """The first call of each operation succeeds; later ones fail."""
    calls: Counter[str] = Counter()

    def fault(name: str) -> Fault | None:
        calls[name] += 1
        return "failing" if calls[name] > 1 else None

    assert exit_code(cloud, fault) in (0, 3)


def test_sockets_that_hang(cloud: Cloud) -> None:
    limits = Limits(connect_seconds=1, read_seconds=1, attempts=1)
    hanging: dict[str, Fault] = dict.fromkeys(sample(cloud, 2, 5), "hang")
    assert exit_code(cloud, hanging.get, limits) in (0, 3, 4)


@pytest.mark.parametrize("share", [0.2, 0.7])
def test_credentials_that_expire_during_the_scan(cloud: Cloud, share: float) -> None:
    calls = Counter[str]()
    after = cloud.clean.calls.total() * share

    def fault(name: str) -> Fault | None:
        calls[name] += 1
        return "expired" if calls.total() > after else None

    assert exit_code(cloud, fault) in (3, 4)


def test_every_call_fails_in_every_way(cloud: Cloud) -> None:
    faults: tuple[Fault, ...]
    faults = ("denied", "denied_by_organisation", "throttled", "expired", "malformed", "failing")
    for fault in faults:
        assert exit_code(cloud, every(fault)) == 4
