"""Service Bus namespaces: their settings decide for all queues and topics inside."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from providers.azure.client.calls import AzureCall, GraphCall
from providers.azure.compute import always, header, never, query, to_tags, with_location
from scanner.collect.table import Facet, Table, from_list
from scanner.model.resources.queues import Queue
from scanner.model.resources.storage import Encryption

NAMESPACES = GraphCall(
    name="Microsoft.ResourceGraph/Resources(serviceBusNamespaces)",
    permission="Microsoft.ServiceBus/namespaces/read",
    query=query("type =~ 'microsoft.servicebus/namespaces'"),
    items=with_location,
)


def to_encryption(item: Mapping[str, Any]) -> Encryption:
    """``encryption.keySource``: customer-managed keys in a key vault, of which the first is shown.

    Without the setting Microsoft's keys encrypt all data.
    https://learn.microsoft.com/security/benchmark/azure/baselines/service-bus-security-baseline
    https://learn.microsoft.com/azure/service-bus-messaging/configure-customer-managed-key
    """
    encryption = item["properties"].get("encryption")
    if encryption is None:
        return Encryption(key="provider", key_id=None)
    if encryption["keySource"].lower() != "microsoft.keyvault":
        raise ValueError("keySource")
    key = encryption["keyVaultProperties"][0]
    parts = (key["keyVaultUri"].rstrip("/"), "keys", key["keyName"], key.get("keyVersion"))
    return Encryption(key="customer", key_id="/".join(part for part in parts if part))


FACETS: Mapping[str, Facet[AzureCall]] = {
    "tags": from_list(to_tags),
    # By design: every request carries an Entra ID token or a signature with a shared key.
    # https://learn.microsoft.com/azure/service-bus-messaging/service-bus-authentication-and-authorization
    "public": from_list(never),
    "encryption": from_list(to_encryption),
    # By design, whatever the minimum version: TLS is required at all times.
    # https://learn.microsoft.com/azure/service-bus-messaging/service-bus-amqp-protocol-guide
    "tls_only": from_list(always),
}


def queues(partition: str) -> Table[AzureCall]:
    """The table for the Service Bus namespaces of one cloud."""
    return Table(
        kind=Queue,
        list=NAMESPACES,
        header=partial(header, partition, "azure.servicebus.namespace"),
        facets=FACETS,
    )


QUEUES = queues("azure")
