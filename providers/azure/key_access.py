"""Who outside the organisation may use or manage the keys of a vault: by role assignments on the vault and
above, or by its access policies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from providers.azure.client.calls import Digest, IdentityCall, MembersCall
from providers.azure.entra import GROUP_MEMBERS, entire_answer
from providers.azure.key_vaults import VAULTS
from providers.azure.role_assignments import (
    EXTERNAL_USERS,
    ROLE_ASSIGNMENTS,
    SERVICE_PRINCIPALS,
    principal_type,
    to_grant,
)
from providers.azure.role_definitions import (
    ASSIGN,
    PERMISSIONS_BY_ROLE,
    Grant,
    KnownRoles,
    allowed,
    undefined,
)
from providers.azure.roles import MICROSOFT
from scanner.collect.table import FacetRead
from scanner.model.evidence import Observed, Unknown, all_of, any_of, join, lift

Row = Mapping[str, Any]

_KEYS = "Microsoft.KeyVault/vaults/keys"
_USES = (
    *(
        f"{_KEYS}/{verb}/action"
        for verb in ("encrypt", "decrypt", "wrap", "unwrap", "sign", "create", "import", "update", "rotate")
    ),
    *(f"{_KEYS}/{verb}/action" for verb in ("backup", "restore", "recover", "purge", "release")),
    f"{_KEYS}/delete",
)
"""The data actions that use or manage a key; reading its attributes is neither.
https://learn.microsoft.com/azure/role-based-access-control/permissions/security#microsoftkeyvault"""
_WRITES_POLICIES = ("Microsoft.KeyVault/vaults/write", "Microsoft.KeyVault/vaults/accessPolicies/write")
"""Whoever has one of these gives himself an access policy.
https://learn.microsoft.com/azure/key-vault/general/rbac-access-policy"""


@dataclass(frozen=True)
class Assigned:
    """A role assignment, at whatever scope."""

    principal: str
    kind: str
    grant: Grant


def _assigned(rows: Iterable[Row]) -> tuple[Assigned, ...]:
    return tuple(
        Assigned(
            row["properties"]["principalId"].lower(),
            principal_type(row["properties"]),
            to_grant(row["properties"]),
        )
        for row in rows
    )


def _members_if_any(rows: Iterable[Row] | None) -> frozenset[str]:
    """The users and service principals in a group; nobody is in one that is deleted."""
    return frozenset(row["id"].lower() for row in rows or ())


ASSIGNMENTS = Digest(ROLE_ASSIGNMENTS, _assigned)
_GROUP = replace(GROUP_MEMBERS, digest=_members_if_any, absent=frozenset({"Request_ResourceNotFound"}))


def _objects(vaults: Iterable[Row]) -> frozenset[str]:
    """The principals that access policies let use or manage keys."""
    return frozenset(
        policy["objectId"].lower()
        for vault in vaults
        for policy in vault["properties"].get("accessPolicies") or ()
        if policy["permissions"].get("keys")
    )


def _groups(
    assignments: Observed[Sequence[Observed[Sequence[Assigned]]]],
    known: Observed[Sequence[Observed[KnownRoles]]],
    policies: Observed[Sequence[Observed[frozenset[str]]]],
    users: Observed[Mapping[str, bool]],
    owners: Observed[Mapping[str, str | None]],
) -> Observed[frozenset[str]]:
    """The groups that may use or manage keys somewhere; of access policies, what is neither a user nor a
    service principal. Unknown where not all access policies are known."""
    found: set[str] = set()
    unread = [] if isinstance(policies, Unknown) else [one for one in policies if isinstance(one, Unknown)]
    if unread:
        return join(unread)
    if not isinstance(assignments, Unknown) and not isinstance(known, Unknown):
        found |= {
            one.principal
            for each, roles in zip(assignments, known, strict=True)
            if not isinstance(each, Unknown) and not isinstance(roles, Unknown)
            for one in each
            if one.kind == "group"
            and any(_gives(one.grant, roles, rbac) is not False for rbac in (True, False))
        }
    if not any(isinstance(one, Unknown) for one in (policies, users, owners)):
        assert not isinstance(policies, Unknown)
        assert not isinstance(users, Unknown) and not isinstance(owners, Unknown)
        named = frozenset[str]().union(*(one for one in policies if not isinstance(one, Unknown)))
        found |= named - users.keys() - owners.keys()
    return frozenset(found)


KEY_GROUPS = MembersCall(
    _GROUP,
    (ASSIGNMENTS, PERMISSIONS_BY_ROLE, Digest(VAULTS, _objects), EXTERNAL_USERS, SERVICE_PRINCIPALS),
    _groups,
)


