"""The sample company's Azure estate: one subscription with compliant and non-compliant resources."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from providers.sandbox.azure.audit import sample_activity_log
from providers.sandbox.azure.compute import Compute, sample_compute
from providers.sandbox.azure.identity import Tenant, sample_tenant
from providers.sandbox.azure.keys import Vault, sample_vaults
from providers.sandbox.azure.network import (
    perimeter,
    sample_admin_rules,
    sample_groups,
    sample_route_tables,
)
from providers.sandbox.azure.roles import (
    sample_assignments,
    sample_definitions,
    sample_delegations,
    sample_eligible,
    sample_identities,
    sample_policies,
)

Json = dict[str, Any]

TENANT = "00000000-0000-0000-0000-00000000000a"
CLIENT = "00000000-0000-0000-0000-0000000000c1"
PRINCIPAL = "00000000-0000-0000-0000-0000000000b1"
SUBSCRIPTION = "0a0a0a0a-1111-4222-8333-444455556666"
"""The subscription "analytics-prod"."""
OTHER_SUBSCRIPTION = "0b0b0b0b-1111-4222-8333-444455556666"
"""A subscription of the company on which the identity has no role."""

_GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/Analytics-Prod"
_WORKSPACE = f"{_GROUP}/providers/Microsoft.OperationalInsights/workspaces/central-logs"
_VAULT = "https://shop-analytics.vault.azure.net"
_REQUESTS = ("StorageRead", "StorageWrite", "StorageDelete")


@dataclass
class StorageAccount:
    """A storage account as returned by Resource Graph and the Resource Manager."""

    name: str
    location: str
    tags: Json | None
    properties: Json
    containers: dict[str, str]
    """Public access level by container."""
    versioning: bool | None = None
    logged: tuple[str, ...] = ()
    """Log categories exported to the central workspace."""
    kind: str = "StorageV2"
    perimeters: list[Json] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The Resource Manager ID, in mixed case like the real one."""
        return f"{_GROUP}/providers/Microsoft.Storage/storageAccounts/{self.name}"


@dataclass
class Estate:
    """The data behind the simulated Azure. A test may change it."""

    accounts: list[StorageAccount]
    permissions: list[Json] = field(
        default_factory=lambda: [
            {"actions": ["*/read"], "notActions": [], "dataActions": [], "notDataActions": []}
        ]
    )
    deny_assignments: list[Json] = field(default_factory=list)
    ancestors: list[Json] = field(
        default_factory=lambda: [
            {"displayName": "mg-prod", "name": "mg-prod"},
            {"displayName": "mg-root", "name": TENANT},
        ]
    )
    contacts: list[Json] = field(
        default_factory=lambda: [
            {
                "id": f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Security/securityContacts/default",
                "name": "default",
                "type": "Microsoft.Security/securityContacts",
                "properties": {
                    "emails": "security@example.com;oncall@example.com",
                    "phone": "",
                    "isEnabled": True,
                    "notificationsByRole": {"state": "On", "roles": ["Owner"]},
                    "notificationsSources": [{"sourceType": "Alert", "minimalSeverity": "High"}],
                },
            }
        ]
    )
    activity_log: list[Json] = field(default_factory=lambda: sample_activity_log(SUBSCRIPTION, _GROUP))
    vaults: list[Vault] = field(default_factory=lambda: sample_vaults(SUBSCRIPTION, TENANT, _GROUP))
    managed_hsms: list[Vault] = field(default_factory=list)
    security_groups: list[Json] = field(default_factory=lambda: sample_groups(SUBSCRIPTION, _GROUP))
    route_tables: list[Json] = field(default_factory=lambda: sample_route_tables(SUBSCRIPTION, _GROUP))
    admin_rules: list[Json] = field(default_factory=lambda: sample_admin_rules(SUBSCRIPTION, _GROUP))
    compute: Compute = field(default_factory=lambda: sample_compute(SUBSCRIPTION, _GROUP))
    tenant: Tenant = field(default_factory=lambda: sample_tenant(TENANT, CLIENT, PRINCIPAL))
    role_definitions: list[Json] = field(default_factory=lambda: sample_definitions(SUBSCRIPTION))
    role_assignments: list[Json] = field(
        default_factory=lambda: sample_assignments(SUBSCRIPTION, PRINCIPAL, _GROUP)
    )
    identities: list[Json] = field(default_factory=lambda: sample_identities(SUBSCRIPTION, _GROUP))
    eligible: list[Json] = field(default_factory=lambda: sample_eligible(SUBSCRIPTION))
    """The Azure roles that somebody may activate."""
    policy_assignments: list[Json] = field(default_factory=lambda: sample_policies(SUBSCRIPTION))
    delegations: list[Json] = field(default_factory=lambda: sample_delegations(SUBSCRIPTION))
    hidden: set[str] = field(default_factory=set)
    """Resources that Resource Graph silently omits, as it does without read permission."""
    without_role: frozenset[str] = frozenset({OTHER_SUBSCRIPTION})
    """Subscriptions that exist, but on which the identity has no role."""
    other_locations: tuple[str, ...] = ("global", "northeurope")
    """Locations of resources other than storage accounts."""
    page: int = 3
    """Rows and items per page, low enough for several pages."""

    def subscription(self) -> Json:
        """The answer to ``Subscriptions_Get``."""
        return {
            "id": f"/subscriptions/{SUBSCRIPTION}",
            "authorizationSource": "RoleBased",
            "managedByTenants": [],
            "subscriptionId": SUBSCRIPTION,
            "tenantId": TENANT,
            "displayName": "analytics-prod",
            "state": "Enabled",
            "subscriptionPolicies": {
                "locationPlacementId": "Public_2014-09-01",
                "quotaId": "PayAsYouGo_2014-09-01",
                "spendingLimit": "Off",
            },
            "tags": {"owner": "data", "env": "prod"},
        }


