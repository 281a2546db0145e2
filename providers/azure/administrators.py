"""Who administers a subscription, by all of the roles that a user or a group has in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from providers.azure.eligibility import together
from providers.azure.escalations import IDENTITY
from providers.azure.privileged_workloads import PrivilegedWorkloads, Workloads, administrators, reaches
from providers.azure.role_assignments import AssignedRoles, Assignments
from providers.azure.role_definitions import Grant, KnownRoles, administers, is_wide
from providers.azure.workload_identities import Holder, Owners, Use
from scanner.model.evidence import Observed, Unknown, any_of, join


@dataclass(frozen=True)
class Administration:
    """What decides of one subscription who administers it."""

    assigned: AssignedRoles
    known: KnownRoles
    administrators: PrivilegedWorkloads
    """The workloads that administer any scanned subscription."""
    used: Observed[Sequence[Use]]
    policies: Observed[Sequence[Use]]
    owners: Observed[Owners]

    def of(self, grants: Sequence[Grant]) -> Observed[bool]:
        """Whether any of the roles, at the subscription or above, allows everything or assigning oneself one
        that does, or they all let their holder sign in as a managed identity that has one."""
        wide = (administers(grant, self.known) for grant in grants if is_wide(grant.scope))
        privileged = self.administrators
        return any_of(*wide, reaches(grants, self.known, privileged, self.used, self.policies, self.owners))

    def halves(self) -> frozenset[str]:
        """The groups that let their members give a privileged identity to a workload, or write one, but not
        both: a member may have the other right of his own or by another group.

        Only if somebody has the first right alone; nearly everybody has the second.
        """
        if isinstance(self.used, Unknown):
            return frozenset()
        targets = self.administrators.targets
        identities = [use for use in self.used if use.type == IDENTITY and use.principal in targets]

        def assigns(grants: Sequence[Grant]) -> bool:
            holder = Holder(grants, self.known)
            return any(holder.assigns(use) is not False for use in identities)

        everyone = (*self.assigned.users.values(), *self.assigned.groups.values())
        if not any(assigns(grants) and self.of(grants) is False for grants in everyone):
            return frozenset()
        return frozenset(
            group
            for group, grants in self.assigned.groups.items()
            if assigns(grants) or Holder(grants, self.known).hosts() is not False
        )


def administrations(
    assignments: Assignments,
    eligible: Assignments,
    known: Sequence[Observed[KnownRoles]],
    used: Sequence[Observed[Sequence[Use]]],
    policies: Sequence[Observed[Sequence[Use]]],
    members: Observed[Workloads],
    owners: Observed[Owners],
) -> Iterator[Observed[Administration]]:
    """One for each scanned subscription, of the roles that users and groups have or may activate; where these
    are unknown, of the others, and why they are.
    """
    privileged = administrators(assignments, known, used, policies, members, owners)
    for each, more, permits, *resources in zip(assignments, eligible, known, used, policies, strict=True):
        if isinstance(each, Unknown) or isinstance(permits, Unknown):
            yield join([one for one in (each, permits) if isinstance(one, Unknown)])
        elif isinstance(more, Unknown):
            yield Administration(each, permits, privileged, resources[0], resources[1], owners)
            yield more
        else:
            both = together(each, more)
            yield Administration(both, permits, privileged, resources[0], resources[1], owners)
