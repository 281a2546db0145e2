"""The syntax tree: what was written, before any name or type is known.

Nodes compare by content, never by place, so that a guard and the use that it protects can be matched.
"""

from __future__ import annotations

from dataclasses import dataclass, field

Constant = bool | int | float | str | None
"""What a literal can hold."""


@dataclass(frozen=True)
class Node:
    """Any part of an expression."""

    offset: int = field(compare=False, kw_only=True)
    """Where it begins in the source, in characters."""
    depth: int = field(compare=False, kw_only=True)
    """How many nodes lie on the longest way down, itself included."""


@dataclass(frozen=True)
class Literal(Node):
    """A constant: number, text, ``true``, ``false`` or ``null``."""

    value: Constant


@dataclass(frozen=True)
class ListLiteral(Node):
    """``[a, b]``."""

    items: tuple[Node, ...]


@dataclass(frozen=True)
class Name(Node):
    """A free name or the variable of a macro."""

    name: str


@dataclass(frozen=True)
class Field(Node):
    """``base.name``."""

    base: Node
    name: str


@dataclass(frozen=True)
class IndexNode(Node):
    """``base[key]``."""

    base: Node
    key: Node


@dataclass(frozen=True)
class CallNode(Node):
    """``name(arguments)``, or ``base.name(arguments)`` when there is a base."""

    base: Node | None
    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True)
class Unary(Node):
    """``!operand`` or ``-operand``."""

    symbol: str
    operand: Node


@dataclass(frozen=True)
class Binary(Node):
    """``left symbol right`` for comparisons, ``in`` and arithmetic."""

    symbol: str
    left: Node
    right: Node


@dataclass(frozen=True)
class Chain(Node):
    """Operands joined by one of ``&&`` and ``||``."""

    symbol: str
    operands: tuple[Node, ...]


def text(node: Node) -> str:
    """A path as it is written (``bucket.tags['owner']``), for messages; ``…`` for anything longer."""
    if isinstance(node, Name):
        return node.name
    if isinstance(node, Field):
        return f"{text(node.base)}.{node.name}"
    if isinstance(node, IndexNode):
        return f"{text(node.base)}[{text(node.key)}]"
    if isinstance(node, Literal):
        if node.value is None or isinstance(node.value, bool):
            return {None: "null", True: "true", False: "false"}[node.value]
        return repr(node.value)
    return "…"
