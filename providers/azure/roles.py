"""Azure RBAC role assignments as roles: who may do what in a subscription.

Assignments at the subscription, at the management groups and tenant root above it, and at scopes within it.
Eligible assignments, which must be activated first: :mod:`providers.azure.eligibility`.
https://learn.microsoft.com/rest/api/authorization/role-assignments/list-for-subscription
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from providers.azure.client.calls import ArmCall, Digest, DirectoryCall, IdentityCall
from providers.azure.credentials import credentials_of_service_principal
from providers.azure.directory_users import is_external_user
from providers.azure.role_definitions import (
    PERMISSIONS_BY_ROLE,
    Grant,
    KnownRoles,
    everything,
    grants_rights,
    is_wide,
    restricts_who,
    role_id,
)
from providers.azure.workload_identities import USES, Owners, Targets, Use, reaches
from scanner.collect.table import Facet, FacetRead, Table, asked, from_list
from scanner.model.evidence import Observed, Unknown, any_of
from scanner.model.resources.identity import Role

Row = Mapping[str, Any]

ROLE_ASSIGNMENTS = ArmCall(
    name="Microsoft.Authorization/RoleAssignments_ListForSubscription",
    permission="Microsoft.Authorization/roleAssignments/read",
    path="/subscriptions/{subscription}/providers/Microsoft.Authorization/roleAssignments",
    version="2022-04-01",
    paged=True,
)
MICROSOFT = frozenset({"f8cdef31-a31e-4b4a-93e4-5f571e91255a", "72f988bf-86f1-41af-91ab-2d7cd011db47"})
"""The tenants in which Microsoft's own applications are registered."""
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
    """The roles of users and groups at all scopes, and those of workloads at the subscription or above."""

    users: Mapping[str, tuple[Grant, ...]]
    groups: Mapping[str, tuple[Grant, ...]]
    workloads: Mapping[str, tuple[Assignee, ...]]
    """By the role ID: there are fewer roles than workloads."""


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
        elif kind == "workload" and is_wide(grant.scope):
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


def granting_workloads(
    assigned: AssignedRoles, known: KnownRoles, grants_: Callable[[Grant, KnownRoles], Observed[bool]]
) -> Targets:
    """The workloads of which a role, at the subscription or above, grants rights by ``grants_``, or may."""
    found: dict[str, list[Observed[bool]]] = defaultdict(list)
    for role, assignees in assigned.workloads.items():
        if role not in known or known[role].may_grant:
            for one in assignees:
                found[one.principal].append(grants_(one.grant, known))
    facts = {workload: any_of(*each) for workload, each in found.items()}
    return {workload: fact for workload, fact in facts.items() if fact is not False}


def entitles(
    directly: Observed[bool],
    assignee: Observed[Assignee],
    assigned: Observed[AssignedRoles],
    known: Observed[KnownRoles],
    used: Observed[Sequence[Use]],
    owners: Observed[Owners],
) -> Observed[bool]:
    """Whether the role grants rights, or lets its holder sign in as a managed identity that has one that does
    at the subscription or above."""
    if directly is True:
        return True
    for needed in (assignee, known):
        if isinstance(needed, Unknown):
            return any_of(directly, needed)
    assert not isinstance(assignee, Unknown) and not isinstance(known, Unknown)
    targets: Observed[Targets] = (
        assigned
        if isinstance(assigned, Unknown)
        else {
            workload: fact
            for workload, fact in granting_workloads(assigned, known, grants_rights).items()
            if workload != assignee.principal
        }
    )
    return any_of(directly, reaches((assignee.grant,), known, targets, used, owners))


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


def _answer(item: Row, answer: Any) -> Any:
    return answer


ESCALATION_READS: tuple[FacetRead[IdentityCall], ...] = (
    FacetRead(ASSIGNED_ROLES, _answer),
    FacetRead(PERMISSIONS_BY_ROLE, _answer),
    FacetRead(USES, _answer),
    FacetRead(SERVICE_PRINCIPALS, _answer),
)
"""In the order of the last arguments of :func:`entitles`."""


def header(partition: str, scope: str, item: Row) -> Mapping[str, Any]:
    """The header of an assignment, in the subscription where it is listed."""
    identifier = item["id"].lower()
    if not identifier.startswith("/"):
        raise ValueError("id")
    return {
        "provider": "azure",
        "partition": partition,
        "scope": scope,
        "region": None,
        "id": identifier,
        "name": f"{item['role'] or role_id(item['properties']['roleDefinitionId'])} for "
        f"{item['properties']['principalId']}",
        "type": "azure.authorization.roleassignment",
    }


def role_name(item: Row, known: KnownRoles) -> str | None:
    """The name of the assigned role; ``None`` if its definition is not listed."""
    permit = known.get(role_id(item["properties"]["roleDefinitionId"]))
    return None if permit is None else permit.name


def named(name: Observed[str | None]) -> Observed[Mapping[str, Any]]:
    """The role's name for the header. Without one, its ID is used, and what it allows is unknown."""
    return {"role": None if isinstance(name, Unknown) else name}


