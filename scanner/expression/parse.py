"""From tokens to the syntax tree: recursive descent, one pass, bounded depth."""

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
"""How deep an expression may nest, in nodes and in brackets."""

PRECEDENCE: dict[str, int] = {
    "||": 1,
    "&&": 2,
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">=", "in"), 3),
    **dict.fromkeys(("+", "-"), 4),
    **dict.fromkeys(("*", "/", "%"), 5),
}
"""How tightly the binary operators bind; equal ones group from the left."""

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
"""Words that CEL keeps for itself: they name neither a kind nor a variable."""

_CONSTANTS: dict[str, Constant] = {"true": True, "false": False, "null": None}
_WORDS = {"and": "&&", "or": "||", "not": "!", "is": "==", "True": "true", "False": "false", "None": "null"}


def parse(source: str) -> Node:
    """The tree of a whole expression. Raises :class:`ExpressionError`."""
    if len(source) > MAX_SOURCE:
        raise ExpressionError(f"longer than {MAX_SOURCE} characters", 0)
    return _parse(tokens(source))


def parse_hole(source: str, start: int) -> tuple[Node, int]:
    """The tree of the expression between ``start`` and the next ``}``, and the place of that brace.

    Raises :class:`ExpressionError`; offsets count from the beginning of ``source``.
    """
    words = tokens(source, start, closing="}")
    if words[-1].offset >= len(source):
        raise ExpressionError("'{' is never closed; write '{{' for a brace", start - 1)
    return _parse(words), words[-1].offset


def _parse(words: list[Token]) -> Node:
    parser = _Parser(words)
    if len(words) == 1:
        raise ExpressionError("the expression is empty", words[0].offset)
    node = parser.expression()
    if parser.word.kind != "end":
        raise parser.unexpected("an operator or the end")
    return node


class _Parser:
    def __init__(self, words: list[Token]) -> None:
        self._words = words
        self._at = 0
        self._nesting = 0

    @property
    def word(self) -> Token:
        return self._words[self._at]

    def expression(self) -> Node:
        self._nesting += 1
        if self._nesting > MAX_DEPTH:
            raise ExpressionError(f"nested more than {MAX_DEPTH} deep", self.word.offset)
        node = self._binary(1)
        if self._is("?"):
            raise ExpressionError("there is no '?:'; write '(c && a) || (!c && b)'", self.word.offset)
        self._nesting -= 1
        return node

    def unexpected(self, wanted: str) -> ExpressionError:
        word = self.word
        if word.kind == "end":
            return ExpressionError(f"the expression ends where {wanted} should follow", word.offset)
        hint = _WORDS.get(word.text) if word.kind == "name" else None
        shown = "a string" if word.kind == "string" else f"'{word.text}'"
        return ExpressionError(
            f"expected {wanted}, found {shown}" + (f"; write '{hint}'" if hint else ""), word.offset
        )

    def _is(self, symbol: str) -> bool:
        return self.word.kind == "symbol" and self.word.text == symbol

    def _take(self) -> Token:
        word = self.word
        self._at += 1
        return word

    def _expect(self, symbol: str) -> None:
        if not self._is(symbol):
            raise self.unexpected(f"'{symbol}'")
        self._at += 1

    def _binary(self, weakest: int) -> Node:
        left = self._unary()
        while True:
            word = self.word
            binding = PRECEDENCE.get(word.text) if word.kind == "symbol" or word.text == "in" else None
            if word.kind == "string" or binding is None or binding < weakest:
                return left
            self._at += 1
            right = self._binary(binding + 1)
            depth = _depth(word.offset, left, right)
            if binding > 2:
                left = Binary(word.text, left, right, offset=word.offset, depth=depth)
            elif isinstance(left, Chain) and left.symbol == word.text:
                left = Chain(
                    word.text,
                    (*left.operands, right),
                    offset=left.offset,
                    depth=max(left.depth, right.depth + 1),
                )
            else:
                left = Chain(word.text, (left, right), offset=left.offset, depth=depth)

    def _unary(self) -> Node:
        signs: list[Token] = []
        while self._is("!") or self._is("-"):
            if signs and signs[-1].text == "-" and self._is("-"):
                raise ExpressionError("write '-' once", self.word.offset)
            signs.append(self._take())
            if len(signs) > MAX_DEPTH:
                raise ExpressionError(f"nested more than {MAX_DEPTH} deep", signs[0].offset)
        node: Node
        if signs and signs[-1].text == "-" and self.word.kind == "number":
            node = self._postfix(self._number(signs.pop()))
        else:
            node = self._postfix(self._primary())
        for sign in reversed(signs):
            node = Unary(sign.text, node, offset=sign.offset, depth=_depth(sign.offset, node))
        return node

    def _number(self, minus: Token | None) -> Literal:
        word = self._take()
        value = word.value
        assert value is not None
        if isinstance(value, int) and value == 2**63 and minus is None:
            raise ExpressionError("the number does not fit 64 bits", word.offset)
        return Literal(-value if minus else value, offset=(minus or word).offset, depth=1)

    def _postfix(self, node: Node) -> Node:
        while True:
            if self._is("."):
                self._at += 1
                if self.word.kind != "name":
                    raise self.unexpected("a name after '.'")
                name = self._take()
                if self._is("("):
                    arguments = self._list("(", ")")
                    depth = _depth(name.offset, node, *arguments)
                    node = CallNode(node, name.text, arguments, offset=name.offset, depth=depth)
                else:
                    node = Field(node, name.text, offset=name.offset, depth=_depth(name.offset, node))
            elif self._is("["):
                place = self._take().offset
                key = self.expression()
                self._expect("]")
                node = IndexNode(node, key, offset=place, depth=_depth(place, node, key))
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
        word = self.word
        if word.kind == "number":
            return self._number(None)
        if word.kind == "string":
            self._at += 1
            return Literal(word.text, offset=word.offset, depth=1)
        if word.kind == "name":
            return self._named()
        if self._is("("):
            self._at += 1
            node = self.expression()
            self._expect(")")
            return node
        if self._is("["):
            items = self._list("[", "]")
            return ListLiteral(items, offset=word.offset, depth=_depth(word.offset, *items))
        if self._is("{"):
            raise ExpressionError("maps and objects cannot be built; compare field by field", word.offset)
        raise self.unexpected("a value")

    def _named(self) -> Node:
        word = self.word
        if word.text in _CONSTANTS:
            self._at += 1
            return Literal(_CONSTANTS[word.text], offset=word.offset, depth=1)
        if word.text in RESERVED:
            raise self.unexpected("a value")
        self._at += 1
        if not self._is("("):
            return Name(word.text, offset=word.offset, depth=1)
        if word.text == "has":
            raise ExpressionError(
                "there is no has(); write 'x != null' for what may be absent and \"'k' in m\" for a map",
                word.offset,
            )
        arguments = self._list("(", ")")
        return CallNode(None, word.text, arguments, offset=word.offset, depth=_depth(word.offset, *arguments))


def _depth(place: int, *children: Node) -> int:
    depth = 1 + max((child.depth for child in children), default=0)
    if depth > MAX_DEPTH:
        raise ExpressionError(f"nested more than {MAX_DEPTH} deep", place)
    return depth
