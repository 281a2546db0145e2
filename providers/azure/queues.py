"""Service Bus namespaces: their settings decide for all queues and topics inside."""

from __future__ import annotations

from providers.azure.table import always, never, resources, to_vault_encryption
from scanner.collect.table import from_list
from scanner.model.resources.queues import Queue

queues = resources(
    Queue,
    "azure.servicebus.namespace",
    "Microsoft.ServiceBus/namespaces",
    {
        # By design: every request carries an Entra ID token or a signature with a shared key.
        # https://learn.microsoft.com/azure/service-bus-messaging/service-bus-authentication-and-authorization
        "public": from_list(never),
        # https://learn.microsoft.com/azure/service-bus-messaging/configure-customer-managed-key
        "encryption": from_list(to_vault_encryption),
        # By design, whatever the minimum version: TLS is required at all times.
        # https://learn.microsoft.com/azure/service-bus-messaging/service-bus-amqp-protocol-guide
        "tls_only": from_list(always),
    },
)
