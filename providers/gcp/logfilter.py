"""How much of an audit log a Cloud Logging filter lets through.

https://cloud.google.com/logging/docs/view/logging-query-language. In general this depends on the entries,
so the result is the set of possible portions. A comparison with one value of a field that varies widely (a
method, a type of resource) lets few entries through, however many such comparisons are joined by OR.
"""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import quote, unquote

ACTIVITY = "cloudaudit.googleapis.com/activity"
"""The log of the control-plane writes of all services and regions:
https://cloud.google.com/logging/docs/audit#admin-activity."""
DATA_ACCESS = "cloudaudit.googleapis.com/data_access"
"""The log of configuration reads, and of reads and writes of data, where they are enabled:
https://cloud.google.com/logging/docs/audit#data-access."""

Part = Literal["all", "most", "some", "few", "none"]
"""``most``: all but a few; only ``all`` omits nothing."""
Passing = frozenset[Part]
"""The portions that may pass; several where it cannot be determined which."""

ALL: Passing = frozenset({"all"})
NONE: Passing = frozenset({"none"})
FEW: Passing = frozenset({"few", "none"})
SOME: Passing = frozenset({"some", "none"})
UNDETERMINED: Passing = frozenset({"all", "most", "some", "few", "none"})
"""Undetermined."""

MAX_NESTING = 200
"""The most parentheses and negations of a filter that is evaluated."""

_NESTING = frozenset({"(", "NOT", "-"})
_TOKENS = re.compile(
    r"""\s+|--[^\n]*|(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<operator><=|>=|!=|=~|!~|[=<>:(),-])"""
    r"""|(?P<word>[^\s"'=<>:(),!~]+)"""
)
_COMPARISONS = frozenset({"=", "!=", ":", "=~", "!~", "<", "<=", ">", ">="})
_AUDIT_TYPE = "type.googleapis.com/google.cloud.audit.auditlog"
_OTHER_PAYLOADS = ("textPayload", "jsonPayload")
"""Payloads that no audit entry has: https://cloud.google.com/logging/docs/audit/understanding-audit-logs."""
_VARYING = frozenset({"resource.type", "protoPayload.methodName", "protoPayload.serviceName"})
"""Fields that vary so much among the entries of an audit log that no single value covers all of them."""
_VARYING_PREFIXES = ("resource.labels.", "labels.", "operation.", "protoPayload.authenticationInfo.")
_CONTAINERS = frozenset(
    {"resource.labels.project_id", "resource.labels.organization_id", "resource.labels.folder_id"}
)
_ABOVE_NOTICE = frozenset({"WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY"})
"""Severities that a successful write does not have: it is a NOTICE."""


def passing(expression: str, project: str, log: str = ACTIVITY) -> Passing:
    """The portion of the log's entries in the project (its ID) that the filter lets through."""
    try:
        tokens = _tokens(expression)
        if sum(text in _NESTING for _, text in tokens) > MAX_NESTING:
            return UNDETERMINED
        return _Filter(tokens, project, log).evaluate() if tokens else ALL
    except (ValueError, IndexError):
        return UNDETERMINED


def both(left: Passing, right: Passing) -> Passing:
    """What passes both of two filters, one after the other."""
    return frozenset(part for one in left for other in right for part in _both(one, other))


def _both(left: Part, right: Part) -> Passing:
    if "none" in (left, right):
        return NONE
    if "all" in (left, right):
        return frozenset({right if left == "all" else left})
    if left == right == "most":
        return frozenset({"most"})
    return FEW if "few" in (left, right) else SOME


def negated(parts: Passing) -> Passing:
    """What does not pass."""
    return frozenset(_OPPOSITE[part] for part in parts)


def either(left: Passing, right: Passing) -> Passing:
    """What passes at least one of two filters."""
    return negated(both(negated(left), negated(right)))


_OPPOSITE: dict[Part, Part] = {"all": "none", "most": "few", "some": "some", "few": "most", "none": "all"}


def _tokens(expression: str) -> list[tuple[str, str]]:
    tokens, at = [], 0
    while at < len(expression):
        match = _TOKENS.match(expression, at)
        if match is None:
            raise ValueError(f"invalid syntax at position {at}")
        if match.lastgroup:
            tokens.append((match.lastgroup, match.group()))
        at = match.end()
    return tokens


