"""The statements of IAM policies: what an identity may do, and who may assume a role.

Source: "IAM JSON policy element reference" (IAM user guide).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from providers.aws.policies.bucket_statements import Condition, conditions, matches, texts

Form = Literal["identity", "trust"]
"""``identity``: what its holder may do. ``trust``: who may assume the role."""
ELEMENTS = {
    "identity": {"sid", "effect", "action", "notaction", "resource", "notresource", "condition"},
    "trust": {"sid", "effect", "action", "notaction", "principal", "notprincipal", "condition"},
}
APPLIES_TO = {"identity": "resource", "trust": "principal"}
"""The element that names what a statement of each form applies to."""


@dataclass(frozen=True)
class IdentityStatement:
    """One statement of an identity or trust policy."""

    allow: bool
    actions: tuple[str, ...]
    """Patterns in lower case."""
    all_but: bool
    """It applies to every action except these (NotAction)."""
    resources: tuple[str, ...]
    """Patterns."""
    all_but_resources: bool
    """It applies to every resource except these (NotResource)."""
    principals: tuple[tuple[str, str], ...]
    """Type in lower case, and name; for everyone ``("aws", "*")``."""
    all_but_principals: bool
    """It applies to everyone except the principals (NotPrincipal)."""
    conditions: tuple[Condition, ...]

    def names(self, action: str) -> bool:
        """Whether it applies to the action, given in lower case."""
        return any(matches(pattern, action) for pattern in self.actions) != self.all_but


def statements(document: Any, form: Form) -> tuple[IdentityStatement, ...]:
    """The statements of a policy document, decoded or as JSON text.

    Raises :class:`ValueError` for anything that is not a policy of that form.
    """
    policy = _lowered(json.loads(document) if isinstance(document, str) else document)
    if not isinstance(policy, dict) or "statement" not in policy:
        raise ValueError("a policy without statements")
    found = policy["statement"]
    return tuple(_statement(each, form) for each in (found if isinstance(found, list) else [found]))


def _lowered(value: Any) -> Any:
    """Element names, operators and condition keys are case-insensitive and may occur only once."""
    if isinstance(value, list):
        return [_lowered(each) for each in value]
    if not isinstance(value, dict):
        return value
    found = {key.lower(): _lowered(each) for key, each in value.items()}
    if len(found) != len(value):
        raise ValueError("an element occurs twice")
    return found


def _statement(value: Any, form: Form) -> IdentityStatement:
    if not isinstance(value, dict) or value.keys() - ELEMENTS[form]:
        raise ValueError("a statement with unknown elements")
    if value.get("effect") not in ("Allow", "Deny"):
        raise ValueError("a statement without effect")
    actions, all_but = _either(value, "action")
    names, all_others = _either(value, APPLIES_TO[form])
    trust = form == "trust"
    return IdentityStatement(
        allow=value["effect"] == "Allow",
        actions=tuple(action.lower() for action in texts(actions)),
        all_but=all_but,
        resources=() if trust else texts(names),
        all_but_resources=all_others and not trust,
        principals=_principals(names) if trust else (),
        all_but_principals=all_others and trust,
        conditions=tuple(conditions(value.get("condition", {}))),
    )


def _either(value: dict[str, Any], element: str) -> tuple[Any, bool]:
    """The element's value, or that of its negation (``Not...``), and whether it is the negation."""
    if (element in value) == (f"not{element}" in value):
        raise ValueError(f"a statement without {element}")
    return (value[element], False) if element in value else (value[f"not{element}"], True)


def _principals(value: Any) -> tuple[tuple[str, str], ...]:
    if value == "*":
        return (("aws", "*"),)
    if not isinstance(value, dict) or not value:
        raise ValueError("a principal with an unknown format")
    return tuple((kind, name) for kind, names in value.items() for name in texts(names))
