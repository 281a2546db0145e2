"""The lists of key vaults and managed HSMs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from providers.azure.client.calls import GraphCall

Row = Mapping[str, Any]


def _normalized(row: Row) -> Sequence[Row]:
    return ({**row, "location": row["location"].lower()},)


def _query(of: str) -> str:
    return (
        f"resources | where type =~ '{of}'"
        " | project id, name, subscriptionId, tenantId, location, tags, properties | order by id asc"
    )


VAULTS = GraphCall(
    name="Microsoft.ResourceGraph/Resources(vaults)",
    permission="Microsoft.KeyVault/vaults/read",
    query=_query("microsoft.keyvault/vaults"),
    items=_normalized,
)
MANAGED_HSMS = GraphCall(
    name="Microsoft.ResourceGraph/Resources(managedHsms)",
    permission="Microsoft.KeyVault/managedHSMs/read",
    query=_query("microsoft.keyvault/managedhsms"),
    items=_normalized,
)
