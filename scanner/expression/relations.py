"""How types relate: what can be compared, what a list can hold together."""

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
    """Whether ``==`` has a meaning for them; null is settled apart."""
    left, right = required(left), required(right)
    if NOTHING in (left, right):
        return True
    if isinstance(left, ListOf) and isinstance(right, ListOf):
        return scalar(left.element) and scalar(right.element) and comparable(left.element, right.element)
    if not (isinstance(left, Scalar) and isinstance(right, Scalar)):
        return False
    return left.name == right.name or {left.name, right.name} <= NUMBERS


def refuse_uncomparable(node: Binary, left: Type, right: Type) -> None:
    """Raises :class:`ExpressionError` where ``==`` has no meaning."""
    if comparable(left, right):
        return
    a, b = required(left), required(right)
    for found in (a, b):
        if isinstance(found, (ObjectType, MapOf)):
            raise ExpressionError(
                f"{found} cannot be compared as a whole; compare what it holds", node.offset
            )
    if isinstance(a, ListOf) and isinstance(b, ListOf):
        raise ExpressionError(f"a {a} cannot be compared with a {b}", node.offset)
    raise ExpressionError(f"'{node.symbol}' cannot compare {a} with {b}", node.offset)


def has_doubles(kind: Type) -> bool:
    """Whether it is a list that can hold not-a-number."""
    return isinstance(kind, ListOf) and required(kind.element).name == "double"


def joined(first: Type, second: Type, place: int) -> Type:
    """The type of a list's items when both are among them. Raises :class:`ExpressionError`."""
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
        raise ExpressionError(f"the items of a list are of one type; here {a} and {b}", place)
    return optional(joined) if isinstance(first, Optional) or isinstance(second, Optional) else joined


def refuse_impossible(node: Node, constant: Typed, other: Type) -> None:
    """Refuses constants that a string of a closed set can never be."""
    other = required(other)
    if isinstance(other, ListOf):
        other = required(other.element)
    if not (isinstance(constant, Value) and isinstance(other, Scalar) and other.values):
        return
    written = constant.value if isinstance(constant.value, (tuple, frozenset)) else (constant.value,)
    for value in written:
        if isinstance(value, str) and value not in other.values:
            hint = suggestion(value, other.values) or f"; it is one of {', '.join(map(repr, other.values))}"
            raise ExpressionError(f"never '{value}'{hint}", node.offset)
