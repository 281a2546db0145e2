"""The syntax tree: the expression as written, before names and types are resolved.

Nodes compare by content, not by position, so that a guard can be matched with the use that it protects.
"""

from __future__ import annotations

from dataclasses import dataclass, field

Constant = bool | int | float | str | None
"""The value of a literal."""


@dataclass(frozen=True)
class Node:
    """A node of the syntax tree."""

    offset: int = field(compare=False, kw_only=True)
    """Start position in the source, in characters."""
    depth: int = field(compare=False, kw_only=True)
    """Height of the subtree in nodes, including itself."""


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
    """A name: the resource, ``now`` or the variable of a macro."""

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
    """``name(arguments)``, or ``base.name(arguments)`` with a base."""

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
    """The source of a path (``bucket.tags['owner']``), for messages; ``…`` for anything else."""
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
