"""Relations between types: what can be compared, and which types can be mixed in a list."""

from __future__ import annotations

from scanner.expression.errors import ExpressionError, suggestion
from scanner.expression.syntax import Binary, Node
from scanner.expression.typed import Typed, Value
from scanner.expression.types import (
    NOTHING,
    NULL,
    NUMBERS,
    ListOf,
    MapOf,
    ObjectType,
    Optional,
    Scalar,
    Type,
    optional,
    required,
)


def scalar(kind: Type) -> bool:
    """Whether it is a single value (or null), not a list, map or object."""
    return isinstance(required(kind), Scalar)


def comparable(left: Type, right: Type) -> bool:
    """Whether ``==`` is defined for them; null is handled separately."""
    left, right = required(left), required(right)
    if NOTHING in (left, right):
        return True
    if isinstance(left, ListOf) and isinstance(right, ListOf):
        return scalar(left.element) and scalar(right.element) and comparable(left.element, right.element)
    if not (isinstance(left, Scalar) and isinstance(right, Scalar)):
        return False
    return left.name == right.name or {left.name, right.name} <= NUMBERS


def refuse_uncomparable(node: Binary, left: Type, right: Type) -> None:
    """Raises :class:`ExpressionError` if ``==`` is not defined for them."""
    if comparable(left, right):
        return
    a, b = required(left), required(right)
    for found in (a, b):
        if isinstance(found, (ObjectType, MapOf)):
            raise ExpressionError(f"{found} cannot be compared as a whole; compare its fields", node.offset)
    if isinstance(a, ListOf) and isinstance(b, ListOf):
        raise ExpressionError(f"a {a} cannot be compared with a {b}", node.offset)
    raise ExpressionError(f"'{node.symbol}' cannot compare {a} with {b}", node.offset)


def has_doubles(kind: Type) -> bool:
    """Whether it is a list that can contain NaN."""
    return isinstance(kind, ListOf) and required(kind.element).name == "double"


def joined(first: Type, second: Type, offset: int) -> Type:
    """The item type of a list with items of both types. Raises :class:`ExpressionError`."""
    if first == NOTHING:
        return second
    if NULL in (first, second):
        return optional(second if first == NULL else first)
    a, b = required(first), required(second)
    if isinstance(a, Scalar) and isinstance(b, Scalar) and a.name == b.name:
        joined: Type = a if a == b else Scalar(a.name)
    elif a == b:
        joined = a
    else:
        raise ExpressionError(f"list items must be of one type, not {a} and {b}", offset)
    return optional(joined) if isinstance(first, Optional) or isinstance(second, Optional) else joined


def refuse_impossible(node: Node, constant: Typed, other: Type) -> None:
    """Raises :class:`ExpressionError` for constants that are not in the other side's set of strings."""
    other = required(other)
    if isinstance(other, ListOf):
        other = required(other.element)
    if not (isinstance(constant, Value) and isinstance(other, Scalar) and other.values):
        return
    written = constant.value if isinstance(constant.value, (tuple, frozenset)) else (constant.value,)
    for value in written:
        if isinstance(value, str) and value not in other.values:
            hint = suggestion(value, other.values) or f"; it is one of {', '.join(map(repr, other.values))}"
            raise ExpressionError(f"the value is never '{value}'{hint}", node.offset)
