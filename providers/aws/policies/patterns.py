"""Policy variables in IAM's patterns of ``*`` and ``?``.

Source: "IAM JSON policy elements: Resource" and "Policy elements: Variables and tags" (IAM user guide).
"""

from __future__ import annotations

import re

VARIABLE = re.compile(r"\$\{[^}]*\}")
LITERALS = {"${*}": "\x02", "${?}": "\x03", "${$}": "$"}
"""Escapes of special characters in a policy. The first two become characters that occur in no name."""
ACCOUNT = re.compile(r"\$\{aws:(?:principalaccount|resourceaccount)\}", re.IGNORECASE)
"""Variables that stand for an identity's own account, where it acts on its own account's resources."""
NO_VALUE = "\x04"
"""Replaces a policy variable where its value must not be relied on."""


def within(account: str, pattern: str) -> str:
    """The pattern with an identity's own account in place of the variables that stand for it."""
    return ACCOUNT.sub(account, pattern) if "${" in pattern else pattern


def widest(pattern: str) -> str:
    """The pattern with every policy variable replaced by ``*``."""
    return VARIABLE.sub(lambda found: LITERALS.get(found[0], "*"), pattern)


def narrowest(pattern: str) -> str:
    """The pattern with every policy variable replaced by a character that no text contains."""
    return VARIABLE.sub(lambda found: LITERALS.get(found[0], NO_VALUE), pattern)
