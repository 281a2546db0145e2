"""Who administers a subscription, by all of the roles that a user or a group has in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from providers.azure.eligibility import together
from providers.azure.role_definitions import Grant, KnownRoles, administers, is_wide
from providers.azure.roles import AssignedRoles, Assignments, granting_workloads
from providers.azure.workload_identities import Owners, Targets, Use, reaches
from scanner.model.evidence import Observed, Unknown, any_of, join


@dataclass(frozen=True)
class Administration:
    """What decides of one subscription who administers it."""

    assigned: AssignedRoles
    known: KnownRoles
    administrators: Targets
    """The workloads that administer any scanned subscription."""
    used: Observed[Sequence[Use]]
    owners: Observed[Owners]

    def of(self, grants: Sequence[Grant]) -> Observed[bool]:
        """Whether any of the roles, at the subscription or above, allows everything or assigning oneself one
        that does, or they all let their holder sign in as a managed identity that has one."""
        wide = (administers(grant, self.known) for grant in grants if is_wide(grant.scope))
        return any_of(*wide, reaches(grants, self.known, self.administrators, self.used, self.owners))


def administrations(
    assignments: Assignments,
    eligible: Assignments,
    known: Sequence[Observed[KnownRoles]],
    used: Sequence[Observed[Sequence[Use]]],
    owners: Observed[Owners],
) -> Iterator[Observed[Administration]]:
    """One for each scanned subscription, of the roles that users and groups have or may activate; where these
    are unknown, of the others, and why they are.
    """
    facts: dict[str, list[Observed[bool]]] = defaultdict(list)
    for each, permits in zip(assignments, known, strict=True):
        if not isinstance(each, Unknown) and not isinstance(permits, Unknown):
            for workload, fact in granting_workloads(each, permits, administers).items():
                facts[workload].append(fact)
    administrators = {workload: any_of(*each) for workload, each in facts.items()}
    for each, more, permits, resources in zip(assignments, eligible, known, used, strict=True):
        if isinstance(each, Unknown) or isinstance(permits, Unknown):
            yield join([one for one in (each, permits) if isinstance(one, Unknown)])
        elif isinstance(more, Unknown):
            yield Administration(each, permits, administrators, resources, owners)
            yield more
        else:
            yield Administration(together(each, more), permits, administrators, resources, owners)
