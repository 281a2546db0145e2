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

from providers.azure.client.calls import ArmCall, Digest, IdentityCall
from providers.azure.roles import AssignedRoles, assigned_roles, header, roles
from scanner.collect.table import Table, from_list
from scanner.model.evidence import Unknown

Row = Mapping[str, Any]
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
    """What users and groups have once they have activated their roles. Workloads cannot activate any."""
    return replace(
        active,
        users=_joined(active.users, eligible.users),
        groups=_joined(active.groups, eligible.groups),
    )


def _joined(first: Mapping[str, tuple[Any, ...]], second: Mapping[str, tuple[Any, ...]]) -> Any:
    return {holder: (*first.get(holder, ()), *second.get(holder, ())) for holder in (*first, *second)}


def eligible_header(partition: str, scope: str, item: Row) -> Mapping[str, Any]:
    """The header of an eligibility; its name tells it from an assignment of the same role."""
    of_assignment = header(partition, scope, item)
    return {
        **of_assignment,
        "name": f"{of_assignment['name']} (eligible)",
        "type": "azure.authorization.roleeligibilityscheduleinstance",
    }


def last_used_unknown(item: Row) -> Unknown:
    """The instances do not tell when a role was activated last."""
    message = "Azure does not list when an eligible role was last activated"
    return Unknown.because("unsupported", ELIGIBLE_ROLES.name, None, message)


def eligible_roles(partition: str, scope: str, tenant: str) -> Table[IdentityCall]:
    """The table for the eligible roles of one subscription."""
    active = roles(partition, scope, tenant)
    return replace(
        active,
        list=ELIGIBLE_ROLES,
        header=lambda item: eligible_header(partition, scope, item),
        facets={
            **active.facets,
            "standing": from_list(lambda item: False),
            "last_used": from_list(last_used_unknown),
        },
    )


ROLES_TO_ACTIVATE = eligible_roles("azure", "", "")
