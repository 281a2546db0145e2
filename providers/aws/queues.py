"""SQS queues."""

from __future__ import annotations

from providers.aws.client.calls import AwsCall
from providers.aws.client.client import AwsQuestion
from providers.aws.encryption import OF_AWS, by_key
from providers.aws.policies.resource_policy import facets_of_policy
from providers.aws.table import arn_of, header_by, tags_in
from scanner.collect.table import Answer, Item, Table, asked
from scanner.model.resources.queues import Queue

_URL, _ALL = (("QueueUrl", "QueueUrl"),), (("AttributeNames", ("All",)),)
LIST = AwsCall(
    "sqs", "ListQueues", pages="QueueUrls", entry="QueueUrl", may_lack=True, page_size=1000, regional=True
)
ATTRIBUTES = AwsCall("sqs", "GetQueueAttributes", parameters=_URL, fixed=_ALL, regional=True)
TAGS = AwsCall("sqs", "ListQueueTags", parameters=_URL, may_lack=True, regional=True)
_WITHOUT_KEY = {"true": OF_AWS, "false": None}
"""``SqsManagedSseEnabled``: the default only for new queues that are created through TLS."""
_USING = (
    *("sqs:addpermission", "sqs:cancelmessagemovetask", "sqs:changemessagevisibility", "sqs:deletemessage"),
    *("sqs:deletequeue", "sqs:purgequeue", "sqs:receivemessage", "sqs:removepermission", "sqs:sendmessage"),
    *("sqs:setqueueattributes", "sqs:startmessagemovetask"),
)
"""Actions that send, receive or delete messages, or change the queue (Service Authorization Reference); the
batch operations have no actions of their own. The others read settings, or set tags."""


def to_arn(item: Item) -> str:
    """A queue's URL ends in its account and its name."""
    *_, account, name = item["QueueUrl"].split("/")
    if account != item["account"] or not name:
        raise ValueError("the queue of another account")
    return arn_of(item, "sqs", name)


def to_policy(answer: Answer) -> str | None:
    """``Policy`` of GetQueueAttributes."""
    attributes = answer["Attributes"]
    return str(attributes["Policy"]) if "Policy" in attributes else None


QUEUES: Table[AwsQuestion] = Table(
    kind=Queue,
    list=LIST,
    header=header_by(to_arn, "aws.sqs.queue"),
    facets={
        "tags": asked(TAGS, tags_in("Tags")),
        "encryption": by_key(
            ATTRIBUTES,
            lambda answer: answer["Attributes"].get("KmsMasterKeyId") or None,
            lambda answer: _WITHOUT_KEY[answer["Attributes"]["SqsManagedSseEnabled"]],
        ),
        **facets_of_policy(ATTRIBUTES, to_policy, to_arn, _USING),
    },
)