def setting(target: str, name: str, categories: tuple[str, ...]) -> Json:
    """A diagnostic setting that sends the categories to the central workspace."""
    return {
        "id": f"{target}/providers/microsoft.insights/diagnosticSettings/{name}",
        "type": "Microsoft.Insights/diagnosticSettings",
        "name": name,
        "location": None,
        "kind": None,
        "tags": None,
        "properties": {
            "storageAccountId": None,
            "serviceBusRuleId": None,
            "workspaceId": _WORKSPACE,
            "eventHubAuthorizationRuleId": None,
            "eventHubName": None,
            "metrics": [],
            "logs": [
                {
                    "category": category,
                    "categoryGroup": None,
                    "enabled": True,
                    "retentionPolicy": {"enabled": False, "days": 0},
                }
                for category in categories
            ],
            "logAnalyticsDestinationType": None,
        },
        "identity": None,
    }


def sample_estate() -> Estate:
    """A fresh copy of the sample company's estate."""
    return Estate(
        accounts=[
            StorageAccount(
                "payrollexport",
                "westeurope",
                {"env": "prod"},
                _properties(allowBlobPublicAccess=True),
                {"exports": "Container", "staging": "None"},
            ),
            StorageAccount(
                "wwwold",
                "westeurope",
                {},
                _properties(
                    tls=False, allowBlobPublicAccess=None, creationTime="2019-05-01T22:30:59.9865982Z"
                ),
                {"assets": "Blob", "images": "Blob"},
                kind="Storage",
            ),
            StorageAccount(
                "productimages",
                "westeurope",
                {"owner": "product", "env": "prod"},
                _properties(allowBlobPublicAccess=True),
                {"images": "Blob", "originals": "None"},
                versioning=True,
            ),
            StorageAccount(
                "payreceipts",
                "westeurope",
                {"owner": "pay", "data-class": "pci", "env": "prod"},
                _properties(key="receipts", allowSharedKeyAccess=False),
                {f"receipts-{year}": "None" for year in range(2021, 2026)},
                versioning=True,
                logged=_REQUESTS,
            ),
            StorageAccount(
                "appartifacts",
                "westeurope",
                {"owner": "platform", "env": "prod"},
                _properties(allowSharedKeyAccess=True),
                {"builds": "None", "images": "None", "packages": "None"},
                versioning=False,
                logged=("StorageWrite", "StorageDelete"),
            ),
            StorageAccount(
                "shopauditlogs",
                "northeurope",
                {"owner": "platform", "data-class": "internal", "env": "prod"},
                _properties(key="logs", allowSharedKeyAccess=False, publicNetworkAccess="Disabled"),
                {"insights-activity-logs": "None"},
                versioning=True,
                logged=_REQUESTS,
                perimeters=[perimeter("Learning", "203.0.113.0/24")],
            ),
            StorageAccount(
                "reportsarchive",
                "northeurope",
                {"owner": "ghost", "env": "prod"},
                _properties(allowBlobPublicAccess=True, defaultAction="Deny"),
                {"reports": "Blob"},
            ),
            StorageAccount(
                "statuspage",
                "westeurope",
                {"owner": "platform", "env": "prod"},
                _properties(publicNetworkAccess="Disabled"),
                {"$web": "None"},
                versioning=True,
            ),
            StorageAccount(
                "teamshares", "westeurope", {"owner": "data"}, _properties(), {}, kind="FileStorage"
            ),
        ]
    )


def _properties(
    *, key: str | None = None, tls: bool = True, defaultAction: str = "Allow", **more: Any
) -> Json:
    services = {"enabled": True, "keyType": "Account", "lastEnabledTime": "2024-03-04T09:11:08.4891517Z"}
    encryption: Json = {
        "keySource": "Microsoft.Storage" if key is None else "Microsoft.Keyvault",
        "services": {"blob": services, "file": services},
    }
    if key is not None:
        encryption["keyvaultproperties"] = {
            "keyvaulturi": _VAULT,
            "keyname": key,
            "currentVersionedKeyIdentifier": f"{_VAULT}/keys/{key}/0123456789abcdef0123456789abcdef",
            "lastKeyRotationTimestamp": "2025-01-07T10:00:00.0000000Z",
        }
    properties: Json = {
        "accessTier": "Hot",
        "allowBlobPublicAccess": False,
        "creationTime": "2024-03-04T09:11:08.3016464Z",
        "encryption": encryption,
        "isHnsEnabled": False,
        "minimumTlsVersion": "TLS1_2",
        "networkAcls": {
            "bypass": "AzureServices",
            "defaultAction": defaultAction,
            "ipRules": [{"action": "Allow", "value": "203.0.113.0/24"}] if defaultAction == "Deny" else [],
            "virtualNetworkRules": [],
        },
        "provisioningState": "Succeeded",
        "publicNetworkAccess": "Enabled",
        "supportsHttpsTrafficOnly": tls,
        **more,
    }
    return {name: value for name, value in properties.items() if value is not None}
