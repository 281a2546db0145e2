"""Public access from grants: roles, bindings and Cloud Storage access control lists."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from providers.gcp.policies.policies import Permissions, permissions_of
from providers.gcp.policies.roles import GRANTING, MAY_GRANT
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


@dataclass(frozen=True)
class PermissionsAccess:
    """What the permissions of a custom role allow with a resource."""

    service: str
    """The start of the service's permissions: no others matter on the resource itself."""
    reads: frozenset[str]
    writes: frozenset[str]
    neither: frozenset[str]
    """Any other permission of the service is doubtful."""

    def of(self, role: str, held: frozenset[str], call: str) -> tuple[Observed[bool], Observed[bool]]:
        """Whether a role with these permissions allows reading, and writing. One that allows granting rights
        in the project may allow all."""
        own = {one for one in held if one.startswith(self.service)}
        doubtful = sorted(own - self.reads - self.writes - self.neither | held & (GRANTING | MAY_GRANT))
        why = f"what {', '.join(doubtful)} of {role} allows is not known"
        doubt = [Unknown.because("unsupported", call, None, why)] if doubtful else []
        return any_of(bool(own & self.reads), *doubt), any_of(bool(own & self.writes), *doubt)


Held = Callable[[str], Observed[frozenset[str]]]
"""The permissions of a custom role by its name."""

PERMISSIONS = PermissionsAccess(
    service="storage.",
    reads=frozenset({"storage.objects.get", "storage.objects.list"}),
    writes=frozenset(
        {
            *(f"storage.buckets.{name}" for name in ("delete", "restore", "setIamPolicy", "update")),
            *(f"storage.folders.{name}" for name in ("create", "delete", "rename")),
            *(f"storage.managedFolders.{name}" for name in ("create", "delete", "setIamPolicy")),
            *(f"storage.multipartUploads.{name}" for name in ("abort", "create")),
            *(
                f"storage.objects.{name}"
                for name in ("create", "delete", "move", "restore", "setIamPolicy", "setRetention", "update")
            ),
        }
    ),
    neither=frozenset(
        {
            *(
                f"storage.buckets.{name}"
                for name in (
                    *("create", "get", "getIamPolicy", "getIpFilter", "list"),
                    *("listEffectiveTags", "listTagBindings"),
                )
            ),
            *(f"storage.folders.{name}" for name in ("get", "list")),
            *(f"storage.managedFolders.{name}" for name in ("get", "getIamPolicy", "list")),
            *(f"storage.multipartUploads.{name}" for name in ("list", "listParts")),
            "storage.objects.getIamPolicy",
        }
    ),
)
"""With a bucket: https://cloud.google.com/storage/docs/access-control/iam-permissions."""

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
    policy: Mapping[str, Any],
    call: str,
    attached: str = "",
    roles: RolesAccess = ROLES,
    permissions: PermissionsAccess = PERMISSIONS,
    held: Held | None = None,
) -> Exposure:
    """The access that the bindings of an IAM policy give to the public.

    A role that is not in ``roles`` may contain any permission: Unknown, and so is a custom role unless
    ``held`` tells its permissions. So is a binding with a condition: whether and for which
    objects it applies depends on the request. Deny policies are not read: they could only reduce the access
    reported here.
    https://cloud.google.com/iam/docs/reference/rest/v1/Policy
    """

    def access(role: str) -> tuple[Observed[bool], Observed[bool]] | None:
        if role in roles or held is None or not role.startswith(("projects/", "organizations/")):
            return roles.get(role)
        found = held(role)
        return (found, found) if isinstance(found, Unknown) else permissions.of(role, found, call)

    exposures = []
    for binding in policy.get("bindings", ()):
        members = sorted(PUBLIC.intersection(binding.get("members", ())))
        exposures += [_binding(binding, member, call, attached, access) for member in members]
    return union(exposures)


def _binding(
    binding: Mapping[str, Any],
    member: str,
    call: str,
    attached: str,
    access_of: Callable[[str], tuple[Observed[bool], Observed[bool]] | None],
) -> Exposure:
    role = binding["role"]
    label = f"IAM binding {role} to {member}" + (f" on {attached}" if attached else "")
    access = access_of(role)
    if access == (False, False):
        return NO_EXPOSURE
    if access is None or binding.get("condition"):
        why = "has a condition" if access is not None else "has a role with unknown permissions"
        unknown = Unknown.because("error", call, None, f"{label} {why}")
        reads, writes = access or (True, True)
        return Exposure(all_of(reads, unknown), all_of(writes, unknown), unknown)
    public = any_of(*access)
    return Exposure(*access, lift(lambda grants: (label,) if grants else (), public))


Grants = Callable[[Held], Observed[Exposure]]
"""The exposure by bindings, once the permissions of custom roles are known."""


def with_custom_roles(function: Callable[..., Observed[Exposure]]) -> Callable[[Any, Any], Grants]:
    """The function of a policy for a facet that reads custom roles as well: see :func:`granted_by`."""

    def to_grants(item: Any, policies: Any) -> Grants:
        function(item, policies)  # What it raises is about this answer.
        return lambda held: function(item, policies, held=held)

    return to_grants


def granted_by(
    own: Observed[Permissions], above: Observed[Permissions], *grants: Observed[Grants]
) -> list[Observed[Exposure]]:
    """The exposure by each source of grants, with the custom roles of the project and the organisation."""

    def held(role: str) -> Observed[frozenset[str]]:
        return permissions_of(role, own, above)

    return [lift(lambda told: told(held), each) for each in grants]


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
