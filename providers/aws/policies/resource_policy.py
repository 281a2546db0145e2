"""What the policy of a resource opens to everyone, and whether it denies requests without TLS.

Evaluates the policy text alone, for services in which a resource's policy is all that can let others in.

Source: "Identity-based policies and resource-based policies" (IAM user guide).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

from providers.aws.client.calls import AwsCall
from providers.aws.client.client import AwsQuestion
from providers.aws.policies.documents import parse
from providers.aws.policies.identifiers import account_of
from providers.aws.policies.requesters import WITH_CREDENTIALS, WITHOUT_CREDENTIALS, anyone_named
from providers.aws.policies.transport import denials_without_tls
from scanner.collect.table import Answer, Facet, Item, asked
from scanner.model.evidence import Observed, Unknown
from scanner.policy.admission import Request, Statement, admission, first_of


def facets_of_policy(
    call: AwsCall,
    policy: Callable[[Answer], str | None],
    arn: Callable[[Item], str],
    actions: Collection[str],
) -> Mapping[str, Facet[AwsQuestion]]:
    """``public`` and ``tls_only`` of a resource by its policy. Without one only its own account has access.

    ``policy``: the policy in an answer to the call, ``None`` for none. ``actions``: those that use or change
    the resource, in lower case.
    """

    def to_public(item: Item, answer: Answer) -> Observed[bool]:
        found = policy(answer)
        return False if found is None else is_public(found, arn(item), actions, call.name)

    def to_tls_only(item: Item, answer: Answer) -> bool:
        found = policy(answer)
        return found is not None and refuses_plaintext(found, arn(item))

    return {"public": asked(call, to_public), "tls_only": asked(call, to_tls_only)}


def is_public(policy: str, arn: str, actions: Collection[str], call: str) -> Observed[bool]:
    """Whether everyone may use any of the actions, in lower case, on the resource. ``call`` read the policy.

    Raises :class:`ValueError` for an unreadable policy.
    """
    found = parse(policy, "resource", account_of(arn) or "")

    def requests(allow: Statement) -> Iterator[Request]:
        # A policy is about its resource: NotResource leaves no other.
        if allow.all_but_resources or allow.covers(arn):
            yield from (Request(action, arn) for action in actions if allow.names(action))

    decided = first_of(
        admission(each.requester(anyone_named), found, requests)
        for each in (*WITHOUT_CREDENTIALS, *WITH_CREDENTIALS)
    )
    if decided.let_in is not None:
        return decided.let_in
    message = f"whether the policy allows everyone cannot be determined: {decided.reason}"
    return Unknown.because("error", call, None, message)


def refuses_plaintext(policy: str, arn: str) -> bool:
    """Whether everyone is denied every action of the service on the resource without TLS.

    Raises :class:`ValueError` for an unreadable policy.
    """
    found = parse(policy, "resource", account_of(arn) or "")
    every = f"{arn.split(':')[2]}:*"
    return any(each.covers(arn) for each in denials_without_tls(found, "*", every))
