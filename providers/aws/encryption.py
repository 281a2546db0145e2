"""Encryption with the KMS key that an answer names: who manages the key."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from providers.aws.client.calls import AwsCall
from providers.aws.client.client import AwsChain
from providers.aws.keys import DESCRIBE_KEY
from providers.aws.storage import with_key
from scanner.collect.table import Answer, Item
from scanner.model.evidence import Observed, Unknown

if TYPE_CHECKING:
    from providers.aws.client.client import AwsCaller


def with_key_of(call: AwsCall, key: Callable[[Answer], str | None]) -> AwsChain:
    """A call, and DescribeKey for the key that its answer names by id or ARN, if any."""

    def ask(caller: AwsCaller, item: Item) -> Observed[Answer]:
        found = caller.answer(call, item)
        return found if isinstance(found, Unknown) else with_key(caller, item, found, key(found))

    return AwsChain((call, DESCRIBE_KEY), ask, about=call.about, regional=call.regional)
