"""Raw attributes of SQS queues, and the facets that they give; ``?`` is unknown."""

from __future__ import annotations

import json
from typing import Any

import pytest

from providers.aws.client.client import FORMAT_ERRORS
from providers.aws.queues import QUEUES
from scanner.model.evidence import Unknown
from scanner.model.resources.storage import Encryption

ARN = "arn:aws:sqs:eu-west-1:111122223333:orders"
ITEM = {
    "QueueUrl": "https://sqs.eu-west-1.amazonaws.com/111122223333/orders",
    "account": "111122223333",
    "partition": "aws",
    "region": "eu-west-1",
}
KEY = "arn:aws:kms:eu-west-1:111122223333:key/7d0f3f9a-1f3c-4c55-9b0a-9c1f7a2f4e11"
PLAINTEXT = {"Bool": {"aws:SecureTransport": "false"}}
FOREIGN = {"StringNotEquals": {"aws:PrincipalOrgID": "o-aa111bb222"}}


def found(facet: str, answer: Any) -> Any:
    (read,) = QUEUES.facets[facet].reads
    try:
        attributes = {name: each for name, each in answer.items() if name != "KeyMetadata"}
        value = read.function(ITEM, {**answer, "Attributes": attributes})
    except FORMAT_ERRORS:
        return "?"
    return "?" if isinstance(value, Unknown) else value


def allow(action: Any = "SQS:SendMessage", principal: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": principal, "Action": action, "Resource": ARN, **more}


def deny(condition: Any = None, **more: Any) -> dict[str, Any]:
    return {**allow("sqs:*"), "Effect": "Deny", **({"Condition": condition} if condition else {}), **more}


def when(operator: str, key: str, value: str) -> dict[str, Any]:
    return allow(Condition={operator: {key: value}})


@pytest.mark.parametrize(
    ("statements", "public", "tls_only"),
    [
        ([allow()], True, False),
        ([allow("*", {"AWS": "*"})], True, False),
        ([allow("sqs:*")], True, False),
        ([allow("sqs:Receive*")], True, False),
        ([allow(["sqs:GetQueueUrl", "sqs:SetQueueAttributes"])], True, False),
        ([allow(["sqs:Get*", "sqs:ListQueueTags"])], False, False),
        ([allow(principal={"AWS": "arn:aws:iam::444455556666:root"})], False, False),
        ([allow(principal={"Service": "sns.amazonaws.com"})], False, False),
        ([allow(principal={"AWS": "arn:aws:iam::*:root"})], "?", False),
        ([allow(Resource="arn:aws:sqs:eu-west-1:111122223333:other")], False, False),
        ([{k: v for k, v in allow(NotAction="sqs:SendMessage").items() if k != "Action"}], True, False),
        ([{k: v for k, v in allow(NotResource="arn:x").items() if k != "Resource"}], True, False),
        ([when("StringEquals", "aws:SourceAccount", "111122223333")], False, False),
        ([when("StringEquals", "AWS:SourceOwner", "111122223333")], False, False),
        ([when("StringEquals", "aws:PrincipalOrgID", "o-aa111bb222")], False, False),
        ([when("ArnEquals", "aws:SourceArn", "arn:aws:sns:eu-west-1:111122223333:orders")], False, False),
        ([when("ArnLike", "aws:SourceArn", "arn:aws:s3:*:*:uploads")], False, False),
        ([when("ArnLike", "aws:SourceArn", "arn:aws:s3:*:*:uploads-*")], True, False),
        ([when("StringEqualsIfExists", "aws:SourceAccount", "111122223333")], True, False),
        ([when("StringNotEquals", "aws:SourceAccount", "111122223333")], True, False),
        ([when("IpAddress", "aws:SourceIp", "203.0.113.0/24")], False, False),
        ([when("IpAddress", "aws:SourceIp", "0.0.0.0/0")], True, False),
        ([when("Bool", "aws:SecureTransport", "true")], True, False),
        ([when("StringEquals", "aws:PrincipalTag/team", "orders")], True, False),
        ([when("StringEquals", "sqs:Unheard", "of")], "?", False),
        ([allow(), when("StringEquals", "sqs:Unheard", "of")], True, False),
        ([allow("sqs:*"), deny()], False, True),
        ([allow("*"), deny(FOREIGN)], False, False),
        ([allow(), deny(Action=["sqs:SendMessage"])], False, False),
        ([allow(), deny(Action="sqs:ReceiveMessage")], True, False),
        ([allow(), deny(Resource="arn:aws:sqs:eu-west-1:111122223333:other")], True, False),
        ([allow(), deny(Principal={"AWS": "444455556666"})], True, False),
        ([allow(), deny(PLAINTEXT)], True, True),
        ([deny(PLAINTEXT, Resource="*")], False, True),
        ([deny(PLAINTEXT, Action="sqs:SendMessage")], False, False),
        ([deny({**PLAINTEXT, **FOREIGN})], False, False),
        ([deny({"Bool": {"aws:SecureTransport": "true"}})], False, False),
        ([{"Effect": "Allow", "Principal": "*", "Action": "sqs:*"}], "?", "?"),
        ([allow(Surprise=True)], "?", "?"),
    ],
)
def test_policy(statements: list[Any], public: Any, tls_only: Any) -> None:
    answer = {"QueueArn": ARN, "Policy": json.dumps({"Version": "2012-10-17", "Statement": statements})}
    assert (found("public", answer), found("tls_only", answer)) == (public, tls_only)


@pytest.mark.parametrize(
    ("facet", "answer", "expected"),
    [
        ("public", {"QueueArn": ARN}, False),
        ("public", {"QueueArn": ARN, "Policy": ""}, "?"),
        ("public", {"QueueArn": ARN, "Policy": None}, "?"),
        ("tls_only", {"QueueArn": ARN}, False),
        ("tls_only", {"QueueArn": ARN, "Policy": "{"}, "?"),
        ("encryption", {"SqsManagedSseEnabled": "true"}, Encryption(key="provider", key_id=None)),
        ("encryption", {"SqsManagedSseEnabled": "false"}, None),
        ("encryption", {"KmsMasterKeyId": "", "SqsManagedSseEnabled": "false"}, None),
        ("encryption", {"KmsMasterKeyId": "alias/o"}, Encryption(key="customer", key_id="alias/o")),
        (
            "encryption",
            {"KmsMasterKeyId": "alias/aws/sqs", "SqsManagedSseEnabled": "false"},
            Encryption(key="provider", key_id="alias/aws/sqs"),
        ),
        (
            "encryption",
            {"KmsMasterKeyId": KEY, "KeyMetadata": {"KeyManager": "CUSTOMER"}},
            Encryption(key="customer", key_id=KEY),
        ),
        ("encryption", {"KmsMasterKeyId": KEY}, "?"),
        ("encryption", {"SqsManagedSseEnabled": True}, "?"),
        ("encryption", {"QueueArn": ARN}, "?"),
    ],
)
def test_facet(facet: str, answer: Any, expected: Any) -> None:
    assert found(facet, answer) == expected


@pytest.mark.parametrize("host", ["sqs.eu-west-1.amazonaws.com", "eu-west-1.queue.amazonaws.com"])
def test_a_queue_is_identified_by_the_end_of_its_url(host: str) -> None:
    shown = QUEUES.header({**ITEM, "QueueUrl": f"https://{host}/111122223333/orders"})
    assert (shown["id"], shown["name"], shown["type"]) == (ARN, "orders", "aws.sqs.queue")
    with pytest.raises(ValueError, match="account"):
        QUEUES.header({**ITEM, "QueueUrl": f"https://{host}/444455556666/orders"})
