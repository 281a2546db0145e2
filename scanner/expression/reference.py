"""The reference page of the language, generated from its tables."""

from __future__ import annotations

from collections.abc import Iterable

from scanner.expression import functions as table
from scanner.expression.check import MAX_MACROS
from scanner.expression.functions import Overload
from scanner.expression.lexer import MAX_SOURCE
from scanner.expression.operations import BUDGET, MAX_PATTERN
from scanner.expression.parse import MAX_DEPTH, PRECEDENCE

_INTRODUCTION = """\
# The rule language

Conditions and the placeholders in messages are written in a subset of
[CEL](https://github.com/google/cel-spec) (Common Expression Language). Names, types and guards are checked
when the rules are loaded. No code of a rule pack ever runs.

Two names are available: the kind that the rule is for (`bucket`; `function_` for functions, because
`function` is reserved in CEL), and `now`, the time of the scan. A field is read as `bucket.name`; the fields
are those of the model.

## Values

| type | in the models | written as |
|---|---|---|
| bool | `bool` | `true`, `false` |
| int | `int` | `42`, `-1`, `0x1F`; 64 bits |
| double | `float` | `1.5`, `2e3` |
| string | `str`, `Literal` | `'text'`, `"text"`, `'''lines'''`, `r'raw \\d'`; escapes as `\\n`, `\\u00e9` |
| timestamp | `datetime` | `timestamp('2024-05-01T00:00:00Z')`, `now` |
| duration | `timedelta` | `duration('72h')` |
| list | `tuple[T, ...]` | `['a', 'b']`, all of one type |
| map | `Mapping[str, T]` | read only: `bucket.tags['owner']` |
| object | a nested model | read only: `bucket.encryption.key` |
| null | `None` | `null` |

A string with a closed set of values (`Literal`) can only be compared with constants from that set. Comments
run from `//` to the end of the line.
"""

_GUARDS = """\
## Null and guards

`null` means that the cloud was asked and there is none. A value that may be null, and the value of a map key,
can only be used if a guard to its left in the same chain proves that it is present:

    bucket.encryption != null && bucket.encryption.key == 'customer'
    bucket.encryption == null || bucket.encryption.key == 'provider'
    !(bucket.encryption == null) && bucket.encryption.key == 'customer'
    'owner' in bucket.tags && bucket.tags['owner'] == 'payments'
    !('owner' in bucket.tags) || bucket.tags['owner'] != ''
    bucket.tags.exists(key, bucket.tags[key] == 'payments')

Without a guard only `==` is allowed: `account.public_access_block == true` is false where there is no such
setting, because null equals only null; it is also a guard itself. `!=` requires a guard, since null differs
from everything and an absent value would satisfy it. Guards work through `!`, in brackets and inside macros,
but not outside the macro that contains them. Placeholders in a message have no guards of their own: they can
show a value that is null (`none`), but not read its fields.
"""

_UNKNOWN = """\
## Unknown

A facet can be unknown. `false && unknown` is false and `true || unknown` is true, on either side; `all` is
false if it is false for one item, `exists` is true if it is true for one item. Everywhere else an unknown
operand makes the result unknown, with the reasons of all operands. A run-time error (overflow of 64 bits,
division by zero, list index out of range, a text that is not a time, too many steps) is also unknown, with
the reason `error`. A missing fact can therefore only change a result to unknown, never to the opposite.

## Messages

`'{bucket.name} can be read by anyone ({bucket.public_via})'`: braces can contain any expression; `{{`
and `}}` are literal braces. Unknown is shown as `(not seen)`, null and empty lists as `none`, bools as `yes`
and `no`; lists are joined by commas, and times are shown to the minute.
"""

