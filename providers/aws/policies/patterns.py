"""IAM's patterns of ``*`` and ``?``: whether two have a text in common, and their policy variables.

Source: "IAM JSON policy elements: Resource" and "Policy elements: Variables and tags" (IAM user guide).
"""

from __future__ import annotations

import re

VARIABLE = re.compile(r"\$\{[^}]*\}")
LITERALS = {"${*}": "\x02", "${?}": "\x03", "${$}": "$"}
"""How a policy writes the characters that otherwise mean something. The first two become characters that
stand in no name."""
NOBODY = "\x04"
"""Stands for a policy variable where the worst case must not count on its value."""


def intersect(first: str, second: str) -> bool:
    """Whether some text fits both patterns, in time of one length times the other."""
    # reached[j]: the first i characters of one pattern and the first j of the other have a text in common.
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
    """The pattern with every policy variable able to be anything."""
    return VARIABLE.sub(lambda found: LITERALS.get(found[0], "*"), pattern)


def narrowest(pattern: str) -> str:
    """The pattern with every policy variable being what no other text has."""
    return VARIABLE.sub(lambda found: LITERALS.get(found[0], NOBODY), pattern)
