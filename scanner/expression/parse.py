"""The parser: builds the syntax tree by recursive descent, in one pass with bounded depth."""

from __future__ import annotations

from scanner.expression.errors import ExpressionError
from scanner.expression.lexer import MAX_SOURCE, Token, tokens
from scanner.expression.syntax import (
    Binary,
    CallNode,
    Chain,
    Constant,
    Field,
    IndexNode,
    ListLiteral,
    Literal,
    Name,
    Node,
    Unary,
)

MAX_DEPTH = 40
"""Maximum nesting of an expression, in nodes and in brackets."""

PRECEDENCE: dict[str, int] = {
    "||": 1,
    "&&": 2,
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">=", "in"), 3),
    **dict.fromkeys(("+", "-"), 4),
    **dict.fromkeys(("*", "/", "%"), 5),
}
"""Precedence of the binary operators, lowest first; all are left-associative."""

RESERVED = frozenset(
    [
        "as",
        "break",
        "const",
        "continue",
        "else",
        "for",
        "function",
        "if",
        "import",
        "in",
        "let",
        "loop",
        "package",
        "namespace",
        "return",
        "var",
        "void",
        "while",
    ]
)
"""Reserved words of CEL: they cannot name a kind or a variable."""

_CONSTANTS: dict[str, Constant] = {"true": True, "false": False, "null": None}
_CEL_SPELLING = {
    "and": "&&",
    "or": "||",
    "not": "!",
    "is": "==",
    "True": "true",
    "False": "false",
    "None": "null",
}


def parse(source: str) -> Node:
    """The tree of a whole expression. Raises :class:`ExpressionError`."""
    if len(source) > MAX_SOURCE:
        raise ExpressionError(f"longer than {MAX_SOURCE} characters", 0)
    return _parse(tokens(source))


def parse_placeholder(source: str, start: int) -> tuple[Node, int]:
    """The tree of the expression between ``start`` and the next ``}``, and the offset of that brace.

    Raises :class:`ExpressionError`; offsets count from the beginning of ``source``.
    """
    found = tokens(source, start, closing="}")
    if found[-1].offset >= len(source):
        raise ExpressionError("'{' is not closed; write '{{' for a brace", start - 1)
    return _parse(found), found[-1].offset


def _parse(found: list[Token]) -> Node:
    parser = _Parser(found)
    if len(found) == 1:
        raise ExpressionError("the expression is empty", found[0].offset)
    node = parser.expression()
    if parser.token.kind != "end":
        raise parser.unexpected("an operator or the end")
    return node


