"""Policies of resources as AWS writes them: JSON into statements.

Source: "IAM JSON policy element reference" (IAM user guide).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Literal

from scanner.policy.addresses import addresses
from scanner.policy.admission import Statement
from scanner.policy.conditions import Condition, Test

Form = Literal["resource", "trust"]
"""``resource``: who may do what with a resource. ``trust``: who may assume the role that has the policy."""
ELEMENTS = frozenset({"sid", "effect", "principal", "notprincipal", "action", "notaction", "condition"})
OF_RESOURCES = frozenset({"resource", "notresource"})

OPERATORS: Mapping[str, tuple[Test, bool, str]] = MappingProxyType(
    {
        "stringequals": ("equal", False, ""),
        "stringnotequals": ("equal", True, ""),
        "stringequalsignorecase": ("equal ignoring case", False, ""),
        "stringnotequalsignorecase": ("equal ignoring case", True, ""),
        "stringlike": ("like", False, ""),
        "stringnotlike": ("like", True, ""),
        "arnequals": ("like", False, ""),
        "arnnotequals": ("like", True, ""),
        "arnlike": ("like", False, ""),
        "arnnotlike": ("like", True, ""),
        "ipaddress": ("address", False, ""),
        "notipaddress": ("address", True, ""),
        "bool": ("flag", False, ""),
        "null": ("present", False, ""),
        "numericequals": ("number", False, "=="),
        "numericnotequals": ("number", True, "=="),
        "numericlessthan": ("number", False, "<"),
        "numericlessthanequals": ("number", False, "<="),
        "numericgreaterthan": ("number", False, ">"),
        "numericgreaterthanequals": ("number", False, ">="),
        "datenotequals": ("other", True, ""),
    }
)
"""By name: how values are compared, whether the result is negated, and for numbers by what. ``ArnEquals`` and
``ArnLike`` are the same. Dates and binary values, and what is not listed, are not evaluated."""
QUALIFIERS: Mapping[str, Literal["", "any", "all"]] = MappingProxyType(
    {"": "", "foranyvalue": "any", "forallvalues": "all"}
)

OWN_ORGANISATION = "o-\x00own"
"""Stands for the organisation of the resource itself, whatever its id."""
VARIABLE = re.compile(r"\$\{([^}]*)\}")
OF_REQUESTER: Mapping[str, str] = MappingProxyType(
    {"aws:resourceaccount": "aws:principalaccount", "aws:resourceorgid": "aws:principalorgid"}
)
"""Condition keys of the resource, and the key of the requester that is compared with them."""


def parse(document: Any, form: Form, account: str) -> tuple[Statement, ...]:
    """The statements of a policy of a resource in the account: a document, decoded or as JSON text.

    Raises :class:`ValueError` for anything that is not a policy of that form.
    """
    policy = decoded(document)
    if not isinstance(policy, dict) or "statement" not in policy:
        raise ValueError("a policy without statements")
    found = policy["statement"]
    return tuple(
        _statement(number, each, form, account)
        for number, each in enumerate(found if isinstance(found, list) else [found], start=1)
    )


def decoded(document: Any) -> Any:
    """A document, decoded or as JSON text, with names of elements, operators and condition keys in lower
    case: case does not matter to them, and each may occur only once. Raises :class:`ValueError`."""
    try:
        if isinstance(document, str):
            return json.loads(document, object_pairs_hook=_once)
        return _lowered(document)
    except RecursionError:
        raise ValueError("a policy that is nested too deeply") from None


def _lowered(value: Any) -> Any:
    if isinstance(value, list):
        return [_lowered(each) for each in value]
    if isinstance(value, dict):
        return _once([(key, _lowered(each)) for key, each in value.items()])
    return value


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = {key.lower(): value for key, value in pairs}
    if len(found) != len(pairs):
        raise ValueError("an element occurs twice")
    return found


def _statement(number: int, value: Any, form: Form, account: str) -> Statement:
    known = ELEMENTS | (OF_RESOURCES if form == "resource" else frozenset())
    if not isinstance(value, dict) or value.keys() - known:
        raise ValueError("a statement with unknown elements")
    if value.get("effect") not in ("Allow", "Deny"):
        raise ValueError("a statement without effect")
    actions, all_but = either(value, "action")
    principals, all_but_principals = either(value, "principal")
    resources, all_but_resources = either(value, "resource") if form == "resource" else ([], False)
    return Statement(
        number=number,
        allow=value["effect"] == "Allow",
        principals=_principals(principals),
        all_but_principals=all_but_principals,
        actions=tuple(action.lower() for action in texts(actions)),
        all_but=all_but,
        resources=texts(resources),
        all_but_resources=all_but_resources,
        conditions=tuple(_about_owner(each, account) for each in conditions(value.get("condition", {}))),
    )


def either(value: dict[str, Any], element: str) -> tuple[Any, bool]:
    """An element's value, or that of its negation (``Not…``), and whether it is the negation.

    Raises :class:`ValueError` unless the statement has one of them.
    """
    if (element in value) == (f"not{element}" in value):
        raise ValueError(f"a statement without {element}")
    return (value[element], False) if element in value else (value[f"not{element}"], True)


def _principals(value: Any) -> tuple[tuple[str, str], ...]:
    if value == "*":
        return (("aws", "*"),)
    if not isinstance(value, dict) or not value:
        raise ValueError("a principal with an unknown format")
    return tuple((kind, name) for kind, names in value.items() for name in texts(names))


def conditions(value: Any) -> Iterator[Condition]:
    """The conditions of a statement, with all names in lower case. Raises :class:`ValueError`."""
    if not isinstance(value, dict):
        raise ValueError("a condition with an unknown format")
    for named, keys in value.items():
        if not isinstance(keys, dict):
            raise ValueError("a condition with an unknown format")
        qualifier, _, name = named.rpartition(":")
        if qualifier not in QUALIFIERS:
            raise ValueError("a condition with an unknown qualifier")
        operator = name.removesuffix("ifexists")
        test, negated, comparison = OPERATORS.get(operator, ("other", False, ""))
        for key, given in keys.items():
            values = tuple(map(_text, given if isinstance(given, list) else [given]))
            compared = test
            if test == "address":
                addresses(values)
            if operator.startswith("arn") and any(value.count(":") < 5 for value in values):
                # What has fewer parts than an ARN is compared in a way that is not documented.
                compared = "other"
            yield Condition(
                key=key,
                operator=operator,
                test=compared,
                negated=negated,
                qualifier=QUALIFIERS[qualifier],
                if_exists=name.endswith("ifexists"),
                values=values,
                comparison=comparison,
            )


def _about_owner(condition: Condition, account: str) -> Condition:
    """The condition with the owner of the resource in place of the variables that stand for him.

    A resource's own account or organisation, compared with the requester's, is a condition on the requester.
    """
    own = {"aws:resourceaccount": account, "aws:resourceorgid": OWN_ORGANISATION}
    key = condition.key
    values = tuple(own.get(_variable(value) or "", value) for value in condition.values)
    if key in OF_REQUESTER and {_variable(value) for value in values} == {OF_REQUESTER[key]}:
        key, values = OF_REQUESTER[key], (own[key],)
    return condition if values == condition.values else replace(condition, key=key, values=values)


def _variable(value: str) -> str | None:
    """The key in lower case, if the value is a policy variable and nothing else."""
    found = VARIABLE.fullmatch(value)
    return found[1].lower() if found else None


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    raise ValueError("a value with an unknown format")


def texts(value: Any) -> tuple[str, ...]:
    """One string or a list of strings. Raises :class:`ValueError` for anything else."""
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(each, str) for each in values):
        raise ValueError("a value with an unknown format")
    return tuple(values)
