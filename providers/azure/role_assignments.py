"""Azure RBAC role assignments: what is kept of each subscription's list, and the directory's principals.

Assignments at the subscription, at the management groups and tenant root above it, and at scopes within it.
https://learn.microsoft.com/rest/api/authorization/role-assignments/list-for-subscription
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from providers.azure.client.calls import ArmCall, Digest, DirectoryCall
from providers.azure.credentials import credentials_of_service_principal
from providers.azure.directory_users import is_external_user
from providers.azure.role_definitions import Grant, role_id
from scanner.model.evidence import Observed

Row = Mapping[str, Any]

ROLE_ASSIGNMENTS = ArmCall(
    name="Microsoft.Authorization/RoleAssignments_ListForSubscription",
    permission="Microsoft.Authorization/roleAssignments/read",
    path="/subscriptions/{subscription}/providers/Microsoft.Authorization/roleAssignments",
    version="2022-04-01",
    paged=True,
)
_PRINCIPALS: Mapping[str, Literal["user", "group", "workload", "account"]] = {
    "User": "user",
    "Group": "group",
    "ServicePrincipal": "workload",
    "MSI": "workload",
    "Application": "workload",
    "Device": "workload",
    "ForeignGroup": "account",
}


@dataclass(frozen=True)
class Assignee:
    """A principal, and the role assigned to it."""

    principal: str
    grant: Grant


@dataclass(frozen=True)
class AssignedRoles:
    """The roles of users, groups and workloads, at all scopes."""

    users: Mapping[str, tuple[Grant, ...]]
    groups: Mapping[str, tuple[Grant, ...]]
    workloads: Mapping[str, tuple[Assignee, ...]]
    """By the role ID: there are fewer roles than workloads."""

    @cached_property
    def of_workload(self) -> Mapping[str, tuple[Grant, ...]]:
        """The roles of each workload."""
        found: dict[str, list[Grant]] = defaultdict(list)
        for assignees in self.workloads.values():
            for one in assignees:
                found[one.principal].append(one.grant)
        return {workload: tuple(grants) for workload, grants in found.items()}

    @cached_property
    def derived(self) -> dict[Hashable, Any]:
        """What was found from it together with other answers: once, however many resources need it."""
        return {}


def assigned_roles(assignments: Iterable[Row]) -> AssignedRoles:
    """The assignments to users, groups and workloads."""
    users: dict[str, list[Grant]] = defaultdict(list)
    groups: dict[str, list[Grant]] = defaultdict(list)
    workloads: dict[str, list[Assignee]] = defaultdict(list)
    for row in assignments:
        properties = row["properties"]
        kind, principal = principal_type(properties), properties["principalId"].lower()
        grant = to_grant(properties)
        if kind in ("user", "group"):
            (users if kind == "user" else groups)[principal].append(grant)
        elif kind == "workload":
            workloads[grant.role].append(Assignee(principal, grant))
    return AssignedRoles(
        {holder: tuple(grants) for holder, grants in users.items()},
        {holder: tuple(grants) for holder, grants in groups.items()},
        {role: tuple(assignees) for role, assignees in workloads.items()},
    )


def to_grant(properties: Row) -> Grant:
    """The grant of an assignment."""
    condition = properties.get("condition")
    if not isinstance(condition, str | None):
        raise TypeError("condition")
    role = role_id(properties["roleDefinitionId"])
    return Grant(role, condition or None, properties["scope"].lower())


ASSIGNED_ROLES = Digest(ROLE_ASSIGNMENTS, assigned_roles)


def _external_users(rows: Iterable[Row]) -> Mapping[str, bool]:
    return {row["id"].lower(): is_external_user(row) for row in rows}


def _owners(rows: Iterable[Row]) -> Mapping[str, str | None]:
    return {
        row["id"].lower(): row["appOwnerOrganizationId"] and row["appOwnerOrganizationId"].lower()
        for row in rows
    }


EXTERNAL_USERS = DirectoryCall(
    name="Microsoft.Graph/users(userType)",
    permission="User.Read.All",
    path="users?$select=id,userType,userPrincipalName,identities&$top=999",
    paged=True,
    digest=_external_users,
)
SERVICE_PRINCIPALS = DirectoryCall(
    name="Microsoft.Graph/servicePrincipals",
    permission="Application.Read.All",
    path=(
        "servicePrincipals?$select=id,appId,displayName,passwordCredentials,keyCredentials"
        ",appOwnerOrganizationId,servicePrincipalType,accountEnabled,disabledByMicrosoftStatus&$top=999"
    ),
    paged=True,
    items=credentials_of_service_principal,
    digest=_owners,
)


def principal_type(properties: Row) -> Literal["user", "group", "workload", "account"]:
    """``principalType``, as gapscan names it."""
    return _PRINCIPALS[properties["principalType"]]


Assignments = Sequence[Observed[AssignedRoles]]
"""One for each scanned subscription."""