def to_principal(item: Row) -> str:
    """``principalId``: an object ID in the tenant's directory."""
    return str(item["properties"]["principalId"].lower())


def to_principal_type(item: Row) -> Literal["user", "group", "workload", "account"]:
    """``principalType``. A foreign group belongs to another tenant."""
    return principal_type(item["properties"])


def to_everything(item: Row, known: KnownRoles) -> Observed[bool]:
    """Whether the role's actions add up to everything, its notActions do not exclude assigning roles (with
    which the holder can regain what they exclude), and it is assigned at the subscription or above."""
    properties = item["properties"]
    return is_wide(properties["scope"]) and everything(to_grant(properties), known)


def to_grants_rights(item: Row, known: KnownRoles) -> Observed[bool]:
    """Whether the role allows granting rights, at whatever scope it is assigned, and its condition leaves
    that."""
    return grants_rights(to_grant(item["properties"]), known)


def to_assignee(item: Row) -> Assignee:
    """Whose the assignment is, and what it grants."""
    return Assignee(to_principal(item), to_grant(item["properties"]))


def user_is_external(item: Row, external_users: Mapping[str, bool]) -> Observed[bool]:
    """Whether the assigned user is external; false if the principal is not a user."""
    principal = to_principal(item)
    if to_principal_type(item) != "user" or principal in external_users:
        return external_users.get(principal, False)
    return _not_in_directory(EXTERNAL_USERS, principal)


def workload_is_external(item: Row, owners: Mapping[str, str | None], tenant: str) -> Observed[bool]:
    """Whether the assigned application is registered in another tenant, other than Microsoft's; false if the
    principal is not an application. A managed identity is registered in no tenant."""
    principal = to_principal(item)
    if to_principal_type(item) != "workload":
        return False
    if principal not in owners:
        return _not_in_directory(SERVICE_PRINCIPALS, principal)
    return owners[principal] not in (None, tenant, *MICROSOFT)


def to_external(kind: Observed[str], user: Observed[bool], workload: Observed[bool]) -> Observed[bool]:
    """Whether the principal is external, by the fact for its type only."""
    if isinstance(kind, Unknown):
        return kind
    if kind in ("user", "workload"):
        return user if kind == "user" else workload
    return kind == "account"


def to_conditioned(item: Row, known: KnownRoles) -> Observed[bool]:
    """Whether a ``condition`` restricts who can use the role.

    https://learn.microsoft.com/azure/role-based-access-control/conditions-overview
    """
    return restricts_who(to_grant(item["properties"]), known)


def to_created(item: Row) -> datetime:
    """``createdOn``: https://learn.microsoft.com/rest/api/authorization/role-assignments."""
    moment = datetime.fromisoformat(item["properties"]["createdOn"])
    if moment.tzinfo is None:
        raise ValueError("createdOn is without a time zone")
    return moment


def last_used_unknown(item: Row) -> Unknown:
    """Azure does not record when an assignment was last used."""
    return Unknown.because(
        "unsupported",
        ROLE_ASSIGNMENTS.name,
        None,
        "Azure does not record when a role assignment was last used",
    )


def principal_type(properties: Row) -> Literal["user", "group", "workload", "account"]:
    """``principalType``, as gapscan names it."""
    return _PRINCIPALS[properties["principalType"]]


def _not_in_directory(call: DirectoryCall, principal: str) -> Unknown:
    return Unknown.because("error", call.name, None, f"principal {principal} is no longer in the directory")


def roles(partition: str, scope: str, tenant: str) -> Table[IdentityCall]:
    """The table for the role assignments of one subscription."""

    def is_external(item: Row, owners: Mapping[str, str | None]) -> Observed[bool]:
        return workload_is_external(item, owners, tenant)

    facets: Mapping[str, Facet[IdentityCall]] = {
        "tags": from_list(lambda item: {}),
        "principal": from_list(to_principal),
        "principal_type": from_list(to_principal_type),
        "everything": asked(PERMISSIONS_BY_ROLE, to_everything),
        "grants_rights": Facet(
            (
                FacetRead(PERMISSIONS_BY_ROLE, to_grants_rights),
                FacetRead(None, to_assignee),
                *ESCALATION_READS,
            ),
            combine=entitles,
        ),
        "external": Facet(
            (
                FacetRead(None, to_principal_type),
                FacetRead(EXTERNAL_USERS, user_is_external),
                FacetRead(SERVICE_PRINCIPALS, is_external),
            ),
            combine=to_external,
        ),
        "standing": from_list(lambda item: True),
        "conditioned": asked(PERMISSIONS_BY_ROLE, to_conditioned),
        "created": from_list(to_created),
        "last_used": from_list(last_used_unknown),
    }
    return Table(
        kind=Role,
        list=ROLE_ASSIGNMENTS,
        header=lambda item: header(partition, scope, item),
        facets=facets,
        enrich=Facet((FacetRead(PERMISSIONS_BY_ROLE, role_name),), combine=named),
    )


ROLES = roles("azure", "", "")
Assignments = Sequence[Observed[AssignedRoles]]
"""One for each scanned subscription."""
