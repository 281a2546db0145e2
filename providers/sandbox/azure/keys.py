"""The sample company's key vaults, and the simulated Resource Manager's answers about their keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

_PATH = (
    r"/subscriptions/(?P<subscription>[0-9a-f-]{36})/resourcegroups/analytics-prod"
    r"/providers/microsoft\.keyvault/%s/(?P<vault>[a-z0-9-]+)/keys"
)
_KEY = "/(?P<key>[a-z0-9-]+)"
OPERATIONS = (
    (
        "Microsoft.KeyVault/Keys_List",
        "Microsoft.KeyVault/vaults/keys/read",
        _PATH % "vaults",
        "2023-07-01",
    ),
    (
        "Microsoft.KeyVault/Keys_Get",
        "Microsoft.KeyVault/vaults/keys/read",
        _PATH % "vaults" + _KEY,
        "2023-07-01",
    ),
    (
        "Microsoft.KeyVault/ManagedHsmKeys_List",
        "Microsoft.KeyVault/managedHSMs/keys/read",
        _PATH % "managedhsms",
        "2023-07-01",
    ),
    (
        "Microsoft.KeyVault/ManagedHsmKeys_Get",
        "Microsoft.KeyVault/managedHSMs/keys/read",
        _PATH % "managedhsms" + _KEY,
        "2023-07-01",
    ),
)
"""Name, action, path and version of each GET."""
_PROJECTION = " | project id, name, subscriptionId, tenantId, location, tags, properties | order by id asc"
VAULTS_QUERY = f"resources | where type =~ 'microsoft.keyvault/vaults'{_PROJECTION}"
HSMS_QUERY = f"resources | where type =~ 'microsoft.keyvault/managedhsms'{_PROJECTION}"
_FOREIGN_TENANT = "00000000-0000-0000-0000-0000000000f1"
_CREATED = 1709543468


@dataclass
class Vault:
    """A key vault or managed HSM with its keys by name, each with its properties in ``Keys_Get``."""

    row: Json
    """As returned by Resource Graph."""
    keys: dict[str, Json]
    tags: dict[str, Json] = field(default_factory=dict)
    """Tags by key name."""

    @property
    def name(self) -> str:
        """The vault's name."""
        return str(self.row["name"])

    def list_entry(self, name: str) -> Json:
        """A key as returned by ``Keys_List``: without type and policy."""
        key = self.full(name)
        brief = {part: key["properties"][part] for part in ("attributes", "keyUri")}
        return {**key, "properties": brief}

    def full(self, name: str) -> Json:
        """A key as returned by ``Keys_Get``."""
        uri = f"https://{self.name}.vault.azure.net:443/keys/{name}"
        key: Json = {
            "id": f"{self.row['id']}/keys/{name}",
            "name": name,
            "type": "Microsoft.KeyVault/vaults/keys",
            "location": self.row["location"],
            "properties": {
                **self.keys[name],
                "kty": "RSA",
                "keyOps": ["encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"],
                "keySize": 3072,
                "keyUri": uri,
                "keyUriWithVersion": f"{uri}/fd618d9519b74f9aae94ade66b876acc",
            },
        }
        if name in self.tags:
            key["tags"] = self.tags[name]
        return key


def answer(vaults: list[Vault], vault: str, key: str | None) -> Json | list[Json] | None:
    """The key, or all keys of the vault; ``None`` if it does not exist. Names are case-insensitive."""
    found = next((one for one in vaults if one.name.lower() == vault), None)
    if found is None:
        return None
    if key is None:
        return [found.list_entry(name) for name in sorted(found.keys)]
    return next((found.full(name) for name in found.keys if name.lower() == key), None)


def key_properties(enabled: bool = True, expires: int | None = None, policy: Json | None = None) -> Json:
    """The properties that differ from key to key."""
    attributes: Json = {
        "enabled": enabled,
        "created": _CREATED,
        "updated": _CREATED,
        "recoveryLevel": "Recoverable",
        "exportable": False,
    }
    if expires is not None:
        attributes["exp"] = expires
    return {"attributes": attributes, **({} if policy is None else {"rotationPolicy": policy})}


def rotation_policy(trigger: Json, expiry: str | None) -> Json:
    """A rotation policy that rotates at the trigger and notifies 30 days before expiry."""
    notice = {"trigger": {"timeBeforeExpiry": "P30D"}, "action": {"type": "notify"}}
    attributes = {"created": _CREATED, "updated": _CREATED, "expiryTime": expiry}
    return {
        "attributes": {name: value for name, value in attributes.items() if value is not None},
        "lifetimeActions": [{"trigger": trigger, "action": {"type": "rotate"}}, notice],
    }


def vault(subscription: str, tenant: str, group: str, name: str, tags: Json, **more: Any) -> Json:
    """A key vault as returned by Resource Graph."""
    return {
        "id": f"{group}/providers/Microsoft.KeyVault/vaults/{name}",
        "name": name,
        "subscriptionId": subscription,
        "tenantId": tenant,
        "location": "westeurope",
        "tags": tags,
        "properties": {
            "accessPolicies": [],
            "enabledForDeployment": False,
            "enableRbacAuthorization": True,
            "enableSoftDelete": True,
            "provisioningState": "Succeeded",
            "publicNetworkAccess": "Enabled",
            "sku": {"family": "A", "name": "Standard"},
            "softDeleteRetentionInDays": 90,
            "tenantId": tenant,
            "vaultUri": f"https://{name}.vault.azure.net/",
            **more,
        },
    }


def sample_vaults(subscription: str, tenant: str, group: str) -> list[Vault]:
    """A compliant vault, and one that predates a move between tenants."""
    policies = [
        {
            "tenantId": of,
            "objectId": f"00000000-0000-0000-0000-0000000000{number}",
            "permissions": {"keys": keys, "secrets": ["Get"], "certificates": []},
        }
        for of, number, keys in ((tenant, "d1", ["Get", "List"]), (_FOREIGN_TENANT, "d2", ["Get", "Decrypt"]))
    ]
    return [
        Vault(
            vault(
                subscription,
                tenant,
                group,
                "shop-analytics",
                {"owner": "platform", "env": "prod"},
                enablePurgeProtection=True,
            ),
            {
                "receipts": key_properties(policy=rotation_policy({"timeAfterCreate": "P90D"}, "P1Y")),
                "logs": key_properties(
                    expires=_CREATED + 365 * 86400,
                    policy=rotation_policy({"timeBeforeExpiry": "P30D"}, "P1Y"),
                ),
            },
            {"receipts": {"owner": "pay", "data-class": "pci"}},
        ),
        Vault(
            vault(
                subscription,
                tenant,
                group,
                "shop-legacy",
                {"env": "prod"},
                enableRbacAuthorization=False,
                accessPolicies=policies,
            ),
            {"export-signing": key_properties(), "Wrap-2019": key_properties(enabled=False)},
        ),
    ]
