"""Who can sign in as a managed identity: by code in a workload that has it, by giving it to a workload of
his own, or by a federated credential."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from providers.azure.client.calls import Digest, GraphCall
from providers.azure.escalations import (
    ASSIGN_IDENTITY,
    ESCALATIONS_BY_TYPE,
    FEDERATE,
    HOSTS,
    IDENTITY,
    POLICIES,
    WORKLOADS,
    Escalation,
)
from providers.azure.role_definitions import Grant, KnownRoles, allowed, undefined
from scanner.model.evidence import Observed, Unknown, all_of, any_of

Row = Mapping[str, Any]
Targets = Mapping[str, Observed[bool]]
"""The principals of workloads whose roles grant rights, or may."""
Owners = Mapping[str, str | None]
"""The tenant in which each service principal's application is registered: none for a managed identity."""


@dataclass(frozen=True)
class Use:
    """A resource that has a managed identity, or a user-assigned identity itself."""

    principal: str
    resource: str
    """The resource ID, in lower case, as all fields are."""
    type: str


def uses(rows: Iterable[Row]) -> tuple[Use, ...]:
    """Each resource of the subscription with each of its identities.

    https://learn.microsoft.com/azure/templates: ``identity`` is the same for all resource types.
    """
    rows = tuple(rows)
    principals = {
        row["id"].lower(): row["principalId"].lower() for row in rows if row["type"].lower() == IDENTITY
    }
    found = [Use(principal, identity, IDENTITY) for identity, principal in principals.items()]
    for row in rows:
        for principal in principals_of(row.get("identity") or {}, principals):
            found.append(Use(principal, row["id"].lower(), row["type"].lower()))
    return tuple(found)


def principals_of(identity: Row, known: Mapping[str, str]) -> Iterable[str]:
    """The principals of an ``identity``; ``known``: those of user-assigned identities, by resource ID."""
    if identity.get("principalId"):
        yield identity["principalId"].lower()
    for path, one in (identity.get("userAssignedIdentities") or {}).items():
        principal = (one or {}).get("principalId")
        yield principal.lower() if principal else known[path.lower()]


IDENTITIES = GraphCall(
    name="Microsoft.ResourceGraph/Resources(identities)",
    permission="*/read",
    query=(
        "resources | where isnotempty(tostring(identity.type)) or type =~ '" + IDENTITY + "'"
        " | project id, type, subscriptionId, identity, principalId = tostring(properties.principalId)"
        " | order by id asc"
    ),
    digest=uses,
)
USES = Digest(IDENTITIES, tuple)


def reaches_targets(
    grants: Sequence[Grant],
    known: KnownRoles,
    targets: Observed[Targets],
    used: Observed[Sequence[Use]],
    policies: Observed[Sequence[Use]],
    owners: Observed[Owners],
) -> Observed[bool]:
    """Whether the grants, together, let their holder sign in as one of the targets.

    Where the resources with identities are not all known, a target that the directory knows to be an
    application, or does not know, has no part in it. Identities of resources in another subscription are not
    considered.
    """
    holder = Holder(grants, known)
    if isinstance(targets, Unknown):
        return all_of(any_of(holder.runs_anything(), holder.writes_policies()), targets)
    if not targets or not grants:
        return False
    listed = [each for each in (used, policies) if not isinstance(each, Unknown)]
    facts = [
        all_of(targets[use.principal], holder.takes(use))
        for each in listed
        for use in each
        if use.principal in targets
    ]
    if len(listed) < 2:
        if not isinstance(owners, Unknown):
            targets = {one: fact for one, fact in targets.items() if owners.get(one, "") is None}
        any_target = any_of(*targets.values())
        if isinstance(used, Unknown):
            facts.append(all_of(any_target, holder.runs_anything(), used))
        if isinstance(policies, Unknown):
            facts.append(all_of(any_target, holder.writes_policies(), policies))
    return any_of(*facts)


class Holder:
    """Somebody with these grants. What each role allows is found once, however many resources there are."""

    def __init__(self, grants: Sequence[Grant], known: KnownRoles) -> None:
        self._grants = grants
        self._known = known
        self._found: dict[tuple[Grant, str, bool], Observed[bool]] = {}

    def takes(self, use: Use) -> Observed[bool]:
        """Whether he can sign in as the identity, by this resource."""
        if not any(grant.applies_to(use.resource) for grant in self._grants):
            return False
        return self._takes(use.type, use.resource)

    def takes_any(self, uses_by_type: Mapping[str, Iterable[Use]]) -> bool:
        """Whether he can sign in as the identity of one of the resources, or may."""
        return any(
            self._takes(type_) is not False and any(self.takes(use) is not False for use in each)
            for type_, each in uses_by_type.items()
        )

    def _takes(self, type_: str, resource: str | None = None) -> Observed[bool]:
        """By a resource of the type; without one, by any."""
        if type_ == IDENTITY:
            assigns = self._can(ASSIGN_IDENTITY, resource)
            return any_of(
                self._can(FEDERATE, resource),
                all_of(assigns, *(() if assigns is False else (self.hosts(),))),
            )
        escalations = ESCALATIONS_BY_TYPE.get(type_)
        if escalations is None:
            writes = self._can(f"{type_}/write", resource)
            return all_of(writes, _doubtful(f"whether a resource of type {type_} runs code of others"))
        return any_of(*(self._runs(one, resource) for one in escalations))

    def runs_anything(self) -> Observed[bool]:
        """Whether he can sign in as the identity of some resource, wherever his roles apply."""
        alone = any_of(self._can(FEDERATE), all_of(self._can(ASSIGN_IDENTITY), self.hosts()))
        return any_of(alone, *(self._runs(one) for one in WORKLOADS))

    def writes_policies(self) -> Observed[bool]:
        """Whether he can change what some policy's identity does, wherever his roles apply."""
        return any_of(*(self._can(action) for one in POLICIES for action in one.actions))

    def assigns(self, use: Use) -> Observed[bool]:
        """Whether he can give the user-assigned identity to a workload, where he can write one."""
        return self._can(ASSIGN_IDENTITY, use.resource)

    def hosts(self) -> Observed[bool]:
        """Whether he can write a workload that can have such an identity."""
        return any_of(*(self._can(action) for action in HOSTS))

    def _runs(self, one: Escalation, resource: str | None = None) -> Observed[bool]:
        together = all_of(*(self._can(action, resource, one.data) for action in one.actions))
        if one.certain or together is False:
            return together
        return all_of(together, _doubtful(f"whether {' and '.join(one.actions)} runs code of its holder"))

    def _can(self, action: str, resource: str | None = None, data: bool = False) -> Observed[bool]:
        """Whether he may use the action on the resource; without one, on any."""
        return any_of(
            *(
                self._allowed(grant, action, data)
                for grant in self._grants
                if resource is None or grant.applies_to(resource)
            )
        )

    def _allowed(self, grant: Grant, action: str, data: bool) -> Observed[bool]:
        key = (grant, action, data)
        if key not in self._found:
            self._found[key] = self._ask(grant, action, data)
        return self._found[key]

    def _ask(self, grant: Grant, action: str, data: bool) -> Observed[bool]:
        if grant.role not in self._known:
            return undefined(grant.role)
        role = self._known[grant.role]
        allows = role.allows_data(action) if data else role.allows(action)
        return allows and allowed(action, grant, self._known)


def _doubtful(what: str) -> Unknown:
    return Unknown.because("unsupported", IDENTITIES.name, None, f"{what} is not definite")
