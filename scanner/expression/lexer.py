"""The lexer: splits the source into tokens."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

from scanner.expression.errors import ExpressionError

MAX_SOURCE = 4096
"""Maximum length of one expression, in characters."""

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
_HINTS = {
    "=": "write '==' to compare",
    "&": "write '&&'",
    "|": "write '||'",
    ";": "an expression is a single condition",
    "$": "write the kind's name, as in bucket.name",
}


@dataclass(frozen=True, slots=True)
class Token:
    """One token of the source."""

    kind: TokenKind
    text: str
    """As written; for strings, their value."""
    offset: int
    value: int | float | None = None
    """The value of a number; integers up to 2**63, which is only valid after a minus sign."""


def tokens(source: str, start: int = 0, closing: str | None = None) -> list[Token]:
    """The tokens of ``source`` from ``start``; the last is of kind ``end``.

    With ``closing``, stops at the first such symbol; the ``end`` token has its offset.
    Raises :class:`ExpressionError`.
    """
    found: list[Token] = []
    offset = start
    while True:
        blank = _BLANK.match(source, offset)
        if blank:
            offset = blank.end()
        if offset >= len(source):
            break
        if offset - start > MAX_SOURCE:
            raise ExpressionError(f"longer than {MAX_SOURCE} characters", start)
        if source[offset] == closing:
            break
        token, offset = _token(source, offset)
        found.append(token)
    found.append(Token("end", "", min(offset, len(source))))
    return found


def _token(source: str, offset: int) -> tuple[Token, int]:
    opening = _OPENING.match(source, offset)
    if opening:
        return _string(source, offset, opening)
    name = _NAME.match(source, offset)
    if name:
        if name.group() in ("b", "B", "br", "bR", "Br", "BR", "rb", "rB", "Rb", "RB") and source[
            name.end() :
        ][:1] in ("'", '"'):
            raise ExpressionError("bytes are not supported; remove the 'b'", offset)
        return Token("name", name.group(), offset), name.end()
    number = _NUMBER.match(source, offset)
    if number:
        return _number(source, offset, number.group())
    symbol = _SYMBOL.match(source, offset)
    if symbol:
        return Token("symbol", symbol.group(), offset), symbol.end()
    character = source[offset]
    shown = character if character.isprintable() else f"U+{ord(character):04X}"
    hint = _HINTS.get(character)
    raise ExpressionError(f"unexpected '{shown}'" + (f"; {hint}" if hint else ""), offset)


def _number(source: str, offset: int, text: str) -> tuple[Token, int]:
    end = offset + len(text)
    after = source[end : end + 1]
    if after in ("u", "U"):
        raise ExpressionError("unsigned numbers are not supported; remove the 'u'", offset)
    if after and (after.isalnum() or after == "_"):
        raise ExpressionError(f"'{text}{after}' is not a number", offset)
    if text[:2] in ("0x", "0X"):
        whole: int | float = int(text, 16)
    elif text.isdigit():
        whole = int(text)
    else:
        whole = float(text)
    if isinstance(whole, float):
        if math.isinf(whole):
            raise ExpressionError("the number is too large for a double", offset)
    elif whole > 2**63:
        raise ExpressionError("the number does not fit in 64 bits", offset)
    return Token("number", text, offset, whole), end


def _string(source: str, offset: int, opening: re.Match[str]) -> tuple[Token, int]:
    raw, quote = bool(opening.group(1)), opening.group(2)
    parts: list[str] = []
    at = opening.end()
    while True:
        if at >= len(source):
            raise ExpressionError("the string is not closed", offset)
        if source.startswith(quote, at):
            return Token("string", "".join(parts), offset), at + len(quote)
        begin, character = at, source[at]
        if character in "\r\n" and len(quote) == 1:
            raise ExpressionError("the string is not closed on its line", offset)
        if character == "\\" and not raw:
            escape = _ESCAPE.match(source, at)
            if not escape:
                raise ExpressionError("invalid escape sequence; write '\\\\' for a backslash, or r'…'", at)
            character = _escaped(escape, at)
            at = escape.end()
        else:
            at += 1
        if "\ud800" <= character <= "\udfff":
            raise ExpressionError("half of a surrogate pair is not a character", begin)
        parts.append(character)


def _escaped(escape: re.Match[str], offset: int) -> str:
    simple, two, four, eight, octal = escape.groups()
    if simple is not None:
        return _SIMPLE.get(simple, simple)
    code = int(octal, 8) if octal is not None else int(two or four or eight, 16)
    if code > 0x10FFFF:
        raise ExpressionError("not a valid character", offset)
    return chr(code)
