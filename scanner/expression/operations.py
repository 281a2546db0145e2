"""Operators and functions on known values, with the semantics of CEL.

Both evaluators call these. They raise :class:`ArithmeticError`, :class:`LookupError` or :class:`ValueError`
for a CEL run-time error, and :class:`BudgetExhausted` if an expression takes too many steps.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any, TypeVar

from scanner.model.evidence import Unknown

T = TypeVar("T", bound=Collection[Any])

BUDGET = 500_000
"""Maximum steps of one evaluation. A macro costs items × size of its body; inside a macro, scanning a list
costs its items and searching a text its characters ÷ 32."""

FREE_STEPS = 50_000
"""An outermost macro with fewer steps costs nothing."""

FREE_ITEMS = 16
"""Scanning a list with fewer items directly inside one macro costs nothing."""

MAX_PATTERN = 512
"""Maximum length of a regular expression, in characters."""

_INT_MIN, _INT_MAX = -(2**63), 2**63 - 1
_LONGEST = timedelta(seconds=315_576_000_000)
_LONGEST_RESULT = timedelta(microseconds=_INT_MAX // 1000)
"""CEL calculates with durations in 64 bits of nanoseconds."""
_MAX_TIME_TEXT = 128

_TIMESTAMP = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(h|ms|us|µs|ns|m|s)")
_MICROSECONDS = {
    "h": Fraction(3_600_000_000),
    "m": Fraction(60_000_000),
    "s": Fraction(1_000_000),
    "ms": Fraction(1000),
    "us": Fraction(1),
    "µs": Fraction(1),
    "ns": Fraction(1, 1000),
}


class BudgetExhausted(Exception):
    """The expression took more than :data:`BUDGET` steps."""

    def __init__(self) -> None:
        super().__init__(f"the expression needs more than {BUDGET} steps")


def spend(budget: list[int], items: T, weight: int, free: int) -> T:
    """The items; deducts their cost if there are at least ``free``. Raises :class:`BudgetExhausted`."""
    if len(items) >= free:
        budget[0] -= len(items) * weight
        if budget[0] < 0:
            raise BudgetExhausted
    return items


def spend_text(budget: list[int], text: str) -> str:
    """The text; deducts the cost of a search in it. Raises :class:`BudgetExhausted`."""
    budget[0] -= 1 + (len(text) >> 5)
    if budget[0] < 0:
        raise BudgetExhausted
    return text


def integer(value: int) -> int:
    """The value if it fits in 64 bits. Raises :class:`OverflowError`."""
    if _INT_MIN <= value <= _INT_MAX:
        return value
    raise OverflowError("the number does not fit in 64 bits")


def span(value: timedelta) -> timedelta:
    """A calculated duration if it fits in 64 bits of nanoseconds. Raises :class:`OverflowError`."""
    if -_LONGEST_RESULT <= value <= _LONGEST_RESULT:
        return value
    raise OverflowError("the duration is too long")


def divide(left: int, right: int) -> int:
    """Integer division, truncated towards zero. Raises :class:`ArithmeticError`."""
    if right == 0:
        raise ZeroDivisionError("division by zero")
    quotient = abs(left) // abs(right)
    return integer(quotient if (left < 0) == (right < 0) else -quotient)


def remainder(left: int, right: int) -> int:
    """The remainder of :func:`divide`, with the sign of ``left``. Raises :class:`ArithmeticError`."""
    return left - right * divide(left, right)


def divide_doubles(left: float, right: float) -> float:
    """IEEE 754 division: division by zero gives infinity or NaN."""
    if right != 0.0:
        return left / right
    if left == 0.0 or left != left:
        return float("nan")
    negative = str(left).startswith("-") != str(right).startswith("-")
    return float("-inf") if negative else float("inf")


def element(items: Sequence[Any], index: int) -> Any:
    """The item at a 0-based index. Raises :class:`IndexError`, also for negative indexes."""
    if index < 0 or index >= len(items):
        raise IndexError("list index out of range")
    return items[index]


def in_numbers(value: Any, items: Iterable[Any]) -> bool:
    """Whether a number is one of the items; NaN never is (Python's ``in`` compares by identity first)."""
    return any(value == item for item in items)


def same_items(left: Sequence[Any], right: Sequence[Any]) -> bool:
    """Equality of lists of numbers; NaN equals nothing, not even itself."""
    return len(left) == len(right) and all(a == b for a, b in zip(left, right, strict=True))


def pattern(text: str) -> Any:
    """A compiled RE2 expression; searches take linear time. Raises :class:`ValueError`."""
    import re2

    if len(text) > MAX_PATTERN:
        raise ValueError(f"the regular expression is longer than {MAX_PATTERN} characters")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    try:
        return re2.compile(text, options)
    except re2.error as error:
        detail = error.args[0] if error.args else ""
        shown = detail.decode("utf-8", "replace") if isinstance(detail, bytes) else str(detail)
        raise ValueError(f"not a regular expression (RE2): {shown}") from error


def matches(text: str, expression: str) -> bool:
    """Whether a non-constant regular expression matches anywhere in the text."""
    return pattern(expression).search(text) is not None


def timestamp(text: str) -> datetime:
    """An RFC 3339 time in UTC. Raises :class:`ValueError` or :class:`OverflowError`."""
    found = _TIMESTAMP.fullmatch(text) if len(text) <= _MAX_TIME_TEXT else None
    if not found:
        raise ValueError("not a time such as 2024-05-01T00:00:00Z")
    day, clock, fraction, zone = found.groups()
    digits = (fraction or "").ljust(9, "0")
    if digits[6:] != "000":
        raise ValueError("times finer than a microsecond are not supported")
    offset = "+00:00" if zone in "Zz" else zone
    return datetime.fromisoformat(f"{day}T{clock}.{digits[:6]}{offset}").astimezone(UTC)


def duration(text: str) -> timedelta:
    """A duration: ``72h``, ``1h30m``, ``-1.5s``. Raises :class:`ValueError` or :class:`OverflowError`."""
    sign = text[:1] if text[:1] in ("-", "+") else ""
    rest = text[len(sign) :]
    parts = _PART.findall(rest) if len(text) <= _MAX_TIME_TEXT else []
    if rest != "0" and (not parts or "".join(number + unit for number, unit in parts) != rest):
        raise ValueError("not a duration such as 72h or 1h30m (units h, m, s, ms, us, ns)")
    total = sum((Fraction(_decimal(number)) * _MICROSECONDS[unit] for number, unit in parts), Fraction(0))
    if total.denominator != 1:
        raise ValueError("durations finer than a microsecond are not supported")
    if total > _LONGEST // timedelta(microseconds=1):
        raise OverflowError("the duration is too long")
    length = timedelta(microseconds=total.numerator)
    return -length if sign == "-" else length


def _decimal(number: str) -> str:
    return f"0{number}0" if "." in number else number


NAMESPACE: dict[str, Any] = {
    function.__name__: function
    for function in (
        spend, spend_text, integer, span, divide, remainder, divide_doubles, element, in_numbers,
        same_items, matches, timestamp, duration, len, all, any, sum, tuple, type, Unknown,
    )
}  # fmt: skip
"""All names that generated code can access, apart from its constants."""

FAILURES: tuple[type[Exception], ...] = (ArithmeticError, LookupError, TypeError, ValueError, BudgetExhausted)
"""Exceptions of the operations. TypeError: comparing times with and without a zone, or testing an Unknown."""
