"""IAM policies of the project and above it: the calls, and what a role lets its holders do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from providers.gcp.client.calls import RESOURCE_MANAGER, GcpCall, Item
from scanner.model.evidence import Observed, Unknown

PROJECT = "cloudresourcemanager.googleapis.com/Project"
FOLDER = "cloudresourcemanager.googleapis.com/Folder"
ORGANIZATION = "cloudresourcemanager.googleapis.com/Organization"
_ROLE = "iam.googleapis.com/Role"

PROJECT_POLICY = GcpCall("ListAssets", (PROJECT,), content="IAM_POLICY", shared=True)
POLICIES_ABOVE = GcpCall("ListAssets", (ORGANIZATION, FOLDER), content="IAM_POLICY", parent="organization")
CUSTOM_ROLES = GcpCall("ListAssets", (_ROLE,))
CUSTOM_ROLES_ABOVE = GcpCall("ListAssets", (_ROLE,), parent="organization")

Permissions = Mapping[str, frozenset[str]]
"""The permissions of custom roles by the roles' names."""

OWNER = frozenset({"roles/owner", "roles/admin"})
"""Basic roles that allow everything: https://cloud.google.com/iam/docs/roles-overview#basic."""

GRANTING_ROLES = OWNER | {
    "roles/editor",
    "roles/writer",
    "roles/iam.organizationRoleAdmin",
    "roles/iam.roleAdmin",
    "roles/iam.securityAdmin",
    "roles/iam.serviceAccountAdmin",
    "roles/iam.serviceAccountKeyAdmin",
    "roles/iam.serviceAccountTokenCreator",
    "roles/iam.serviceAccountUser",
    "roles/iam.workloadIdentityUser",
    "roles/iam.workloadIdentityPoolAdmin",
    "roles/resourcemanager.folderAdmin",
    "roles/resourcemanager.folderIamAdmin",
    "roles/resourcemanager.organizationAdmin",
    "roles/resourcemanager.projectIamAdmin",
}
"""Roles of Google that hold one of :data:`GRANTING`, those of service agents apart:
https://cloud.google.com/iam/docs/roles-permissions. An editor cannot change the project's policy, but can
act as every service account in it."""

GRANTING = frozenset(
    {
        "resourcemanager.projects.setIamPolicy",
        "resourcemanager.folders.setIamPolicy",
        "resourcemanager.organizations.setIamPolicy",
        "iam.roles.update",
        "iam.serviceAccountKeys.create",
        "iam.serviceAccounts.actAs",
        "iam.serviceAccounts.getAccessToken",
        "iam.serviceAccounts.implicitDelegation",
        "iam.serviceAccounts.setIamPolicy",
        "iam.serviceAccounts.signBlob",
        "iam.serviceAccounts.signJwt",
        "iam.workloadIdentityPoolProviders.create",
        "iam.workloadIdentityPoolProviders.update",
    }
)
"""Permissions to give rights to others, or to take on the rights of a service account:
https://cloud.google.com/iam/docs/best-practices-service-accounts#limit-service-account-privileges."""


def to_permissions(_: Item, roles: Mapping[str, Any]) -> Permissions:
    """``includedPermissions`` of https://cloud.google.com/iam/docs/reference/rest/v1/projects.roles. A role
    that is deleted or disabled gives nothing."""
    found = {}
    for asset in roles.values():
        data = asset["resource"]["data"]
        ended = data.get("deleted") is True or data.get("stage") == "DISABLED"
        found[str(data["name"])] = frozenset() if ended else frozenset(data.get("includedPermissions", ()))
    return found


def permissions_of(
    role: str, own: Observed[Permissions], above: Observed[Permissions]
) -> Observed[frozenset[str]]:
    """What a custom role holds: of the project (``projects/…``) or the organisation (``organizations/…``)."""
    call, roles = (CUSTOM_ROLES, own) if role.startswith("projects/") else (CUSTOM_ROLES_ABOVE, above)
    if isinstance(roles, Unknown):
        return roles
    if role not in roles:
        return Unknown.because("error", call.name, None, f"{role} is not among the roles that were listed")
    return roles[role]


def custom(role: str) -> bool:
    """Whether the customer made the role. Raises :class:`ValueError` for what is no role's name."""
    if role.startswith("roles/"):
        return False
    if role.startswith(("projects/", "organizations/")):
        return True
    raise ValueError(f"{role} is no role")


def of_project(item: Item, policies: Mapping[str, Any]) -> Mapping[str, Any]:
    """The project's own policy. A listing leaves out what has no policy: then it binds nobody."""
    asset = policies.get(f"{RESOURCE_MANAGER}projects/{item.project.number}")
    policy: Mapping[str, Any] = asset["iamPolicy"] if asset is not None else {}
    return policy


def above_project(item: Item, policies: Mapping[str, Any]) -> Observed[Mapping[str, Mapping[str, Any]]]:
    """The policies of the folders and the organisation above, by place."""
    ancestors = item.project.ancestors
    if isinstance(ancestors, Unknown):
        return ancestors
    return {
        place: policies[RESOURCE_MANAGER + place]["iamPolicy"]
        for place in ancestors
        if RESOURCE_MANAGER + place in policies
    }


def grants(policy: Mapping[str, Any]) -> Iterator[tuple[str, str, bool]]:
    """Role, member, and whether a condition narrows it, for each member of each binding. Members that were
    deleted are left out: https://cloud.google.com/iam/docs/reference/rest/v1/Policy#Binding."""
    for binding in policy.get("bindings", ()):
        for member in binding.get("members", ()):
            if not member.startswith("deleted:"):
                yield str(binding["role"]), str(member), bool(binding.get("condition"))
