"""Snapshots of Compute Engine disks. Backups of Cloud SQL are settings of the database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers.gcp.client.calls import GcpCall, Item
from providers.gcp.policies.exposure import PermissionsAccess, RolesAccess, granted_by, union, unless_blocked
from providers.gcp.table import ALL, NONE, assets, basic_roles, granted
from scanner.collect.table import Facet, FacetRead, from_list
from scanner.model.evidence import Observed
from scanner.model.resources.storage import Encryption, Snapshot

_SNAPSHOT = "compute.googleapis.com/Snapshot"

RESTRICTION = GcpCall("GetEffectivePolicy", ("compute.storageResourceUseRestrictions",))

_RESTORES: RolesAccess = {
    **basic_roles(viewer=None),
    **dict.fromkeys(("roles/compute.viewer", "roles/compute.imageUser", "roles/compute.instanceAdmin"), NONE),
    **dict.fromkeys(
        ("roles/compute.admin", "roles/compute.instanceAdmin.v1", "roles/compute.storageAdmin"), ALL
    ),
}
"""Whether a role allows creating a disk from a snapshot (``compute.snapshots.useReadOnly``), and deleting it:
https://cloud.google.com/compute/docs/access/iam. Others are unknown."""

_PERMISSIONS = PermissionsAccess(
    service="compute.snapshots.",
    reads=frozenset({"compute.snapshots.useReadOnly"}),
    writes=frozenset(
        f"compute.snapshots.{name}" for name in ("delete", "setIamPolicy", "setLabels", "updateKmsKey")
    ),
    neither=frozenset(
        f"compute.snapshots.{name}"
        for name in ("create", "get", "getIamPolicy", "list", "listEffectiveTags", "listTagBindings")
    ),
)
"""The same of the permissions of custom roles."""


def to_restricted(item: Item, policy: Mapping[str, Any]) -> bool:
    """Whether only named projects may use the project's disks, images and snapshots. By default all may:
    https://cloud.google.com/resource-manager/docs/organization-policy/org-policy-constraints."""
    (rule,) = policy["spec"]["rules"]
    if rule.keys() not in ({"allowAll"}, {"denyAll"}, {"values"}):
        raise ValueError("the policy has a condition or is not one of a list constraint")
    return rule.get("allowAll") is not True and bool(
        rule.get("denyAll") or rule["values"].get("allowedValues")
    )


def to_public(restricted: Observed[bool], *pieces: Observed[Any]) -> Observed[bool]:
    """Granted on the snapshot or above it, and not restricted to named projects."""
    return unless_blocked(union(granted_by(*pieces)).read, restricted)


def to_encryption(item: Item) -> Encryption:
    """``snapshotEncryptionKey``: a key of Cloud KMS, or one that the customer supplies with each request
    (``sha256``). Without it Google encrypts with its own keys:
    https://cloud.google.com/compute/docs/disks/disk-encryption."""
    own = item.data.get("snapshotEncryptionKey")
    if own is None:
        return Encryption(key="provider", key_id=None)
    return Encryption(key="customer", key_id=own["kmsKeyName"] if "sha256" not in own else None)


SNAPSHOTS = assets(
    Snapshot,
    GcpCall("ListAssets", (_SNAPSHOT,)),
    {_SNAPSHOT: "gcp.compute.snapshot"},
    {
        "public": Facet(
            (
                FacetRead(RESTRICTION, to_restricted),
                *granted({_SNAPSHOT: _RESTORES}, {_SNAPSHOT: _PERMISSIONS}),
            ),
            to_public,
        ),
        "encryption": from_list(to_encryption),
    },
)
