"""Azure RBAC role assignments as roles: who may do what in a subscription.

Eligible assignments, which must be activated first: :mod:`providers.azure.eligibility`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from providers.azure.client.calls import DirectoryCall, IdentityCall
from providers.azure.privileged_workloads import (
    GROUPED_WORKLOADS,
    POLICY_IDENTITIES,
    PrivilegedWorkloads,
    Workloads,
    privileged_workloads,
    reaches,
)
from providers.azure.role_assignments import (
    ASSIGNED_ROLES,
    EXTERNAL_USERS,
    ROLE_ASSIGNMENTS,
    SERVICE_PRINCIPALS,
    AssignedRoles,
    Assignee,
    principal_type,
    to_grant,
)
from providers.azure.role_definitions import (
    PERMISSIONS_BY_ROLE,
    KnownRoles,
    everything,
    grants_rights,
    is_wide,
    restricts_who,
    role_id,
)
from providers.azure.workload_identities import USES, Owners, Use
from scanner.collect.table import Facet, FacetRead, Table, asked, from_list
from scanner.model.evidence import Observed, Unknown, any_of
from scanner.model.resources.identity import Role

Row = Mapping[str, Any]
MICROSOFT = frozenset({"f8cdef31-a31e-4b4a-93e4-5f571e91255a", "72f988bf-86f1-41af-91ab-2d7cd011db47"})
"""The tenants in which Microsoft's own applications are registered."""


def entitles(
    directly: Observed[bool],
    assignee: Observed[Assignee],
    assigned: Observed[AssignedRoles],
    known: Observed[KnownRoles],
    used: Observed[Sequence[Use]],
    policies: Observed[Sequence[Use]],
    members: Observed[Workloads],
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
    privileged: Observed[PrivilegedWorkloads]
    if isinstance(assigned, Unknown):
        privileged = assigned
    else:
        found = privileged_workloads(assigned, known, used, policies, members, owners)
        privileged = found.without(assignee.principal)
    return any_of(directly, reaches((assignee.grant,), known, privileged, used, policies, owners))


def _answer(item: Row, answer: Any) -> Any:
    return answer


ESCALATION_READS: tuple[FacetRead[IdentityCall], ...] = (
    FacetRead(ASSIGNED_ROLES, _answer),
    FacetRead(PERMISSIONS_BY_ROLE, _answer),
    FacetRead(USES, _answer),
    FacetRead(POLICY_IDENTITIES, _answer),
    FacetRead(GROUPED_WORKLOADS, _answer),
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
