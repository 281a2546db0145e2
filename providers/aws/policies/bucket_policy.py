"""What an S3 bucket policy opens to everyone, and whether it denies requests without TLS.

The result is "not open" only where the policy text proves it. Where the text leaves open whom a statement
allows, S3's own verdict (GetBucketPolicyStatus) decides, if it was read. Where the two contradict each other,
the result is unknown. The verdict is about what Allow statements grant ("The meaning of public", S3 user
guide): it says nothing of access through access points, and a denial that the text proves is no contradiction
to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from providers.aws.policies.documents import parse
from providers.aws.policies.requesters import WITH_CREDENTIALS, WITHOUT_CREDENTIALS, anyone_named
from providers.aws.policies.transport import denials_without_tls
from scanner.model.evidence import Observed, Unknown
from scanner.policy.admission import CLOSED, Admission, Request, Statement, by_statement, first_of
from scanner.policy.patterns import is_pattern, matches

Part = Literal["read", "write", "other"]
"""``read``: list or read objects. ``write``: create, change or delete objects, or change permissions.
``other``: anything else, such as reading the bucket's settings."""
PARTS: tuple[Part, ...] = ("read", "write", "other")
READING = {"getobject": "o", "getobjecttorrent": "o", "getobjectversion": "o", "getobjectversiontorrent": "o",
           "listbucket": "b", "listbucketversions": "b"}  # fmt: skip
WRITING = {
    "deletebucket": "b", "deletebucketpolicy": "b", "deleteobject": "o", "deleteobjectversion": "o",
    "putbucketacl": "b", "putbucketownershipcontrols": "b", "putbucketpolicy": "b",
    "putbucketpublicaccessblock": "b", "putlifecycleconfiguration": "b", "putobject": "o", "putobjectacl":
    "o",
    "putobjectversionacl": "o", "putreplicationconfiguration": "b", "replicatedelete": "o", "replicateobject":
    "o",
}  # fmt: skip
"""Actions, and whether each is about the bucket or its objects (Service Authorization Reference)."""
LEVELS = {f"s3:{name}": level for name, level in {**READING, **WRITING}.items()}
DELEGATING = frozenset({"s3:dataaccesspointaccount", "s3:dataaccesspointarn"})
"""Condition keys that delegate access control to access points and their policies."""
ANYBODY = (*WITHOUT_CREDENTIALS, *WITH_CREDENTIALS)
ANY_OBJECT = "/*"


@dataclass(frozen=True)
class _Grant:
    """What one Allow statement grants to everyone, part by part."""

    alone: Admission
    """Without the denials of the policy."""
    by_part: tuple[tuple[Part, Admission], ...]
    """With them."""

    @property
    def delegates(self) -> bool:
        """Whether access points decide."""
        return self.alone.let_in is None and bool(self.alone.doubtful & DELEGATING)

    def undecided(self, part: Part) -> bool:
        """Whether it is its own conditions, and nothing else, that leave open whether everyone has the
        part."""
        found = self.let_in(part)
        return self.alone.let_in is None is found.let_in and found.doubtful <= self.alone.doubtful

    def let_in(self, part: Part) -> Admission:
        """Whether it lets everyone in, to a part."""
        return dict(self.by_part).get(part, CLOSED)


@dataclass(frozen=True)
class Openness:
    """What a policy's text grants to everyone."""

    grants: tuple[_Grant, ...]
    """Of the statements that may grant something to everyone."""

    def by_text(self, part: Part) -> Observed[bool]:
        """Whether the part is open, by the text alone."""
        found = first_of(each.let_in(part) for each in self.grants)
        if found.let_in is not None:
            return found.let_in
        if found.doubtful & DELEGATING:
            return _unknown("the bucket policy delegates to access points, whose policies are not read")
        return _unknown(f"whether the bucket policy allows everyone cannot be determined: {found.reason}")

    def with_verdict(self, public: bool, part: Part) -> Observed[bool]:
        """Whether the part is open, given S3's own verdict on the whole policy."""
        text = self.by_text(part)
        if not public:
            if text is True:
                return _unknown("S3's verdict and the text of the bucket policy contradict each other")
            delegated = any(each.delegates and each.let_in(part).let_in is None for each in self.grants)
            return text if delegated else False
        judged = [each for each in self.grants if not each.delegates]
        if not judged:
            return _unknown(
                "S3 reports the bucket policy as public, but no statement grants access to everyone"
            )
        if isinstance(text, Unknown) and all(
            # S3 considers at least one of these statements public; what all of them grant is certainly open.
            each.undecided(part)
            for each in judged
        ):
            return True
        return text


