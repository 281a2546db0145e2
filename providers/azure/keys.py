"""Keys of key vaults and managed HSMs, as the Resource Manager shows them: never their material.

Keys that were deleted and can still be recovered are shown by the vault itself only, to those who have
rights on its data; so are certificates' own rules for the keys behind them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from providers.azure.client.calls import ArmCall, AzureCall, GraphCall
from providers.azure.client.guard import resource_id
from providers.azure.client.nested import Nested
from scanner.collect.collection import Facet, asked, from_list
from scanner.model.resources.keys import Key

Row = Mapping[str, Any]
_VERSION = "2023-07-01"


def _stores(row: Row) -> Sequence[Row]:
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
    items=_stores,
)
VAULT_KEYS = ArmCall(
    name="Microsoft.KeyVault/Keys_List",
    permission="Microsoft.KeyVault/vaults/keys/read",
    path="{id}/keys",
    of="microsoft.keyvault/vaults",
    version=_VERSION,
    paged=True,
)
VAULT_KEY = ArmCall(
    name="Microsoft.KeyVault/Keys_Get",
    permission="Microsoft.KeyVault/vaults/keys/read",
    path="{id}",
    of="microsoft.keyvault/vaults/keys",
    version=_VERSION,
)
MANAGED_HSMS = GraphCall(
    name="Microsoft.ResourceGraph/Resources(managedHsms)",
    permission="Microsoft.KeyVault/managedHSMs/read",
    query=_query("microsoft.keyvault/managedhsms"),
    items=_stores,
)
HSM_KEYS = ArmCall(
    name="Microsoft.KeyVault/ManagedHsmKeys_List",
    permission="Microsoft.KeyVault/managedHSMs/keys/read",
    path="{id}/keys",
    of="microsoft.keyvault/managedhsms",
    version=_VERSION,
    paged=True,
)
HSM_KEY = ArmCall(
    name="Microsoft.KeyVault/ManagedHsmKeys_Get",
    permission="Microsoft.KeyVault/managedHSMs/keys/read",
    path="{id}",
    of="microsoft.keyvault/managedhsms/keys",
    version=_VERSION,
)
_DURATION = re.compile(r"P(?=[0-9])(?:([0-9]+)Y)?(?:([0-9]+)M)?(?:([0-9]+)W)?(?:([0-9]+)D)?")
_DAYS = (365.0, 365.0 / 12, 7.0, 1.0)


def header(partition: str, item: Row) -> Mapping[str, Any]:
    """The header from an entry of ``Keys_List``. The vault's name is part of what people know a key by."""
    vault = item["parent"]
    identity = resource_id(item["id"]).lower()
    if not identity.startswith(f"{vault['id'].lower()}/keys/"):
        raise ValueError("id")
    return {
        "provider": "azure",
        "partition": partition,
        "scope": vault["subscriptionId"].lower(),
        "region": vault["location"] or None,
        "id": identity,
        "name": f"{vault['name']}/{item['name']}",
        "type": "azure.keyvault.key",
    }


def to_tags(item: Row) -> Mapping[str, str]:
    """The key's own tags; left out where there are none."""
    return dict(item.get("tags") or {})


def to_enabled(item: Row) -> bool:
    """``attributes.enabled`` of the current version.

    Its dates (``nbf``, ``exp``) are not looked at: beyond them a key still decrypts and verifies.
    https://learn.microsoft.com/rest/api/keyvault/keyvault/keys/list
    """
    return _bool(item["properties"]["attributes"], "enabled")


def to_rotates(item: Row, key: Row) -> bool:
    """Whether ``rotationPolicy`` has an action ``rotate`` that comes to pass. The policy is left out where
    there is none. Keys of every type can have one, asymmetric ones too.

    https://learn.microsoft.com/azure/key-vault/keys/how-to-configure-key-rotation
    """
    return any(True for _ in _rotations(key["properties"]))


