"""The sample account's SQS queues."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any


def seed(client: Callable[[str, str], Any], account: str, main: str, key: str) -> None:
    """Creates a compliant queue whose policy is narrowed by a condition, one without a policy, and one that
    anyone can send to."""

    def create(name: str, tags: Mapping[str, str], *statements: Mapping[str, Any], **attributes: str) -> None:
        arn = f"arn:aws:sqs:{main}:{account}:{name}"
        if statements:
            own = [{"Principal": "*", "Resource": arn, **statement} for statement in statements]
            attributes["Policy"] = json.dumps({"Version": "2012-10-17", "Statement": own})
        client("sqs", main).create_queue(QueueName=name, Attributes=attributes, tags=dict(tags))

    send: Mapping[str, Any] = {"Effect": "Allow", "Action": "sqs:SendMessage"}
    topic = {"ArnEquals": {"aws:SourceArn": f"arn:aws:sns:{main}:{account}:payments"}}
    plaintext = {"Bool": {"aws:SecureTransport": "false"}}
    create(
        "payments",
        {"owner": "payments", "data-class": "pci", "env": "prod"},
        {**send, "Condition": topic},
        {"Effect": "Deny", "Action": "sqs:*", "Condition": plaintext},
        KmsMasterKeyId=key,
        SqsManagedSseEnabled="false",
    )
    create("orders", {"owner": "product", "env": "prod"}, SqsManagedSseEnabled="true")
    create("webhooks-2019", {}, send, SqsManagedSseEnabled="false")
