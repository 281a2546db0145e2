"""What the tables of Azure share: rows of Resource Graph, their headers and tags."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from providers.azure.client.calls import AzureCall, GraphCall
from providers.azure.client.guard import resource_id
from scanner.collect.table import Facet, Table, from_list
from scanner.model.resources.base import Resource
from scanner.model.resources.storage import Encryption

Row = Mapping[str, Any]
GRAPH = "Microsoft.ResourceGraph/Resources"


def resources(
    kind: type[Resource], type_: str, resource_type: str, facets: Mapping[str, Facet[AzureCall]]
) -> Callable[[str], Table[AzureCall]]:
    """The table, in each of Azure's clouds, of a kind whose resources have a type of the Resource Manager.

    ``resource_type``: as in the reference, e.g. ``Microsoft.ServiceBus/namespaces``; reading them requires
    the action ``<resource type>/read``.
    """
    rows = GraphCall(
        name=f"{GRAPH}({resource_type})",
        permission=f"{resource_type}/read",
        query=query(f"type =~ '{resource_type.lower()}'"),
        items=with_location,
    )

    def of(partition: str) -> Table[AzureCall]:
        made = partial(header, partition, type_)
        return Table(kind=kind, list=rows, header=made, facets={"tags": from_list(to_tags), **facets})

    return of


def with_location(row: Row) -> Sequence[Row]:
    """The row as the only item, with the location normalized: ``West Europe`` becomes ``westeurope``."""
    return ({**row, "location": row["location"].lower().replace(" ", "")},)


def query(condition: str, *more: str) -> str:
    """The query for whole resources; ``more`` are additional columns."""
    columns = ", ".join(("id", "name", "subscriptionId", "location", "tags", *more, "properties"))
    return f"resources | where {condition} | project {columns} | order by id asc"


def header(partition: str, type_: str, item: Row) -> Mapping[str, Any]:
    """The header from a row of Resource Graph."""
    return {
        "provider": "azure",
        "partition": partition,
        "scope": item["subscriptionId"].lower(),
        "region": item["location"] or None,
        "id": resource_id(item["id"]).lower(),
        "name": item["name"],
        "type": type_,
    }


def to_tags(item: Row) -> Mapping[str, str]:
    """The resource's own tags; Azure returns null for none."""
    return dict(item["tags"] or {})


def always(item: Row) -> bool:
    """Always true by design of the service."""
    return True


def never(item: Row) -> bool:
    """Never true by design of the service."""
    return False


def to_vault_encryption(item: Row) -> Encryption:
    """``encryption.keySource``: customer-managed keys in a key vault, of which the first is shown. Without
    the setting Microsoft's keys encrypt all data. For services that encrypt always."""
    encryption = item["properties"].get("encryption")
    if encryption is None:
        return Encryption(key="provider", key_id=None)
    if encryption["keySource"].lower() != "microsoft.keyvault":
        raise ValueError("keySource")
    key = encryption["keyVaultProperties"][0]
    parts = (key["keyVaultUri"].rstrip("/"), "keys", key["keyName"], key.get("keyVersion"))
    return Encryption(key="customer", key_id="/".join(part for part in parts if part))
