"""Roles that their holder must activate first, in Privileged Identity Management (PIM), as roles.

Whoever is eligible can give himself the role, and so counts as an administrator where the rights count that
somebody can give himself. Whether the activation needs an approval is not read, nor who is eligible for the
membership of a group.
https://learn.microsoft.com/entra/id-governance/privileged-identity-management/pim-resource-roles-assign-roles
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from providers.azure.client.calls import ArmCall, Digest
from providers.azure.role_assignments import AssignedRoles, assigned_roles

UNLICENSED = frozenset({"AadPremiumLicenseRequired"})
"""The tenant has no licence for PIM: without one nobody is eligible, and nobody can activate a role.
https://learn.microsoft.com/entra/id-governance/licensing-fundamentals"""

ELIGIBLE_ROLES = ArmCall(
    name="Microsoft.Authorization/RoleEligibilityScheduleInstances_ListForScope",
    permission="Microsoft.Authorization/roleEligibilityScheduleInstances/read",
    path="/subscriptions/{subscription}/providers/Microsoft.Authorization/roleEligibilityScheduleInstances",
    version="2020-10-01",
    paged=True,
    absent=UNLICENSED,
)
ELIGIBLE = Digest(ELIGIBLE_ROLES, assigned_roles)


def together(active: AssignedRoles, eligible: AssignedRoles) -> AssignedRoles:
    """What users and groups have once they have activated their roles. Workloads cannot activate any.

    Found once, however many users need it.
    """
    key = ("together", id(eligible))
    if key not in active.derived:
        both = replace(
            active,
            users=_joined(active.users, eligible.users),
            groups=_joined(active.groups, eligible.groups),
        )
        active.derived[key] = (eligible, both)
    joined: AssignedRoles = active.derived[key][1]
    return joined


def _joined(first: Mapping[str, tuple[Any, ...]], second: Mapping[str, tuple[Any, ...]]) -> Any:
    return {holder: (*first.get(holder, ()), *second.get(holder, ())) for holder in (*first, *second)}
