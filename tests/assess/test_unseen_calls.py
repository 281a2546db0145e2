"""What calls said of resources of which they told nothing: some name the resource, so few are told apart."""

from __future__ import annotations

import io
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from scanner.assess.assessment import assess
from scanner.assess.unseen_calls import MESSAGES, OTHER_MESSAGES, UnseenCall, limit_messages
from scanner.collect.derived import derive
from scanner.model.evidence import Unknown
from scanner.model.inventory import Inventory, Target
from scanner.report.build import build
from scanner.report.formats import text
from scanner.run.scan import Collected
from tests.estate import ACCOUNT, EVERYTHING, NOW, account, bucket, region, requested

CALLS = st.builds(
    UnseenCall,
    st.sampled_from(["s3:GetBucketPolicy", "kms:ListGrants"]),
    st.sampled_from(["error", "denied"]),
    st.none() | st.sampled_from("abcdefgh"),
)


@given(st.lists(st.lists(st.tuples(CALLS, st.integers(1, 9)), max_size=12), max_size=4), st.integers(0, 4))
def test_what_is_told_apart_does_not_depend_on_parts(
    parts: list[list[tuple[UnseenCall, int]]], limit: int
) -> None:
    whole: dict[UnseenCall, int] = {}
    added: dict[UnseenCall, int] = {}
    for part in reversed(parts):
        counted: dict[UnseenCall, int] = {}
        for call, number in part:
            for counts in (whole, counted):
                counts[call] = counts.get(call, 0) + number
            limit_messages(counted, limit + 1)
        limit_messages(counted, limit)
        for call, number in counted.items():
            added[call] = added.get(call, 0) + number
        limit_messages(added, limit)
    total = sum(whole.values())
    limit_messages(whole, limit)
    assert added == whole
    assert sum(whole.values()) == total
    assert sum(one.message not in (None, OTHER_MESSAGES) for one in whole) <= limit


def test_a_report_of_many_messages_is_short() -> None:
    number = MESSAGES + 200
    held = [
        bucket(f"b{n:05}", encryption=Unknown.because("error", "kms:ListGrants", None, f"who is {n:05}?"))
        for n in range(number)
    ]
    target = Target("aws", ACCOUNT, None, True, True, None)
    inventory = derive(Inventory((account(), region(), *held), (), (target,), EVERYTHING), EVERYTHING)
    request = replace(requested(), every_finding=False)
    assessment = assess(inventory, request)
    others = UnseenCall("kms:ListGrants", "error", OTHER_MESSAGES)
    assert len(assessment.coverage.unseen) == MESSAGES + 1
    assert assessment.coverage.unseen[others] == 200
    out = io.StringIO()
    text.render(build(Collected(inventory, NOW, NOW, "0" * 32), assessment, request), out)
    assert " b01000, b01001, b01002 and 197 more: kms:ListGrants error: other messages\n" in out.getvalue()
