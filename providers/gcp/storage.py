"""Cloud Storage buckets.

The access control lists of single objects are not read, which may make one public wherever neither uniform
access nor public access prevention disables them. Deny policies are not read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from providers.gcp.client.calls import RESOURCE_MANAGER, GcpCall, Item
from providers.gcp.policies.exposure import (
    NO_EXPOSURE,
    PERMISSIONS,
    ROLES,
    Exposure,
    Grants,
    Held,
    PermissionsAccess,
    RolesAccess,
    from_acl,
    from_bindings,
    granted_by,
    union,
    unless_blocked,
    with_custom_roles,
)
from providers.gcp.policies.policies import (
    CUSTOM_ROLES,
    CUSTOM_ROLES_ABOVE,
    POLICIES_ABOVE,
    PROJECT,
    Permissions,
    policy_of,
    to_permissions,
)
from scanner.collect.table import Facet, FacetRead, Table, asked, from_list
from scanner.model.evidence import Observed, Unknown, any_of, lift
from scanner.model.resources.storage import Bucket, Encryption

_BUCKET = "storage.googleapis.com/Bucket"
_FOLDER = re.compile(r"//storage\.googleapis\.com/(?:projects/[^/]+/buckets/)?([^/]+)/managedFolders/(.+)")

LIST = GcpCall("ListAssets", (_BUCKET,))
POLICIES = GcpCall("ListAssets", (_BUCKET, PROJECT), content="IAM_POLICY")
PREVENTION = GcpCall("GetEffectivePolicy", ("storage.publicAccessPrevention",))
FOLDER_POLICIES = GcpCall("ListAssets", ("storage.googleapis.com/ManagedFolder",), content="IAM_POLICY")
SECURE_TRANSPORT = GcpCall("GetEffectivePolicy", ("storage.secureHttpTransport",))


def header(item: Item) -> Mapping[str, Any]:
    """``name`` and ``location`` of https://cloud.google.com/storage/docs/json_api/v1/buckets#resource."""
    data = item.asset["resource"]["data"]
    return {
        "provider": "gcp",
        "partition": "gcp",
        "scope": item.project.id,
        "region": data["location"].lower(),
        "id": item.asset["name"],
        "name": data["name"],
        "type": "gcp.storage.bucket",
    }


def to_tags(item: Item) -> Mapping[str, str]:
    """``labels``. Resource Manager tags, which bind policies to resources, are a different feature."""
    return dict(_part(item, "labels"))


def to_encryption(item: Item) -> Encryption:
    """``encryption.defaultKmsKeyName``; without one Google always encrypts with its own keys:
    https://cloud.google.com/storage/docs/encryption."""
    key = _part(item, "encryption").get("defaultKmsKeyName")
    return Encryption(key="customer" if key else "provider", key_id=key or None)


def to_versioning(item: Item) -> bool:
    """``versioning.enabled``. Soft delete does not count: it is limited to a retention period."""
    return _true(_part(item, "versioning"), "enabled")


def to_access_logging(item: Item) -> bool:
    """``logging.logBucket``: usage logs, https://cloud.google.com/storage/docs/access-logs. Data Access
    audit logs are a project setting and do not count here."""
    return bool(_part(item, "logging").get("logBucket"))


def to_uniform_access(item: Item) -> bool:
    """``iamConfiguration.uniformBucketLevelAccess.enabled``, or its former name ``bucketPolicyOnly``. Raises
    :class:`ValueError` if the two contradict each other."""
    settings = _part(item, "iamConfiguration")
    names = ("uniformBucketLevelAccess", "bucketPolicyOnly")
    found = {_true(settings[name], "enabled") for name in names if name in settings}
    if len(found) > 1:
        raise ValueError(f"{' and '.join(names)} contradict each other")
    return True in found


def to_own_prevention(item: Item) -> bool:
    """``iamConfiguration.publicAccessPrevention`` is ``enforced`` on the bucket itself:
    https://cloud.google.com/storage/docs/public-access-prevention. ``unspecified`` is a former name of
    ``inherited``. Raises :class:`ValueError` for another value."""
    value = _part(item, "iamConfiguration").get("publicAccessPrevention", "inherited")
    if value not in ("enforced", "inherited", "unspecified"):
        raise ValueError(f"{value} is an unknown public access prevention")
    return bool(value == "enforced")


