"""One containment for every task of a collection: what an odd answer raises costs that fact, never the scan.

Clients translate the failures of their SDK. What is left is what nobody foresaw: an answer nested too deeply
for a parser, text that is no Unicode, a file descriptor that is not to be had. Which exception it is says
nothing about the cloud, so each becomes :class:`~scanner.model.evidence.Unknown` with reason ``error``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel

from scanner.base.terminal import printable
from scanner.collect.redaction import masked
from scanner.model.evidence import Observed, Unknown

T = TypeVar("T")

_LONGEST = 300
"""Characters of an exception's text that a message repeats."""


def contained(call: str, task: Callable[..., Observed[T]], *arguments: Any) -> Observed[T]:
    """What the task returns, or Unknown for any exception; ``call`` names the operation that it is for."""
    try:
        return task(*arguments)
    except Exception as error:  # noqa: BLE001  (the one place that contains all)
        return raised(call, error)


def raised(call: str, error: BaseException) -> Unknown:
    """Why something is unknown for which an exception was raised."""
    return Unknown.because("error", call, None, f"it could not be read ({describe(error)})")


def describe(error: BaseException) -> str:
    """An exception on one line of limited length."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001  (an exception whose text cannot be made is still one)
        text = ""
    text = masked(text[: 4 * _LONGEST])[:_LONGEST]
    return printable(f"{type(error).__name__}: {text}" if text else type(error).__name__)


def is_unicode(value: Any) -> bool:
    """Whether all text in a value can be encoded: a lone surrogate can be neither stored nor reported."""
    if isinstance(value, str):
        return value.isascii() or _encodes(value)
    if isinstance(value, BaseModel):
        return is_unicode(value.__dict__)
    if isinstance(value, Mapping):
        return all(is_unicode(part) for pair in value.items() for part in pair)
    if isinstance(value, Iterable) and not isinstance(value, (bytes, bytearray)):
        return all(map(is_unicode, value))
    return True


def _encodes(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
