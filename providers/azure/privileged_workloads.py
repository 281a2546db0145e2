"""The workloads whose roles grant rights, and who can sign in as one of them.

A workload has its own roles and those of its groups. It also has what the managed identities have that it can
sign in as itself: rights that are reached in several steps.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from providers.azure.client.calls import ArmCall, Digest, DirectoryCall, MembersCall
from providers.azure.role_assignments import ASSIGNED_ROLES, AssignedRoles, Assignments
from providers.azure.role_definitions import (
    PERMISSIONS_BY_ROLE,
    Grant,
    KnownRoles,
    administers,
    grants_rights,
    is_wide,
)
from providers.azure.workload_identities import (
    USES,
    Holder,
    Owners,
    Targets,
    Use,
    principals_of,
    reaches_targets,
)
from scanner.model.evidence import Observed, Unknown, all_of, any_of

Row = Mapping[str, Any]
Grants = Callable[[Grant, KnownRoles], Observed[bool]]
Workloads = Mapping[str, Observed[frozenset[str]]]
"""The workloads among the direct and transitive members of groups, by group ID."""
POLICY_ASSIGNMENT = "microsoft.authorization/policyassignments"


def group_workloads(rows: Iterable[Row]) -> frozenset[str]:
    """The service principals among the transitive members of a group.

    https://learn.microsoft.com/graph/api/group-list-transitivemembers
    """
    kind = "#microsoft.graph.servicePrincipal"
    return frozenset(row["id"].lower() for row in rows if row["@odata.type"] == kind)


GROUP_WORKLOADS = DirectoryCall(
    name="Microsoft.Graph/groups/transitiveMembers(servicePrincipals)",
    permission="GroupMember.Read.All",
    path="groups/{group}/transitiveMembers?$select=id&$top=999",
    # "Service principals are not listed as group members in v1.0":
    # https://learn.microsoft.com/graph/api/group-list-members
    version="beta",
    paged=True,
    digest=group_workloads,
)


def policy_identities(rows: Iterable[Row]) -> tuple[Use, ...]:
    """Each policy assignment with each of its identities, which remediate what the policy finds."""
    return tuple(
        Use(principal, row["id"].lower(), POLICY_ASSIGNMENT)
        for row in rows
        for principal in principals_of(row.get("identity") or {}, {})
    )


POLICY_ASSIGNMENTS = ArmCall(
    name="Microsoft.Authorization/PolicyAssignments_List",
    permission="Microsoft.Authorization/policyAssignments/read",
    # Of the subscription, of the management groups above and of everything below.
    path="/subscriptions/{subscription}/providers/Microsoft.Authorization/policyAssignments",
    version="2022-06-01",
    paged=True,
)
POLICY_IDENTITIES = Digest(POLICY_ASSIGNMENTS, policy_identities)


def _groups_with_roles(
    assignments: Observed[Assignments],
    known: Observed[Sequence[Observed[KnownRoles]]],
    used: Observed[Sequence[Observed[Sequence[Use]]]],
    policies: Observed[Sequence[Observed[Sequence[Use]]]],
) -> frozenset[str]:
    """The groups with a role, at a scanned subscription or above, that grants rights, or may. And those with
    roles to sign in as some managed identity, if there may be one whose roles grant rights."""
    if isinstance(assignments, Unknown) or isinstance(known, Unknown):
        return frozenset()
    both = [
        (each, permits)
        for each, permits in zip(assignments, known, strict=True)
        if not isinstance(each, Unknown) and not isinstance(permits, Unknown)
    ]
    granting = frozenset(
        group
        for each, permits in both
        for group, grants in each.groups.items()
        if any(is_wide(grant.scope) and _may_grant(grant, permits) for grant in grants)
    )
    if isinstance(used, Unknown) or isinstance(policies, Unknown):
        return granting
    resources = [_by_type(*each) for each in zip(used, policies, strict=True)]
    if not granting and not _have_granting_roles(both, resources):
        return granting
    stepping = (
        group
        for each, permits, by_type in zip(assignments, known, resources, strict=True)
        if not isinstance(each, Unknown) and not isinstance(permits, Unknown)
        for group, grants in each.groups.items()
        if group not in granting and Holder(grants, permits).takes_any(by_type)
    )
    return granting.union(stepping)


def _have_granting_roles(
    both: Iterable[tuple[AssignedRoles, KnownRoles]], resources: Iterable[Mapping[str, Sequence[Use]]]
) -> bool:
    """Whether a role of any of the identities grants rights, or may."""
    identities = {use.principal for by_type in resources for each in by_type.values() for use in each}
    return any(
        one.principal in identities and is_wide(one.grant.scope) and _may_grant(one.grant, permits)
        for assigned, permits in both
        for assignees in assigned.workloads.values()
        for one in assignees
    )


def _by_type(*listed: Observed[Sequence[Use]]) -> Mapping[str, Sequence[Use]]:
    """Those that could be listed."""
    found: dict[str, list[Use]] = defaultdict(list)
    for each in listed:
        for use in () if isinstance(each, Unknown) else each:
            found[use.type].append(use)
    return found


GROUPED_WORKLOADS = MembersCall(
    GROUP_WORKLOADS, (ASSIGNED_ROLES, PERMISSIONS_BY_ROLE, USES, POLICY_IDENTITIES), _groups_with_roles
)


@dataclass(frozen=True)
class PrivilegedWorkloads:
    """The workloads whose roles grant rights."""

    targets: Targets
    unread: Unknown | None
    """Why others may have such roles through groups."""

    def without(self, workload: str) -> PrivilegedWorkloads:
        """All but this one."""
        if workload not in self.targets:
            return self
        others = {each: fact for each, fact in self.targets.items() if each != workload}
        return PrivilegedWorkloads(others, self.unread)


def privileged_workloads(
    assigned: AssignedRoles,
    known: KnownRoles,
    used: Observed[Sequence[Use]],
    policies: Observed[Sequence[Use]],
    members: Observed[Workloads],
    owners: Observed[Owners],
) -> PrivilegedWorkloads:
    """Those whose roles in the subscription, or above, grant rights to others or to themselves."""

    def find() -> PrivilegedWorkloads:
        facts: dict[str, list[Observed[bool]]] = defaultdict(list)
        unread = _direct(assigned, known, members, grants_rights, facts)
        targets = _found(facts)
        _extend(targets, assigned, known, used, policies, members)
        if unread is None:
            unread = _unread_steps(targets, assigned, known, used, policies, members)
        return PrivilegedWorkloads(targets, unread)

    return _once(assigned, find, known, used, policies, members, owners)


def administrators(
    assignments: Assignments,
    known: Sequence[Observed[KnownRoles]],
    used: Sequence[Observed[Sequence[Use]]],
    policies: Sequence[Observed[Sequence[Use]]],
    members: Observed[Workloads],
    owners: Observed[Owners],
) -> PrivilegedWorkloads:
    """Those that administer any scanned subscription, or can make themselves one that does."""

    def find() -> PrivilegedWorkloads:
        facts: dict[str, list[Observed[bool]]] = defaultdict(list)
        both = [
            (each, permits, resources, assigned_policies)
            for each, permits, resources, assigned_policies in zip(
                assignments, known, used, policies, strict=True
            )
            if not isinstance(each, Unknown) and not isinstance(permits, Unknown)
        ]
        unread = [_direct(each, permits, members, administers, facts) for each, permits, *_ in both]
        targets = _found(facts)
        while any(_extend(targets, *one, members) for one in both):
            pass
        unread += [_unread_steps(targets, *one, members) for one in both]
        return PrivilegedWorkloads(targets, next((why for why in unread if why is not None), None))

    read = [one for one in assignments if not isinstance(one, Unknown)]
    if not read:
        return PrivilegedWorkloads({}, None)
    return _once(read[0], find, assignments, known, used, policies, members, owners)


def reaches(
    grants: Sequence[Grant],
    known: KnownRoles,
    privileged: Observed[PrivilegedWorkloads],
    used: Observed[Sequence[Use]],
    policies: Observed[Sequence[Use]],
    owners: Observed[Owners],
) -> Observed[bool]:
    """Whether the grants, together, let their holder sign in as one of the privileged workloads."""
    if not grants:
        return False
    if isinstance(privileged, Unknown):
        return reaches_targets(grants, known, privileged, used, policies, owners)
    found = reaches_targets(grants, known, privileged.targets, used, policies, owners)
    if found is True or privileged.unread is None:
        return found
    # Any identity may be in a group that could not be read.
    others: Observed[Targets] = privileged.unread
    if not isinstance(used, Unknown) and not isinstance(policies, Unknown):
        others = {use.principal: privileged.unread for use in (*used, *policies)}
    return any_of(found, reaches_targets(grants, known, others, used, policies, owners))


def _may_grant(grant: Grant, known: KnownRoles) -> bool:
    return grant.role not in known or known[grant.role].may_grant


def _direct(
    assigned: AssignedRoles,
    known: KnownRoles,
    members: Observed[Workloads],
    grants_: Grants,
    facts: dict[str, list[Observed[bool]]],
) -> Unknown | None:
    """Adds the workloads of which a role, their own or a group's, at the subscription or above, grants rights
    by ``grants_``, or may. Returns why those of some group are unknown."""
    for role, assignees in assigned.workloads.items():
        if role not in known or known[role].may_grant:
            for one in assignees:
                if is_wide(one.grant.scope):
                    facts[one.principal].append(grants_(one.grant, known))
    unread: Unknown | None = None
    for group, fact in _groups(assigned, known, grants_):
        found = members if isinstance(members, Unknown) else members.get(group, _not_read(group))
        if isinstance(found, Unknown):
            unread = found
        else:
            for workload in found:
                facts[workload].append(fact)
    return unread


def _groups(
    assigned: AssignedRoles, known: KnownRoles, grants_: Grants
) -> Iterator[tuple[str, Observed[bool]]]:
    for group, grants in assigned.groups.items():
        facts = [
            grants_(grant, known) for grant in grants if is_wide(grant.scope) and _may_grant(grant, known)
        ]
        fact = any_of(*facts)
        if fact is not False:
            yield group, fact


def _not_read(group: str) -> Unknown:
    return Unknown.because("error", GROUP_WORKLOADS.name, None, f"the members of group {group} were not read")


def _found(facts: Mapping[str, Sequence[Observed[bool]]]) -> dict[str, Observed[bool]]:
    found = {workload: any_of(*each) for workload, each in facts.items()}
    return {workload: fact for workload, fact in found.items() if fact is not False}


def _extend(
    targets: dict[str, Observed[bool]],
    assigned: AssignedRoles,
    known: KnownRoles,
    used: Observed[Sequence[Use]],
    policies: Observed[Sequence[Use]],
    members: Observed[Workloads],
) -> bool:
    """Adds the workloads that can sign in as one of the targets, until there are no more; whether any was."""
    if isinstance(used, Unknown) or isinstance(policies, Unknown):
        return False
    by_principal: dict[str, list[Use]] = defaultdict(list)
    for use in (*used, *policies):
        by_principal[use.principal].append(use)
    holders = {
        workload: Holder(grants, known)
        for workload, grants in _with_groups(assigned, members).items()
        if workload in by_principal
    }
    extended, latest = False, dict(targets)
    while latest:
        # Of each workload, only what was found since it was looked at last can add anything.
        found: dict[str, Observed[bool]] = {}
        for workload, holder in holders.items():
            before = targets.get(workload, False)
            if before is True:
                continue
            ways = (
                all_of(fact, holder.takes(use))
                for target, fact in latest.items()
                if target != workload
                for use in by_principal.get(target, ())
            )
            after = any_of(before, *ways)
            if after is True or (before is False and after is not False):
                found[workload] = after
        targets.update(found)
        extended, latest = extended or bool(found), found
    return extended


def _with_groups(assigned: AssignedRoles, members: Observed[Workloads]) -> Mapping[str, tuple[Grant, ...]]:
    """The roles of each workload and of the groups that it is known to be in."""
    if isinstance(members, Unknown):
        return assigned.of_workload
    found = dict(assigned.of_workload)
    for group, grants in assigned.groups.items():
        workloads = members.get(group, frozenset[str]())
        for workload in () if isinstance(workloads, Unknown) else workloads:
            found[workload] = (*found.get(workload, ()), *grants)
    return found


def _unread_steps(
    targets: Targets,
    assigned: AssignedRoles,
    known: KnownRoles,
    used: Observed[Sequence[Use]],
    policies: Observed[Sequence[Use]],
    members: Observed[Workloads],
) -> Unknown | None:
    """Why others may be able to sign in as one of the targets, by the roles of a group."""
    if not targets:
        return None
    by_type = {
        type_: [use for use in each if use.principal in targets]
        for type_, each in _by_type(used, policies).items()
    }
    for group, grants in assigned.groups.items():
        workloads = members if isinstance(members, Unknown) else members.get(group)
        if isinstance(workloads, Unknown) and Holder(grants, known).takes_any(by_type):
            return workloads
    return None


def _once(
    assigned: AssignedRoles, find: Callable[[], PrivilegedWorkloads], *others: Any
) -> PrivilegedWorkloads:
    """The result, which is found once for the same answers."""
    key = tuple(map(id, others))
    if key not in assigned.derived:
        # The answers are kept with it, so that no other one gets the place of theirs.
        assigned.derived[key] = (others, find())
    result: PrivilegedWorkloads = assigned.derived[key][1]
    return result
