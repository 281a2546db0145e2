"""What an SQS queue policy opens to everyone, and whether it denies requests without TLS.

Evaluates the policy text alone. SQS has no condition keys of its own.

Source: "Using custom policies with the Amazon SQS Access Policy Language" (SQS developer guide).
"""

from __future__ import annotations

from collections.abc import Iterator

from providers.aws.policies.documents import parse
from providers.aws.policies.identifiers import account_of
from providers.aws.policies.requesters import WITH_CREDENTIALS, WITHOUT_CREDENTIALS, anyone_named
from providers.aws.policies.transport import denials_without_tls
from scanner.model.evidence import Observed, Unknown
from scanner.policy.admission import Request, Statement, admission, first_of

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
    found = parse(policy, "resource", account_of(arn) or "")

    def requests(allow: Statement) -> Iterator[Request]:
        # A policy is about its queue: NotResource leaves no other.
        if allow.all_but_resources or allow.covers(arn):
            yield from (Request(action, arn) for action in USING if allow.names(action))

    decided = first_of(
        admission(each.requester(anyone_named), found, requests)
        for each in (*WITHOUT_CREDENTIALS, *WITH_CREDENTIALS)
    )
    if decided.let_in is not None:
        return decided.let_in
    message = f"whether the queue policy allows everyone cannot be determined: {decided.reason}"
    return Unknown.because("error", "sqs:GetQueueAttributes", None, message)


def refuses_plaintext(policy: str, arn: str) -> bool:
    """Whether everyone is denied every action on the queue without TLS. Raises :class:`ValueError`."""
    found = parse(policy, "resource", account_of(arn) or "")
    return any(each.covers(arn) for each in denials_without_tls(found, "*", "sqs:*"))
