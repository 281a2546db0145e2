"""What the tables of AWS share: headers, flags and answers of chains."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from scanner.collect.table import Answer, Item

_ITEMS = object()


def header_of(item: Item, arn: str, name: str, type: str, *, region: Any = _ITEMS) -> Mapping[str, Any]:
    """The header of a resource of the scanned account, in the item's region unless another is given."""
    return {
        "provider": "aws",
        "partition": item["partition"],
        "scope": item["account"],
        "region": item["region"] if region is _ITEMS else region,
        "id": arn,
        "name": name,
        "type": type,
    }


def header_by(arn: Callable[[Item], str], type: str) -> Callable[[Item], Mapping[str, Any]]:
    """The header of a resource whose name ends its ARN."""

    def header(item: Item) -> Mapping[str, Any]:
        full = arn(item)
        return header_of(item, full, re.split("[:/]", full)[-1], type)

    return header


def flag(value: Any) -> bool:
    """A boolean of an answer. Raises :class:`TypeError` for anything else, which makes the facet unknown."""
    if not isinstance(value, bool):
        raise TypeError("expected a boolean")
    return value


def as_answered(item: Item, answer: Answer) -> Any:
    """The result of a chain of calls is already the facet's value."""
    return answer


def tags_of(item: Item) -> Mapping[str, str]:
    """``Tags`` or, where a listing always has it, ``TagList`` of an item; missing if there are none."""
    return {tag["Key"]: tag["Value"] for tag in item.get("Tags", item.get("TagList", ()))}


def tags_in(key: str) -> Callable[[Item, Answer], Mapping[str, str]]:
    """Reads the tags in an answer: a mapping, or a list of keys and values. A resource without tags may lack
    them."""

    def to_tags(item: Item, answer: Answer) -> Mapping[str, str]:
        found = answer.get(key, {})
        return dict(found) if isinstance(found, Mapping) else {each["Key"]: each["Value"] for each in found}

    return to_tags


def arn_of(item: Item, service: str, resource: str) -> str:
    """The ARN of a resource of the scanned account in the item's region."""
    return f"arn:{item['partition']}:{service}:{item['region']}:{item['account']}:{resource}"
