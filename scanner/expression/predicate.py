"""A condition of a rule, ready to be asked about resources."""

from __future__ import annotations

from dataclasses import dataclass

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
    """The facets that it reads, without header fields. All of them must have been collected."""
    evaluate: Evaluation
    """``evaluate(resource, now)``: true, false, or Unknown with every cause.

    Unknown facets count only where they matter: false && unknown is false. A run-time error (overflow,
    division by zero, a place outside a list, too many steps) is Unknown too, with the call ``expression``.
    Raises nothing but :class:`AttributeError` when a facet that it needs was not collected.
    """


def variable_of(kind: str) -> str:
    """What rules call a resource of a kind: the kind's name, with ``_`` behind it where CEL keeps that."""
    return f"{kind}_" if kind in RESERVED else kind


def compile_predicate(source: str, variable: str, model: type[Resource]) -> Predicate:
    """A condition about resources of ``model``, which it calls by the name ``variable``.

    Raises :class:`ExpressionError` for anything that is wrong with it.
    """
    try:
        root = check(parse(source), variable, model)
        if root.type.name != "bool":
            what = "may be null; guard it" if isinstance(root.type, Optional) else f"gives {root.type}"
            raise ExpressionError(f"a condition is true or false, but this {what}", 0)
        return Predicate(source, facets_of(root), compiled(root, exact(root)))
    except RecursionError as error:
        raise ExpressionError("nested too deep", 0) from error


def facets_of(root: Typed) -> frozenset[str]:
    """The facets that an expression reads, header fields left out."""
    return frozenset(node.name for node in walk(root) if isinstance(node, FacetNode) and node.facet)
