"""Snapshots of Compute Engine disks. Backups of Cloud SQL are settings of the database."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from providers.gcp.client.calls import GcpCall, Item, to_region
from providers.gcp.compute import to_labels
from providers.gcp.policies.exposure import Exposure, RolesAccess, from_bindings, union, unless_blocked
from providers.gcp.policies.policies import POLICIES_ABOVE, PROJECT_POLICY, policy_of, project_policy
from providers.gcp.storage import to_bindings_above
from scanner.collect.table import Facet, FacetRead, Table, from_list
from scanner.model.evidence import Observed
from scanner.model.resources.storage import Encryption, Snapshot

_SNAPSHOT = "compute.googleapis.com/Snapshot"

LIST = GcpCall("ListAssets", (_SNAPSHOT,))
POLICIES = GcpCall("ListAssets", (_SNAPSHOT,), content="IAM_POLICY")
RESTRICTION = GcpCall("GetEffectivePolicy", ("compute.storageResourceUseRestrictions",))

_RESTORES: RolesAccess = {
    "roles/browser": (False, False),
    "roles/compute.viewer": (False, False),
    "roles/compute.admin": (True, True),
    "roles/compute.instanceAdmin.v1": (True, True),
    "roles/compute.storageAdmin": (True, True),
    "roles/editor": (True, True),
    "roles/owner": (True, True),
}
"""Whether a role allows creating a disk from a snapshot (``compute.snapshots.useReadOnly``), and deleting it:
https://cloud.google.com/compute/docs/access/iam. Others are unknown."""


def header(item: Item) -> Mapping[str, Any]:
    """https://cloud.google.com/compute/docs/reference/rest/v1/snapshots: global, or regional."""
    return {
        "provider": "gcp",
        "partition": "gcp",
        "scope": item.project.id,
        "region": to_region(item.asset["resource"].get("location", "global")),
        "id": item.asset["name"],
        "name": item.data["name"],
        "type": "gcp.compute.snapshot",
    }


def to_own(item: Item, policies: Mapping[str, Any]) -> Exposure:
    """The snapshot's own IAM policy; a listing omits resources without one."""
    own = policies.get(item.asset["name"])
    return from_bindings({} if own is None else policy_of(own), POLICIES.name, "", _RESTORES)


def to_inherited(item: Item, policies: Mapping[str, Any]) -> Exposure:
    """The project's IAM policy."""
    return from_bindings(project_policy(item, policies), PROJECT_POLICY.name, "the project", _RESTORES)


def to_restricted(item: Item, policy: Mapping[str, Any]) -> bool:
    """Whether only named projects may use the project's disks, images and snapshots. By default all may:
    https://cloud.google.com/resource-manager/docs/organization-policy/org-policy-constraints."""
    (rule,) = policy["spec"]["rules"]
    if rule.keys() not in ({"allowAll"}, {"denyAll"}, {"values"}):
        raise ValueError("the policy has a condition or is not one of a list constraint")
    return rule.get("allowAll") is not True and bool(
        rule.get("denyAll") or rule["values"].get("allowedValues")
    )


def to_public(restricted: Observed[bool], *sources: Observed[Exposure]) -> Observed[bool]:
    """Granted on the snapshot or above it, and not restricted to named projects."""
    return unless_blocked(union(sources).read, restricted)


def to_encryption(item: Item) -> Encryption:
    """``snapshotEncryptionKey``: a key of Cloud KMS, or one that the customer supplies with each request
    (``sha256``). Without it Google encrypts with its own keys:
    https://cloud.google.com/compute/docs/disks/disk-encryption."""
    own = item.data.get("snapshotEncryptionKey")
    if own is None:
        return Encryption(key="provider", key_id=None)
    return Encryption(key="customer", key_id=own["kmsKeyName"] if "sha256" not in own else None)


SNAPSHOTS = Table(
    kind=Snapshot,
    list=LIST,
    header=header,
    facets={
        "tags": from_list(to_labels),
        "public": Facet(
            (
                FacetRead(RESTRICTION, to_restricted),
                FacetRead(POLICIES, to_own),
                FacetRead(PROJECT_POLICY, to_inherited),
                FacetRead(POLICIES_ABOVE, partial(to_bindings_above, roles=_RESTORES)),
            ),
            to_public,
        ),
        "encryption": from_list(to_encryption),
    },
)
