"""Keys of Cloud Key Management Service.

A key cannot be deleted; its versions can be destroyed: https://cloud.google.com/kms/docs/destroy-restore.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from providers.gcp.client.calls import READ_TIME, GcpCall, Item
from providers.gcp.policies.conditions import applies_at
from providers.gcp.policies.members import (
    HIERARCHY,
    PROJECTS,
    MemberHome,
    home_of,
    is_outside,
    to_domain,
    to_projects,
)
from providers.gcp.policies.policies import (
    CUSTOM_ROLES,
    CUSTOM_ROLES_ABOVE,
    POLICIES_ABOVE,
    PROJECT_POLICY,
    Permissions,
    grants,
    is_custom,
    permissions_of,
    policies_above,
    policy_of,
    project_policy,
    to_permissions,
)
from providers.gcp.policies.roles import GRANTING_ROLES, HARMLESS_ROLES, OWNER
from scanner.collect.table import Facet, FacetRead, Table, from_list
from scanner.model.evidence import Observed, Unknown, all_of, any_of, lift
from scanner.model.resources.keys import Key

_KEY = "cloudkms.googleapis.com/CryptoKey"
_RING = "cloudkms.googleapis.com/KeyRing"
_VERSION = "cloudkms.googleapis.com/CryptoKeyVersion"

KEY_LIST = GcpCall("ListAssets", (_KEY,))
VERSIONS = GcpCall("ListAssets", (_VERSION,))
KEY_POLICIES = GcpCall("ListAssets", (_KEY, _RING), content="IAM_POLICY")

_SYMMETRIC = "ENCRYPT_DECRYPT"
_PURPOSES = frozenset(
    {
        _SYMMETRIC,
        "ASYMMETRIC_SIGN",
        "ASYMMETRIC_DECRYPT",
        "RAW_ENCRYPT_DECRYPT",
        "MAC",
        "KEY_ENCAPSULATION",
    }
)
_DURATION = re.compile(r"[0-9]+(?:\.[0-9]+)?s")
_EXTERNAL = frozenset({"EXTERNAL", "EXTERNAL_VPC"})
_UNUSABLE = frozenset({"DISABLED", "DESTROYED", "DESTROY_SCHEDULED"})

_HARMLESS = frozenset(
    {
        "roles/browser",
        "roles/cloudkms.publicKeyViewer",
        "roles/cloudkms.viewer",
        "roles/iam.securityReviewer",
        "roles/reader",
        "roles/viewer",
    }
)
"""Roles that allow viewing keys, but not using or managing them:
https://cloud.google.com/kms/docs/reference/permissions-and-roles."""
_BROAD = OWNER | {"roles/editor", "roles/writer", "roles/iam.dataScientist", "roles/iam.securityAdmin"}
"""Roles on the project or above that allow using or managing its keys, besides those of Cloud KMS itself."""
_OTHER = ("roles/iam.serviceAccount", "roles/iam.work", "roles/resourcemanager.", "roles/deploymentmanager.")
_WITHOUT_KEYS = HARMLESS_ROLES | {role for role in GRANTING_ROLES if role.startswith(_OTHER)}
"""Roles that, on the project or above, allow nothing with its keys."""


@dataclass(frozen=True)
class Grant:
    """A role that a member holds on a key."""

    role: str
    custom: bool
    allows: bool
    """A role of Google that is known to allow using or managing the key."""
    home: Observed[MemberHome]
    applies: Observed[bool]
    """Its condition is met."""


def header(item: Item) -> Mapping[str, Any]:
    """``name`` of https://cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings.cryptoKeys
    contains the location."""
    parts = item.data["name"].split("/")
    location = parts[parts.index("locations") + 1].lower()
    return {
        "provider": "gcp",
        "partition": "gcp",
        "scope": item.project.id,
        "region": None if location == "global" else location,
        "id": item.asset["name"],
        "name": parts[-1],
        "type": "gcp.cloudkms.crypto_key",
    }


def to_tags(item: Item) -> Mapping[str, str]:
    """``labels``."""
    return dict(item.data.get("labels", {}))


