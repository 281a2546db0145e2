"""IAM's patterns of ``*`` and ``?``: whether two can match the same text, and their policy variables.

Source: "IAM JSON policy elements: Resource" and "Policy elements: Variables and tags" (IAM user guide).
"""

from __future__ import annotations

import re

VARIABLE = re.compile(r"\$\{[^}]*\}")
LITERALS = {"${*}": "\x02", "${?}": "\x03", "${$}": "$"}
"""Escapes of special characters in a policy. The first two become characters that occur in no name."""
NO_VALUE = "\x04"
"""Replaces a policy variable where its value must not be relied on."""


def intersect(first: str, second: str) -> bool:
    """Whether some text matches both patterns, in O(first × second) time."""
    # reached[j]: the first i characters of one pattern and the first j of the other can match the same text.
    reached = [True]
    for there in second:
        reached.append(reached[-1] and there == "*")
    for here in first:
        row = [reached[0] and here == "*"]
        for j, there in enumerate(second, start=1):
            if here == "*" or there == "*":
                row.append(reached[j] or row[j - 1])
            else:
                row.append(reached[j - 1] and (here == there or "?" in (here, there)))
        reached = row
    return reached[-1]


def widest(pattern: str) -> str:
    """The pattern with every policy variable replaced by ``*``."""
    return VARIABLE.sub(lambda found: LITERALS.get(found[0], "*"), pattern)


def narrowest(pattern: str) -> str:
    """The pattern with every policy variable replaced by a character that no text contains."""
    return VARIABLE.sub(lambda found: LITERALS.get(found[0], NO_VALUE), pattern)
