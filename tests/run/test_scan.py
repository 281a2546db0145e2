"""From an inventory to findings, coverage and the exit code."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.assess.assessment import assess
from scanner.assess.baseline import Baseline
from scanner.assess.finding import Finding
from scanner.assess.gate import Terms
from scanner.assess.reduce import Assessment
from scanner.assess.states import GATES
from scanner.collect.provider import ConnectionRequest, Limits, Provider, Unreachable
from scanner.model.evidence import Unknown
from scanner.model.resources.base import Resource
from scanner.model.resources.kinds import KINDS
from scanner.model.resources.storage import Bucket, Encryption
from scanner.rule.evaluate import NotCollected, evaluate
from scanner.run.scan import collect
from tests.estate import (
    CATALOGUE,
    DENIED,
    EVERYTHING,
    FINE,
    NOW,
    PACK,
    MemoryCloud,
    account,
    assessed,
    at_gate,
    bucket,
    inventory_of,
    reading,
    region,
    requested,
)

OWNERSHIP = """
version: 1
teams:
  payments: {contact: payments@example.com}
  platform: {contact: platform@example.com}
owners:
- {controls: [data], where: {tags: {owner: payments}}, accountable: payments}
- {controls: [log, gov, res, key], accountable: platform}
"""


@pytest.fixture
def ownership(tmp_path: Path) -> Path:
    path = tmp_path / "ownership.yaml"
    path.write_text(OWNERSHIP, encoding="utf-8")
    return path


def the(assessment: Assessment, rule: str, name: str) -> Finding:
    """The finding of a rule on a resource."""
    (found,) = [
        f for f in assessment.coverage.findings if f.rule == rule and f.resource and f.resource.name == name
    ]
    return found


def test_responsibility_ownership_and_evidence_make_the_state(ownership: Path) -> None:
    open_to_all = {"public_read": True, "public_via": ("bucket policy",)}
    nobodys = bucket("payroll-export", **open_to_all, tags={})
    owned = bucket("pay-receipts", **open_to_all)
    hidden = bucket("old", public_read=DENIED, public_via=DENIED)
    untagged = account(tags={})
    result = assessed([untagged, region(), nobodys, owned, hidden, bucket("fine")], ownership=ownership)
    rule = "data.bucket-not-public"
    assert the(result, rule, "payroll-export").state == "unowned"
    assert the(result, rule, "payroll-export").message == (
        "payroll-export: publicly readable through bucket policy"
    )
    assert the(result, rule, "pay-receipts").state == "failing"
    assert the(result, rule, "pay-receipts").owner == "payments"
    assert the(result, rule, "old").state == "unknown"
    assert [unknown.permission for unknown in the(result, rule, "old").unknowns] == ["s3:GetBucketPolicy"]
    assert the(result, rule, "fine").state == "covered"
    assert result.decision.exit == 1
    assert the(result, rule, "payroll-export").uid in at_gate(result)
    assert the(result, rule, "pay-receipts").uid not in at_gate(result)


def facet_values(name: str) -> st.SearchStrategy[Any]:
    if name == "encryption":
        return st.none() | st.just(FINE["encryption"]) | st.just(Encryption(key="provider", key_id=None))
    if name == "tags":
        return st.sampled_from([{}, {"owner": "payments"}, {"data-class": "pci"}])
    if name == "public_via":
        return st.just(())
    return st.booleans()


@settings(max_examples=150)
@given(data=st.data())
def test_hiding_a_fact_turns_verdicts_to_unknown_and_nothing_else(data: st.DataObject) -> None:
    values = {name: data.draw(facet_values(name), label=name) for name in sorted(Bucket.facets())}
    name = data.draw(st.sampled_from(sorted(Bucket.facets())), label="hidden")
    seen = assessed([account(), region(), bucket("b", **values)])
    hidden = assessed([account(), region(), bucket("b", **{**values, name: DENIED})])
    before = {f.uid: f for f in seen.coverage.findings}
    after = {f.uid: f for f in hidden.coverage.findings}
    assert before.keys() == after.keys()
    for uid, finding in after.items():
        if finding.verdict != before[uid].verdict:
            assert (finding.verdict, finding.state) == ("unknown", "unknown")


SENSITIVE = {"owner": "payments", "data-class": "pci"}


@pytest.mark.parametrize(
    "model", [account(), region(), bucket("b", tags=SENSITIVE)], ids=lambda model: model.kind
)
def test_hiding_any_facet_makes_just_the_rules_that_read_it_unknown(model: Resource) -> None:
    others = [one for one in (account(), region(), bucket("b")) if one.kind != model.kind]
    for name in sorted(type(model).facets()):
        values = {field: getattr(model, field) for field in type(model).model_fields}
        result = assessed([*others, type(model)(**{**values, name: DENIED})])
        unknown = {f.rule for f in result.coverage.findings if f.verdict == "unknown"}
        reading = {
            rule.id for rule in PACK.rules.values() if rule.text.for_ == model.kind and name in rule.facets
        }
        assert unknown == reading


def test_every_facet_is_read_by_a_rule_or_tells_whose_a_control_is() -> None:
    read = {(rule.text.for_, name) for rule in PACK.rules.values() for name in rule.wanted}
    read |= {(kind, name) for kind in KINDS for name in CATALOGUE.facets(kind)}
    facets = {(kind, name) for kind, model in KINDS.items() for name in model.facets()}
    assert {name for _, name in facets - read} <= {"tags"}, "tags are collected of everything, for ownership"


def test_a_kind_that_could_not_be_listed_has_one_unknown_for_each_rule() -> None:
    why = Unknown.because("denied", "s3:ListAllMyBuckets", "s3:ListAllMyBuckets", "not allowed")
    result = assessed([account(), region()], blind=[("bucket", None, why)])
    rules = {rule.id for rule in PACK.rules.values() if rule.text.for_ == "bucket"}
    unknown = [f for f in result.coverage.findings if f.verdict == "unknown"]
    assert {f.rule for f in unknown} == rules
    assert len(unknown) == len(rules)
    assert all(f.resource and f.resource.id == "bucket@global" for f in unknown)
    assert result.decision.exit == 3
    assert len(result.decision.causes) == 1
    row = next(r for r in result.coverage.rows if r.control == "data.no-public-exposure")
    assert row.state not in ("covered", "unclaimed", "not_applicable")


def test_a_region_that_is_switched_off_is_told_and_costs_nothing() -> None:
    off = Unknown.because("disabled", "ec2:DescribeRegions", None, "not enabled for the account")
    result = assessed([account(), region(), bucket("b")], blind=[("region", "af-south-1", off)])
    assert all(f.region != "af-south-1" for f in result.coverage.findings)
    assert not result.decision.causes
    assert result.decision.exit == 0


def test_an_estate_without_the_kind_does_not_apply() -> None:
    result = assessed([account(), region()])
    rows = {row.control: row.evidence for row in result.coverage.rows}
    assert rows["data.classification"] == "n/a", "both kinds that it expects were listed, and there are none"
    assert rows["data.store-access-policy"] == "unassessed", "other kinds that it expects are not looked at"
    assert not [f for f in result.coverage.findings if f.rule and f.rule.startswith("data.bucket")]


def test_every_control_is_counted_once_for_the_scope(ownership: Path) -> None:
    result = assessed([account(), region(), bucket("b")], ownership=ownership)
    controls = {row.control for row in result.coverage.rows}
    (elsewhere,) = (scope.elsewhere for scope in result.coverage.scopes)
    assert not controls & set(elsewhere)
    assert len(controls | set(elsewhere)) == 70


def test_no_row_is_covered_while_a_kind_that_it_expects_was_not_looked_at(ownership: Path) -> None:
    result = assessed([account(), region(), bucket("b")], ownership=ownership)
    for row in result.coverage.rows:
        if row.state == "covered" and row.counts["pass"]:
            assert set(row.kinds_expected) <= set(row.kinds_seen) | {"bucket", "account", "region"}
    rows = [row for row in result.coverage.rows if row.control == "data.no-public-exposure"]
    assert {row.owner for row in rows} == {"payments", "platform"}
    for row in rows:
        assert (row.state, row.evidence) == ("unassessed", "unassessed")
        assert "bucket" in row.kinds_seen
        assert len(row.kinds_seen) < len(row.kinds_expected)


def test_a_narrowed_scan_says_covered_for_nothing_that_it_left_out(ownership: Path) -> None:
    result = assessed(
        [account(), region(), bucket("b")], ownership=ownership, rules=["data.bucket-not-public"]
    )
    assert {row.control for row in result.coverage.rows} == {"data.no-public-exposure"}
    assert all(row.state != "covered" for row in result.coverage.rows)


def test_a_facet_that_was_not_collected_is_an_error_and_no_verdict() -> None:
    wanted = {**EVERYTHING, "bucket": frozenset({"public_read", "tags"})}
    inventory = inventory_of(MemoryCloud((account(), region(), bucket("b"))), wanted)
    with pytest.raises(NotCollected, match=r"needs encryption of bucket"):
        evaluate([PACK.rules["data.bucket-encrypted"]], inventory, NOW)
    assert list(evaluate([PACK.rules["data.bucket-not-public"]], inventory, NOW))


def test_the_identity_of_a_finding_outlives_owner_state_and_tags(ownership: Path) -> None:
    first = assessed([account(), bucket("b", public_read=True, tags={})])
    second = assessed(
        [account(), bucket("b", tags={"owner": "payments", "data-class": "pci"})], ownership=ownership
    )
    rule = "data.bucket-not-public"
    assert the(first, rule, "b").state == "unowned"
    assert the(second, rule, "b").state == "covered"
    assert the(first, rule, "b").uid == the(second, rule, "b").uid == IDENTITY
    other = assessed([account(), bucket("c")])
    assert the(other, rule, "c").uid != the(first, rule, "b").uid
    uids = [f.uid for f in first.coverage.findings]
    assert len(uids) == len(set(uids))


IDENTITY = "3507b4db8a8226ae1d5a64527549f152"
"""Identity v1 of a bucket in an account under this rule. It must never change."""

PUBLIC = {"public_read": True, "public_via": ("ACL",), "tags": {}}


@pytest.mark.parametrize(
    ("resources", "blind", "terms", "code"),
    [
        ([account(), region(), bucket("b")], [], Terms(GATES["ownership"]), 0),
        ([account(), region(), bucket("b", **PUBLIC)], [], Terms(GATES["ownership"]), 1),
        ([account(), region(), bucket("b", **PUBLIC)], [], Terms(GATES["none"]), 0),
        ([account(), region(), bucket("b", public_read=DENIED)], [], Terms(GATES["none"]), 3),
        ([account(), region(), bucket("b", public_read=DENIED)], [], Terms(GATES["none"], max_unknown=1), 0),
        ([account(), region(), bucket("b", public_read=DENIED)], [], Terms(GATES["none"], 0, True), 0),
        ([account(), bucket("b", **PUBLIC), bucket("c", tls_only=DENIED)], [], Terms(GATES["ownership"]), 1),
        ([], [("account", None, DENIED), ("bucket", None, DENIED)], Terms(GATES["none"], 99, True), 4),
        ([], [], Terms(GATES["none"]), 0),
    ],
)  # fmt: skip
def test_exit_codes(resources: list[Resource], blind: list[Any], terms: Terms, code: int) -> None:
    assert assessed(resources, blind, terms=terms).decision.exit == code


def test_waiving_an_incomplete_scan_does_not_make_it_complete() -> None:
    result = assessed(
        [account(), region(), bucket("b", tls_only=DENIED)], terms=Terms(GATES["none"], 0, True)
    )
    assert result.decision.exit == 0
    assert not result.decision.complete


@pytest.mark.parametrize(
    ("expected", "none_at_all", "others", "code"),
    [
        (True, True, True, 3),
        (True, False, True, 3),
        (False, True, True, 0),
        (False, False, True, 3),
        (True, True, False, 4),
        (False, True, False, 4),
    ],
)
def test_a_target_that_is_not_reached(expected: bool, none_at_all: bool, others: bool, code: int) -> None:
    """Only a cloud without any credentials, that nobody named, may be left out."""

    def connect(request: ConnectionRequest, limits: Limits) -> Provider:
        if request.profile == "broken":
            raise Unreachable("aws", "expired", "log in", scope="444455556666", no_credentials=none_at_all)
        return MemoryCloud((account(), region()))

    broken = ConnectionRequest("aws", profile="broken", expected=expected)
    asked = replace(reading(), connections=(broken, *[ConnectionRequest("aws")] * others))
    inventory = collect(asked, {"aws": connect}).inventory
    result = assess(inventory, requested(terms=Terms(GATES["none"])))
    assert result.decision.exit == code
    missed = [target for target in inventory.targets if not target.reached]
    assert [(target.scope, target.message) for target in missed] == [("444455556666", "Expired log in")]


def test_a_resource_that_two_targets_reach_counts_once_as_the_one_that_saw_less_of_it_has_it() -> None:
    hidden, seen = bucket("b", public_read=DENIED), bucket("b", public_read=False)
    for order in ((hidden, seen), (seen, hidden)):
        result = assessed([account(), region(), *order])
        assert the(result, "data.bucket-not-public", "b").verdict == "unknown"
        uids = [finding.uid for finding in result.coverage.findings]
        assert len(uids) == len(set(uids))


def test_a_baseline_gates_on_what_is_new_or_worse() -> None:
    before = assessed(
        [account(), region(), bucket("old", **PUBLIC), bucket("b", public_read=DENIED, tags={})]
    )
    rules = frozenset(f.rule for f in before.coverage.findings if f.rule)
    after = [account(), region(), bucket("old", **PUBLIC), bucket("b", **PUBLIC), bucket("new", **PUBLIC)]

    def gated(baseline: Baseline) -> set[tuple[str | None, str]]:
        result = assessed(after, terms=Terms(GATES["ownership"], baseline=baseline))
        found = {f.uid: f for f in result.coverage.findings}
        gaps = (found[uid] for uid in at_gate(result))
        return {(one.rule, one.resource.name) for one in gaps if one.resource}

    rule = "data.bucket-not-public"
    assert gated(Baseline.of("r", rules, before.coverage.findings)) == {(rule, "b"), (rule, "new")}
    assert gated(Baseline.of("r", rules - {rule}, before.coverage.findings)) == set()


def test_what_fails_and_is_not_gated_is_counted(ownership: Path) -> None:
    result = assessed(
        [account(), region(), bucket("b", public_read=True, versioning=False)], ownership=ownership
    )
    assert result.decision.exit == 0
    assert dict(result.decision.failing_not_gated) == {"critical": 1, "medium": 1}
