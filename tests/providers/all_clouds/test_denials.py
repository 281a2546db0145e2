"""Denied and failed calls: verdicts change only to unknown, and nothing disappears without a blind spot."""

from __future__ import annotations

import random

from providers.sandbox import Fault
from tests.providers.all_clouds.conftest import PACK, Cloud, only
from tests.providers.all_clouds.invariants import assert_only_unknown_added, verdicts
from tests.providers.all_clouds.replayed_tables import FAILURES, MALFORMED, ReplayedCloud

FAULTS: tuple[Fault, ...] = (
    "denied",
    "denied_by_organisation",
    "throttled",
    "malformed",
    "reset",
    "failing",
)


def test_a_scan_without_faults_is_complete(cloud: Cloud) -> None:
    inventory, assessment = cloud.clean.inventory, cloud.clean.assessment
    assert [target.reached for target in inventory.targets] == [True]
    assert not assessment.decision.causes
    assert assessment.decision.complete
    assert {verdict for verdict, _ in verdicts(assessment).values()} >= {"pass", "fail"}
    kinds = {rule.text.for_ for rule in PACK.rules.values() if cloud.name in rule.text.providers}
    assert {resource.kind for resource in inventory.resources} >= kinds


def test_each_read_call_denied_in_turn(cloud: Cloud, answers: ReplayedCloud) -> None:
    before, clean, operations = cloud.replay(answers)
    clean_verdicts = verdicts(clean)
    assert len(operations) > 5
    unknown = 0
    for denied in sorted(operations):
        inventory, assessment, _ = cloud.replay(answers, {denied: "denied"})
        assert_only_unknown_added(clean_verdicts, before, inventory, assessment)
        if assessment.decision.causes:
            unknown += 1
            assert assessment.decision.exit == 3, denied
            assert not assessment.decision.complete
        else:
            now = verdicts(assessment)
            changed = {
                uid: (clean_verdicts.get(uid), now.get(uid))
                for uid in now
                if now[uid] != clean_verdicts.get(uid)
            }
            # Nothing is unknown, so nothing may change, but an owner who is selected by tags.
            allowed = {(("pass", "covered"), ("pass", "unclaimed"))} if "Tag" in denied else set()
            assert now.keys() == clean_verdicts.keys(), denied
            assert set(changed.values()) <= allowed, denied
    assert unknown > len(operations) / 2


def test_each_call_of_connecting_denied_in_turn(cloud: Cloud, answers: ReplayedCloud) -> None:
    _, _, operations = cloud.replay(answers)
    connecting = sorted(cloud.clean.calls.keys() - operations)
    assert connecting
    for denied in connecting:
        inventory, assessment = cloud.scan(only(denied, "denied"))
        assert assessment.decision.exit == 4, denied
        assert not any(target.reached for target in inventory.targets), denied
        assert all(target.message for target in inventory.targets), denied


def test_random_sets_of_calls_with_random_faults(cloud: Cloud) -> None:
    clean = cloud.clean
    operations = sorted(clean.calls)
    rng = random.Random(7)
    for _ in range(2):
        broken = {name: rng.choice(FAULTS) for name in rng.sample(operations, k=len(operations) // 3)}
        inventory, assessment = cloud.scan(broken.get)
        if any(target.reached for target in inventory.targets):
            assert_only_unknown_added(verdicts(clean.assessment), clean.inventory, inventory, assessment)
            assert assessment.decision.exit in (3, 4) or not assessment.decision.causes


def test_random_sets_of_calls_with_random_answers(cloud: Cloud, answers: ReplayedCloud) -> None:
    before, clean, found = cloud.replay(answers)
    operations = sorted(found)
    rng = random.Random(7)
    for _ in range(8):
        broken = rng.sample(operations, k=len(operations) // 3)
        others = {name: rng.choice((*FAILURES, *MALFORMED)) for name in broken}
        inventory, assessment, _ = cloud.replay(answers, others)
        assert_only_unknown_added(verdicts(clean), before, inventory, assessment)
        assert assessment.decision.exit in (3, 4) or not assessment.decision.causes


def test_everything_denied(cloud: Cloud) -> None:
    inventory, assessment = cloud.scan(lambda name: "denied")
    assert assessment.decision.exit == 4
    assert not any(f.verdict in ("pass", "fail") for f in assessment.coverage.findings)
    messages = [target.message for target in inventory.targets if not target.reached]
    assert all(messages) or assessment.decision.causes


def test_an_owner_that_depends_on_an_unknown_tag_is_uncertain(cloud: Cloud) -> None:
    """Tags come with the listing on Azure and Google Cloud, and from a separate call on AWS."""
    clean = cloud.clean.assessment
    _, hidden = cloud.scan(lambda name: "denied" if name == "s3:GetBucketTagging" else None)
    before = {f.uid: f for f in clean.coverage.findings}
    for finding in hidden.coverage.findings:
        if finding.evidence == "fail" and before[finding.uid].state == "unowned":
            assert finding.state == "unowned"
        if (
            finding.owner == "payments"
            and finding.rule
            and finding.resource
            and finding.resource.tags is None
        ):
            assert "owner_uncertain" in finding.flags
