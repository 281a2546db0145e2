"""Azure roles that their holder must activate first, as roles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from providers.azure.client.calls import IdentityCall
from providers.azure.eligibility import ELIGIBLE_ROLES
from providers.azure.roles import header, roles
from scanner.collect.table import Table, from_list
from scanner.model.evidence import Unknown

Row = Mapping[str, Any]


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