def to_rotation_days(item: Row, key: Row) -> int | None:
    """Days from one version to the next: ``timeAfterCreate``, or the policy's ``expiryTime`` less
    ``timeBeforeExpiry``. A year is 365 days and a month a twelfth of it; parts of a day are rounded up."""
    return min(_rotations(key["properties"]), default=None)


def _rotations(properties: Row) -> Iterator[int]:
    policy = properties.get("rotationPolicy") or {}
    for one in policy.get("lifetimeActions") or ():
        kind = one["action"]["type"].lower()
        if kind == "notify":
            continue
        if kind != "rotate":
            raise ValueError("lifetimeActions")
        after, before = one["trigger"].get("timeAfterCreate"), one["trigger"].get("timeBeforeExpiry")
        if after:
            yield math.ceil(_days(after))
            continue
        validity = (policy.get("attributes") or {}).get("expiryTime")
        # Nothing happens before an expiry that the key, or the versions to come, do not have.
        if validity and properties["attributes"].get("exp"):
            days = math.ceil(_days(validity) - _days(before))
            if days <= 0:
                raise ValueError("timeBeforeExpiry")
            yield days


def _days(duration: str) -> float:
    found = _DURATION.fullmatch(duration)
    if found is None:
        raise ValueError("duration")
    return sum(int(number or 0) * days for number, days in zip(found.groups(), _DAYS, strict=True))


def never(item: Row) -> bool:
    """The Resource Manager lists only keys that are not deleted."""
    return False


def to_deletion_delayed(item: Row) -> bool:
    """Purge protection of the vault: ``enablePurgeProtection``, which is false where it has no value and
    works with soft delete only. With soft delete alone whoever may purge destroys a key at once.

    https://learn.microsoft.com/azure/key-vault/general/soft-delete-overview
    """
    properties = item["parent"]["properties"]
    return _bool(properties, "enablePurgeProtection", False) and _bool(properties, "enableSoftDelete", True)


def to_open_to_others(item: Row) -> bool:
    """Whether an access policy of the vault gives rights on keys to a principal of another Entra tenant than
    the subscription's. That is so after a move between tenants; a policy for everyone does not exist.

    With ``enableRbacAuthorization`` access policies do not count, and role assignments are for principals of
    the subscription's own tenant. So are the local roles of a managed HSM.
    https://learn.microsoft.com/rest/api/keyvault/keyvault/vaults/list-by-subscription
    """
    vault = item["parent"]
    home = vault["tenantId"].lower()
    if _bool(vault["properties"], "enableRbacAuthorization", False):
        return False
    return any(
        policy["tenantId"].lower() != home
        for policy in vault["properties"].get("accessPolicies") or ()
        if policy["permissions"].get("keys")
    )


def _bool(properties: Row, name: str, default: bool | None = None) -> bool:
    value = properties.get(name)
    if value is None:
        value = default
    if not isinstance(value, bool):
        raise TypeError(name)
    return value


def _facets(get: ArmCall) -> Mapping[str, Facet[AzureCall]]:
    return {
        "tags": from_list(to_tags),
        "enabled": from_list(to_enabled),
        "rotates": asked(get, to_rotates),
        "rotation_days": asked(get, to_rotation_days),
        "pending_deletion": from_list(never),
        "deletion_delayed": from_list(to_deletion_delayed),
        "open_to_others": from_list(to_open_to_others),
    }


def keys(partition: str) -> tuple[Nested, Nested]:
    """The tables for the keys of one cloud's key vaults, and of its managed HSMs."""
    vaults, hsms = (
        Nested(
            kind=Key,
            list=listing,
            header=lambda item: header(partition, item),
            facets=_facets(get),
            parents=parents,
        )
        for parents, listing, get in ((VAULTS, VAULT_KEYS, VAULT_KEY), (MANAGED_HSMS, HSM_KEYS, HSM_KEY))
    )
    return vaults, hsms


KEYS, KEYS_OF_HSMS = keys("azure")
