"""What a condition proves about values that may be absent.

A guard is to the left in the same chain: ``x != null && use(x)``, ``x == null || use(x)``,
``'k' in m && use(m['k'])``. Values never change, so what is proven for a path holds wherever the path occurs
again.
"""

from __future__ import annotations

from dataclasses import dataclass

from scanner.expression.syntax import Binary, Chain, Field, IndexNode, Literal, Name, Node, Unary


@dataclass(frozen=True)
class Present:
    """The path is not null."""

    path: Node


@dataclass(frozen=True)
class HasKey:
    """The map at the path has the key."""

    path: Node
    key: Node


Fact = Present | HasKey
Facts = frozenset[Fact]

NOTHING_PROVEN: Facts = frozenset()


def is_path(node: Node) -> bool:
    """Whether facts can be proven for it: names, their fields, and items indexed by a constant or a name."""
    while True:
        if isinstance(node, Name):
            return True
        if isinstance(node, IndexNode):
            if not _is_key(node.key):
                return False
            node = node.base
        elif isinstance(node, Field):
            node = node.base
        else:
            return False


def _is_key(node: Node) -> bool:
    if isinstance(node, Literal):
        return type(node.value) in (str, int)
    return isinstance(node, Name)


def proven(node: Node, outcome: bool) -> Facts:
    """What is certain if ``node`` evaluates to ``outcome``."""
    if isinstance(node, Unary) and node.symbol == "!":
        return proven(node.operand, not outcome)
    if isinstance(node, Chain):
        facts = [proven(operand, outcome) for operand in node.operands]
        every = (node.symbol == "&&") == outcome
        return frozenset().union(*facts) if every else frozenset.intersection(*facts)
    if isinstance(node, Binary):
        if node.symbol in ("==", "!="):
            return _compared(node, (node.symbol == "==") == outcome)
        if node.symbol == "in" and outcome and is_path(node.right) and _is_key(node.left):
            return frozenset({HasKey(node.right, node.left)})
    return NOTHING_PROVEN


def _compared(node: Binary, equal: bool) -> Facts:
    for path, other in ((node.left, node.right), (node.right, node.left)):
        if is_path(path) and isinstance(other, Literal) and (other.value is None) != equal:
            return frozenset({Present(path)})
    return NOTHING_PROVEN