def needs_lists(item: Item) -> bool:
    """Whether only the Cloud Storage API tells the access lists: they are in effect, and the asset has none
    for new objects. Raises as :func:`to_uniform_access` and :func:`to_own_prevention` do."""
    return not (to_uniform_access(item) or to_own_prevention(item) or _data(item).get("defaultObjectAcl"))


WITH_LISTS = GcpCall("buckets.get", (), needed=needs_lists, also="storage.buckets.getIamPolicy")
"""Once for each bucket that needs it."""


def to_lists(item: Item, bucket: Mapping[str, Any] | None = None) -> Observed[Exposure]:
    """``acl``, ``defaultObjectAcl`` and the lists of single objects, which uniform access disables.

    Each object has its own list, copied from the one for new objects when it was created and changed
    independently since; nothing tells the lists of all objects. So without uniform access only public access
    can be certain, and the grants to single objects are not named.

    A bucket with lists always has one of its own. Without permission they are both omitted; the one for new
    objects also if only their owners have access (``gsutil defacl``).
    """
    if to_uniform_access(item):
        return NO_EXPOSURE
    why = "each object has its own ACL; enabling uniform access or public access prevention would settle it"
    objects = Unknown.because("unsupported", WITH_LISTS.name, None, why)
    if bucket is None:
        shown = _data(item)
        if not shown.get("defaultObjectAcl"):
            return objects
    else:
        shown = bucket
        if to_uniform_access(replace(item, asset={"resource": {"data": bucket}})):
            raise ValueError("uniform access is on, though the listing shows that it is off")
        if not bucket.get("acl"):
            why = "the answer has no access lists"
            return Unknown.because("denied", WITH_LISTS.name, WITH_LISTS.also, why)
    return union(
        [
            from_acl(shown.get("acl", ()), "ACL"),
            from_acl(shown.get("defaultObjectAcl", ()), "default object ACL"),
            Exposure(objects, objects, ()),
        ]
    )


def to_folder_bindings(item: Item, policies: Mapping[str, Any], held: Held | None = None) -> Exposure:
    """The IAM policies of managed folders, which apply to the objects in them besides the bucket's:
    https://cloud.google.com/storage/docs/managed-folders. A listing omits folders without a policy.

    Raises :class:`ValueError` for a folder whose name contains no bucket.
    """
    exposures = []
    for name, asset in policies.items():
        folder = _FOLDER.fullmatch(name)
        if folder is None:
            raise ValueError(f"{name} is not a managed folder")
        if folder[1] == _data(item)["name"]:
            place = f"managed folder {folder[2]}"
            exposures.append(from_bindings(policy_of(asset), FOLDER_POLICIES.name, place, held=held))
    return union(exposures)


def to_bindings(item: Item, policies: Mapping[str, Any], held: Held | None = None) -> Exposure:
    """The IAM policy of the bucket and of its project.

    Every bucket has a policy, so one that is not in the listing is Unknown, not "no binding".
    """
    own = policy_of(policies[item.asset["name"]])
    exposures = [from_bindings(own, POLICIES.name, held=held)]
    inherited = policies.get(f"{RESOURCE_MANAGER}projects/{item.project.number}")
    if inherited is not None:
        place = f"projects/{item.project.id}"
        exposures.append(from_bindings(policy_of(inherited), POLICIES.name, place, held=held))
    return union(exposures)


