"""Known, absent and unknown stay distinct."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.model.evidence import Observed, Unknown, all_of, any_of, join, lift

DENIED = Unknown.because("denied", "s3:GetBucketPolicy", "s3:GetBucketPolicy", "no")
THROTTLED = Unknown.because("throttled", "s3:GetBucketAcl", "s3:GetBucketAcl", "slow down")

facts: st.SearchStrategy[Observed[bool]] = st.sampled_from([True, False, DENIED, THROTTLED])


def test_an_unknown_has_no_truth_value() -> None:
    with pytest.raises(TypeError):
        bool(DENIED)
    with pytest.raises(TypeError):
        _ = not DENIED


@pytest.mark.parametrize(
    ("facts", "any_", "all_"),
    [
        ((True, DENIED), True, DENIED),
        ((False, DENIED), DENIED, False),
        ((DENIED, True, False), True, False),
        ((), False, True),
        ((DENIED, THROTTLED), join([DENIED, THROTTLED]), join([DENIED, THROTTLED])),
    ],
)
def test_known_facts_absorb_unknown_ones(
    facts: tuple[Observed[bool], ...], any_: Observed[bool], all_: Observed[bool]
) -> None:
    assert any_of(*facts) == any_
    assert all_of(*facts) == all_


@given(st.lists(facts, max_size=5))
def test_a_result_is_known_only_if_all_values_of_the_unknown_facts_give_it(
    given_facts: list[Observed[bool]],
) -> None:
    possible = [[fact] if isinstance(fact, bool) else [True, False] for fact in given_facts]
    for function, exact in ((any_of, any), (all_of, all)):
        outcomes = {exact(values) for values in itertools.product(*possible)}
        answer = function(*given_facts)
        assert isinstance(answer, Unknown) if len(outcomes) == 2 else {answer} == outcomes


def test_lift_needs_every_fact_and_keeps_distinct_causes() -> None:
    assert lift(lambda a, b: a + b, 1, 2) == 3
    assert lift(lambda value: value, None) is None
    unknown = lift(lambda *values: 0, DENIED, 1, THROTTLED, DENIED)
    assert unknown == Unknown(causes=(*DENIED.causes, *THROTTLED.causes))