NOTHING_OPEN = Openness(())
"""Without a policy nothing is granted."""


def openness(policy: str, bucket: str, partition: str, account: str) -> Openness:
    """What the policy of an account's bucket grants to everyone. Raises :class:`ValueError` if it cannot be
    read."""
    statements = parse(policy, "resource", account)
    arn = f"arn:{partition}:s3:::{bucket}"
    found = (_grant(each, statements, arn) for each in statements if each.allow)
    return Openness(tuple(each for each in found if each.alone.let_in is not False))


def _grant(allow: Statement, statements: Sequence[Statement], arn: str) -> _Grant:
    parts = {part: tuple(_requests(allow, part, arn)) for part in PARTS}

    def let_in(among: Sequence[Statement], requests: Sequence[Request]) -> Admission:
        return first_of(
            by_statement(each.requester(anyone_named), allow, among, requests) for each in ANYBODY
        )

    alone = let_in((), [Request("", "")])
    if alone.let_in is False:
        return _Grant(alone, ())
    return _Grant(alone, tuple((part, let_in(statements, found)) for part, found in parts.items() if found))


def _requests(allow: Statement, part: Part, arn: str) -> Iterator[Request]:
    """What a statement allows that belongs to a part."""
    for action in _actions(allow, part):
        for resource in _resources(allow, LEVELS.get(action), arn):
            yield Request(action, resource)


def _actions(allow: Statement, part: Part) -> Iterator[str]:
    """The actions of a part that a statement names; an unlisted one is classified by its verb."""
    listed = {"read": READING, "write": WRITING, "other": {}}[part]
    yield from (action for action in (f"s3:{name}" for name in listed) if allow.names(action))
    if allow.all_but:
        if part == "other":
            yield "s3:\x01"
        return
    for pattern in allow.actions:
        if not any(matches(pattern, action) for action in LEVELS):
            reads = re.match(r"s3:(get|list|head|describe)", pattern)
            if part == ("other" if reads else "write"):
                yield pattern.replace("*", "\x01").replace("?", "\x01")
        elif is_pattern(pattern) and part == "other":
            yield pattern.replace("*", "\x01").replace("?", "\x01")


def _resources(allow: Statement, level: str | None, arn: str) -> tuple[str, ...]:
    """The bucket, its objects, or those of them that a statement names, as patterns."""
    if allow.all_but_resources or not allow.resources:
        return (arn, arn + ANY_OBJECT)
    objects, whole = [], []
    for pattern in allow.resources:
        if matches(pattern, arn):
            whole.append(arn)
        if matches(pattern, f"{arn}/\x01"):
            objects.append(arn + ANY_OBJECT)
        elif not matches(pattern, arn):
            objects.append(pattern)
    chosen = {"o": objects, "b": whole}.get(level or "", [])
    return tuple(dict.fromkeys(chosen or [*objects, *whole]))


def refuses_plaintext(policy: str, bucket: str, partition: str, account: str) -> bool:
    """Whether everyone is denied every action on the bucket and all its objects without TLS.

    Raises :class:`ValueError` if the policy cannot be read.
    """
    denies = denials_without_tls(parse(policy, "resource", account), "*", "s3:*")
    arn = f"arn:{partition}:s3:::{bucket}"
    return all(any(each.covers(whole) for each in denies) for whole in (arn, arn + ANY_OBJECT))


def _unknown(message: str) -> Unknown:
    return Unknown.because("error", "s3:GetBucketPolicy", None, message)
