"""Expected unknowns: outside the budget while they are in force, and always reported."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from scanner.assess.expected_unknowns import ExpectedUnknown
from scanner.assess.gate import Terms
from scanner.assess.states import GATES
from scanner.base.yaml import DocumentError
from scanner.model.evidence import Unknown
from scanner.run.config import load_config
from tests.estate import NOW, account, assessed, bucket, region

ORGANISATION = Unknown.because("denied", "organizations:ListParents", "organizations:ListParents", "no")
CLOSED = Unknown.because("denied_by_organisation", "cloudtrail:DescribeTrails", None, "closed by a policy")
MEMBER = [account(path=ORGANISATION), bucket("b")]
BLIND = [("region", "ap-south-1", CLOSED), ("region", "ap-east-1", CLOSED)]


def entry(**fields: object) -> ExpectedUnknown:
    given = {"reason": "member account", "owner": "platform", "expires": date(2027, 1, 31), **fields}
    return ExpectedUnknown.model_validate(given)


def code(*expectations: ExpectedUnknown, max_unknown: int = 0) -> int:
    terms = Terms(GATES["none"], max_unknown, expectations=expectations)
    return assessed([*MEMBER, region()], BLIND, terms=terms).decision.exit


def test_a_member_account_with_closed_regions_is_complete_once_both_are_acknowledged() -> None:
    calls, regions = entry(call="organizations:*"), entry(region="ap-*")
    assert code() == 3
    assert code(calls) == 3
    assert code(regions) == 3
    assert code(calls, regions) == 0


@pytest.mark.parametrize(
    ("expectations", "expected"),
    [
        ([entry(call="organizations:*", expires=NOW.date() - timedelta(days=1)), entry(region="ap-*")], 3),
        ([entry(call="organizations:*", expires=NOW.date()), entry(region="ap-*")], 0),
        ([entry(call="organizations:*", scope="444455556666"), entry(region="ap-*")], 3),
        ([entry(call="organizations:*", scope="1111*"), entry(region="ap-*")], 0),
        ([entry(call="organizations:Describe*"), entry(region="ap-*")], 3),
        ([entry(call="organizations:*", region="ap-*"), entry(region="ap-south-1")], 3),
        ([entry(call="organizations:*"), entry(region="ap-*", call="cloudtrail:*")], 0),
    ],
)
def test_every_condition_of_an_entry_must_match(expectations: list[ExpectedUnknown], expected: int) -> None:
    assert code(*expectations) == expected


def test_the_budget_counts_unexpected_unknowns() -> None:
    assert code(entry(call="organizations:*"), max_unknown=1) == 3
    assert code(entry(call="organizations:*"), max_unknown=2) == 0


def test_an_acknowledged_unknown_stays_unknown() -> None:
    terms = Terms(GATES["none"], expectations=(entry(call="organizations:*"),))
    result = assessed([*MEMBER, region()], terms=terms)
    (hidden,) = [finding for finding in result.coverage.findings if finding.verdict == "unknown"]
    assert hidden.state == "unknown"
    assert list(result.decision.acknowledged.values()) == [entry(call="organizations:*")]


def test_acknowledging_every_unknown_does_not_hide_that_nothing_was_evaluated() -> None:
    denied = Unknown.because("denied", "sts:Anything", None, "no")
    terms = Terms(GATES["none"], expectations=(entry(call="sts:*"),))
    assert assessed([], [("account", None, denied), ("bucket", None, denied)], terms=terms).decision.exit == 4


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ("reason: r, owner: o, expires: 2027-01-01", "name a call or a region"),
        ("call: '*', reason: r, owner: o, expires: 2027-01-01", "would match every unknown"),
        ("region: '*', reason: r, owner: o, expires: 2027-01-01", "would match every unknown"),
        ("call: 's3:*', owner: o, expires: 2027-01-01", "reason: missing"),
        ("call: 's3:*', reason: r, owner: o", "expires: missing"),
        ("call: 's3:*', reason: r, owner: o, expires: soon", "expected a date"),
        ("cal: 's3:*', reason: r, owner: o, expires: 2027-01-01", "did you mean call?"),
        ("call: 's3:*', scope: 111122223333, reason: r, owner: o, expires: 2027-01-01", '"111122223333"'),
    ],
)
def test_errors_in_an_entry_name_its_line(fields: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "gapscan.yaml"
    path.write_text(f"version: 1\nexpected_unknowns:\n- {{{fields}}}\n", encoding="utf-8")
    with pytest.raises(DocumentError) as caught:
        load_config(path)
    assert any(problem.line == 3 and message in problem.message for problem in caught.value.problems)
