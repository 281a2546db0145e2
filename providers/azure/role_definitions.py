"""Role definitions: what their permissions add up to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from providers.azure.assignment_conditions import (
    Combination,
    Comparison,
    Expression,
    Inverse,
    Matches,
    conjunction,
    parse,
    restricted,
)
from providers.azure.client.calls import ArmCall, Digest
from providers.azure.client.completeness import allows, covers
from scanner.model.evidence import Observed, Unknown, all_of, any_of

Row = Mapping[str, Any]

ROLE_DEFINITIONS = ArmCall(
    name="Microsoft.Authorization/RoleDefinitions_List",
    permission="Microsoft.Authorization/roleDefinitions/read",
    path="/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions",
    version="2022-04-01",
    paged=True,
)
ASSIGN = "Microsoft.Authorization/roleAssignments/write"
_REQUESTS = (
    "Microsoft.Authorization/roleAssignmentScheduleRequests/write",
    "Microsoft.Authorization/roleEligibilityScheduleRequests/write",
)
RIGHTS = (ASSIGN, "Microsoft.Authorization/roleDefinitions/write", *_REQUESTS)
"""The actions that grant permissions to others or to oneself."""
ELEVATE = "Microsoft.Authorization/elevateAccess/action"
"""A call at the root of the tenant: only a role that is assigned there allows it.
https://learn.microsoft.com/azure/role-based-access-control/elevate-access-global-admin"""
_EVERY = tuple(f"Microsoft.*/{verb}" for verb in ("read", "write", "delete", "action"))
"""The four ends that actions have. A role that allows these allows all that Microsoft's services offer.
https://learn.microsoft.com/azure/role-based-access-control/role-definitions"""
_ASSIGNMENTS = "Microsoft.Authorization/RoleAssignments_ListForSubscription"
_ROLE = "@request[microsoft.authorization/roleassignments:roledefinitionid]"
_SOMEONE = ("@principal[", "@environment[")
_TIME = "@environment[utcnow]"
_WIDE = re.compile(r"(?:/subscriptions/[^/]+|/providers/microsoft\.management/managementgroups/[^/]+)?/?")


@dataclass(frozen=True)
class RolePermissions:
    """What a role allows."""

    name: str
    permissions: tuple[Row, ...]
    """Its permission sets: each allows its actions but for its own notActions."""

    @cached_property
    def everything(self) -> bool:
        """Every action, except those that its holder can grant themselves."""
        patterns = [pattern for one in self.permissions for pattern in one["actions"]]
        whole = all(any(covers(pattern, action) for pattern in patterns) for action in _EVERY)
        return whole and self.allows(ASSIGN)

    @cached_property
    def grants_rights(self) -> bool:
        """Any of :data:`RIGHTS`, wherever it is assigned."""
        return any(self.allows(action) for action in RIGHTS)

    @cached_property
    def may_grant(self) -> bool:
        """The same, or :data:`ELEVATE`."""
        return self.grants_rights or self.allows(ELEVATE)

    def allows(self, action: str) -> bool:
        """Whether one of the permission sets allows the action."""
        return allows(self.permissions, action)

    def allows_data(self, action: str) -> bool:
        """The same of a data action."""
        data = (
            {"actions": one.get("dataActions") or (), "notActions": one.get("notDataActions") or ()}
            for one in self.permissions
        )
        return allows(data, action)

    def patterns(self) -> Iterable[str]:
        """The actions and data actions."""
        for one in self.permissions:
            yield from one["actions"]
            yield from one.get("dataActions") or ()


KnownRoles = Mapping[str, RolePermissions]
"""By role ID, in lower case."""


def permissions_by_role(definitions: Iterable[Row]) -> KnownRoles:
    """What each role allows, by role ID."""
    return {role_id(row["id"]): _role_permissions(row["properties"]) for row in definitions}


def _role_permissions(properties: Row) -> RolePermissions:
    found = RolePermissions(properties["roleName"], tuple(properties["permissions"]))
    # Malformed definitions raise here, once, and not wherever they are used.
    _ = found.everything, found.grants_rights, tuple(found.patterns())
    return found


PERMISSIONS_BY_ROLE = Digest(ROLE_DEFINITIONS, permissions_by_role)


def role_id(definition: str) -> str:
    """The role ID: the last segment of a role definition ID."""
    return definition.rsplit("/", 1)[-1].lower()


@dataclass(frozen=True)
class Grant:
    """A role assigned to a principal."""

    role: str
    """The role ID."""
    condition: str | None
    scope: str
    """In lower case."""

    def applies_to(self, resource: str) -> bool:
        """Whether a resource of the subscription, its ID in lower case, is in the scope.

        Of a resource of a management group above the subscription: whether it may be.
        """
        if resource.startswith("/providers/microsoft.management/"):
            return not self.scope.startswith("/subscriptions/")
        whole = is_wide(self.scope) or resource == self.scope
        return whole or resource.startswith(f"{self.scope.rstrip('/')}/")


def is_wide(scope: str) -> bool:
    """Whether the scope is the subscription, or above."""
    return _WIDE.fullmatch(scope.lower()) is not None


def everything(grant: Grant, known: KnownRoles) -> Observed[bool]:
    """Whether the role allows everything, and no condition effectively restricts the assignment of roles."""
    if grant.role not in known:
        return undefined(grant.role)
    if not known[grant.role].everything:
        return False
    return allowed(ASSIGN, grant, known)


