"""Conditions of policy statements, and what a requester can make of them.

Who sends a request knows some attributes of it, chooses others, and has others set by the cloud. A
:class:`Value` stands for all values that an attribute can have for one kind of requester. To narrow it by a
condition leaves those values with which the condition holds, or those with which it does not. Where that
cannot be told, the values that are left are doubtful. What is left may be too much, never too little: a
requester who could be let in is never lost.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, Protocol, Union

from scanner.policy.addresses import Addresses, addresses, include_world, minus
from scanner.policy.patterns import is_pattern, matches

Truth = Union[bool, None]  # noqa: UP007  (named, as it means more than an optional)
"""``None``: it cannot be told."""
Test = Literal["equal", "equal ignoring case", "like", "address", "flag", "number", "present", "other"]
"""How a value is compared. ``like``: by patterns. ``flag``: true or false. ``present``: whether the request
has the attribute at all. ``other``: in a way that is not evaluated, such as moments and binary values."""
Reach = Literal["nobody else", "some", "everyone", "unclear"]
"""Which strangers a value means: only somebody in particular, some of all strangers, or every one."""

COMPARISONS: Mapping[str, Callable[[float, float], bool]] = MappingProxyType(
    {"==": operator.eq, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
)


EVERY_ADDRESS: Addresses = MappingProxyType({4: ((0, (1 << 32) - 1),), 6: ((0, (1 << 128) - 1),)})


@dataclass(frozen=True)
class Condition:
    """One attribute of a request, compared with values; all conditions of a statement must hold."""

    key: str
    """The attribute, in lower case."""
    operator: str
    """The comparison as the policy names it, in lower case, without qualifier and ``IfExists``."""
    test: Test
    negated: bool
    """It holds if no value matches."""
    qualifier: Literal["", "any", "all"]
    """For attributes with several values: whether any or all of them must meet the condition."""
    if_exists: bool
    """It holds for requests without the attribute."""
    values: tuple[str, ...]
    comparison: str = "=="
    """For numbers: a key of ``COMPARISONS``."""

    @property
    def required(self) -> bool:
        """Whether it holds only for requests that have the attribute, with one of the values."""
        return not (self.negated or self.if_exists or self.qualifier == "all" or self.test == "present")


class Value(Protocol):
    """What an attribute of a request can be."""

    def narrowed(self, condition: Condition, match: bool) -> Possibilities:
        """The values that match any of the condition's values, or none of them; a condition's negation is the
        caller's business."""


@dataclass(frozen=True)
class Absent:
    """The request does not have the attribute."""


@dataclass(frozen=True)
class Possibility:
    """One way in which an attribute can be."""

    value: Value | Absent
    certain: bool = True
    """Whether it is possible for certain, after all conditions so far."""


Possibilities = tuple[Possibility, ...]


def narrowed(possibilities: Possibilities, condition: Condition, holds: bool) -> Possibilities:
    """What is left of an attribute where the condition holds, or does not."""
    return tuple(
        Possibility(left.value, each.certain and left.certain)
        for each in possibilities
        for left in _narrowed(each.value, condition, holds)
    )


def _narrowed(value: Value | Absent, condition: Condition, holds: bool) -> Possibilities:
    if condition.test == "present":
        meets = ("true" if isinstance(value, Absent) else "false") in map(str.lower, condition.values)
        return (Possibility(value),) if meets == holds else ()
    if isinstance(value, Absent):
        without = _holds_without(condition)
        return (Possibility(value, without is not None),) if without in (holds, None) else ()
    return value.narrowed(condition, holds != condition.negated)


def _holds_without(condition: Condition) -> Truth:
    """Whether a condition holds for a request without the attribute (IAM user guide, "Condition operators":
    missing keys; "Multivalued context keys")."""
    if condition.if_exists or condition.qualifier == "all":
        return True
    # The two rules about missing keys contradict each other for a negated operator with ForAnyValue.
    return None if condition.negated and condition.qualifier == "any" else condition.negated


@dataclass(frozen=True)
class Anything:
    """The requester chooses the value."""

    def narrowed(self, condition: Condition, match: bool) -> Possibilities:
        """All but what no choice can do."""
        if condition.test == "other":
            return (Possibility(self, certain=False),)
        if match:
            return (Possibility(self),) if condition.values else ()
        every = condition.test == "like" and any(not value.strip("*") for value in condition.values)
        return () if every else (Possibility(self),)