def _has_primary(item: Item) -> bool:
    """Symmetric keys have a primary version, used for encryption. For other purposes ``primary`` is omitted,
    and users of the key specify a version. Raises :class:`ValueError` for an unknown purpose."""
    purpose = item.data["purpose"]
    if purpose not in _PURPOSES:
        raise ValueError(f"{purpose} is an unknown key purpose")
    return bool(purpose == _SYMMETRIC)


def to_primary_state(item: Item) -> str | None:
    """``state`` of the primary version; empty if a symmetric key has none (it cannot encrypt), ``None`` for
    other keys."""
    if not _has_primary(item):
        return None
    primary = item.data.get("primary")
    return str(primary["state"]) if primary else ""


def to_states(item: Item, versions: Mapping[str, Any]) -> frozenset[str]:
    """The states of the key's versions: a version's name begins with the key's."""
    prefix = f"{item.asset['name']}/cryptoKeyVersions/"
    return frozenset(
        str(asset["resource"]["data"]["state"]) for name, asset in versions.items() if name.startswith(prefix)
    )


def to_enabled(primary: Observed[str | None], states: Observed[frozenset[str]]) -> Observed[bool]:
    """The primary version is ``ENABLED``; for a key without one, any version is."""
    if isinstance(primary, Unknown) or primary is not None:
        return lift(lambda state: state == "ENABLED", primary)
    return lift(lambda found: "ENABLED" in found, states)


def to_pending(primary: Observed[str | None], states: Observed[frozenset[str]]) -> Observed[bool]:
    """The primary version is ``DESTROY_SCHEDULED``; for a key without one, all versions not yet destroyed."""
    if isinstance(primary, Unknown) or primary is not None:
        return lift(lambda state: state == "DESTROY_SCHEDULED", primary)
    return lift(lambda found: found - {"DESTROYED"} == {"DESTROY_SCHEDULED"}, states)


def to_rotates(item: Item) -> Observed[bool | None]:
    """``rotationPeriod``. Only symmetric keys can have one, except import-only keys and keys in an external
    key manager: https://cloud.google.com/kms/docs/key-rotation.

    An enabled key is rotated at ``nextRotationTime``. Unknown if that was more than a day before the asset
    was read: either it was not rotated, or the asset is out of date.
    """
    if item.data.get("rotationPeriod"):
        return _is_on_time(item)
    template = item.data.get("versionTemplate", {})
    primary = item.data.get("primary", {})
    level = template.get("protectionLevel") or primary.get("protectionLevel")
    if not _has_primary(item) or item.data.get("importOnly") is True or level in _EXTERNAL:
        return None
    return False


def _is_on_time(item: Item) -> Observed[bool | None]:
    due = item.data.get("nextRotationTime")
    if due is None or READ_TIME not in item.asset or item.data.get("primary", {}).get("state") in _UNUSABLE:
        return True
    moment = datetime.fromisoformat(due)
    if moment.tzinfo is None:
        raise ValueError("nextRotationTime has no time zone")
    if item.read_at - moment <= timedelta(days=1):
        return True
    why = f"the key was due for rotation at {due}, and the asset does not show that it was rotated"
    return Unknown.because("error", KEY_LIST.name, None, why)


def to_rotation_days(item: Item) -> int | None:
    """``rotationPeriod`` in days, rounded up."""
    period = item.data.get("rotationPeriod")
    return math.ceil(_seconds(period) / 86400) if period else None


def to_deletion_delayed(item: Item) -> bool:
    """``destroyScheduledDuration``, 30 days by default and at least one; only import-only keys can be
    destroyed immediately (``0s``): https://cloud.google.com/kms/docs/destroy-restore."""
    duration = item.data.get("destroyScheduledDuration")
    return True if duration is None else _seconds(duration) > 0


def _seconds(duration: str) -> float:
    """Raises :class:`ValueError` for an invalid duration."""
    if not _DURATION.fullmatch(duration):
        raise ValueError(f"{duration} is not a duration")
    return float(duration[:-1])


