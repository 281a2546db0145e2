"""IAM policies of the project and those above it: the calls, and the permissions of roles."""

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

Permissions = Mapping[str, Observed[frozenset[str]]]
"""The permissions of custom roles by role name."""


def to_permissions(_: Item, roles: Mapping[str, Any]) -> Permissions:
    """``includedPermissions`` of https://cloud.google.com/iam/docs/reference/rest/v1/projects.roles. A
    deleted or disabled role grants nothing."""
    listed = [asset["resource"]["data"] for asset in roles.values()]
    return {str(data["name"]): _permissions(data) for data in listed}


def _permissions(data: Mapping[str, Any]) -> Observed[frozenset[str]]:
    if data.get("deleted") is True or data.get("stage") == "DISABLED":
        return frozenset()
    if "includedPermissions" not in data:
        why = f"the asset does not show the permissions of {data['name']}"
        return Unknown.because("error", CUSTOM_ROLES.name, None, why)
    found = data["includedPermissions"]
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise TypeError("includedPermissions is not a list of names")
    return frozenset(found)


def permissions_of(
    role: str, own: Observed[Permissions], above: Observed[Permissions]
) -> Observed[frozenset[str]]:
    """The permissions of a custom role of the project (``projects/…``) or the organisation
    (``organizations/…``)."""
    call, roles = (CUSTOM_ROLES, own) if role.startswith("projects/") else (CUSTOM_ROLES_ABOVE, above)
    if isinstance(roles, Unknown):
        return roles
    if role not in roles:
        return Unknown.because("error", call.name, None, f"{role} is not among the listed roles")
    return roles[role]


def is_custom(role: str) -> bool:
    """Whether the role is a custom role. Raises :class:`ValueError` for an invalid role name."""
    if role.startswith("roles/"):
        return False
    if role.startswith(("projects/", "organizations/")):
        return True
    raise ValueError(f"{role} is not a role")


def policy_of(asset: Mapping[str, Any]) -> Mapping[str, Any]:
    """``iamPolicy`` of an asset. Every policy has an etag: raises :class:`ValueError` for one with neither an
    etag nor bindings, which would otherwise grant nothing."""
    policy: Mapping[str, Any] = asset["iamPolicy"]
    if not policy.get("etag") and not policy.get("bindings"):
        raise ValueError("the policy has neither an etag nor bindings")
    return policy


def project_policy(item: Item, policies: Mapping[str, Any]) -> Mapping[str, Any]:
    """The project's own policy; empty if it is not listed, since listings omit resources without a policy."""
    asset = policies.get(f"{RESOURCE_MANAGER}projects/{item.project.number}")
    return policy_of(asset) if asset is not None else {}


def policies_above(item: Item, policies: Mapping[str, Any]) -> Observed[Mapping[str, Mapping[str, Any]]]:
    """The policies of the folders and the organisation above, by ``folders/…`` or ``organizations/…``."""
    ancestors = item.project.ancestors
    if isinstance(ancestors, Unknown):
        return ancestors
    return {
        place: policy_of(policies[RESOURCE_MANAGER + place])
        for place in ancestors
        if RESOURCE_MANAGER + place in policies
    }


def grants(policy: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any] | None]]:
    """Role, member and condition, for each member of each binding. Deleted members are omitted:
    https://cloud.google.com/iam/docs/reference/rest/v1/Policy#Binding."""
    for binding in policy.get("bindings", ()):
        for member in binding.get("members", ()):
            if not member.startswith("deleted:"):
                yield str(binding["role"]), str(member), binding.get("condition") or None
