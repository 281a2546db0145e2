"""Encryption with the KMS key that an answer names: who manages the key.

DescribeKey tells for one key; the aliases of a region, in one call, for all keys that a listing names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from providers.aws.client.calls import AwsCall
from providers.aws.client.client import AwsChain, AwsQuestion
from providers.aws.keys import AWS_ALIAS_PREFIX, DESCRIBE_KEY, NAMES
from providers.aws.storage import encrypted_with, with_key
from providers.aws.table import as_answered
from scanner.collect.table import Answer, Facet, FacetRead, Item, asked
from scanner.model.evidence import Observed, Unknown, lift
from scanner.model.resources.storage import Encryption

if TYPE_CHECKING:
    from providers.aws.client.client import AwsCaller

_KEY = re.compile(r"(?:arn:[a-z-]+:kms:[a-z0-9-]+:([0-9]{12}):)?(?:key/)?((?:mrk-)?[0-9a-f-]{32,36})")
_ALIAS = re.compile(r"(?:arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:)?(alias/.+)")


def by_key(
    call: AwsCall,
    key: Callable[[Answer], str | None],
    without: Callable[[Answer], Encryption | None],
) -> Facet[AwsQuestion]:
    """The encryption in the answer of a call: with the KMS key that it names by id, ARN or alias, and
    ``KeyManager`` of DescribeKey for that key; or what is known ``without`` a key."""

    def ask(caller: AwsCaller, item: Item) -> Observed[Answer]:
        found = caller.answer(call, item)
        return found if isinstance(found, Unknown) else with_key(caller, item, found, key(found))

    def to_encryption(item: Item, answer: Answer) -> Encryption | None:
        named = key(answer)
        return without(answer) if named is None else encrypted_with(named, answer)

    chain = AwsChain((call, DESCRIBE_KEY), ask, about=call.about, regional=call.regional)
    return asked(chain, to_encryption)


def by_aliases(key: Callable[[Item], Encryption | str | None]) -> Facet[AwsQuestion]:
    """The encryption of an item of a listing. ``key``: the KMS key that it names, or what is known without.

    The keys of AWS are those with an alias that only AWS can create. An AWS managed key cannot be used in
    another account, so the key of another account is the customer's.
    """

    def to_named(item: Item) -> Encryption | str | None:
        found = key(item)
        if not isinstance(found, str):
            return found
        if alias := _ALIAS.fullmatch(found):
            return _managed(alias[1].startswith(AWS_ALIAS_PREFIX), found)
        match = _KEY.fullmatch(found)
        if match is None:
            raise ValueError("not a KMS key")
        return found if match[1] in (None, item["account"]) else _managed(False, found)

    def to_encryption(
        named: Observed[Encryption | str | None], aliases: Observed[Mapping[str, tuple[str, ...]]]
    ) -> Observed[Encryption | None]:
        if not isinstance(named, str):
            return named
        short = named.rpartition("/")[2]
        return lift(
            lambda of: _managed(any(name.startswith(AWS_ALIAS_PREFIX) for name in of.get(short, ())), named),
            aliases,
        )

    return Facet((FacetRead(None, to_named), FacetRead(NAMES, as_answered)), to_encryption)


OF_AWS = Encryption(key="provider", key_id=None)
"""With keys that AWS owns, or manages without telling which."""


def _managed(by_aws: bool, key: str) -> Encryption:
    return Encryption(key="provider" if by_aws else "customer", key_id=key)