def _gives(grant: Grant, known: KnownRoles, rbac: bool) -> Observed[bool]:
    """Whether the role lets its holder use or manage keys, or gives himself that."""
    if grant.role not in known:
        return undefined(grant.role)
    role = known[grant.role]
    facts: list[Observed[bool]] = [role.allows(ASSIGN) and allowed(ASSIGN, grant, known)] if rbac else []
    if rbac:
        facts += [allowed(action, grant, known) for action in _USES if role.allows_data(action)]
    else:
        facts += [allowed(action, grant, known) for action in _WRITES_POLICIES if role.allows(action)]
    return any_of(*facts)


def to_access(item: Row) -> Row:
    """The vault, and which principals its access policies let use or manage keys.

    Those of another tenant count as such, e.g. after a move between tenants. With ``enableRbacAuthorization``
    access policies have no effect.
    """
    vault = item["parent"]
    properties = vault["properties"]
    rbac = properties.get("enableRbacAuthorization") or False
    if not isinstance(rbac, bool):
        raise TypeError("enableRbacAuthorization")
    home = vault["tenantId"].lower()
    hsm = "/managedhsms/" in item["id"].lower()
    policies = [] if rbac or hsm else list(properties["accessPolicies"])
    using = [policy for policy in policies if policy["permissions"].get("keys")]
    return {
        "key": item["id"].lower(),
        "rbac": rbac,
        "hsm": hsm,
        "foreign": any(policy["tenantId"].lower() != home for policy in using),
        "objects": sorted({policy["objectId"].lower() for policy in using}),
    }


def open_to_others(
    access: Observed[Row],
    assignments: Observed[Sequence[Assigned]],
    known: Observed[KnownRoles],
    users: Observed[Mapping[str, bool]],
    owners: Observed[Mapping[str, str | None]],
    members: Observed[Mapping[str, Observed[frozenset[str]]]],
    tenant: str,
) -> Observed[bool]:
    """Whether an external principal may use or manage the key.

    A principal that is no longer in the directory is nobody. Of a managed HSM the local roles decide, which
    only the HSM itself shows.
    """
    if isinstance(access, Unknown):
        return access
    if access["hsm"]:
        message = "the local roles of a managed HSM are not reported by the Resource Manager"
        return Unknown.because("unsupported", ROLE_ASSIGNMENTS.name, None, message)
    directory = _Directory(users, owners, members, tenant)
    facts: list[Observed[bool]] = [access["foreign"]]
    facts += [directory.includes_external(principal) for principal in access["objects"]]
    if isinstance(assignments, Unknown) or isinstance(known, Unknown):
        facts += [one for one in (assignments, known) if isinstance(one, Unknown)]
        return any_of(*facts)
    for one in assignments:
        if one.grant.applies_to(access["key"]):
            gives = _gives(one.grant, known, access["rbac"])
            facts.append(all_of(gives, directory.holds(one) if gives is not False else False))
    return any_of(*facts)


@dataclass(frozen=True)
class _Directory:
    users: Observed[Mapping[str, bool]]
    owners: Observed[Mapping[str, str | None]]
    members: Observed[Mapping[str, Observed[frozenset[str]]]]
    tenant: str

    def holds(self, one: Assigned) -> Observed[bool]:
        """Whether the principal of a role assignment is external, or somebody in the group is."""
        if one.kind == "account":
            return True
        if one.kind == "user":
            return self._user(one.principal)
        return self._workload(one.principal) if one.kind == "workload" else self._group(one.principal)

    def includes_external(self, principal: str) -> Observed[bool]:
        """The same of a principal whose type is not stated."""
        for each in (self.users, self.owners):
            if not isinstance(each, Unknown) and principal in each:
                return any_of(*(one for one in self._both(principal) if not isinstance(one, Unknown)))
        return any_of(*self._both(principal), self._group(principal))

    def _both(self, principal: str) -> tuple[Observed[bool], Observed[bool]]:
        return self._user(principal), self._workload(principal)

    def _group(self, group: str) -> Observed[bool]:
        if isinstance(self.members, Unknown):
            return self.members
        found = self.members.get(group, frozenset())
        if isinstance(found, Unknown):
            return found
        return any_of(*(one for member in sorted(found) for one in self._both(member)))

    def _user(self, principal: str) -> Observed[bool]:
        return lift(lambda users: users.get(principal, False), self.users)

    def _workload(self, principal: str) -> Observed[bool]:
        own = (None, self.tenant, *MICROSOFT)
        return lift(lambda owners: owners.get(principal) not in own, self.owners)


READS: tuple[FacetRead[IdentityCall], ...] = (
    FacetRead(None, to_access),
    FacetRead(ASSIGNMENTS, entire_answer),
    FacetRead(PERMISSIONS_BY_ROLE, entire_answer),
    FacetRead(EXTERNAL_USERS, entire_answer),
    FacetRead(SERVICE_PRINCIPALS, entire_answer),
    FacetRead(KEY_GROUPS, entire_answer),
)
"""In the order of the arguments of :func:`open_to_others`, without the tenant."""
