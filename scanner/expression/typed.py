"""The checked tree: names resolved, overloads selected, constants evaluated. Used by both evaluators."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from scanner.expression.functions import Macro, Overload
from scanner.expression.types import Type


@dataclass(frozen=True, eq=False)
class Typed:
    """A node of the checked tree."""

    type: Type

    def children(self) -> tuple[Typed, ...]:
        """The child nodes."""
        return ()

    @property
    def size(self) -> int:
        """Number of nodes in the subtree: the steps of one evaluation."""
        return sum(1 for _ in walk(self))


@dataclass(frozen=True, eq=False)
class Value(Typed):
    """A constant."""

    value: Any


@dataclass(frozen=True, eq=False)
class Now(Typed):
    """The scan's time."""


@dataclass(frozen=True, eq=False)
class FacetNode(Typed):
    """A field of the resource."""

    name: str
    facet: bool
    """Whether it can be Unknown; header fields cannot."""


@dataclass(frozen=True, eq=False)
class Variable(Typed):
    """The item of a macro."""

    slot: int


@dataclass(frozen=True, eq=False)
class Member(Typed):
    """A field of an object."""

    base: Typed
    name: str

    def children(self) -> tuple[Typed, ...]:  # noqa: D102
        return (self.base,)


@dataclass(frozen=True, eq=False)
class Items(Typed):
    """A list whose items are not all constant."""

    items: tuple[Typed, ...]

    def children(self) -> tuple[Typed, ...]:  # noqa: D102
        return self.items


@dataclass(frozen=True, eq=False)
class Apply(Typed):
    """An operator or function; the result is unknown if any operand is."""

    overload: Overload
    operands: tuple[Typed, ...]

    def children(self) -> tuple[Typed, ...]:  # noqa: D102
        return self.operands


@dataclass(frozen=True, eq=False)
class Junction(Typed):
    """Operands joined by ``&&`` (``decisive`` is False) or ``||`` (True)."""

    decisive: bool
    operands: tuple[Typed, ...]

    def children(self) -> tuple[Typed, ...]:  # noqa: D102
        return self.operands


@dataclass(frozen=True, eq=False)
class Loop(Typed):
    """A macro over the items of a list or the keys of a map."""

    macro: Macro
    items: Typed
    slot: int
    body: Typed

    def children(self) -> tuple[Typed, ...]:  # noqa: D102
        return (self.items, self.body)


@dataclass(frozen=True, eq=False)
class Metered(Typed):
    """A list or text that a macro or a search scans, at a cost in steps of the budget."""

    inner: Typed
    weight: int
    """Steps per item; 0 for a text."""
    free: int
    """Lists with fewer items cost nothing."""

    def children(self) -> tuple[Typed, ...]:  # noqa: D102
        return (self.inner,)


def walk(node: Typed) -> Iterator[Typed]:
    """The node and all its descendants."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        yield current
        waiting.extend(current.children())
