"""From characters to tokens."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

from scanner.expression.errors import ExpressionError

MAX_SOURCE = 4096
"""Longest source of one expression, in characters."""

TokenKind = Literal["number", "string", "name", "symbol", "end"]

_BLANK = re.compile(r"(?:[ \t\r\n\f]+|//[^\n]*)+")
_NUMBER = re.compile(
    r"0[xX][0-9a-fA-F]+|(?:[0-9]+\.[0-9]+|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+|[0-9]+"
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SYMBOL = re.compile(r"&&|\|\||==|!=|<=|>=|[-+*/%<>!()\[\].,?:{}]")
_OPENING = re.compile(r"([rR]?)('''|\"\"\"|'|\")")
_ESCAPE = re.compile(
    r"\\(?:([abfnrtv\\?\"'`])|[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2}))"
)
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_INSTEAD = {
    "=": "write '==' to compare",
    "&": "write '&&'",
    "|": "write '||'",
    ";": "an expression is a single condition",
    "$": "write the kind's name, as in bucket.name",
}


@dataclass(frozen=True, slots=True)
class Token:
    """One word of the source."""

    kind: TokenKind
    text: str
    """As written, except for strings: what they hold."""
    offset: int
    value: int | float | None = None
    """Of a number; whole numbers reach 2**63, which only a minus sign makes legal."""


def tokens(source: str, start: int = 0, closing: str | None = None) -> list[Token]:
    """The tokens of ``source`` from ``start``; the last is of kind ``end``.

    With ``closing`` it stops at the first such symbol, where the ``end`` token then stands.
    Raises :class:`ExpressionError`.
    """
    found: list[Token] = []
    place = start
    while True:
        blank = _BLANK.match(source, place)
        if blank:
            place = blank.end()
        if place >= len(source):
            break
        if place - start > MAX_SOURCE:
            raise ExpressionError(f"longer than {MAX_SOURCE} characters", start)
        if source[place] == closing:
            break
        token, place = _token(source, place)
        found.append(token)
    found.append(Token("end", "", min(place, len(source))))
    return found


def _token(source: str, place: int) -> tuple[Token, int]:
    opening = _OPENING.match(source, place)
    if opening:
        return _string(source, place, opening)
    name = _NAME.match(source, place)
    if name:
        if name.group() in ("b", "B", "br", "bR", "Br", "BR", "rb", "rB", "Rb", "RB") and source[
            name.end() :
        ][:1] in ("'", '"'):
            raise ExpressionError("there are no bytes; write a string without the 'b'", place)
        return Token("name", name.group(), place), name.end()
    number = _NUMBER.match(source, place)
    if number:
        return _number(source, place, number.group())
    symbol = _SYMBOL.match(source, place)
    if symbol:
        return Token("symbol", symbol.group(), place), symbol.end()
    character = source[place]
    shown = character if character.isprintable() else f"U+{ord(character):04X}"
    hint = _INSTEAD.get(character)
    raise ExpressionError(f"unexpected '{shown}'" + (f"; {hint}" if hint else ""), place)


def _number(source: str, place: int, text: str) -> tuple[Token, int]:
    end = place + len(text)
    after = source[end : end + 1]
    if after in ("u", "U"):
        raise ExpressionError("there are no unsigned numbers; leave the 'u' out", place)
    if after and (after.isalnum() or after == "_"):
        raise ExpressionError(f"'{text}{after}' is not a number", place)
    if text[:2] in ("0x", "0X"):
        whole: int | float = int(text, 16)
    elif text.isdigit():
        whole = int(text)
    else:
        whole = float(text)
    if isinstance(whole, float):
        if math.isinf(whole):
            raise ExpressionError("the number is too large for a double", place)
    elif whole > 2**63:
        raise ExpressionError("the number does not fit 64 bits", place)
    return Token("number", text, place, whole), end


def _string(source: str, place: int, opening: re.Match[str]) -> tuple[Token, int]:
    raw, quote = bool(opening.group(1)), opening.group(2)
    parts: list[str] = []
    at = opening.end()
    while True:
        if at >= len(source):
            raise ExpressionError("the string has no end", place)
        if source.startswith(quote, at):
            return Token("string", "".join(parts), place), at + len(quote)
        begin, character = at, source[at]
        if character in "\r\n" and len(quote) == 1:
            raise ExpressionError("the string has no end on its line", place)
        if character == "\\" and not raw:
            escape = _ESCAPE.match(source, at)
            if not escape:
                raise ExpressionError("no such escape in a string; write '\\\\' for a backslash, or r'…'", at)
            character = _escaped(escape, at)
            at = escape.end()
        else:
            at += 1
        if "\ud800" <= character <= "\udfff":
            raise ExpressionError("half of a surrogate pair is not a character", begin)
        parts.append(character)


def _escaped(escape: re.Match[str], place: int) -> str:
    simple, two, four, eight, octal = escape.groups()
    if simple is not None:
        return _SIMPLE.get(simple, simple)
    code = int(octal, 8) if octal is not None else int(two or four or eight, 16)
    if code > 0x10FFFF:
        raise ExpressionError("no such character", place)
    return chr(code)
