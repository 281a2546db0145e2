"""The statements of the policies that IAM keeps: what an identity may do, and who may take a role.

Source: "IAM JSON policy element reference" (IAM user guide).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from providers.aws.policies.bucket_statements import Condition, conditions, matches, texts

Form = Literal["identity", "trust"]
"""``identity``: about resources, of whom it is attached to. ``trust``: about who may take the role."""
ELEMENTS = {
    "identity": {"sid", "effect", "action", "notaction", "resource", "notresource", "condition"},
    "trust": {"sid", "effect", "action", "notaction", "principal", "notprincipal", "condition"},
}
SUBJECT = {"identity": "resource", "trust": "principal"}


@dataclass(frozen=True)
class IdentityStatement:
    """One statement, read."""

    allow: bool
    actions: tuple[str, ...]
    """Patterns in lower case."""
    all_but: bool
    """The actions are those that are left out (NotAction)."""
    resources: tuple[str, ...]
    """Patterns."""
    all_but_resources: bool
    """The resources are those that are left out (NotResource)."""
    principals: tuple[tuple[str, str], ...]
    """Type in lower case, and name; for everyone ``("aws", "*")``."""
    all_but_principals: bool
    """The principals are those that are left out (NotPrincipal)."""
    conditions: tuple[Condition, ...]

    def names(self, action: str) -> bool:
        """Whether the action, in lower case, is among those that it is about."""
        return any(matches(pattern, action) for pattern in self.actions) != self.all_but


def statements(document: Any, form: Form) -> tuple[IdentityStatement, ...]:
    """The statements of a policy document, decoded or as text.

    Raises :class:`ValueError` for anything that is not a policy of that form.
    """
    told = _lowered(json.loads(document) if isinstance(document, str) else document)
    if not isinstance(told, dict) or "statement" not in told:
        raise ValueError("a policy without statements")
    found = told["statement"]
    return tuple(_statement(each, form) for each in (found if isinstance(found, list) else [found]))


def _lowered(value: Any) -> Any:
    """Element names, operators and condition keys do not depend on case, and may stand only once."""
    if isinstance(value, list):
        return [_lowered(each) for each in value]
    if not isinstance(value, dict):
        return value
    found = {key.lower(): _lowered(each) for key, each in value.items()}
    if len(found) != len(value):
        raise ValueError("an element stands twice")
    return found


def _statement(value: Any, form: Form) -> IdentityStatement:
    if not isinstance(value, dict) or value.keys() - ELEMENTS[form]:
        raise ValueError("a statement with unknown elements")
    if value.get("effect") not in ("Allow", "Deny"):
        raise ValueError("a statement without effect")
    actions, all_but = _either(value, "action")
    subjects, others = _either(value, SUBJECT[form])
    trust = form == "trust"
    return IdentityStatement(
        allow=value["effect"] == "Allow",
        actions=tuple(action.lower() for action in texts(actions)),
        all_but=all_but,
        resources=() if trust else texts(subjects),
        all_but_resources=others and not trust,
        principals=_principals(subjects) if trust else (),
        all_but_principals=others and trust,
        conditions=tuple(conditions(value.get("condition", {}))),
    )


def _either(value: dict[str, Any], element: str) -> tuple[Any, bool]:
    """The element, or the one that names what is left out."""
    if (element in value) == (f"not{element}" in value):
        raise ValueError(f"a statement without {element}")
    return (value[element], False) if element in value else (value[f"not{element}"], True)


def _principals(told: Any) -> tuple[tuple[str, str], ...]:
    if told == "*":
        return (("aws", "*"),)
    if not isinstance(told, dict) or not told:
        raise ValueError("a principal of unknown form")
    return tuple((kind, name) for kind, names in told.items() for name in texts(names))
