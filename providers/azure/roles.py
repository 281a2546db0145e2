"""Role assignments of the Resource Manager as roles: who may do what in a subscription.

Assignments at the subscription, at the management groups and the tenant above it, and at what is within it.
Eligible assignments, which someone has to activate first, are not among them.
https://learn.microsoft.com/rest/api/authorization/role-assignments/list-for-subscription
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from providers.azure.client.calls import ArmCall, Digest, DirectoryCall, IdentityCall
from providers.azure.client.completeness import allows, covers
from scanner.collect.collection import Facet, FacetRead, Table, asked, from_list
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
ROLE_DEFINITIONS = ArmCall(
    name="Microsoft.Authorization/RoleDefinitions_List",
    permission="Microsoft.Authorization/roleDefinitions/read",
    path="/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions",
    version="2022-04-01",
    paged=True,
)
RIGHTS = (
    "Microsoft.Authorization/roleAssignments/write",
    "Microsoft.Authorization/roleDefinitions/write",
    "Microsoft.Authorization/roleAssignmentScheduleRequests/write",
    "Microsoft.Authorization/roleEligibilityScheduleRequests/write",
    "Microsoft.Authorization/elevateAccess/action",
)
"""The actions by which someone gives rights to others or to themselves."""
_MICROSOFT = frozenset({"f8cdef31-a31e-4b4a-93e4-5f571e91255a", "72f988bf-86f1-41af-91ab-2d7cd011db47"})
"""The tenants that Microsoft's own applications are registered in."""
_WIDE = re.compile(r"(?:/subscriptions/[^/]+|/providers/microsoft\.management/managementgroups/[^/]+)?/?")
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
class Permit:
    """What a role allows."""

    name: str
    everything: bool
    """Every action, but for those that its holder can give to himself."""
    grants_rights: bool


@dataclass(frozen=True)
class Assigned:
    """The roles that are assigned at the whole subscription or above, by user and by group."""

    users: Mapping[str, frozenset[str]]
    groups: Mapping[str, frozenset[str]]


def permits(definitions: Iterable[Row]) -> Mapping[str, Permit]:
    """What each role allows, by the role's id. A role's permissions are several sets; each counts alone.

    https://learn.microsoft.com/azure/role-based-access-control/role-definitions
    """
    return {_role(row["id"]): _permit(row["properties"]) for row in definitions}


def _permit(properties: Row) -> Permit:
    permissions = properties["permissions"]
    return Permit(
        name=properties["roleName"],
        everything=any(
            any(covers(pattern, "*") for pattern in one["actions"]) and allows([one], RIGHTS[0])
            for one in permissions
        ),
        grants_rights=any(allows([one], action) for one in permissions for action in RIGHTS),
    )


def assigned(assignments: Iterable[Row]) -> Assigned:
    """The assignments to users and groups that hold for the whole subscription."""
    users: dict[str, set[str]] = defaultdict(set)
    groups: dict[str, set[str]] = defaultdict(set)
    for row in assignments:
        properties = row["properties"]
        kind = _principal_type(properties)
        if kind in ("user", "group") and _is_wide(properties):
            holders = users if kind == "user" else groups
            holders[properties["principalId"].lower()].add(_role(properties["roleDefinitionId"]))
    return Assigned(
        {holder: frozenset(roles) for holder, roles in users.items()},
        {holder: frozenset(roles) for holder, roles in groups.items()},
    )


def allow_everything(roles: Iterable[str], known: Mapping[str, Permit]) -> Observed[bool]:
    """Whether one of the roles allows everything."""
    return any_of(*(known[role].everything if role in known else _undefined(role) for role in sorted(roles)))


PERMITS = Digest(ROLE_DEFINITIONS, permits)
ASSIGNED = Digest(ROLE_ASSIGNMENTS, assigned)


def _outsiders(rows: Iterable[Row]) -> Mapping[str, bool]:
    return {row["id"].lower(): is_outsider(row) for row in rows}


def is_outsider(user: Row) -> bool:
    """Whether a user of the directory is a guest, or signs in at another tenant or identity provider.

    ``userType`` is Guest, or the name holds ``#EXT#``, or an identity is federated elsewhere.
    https://learn.microsoft.com/entra/external-id/user-properties
    """
    identities = user.get("identities") or ()
    federated = any(one["signInType"] == "federated" for one in identities)
    return user["userType"] == "Guest" or "#ext#" in user["userPrincipalName"].lower() or federated


def _owners(rows: Iterable[Row]) -> Mapping[str, str | None]:
    return {
        row["id"].lower(): row["appOwnerOrganizationId"] and row["appOwnerOrganizationId"].lower()
        for row in rows
    }


OUTSIDERS = DirectoryCall(
    name="Microsoft.Graph/users(userType)",
    permission="User.Read.All",
    path="users?$select=id,userType,userPrincipalName,identities&$top=999",
    paged=True,
    digest=_outsiders,
)
WORKLOADS = DirectoryCall(
    name="Microsoft.Graph/servicePrincipals",
    permission="Application.Read.All",
    path="servicePrincipals?$select=id,appOwnerOrganizationId&$top=999",
    paged=True,
    digest=_owners,
)


