"""Compiles the checked tree to one Python function, for resources whose facets are all known.

The function falls back to the exact evaluator on an unknown facet or a run-time error, so the generated code
handles neither. No text of the rule author gets into the code: names come from the models, constants from a
table.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

from scanner.expression.functions import FAILS_ON_UNKNOWN
from scanner.expression.operations import BUDGET, FAILURES, NAMESPACE
from scanner.expression.typed import (
    Apply,
    FacetNode,
    Items,
    Junction,
    Loop,
    Member,
    Metered,
    Now,
    Typed,
    Value,
    Variable,
    walk,
)
from scanner.model.evidence import Unknown
from scanner.model.resources.base import Resource


class Evaluation(Protocol):
    """An expression that can be evaluated on a resource."""

    def __call__(self, resource: Resource, now: datetime) -> bool | Unknown:
        """Whether it holds at that time, or why that is unknown."""
        ...


def compiled(root: Typed, exact: Callable[[Resource, datetime], Any]) -> Evaluation:
    """A condition as a Python function; falls back to ``exact`` if something is unknown or fails."""
    code = _Code()
    result = code.expression(root, alone=True)
    lines = ["def evaluate(resource, now):"]
    for name, local in sorted(code.facets.items()):
        lines.append(f"    {local} = resource.{name}")
        lines.append(f"    if type({local}) is Unknown: return exact(resource, now)")
    if any(isinstance(node, Metered) for node in walk(root)):
        lines.append(f"    budget = [{BUDGET}]")
    lines += [
        "    try:",
        f"        return {result}",
        "    except failures:",
        "        return exact(resource, now)",
    ]
    names = {**NAMESPACE, **code.constants, "exact": exact, "failures": FAILURES, "__builtins__": {}}
    exec(compile("\n".join(lines), "<expression>", "exec"), names)
    evaluate: Evaluation = names["evaluate"]
    return evaluate


class _Code:
    """Generates the Python code of one expression and collects the names that it uses."""

    def __init__(self) -> None:
        self.constants: dict[str, Any] = {}
        self.facets: dict[str, str] = {}
        """The facets that are read before the condition, with their local names."""

    def expression(self, node: Typed, alone: bool = False) -> str:
        """Python code for the node.

        ``alone``: the node needs no prior test for Unknown, since an Unknown either fails with a TypeError
        (as its truth value does) or is itself the result.
        """
        match node:
            case Value():
                return self._constant(node.value)
            case Now():
                return "now"
            case FacetNode():
                return self._read(node, alone)
            case Variable():
                return f"item{node.slot}"
            case Member():
                return f"{self.expression(node.base)}.{node.name}"
            case Items():
                return f"({', '.join(map(self.expression, node.items))},)"
            case Junction():
                # Python returns the last operand unchanged; of the others only the truth value matters.
                parts = [self.expression(operand, alone=True) for operand in node.operands[:-1]]
                parts.append(self.expression(node.operands[-1], alone))
                return f"({(' or ' if node.decisive else ' and ').join(parts)})"
            case Apply():
                fails = node.overload.symbol in FAILS_ON_UNKNOWN
                operands = [self.expression(operand, alone=fails) for operand in node.operands]
                return f"({node.overload.code.format(*operands)})"
            case Loop():
                items = self.expression(node.items)
                body = self.expression(node.body, alone=node.macro.name != "map")
                return f"({node.macro.code.format(item=f'item{node.slot}', items=items, body=body)})"
            case Metered():
                return self._metered(node)
        raise AssertionError(node)

    def _metered(self, node: Metered) -> str:
        inner = self.expression(node.inner)
        if not node.weight:
            return f"spend_text(budget, {inner})"
        metered = f"spend(budget, {inner}, {node.weight}, {node.free})"
        if node.free and isinstance(node.inner, (FacetNode, Variable, Member, Value)):
            return f"({inner} if len({inner}) < {node.free} else {metered})"
        return metered

    def _read(self, node: FacetNode, alone: bool) -> str:
        if not node.facet:
            return f"resource.{node.name}"
        if alone and node.name not in self.facets:
            return f"resource.{node.name}"
        return self.facets.setdefault(node.name, f"facet{len(self.facets)}")

    def _constant(self, value: Any) -> str:
        if value is None or value is True or value is False:
            return repr(value)
        name = f"constant{len(self.constants)}"
        self.constants[name] = value
        return name