def to_bindings_above(
    item: Item,
    policies: Mapping[str, Any],
    roles: RolesAccess = ROLES,
    permissions: PermissionsAccess = PERMISSIONS,
    held: Held | None = None,
) -> Observed[Exposure]:
    """The IAM policies of the folders and the organisation above the project.

    For projects Google documents that the public cannot be a member
    (https://cloud.google.com/resource-manager/reference/rest/v1/projects/setIamPolicy); for folders and
    organisations it does not, so policies that cannot be read leave the result unknown. A folder may have
    no policy of its own; an organisation always has one. Raises :class:`KeyError` if it is not listed.
    """
    ancestors = item.project.ancestors
    if isinstance(ancestors, Unknown):
        return ancestors
    call = POLICIES_ABOVE.name
    return union(
        [
            from_bindings(
                policy_of(policies[RESOURCE_MANAGER + place]), call, place, roles, permissions, held
            )
            for place in ancestors
            if RESOURCE_MANAGER + place in policies or place.startswith("organizations/")
        ]
    )


def to_enforced(item: Item, policy: Mapping[str, Any]) -> bool:
    """Whether a boolean constraint is enforced on the project, with all policies above it merged:
    https://cloud.google.com/resource-manager/docs/reference/orgpolicy/rest/v2/projects.policies/getEffectivePolicy.
    """
    rules = policy["spec"]["rules"]
    if not rules or any("enforce" not in rule or rule.get("condition") for rule in rules):
        raise ValueError("the policy has no unconditional rule of a boolean constraint")
    return all(rule["enforce"] is True for rule in rules)


def to_exposure(
    own: Observed[Permissions],
    above: Observed[Permissions],
    lists: Observed[Exposure],
    *grants: Observed[Grants],
) -> Exposure:
    """All sources of grants together."""
    return union([lists, *granted_by(own, above, *grants)])


def _public(kind: str, pieces: Sequence[Observed[Any]]) -> Observed[bool]:
    own, above, *sources = pieces
    return unless_blocked(getattr(to_exposure(*sources), kind), any_of(own, above))


def to_public_read(*pieces: Observed[Any]) -> Observed[bool]:
    """From public access prevention, on the bucket and the project, and all sources of grants."""
    return _public("read", pieces)


def to_public_write(*pieces: Observed[Any]) -> Observed[bool]:
    """From public access prevention, on the bucket and the project, and all sources of grants."""
    return _public("write", pieces)


def to_public_via(*pieces: Observed[Any]) -> Observed[tuple[str, ...]]:
    """All public grants; empty when neither reading nor writing is public."""
    public = any_of(_public("read", pieces), _public("write", pieces))
    if public is False:
        return ()
    return lift(lambda _, via: via, public, to_exposure(*pieces[2:]).via)


def _data(item: Item) -> Mapping[str, Any]:
    data: Mapping[str, Any] = item.asset["resource"]["data"]
    return data


def _part(item: Item, name: str) -> Mapping[str, Any]:
    part = _data(item).get(name, {})
    if not isinstance(part, Mapping):
        raise TypeError(f"{name} is not an object")
    return part


def _true(part: Mapping[str, Any], name: str) -> bool:
    value = part.get(name, False)
    if not isinstance(value, bool):
        raise TypeError(f"{name} is neither true nor false")
    return value


_EXPOSURE: tuple[FacetRead[GcpCall], ...] = (
    FacetRead(None, to_own_prevention),
    FacetRead(PREVENTION, to_enforced),
    FacetRead(CUSTOM_ROLES, to_permissions),
    FacetRead(CUSTOM_ROLES_ABOVE, to_permissions),
    FacetRead(WITH_LISTS, to_lists),
    FacetRead(POLICIES, with_custom_roles(to_bindings)),
    FacetRead(POLICIES_ABOVE, with_custom_roles(to_bindings_above)),
    FacetRead(FOLDER_POLICIES, with_custom_roles(to_folder_bindings)),
)

BUCKETS = Table(
    kind=Bucket,
    list=LIST,
    header=header,
    facets={
        "tags": from_list(to_tags),
        "public_read": Facet(_EXPOSURE, to_public_read),
        "public_write": Facet(_EXPOSURE, to_public_write),
        "public_via": Facet(_EXPOSURE, to_public_via),
        "encryption": from_list(to_encryption),
        "versioning": from_list(to_versioning),
        "access_logging": from_list(to_access_logging),
        "tls_only": asked(SECURE_TRANSPORT, to_enforced),
        "uniform_access": from_list(to_uniform_access),
    },
)
"""Cloud Storage buckets of a project."""
