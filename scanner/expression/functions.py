"""The tables of the language: operators, functions and macros.

The type checker, both evaluators and the reference page use them. ``code`` is a Python expression over the
operands ``{0}``, ``{1}`` and the names of :data:`scanner.expression.operations.NAMESPACE`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from scanner.expression.operations import NAMESPACE
from scanner.expression.types import BOOL, DOUBLE, DURATION, INT, TIMESTAMP, Scalar


@dataclass(frozen=True)
class Overload:
    """One operator or function for certain operand types."""

    symbol: str
    operands: tuple[str, ...]
    """Type names; ``T`` is any type that can be compared."""
    result: Scalar
    code: str
    meaning: str


@dataclass(frozen=True)
class Macro:
    """A macro that evaluates an expression for each item of a list, or each key of a map."""

    name: str
    result: str
    code: str
    """A Python expression over ``{item}``, ``{body}`` and ``{items}``."""
    meaning: str


NEGATION = Overload("!", ("bool",), BOOL, "not {0}", "Logical negation.")
CONJUNCTION = Overload(
    "&&",
    ("bool", "bool"),
    BOOL,
    "{0} and {1}",
    "False if either side is false, even if the other is unknown.",
)
DISJUNCTION = Overload(
    "||", ("bool", "bool"), BOOL, "{0} or {1}", "True if either side is true, even if the other is unknown."
)

EQUAL = Overload(
    "==", ("T", "T"), BOOL, "{0} == {1}", "Equal; numbers by value, so 1 == 1.0. Null equals only null."
)
EQUAL_NULL = Overload("==", ("T or null", "null"), BOOL, "{0} is None", "Absent.")
EQUAL_LISTS = Overload(
    "==", ("list", "list"), BOOL, "tuple({0}) == tuple({1})", "The same items in the same order."
)
EQUAL_NUMBERS = Overload(
    "==", ("list of double", "list of double"), BOOL, "same_items({0}, {1})", "As above."
)
DIFFERENT = Overload("!=", ("T", "T"), BOOL, "{0} != {1}", "Not equal.")
DIFFERENT_NULL = Overload(
    "!=", ("T or null", "null"), BOOL, "{0} is not None", "Present: the guard for a value that may be null."
)
DIFFERENT_LISTS = Overload(
    "!=", ("list", "list"), BOOL, "tuple({0}) != tuple({1})", "Different items or order."
)
DIFFERENT_NUMBERS = Overload(
    "!=", ("list of double", "list of double"), BOOL, "not same_items({0}, {1})", "As above."
)
IN_LIST = Overload("in", ("T", "list of T"), BOOL, "{0} in {1}", "Equal to one of the items.")
IN_NUMBERS = Overload("in", ("double", "list of double"), BOOL, "in_numbers({0}, {1})", "As above.")
IN_MAP = Overload("in", ("string", "map"), BOOL, "{0} in {1}", "The map has the key: the guard for indexing.")

EQUALITY: tuple[Overload, ...] = (
    EQUAL, EQUAL_NULL, EQUAL_LISTS, EQUAL_NUMBERS,
    DIFFERENT, DIFFERENT_NULL, DIFFERENT_LISTS, DIFFERENT_NUMBERS,
    IN_LIST, IN_NUMBERS, IN_MAP,
)  # fmt: skip
"""Operators on too many types to list; the type checker selects them by separate rules."""

ITEM = Overload(
    "[]",
    ("list", "int"),
    BOOL,
    "element({0}, {1})",
    "The item at an index, from 0; out of range is an error.",
)
ENTRY = Overload(
    "[]", ("map", "string"), BOOL, "{0}[{1}]", "The value of a key; requires the guard `'k' in m`."
)

_ORDERED = (
    ("int", "int"), ("int", "double"), ("double", "int"), ("double", "double"),
    ("string", "string"), ("timestamp", "timestamp"), ("duration", "duration"),
)  # fmt: skip
_ORDERS = (
    ("<", "Less, or earlier."),
    ("<=", "Less or equal."),
    (">", "Greater, or later."),
    (">=", "Greater or equal."),
)

_TOO_LONG = "more than 292 years (64 bits of nanoseconds) is an error"
_BETWEEN = f"The time between them; {_TOO_LONG}."

ARITHMETIC: tuple[Overload, ...] = (
    Overload("+", ("int", "int"), INT, "integer({0} + {1})", "Sum; overflow of 64 bits is an error."),
    Overload("+", ("double", "double"), DOUBLE, "{0} + {1}", "Sum."),
    Overload("+", ("timestamp", "duration"), TIMESTAMP, "{0} + {1}", "Later by the duration."),
    Overload("+", ("duration", "timestamp"), TIMESTAMP, "{0} + {1}", "Later by the duration."),
    Overload("+", ("duration", "duration"), DURATION, "span({0} + {1})", f"Sum; {_TOO_LONG}."),
    Overload("-", ("int", "int"), INT, "integer({0} - {1})", "Difference; overflow of 64 bits is an error."),
    Overload("-", ("double", "double"), DOUBLE, "{0} - {1}", "Difference."),
    Overload("-", ("timestamp", "timestamp"), DURATION, "span({0} - {1})", _BETWEEN),
    Overload("-", ("timestamp", "duration"), TIMESTAMP, "{0} - {1}", "Earlier by the duration."),
    Overload("-", ("duration", "duration"), DURATION, "span({0} - {1})", f"Difference; {_TOO_LONG}."),
    Overload("*", ("int", "int"), INT, "integer({0} * {1})", "Product; overflow of 64 bits is an error."),
    Overload("*", ("double", "double"), DOUBLE, "{0} * {1}", "Product."),
    Overload(
        "/",
        ("int", "int"),
        INT,
        "divide({0}, {1})",
        "Quotient, truncated towards zero; division by zero is an error.",
    ),
    Overload(
        "/",
        ("double", "double"),
        DOUBLE,
        "divide_doubles({0}, {1})",
        "Quotient; division by zero gives infinity.",
    ),
    Overload("%", ("int", "int"), INT, "remainder({0}, {1})", "Remainder, with the sign of the left side."),
    Overload("-", ("int",), INT, "integer(-{0})", "Negation."),
    Overload("-", ("double",), DOUBLE, "-{0}", "Negation."),
)

COMPARISONS: tuple[Overload, ...] = tuple(
    Overload(symbol, operands, BOOL, f"{{0}} {symbol} {{1}}", meaning)
    for symbol, meaning in _ORDERS
    for operands in _ORDERED
)

FAILS_ON_UNKNOWN = frozenset({"!", "+", "-", "*", "<", "<=", ">", ">=", "size"})
"""Symbols whose Python code raises TypeError on an Unknown operand, so that no test is generated."""

MATCHES_CONSTANT = Overload("matches", ("string", "string"), BOOL, "{1}.search({0}) is not None", "")

FUNCTIONS: tuple[Overload, ...] = (
    Overload("size", ("string",), INT, "len({0})", "Number of characters. Also `s.size()`."),
    Overload("size", ("list",), INT, "len({0})", "Number of items."),
    Overload("size", ("map",), INT, "len({0})", "Number of keys."),
    Overload(
        "timestamp",
        ("string",),
        TIMESTAMP,
        "timestamp({0})",
        "An RFC 3339 time: `timestamp('2024-05-01T00:00:00Z')`.",
    ),
    Overload(
        "duration",
        ("string",),
        DURATION,
        "duration({0})",
        "A duration: `duration('72h')`; units h, m, s, ms, us, ns.",
    ),
)
"""Called by name: ``size(names)``."""

METHODS: tuple[Overload, ...] = (
    *FUNCTIONS[:3],
    Overload("startsWith", ("string", "string"), BOOL, "{0}.startswith({1})", "Starts with the text."),
    Overload("endsWith", ("string", "string"), BOOL, "{0}.endswith({1})", "Ends with the text."),
    Overload("contains", ("string", "string"), BOOL, "{1} in {0}", "Contains the text."),
    Overload(
        "matches",
        ("string", "string"),
        BOOL,
        "matches({0}, {1})",
        "Contains a match of the RE2 expression; anchor with ^ and $.",
    ),
)
"""Called on a value: ``name.startsWith('x')``."""

MACROS: Mapping[str, Macro] = MappingProxyType(
    {
        macro.name: macro
        for macro in (
            Macro(
                "all", "bool", "all({body} for {item} in {items})", "The condition is true for every item."
            ),
            Macro(
                "exists",
                "bool",
                "any({body} for {item} in {items})",
                "The condition is true for at least one item.",
            ),
            Macro(
                "exists_one",
                "bool",
                "sum(1 for {item} in {items} if {body}) == 1",
                "The condition is true for exactly one item.",
            ),
            Macro(
                "filter",
                "list",
                "[{item} for {item} in {items} if {body}]",
                "The items for which the condition is true.",
            ),
            Macro(
                "map", "list", "[{body} for {item} in {items}]", "The value of the expression for each item."
            ),
        )
    }
)

OPERATORS: Mapping[tuple[str, tuple[str, ...]], Overload] = MappingProxyType(
    {(overload.symbol, overload.operands): overload for overload in (*ARITHMETIC, *COMPARISONS)}
)
FUNCTIONS_BY_OPERANDS: Mapping[tuple[str, tuple[str, ...]], Overload] = MappingProxyType(
    {(overload.symbol, overload.operands): overload for overload in FUNCTIONS}
)
METHODS_BY_OPERANDS: Mapping[tuple[str, tuple[str, ...]], Overload] = MappingProxyType(
    {(overload.symbol, overload.operands): overload for overload in METHODS}
)


@lru_cache(maxsize=256)
def function_of(overload: Overload) -> Callable[..., Any]:
    """The overload as a Python function of its operands."""
    names = ("first", "second")[: 1 + ("{1}" in overload.code)]
    source = f"lambda {', '.join(names)}: {overload.code.format(*names)}"
    function: Callable[..., Any] = eval(source, {**NAMESPACE, "__builtins__": {}})
    return function
