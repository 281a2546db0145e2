"""The reference page of the language, printed from its tables."""

from __future__ import annotations

from collections.abc import Iterable

from scanner.expression import functions as table
from scanner.expression.check import MAX_MACROS
from scanner.expression.functions import Overload
from scanner.expression.lexer import MAX_SOURCE
from scanner.expression.operations import BUDGET, MAX_PATTERN
from scanner.expression.parse import MAX_DEPTH, PRECEDENCE

_INTRODUCTION = """\
# The language of rules

Conditions and the holes of messages are written in a subset of
[CEL](https://github.com/google/cel-spec) (Common Expression Language). Everything is checked when the rules
are loaded: names, types and guards. No code of a rule pack ever runs.

Two names are free: the kind that the rule is for (`bucket`; `function_` for functions, because CEL keeps the
plain word to itself), and `now`, the time of the scan. A field is read
as `bucket.name`; the fields and their meaning are those of the model.

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

A string of a closed set (`Literal`) can be compared only with constants that it can be. Comments run from
`//` to the end of the line.
"""

_GUARDS = """\
## What may be absent

`null` means that the cloud was asked and there is none. A value that may be null, and the value under a key
of a map, can be used only where a guard to its left in the same chain proves that it is there:

    bucket.encryption != null && bucket.encryption.key == 'customer'
    bucket.encryption == null || bucket.encryption.key == 'provider'
    !(bucket.encryption == null) && bucket.encryption.key == 'customer'
    'owner' in bucket.tags && bucket.tags['owner'] == 'payments'
    !('owner' in bucket.tags) || bucket.tags['owner'] != ''
    bucket.tags.exists(key, bucket.tags[key] == 'payments')

Without a guard only `==` is allowed: `account.public_access_block == true` is false where there is no such
switch, because null equals only null; it is a guard itself. `!=` needs one, since null differs from
everything and absence would count as an answer. Guards work through `!`, in brackets and inside macros;
they do not reach out of a macro. The holes of a message have no guards of their own and may show a value
that is null (`none`), but not look into it.
"""

_UNKNOWN = """\
## What could not be seen

A facet can be unknown. `false && unknown` is false and `true || unknown` is true, on either side; `all` is
false as soon as one item is, `exists` true as soon as one is. Everywhere else an unknown operand makes the
result unknown, with the reasons of all operands. An error while running (a number beyond 64 bits, a
division by zero, a place outside a list, a text that is no time, too many steps) is unknown as well, with the
reason `error`. So hiding a fact can only turn an answer into unknown, never into the other answer.

## Messages

`'{bucket.name} can be read by anyone ({bucket.public_via})'`: any expression may stand in braces; `{{` and
`}}` are braces. Unknown reads `(not seen)`, null and empty lists `none`, bools `yes` and `no`, lists are
joined by commas, times are shown to the minute.
"""

_DIFFERENCES = """\
## Differences from CEL

Left out: `?:` (write `(c && a) || (!c && b)`), `has()` (write a guard), unsigned numbers, bytes, building
maps and objects, conversions, joining strings or lists with `+`, `map` with three arguments, the order of
bools, double minus signs. The item of a macro may not take a name that is in use. Equality is for values
and for lists of values; objects and maps are compared field by field. Times and durations go down to the
microsecond.
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
        f"From the loosest to the tightest: {_precedence()}; then `!` and `-` before a value, "
        "then `.` and `[]`. Equal ones group from the left.\n",
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
        "## Macros\n\nOn a list, or on the keys of a map; `item` is a name of your choice.\n",
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
    ("macros inside one another", MAX_MACROS),
    ("characters of a regular expression", MAX_PATTERN),
    ("steps of one evaluation (work inside macros: items × size of what runs for each)", BUDGET),
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
