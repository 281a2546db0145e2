"""The Microsoft Graph calls about a tenant, and what is kept of each answer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from providers.azure.administrators import administrations
from providers.azure.client.calls import DirectoryCall, IdentityCall, MembersCall
from providers.azure.conditional_access import (
    ADMINISTRATORS,
    CALL,
    Holders,
    Members,
    Policy,
    named_groups,
    policies,
)
from providers.azure.credentials import credentials_of_application
from providers.azure.directory_users import DirectoryUsers, directory_users
from providers.azure.eligibility import ELIGIBLE, UNLICENSED
from providers.azure.privileged_workloads import GROUPED_WORKLOADS, POLICY_IDENTITIES, Workloads
from providers.azure.role_assignments import ASSIGNED_ROLES, SERVICE_PRINCIPALS, Assignments
from providers.azure.role_definitions import PERMISSIONS_BY_ROLE, KnownRoles
from providers.azure.sign_in_requirements import Requirements
from providers.azure.workload_identities import USES, Owners, Use
from scanner.collect.table import FacetRead
from scanner.model.evidence import Observed, Unknown, join

Row = Mapping[str, Any]


def _by_id(rows: Iterable[Row]) -> Mapping[str, Row]:
    return {row["id"].lower(): row for row in rows}


def _domains(rows: Iterable[Row]) -> Mapping[str, str]:
    return {row["id"].lower(): row["authenticationType"] for row in rows}


def directory_roles(rows: Iterable[Row]) -> Mapping[str, Holders]:
    """The current holders of each directory role in the whole tenant, or those who may activate it, by the
    role's template ID.

    https://learn.microsoft.com/graph/api/rbacapplication-list-roleassignments
    https://learn.microsoft.com/graph/api/rbacapplication-list-roleeligibilityscheduleinstances
    """
    users: dict[str, set[str]] = defaultdict(set)
    groups: dict[str, set[str]] = defaultdict(set)
    unknown_type: dict[str, set[str]] = defaultdict(set)
    kinds = {"#microsoft.graph.user": users, "#microsoft.graph.group": groups}
    role_ids = set()
    for row in rows:
        if row["directoryScopeId"] != "/":
            continue
        role = row["roleDefinitionId"].lower()
        role_ids.add(role)
        kind = str((row.get("principal") or {}).get("@odata.type"))
        if kind != "#microsoft.graph.servicePrincipal":
            kinds.get(kind, unknown_type)[role].add(row["principalId"].lower())
    return {
        role: Holders(*(frozenset(each[role]) for each in (users, groups, unknown_type))) for role in role_ids
    }


def group_users(rows: Iterable[Row]) -> frozenset[str]:
    """The users among the transitive members of a group.

    https://learn.microsoft.com/graph/api/group-list-transitivemembers
    """
    return frozenset(row["id"].lower() for row in rows if row["@odata.type"] == "#microsoft.graph.user")


def per_user_mfa(requirements: Row) -> str:
    """``perUserMfaState``: ``disabled``, ``enabled`` or ``enforced``.

    https://learn.microsoft.com/graph/api/resources/strongauthenticationrequirements
    """
    state = requirements["perUserMfaState"]
    if state not in ("disabled", "enabled", "enforced"):
        raise ValueError("perUserMfaState")
    return str(state)


ORGANISATION = DirectoryCall(
    name="Microsoft.Graph/organization",
    permission="Organization.Read.All",
    path="organization?$select=id,displayName",
    paged=True,
)
USERS_LIST = DirectoryCall(
    name="Microsoft.Graph/users",
    permission="User.Read.All",
    path="users?$select=id,userPrincipalName,accountEnabled,userType,identities,createdDateTime&$top=999",
    paged=True,
    digest=directory_users,
)
# Separate from the users, so that these are listed without this permission and licence too.
SIGN_INS = DirectoryCall(
    name="Microsoft.Graph/users(signInActivity)",
    permission="AuditLog.Read.All",
    path="users?$select=id,signInActivity&$top=120",
    paged=True,
    digest=_by_id,
)
REGISTRATIONS = DirectoryCall(
    name="Microsoft.Graph/reports/authenticationMethods/userRegistrationDetails",
    permission="AuditLog.Read.All",
    path="reports/authenticationMethods/userRegistrationDetails",
    paged=True,
    digest=_by_id,
)
DOMAINS = DirectoryCall(
    name="Microsoft.Graph/domains",
    permission="Domain.Read.All",
    path="domains?$select=id,authenticationType",
    paged=True,
    digest=_domains,
)
DIRECTORY_ROLES = DirectoryCall(
    name="Microsoft.Graph/roleManagement/directory/roleAssignments",
    permission="RoleManagement.Read.Directory",
    path="roleManagement/directory/roleAssignments?$expand=principal",
    paged=True,
    digest=directory_roles,
)
ELIGIBLE_DIRECTORY_ROLES = DirectoryCall(
    name="Microsoft.Graph/roleManagement/directory/roleEligibilityScheduleInstances",
    permission="RoleManagement.Read.Directory",
    path="roleManagement/directory/roleEligibilityScheduleInstances?$expand=principal",
    paged=True,
    digest=directory_roles,
    absent=UNLICENSED,
)
GROUP_MEMBERS = DirectoryCall(
    name="Microsoft.Graph/groups/transitiveMembers",
    permission="GroupMember.Read.All",
    path="groups/{group}/transitiveMembers?$select=id&$top=999",
    paged=True,
    digest=group_users,
)
USER_REQUIREMENTS = DirectoryCall(
    name="Microsoft.Graph/users/authentication/requirements",
    permission="Policy.Read.All",
    path="users/{user}/authentication/requirements",
    # Nothing else tells the per-user setting: https://learn.microsoft.com/graph/api/authentication-get
    version="beta",
    digest=per_user_mfa,
)
DEFAULTS = DirectoryCall(
    name="Microsoft.Graph/policies/identitySecurityDefaultsEnforcementPolicy",
    permission="Policy.Read.All",
    path="policies/identitySecurityDefaultsEnforcementPolicy",
)
POLICIES = DirectoryCall(
    name=CALL,
    permission="Policy.Read.All",
    path="identity/conditionalAccess/policies",
    paged=True,
    digest=policies,
)
AUTHORISATION = DirectoryCall(
    name="Microsoft.Graph/policies/authorizationPolicy",
    permission="Policy.Read.All",
    path="policies/authorizationPolicy",
)
APPLICATIONS = DirectoryCall(
    name="Microsoft.Graph/applications",
    permission="Application.Read.All",
    path=(
        "applications?$select=id,appId,displayName,disabledByMicrosoftStatus,passwordCredentials,keyCredentials"
        "&$top=999"
    ),
    paged=True,
    items=credentials_of_application,
)


def _administrator_groups(*found: Observed[Mapping[str, Holders]]) -> frozenset[str]:
    known = [roles for roles in found if not isinstance(roles, Unknown)]
    return frozenset[str]().union(
        *(roles[role].groups for roles in known for role in ADMINISTRATORS if role in roles)
    )


def _owner_groups(
    assignments: Observed[Assignments],
    eligible: Observed[Assignments],
    known: Observed[Sequence[Observed[KnownRoles]]],
    used: Observed[Sequence[Observed[Sequence[Use]]]],
    policies: Observed[Sequence[Observed[Sequence[Use]]]],
    members: Observed[Workloads],
    owners: Observed[Owners],
) -> frozenset[str]:
    """The groups that administer a subscription, or may, or whose members may together with other roles."""
    if isinstance(assignments, Unknown) or isinstance(known, Unknown) or isinstance(used, Unknown):
        return frozenset()
    if isinstance(eligible, Unknown):
        eligible = [eligible] * len(assignments)
    if isinstance(policies, Unknown):
        policies = [policies] * len(assignments)
    found = frozenset[str]()
    for one in administrations(assignments, eligible, known, used, policies, members, owners):
        if not isinstance(one, Unknown):
            groups = one.assigned.groups.items()
            found |= {group for group, grants in groups if one.of(grants) is not False} | one.halves()
    return found


ADMINISTRATOR_GROUPS = MembersCall(
    GROUP_MEMBERS, (DIRECTORY_ROLES, ELIGIBLE_DIRECTORY_ROLES), _administrator_groups
)
POLICY_GROUPS = MembersCall(
    GROUP_MEMBERS, (POLICIES, DIRECTORY_ROLES, ELIGIBLE_DIRECTORY_ROLES), named_groups
)
OWNER_GROUPS = MembersCall(
    GROUP_MEMBERS,
    (
        *(ASSIGNED_ROLES, ELIGIBLE, PERMISSIONS_BY_ROLE, USES),
        *(POLICY_IDENTITIES, GROUPED_WORKLOADS, SERVICE_PRINCIPALS),
    ),
    _owner_groups,
)


def header(partition: str, tenant: str, path: str, name: str, kind: str) -> Mapping[str, Any]:
    """The header of a resource of the tenant; ``path`` is its path below the tenant."""
    return {
        "provider": "azure",
        "partition": partition,
        "scope": tenant,
        "region": None,
        "id": f"/tenants/{tenant}{path}".lower(),
        "name": name,
        "type": f"azure.entra.{kind}",
    }


def boolean(value: object) -> bool:
    """The value, if it is a boolean. Raises :class:`TypeError` for anything else."""
    if not isinstance(value, bool):
        raise TypeError("not a boolean")
    return value


def security_defaults(item: Row, policy: Row) -> bool:
    """``isEnabled``: everyone must register for and use MFA, and legacy authentication is blocked.

    https://learn.microsoft.com/entra/fundamentals/security-defaults
    """
    return boolean(policy["isEnabled"])


def entire_answer(item: Row, answer: Any) -> Any:
    """The answer itself, for a facet that combines several."""
    return answer


SIGN_IN_REQUIREMENTS: tuple[FacetRead[IdentityCall], ...] = (
    FacetRead(DEFAULTS, security_defaults),
    FacetRead(POLICIES, entire_answer),
    FacetRead(DIRECTORY_ROLES, entire_answer),
    FacetRead(POLICY_GROUPS, entire_answer),
)
"""The reads that determine what the tenant requires of whom at sign-in."""


def _asked_one_by_one(
    users: Observed[DirectoryUsers],
    registrations: Observed[Mapping[str, Row]],
    defaults: Observed[Row],
    found: Observed[Sequence[Policy]],
    roles: Observed[Mapping[str, Holders]],
    members: Observed[Members],
) -> Observed[frozenset[str]]:
    """The enabled users who can use MFA and of whom neither security defaults nor policies require it: only
    of them the setting of each user decides. None if there are too many to ask about each."""
    unknown = [one for one in (users, registrations, defaults, found, members) if isinstance(one, Unknown)]
    if unknown:
        return join(unknown)
    assert not isinstance(users, Unknown) and not isinstance(registrations, Unknown)
    assert not isinstance(found, Unknown) and not isinstance(members, Unknown)
    if not isinstance(defaults, Unknown) and boolean(defaults["isEnabled"]):
        return frozenset()
    requirements = Requirements(roles, members, {})
    policies_ = [policy for policy in found if policy.requires_mfa is True]
    left = {
        user
        for user, known in users.items()
        if not isinstance(known, Unknown)
        and known.enabled
        and known.guest in (None, "internalGuest")
        and (registrations.get(user) or {}).get("isMfaCapable") is True
        and all(requirements.required_of(policy, user, known.guest) is False for policy in policies_)
    }
    return frozenset(left) if len(left) <= MOST_USERS_ASKED_ABOUT else frozenset()


MOST_USERS_ASKED_ABOUT = 500
PER_USER_MFA = MembersCall(
    USER_REQUIREMENTS,
    (USERS_LIST, REGISTRATIONS, DEFAULTS, POLICIES, DIRECTORY_ROLES, POLICY_GROUPS),
    _asked_one_by_one,
)