@dataclass(frozen=True)
class OneOf:
    """One of these; the requester's own choice, or simply what it is."""

    values: tuple[str, ...]

    def narrowed(self, condition: Condition, match: bool) -> Possibilities:
        """Those that match, and those of which it cannot be told."""
        found = [(value, _is_matched(value, condition)) for value in self.values]
        left = tuple(value for value, matched in found if matched is match)
        doubtful = tuple(value for value, matched in found if matched is None)
        return (
            *([Possibility(OneOf(left))] if left else []),
            *([Possibility(OneOf(doubtful), certain=False)] if doubtful else []),
        )


@dataclass(frozen=True)
class Identifier:
    """What the cloud names a stranger by, or something of his: an account, an organisation, a network.

    Nobody in particular is meant, so he is none of those that the policy names.
    """

    reach: Callable[[Condition, str], Reach]
    """Which strangers a value of a condition means."""

    def narrowed(self, condition: Condition, match: bool) -> Possibilities:
        """The same identifier, unless the values mean nobody else, or everyone."""
        if condition.test not in ("equal", "equal ignoring case", "like"):
            return (Possibility(self, certain=False),)
        found = {self.reach(condition, value) for value in condition.values}
        if not match:
            return () if "everyone" in found else (Possibility(self, "unclear" not in found),)
        if found & {"some", "everyone"}:
            return (Possibility(self),)
        return (Possibility(self, certain=False),) if "unclear" in found else ()


@dataclass(frozen=True)
class Address:
    """An address of somebody whose addresses nobody has listed: anyone on the internet."""

    among: Addresses | None = None
    """Those that are left; ``None``: every address."""
    somewhere: bool = False
    """The requester can be at any place that a policy names, however small."""

    def narrowed(self, condition: Condition, match: bool) -> Possibilities:
        """Those that are left, if anyone can have one of them. Raises :class:`ValueError` for a value that is
        no address."""
        if condition.test != "address":
            return (Possibility(self, certain=False),)
        listed = addresses(condition.values)
        left = {
            version: minus(ranges, listed[version])
            if not match
            else minus(ranges, minus(ranges, listed[version]))
            for version, ranges in (self.among or EVERY_ADDRESS).items()
        }
        possible = any(left.values()) if self.somewhere else include_world(left)
        return (Possibility(Address(left, self.somewhere)),) if possible else ()


@dataclass(frozen=True)
class Unclear:
    """Nobody here knows who sets the value, or whether it can be met."""

    avoidable: bool = False
    """Though nobody has to meet it."""

    def narrowed(self, condition: Condition, match: bool) -> Possibilities:
        """The same, doubtful."""
        return (Possibility(self, certain=self.avoidable and match == condition.negated),)


def has_variable(value: str) -> bool:
    """Whether the value is filled in from the request."""
    return "${" in value


def _is_matched(text: str, condition: Condition) -> Truth:
    """Whether any of the condition's values matches the text."""
    found = {_match(value, text, condition) for value in condition.values}
    if True in found:
        return True
    return None if None in found else False


def _match(value: str, text: str, condition: Condition) -> Truth:
    if has_variable(value):
        return None
    match condition.test:
        case "equal":
            return value == text
        case "equal ignoring case" | "flag":
            return value.lower() == text.lower()
        case "like":
            return matches(value, text)
        case "number":
            return _compared(value, text, condition.comparison)
        case _:
            return None


def _compared(value: str, text: str, comparison: str) -> Truth:
    try:
        return COMPARISONS[comparison](float(text), float(value))
    except ValueError:
        return None


def literal(condition: Condition, value: str) -> bool:
    """Whether a value means just itself: by a comparison without patterns, or without wildcards in it."""
    return condition.test != "like" or not is_pattern(value)


def any_certain(possibilities: Iterable[Possibility]) -> Truth:
    """Whether an attribute is possible: for certain, doubtfully (``None``), or not at all."""
    found = [each.certain for each in possibilities]
    return True if any(found) else (None if found else False)
