"""What an S3 bucket policy opens to everyone, and whether it denies requests without TLS.

The result is "not open" only where the policy text proves it. Where the text is undecided, S3's own verdict
(GetBucketPolicyStatus) decides if it was read; but it does not cover access through access points, and does
not override what the text proves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from providers.aws.policies.bucket_statements import BucketStatement, Condition, Part, parse
from scanner.model.evidence import Observed, Unknown

ANY_KEY = ("\x01", "\x01\x02\x01\x02")
"""Object keys that no policy contains literally: a pattern that matches both matches every key."""


@dataclass(frozen=True)
class Openness:
    """What a policy's text grants to everyone."""

    closed: bool
    """A Deny statement denies the public everything, whatever is allowed."""
    open: frozenset[Part]
    undecided: tuple[frozenset[Part], ...]
    """What each statement grants for which the text leaves open whether it applies to everyone."""
    delegated: frozenset[Part] = frozenset()
    """What is granted through access points. Their policies are not read, and S3's verdict on the bucket
    policy does not cover them."""
    disputed: frozenset[Part] = frozenset()
    """What a Deny statement may restrict, so that the text alone does not prove it open."""

    def by_text(self, part: Part) -> Observed[bool]:
        """Whether the part is open, by the text alone."""
        if self.closed:
            return False
        if part in self.open:
            return True
        if any(part in parts for parts in self.undecided):
            return _unknown(
                "the conditions of a bucket policy statement leave open whether it applies to everyone"
            )
        return self._through_access_points(part)

    def with_verdict(self, public: bool, part: Part) -> Observed[bool]:
        """Whether the part is open, given S3's own verdict on the whole policy."""
        if self.closed:
            return False
        if not public:
            if part in self.open - self.disputed:
                return _unknown("S3's verdict and the text of the bucket policy contradict each other")
            return self._through_access_points(part)
        if not self.open:
            if not self.undecided:
                return _unknown(
                    "S3 reports the bucket policy as public, but no statement grants access to everyone"
                )
            # S3 considers at least one of these statements public; what all of them grant is certainly open.
            if part in frozenset.intersection(*self.undecided):
                return True
        return self.by_text(part)

    def _through_access_points(self, part: Part) -> Observed[bool]:
        if part in self.delegated:
            return _unknown("the bucket policy delegates to access points, whose policies are not read")
        return False


NOTHING_OPEN = Openness(closed=False, open=frozenset(), undecided=())
"""Without a policy nothing is granted."""


def openness(policy: str, bucket: str, partition: str) -> Openness:
    """What the policy grants to everyone. Raises :class:`ValueError` if it cannot be read."""
    statements = parse(policy)
    denies = [
        statement
        for statement in statements
        if statement.denies_all_actions and all(c.met_by_public for c in statement.conditions)
    ]
    allows = [statement for statement in statements if statement.allow]
    restricting = [statement for statement in statements if statement.may_deny_public]
    return Openness(
        closed=_cover_bucket(denies, bucket, partition),
        open=frozenset(part for s in allows if s.reach == "everyone" for part in s.parts),
        undecided=tuple(s.parts for s in allows if s.reach == "undecided" and not s.delegates),
        delegated=frozenset(part for s in allows if s.delegates for part in s.parts),
        disputed=frozenset(part for s in restricting for part in s.parts),
    )


def refuses_plaintext(policy: str, bucket: str, partition: str) -> bool:
    """Whether everyone is denied every action on the bucket and all its objects without TLS.

    By ``aws:SecureTransport`` false, or by a minimum ``s3:TlsVersion`` with ``IfExists``: a request without
    TLS lacks that key, so that the condition would not hold without ``IfExists``. Raises :class:`ValueError`
    if the policy cannot be read.
    """
    denies = [s for s in parse(policy) if s.denies_all_actions and met_without_tls(s.conditions)]
    return _cover_bucket(denies, bucket, partition)


def _cover_bucket(statements: Iterable[BucketStatement], bucket: str, partition: str) -> bool:
    """Whether the statements together cover the bucket itself and every object in it."""
    arn = f"arn:{partition}:s3:::{bucket}"
    found = list(statements)
    objects = [f"{arn}/{key}" for key in ANY_KEY]
    return any(s.covers(arn) for s in found) and any(s.covers(*objects) for s in found)


def met_without_tls(conditions: Sequence[Condition]) -> bool:
    """Whether the conditions of a Deny statement hold for every request without TLS."""
    if not conditions:
        return True
    if len(conditions) > 1 or conditions[0].qualifier:
        return False
    (condition,) = conditions
    if condition.key == "aws:securetransport":
        return condition.operator == "bool" and "false" in {value.lower() for value in condition.values}
    return (
        condition.key == "s3:tlsversion"
        and condition.operator in ("numericlessthan", "numericlessthanequals")
        and condition.if_exists
    )


def _unknown(message: str) -> Unknown:
    return Unknown.because("error", "s3:GetBucketPolicy", None, message)
