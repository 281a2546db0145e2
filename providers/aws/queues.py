"""SQS queues."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers.aws.client.calls import AwsCall
from providers.aws.client.client import AwsQuestion
from providers.aws.encryption import with_key_of
from providers.aws.policies.resource_policy import is_public, refuses_plaintext
from providers.aws.storage import encrypted_with
from providers.aws.table import arn_of, header_of, tags_in
from scanner.collect.table import Answer, Item, Table, asked
from scanner.model.evidence import Observed
from scanner.model.resources.queues import Queue
from scanner.model.resources.storage import Encryption

_URL = (("QueueUrl", "QueueUrl"),)
_ALL = (("AttributeNames", ("All",)),)
LIST = AwsCall(
    "sqs", "ListQueues", pages="QueueUrls", entry="QueueUrl", may_lack=True, page_size=1000, regional=True
)
ATTRIBUTES = AwsCall("sqs", "GetQueueAttributes", parameters=_URL, fixed=_ALL, regional=True)
TAGS = AwsCall("sqs", "ListQueueTags", parameters=_URL, may_lack=True, regional=True)
_MANAGED = {"true": True, "false": False}
_USING = (
    *("sqs:addpermission", "sqs:cancelmessagemovetask", "sqs:changemessagevisibility", "sqs:deletemessage"),
    *("sqs:deletequeue", "sqs:purgequeue", "sqs:receivemessage", "sqs:removepermission", "sqs:sendmessage"),
    *("sqs:setqueueattributes", "sqs:startmessagemovetask"),
)
"""Actions that send, receive or delete messages, or change the queue (Service Authorization Reference); the
batch operations have no actions of their own. The others read settings, or set tags."""


def header(item: Item) -> Mapping[str, Any]:
    """A queue's URL ends in its account and its name."""
    return header_of(item, _arn(item), item["QueueUrl"].rpartition("/")[2], "aws.sqs.queue")


def _arn(item: Item) -> str:
    *_, account, name = item["QueueUrl"].split("/")
    if account != item["account"] or not name:
        raise ValueError("the queue of another account")
    return arn_of(item, "sqs", name)


def to_key(answer: Answer) -> str | None:
    """``KmsMasterKeyId``; empty for none."""
    return answer["Attributes"].get("KmsMasterKeyId") or None


def to_encryption(item: Item, answer: Answer) -> Encryption | None:
    """``KmsMasterKeyId`` with ``KeyManager`` of DescribeKey; without it ``SqsManagedSseEnabled``, for keys of
    SQS, which are the default only for new queues that are created through TLS."""
    if to_key(answer) or _MANAGED[answer["Attributes"]["SqsManagedSseEnabled"]]:
        return encrypted_with(to_key(answer), answer)
    return None


def to_public(item: Item, answer: Answer) -> Observed[bool]:
    """``Policy``; without one only the queue's own account has access (SQS developer guide, "Overview of
    managing access in Amazon SQS")."""
    attributes = answer["Attributes"]
    return "Policy" in attributes and is_public(attributes["Policy"], _arn(item), _USING, ATTRIBUTES.name)


def to_tls_only(item: Item, answer: Answer) -> bool:
    """Whether ``Policy`` denies all requests without TLS: SQS has endpoints with and without."""
    attributes = answer["Attributes"]
    return "Policy" in attributes and refuses_plaintext(attributes["Policy"], _arn(item))


QUEUES: Table[AwsQuestion] = Table(
    kind=Queue,
    list=LIST,
    header=header,
    facets={
        "tags": asked(TAGS, tags_in("Tags")),
        "public": asked(ATTRIBUTES, to_public),
        "encryption": asked(with_key_of(ATTRIBUTES, to_key), to_encryption),
        "tls_only": asked(ATTRIBUTES, to_tls_only),
    },
)
