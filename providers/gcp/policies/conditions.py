"""Whether the condition of a binding restricts who can use it.

https://cloud.google.com/iam/docs/conditions-attribute-reference. Most attributes say when a role applies, or
to what: they exclude nobody. Only access levels are about the principal: its address, device or identity.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from scanner.model.evidence import Observed, Unknown

_CIRCUMSTANCES = ("request.time", "resource", "destination", "request.path", "request.host", "api")
"""Attributes that the holder meets or not, whoever it is: the time, the resource with its tags, what a
connection goes to, and which roles may be granted."""
_STRINGS = re.compile(r"""[rR]?(?:"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')""")
_PATHS = re.compile(r"(?<![\w.])[A-Za-z_][\w]*(?:\.[A-Za-z_]\w*)*")
_WORDS = frozenset({"true", "false", "null", "in", "timestamp", "duration", "int", "string", "size", "date"})
_LEVEL = re.compile(
    r"""\s*\(*\s*["']accessPolicies/\w+/accessLevels/\w+["']\s+in\s+request\.auth\.access_levels\s*\)*\s*"""
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


def _is_circumstance(path: str) -> bool:
    return any(path == one or path.startswith(f"{one}.") for one in _CIRCUMSTANCES)
