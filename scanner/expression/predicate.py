"""Compiled conditions of rules."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from scanner.expression.check import check
from scanner.expression.compile import Evaluation, compiled
from scanner.expression.errors import ExpressionError
from scanner.expression.exact import exact
from scanner.expression.parse import RESERVED, parse
from scanner.expression.typed import FacetNode, Typed, walk
from scanner.expression.types import Optional
from scanner.model.resources.base import Resource


@dataclass(frozen=True)
class Predicate:
    """A checked and compiled condition about one kind of resource."""

    source: str
    """As written."""
    facets: frozenset[str]
    """The facets that it reads, without header fields. All of them must be collected."""
    root: Typed = field(repr=False)
    """The checked tree."""

    def __reduce__(self) -> tuple[type[Predicate], tuple[str, frozenset[str], Typed]]:
        """Without the compiled function: it is compiled again where it is used."""
        return Predicate, (self.source, self.facets, self.root)

    @cached_property
    def evaluate(self) -> Evaluation:
        """``evaluate(resource, now)``: true, false, or Unknown with every cause.

        Unknown facets count only if they affect the result: false && unknown is false. A run-time error
        (overflow, division by zero, list index out of range, too many steps) is also Unknown, with the call
        ``expression``. Only raises :class:`AttributeError`, if a facet that it reads was not collected.
        """
        # Compiled at the first evaluation: most commands load every rule and evaluate none.
        return compiled(self.root, exact(self.root))


def variable_of(kind: str) -> str:
    """The variable of a kind in rules: its name, followed by ``_`` if the name is reserved in CEL."""
    return f"{kind}_" if kind in RESERVED else kind


def compile_predicate(source: str, variable: str, model: type[Resource]) -> Predicate:
    """A condition about resources of ``model``, which it refers to as ``variable``.

    Raises :class:`ExpressionError` if it is invalid.
    """
    try:
        root = check(parse(source), variable, model)
        if root.type.name != "bool":
            what = "may be null; guard it" if isinstance(root.type, Optional) else f"is {root.type}"
            raise ExpressionError(f"a condition must be a bool, but this {what}", 0)
        return Predicate(source, facets_of(root), root)
    except RecursionError as error:
        raise ExpressionError("nested too deeply", 0) from error


def facets_of(root: Typed) -> frozenset[str]:
    """The facets that an expression reads, without header fields."""
    return frozenset(node.name for node in walk(root) if isinstance(node, FacetNode) and node.facet)