_DIFFERENCES = """\
## Differences from CEL

Not supported: `?:` (write `(c && a) || (!c && b)`), `has()` (write a guard), unsigned numbers, bytes,
constructing maps and objects, conversions, concatenating strings or lists with `+`, `map` with three
arguments, ordering of bools, double minus signs. The variable of a macro cannot reuse a name. Equality is
defined for values and lists of values; compare objects and maps field by field. The items of a literal `[]`
have no type: they can be compared, but a condition that calculates with them or calls a function on them
(`[].all(e, e > 0)`) is refused, although it would never be evaluated. Times and durations have microsecond
precision.
"""


def reference() -> str:
    """The reference page as Markdown."""
    operators = (table.NEGATION, table.CONJUNCTION, table.DISJUNCTION, *table.EQUALITY)
    comparisons = _merged(table.COMPARISONS)
    binary = [row for row in table.ARITHMETIC if len(row.operands) == 2]
    unary = [row for row in table.ARITHMETIC if len(row.operands) == 1]
    parts = [
        _INTRODUCTION,
        "## Operators\n",
        f"From lowest to highest precedence: {_precedence()}; then `!` and `-` before a value, "
        "then `.` and `[]`. Operators of equal precedence are left-associative.\n",
        _table(
            ("written", "result", "meaning"),
            [(_written(row), _result(row), row.meaning) for row in operators],
        ),
        _table(("written", "result", "meaning"), comparisons),
        _table(
            ("written", "result", "meaning"),
            [(_written(row), row.result.name, row.meaning) for row in binary],
        ),
        _table(
            ("written", "result", "meaning"),
            [(f"`-{row.operands[0]}`", row.result.name, row.meaning) for row in unary]
            + [
                ("`list[int]`", "an item", table.ITEM.meaning),
                ("`map[string]`", "a value", table.ENTRY.meaning),
            ],
        ),
        "## Functions\n",
        _table(
            ("written", "result", "meaning"),
            [(f"`{row.symbol}({row.operands[0]})`", row.result.name, row.meaning) for row in table.FUNCTIONS]
            + [
                (
                    f"`{row.operands[0]}.{row.symbol}({', '.join(row.operands[1:])})`",
                    row.result.name,
                    row.meaning,
                )
                for row in table.METHODS
                if row not in table.FUNCTIONS
            ],
        ),
        "## Macros\n\nOn a list, or on the keys of a map; `item` is a variable name of your choice.\n",
        _table(
            ("written", "result", "meaning"),
            [
                (
                    f"`list.{row.name}(item, {'value' if row.name == 'map' else 'condition'})`",
                    row.result,
                    row.meaning,
                )
                for row in table.MACROS.values()
            ],
        ),
        _GUARDS,
        _UNKNOWN,
        "## Limits\n",
        _table(("what", "at most"), [(what, f"{most:,}") for what, most in _LIMITS]),
        _DIFFERENCES,
    ]
    return "\n".join(parts)


_LIMITS = (
    ("characters of an expression or a message", MAX_SOURCE),
    ("levels of nesting", MAX_DEPTH),
    ("nested macros", MAX_MACROS),
    ("characters of a regular expression", MAX_PATTERN),
    ("steps of one evaluation (inside macros: items × size of the expression)", BUDGET),
)


def _precedence() -> str:
    levels: dict[int, list[str]] = {}
    for symbol, binding in PRECEDENCE.items():
        levels.setdefault(binding, []).append(f"`{symbol}`")
    return ", then ".join(" ".join(levels[binding]) for binding in sorted(levels))


def _written(row: Overload) -> str:
    if len(row.operands) == 1:
        return f"`{row.symbol}{row.operands[0]}`"
    return f"`{row.operands[0]} {row.symbol} {row.operands[1]}`"


def _result(row: Overload) -> str:
    return row.result.name


def _merged(rows: Iterable[Overload]) -> list[tuple[str, str, str]]:
    found: dict[str, tuple[list[str], str]] = {}
    for row in rows:
        operands, _ = found.setdefault(row.symbol, ([], row.meaning))
        operands.append(f"`{row.operands[0]} {row.symbol} {row.operands[1]}`")
    return [(", ".join(operands), "bool", meaning) for operands, meaning in found.values()]


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"
