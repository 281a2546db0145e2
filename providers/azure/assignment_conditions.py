"""Conditions of Azure role assignments (ABAC): which actions they leave alone, forbid, or allow to whom.

https://learn.microsoft.com/azure/role-based-access-control/conditions-format
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

Operator = Literal["and", "or"]

_TOKENS = re.compile(
    r"\s+"
    r"|(?P<open>\()|(?P<close>\))|(?P<sign>!(?!=)|&&|\|\|)"
    r"|(?P<matches>(?:Sub)?(?:Action|Operation)Matches\s*\{\s*'[^']*'\s*\})"
    r"|(?P<attribute>@(?:Principal|Resource|Request|Environment)\s*\[[^\]]*\](?:&\$[A-Za-z]+\$&)?)"
    r"|(?P<value>'(?:[^'\\]|\\.)*'|\{[^}]*\})"
    r"|(?P<word>[A-Za-z0-9][A-Za-z0-9_.:-]*)",
    re.IGNORECASE,
)
_LONGEST = 16_384
"""Azure allows 8 KB."""


@dataclass(frozen=True)
class Matches:
    """The action is one of these; a sub-operation is undecided."""

    pattern: str
    sub_operation: bool


@dataclass(frozen=True)
class Comparison:
    """An attribute compared with a value or another attribute."""

    attributes: tuple[str, ...]
    """In lower case, such as ``@request[microsoft.authorization/roleassignments:roledefinitionid]``."""
    operator: str
    """In lower case, such as ``foranyofanyvalues:guidequals``; ``exists`` for the test of existence."""
    values: frozenset[str]
    """The values in lower case, without quotes."""


@dataclass(frozen=True)
class Inverse:
    """Not the term."""

    term: Expression


@dataclass(frozen=True)
class Combination:
    """All of the terms, or any."""

    operator: Operator
    terms: tuple[Expression, ...]


Expression = Matches | Comparison | Inverse | Combination


def parse(text: str) -> Expression:
    """The expression. Raises :class:`ValueError` for one that is not understood."""
    if len(text) > _LONGEST:
        raise ValueError("condition")
    parser = _Parser(tuple(_tokens(text)))
    found = parser.alternatives()
    if parser.rest():
        raise ValueError("condition")
    return found


def restricted(expression: Expression, matches: Callable[[str], bool]) -> bool | Expression:
    """What the condition says of an action of which ``matches`` tells whether a pattern covers it: true if it
    is always allowed, false if never, else what must hold."""
    if isinstance(expression, Matches):
        if not matches(expression.pattern):
            return False
        return expression if expression.sub_operation else True
    if isinstance(expression, Comparison):
        return expression
    if isinstance(expression, Inverse):
        inner = restricted(expression.term, matches)
        return not inner if isinstance(inner, bool) else Inverse(inner)
    absorbing = expression.operator == "or"
    left = []
    for term in expression.terms:
        part = restricted(term, matches)
        if part is absorbing:
            return absorbing
        if not isinstance(part, bool):
            left.append(part)
    if not left:
        return not absorbing
    return left[0] if len(left) == 1 else Combination(expression.operator, tuple(left))


def conjunction(expression: Expression) -> tuple[Expression, ...]:
    """The terms that must all hold."""
    if isinstance(expression, Combination) and expression.operator == "and":
        return tuple(part for term in expression.terms for part in conjunction(term))
    return (expression,)


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text):
        found = _TOKENS.match(text, at)
        if found is None:
            raise ValueError("condition")
        at = found.end()
        if found.lastgroup is not None:
            yield found.lastgroup, found.group()


class _Parser:
    def __init__(self, tokens: tuple[tuple[str, str], ...]) -> None:
        self._tokens = tokens
        self._at = 0

    def rest(self) -> bool:
        return self._at < len(self._tokens)

    def alternatives(self) -> Expression:
        return self._joined("or", ("||", "or"), lambda: self._joined("and", ("&&", "and"), self._term))

    def _joined(
        self, operator: Operator, words: tuple[str, str], term: Callable[[], Expression]
    ) -> Expression:
        terms = [term()]
        while self._next()[1].lower() in words:
            self._at += 1
            terms.append(term())
        return terms[0] if len(terms) == 1 else Combination(operator, tuple(terms))

    def _next(self) -> tuple[str, str]:
        return self._tokens[self._at] if self.rest() else ("end", "")

    def _take(self, *kinds: str) -> str:
        kind, text = self._next()
        if kind not in kinds:
            raise ValueError("condition")
        self._at += 1
        return text

    def _term(self) -> Expression:
        kind, text = self._next()
        self._at += 1
        if text == "!" or (kind == "word" and text.lower() == "not"):
            return Inverse(self._term())
        if kind == "open":
            found = self.alternatives()
            self._take("close")
            return found
        if kind == "matches":
            pattern = text.split("'")[1].lower()
            return Matches(pattern, text.lower().startswith("sub"))
        if kind == "word" and text.lower() == "exists":
            return Comparison((_attribute(self._take("attribute")),), "exists", frozenset())
        if kind != "attribute":
            raise ValueError("condition")
        operator = self._take("word").lower()
        if self._next()[0] == "attribute":
            attributes = (_attribute(text), _attribute(self._take("attribute")))
            return Comparison(attributes, operator, frozenset())
        return Comparison((_attribute(text),), operator, _values(self._take("value", "word")))


def _attribute(text: str) -> str:
    return "".join(text.lower().split())


def _values(text: str) -> frozenset[str]:
    parts = text.strip("{}").split(",")
    return frozenset(part.strip().strip("'").lower() for part in parts)
