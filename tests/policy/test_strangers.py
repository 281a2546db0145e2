"""Whoever gets in, the product must not call the policy closed."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings

from tests.policy import judged
from tests.policy.generated import BUCKETS, FEDERATED, KEYS, TRUSTS

few = settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])


@few
@given(BUCKETS)
def test_no_stranger_reads_a_bucket_that_is_closed(policy: Any) -> None:
    if judged.bucket(policy) == "closed":
        assert judged.bucket_let_in(policy) is None


@few
@given(KEYS)
def test_no_stranger_uses_a_key_that_is_closed(policy: Any) -> None:
    if judged.key(policy) == "closed":
        assert judged.key_let_in(policy) is None


@few
@given(TRUSTS)
def test_no_stranger_assumes_a_role_that_is_closed(policy: Any) -> None:
    if judged.role(policy) == "closed":
        assert judged.role_let_in(policy) is None


@few
@given(FEDERATED)
def test_no_tenant_but_ours_assumes_a_role_that_is_closed(case: Any) -> None:
    issuer, policy = case
    if judged.role(policy) == "closed":
        assert judged.token_let_in(issuer, policy) is None
