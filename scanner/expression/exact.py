"""The three-valued evaluator: the result despite unknown facets, or every reason why it is unknown."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from scanner.expression.functions import EQUALITY, function_of
from scanner.expression.operations import BUDGET, FAILURES, BudgetExhausted, spend, spend_text
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
)
from scanner.model.evidence import Unknown, join
from scanner.model.resources.base import Resource


def exact(root: Typed) -> Callable[[Resource, datetime], Any]:
    """The expression as a function of a resource and the scan's time: its value, or :class:`Unknown`."""

    def evaluate(resource: Resource, now: datetime) -> Any:
        return _Run(resource, now).value(root)

    return evaluate


class _Run:
    """One evaluation."""

    def __init__(self, resource: Resource, now: datetime) -> None:
        self._resource = resource
        self._now = now
        self._slots: dict[int, Any] = {}
        self._budget = [BUDGET]
        self._errors: dict[str, Unknown] = {}

    def value(self, node: Typed) -> Any:
        """The value of the node, or an Unknown with all causes."""
        match node:
            case Value():
                return node.value
            case FacetNode():
                return getattr(self._resource, node.name)
            case Variable():
                return self._slots[node.slot]
            case Member():
                return self._member(node)
            case Apply():
                return self._apply(node)
            case Junction():
                return self._junction(node)
            case Loop():
                return self._loop(node)
            case Metered():
                return self._metered(node)
            case Items():
                return self._items(node)
            case Now():
                return self._now
        raise AssertionError(node)

    def _error(self, message: str) -> Unknown:
        if message not in self._errors:
            self._errors[message] = Unknown.because("error", "expression", None, message)
        return self._errors[message]

    def _member(self, node: Member) -> Any:
        base = self.value(node.base)
        if isinstance(base, Unknown):
            return base
        if base is None:
            return self._error(f"null has no field '{node.name}'")
        return getattr(base, node.name)

    def _apply(self, node: Apply) -> Any:
        operands = [self.value(operand) for operand in node.operands]
        unknowns = [operand for operand in operands if isinstance(operand, Unknown)]
        if unknowns:
            return _joined(unknowns)
        if any(operand is None for operand in operands) and node.overload not in EQUALITY:
            return self._error(f"'{node.overload.symbol}' does not work on null")
        try:
            return function_of(node.overload)(*operands)
        except FAILURES as error:
            return self._error(str(error.args[0]) if error.args else type(error).__name__)

    def _junction(self, node: Junction) -> bool | Unknown:
        unknowns: list[Unknown] = []
        for operand in node.operands:
            value = self.value(operand)
            if isinstance(value, Unknown):
                unknowns.append(value)
            elif bool(value) is node.decisive:
                return node.decisive
        return _joined(unknowns) if unknowns else not node.decisive

    def _metered(self, node: Metered) -> Any:
        value = self.value(node.inner)
        if isinstance(value, Unknown):
            return value
        try:
            if not node.weight:
                return spend_text(self._budget, value)
            return spend(self._budget, value, node.weight, node.free)
        except BudgetExhausted as error:
            return self._error(str(error))

    def _items(self, node: Items) -> Any:
        values = tuple(self.value(item) for item in node.items)
        unknowns = [value for value in values if isinstance(value, Unknown)]
        return _joined(unknowns) if unknowns else values

    def _loop(self, node: Loop) -> Any:
        items = self.value(node.items)
        if isinstance(items, Unknown):
            return items
        name = node.macro.name
        decisive = {"all": False, "exists": True}.get(name)
        unknowns: list[Unknown] = []
        results: list[Any] = []
        for item in items:
            self._slots[node.slot] = item
            value = self.value(node.body)
            if isinstance(value, Unknown):
                if not any(value is known for known in unknowns):
                    unknowns.append(value)
            elif decisive is not None and value is decisive:
                return decisive
            elif name == "map":
                results.append(value)
            elif value is True:
                results.append(item)
        if unknowns:
            return _joined(unknowns)
        if decisive is not None:
            return not decisive
        return len(results) == 1 if name == "exists_one" else tuple(results)


def _joined(unknowns: list[Unknown]) -> Unknown:
    return unknowns[0] if len(unknowns) == 1 else join(unknowns)
