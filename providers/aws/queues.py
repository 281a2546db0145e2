"""SQS queues."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from providers.aws.client.calls import AwsCall
from providers.aws.client.client import AwsChain, AwsQuestion
from providers.aws.keys import DESCRIBE_KEY
from providers.aws.policies.queue_policy import is_public, refuses_plaintext
from providers.aws.storage import encrypted_with, with_key
from providers.aws.table import arn_of, header_of
from scanner.collect.table import Answer, Item, Table, asked
from scanner.model.evidence import Observed, Unknown, lift
from scanner.model.resources.queues import Queue
from scanner.model.resources.storage import Encryption

if TYPE_CHECKING:
    from providers.aws.client.client import AwsCaller

LIST_QUEUES = AwsCall(
    "sqs", "ListQueues", pages="QueueUrls", entry="QueueUrl", may_lack=True, page_size=1000, regional=True
)
_ABOUT = (("QueueUrl", "QueueUrl"),)
GET_ATTRIBUTES = AwsCall(
    "sqs", "GetQueueAttributes", parameters=_ABOUT, fixed=(("AttributeNames", ("All",)),), regional=True
)
LIST_TAGS = AwsCall("sqs", "ListQueueTags", parameters=_ABOUT, regional=True)
MANAGED = {"true": True, "false": False}
"""``SqsManagedSseEnabled``: attributes are strings."""


def attributes(caller: AwsCaller, item: Item) -> Observed[Mapping[str, str]]:
    """``Attributes`` of GetQueueAttributes. Raises :class:`ValueError` if they are another queue's."""

    def checked(answer: Answer) -> Mapping[str, str]:
        found: Mapping[str, str] = answer["Attributes"]
        if found["QueueArn"] != _arn(item):
            raise ValueError("the attributes of another queue")
        return found

    return lift(checked, caller.answer(GET_ATTRIBUTES, item))


ATTRIBUTES = AwsChain((GET_ATTRIBUTES,), attributes, about=("QueueUrl",), regional=True)


def encryption(caller: AwsCaller, item: Item) -> Observed[Answer]:
    """The attributes and, where they name a key by id or ARN, DescribeKey for that key."""
    found = caller.answer(ATTRIBUTES, item)
    return found if isinstance(found, Unknown) else with_key(caller, item, found, _key(found))


ENCRYPTION = AwsChain((GET_ATTRIBUTES, DESCRIBE_KEY), encryption, about=("QueueUrl",), regional=True)


def header(item: Item) -> Mapping[str, Any]:
    """``QueueUrls`` of ListQueues: a URL ends in the account and the queue's name."""
    return header_of(item, _arn(item), item["QueueUrl"].rpartition("/")[2], "aws.sqs.queue")


def _arn(item: Item) -> str:
    *_, account, name = item["QueueUrl"].split("/")
    if account != item["account"] or not name:
        raise ValueError("the queue of another account")
    return arn_of(item, "sqs", name)


def _key(answer: Answer) -> str | None:
    return answer.get("KmsMasterKeyId") or None


def to_tags(item: Item, answer: Answer) -> Mapping[str, str]:
    """``Tags`` of ListQueueTags, which a response about a queue without tags lacks."""
    return dict(answer.get("Tags", {}))


def to_public(item: Item, answer: Answer) -> Observed[bool]:
    """``Policy``; without one only the queue's own account has access (SQS developer guide, "Overview of
    managing access in Amazon SQS").
    """
    return is_public(answer["Policy"], answer["QueueArn"]) if "Policy" in answer else False


def to_encryption(item: Item, answer: Answer) -> Encryption | None:
    """``KmsMasterKeyId`` with ``KeyManager`` of DescribeKey; without it ``SqsManagedSseEnabled``, for keys of
    SQS, which are the default only for new queues that are created through TLS.
    """
    key = _key(answer)
    if key is not None or MANAGED[answer["SqsManagedSseEnabled"]]:
        return encrypted_with(key, answer)
    return None


def to_tls_only(item: Item, answer: Answer) -> bool:
    """Whether ``Policy`` denies all requests without TLS: SQS has endpoints with and without."""
    return "Policy" in answer and refuses_plaintext(answer["Policy"], answer["QueueArn"])


QUEUES: Table[AwsQuestion] = Table(
    kind=Queue,
    list=LIST_QUEUES,
    header=header,
    facets={
        "tags": asked(LIST_TAGS, to_tags),
        "public": asked(ATTRIBUTES, to_public),
        "encryption": asked(ENCRYPTION, to_encryption),
        "tls_only": asked(ATTRIBUTES, to_tls_only),
    },
)
