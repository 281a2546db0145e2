"""What the tables of Google Cloud share: headers and labels of assets, and what IAM policies grant."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from providers.gcp.client.calls import GcpCall, Item, to_region
from providers.gcp.policies.exposure import (
    Exposure,
    Held,
    PermissionsAccess,
    RolesAccess,
    from_bindings,
    granted_by,
    union,
    with_custom_roles,
)
from providers.gcp.policies.policies import (
    CUSTOM_ROLES,
    CUSTOM_ROLES_ABOVE,
    POLICIES_ABOVE,
    PROJECT_POLICY,
    policy_of,
    project_policy,
    to_permissions,
)
from providers.gcp.storage import to_bindings_above
from scanner.collect.table import Facet, FacetRead, Table, from_list
from scanner.model.evidence import Observed, any_of
from scanner.model.resources.base import Resource
from scanner.model.resources.storage import Encryption


def assets(
    kind: type[Resource], listed: GcpCall, types: Mapping[str, str], facets: Mapping[str, Facet[GcpCall]]
) -> Table[GcpCall]:
    """The table of a kind whose resources are assets. ``types``: the resource's type by the asset's."""
    return Table(
        kind=kind,
        list=listed,
        header=partial(header, types),
        facets={"tags": from_list(to_labels), **facets},
    )


def header(types: Mapping[str, str], item: Item) -> Mapping[str, Any]:
    """From the asset and the end of the name in its configuration."""
    return {
        "provider": "gcp",
        "partition": "gcp",
        "scope": item.project.id,
        "region": to_region(item.asset["resource"].get("location", "global")),
        "id": item.asset["name"],
        "name": item.data["name"].rpartition("/")[2],
        "type": types[item.asset["assetType"]],
    }


def to_labels(item: Item) -> Mapping[str, str]:
    """``labels``, which a resource without any lacks."""
    return dict(item.data.get("labels", {}))


def with_key(key: str | None) -> Encryption:
    """Encryption with a key of Cloud KMS; without one Google's own keys encrypt all data."""
    return Encryption(key="customer" if key else "provider", key_id=key or None)


def always(item: Item) -> bool:
    """True by design of the service."""
    return True


ALL: tuple[bool, bool] = (True, True)
NONE: tuple[bool, bool] = (False, False)


def basic_roles(viewer: tuple[bool, bool] | None) -> RolesAccess:
    """What the roles of every service allow; ``viewer``: what Viewer does, ``None`` where it is not known.

    A security administrator changes policies and reads nothing else:
    https://cloud.google.com/iam/docs/roles-overview#basic.
    """
    return {
        "roles/browser": NONE,
        **({"roles/viewer": viewer, "roles/reader": viewer} if viewer is not None else {}),
        **dict.fromkeys(("roles/editor", "roles/writer", "roles/owner", "roles/admin"), ALL),
        "roles/iam.securityAdmin": (False, True),
    }


def granted(
    roles: Mapping[str, RolesAccess], permissions: Mapping[str, PermissionsAccess]
) -> tuple[FacetRead[GcpCall], ...]:
    """What the IAM policies of an asset, of its project and of all above give to the public, and the custom
    roles: the arguments of :func:`~providers.gcp.policies.exposure.granted_by`.

    ``roles``: what each role allows, by asset type, and what the permissions of custom roles do; those of an
    asset's type count.
    """
    own = GcpCall("ListAssets", tuple(roles), content="IAM_POLICY")

    def to_own(item: Item, policies: Mapping[str, Any], held: Held | None = None) -> Exposure:
        # A listing omits resources without a policy.
        asset = policies.get(item.asset["name"])
        return from_bindings({} if asset is None else policy_of(asset), own.name, "", *_of(item), held)

    def to_inherited(item: Item, policies: Mapping[str, Any], held: Held | None = None) -> Exposure:
        policy, place = project_policy(item, policies), f"projects/{item.project.id}"
        return from_bindings(policy, PROJECT_POLICY.name, place, *_of(item), held)

    def to_above(item: Item, policies: Mapping[str, Any], held: Held | None = None) -> Observed[Exposure]:
        return to_bindings_above(item, policies, *_of(item), held)

    def _of(item: Item) -> tuple[RolesAccess, PermissionsAccess]:
        type_ = item.asset["assetType"]
        return roles[type_], permissions[type_]

    return (
        FacetRead(CUSTOM_ROLES, to_permissions),
        FacetRead(CUSTOM_ROLES_ABOVE, to_permissions),
        FacetRead(own, with_custom_roles(to_own)),
        FacetRead(PROJECT_POLICY, with_custom_roles(to_inherited)),
        FacetRead(POLICIES_ABOVE, with_custom_roles(to_above)),
    )


def to_any_access(*pieces: Observed[Any]) -> Observed[bool]:
    """Whether the public has any of the access; of the pieces that :func:`granted` reads."""
    exposure = union(granted_by(*pieces))
    return any_of(exposure.read, exposure.write)
