"""What the product says of a policy, and what strangers make of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal

from providers.aws.policies.bucket_policy import openness
from providers.aws.policies.key_policy import outside_access
from providers.aws.policies.trust import Organisation, RoleHome, Trust, trust
from scanner.model.evidence import Observed, Unknown
from tests.policy.generated import ORG, OTHER
from tests.policy.strangers import KINDS, OWN, let_in

Verdict = Literal["closed", "open", "doubtful"]
Policy = Mapping[str, Any]
KEY_ARN = f"arn:aws:kms:eu-west-1:{OWN}:key/7d0f3f9a-1f3c-4c55-9b0a-9c1f7a2f4e11"
HOME = RoleHome(OWN, Organisation(ORG, OWN), frozenset({OWN, OTHER}))
READS = (
    ("s3:GetObject", "arn:aws:s3:::www/x"),
    ("s3:GetObject", "arn:aws:s3:::www/a/x"),
    ("s3:ListBucket", "arn:aws:s3:::www"),
)


def _verdict(fact: Observed[bool]) -> Verdict:
    return "doubtful" if isinstance(fact, Unknown) else ("open" if fact else "closed")


def bucket(policy: Policy) -> Verdict:
    """Whether anyone may read."""
    return _verdict(openness(json.dumps(policy), "www", "aws", OWN).by_text("read"))


def key(policy: Policy) -> Verdict:
    """Whether anyone may use it."""
    return _verdict(outside_access(json.dumps(policy), KEY_ARN, OWN, ORG).anyone)


def role(policy: Policy) -> Verdict:
    """Whether anyone may assume it: what ``iam.role-not-public`` and ``iam.role-external-conditioned``
    ask."""
    found = trust(policy, OWN)
    return "closed" if _passes(found) is True else _verdict(_not(_passes(found)))


def _passes(found: Trust) -> Observed[bool]:
    if found.principal_type not in ("public", "account"):
        return True
    if found.principal_type == "account" and found.external(HOME) is False:
        return True
    return found.conditioned


def _not(fact: Observed[bool]) -> Observed[bool]:
    return fact if isinstance(fact, Unknown) else not fact


def bucket_let_in(policy: Policy) -> object:
    """A stranger who reads."""
    return next((found for each in READS if (found := let_in(policy, *each, KINDS))), None)


def key_let_in(policy: Policy) -> object:
    """A stranger who uses the key."""
    signed = KINDS[1:]
    return next(
        (f for each in ("kms:Decrypt", "kms:Encrypt") if (f := let_in(policy, each, KEY_ARN, signed))), None
    )


def role_let_in(policy: Policy) -> object:
    """A stranger who assumes the role with an account of his own."""
    return let_in(policy, "sts:AssumeRole", None, KINDS[1:])


def token_let_in(issuer: str, policy: Policy) -> object:
    """A stranger who assumes it with a token."""
    return let_in(policy, "sts:AssumeRoleWithWebIdentity", None, [issuer])


class Tally:
    """Counts of verdicts, and the policies that are false passes."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.false_passes: list[tuple[Policy, object]] = []

    def add(self, policy: Policy, verdict: Verdict, stranger: object) -> None:
        """One policy."""
        self.counts[verdict] += 1
        if verdict == "closed" and stranger is not None:
            self.false_passes.append((policy, stranger))
