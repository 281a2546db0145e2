"""The type checker: turns the syntax tree into the checked tree, verifying names, types and guards."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from scanner.expression import functions as table
from scanner.expression import operations
from scanner.expression.errors import ExpressionError, suggestion
from scanner.expression.functions import Macro, Overload
from scanner.expression.guards import NOTHING_PROVEN, Facts, HasKey, Present, is_path, proven
from scanner.expression.parse import RESERVED
from scanner.expression.relations import (
    comparable,
    has_doubles,
    joined,
    refuse_impossible,
    refuse_uncomparable,
    scalar,
)
from scanner.expression.syntax import (
    Binary,
    CallNode,
    Chain,
    Field,
    IndexNode,
    ListLiteral,
    Literal,
    Name,
    Node,
    Unary,
    text,
)
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
from scanner.expression.types import (
    BOOL,
    NOTHING,
    NULL,
    STRING,
    TIMESTAMP,
    ListOf,
    MapOf,
    ObjectType,
    Optional,
    Type,
    Unsupported,
    constant_type,
    fields,
    list_of,
    required,
)
from scanner.model.resources.base import HEADER, Resource

MAX_MACROS = 4
"""Maximum nesting of macros."""

_FOLDED: Mapping[str, Callable[[str], object]] = {
    "timestamp": operations.timestamp,
    "duration": operations.duration,
}


def check(node: Node, variable: str, model: type[Resource]) -> Typed:
    """The checked tree of an expression about one resource. Raises :class:`ExpressionError`."""
    return _Checker(variable, model).checked(node, NOTHING_PROVEN)


class _Checker:
    def __init__(self, variable: str, model: type[Resource]) -> None:
        self._variable = variable
        self._model = model
        self._items: dict[str, Variable] = {}
        self._slots = 0

    def checked(self, node: Node, facts: Facts) -> Typed:
        """The node with its type; a value that may be null and is not proven present has an optional type."""
        match node:
            case Literal():
                return Value(constant_type(node.value), node.value)
            case ListLiteral():
                return self._list(node, facts)
            case Name():
                return self._narrowed(node, self._name(node), facts)
            case Field():
                return self._narrowed(node, self._field(node, facts), facts)
            case IndexNode():
                return self._narrowed(node, self._index(node, facts), facts)
            case Unary():
                return self._unary(node, facts)
            case Chain():
                return self._chain(node, facts)
            case Binary():
                return self._binary(node, facts)
            case CallNode():
                return self._call(node, facts)
        raise AssertionError(node)

    def condition(self, node: Node, facts: Facts, where: str) -> Typed:
        """The node, which must be a bool."""
        found = self._present(node, facts, f"{where} needs a condition")
        if found.type.name != "bool":
            raise ExpressionError(f"{where} needs a condition, not {found.type}", node.offset)
        return found

    def _present(self, node: Node, facts: Facts, why: str) -> Typed:
        found = self.checked(node, facts)
        if isinstance(found.type, Optional):
            path = text(node)
            raise ExpressionError(
                f"{path} may be null and {why}; guard it: '{path} != null && …' or '{path} == null || …'",
                node.offset,
            )
        return found

    @staticmethod
    def _narrowed(node: Node, found: Typed, facts: Facts) -> Typed:
        if isinstance(found.type, Optional) and Present(node) in facts:
            return _retyped(found, found.type.inner)
        return found

    def _name(self, node: Name) -> Typed:
        if node.name in self._items:
            return self._items[node.name]
        if node.name == "now":
            return Now(TIMESTAMP)
        if node.name == self._variable:
            raise ExpressionError(f"'{node.name}' is the whole resource; use one of its fields", node.offset)
        known = {self._variable, "now", *self._items}
        hint = suggestion(node.name, known) or f"; available: {', '.join(sorted(known))}"
        raise ExpressionError(f"no name '{node.name}'{hint}", node.offset)

    def _field(self, node: Field, facts: Facts) -> Typed:
        if (
            isinstance(node.base, Name)
            and node.base.name == self._variable
            and node.base.name not in self._items
        ):
            known = fields(self._model, True)
            if node.name not in known:
                raise ExpressionError(f"no facet '{node.name}'{suggestion(node.name, known)}", node.offset)
            return self._supported(node, FacetNode(known[node.name], node.name, node.name not in HEADER))
        base = self._present(node.base, facts, f"null has no '{node.name}'")
        if not isinstance(base.type, ObjectType):
            hint = f"; write ['{node.name}'] for a map key" if isinstance(base.type, MapOf) else ""
            raise ExpressionError(f"{text(node.base)} is {base.type} and has no fields{hint}", node.offset)
        known = fields(base.type.cls, False)
        if node.name not in known:
            raise ExpressionError(
                f"{base.type} has no field '{node.name}'{suggestion(node.name, known)}", node.offset
            )
        return self._supported(node, Member(known[node.name], base, node.name))

    @staticmethod
    def _supported(node: Field, found: Typed) -> Typed:
        if isinstance(found.type, Unsupported):
            raise ExpressionError(
                f"'{node.name}' has a type that rules cannot read ({found.type})", node.offset
            )
        return found

    def _index(self, node: IndexNode, facts: Facts) -> Typed:
        base = self._present(node.base, facts, "cannot be indexed")
        key = self._present(node.key, facts, "is used as an index")
        if isinstance(base.type, ListOf):
            if key.type.name != "int":
                raise ExpressionError(f"a list index must be an int, not {key.type}", node.key.offset)
            return Apply(base.type.element, table.ITEM, (base, key))
        if not isinstance(base.type, MapOf):
            raise ExpressionError(f"only lists and maps can be indexed, not {base.type}", node.offset)
        if key.type.name != "string":
            raise ExpressionError(f"a map key must be a string, not {key.type}", node.key.offset)
        if HasKey(node.base, node.key) not in facts:
            path, name = text(node.base), text(node.key)
            raise ExpressionError(
                f'{path} may lack this key; guard it: "{name} in {path} && …" or "!({name} in {path}) || …"',
                node.offset,
            )
        return Apply(base.type.value, table.ENTRY, (base, key))

    def _list(self, node: ListLiteral, facts: Facts) -> Typed:
        items = tuple(self.checked(item, facts) for item in node.items)
        kind: Type = NOTHING
        for item, written in zip(items, node.items, strict=True):
            kind = joined(kind, item.type, written.offset)
        if all(isinstance(item, Value) for item in items):
            return Value(list_of(kind), tuple(item.value for item in items if isinstance(item, Value)))
        return Items(list_of(kind), items)

    def _unary(self, node: Unary, facts: Facts) -> Typed:
        if node.symbol == "!":
            return Apply(BOOL, table.NEGATION, (self.condition(node.operand, facts, "'!'"),))
        operand = self._present(node.operand, facts, "cannot be negated")
        return self._applied(table.OPERATORS, "-", (operand,), node.offset)

    def _chain(self, node: Chain, facts: Facts) -> Typed:
        operands: list[Typed] = []
        for operand in node.operands:
            operands.append(self.condition(operand, facts, f"'{node.symbol}'"))
            facts = facts | proven(operand, node.symbol == "&&")
        return Junction(BOOL, node.symbol == "||", tuple(operands))

    def _binary(self, node: Binary, facts: Facts) -> Typed:
        if node.symbol in ("==", "!="):
            return self._equality(node, facts)
        left = (
            self._present(node.left, facts, f"'{node.symbol}' needs a value")
            if not _is_null(node.left)
            else None
        )
        right = self._present(node.right, facts, f"'{node.symbol}' needs a value")
        if node.symbol == "in":
            return self._membership(node, left or Value(NULL, None), right)
        if left is None:
            raise ExpressionError(f"'{node.symbol}' does not work on null", node.left.offset)
        return self._applied(table.OPERATORS, node.symbol, (left, right), node.offset)

    def _equality(self, node: Binary, facts: Facts) -> Typed:
        positive = node.symbol == "=="
        for side, other in ((node.left, node.right), (node.right, node.left)):
            if _is_null(other):
                found = self.checked(side, facts)
                narrowed = is_path(side) and Present(side) in facts
                if not (narrowed or found.type == NULL or isinstance(found.type, Optional)):
                    raise ExpressionError(f"{text(side)} is never null", side.offset)
                return Apply(BOOL, table.EQUAL_NULL if positive else table.DIFFERENT_NULL, (found,))
        left, right = self.checked(node.left, facts), self.checked(node.right, facts)
        if not positive:
            for side, found in ((node.left, left), (node.right, right)):
                if isinstance(found.type, Optional):
                    path = text(side)
                    raise ExpressionError(
                        f"{path} may be null, and null differs from everything; "
                        f"write '{path} == null || …' or '{path} != null && …' before it",
                        side.offset,
                    )
        refuse_uncomparable(node, left.type, right.type)
        refuse_impossible(node.left, left, right.type)
        refuse_impossible(node.right, right, left.type)
        if isinstance(left.type, ListOf):
            doubles = has_doubles(left.type) or has_doubles(right.type)
            chosen = (
                (table.EQUAL_NUMBERS, table.DIFFERENT_NUMBERS)
                if doubles
                else (table.EQUAL_LISTS, table.DIFFERENT_LISTS)
            )
            left, right = self._metered(left), self._metered(right)
        else:
            chosen = (table.EQUAL, table.DIFFERENT)
        return Apply(BOOL, chosen[0 if positive else 1], (left, right))

    def _membership(self, node: Binary, left: Typed, right: Typed) -> Typed:
        if isinstance(right.type, MapOf):
            if left.type.name != "string":
                raise ExpressionError(f"a map key must be a string, not {left.type}", node.left.offset)
            return Apply(BOOL, table.IN_MAP, (left, right))
        if not isinstance(right.type, ListOf):
            hint = "; write text.contains('…')" if right.type.name == "string" else ""
            raise ExpressionError(f"'in' needs a list or a map, not {right.type}{hint}", node.right.offset)
        element = right.type.element
        null_fits = left.type == NULL and (isinstance(element, Optional) or element in (NULL, NOTHING))
        if not null_fits and not (scalar(left.type) and comparable(left.type, element)):
            raise ExpressionError(f"{left.type} cannot be in a {right.type}", node.offset)
        refuse_impossible(node.left, left, element)
        refuse_impossible(node.right, right, left.type)
        if required(element).name == "double" or left.type.name == "double":
            return Apply(BOOL, table.IN_NUMBERS, (left, self._metered(right)))
        if isinstance(right, Value):
            return Apply(BOOL, table.IN_LIST, (left, Value(right.type, frozenset(right.value))))
        return Apply(BOOL, table.IN_LIST, (left, self._metered(right)))

    def _call(self, node: CallNode, facts: Facts) -> Typed:
        if node.base is None:
            return self._function(node, facts)
        if node.name in table.MACROS:
            return self._macro(node, node.base, table.MACROS[node.name], facts)
        names = {overload.symbol for overload in table.METHODS}
        if node.name not in names:
            functions = {overload.symbol for overload in table.FUNCTIONS}
            hint = (
                f"; write {node.name}(…)"
                if node.name in functions
                else suggestion(node.name, names | set(table.MACROS))
            )
            raise ExpressionError(f"no function '{node.name}' on a value{hint}", node.offset)
        operands = (
            self._present(node.base, facts, f"null has no '{node.name}'"),
            *(self._present(argument, facts, f"'{node.name}' needs a value") for argument in node.arguments),
        )
        if node.name == "matches" and [operand.type.name for operand in operands] == ["string", "string"]:
            return self._matching(node, *operands)
        found = self._applied(table.METHODS_BY_OPERANDS, node.name, operands, node.offset)
        if (
            node.name == "contains"
            and isinstance(found, Apply)
            and not isinstance(_root(found.operands[0]), Variable)
        ):
            return Apply(BOOL, found.overload, (self._metered(found.operands[0]), found.operands[1]))
        return found

    def _matching(self, node: CallNode, searched: Typed, expression: Typed) -> Typed:
        if not isinstance(expression, Value):
            overload = table.METHODS_BY_OPERANDS["matches", ("string", "string")]
            return Apply(BOOL, overload, (self._metered(searched), self._metered(expression)))
        try:
            compiled = operations.pattern(expression.value)
        except ValueError as error:
            raise ExpressionError(str(error), node.arguments[0].offset) from error
        return Apply(BOOL, table.MATCHES_CONSTANT, (self._metered(searched), Value(STRING, compiled)))

    def _function(self, node: CallNode, facts: Facts) -> Typed:
        names = {overload.symbol for overload in table.FUNCTIONS}
        if node.name not in names:
            methods = {overload.symbol for overload in table.METHODS} | set(table.MACROS)
            hint = f"; write value.{node.name}(…)" if node.name in methods else suggestion(node.name, names)
            raise ExpressionError(f"no function '{node.name}'{hint}", node.offset)
        operands = tuple(
            self._present(item, facts, f"'{node.name}' needs a value") for item in node.arguments
        )
        found = self._applied(table.FUNCTIONS_BY_OPERANDS, node.name, operands, node.offset)
        if node.name in _FOLDED and isinstance(operands[0], Value):
            try:
                return Value(found.type, _FOLDED[node.name](operands[0].value))
            except (ValueError, OverflowError) as error:
                raise ExpressionError(str(error), node.arguments[0].offset) from error
        return found

    def _macro(self, node: CallNode, base: Node, macro: Macro, facts: Facts) -> Typed:
        if len(node.arguments) != 2 or not isinstance(node.arguments[0], Name):
            raise ExpressionError(
                f"write list.{macro.name}(item, …) with a variable name for the item", node.offset
            )
        item, body = node.arguments
        assert isinstance(item, Name)
        if item.name in self._items or item.name in RESERVED or item.name in (self._variable, "now"):
            raise ExpressionError(
                f"'{item.name}' is already in use; choose another name for the item", item.offset
            )
        items = self._present(base, facts, f"null has no '{macro.name}'")
        if isinstance(items.type, ListOf):
            element = items.type.element
        elif isinstance(items.type, MapOf):
            element = STRING
            if is_path(base):
                facts = facts | {HasKey(base, item)}
        else:
            raise ExpressionError(f"'{macro.name}' needs a list or a map, not {items.type}", node.offset)
        if len(self._items) >= MAX_MACROS:
            raise ExpressionError(f"more than {MAX_MACROS} nested macros", node.offset)
        self._slots += 1
        variable = Variable(element, self._slots - 1)
        self._items[item.name] = variable
        if macro.name == "map":
            inner = self.checked(body, facts)
            result: Type = list_of(inner.type)
        else:
            inner = self.condition(body, facts, f"'{macro.name}'")
            result = list_of(element) if macro.name == "filter" else BOOL
        del self._items[item.name]
        weight = inner.size
        items = Metered(items.type, items, weight, self._free(weight))
        return Loop(result, macro, items, variable.slot, inner)

    def _metered(self, walked: Typed) -> Typed:
        if not self._items:
            return walked
        return Metered(walked.type, walked, 0 if walked.type.name == "string" else 1, self._free(1))

    def _free(self, weight: int) -> int:
        if not self._items:
            return 1 + operations.FREE_STEPS // weight
        return operations.FREE_ITEMS if len(self._items) == 1 else 0

    @staticmethod
    def _applied(
        overloads: Mapping[tuple[str, tuple[str, ...]], Overload],
        symbol: str,
        operands: tuple[Typed, ...],
        offset: int,
    ) -> Typed:
        found = overloads.get((symbol, tuple(operand.type.name for operand in operands)))
        if found:
            return Apply(found.result, found, operands)
        given = " and ".join(str(operand.type) for operand in operands) or "nothing"
        fitting = sorted({" and ".join(kinds) for name, kinds in overloads if name == symbol})
        raise ExpressionError(f"'{symbol}' does not work on {given}, only on {'; '.join(fitting)}", offset)


def _is_null(node: Node) -> bool:
    return isinstance(node, Literal) and node.value is None


def _root(node: Typed) -> Typed:
    while isinstance(node, Member):
        node = node.base
    return node


def _retyped(node: Typed, type_: Type) -> Typed:
    match node:
        case FacetNode():
            return FacetNode(type_, node.name, node.facet)
        case Member():
            return Member(type_, node.base, node.name)
        case Variable():
            return Variable(type_, node.slot)
        case Apply():
            return Apply(type_, node.overload, node.operands)
    raise AssertionError(node)
