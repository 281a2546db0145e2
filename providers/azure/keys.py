"""Keys of key vaults and managed HSMs, as listed by the Resource Manager: never their key material.

Soft-deleted keys and the key policies of certificates are not collected: only the vault itself shows them, to
those with data plane permissions.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from providers.azure.client.calls import ArmCall, IdentityCall
from providers.azure.client.guard import resource_id
from providers.azure.client.nested import Nested
from providers.azure.key_access import READS, open_to_others
from providers.azure.key_vaults import MANAGED_HSMS, VAULTS
from scanner.collect.table import Facet, asked, from_list
from scanner.model.resources.keys import Key

Row = Mapping[str, Any]
_VERSION = "2023-07-01"


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
    """The header from an entry of ``Keys_List``. The name includes the vault's, which identifies the key."""
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
    """The key's own tags; missing if there are none."""
    return dict(item.get("tags") or {})


def to_enabled(item: Row) -> bool:
    """``attributes.enabled`` of the current version.

    Its dates (``nbf``, ``exp``) are ignored: outside them a key still decrypts and verifies.
    https://learn.microsoft.com/rest/api/keyvault/keyvault/keys/list
    """
    return _bool(item["properties"]["attributes"], "enabled")


def to_rotates(item: Row, key: Row) -> bool:
    """Whether ``rotationPolicy`` has an effective ``rotate`` action. The policy is missing if there is none.
    Keys of every type can have one, including asymmetric ones.

    https://learn.microsoft.com/azure/key-vault/keys/how-to-configure-key-rotation
    """
    return any(True for _ in _rotations(key["properties"]))


def to_rotation_days(item: Row, key: Row) -> int | None:
    """Days between versions: ``timeAfterCreate``, or the policy's ``expiryTime`` minus ``timeBeforeExpiry``.
    A year is 365 days and a month a twelfth of it; fractions of a day are rounded up."""
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
        # Without an expiry of the key and of its future versions, this trigger never fires.
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
    """The Resource Manager does not list deleted keys."""
    return False


def to_deletion_delayed(item: Row) -> bool:
    """Purge protection of the vault: ``enablePurgeProtection``, which defaults to false and requires soft
    delete. With soft delete alone, anyone with the purge permission can destroy a key immediately.

    https://learn.microsoft.com/azure/key-vault/general/soft-delete-overview
    """
    properties = item["parent"]["properties"]
    return _bool(properties, "enablePurgeProtection", False) and _bool(properties, "enableSoftDelete", True)


def _bool(properties: Row, name: str, default: bool | None = None) -> bool:
    value = properties.get(name)
    if value is None:
        value = default
    if not isinstance(value, bool):
        raise TypeError(name)
    return value


def _facets(get: ArmCall, tenant: str) -> Mapping[str, Facet[IdentityCall]]:
    return {
        "tags": from_list(to_tags),
        "enabled": from_list(to_enabled),
        "rotates": asked(get, to_rotates),
        "rotation_days": asked(get, to_rotation_days),
        "pending_deletion": from_list(never),
        "deletion_delayed": from_list(to_deletion_delayed),
        "open_to_others": Facet(READS, combine=partial(open_to_others, tenant=tenant)),
    }


def keys(partition: str, tenant: str) -> tuple[Nested, Nested]:
    """The tables for the keys of the key vaults and managed HSMs of one tenant's subscriptions."""
    vaults, hsms = (
        Nested(
            kind=Key,
            list=listing,
            header=lambda item: header(partition, item),
            facets=_facets(get, tenant),
            parents=parents,
        )
        for parents, listing, get in ((VAULTS, VAULT_KEYS, VAULT_KEY), (MANAGED_HSMS, HSM_KEYS, HSM_KEY))
    )
    return vaults, hsms


KEYS, KEYS_OF_HSMS = keys("azure", "")