def grants_rights(grant: Grant, known: KnownRoles) -> Observed[bool]:
    """Whether the role allows one of :data:`RIGHTS`, under its condition, or :data:`ELEVATE` at the root."""
    if grant.role not in known:
        return undefined(grant.role)
    role = known[grant.role]
    actions = [action for action in RIGHTS if role.allows(action)]
    if grant.scope == "/" and role.allows(ELEVATE):
        actions.append(ELEVATE)
    return any_of(*(allowed(action, grant, known) for action in actions))


def administers(grant: Grant, known: KnownRoles) -> Observed[bool]:
    """Whether the holder has, or can assign himself, every right: as :func:`grants_rights`, by assignments.

    Whoever may only write definitions gains nothing where no custom role is assigned to him; requests for
    assignments count where the role allows no assignment itself.
    """
    if grant.role not in known:
        return undefined(grant.role)
    role = known[grant.role]
    actions = [ASSIGN] if role.allows(ASSIGN) else [action for action in _REQUESTS if role.allows(action)]
    if grant.scope == "/" and role.allows(ELEVATE):
        actions.append(ELEVATE)
    return any_of(*(allowed(action, grant, known) for action in actions))


def restricts_who(grant: Grant, known: KnownRoles) -> Observed[bool]:
    """Whether a condition restricts who can use the role, for every action that the role allows.

    One about certain actions leaves all others alone; one about what they are used on (``@Resource``,
    ``@Request``) or about the time restricts nobody.
    """
    if not grant.condition:
        return False
    if grant.role not in known:
        return undefined(grant.role)
    condition = _parsed(grant.condition)
    if isinstance(condition, Unknown):
        return condition
    facts: list[Observed[bool]] = []
    for pattern in known[grant.role].patterns():
        for covered in (True, False):
            matches = partial(_covers_pattern, pattern, covered)
            if covered or not _all_covered(condition, pattern):
                facts.append(_who(restricted(condition, matches)))
    return all_of(*facts)


def _all_covered(condition: Expression, pattern: str) -> bool:
    """Whether every action of the pattern is one that the condition names."""
    if isinstance(condition, Matches):
        return covers(condition.pattern, pattern)
    if isinstance(condition, Inverse):
        return _all_covered(condition.term, pattern)
    if isinstance(condition, Combination):
        return any(_all_covered(term, pattern) for term in condition.terms)
    return False


def _covers_pattern(pattern: str, covered: bool, named: str) -> bool:
    return covered and covers(named, pattern)


def _who(left: bool | Expression) -> Observed[bool]:
    """Whether what must hold restricts who can use the action; one that nobody can use restricts."""
    if isinstance(left, bool):
        return not left
    if isinstance(left, Combination):
        parts = [_who(term) for term in left.terms]
        return any_of(*parts) if left.operator == "and" else all_of(*parts)
    if isinstance(left, Comparison):
        about = [name for name in left.attributes if name.startswith(_SOMEONE) and name != _TIME]
        if not about:
            return False
        # "Not equal" and "exists" are true of nearly everybody.
        return True if "not" not in left.operator and left.operator != "exists" else _doubtful()
    if isinstance(left, Inverse):
        inner = _who(left.term)
        return _doubtful() if inner is not False else False
    return _doubtful()


def allowed(action: str, grant: Grant, known: KnownRoles) -> Observed[bool]:
    """Whether the condition lets the holder use the action to any effect."""
    if not grant.condition:
        return True
    condition = _parsed(grant.condition)
    if isinstance(condition, Unknown):
        return condition
    left = restricted(condition, lambda pattern: covers(pattern, action))
    if isinstance(left, bool):
        return left
    if action != ASSIGN:
        return _doubtful()
    return _assigns_powerful(left, known)


def _assigns_powerful(left: Expression, known: KnownRoles) -> Observed[bool]:
    """Whether the roles that may be assigned include one that allows everything or grants rights.

    https://learn.microsoft.com/azure/role-based-access-control/delegate-role-assignments-examples
    """
    powerful = {role for role, one in known.items() if one.everything or one.grants_rights}
    terms = conjunction(left)
    facts: list[Observed[bool]] = []
    for term in terms:
        fact: Observed[bool] = _doubtful()
        if isinstance(term, Comparison) and term.attributes == (_ROLE,):
            fact = _lets_assign(term, powerful, known)
        facts.append(fact)
    # A restriction to harmless roles holds whatever else is required.
    return all_of(*facts)


def _lets_assign(term: Comparison, powerful: set[str], known: KnownRoles) -> Observed[bool]:
    operator = term.operator.rpartition(":")[2]
    if operator == "guidequals":
        undefined_roles = sorted(term.values - known.keys())
        return any_of(bool(term.values & powerful), *(undefined(role) for role in undefined_roles))
    if operator == "guidnotequals":
        return bool(powerful - term.values)
    return _doubtful()


def _parsed(condition: str) -> Observed[Expression]:
    try:
        return parse(condition)
    except (ValueError, RecursionError):
        return _doubtful()


def _doubtful() -> Unknown:
    message = "what the condition of the role assignment leaves is not definite"
    return Unknown.because("unsupported", _ASSIGNMENTS, None, message)


def undefined(role: str) -> Unknown:
    """Why what a role allows is unknown."""
    return Unknown.because("error", ROLE_DEFINITIONS.name, None, f"role definition {role} is not listed")