class _Filter:
    """A recursive descent parser: NOT binds tightest, then OR, then AND, which may be omitted."""

    def __init__(self, tokens: list[tuple[str, str]], project: str, log: str) -> None:
        self.tokens = tokens
        self.at = 0
        self.log = log
        self.name = f"projects/{project}/logs/{quote(log, safe='')}"

    def evaluate(self) -> Passing:
        result = self.conjunction()
        if self.at < len(self.tokens):
            raise ValueError("unexpected text at the end")
        return result

    def peek(self, ahead: int = 0) -> str:
        at = self.at + ahead
        return self.tokens[at][1] if at < len(self.tokens) else ""

    def take(self) -> tuple[str, str]:
        token = self.tokens[self.at]
        self.at += 1
        return token

    def conjunction(self) -> Passing:
        result = self.disjunction()
        while self.peek() not in ("", ")"):
            if self.peek() == "AND":
                self.take()
            result = both(result, self.disjunction())
        return result

    def disjunction(self) -> Passing:
        result = self.negation()
        while self.peek() == "OR":
            self.take()
            result = either(result, self.negation())
        return result

    def negation(self) -> Passing:
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

    def term(self) -> Passing:
        kind, text = self.take()
        if kind == "word" and text.lower() == "log_id" and self.peek() == "(":
            self.take()
            log = _value(self.take())
            self.expect(")")
            return ALL if unquote(log) == self.log else NONE
        if self.peek() in _COMPARISONS:
            return self.comparison(text if kind == "word" else "", self.take()[1])
        if self.peek() == "(":
            raise ValueError("unknown function")
        return UNDETERMINED

    def comparison(self, field: str, operator: str) -> Passing:
        values, joined_by_and = self.values()
        if field == "logName":
            parts = [self.log_name(operator, value) for value in values]
        else:
            parts = [_compared(field, operator, value) for value in values]
        result = parts[0]
        for each in parts[1:]:
            result = both(result, each) if joined_by_and else either(result, each)
        return negated(result) if operator == "!=" else result

    def log_name(self, operator: str, value: str) -> Passing:
        """Log names are stored with ``%2F``: a match of the decoded form alone is undetermined."""
        if operator in ("=~", "!~"):
            found = _matches(value, self.name)
            if found != _matches(value, unquote(self.name)):
                found = found if found == ALL else UNDETERMINED
            return negated(found) if operator == "!~" else found
        if operator not in ("=", "!=", ":"):
            return UNDETERMINED
        value, stored, decoded = value.lower(), self.name.lower(), unquote(self.name).lower()
        if operator == ":":
            matches, decoded_matches = value in stored, value in decoded
        else:
            matches, decoded_matches = value == stored, value == decoded
        if decoded_matches and not matches:
            raise ValueError("the log name is not URL-encoded")
        return ALL if matches else NONE

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
            raise ValueError("unknown operator between values")
        return values, joints == {"AND"}


def _matches(pattern: str, name: str) -> Passing:
    """A regular expression of characters, dots, ``.*``, anchors and alternatives, which is not anchored and
    minds case. One of another form is undetermined, and so is one that matches only if its dots are any
    character: the backslash before a dot need not be doubled.
    """
    if not _PLAIN.fullmatch(pattern) or pattern.count(".*") > _MOST_GAPS:
        return UNDETERMINED
    strict = re.sub(r"(?<!\\)\.(?!\*)", r"\.", pattern)
    try:
        found = {re.search(one, name) is not None for one in (pattern, strict)}
    except re.error:
        return UNDETERMINED
    return UNDETERMINED if len(found) > 1 else ALL if True in found else NONE


_PLAIN = re.compile(r"(?:[A-Za-z0-9_/%:^$()|-]|\\[./-]|\.\*?)*")
_MOST_GAPS = 3
"""More could take long to match."""


def _compared(field: str, operator: str, value: str) -> Passing:
    """A comparison of any field but the log's name; ``!=`` is evaluated as ``=``: the caller negates it."""
    if field == "protoPayload.@type" and operator in ("=", "!=", ":"):
        matches = value.lower() in _AUDIT_TYPE if operator == ":" else value.lower() == _AUDIT_TYPE
        return ALL if matches else NONE
    if field.partition(".")[0] in _OTHER_PAYLOADS and operator in ("=", ":", "=~"):
        return NONE
    if field == "severity":
        above = operator in (">", ">=") and value.upper() in _ABOVE_NOTICE
        return SOME if above or operator in ("=", "!=") else UNDETERMINED
    if field in _VARYING and operator in ("=", "!=", ":"):
        common = len(value) < 4 or value.lower() in ".googleapis.com"
        return UNDETERMINED if common else FEW
    if field.startswith(_VARYING_PREFIXES) and field not in _CONTAINERS and operator in ("=", "!="):
        return FEW
    return UNDETERMINED


def _value(token: tuple[str, str]) -> str:
    kind, text = token
    if kind == "string":
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    if kind == "word" and text not in ("AND", "OR", "NOT"):
        return text
    raise ValueError("a value is missing")
