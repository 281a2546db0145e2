"""The tables of Azure: what is listed where, and what cannot be there."""

from __future__ import annotations

from collections.abc import Callable

from providers.azure.account import ACCOUNTS, REGIONS
from providers.azure.audit import AUDIT_TRAILS
from providers.azure.client.calls import AzureCall, IdentityCall
from providers.azure.compute import CONTAINER_CLUSTERS, FUNCTIONS, VIRTUAL_MACHINES
from providers.azure.databases import DATABASES
from providers.azure.delegations import ROLES_OF_DELEGATIONS
from providers.azure.eligible_roles import ROLES_TO_ACTIVATE
from providers.azure.identity import ACCESS_KEYS, ACCESS_KEYS_OF_SERVICE_PRINCIPALS, USERS
from providers.azure.keys import KEYS, KEYS_OF_HSMS
from providers.azure.network import FIREWALLS
from providers.azure.queues import queues
from providers.azure.roles import ROLES
from providers.azure.snapshots import snapshots
from providers.azure.storage import BUCKETS
from providers.azure.tenant import TENANTS
from scanner.collect.register import Register
from scanner.collect.table import Table

RESOURCES: tuple[Callable[[str], Table[AzureCall]], ...] = (queues, snapshots)
"""The tables of one resource type, by the cloud's partition."""
COLLECTORS: tuple[Table[AzureCall] | Table[IdentityCall], ...] = (
    ACCOUNTS,
    REGIONS,
    BUCKETS,
    AUDIT_TRAILS,
    KEYS,
    KEYS_OF_HSMS,
    FIREWALLS,
    VIRTUAL_MACHINES,
    *DATABASES,
    FUNCTIONS,
    CONTAINER_CLUSTERS,
    *(table("azure") for table in RESOURCES),
    ROLES,
    ROLES_OF_DELEGATIONS,
    ROLES_TO_ACTIVATE,
    TENANTS,
    USERS,
    ACCESS_KEYS,
    ACCESS_KEYS_OF_SERVICE_PRINCIPALS,
)
"""The tables of all kinds collected from Azure."""

SUBSCRIPTION = Register(
    "azure",
    sources={
        "account": ("account",),
        "region": ("Microsoft.ResourceGraph/Resources(locations)",),
        "bucket": ("Microsoft.ResourceGraph/Resources(storageAccounts)",),
        "audit_trail": ("Microsoft.Insights/SubscriptionDiagnosticSettings_List",),
        "key": ("Microsoft.KeyVault/Keys_List", "Microsoft.KeyVault/ManagedHsmKeys_List"),
        "firewall": ("Microsoft.ResourceGraph/Resources(networkSecurityGroups)",),
        "virtual_machine": ("Microsoft.ResourceGraph/Resources(virtualMachines)",),
        "database": (
            "Microsoft.ResourceGraph/Resources(sqlServers)",
            "Microsoft.ResourceGraph/Resources(sqlManagedInstances)",
            "Microsoft.ResourceGraph/Resources(postgresqlFlexibleServers)",
            "Microsoft.ResourceGraph/Resources(mysqlFlexibleServers)",
            "Microsoft.ResourceGraph/Resources(sqlVirtualMachines)",
        ),
        "function": ("Microsoft.ResourceGraph/Resources(functionApps)",),
        "container_cluster": ("Microsoft.ResourceGraph/Resources(managedClusters)",),
        "queue": ("Microsoft.ResourceGraph/Resources(Microsoft.ServiceBus/namespaces)",),
        "snapshot": ("Microsoft.ResourceGraph/Resources(Microsoft.Compute/snapshots)",),
        "role": (
            "Microsoft.Authorization/RoleAssignments_ListForSubscription",
            "Microsoft.ManagedServices/RegistrationAssignments_List",
            "Microsoft.Authorization/RoleEligibilityScheduleInstances_ListForScope",
        ),
    },
    not_there=dict.fromkeys(("tenant", "user", "access_key"), "it belongs to the tenant"),
)
"""Of a subscription."""

TENANT = Register(
    "azure",
    sources={
        "tenant": ("Microsoft.Graph/organization",),
        "user": ("Microsoft.Graph/users",),
        "access_key": ("Microsoft.Graph/applications", "Microsoft.Graph/servicePrincipals"),
    },
    not_there=dict.fromkeys(SUBSCRIPTION.sources, "it belongs to a subscription"),
)
"""Of an Entra tenant."""
