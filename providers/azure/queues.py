"""Service Bus namespaces: their settings decide for all queues and topics inside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers.azure.table import always, never, resources
from scanner.collect.table import from_list
from scanner.model.resources.queues import Queue
from scanner.model.resources.storage import Encryption


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


queues = resources(
    Queue,
    "azure.servicebus.namespace",
    "Microsoft.ServiceBus/namespaces",
    {
        # By design: every request carries an Entra ID token or a signature with a shared key.
        # https://learn.microsoft.com/azure/service-bus-messaging/service-bus-authentication-and-authorization
        "public": from_list(never),
        "encryption": from_list(to_encryption),
        # By design, whatever the minimum version: TLS is required at all times.
        # https://learn.microsoft.com/azure/service-bus-messaging/service-bus-amqp-protocol-guide
        "tls_only": from_list(always),
    },
)