def to_own_grants(item: Item, policies: Mapping[str, Any]) -> tuple[Grant, ...]:
    """From the policies of the key and its key ring. A listing omits resources without a policy."""
    name = item.asset["name"]
    places = (name, name.partition("/cryptoKeys/")[0])
    return _grants(item, [policy_of(policies[place]) for place in places if place in policies], True)


def to_project_grants(item: Item, policies: Mapping[str, Any]) -> tuple[Grant, ...]:
    """From the project's policy, which its keys inherit."""
    return _grants(item, [project_policy(item, policies)], False)


def to_grants_above(item: Item, policies: Mapping[str, Any]) -> Observed[tuple[Grant, ...]]:
    """From the policies of the folders and the organisation, which the project inherits."""
    above = policies_above(item, policies)
    return above if isinstance(above, Unknown) else _grants(item, above.values(), False)


def _grants(item: Item, policies: Iterable[Mapping[str, Any]], on_key: bool) -> tuple[Grant, ...]:
    """Grants that may allow using or managing keys; custom roles are evaluated later."""
    return tuple(
        Grant(
            role,
            is_custom(role),
            on_key or role in _BROAD or role.startswith("roles/cloudkms."),
            home_of(member, item.project),
            applies_at(condition, item.read_at, KEY_POLICIES.name),
        )
        for policy in policies
        for role, member, condition in grants(policy)
        if role not in _HARMLESS
        and (on_key or role.startswith("roles/cloudkms.") or role not in _WITHOUT_KEYS)
    )


def to_open(
    own: Observed[tuple[Grant, ...]],
    project: Observed[tuple[Grant, ...]],
    above: Observed[tuple[Grant, ...]],
    *knowledge: Observed[Any],
) -> Observed[bool]:
    """Whether a grant reaches anybody outside. A condition may exclude them, so it makes that unknown, unless
    it is one of time alone."""
    levels = (lift(lambda found: found, level) for level in (own, project, above))
    return any_of(
        *(
            level if isinstance(level, Unknown) else any_of(*(_reaches(grant, *knowledge) for grant in level))
            for level in levels
        )
    )


def _reaches(
    grant: Grant,
    roles: Observed[Permissions],
    roles_above: Observed[Permissions],
    domain: Observed[str | None],
    projects: Observed[frozenset[str]],
) -> Observed[bool]:
    allows: Observed[bool] = True
    if not grant.custom and not grant.allows:
        why = f"it is not known whether {grant.role} allows using or managing keys"
        allows = Unknown.because("unsupported", PROJECT_POLICY.name, None, why)
    if grant.custom:
        allows = lift(lambda held: any(map(_uses, held)), permissions_of(grant.role, roles, roles_above))
    return all_of(allows, is_outside(grant.home, domain, projects), grant.applies)


def _uses(permission: str) -> bool:
    """Every permission on keys except those to view them."""
    service, _, rest = permission.partition(".")
    verb = rest.rpartition(".")[2]
    return service == "cloudkms" and not verb.startswith(("get", "list", "view", "show", "search"))


_STATES: tuple[FacetRead[GcpCall], ...] = (FacetRead(None, to_primary_state), FacetRead(VERSIONS, to_states))

KEYS = Table(
    kind=Key,
    list=KEY_LIST,
    header=header,
    facets={
        "tags": from_list(to_tags),
        "enabled": Facet(_STATES, to_enabled),
        "rotates": from_list(to_rotates),
        "rotation_days": from_list(to_rotation_days),
        "pending_deletion": Facet(_STATES, to_pending),
        "deletion_delayed": from_list(to_deletion_delayed),
        "open_to_others": Facet(
            (
                FacetRead(KEY_POLICIES, to_own_grants),
                FacetRead(PROJECT_POLICY, to_project_grants),
                FacetRead(POLICIES_ABOVE, to_grants_above),
                FacetRead(CUSTOM_ROLES, to_permissions),
                FacetRead(CUSTOM_ROLES_ABOVE, to_permissions),
                FacetRead(HIERARCHY, to_domain),
                FacetRead(PROJECTS, to_projects),
            ),
            to_open,
        ),
    },
)
"""Keys that the customer created. No asset contains Google's own encryption keys."""