def header(partition: str, scope: str, item: Row) -> Mapping[str, Any]:
    """The header of an assignment, as the subscription sees it."""
    identifier = item["id"].lower()
    if not identifier.startswith("/"):
        raise ValueError("id")
    return {
        "provider": "azure",
        "partition": partition,
        "scope": scope,
        "region": None,
        "id": identifier,
        "name": f"{item['role'] or _role(item['properties']['roleDefinitionId'])} for "
        f"{item['properties']['principalId']}",
        "type": "azure.authorization.roleassignment",
    }


def role_name(item: Row, known: Mapping[str, Permit]) -> str | None:
    """The name of the assigned role; ``None`` where it is not among the roles."""
    permit = known.get(_role(item["properties"]["roleDefinitionId"]))
    return None if permit is None else permit.name


def named(name: Observed[str | None]) -> Observed[Mapping[str, Any]]:
    """The role's name for the header. Without one it goes by its id; what it allows is unknown then."""
    return {"role": None if isinstance(name, Unknown) else name}


def to_principal(item: Row) -> str:
    """``principalId``: an object id of the tenant's directory."""
    return str(item["properties"]["principalId"].lower())


def to_principal_type(item: Row) -> Literal["user", "group", "workload", "account"]:
    """``principalType``. A foreign group belongs to another tenant."""
    return _principal_type(item["properties"])


def to_everything(item: Row, known: Mapping[str, Permit]) -> Observed[bool]:
    """The role's actions hold ``*`` and its notActions leave the right to assign roles, by which its holder
    gets whatever else they take away; and it is assigned at the subscription or above."""
    if not _is_wide(item["properties"]):
        return False
    return allow_everything([_role(item["properties"]["roleDefinitionId"])], known)


def to_grants_rights(item: Row, known: Mapping[str, Permit]) -> Observed[bool]:
    """The role allows one of :data:`RIGHTS`, within whatever scope it is assigned at."""
    role = _role(item["properties"]["roleDefinitionId"])
    return known[role].grants_rights if role in known else _undefined(role)


def user_is_outsider(item: Row, outsiders: Mapping[str, bool]) -> Observed[bool]:
    """Whether the user who holds it is an outsider; false of what is no user."""
    principal = to_principal(item)
    if to_principal_type(item) != "user" or principal in outsiders:
        return outsiders.get(principal, False)
    return _nobody(OUTSIDERS, principal)


def workload_is_foreign(item: Row, owners: Mapping[str, str | None], tenant: str) -> Observed[bool]:
    """Whether the application that holds it is registered in another tenant, and not in one of Microsoft's;
    false of what is no application. A managed identity is registered nowhere."""
    principal = to_principal(item)
    if to_principal_type(item) != "workload":
        return False
    if principal not in owners:
        return _nobody(WORKLOADS, principal)
    return owners[principal] not in (None, tenant, *_MICROSOFT)


def to_external(kind: Observed[str], outsider: Observed[bool], foreign: Observed[bool]) -> Observed[bool]:
    """Only what is about the principal's own kind decides."""
    if isinstance(kind, Unknown):
        return kind
    if kind in ("user", "workload"):
        return outsider if kind == "user" else foreign
    return kind == "account"


def to_conditioned(item: Row) -> bool:
    """``condition`` narrows what the role may be used for.

    https://learn.microsoft.com/azure/role-based-access-control/conditions-overview
    """
    return bool(item["properties"].get("condition"))


def never_kept(item: Row) -> Unknown:
    """Azure does not keep when an assignment was last made use of."""
    return Unknown.because(
        "unsupported", ROLE_ASSIGNMENTS.name, None, "Azure does not keep when a role assignment was last used"
    )


def _principal_type(properties: Row) -> Literal["user", "group", "workload", "account"]:
    return _PRINCIPALS[properties["principalType"]]


def _is_wide(properties: Row) -> bool:
    return _WIDE.fullmatch(properties["scope"].lower()) is not None


def _role(definition: str) -> str:
    """The role's own id: the last part of the id under which a scope shows it."""
    return definition.rsplit("/", 1)[1].lower()


def _undefined(role: str) -> Unknown:
    return Unknown.because("error", ROLE_DEFINITIONS.name, None, f"role {role} is not among the roles")


def _nobody(call: DirectoryCall, principal: str) -> Unknown:
    return Unknown.because("error", call.name, None, f"{principal} is no longer in the directory")


def roles(partition: str, scope: str, tenant: str) -> Table[IdentityCall]:
    """The table for the role assignments of one subscription."""

    def foreign(item: Row, owners: Mapping[str, str | None]) -> Observed[bool]:
        return workload_is_foreign(item, owners, tenant)

    facets: Mapping[str, Facet[IdentityCall]] = {
        "tags": from_list(lambda item: {}),
        "principal": from_list(to_principal),
        "principal_type": from_list(to_principal_type),
        "everything": asked(PERMITS, to_everything),
        "grants_rights": asked(PERMITS, to_grants_rights),
        "external": Facet(
            (
                FacetRead(None, to_principal_type),
                FacetRead(OUTSIDERS, user_is_outsider),
                FacetRead(WORKLOADS, foreign),
            ),
            combine=to_external,
        ),
        "conditioned": from_list(to_conditioned),
        "last_used": from_list(never_kept),
    }
    return Table(
        kind=Role,
        list=ROLE_ASSIGNMENTS,
        header=lambda item: header(partition, scope, item),
        facets=facets,
        enrich=Facet((FacetRead(PERMITS, role_name),), combine=named),
    )


ROLES = roles("azure", "", "")
Assignments = Sequence[Observed[Assigned]]
"""Of each scanned subscription."""
