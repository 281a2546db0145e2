"""The statements of identity policies: what an identity may do.

Source: "IAM JSON policy element reference" (IAM user guide).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from providers.aws.policies.documents import conditions, decoded, either, texts
from scanner.policy.conditions import Condition
from scanner.policy.patterns import matches

ELEMENTS = frozenset({"sid", "effect", "action", "notaction", "resource", "notresource", "condition"})


@dataclass(frozen=True)
class IdentityStatement:
    """One statement of an identity policy."""

    allow: bool
    actions: tuple[str, ...]
    """Patterns in lower case."""
    all_but: bool
    """It applies to every action except these (NotAction)."""
    resources: tuple[str, ...]
    """Patterns."""
    all_but_resources: bool
    """It applies to every resource except these (NotResource)."""
    conditions: tuple[Condition, ...]

    def names(self, action: str) -> bool:
        """Whether it applies to the action, given in lower case."""
        return any(matches(pattern, action) for pattern in self.actions) != self.all_but


def statements(document: Any) -> tuple[IdentityStatement, ...]:
    """The statements of a policy document, decoded or as JSON text.

    Raises :class:`ValueError` for anything that is not an identity policy.
    """
    policy = decoded(document)
    if not isinstance(policy, dict) or "statement" not in policy:
        raise ValueError("a policy without statements")
    found = policy["statement"]
    return tuple(_statement(each) for each in (found if isinstance(found, list) else [found]))


def _statement(value: Any) -> IdentityStatement:
    if not isinstance(value, dict) or value.keys() - ELEMENTS:
        raise ValueError("a statement with unknown elements")
    if value.get("effect") not in ("Allow", "Deny"):
        raise ValueError("a statement without effect")
    actions, all_but = either(value, "action")
    resources, all_but_resources = either(value, "resource")
    return IdentityStatement(
        allow=value["effect"] == "Allow",
        actions=tuple(action.lower() for action in texts(actions)),
        all_but=all_but,
        resources=texts(resources),
        all_but_resources=all_but_resources,
        conditions=tuple(conditions(value.get("condition", {}))),
    )
