"""Whether the condition of a binding restricts who can use it, and whether it is met at all.

https://cloud.google.com/iam/docs/conditions-attribute-reference. Most attributes say when a role applies, or
to what: they exclude nobody. Only access levels are about the principal: its address, device or identity.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from scanner.model.evidence import Observed, Unknown, all_of

_CIRCUMSTANCES = ("request.time", "resource", "destination", "request.path", "request.host", "api")
"""Attributes that the holder meets or not, whoever it is: the time, the resource with its tags, what a
connection goes to, and which roles may be granted."""
_STRINGS = re.compile(r"""[rR]?(?:"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')""")
_PATHS = re.compile(r"(?<![\w.])[A-Za-z_][\w]*(?:\.[A-Za-z_]\w*)*")
_WORDS = frozenset({"true", "false", "null", "in", "timestamp", "duration", "int", "string", "size", "date"})
_LEVEL = re.compile(
    r"""\s*\(*\s*["']accessPolicies/\w+/accessLevels/\w+["']\s+in\s+request\.auth\.access_levels\s*\)*\s*"""
)
_TIME = re.compile(
    r"""\s*\(*\s*request\.time\s*(?P<sign><=?|>=?)\s*"""
    r"""timestamp\(\s*(?P<mark>["'])(?P<time>[^"']+)(?P=mark)\s*\)\s*\)*\s*"""
)


def narrows_who(condition: Mapping[str, Any] | None, call: str) -> Observed[bool]:
    """Whether a binding's condition excludes some of its members. False without a condition.

    Unknown for an expression with other attributes, or with access levels in another form than one that has
    to be met. ``call`` is the one that the binding comes from.
    """
    if not condition:
        return False
    expression = condition.get("expression")
    if isinstance(expression, str):
        parts = expression.split("&&")
        if "||" not in expression and "?" not in expression and any(map(_LEVEL.fullmatch, parts)):
            return True
        paths = set(_PATHS.findall(_STRINGS.sub('""', expression))) - _WORDS
        if paths and all(map(_is_circumstance, paths)):
            return False
    why = f"cannot determine whether the condition {condition.get('title') or expression} restricts who"
    return Unknown.because("unsupported", call, None, why)


def applies_at(condition: Mapping[str, Any] | None, now: datetime, call: str) -> Observed[bool]:
    """Whether a binding applies at a time, to whomever it names and to whatever it is set on. True without a
    condition; a condition of times alone is met or not. Unknown for all others. ``call`` is the one that the
    binding comes from. Raises :class:`ValueError` for an invalid time.
    """
    if not condition:
        return True
    why = f"cannot determine who meets the condition {condition.get('title') or condition.get('expression')}"
    unknown = Unknown.because("error", call, None, why)
    expression = condition.get("expression")
    if not isinstance(expression, str) or any(sign in expression for sign in ("||", "?", "!")):
        return unknown
    parts = map(_TIME.fullmatch, expression.split("&&"))
    return all_of(*(unknown if part is None else _is_met(part, now) for part in parts))


def _is_met(comparison: re.Match[str], now: datetime) -> bool:
    moment = datetime.fromisoformat(comparison["time"])
    if moment.tzinfo is None:
        raise ValueError("the time has no time zone")
    return now <= moment if comparison["sign"].startswith("<") else now >= moment


def _is_circumstance(path: str) -> bool:
    return any(path == one or path.startswith(f"{one}.") for one in _CIRCUMSTANCES)
