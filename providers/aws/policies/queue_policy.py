"""What an SQS queue policy opens to everyone, and whether it denies requests without TLS.

Evaluates the policy text alone, with the statements and conditions of bucket policies: SQS has no condition
keys of its own. A denial that is not understood is ignored, which leaves the worse of the two results.

Source: "Using custom policies with the Amazon SQS Access Policy Language" (SQS developer guide).
"""

from __future__ import annotations

from providers.aws.policies.bucket_exposure import met_without_tls
from providers.aws.policies.bucket_statements import BucketStatement, matches, parse
from scanner.model.evidence import Observed, Unknown

USING = frozenset(
    {
        "sqs:addpermission",
        "sqs:cancelmessagemovetask",
        "sqs:changemessagevisibility",
        "sqs:deletemessage",
        "sqs:deletequeue",
        "sqs:purgequeue",
        "sqs:receivemessage",
        "sqs:removepermission",
        "sqs:sendmessage",
        "sqs:setqueueattributes",
        "sqs:startmessagemovetask",
    }
)
"""Actions that send, receive or delete messages, or change the queue (Service Authorization Reference); the
batch operations have no actions of their own. The others read settings, or set tags."""


def is_public(policy: str, arn: str) -> Observed[bool]:
    """Whether everyone can use or change the queue. Raises :class:`ValueError` for an unreadable policy."""
    found = parse(policy)
    denied = {
        action
        for each in found
        if _denies_everyone(each, arn) and all(c.met_by_public for c in each.conditions)
        for action in _actions(each)
    }
    # NotResource leaves no resources: the statement counts as one about the queue.
    allows = [each for each in found if each.allow and (not each.resources or each.covers(arn))]
    reaches = {each.reach for each in allows if _actions(each) - denied}
    if "everyone" in reaches:
        return True
    if "undecided" in reaches:
        message = "a statement of the queue policy leaves open whether it applies to everyone"
        return Unknown.because("error", "sqs:GetQueueAttributes", None, message)
    return False


def refuses_plaintext(policy: str, arn: str) -> bool:
    """Whether everyone is denied every action on the queue without TLS. Raises :class:`ValueError`."""
    return any(
        _denies_everyone(each, arn)
        and not each.all_but
        and bool({"*", "sqs:*"} & set(each.actions))
        and met_without_tls(each.conditions)
        for each in parse(policy)
    )


def _denies_everyone(statement: BucketStatement, arn: str) -> bool:
    return not statement.allow and statement.principal == "everyone" and statement.covers(arn)


def _actions(statement: BucketStatement) -> frozenset[str]:
    """The actions of ``USING`` that the statement applies to."""
    return frozenset(
        action
        for action in USING
        if any(matches(pattern, action) for pattern in statement.actions) != statement.all_but
    )
