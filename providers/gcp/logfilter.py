"""Whether a filter of Cloud Logging lets every entry of the Admin Activity audit log through.

https://cloud.google.com/logging/docs/view/logging-query-language. In general only the entries can tell,
so the answer has three values, and comparisons of fields other than the log's name are "could not tell".
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

LOG = "cloudaudit.googleapis.com/activity"
"""The log that has the control-plane writes of all services and regions:
https://cloud.google.com/logging/docs/audit#admin-activity."""

Verdict = bool | None
"""All entries pass, none does, or it cannot be told."""

DEEPEST = 200
"""Parentheses and negations of a filter that is still looked into."""

_NESTING = frozenset({"(", "NOT", "-"})
_TOKENS = re.compile(
    r"""\s+|--[^\n]*|(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<operator><=|>=|!=|=~|!~|[=<>:(),-])"""
    r"""|(?P<word>[^\s"'=<>:(),!~]+)"""
)
_COMPARISONS = frozenset({"=", "!=", ":", "=~", "!~", "<", "<=", ">", ">="})


def covers(expression: str, project: str) -> Verdict:
    """Whether the filter lets all Admin Activity entries of the project (its id) through.

    ``True``: all of them; ``False``: none; ``None``: some, or the filter is not understood.
    """
    try:
        tokens = _tokens(expression)
        if sum(text in _NESTING for _, text in tokens) > DEEPEST:
            return None
        return _Filter(tokens, project).verdict() if tokens else True
    except (ValueError, IndexError):
        return None


def both(left: Verdict, right: Verdict) -> Verdict:
    """True if both are, false if one is false, else not to be told."""
    if left is False or right is False:
        return False
    return True if left and right else None


def negated(verdict: Verdict) -> Verdict:
    """The opposite; what cannot be told stays so."""
    return None if verdict is None else not verdict


def _tokens(expression: str) -> list[tuple[str, str]]:
    tokens, at = [], 0
    while at < len(expression):
        match = _TOKENS.match(expression, at)
        if match is None:
            raise ValueError(f"not understood from {at}")
        if match.lastgroup:
            tokens.append((match.lastgroup, match.group()))
        at = match.end()
    return tokens


class _Filter:
    """A recursive descent: NOT binds closest, then OR, then AND, which may be left out."""

    def __init__(self, tokens: list[tuple[str, str]], project: str) -> None:
        self.tokens = tokens
        self.at = 0
        self.name = f"projects/{project}/logs/{quote(LOG, safe='')}"

    def verdict(self) -> Verdict:
        result = self.conjunction()
        if self.at < len(self.tokens):
            raise ValueError("something is left over")
        return result

    def peek(self, ahead: int = 0) -> str:
        at = self.at + ahead
        return self.tokens[at][1] if at < len(self.tokens) else ""

    def take(self) -> tuple[str, str]:
        token = self.tokens[self.at]
        self.at += 1
        return token

    def conjunction(self) -> Verdict:
        result = self.disjunction()
        while self.peek() not in ("", ")"):
            if self.peek() == "AND":
                self.take()
            result = both(result, self.disjunction())
        return result

    def disjunction(self) -> Verdict:
        result = self.negation()
        while self.peek() == "OR":
            self.take()
            result = negated(both(negated(result), negated(self.negation())))
        return result

    def negation(self) -> Verdict:
        if self.peek() in ("NOT", "-"):
            self.take()
            return negated(self.negation())
        if self.peek() == "(":
            self.take()
            result = self.conjunction()
            self.expect(")")
            return result
        return self.term()

    def expect(self, text: str) -> None:
        if self.take()[1] != text:
            raise ValueError(f"{text} is missing")

    def term(self) -> Verdict:
        kind, text = self.take()
        if kind == "word" and text.lower() == "log_id" and self.peek() == "(":
            self.take()
            log = _value(self.take())
            self.expect(")")
            return unquote(log) == LOG
        if self.peek() in _COMPARISONS:
            return self.comparison(text if kind == "word" else "", self.take()[1])
        if self.peek() == "(":
            raise ValueError("a function that is not known")
        return None

    def comparison(self, field: str, operator: str) -> Verdict:
        values, joined_by_and = self.values()
        if field != "logName" or operator not in ("=", "!=", ":"):
            return None
        matches = [self.matches(operator, value.lower()) for value in values]
        matched = all(matches) if joined_by_and else any(matches)
        return not matched if operator == "!=" else matched

    def matches(self, operator: str, value: str) -> bool:
        """Log names are stored with ``%2F``: what would match the readable form only is not decided."""
        stored, readable = self.name.lower(), unquote(self.name).lower()
        if operator == ":":
            here, there = value in stored, value in readable
        else:
            here, there = value == stored, value == readable
        if there and not here:
            raise ValueError("a log name that is not encoded")
        return here

    def values(self) -> tuple[list[str], bool]:
        if self.peek() != "(":
            return [_value(self.take())], False
        self.take()
        values, joints = [_value(self.take())], set()
        while self.peek() != ")":
            joints.add(self.take()[1])
            values.append(_value(self.take()))
        self.take()
        if len(joints) > 1 or not joints <= {"AND", "OR"}:
            raise ValueError("values that are joined in a way that is not known")
        return values, joints == {"AND"}


def _value(token: tuple[str, str]) -> str:
    kind, text = token
    if kind == "string":
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    if kind == "word" and text not in ("AND", "OR", "NOT"):
        return text
    raise ValueError("a value is missing")
