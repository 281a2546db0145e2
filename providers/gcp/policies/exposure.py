"""Public access from grants: roles, bindings and Cloud Storage access control lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scanner.model.evidence import Observed, Unknown, all_of, any_of, lift

PUBLIC = frozenset({"allUsers", "allAuthenticatedUsers"})
"""Anyone, and anyone with a Google account: https://cloud.google.com/iam/docs/principals-overview."""

RolesAccess = Mapping[str, tuple[bool, bool]]
"""By role: whether it allows reading, and writing."""

ROLES: RolesAccess = {
    "roles/storage.objectViewer": (True, False),
    "roles/storage.objectUser": (True, True),
    "roles/storage.objectAdmin": (True, True),
    "roles/storage.objectCreator": (False, True),
    "roles/storage.admin": (True, True),
    "roles/storage.folderAdmin": (True, True),
    "roles/storage.bucketViewer": (False, False),
    "roles/storage.legacyObjectReader": (True, False),
    "roles/storage.legacyObjectOwner": (True, True),
    "roles/storage.legacyBucketReader": (True, False),
    "roles/storage.legacyBucketWriter": (True, True),
    "roles/storage.legacyBucketOwner": (True, True),
    "roles/viewer": (True, False),
    "roles/editor": (True, True),
    "roles/owner": (True, True),
    "roles/browser": (False, False),
}
"""Whether a role allows reading (getting or listing objects) and writing (creating, changing or deleting
objects, or changing access): https://cloud.google.com/storage/docs/access-control/iam-roles. Basic roles
count with the access that Cloud Storage gives their holders by default."""

_ACL_ROLES: RolesAccess = {
    "READER": (True, False),
    "WRITER": (True, True),
    "OWNER": (True, True),
}


@dataclass(frozen=True)
class Exposure:
    """The public's access according to one source of grants, and the grants that give it."""

    read: Observed[bool]
    write: Observed[bool]
    via: Observed[tuple[str, ...]]


def from_bindings(
    policy: Mapping[str, Any], call: str, attached: str = "", roles: RolesAccess = ROLES
) -> Exposure:
    """The access that the bindings of an IAM policy give to the public.

    A custom role, or a role that is not in ``roles``, may contain any permission: Unknown. So is a
    binding with a condition: whether and for which objects it applies depends on the request. Deny
    policies are not read: they could only reduce the access reported here.
    https://cloud.google.com/iam/docs/reference/rest/v1/Policy
    """
    exposures = []
    for binding in policy.get("bindings", ()):
        members = sorted(PUBLIC.intersection(binding.get("members", ())))
        exposures += [_binding(binding, member, call, attached, roles) for member in members]
    return union(exposures)


def _binding(
    binding: Mapping[str, Any], member: str, call: str, attached: str, roles: RolesAccess
) -> Exposure:
    role = binding["role"]
    label = f"IAM binding {role} to {member}" + (f" on {attached}" if attached else "")
    known = roles.get(role)
    if known == (False, False):
        return NO_EXPOSURE
    if known is None or binding.get("condition"):
        why = "has a condition" if known is not None else "has a role with unknown permissions"
        unknown = Unknown.because("error", call, None, f"{label} {why}")
        reads, writes = known or (True, True)
        return Exposure(unknown if reads else False, unknown if writes else False, unknown)
    return Exposure(*known, (label,))


def from_acl(entries: Iterable[Mapping[str, Any]], label: str) -> Exposure:
    """The access that an access control list gives to the public.

    https://cloud.google.com/storage/docs/json_api/v1/bucketAccessControls
    """
    exposures = []
    for entry in entries:
        if entry["entity"] in PUBLIC:
            read, write = _ACL_ROLES[entry["role"]]
            exposures.append(Exposure(read, write, (label,)))
    return union(exposures)


def union(exposures: Sequence[Observed[Exposure]]) -> Exposure:
    """All grants together."""
    vias = [lift(lambda exposure: exposure.via, each) for each in exposures]
    return Exposure(
        any_of(*(lift(lambda exposure: exposure.read, each) for each in exposures)),
        any_of(*(lift(lambda exposure: exposure.write, each) for each in exposures)),
        lift(lambda *sources: tuple(sorted({label for via in sources for label in via})), *vias),
    )


def unless_blocked(fact: Observed[bool], blocked: Observed[bool]) -> Observed[bool]:
    """Granted and not blocked."""
    return all_of(fact, lift(lambda block: not block, blocked))


NO_EXPOSURE = Exposure(False, False, ())
"""No grant to the public."""