class _Parser:
    def __init__(self, found: list[Token]) -> None:
        self._tokens = found
        self._at = 0
        self._nesting = 0

    @property
    def token(self) -> Token:
        return self._tokens[self._at]

    def expression(self) -> Node:
        self._nesting += 1
        if self._nesting > MAX_DEPTH:
            raise ExpressionError(f"nested more than {MAX_DEPTH} deep", self.token.offset)
        node = self._binary(1)
        if self._is("?"):
            raise ExpressionError("'?:' is not supported; write '(c && a) || (!c && b)'", self.token.offset)
        self._nesting -= 1
        return node

    def unexpected(self, expected: str) -> ExpressionError:
        token = self.token
        if token.kind == "end":
            return ExpressionError(f"the expression ends where {expected} is expected", token.offset)
        hint = _CEL_SPELLING.get(token.text) if token.kind == "name" else None
        shown = "a string" if token.kind == "string" else f"'{token.text}'"
        return ExpressionError(
            f"expected {expected}, found {shown}" + (f"; write '{hint}'" if hint else ""), token.offset
        )

    def _is(self, symbol: str) -> bool:
        return self.token.kind == "symbol" and self.token.text == symbol

    def _take(self) -> Token:
        token = self.token
        self._at += 1
        return token

    def _expect(self, symbol: str) -> None:
        if not self._is(symbol):
            raise self.unexpected(f"'{symbol}'")
        self._at += 1

    def _binary(self, lowest: int) -> Node:
        left = self._unary()
        while True:
            token = self.token
            binding = PRECEDENCE.get(token.text) if token.kind == "symbol" or token.text == "in" else None
            if token.kind == "string" or binding is None or binding < lowest:
                return left
            self._at += 1
            right = self._binary(binding + 1)
            depth = _depth(token.offset, left, right)
            if binding > 2:
                left = Binary(token.text, left, right, offset=token.offset, depth=depth)
            elif isinstance(left, Chain) and left.symbol == token.text:
                left = Chain(
                    token.text,
                    (*left.operands, right),
                    offset=left.offset,
                    depth=max(left.depth, right.depth + 1),
                )
            else:
                left = Chain(token.text, (left, right), offset=left.offset, depth=depth)

    def _unary(self) -> Node:
        signs: list[Token] = []
        while self._is("!") or self._is("-"):
            if signs and signs[-1].text == "-" and self._is("-"):
                raise ExpressionError("write '-' once", self.token.offset)
            signs.append(self._take())
            if len(signs) > MAX_DEPTH:
                raise ExpressionError(f"nested more than {MAX_DEPTH} deep", signs[0].offset)
        node: Node
        if signs and signs[-1].text == "-" and self.token.kind == "number":
            node = self._postfix(self._number(signs.pop()))
        else:
            node = self._postfix(self._primary())
        for sign in reversed(signs):
            node = Unary(sign.text, node, offset=sign.offset, depth=_depth(sign.offset, node))
        return node

    def _number(self, minus: Token | None) -> Literal:
        token = self._take()
        value = token.value
        assert value is not None
        if isinstance(value, int) and value == 2**63 and minus is None:
            raise ExpressionError("the number does not fit in 64 bits", token.offset)
        return Literal(-value if minus else value, offset=(minus or token).offset, depth=1)

    def _postfix(self, node: Node) -> Node:
        while True:
            if self._is("."):
                self._at += 1
                if self.token.kind != "name":
                    raise self.unexpected("a name after '.'")
                name = self._take()
                if self._is("("):
                    arguments = self._list("(", ")")
                    depth = _depth(name.offset, node, *arguments)
                    node = CallNode(node, name.text, arguments, offset=name.offset, depth=depth)
                else:
                    node = Field(node, name.text, offset=name.offset, depth=_depth(name.offset, node))
            elif self._is("["):
                offset = self._take().offset
                key = self.expression()
                self._expect("]")
                node = IndexNode(node, key, offset=offset, depth=_depth(offset, node, key))
            else:
                return node

    def _list(self, opening: str, closing: str) -> tuple[Node, ...]:
        self._expect(opening)
        items: list[Node] = []
        while not self._is(closing):
            items.append(self.expression())
            if not self._is(","):
                break
            self._at += 1
        self._expect(closing)
        return tuple(items)

    def _primary(self) -> Node:
        token = self.token
        if token.kind == "number":
            return self._number(None)
        if token.kind == "string":
            self._at += 1
            return Literal(token.text, offset=token.offset, depth=1)
        if token.kind == "name":
            return self._named()
        if self._is("("):
            self._at += 1
            node = self.expression()
            self._expect(")")
            return node
        if self._is("["):
            items = self._list("[", "]")
            return ListLiteral(items, offset=token.offset, depth=_depth(token.offset, *items))
        if self._is("{"):
            raise ExpressionError(
                "maps and objects cannot be constructed; compare field by field", token.offset
            )
        raise self.unexpected("a value")

    def _named(self) -> Node:
        token = self.token
        if token.text in _CONSTANTS:
            self._at += 1
            return Literal(_CONSTANTS[token.text], offset=token.offset, depth=1)
        if token.text in RESERVED:
            raise self.unexpected("a value")
        self._at += 1
        if not self._is("("):
            return Name(token.text, offset=token.offset, depth=1)
        if token.text == "has":
            raise ExpressionError(
                "has() is not supported; write 'x != null', or \"'k' in m\" for a map",
                token.offset,
            )
        arguments = self._list("(", ")")
        return CallNode(
            None, token.text, arguments, offset=token.offset, depth=_depth(token.offset, *arguments)
        )


def _depth(offset: int, *children: Node) -> int:
    depth = 1 + max((child.depth for child in children), default=0)
    if depth > MAX_DEPTH:
        raise ExpressionError(f"nested more than {MAX_DEPTH} deep", offset)
    return depth
