"""Storage accounts as buckets: the blob service with its containers.

An account of kind FileStorage has no blob service, so it is no bucket. Classic storage accounts are gone
since August 2024.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from providers.azure.client.calls import ArmCall, AzureCall, GraphCall
from providers.azure.client.guard import resource_id
from providers.azure.diagnostics import diagnostic_settings, logged
from scanner.collect.collection import Facet, FacetRead, Table, asked, from_list
from scanner.model.evidence import Observed, Unknown, all_of, any_of
from scanner.model.resources.storage import Bucket, Encryption

Row = Mapping[str, Any]


def _accounts(row: Row) -> Sequence[Row]:
    return ({**row, "location": row["location"].lower()},)


STORAGE_ACCOUNTS = GraphCall(
    name="Microsoft.ResourceGraph/Resources(storageAccounts)",
    permission="Microsoft.Storage/storageAccounts/read",
    query=(
        "resources | where type =~ 'microsoft.storage/storageaccounts' and kind !~ 'FileStorage'"
        " | project id, name, subscriptionId, location, tags, properties | order by id asc"
    ),
    items=_accounts,
)
BLOB_SERVICE = ArmCall(
    name="Microsoft.Storage/BlobServices_GetServiceProperties",
    permission="Microsoft.Storage/storageAccounts/blobServices/read",
    path="{id}/blobServices/default",
    version="2023-05-01",
)
CONTAINERS = ArmCall(
    name="Microsoft.Storage/BlobContainers_List",
    permission="Microsoft.Storage/storageAccounts/blobServices/containers/read",
    path="{id}/blobServices/default/containers",
    version="2023-05-01",
    paged=True,
)
BLOB_LOGS = ArmCall(
    name="Microsoft.Insights/DiagnosticSettings_List",
    permission="Microsoft.Insights/diagnosticSettings/read",
    path="{id}/blobServices/default/providers/Microsoft.Insights/diagnosticSettings",
    version="2021-05-01-preview",
    paged=True,
)
_REQUESTS = frozenset({"storageread", "storagewrite", "storagedelete"})
_WEBSITE = "$web"
_DEFAULT_CHANGED = "2023-08"
"""From this month on new accounts forbid anonymous access by default; before, no value means "allowed"."""


def header(partition: str, item: Row) -> Mapping[str, Any]:
    """The header from a row of Resource Graph."""
    return {
        "provider": "azure",
        "partition": partition,
        "scope": item["subscriptionId"].lower(),
        "region": item["location"] or None,
        "id": resource_id(item["id"]).lower(),
        "name": item["name"],
        "type": "azure.storage.account",
    }


def to_tags(item: Row) -> Mapping[str, str]:
    """The resource's own tags; Azure writes none as null."""
    return dict(item["tags"] or {})


def reachable(item: Row) -> Observed[bool]:
    """Whether the whole internet reaches the blob endpoint and the website: ``publicNetworkAccess`` is not
    Disabled and ``networkAcls.defaultAction`` is not Deny. Both bind anonymous requests too.

    A range of ``ipRules`` wider than /8 (IPv6: /16) counts as the internet. Under a network security
    perimeter (SecuredByPerimeter) its own rules decide, which the account does not tell.
    https://learn.microsoft.com/azure/storage/common/storage-network-security
    """
    properties = item["properties"]
    access = properties.get("publicNetworkAccess") or "Enabled"
    if access == "Disabled":
        return False
    if access == "SecuredByPerimeter":
        return _undecided(STORAGE_ACCOUNTS, "a network security perimeter decides who reaches the account")
    if access != "Enabled":
        raise ValueError("publicNetworkAccess")
    rules = properties.get("networkAcls") or {}
    action = rules.get("defaultAction") or "Allow"
    if action not in ("Allow", "Deny"):
        raise ValueError("defaultAction")
    return action == "Allow" or _wide([*(rules.get("ipRules") or ()), *(rules.get("ipv6Rules") or ())])


def _wide(rules: Iterable[Row]) -> bool:
    networks = [
        ipaddress.ip_network(rule["value"], strict=False)
        for rule in rules
        if (rule.get("action") or "Allow") == "Allow"
    ]
    four = ipaddress.collapse_addresses(n for n in networks if isinstance(n, ipaddress.IPv4Network))
    six = ipaddress.collapse_addresses(n for n in networks if isinstance(n, ipaddress.IPv6Network))
    return any(n.prefixlen < 8 for n in four) or any(n.prefixlen < 16 for n in six)


def anonymous_allowed(item: Row) -> Observed[bool]:
    """Whether the account lets its containers be public: ``allowBlobPublicAccess``.

    No value means "allowed" on accounts made before the default changed in August 2023. On newer ones the
    reference contradicts itself (the default reads as true in older API versions, as false in newer ones).
    https://learn.microsoft.com/azure/storage/blobs/anonymous-read-access-prevent
    """
    properties = item["properties"]
    allowed = properties.get("allowBlobPublicAccess")
    if isinstance(allowed, bool):
        return allowed
    if allowed is not None:
        raise TypeError("allowBlobPublicAccess")
    if str(properties.get("creationTime") or "9")[:7] < _DEFAULT_CHANGED:
        return True
    return _undecided(STORAGE_ACCOUNTS, "allowBlobPublicAccess has no value, and its default is ambiguous")


def open_containers(item: Row, containers: Sequence[Row]) -> tuple[str, ...]:
    """The containers whose ``publicAccess`` is Blob (its blobs can be read) or Container (listed too).

    https://learn.microsoft.com/rest/api/storagerp/blob-containers/list
    """
    return tuple(sorted(one["name"] for one in containers if _open(one["properties"])))


def _open(properties: Row) -> bool:
    access = properties.get("publicAccess") or "None"
    if access not in ("None", "Blob", "Container"):
        raise ValueError("publicAccess")
    return bool(access != "None")


def any_open_container(item: Row, containers: Sequence[Row]) -> bool:
    """Whether some container is public, if the account lets it."""
    return bool(open_containers(item, containers))


def website(item: Row, containers: Sequence[Row]) -> Observed[bool]:
    """Whether the static website is on: it serves the container ``$web`` to anyone, whatever
    ``allowBlobPublicAccess`` and the container say.

    Without that container there is none. With it the website is probably on, but Resource Manager does not
    tell: only the blob service itself does, which asks for rights on the data.
    https://learn.microsoft.com/azure/storage/blobs/storage-blob-static-website
    """
    if all(one["name"] != _WEBSITE for one in containers):
        return False
    return _undecided(CONTAINERS, "there is a container $web; whether its static website is on is not told")


def public_read(
    reached: Observed[bool], allowed: Observed[bool], opened: Observed[bool], site: Observed[bool]
) -> Observed[bool]:
    """The network lets everyone in, and a container that may be is public, or the website is on."""
    return all_of(reached, any_of(all_of(allowed, opened), site))


def public_via(
    reached: Observed[bool],
    allowed: Observed[bool],
    names: Observed[tuple[str, ...]],
    site: Observed[bool],
) -> Observed[tuple[str, ...]]:
    """What makes it public. Where containers are public, an undecided website is named as such."""
    opened = names if isinstance(names, Unknown) else bool(names)
    public = public_read(reached, allowed, opened, site)
    if isinstance(public, Unknown):
        return public
    if not public:
        return ()
    if isinstance(names, Unknown):
        return names
    via = [f"container {name}" for name in names]
    if isinstance(site, Unknown):
        via.append("static website $web, if it is on")
    elif site:
        via.append("static website $web")
    return tuple(sorted(via))


def never(item: Row) -> bool:
    """Anonymous writing does not exist: ``publicAccess`` grants reading only.

    https://learn.microsoft.com/azure/storage/blobs/anonymous-read-access-configure
    """
    return False


def to_encryption(item: Row) -> Encryption | None:
    """``encryption.keySource``: Microsoft.Storage, or the customer's key of a key vault.

    ``None`` where the blob service is named as not encrypted, which only very old accounts can be.
    https://learn.microsoft.com/rest/api/storagerp/storage-accounts/get-properties
    """
    encryption = _lower(item["properties"]["encryption"])
    source = encryption["keysource"].lower()
    blob = _lower(_lower(encryption.get("services") or {}).get("blob") or {})
    if blob.get("enabled") is False:
        return None
    if source == "microsoft.storage":
        return Encryption(key="provider", key_id=None)
    if source != "microsoft.keyvault":
        raise ValueError("keySource")
    vault = _lower(encryption.get("keyvaultproperties") or {})
    key = vault.get("currentversionedkeyidentifier")
    if not key and vault.get("keyvaulturi") and vault.get("keyname"):
        key = "/".join(
            part
            for part in (vault["keyvaulturi"].rstrip("/"), "keys", vault["keyname"], vault.get("keyversion"))
            if part
        )
    return Encryption(key="customer", key_id=key or None)


def to_versioning(item: Row, service: Row) -> bool:
    """``isVersioningEnabled`` of the blob service; off where it has no value.

    https://learn.microsoft.com/rest/api/storagerp/blob-services/get-service-properties
    """
    return _switch(service["properties"], "isVersioningEnabled", False)


def to_access_logging(item: Row, settings: Sequence[Row]) -> bool:
    """Diagnostic settings of the blob service send StorageRead, StorageWrite and StorageDelete somewhere.

    The classic Storage Analytics logs do not count: they stay in the account itself.
    https://learn.microsoft.com/azure/storage/blobs/monitor-blob-storage
    """
    return logged(diagnostic_settings(settings), _REQUESTS)


def to_tls_only(item: Row) -> bool:
    """``supportsHttpsTrafficOnly``: requests without TLS are refused. An answer without it tells nothing."""
    value = item["properties"]["supportsHttpsTrafficOnly"]
    if not isinstance(value, bool):
        raise TypeError("supportsHttpsTrafficOnly")
    return value


def to_uniform_access(item: Row) -> bool:
    """``allowSharedKeyAccess`` is false; no value is the same as true.

    https://learn.microsoft.com/azure/storage/common/shared-key-authorization-prevent
    """
    return not _switch(item["properties"], "allowSharedKeyAccess", True)


def _switch(properties: Row, name: str, default: bool) -> bool:
    value = properties.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise TypeError(name)
    return value


def _lower(mapping: Row) -> Row:
    return {name.lower(): value for name, value in mapping.items()}


def _undecided(call: AzureCall, message: str) -> Unknown:
    return Unknown.because("unsupported", call.name, None, message)


_REACHABLE: FacetRead[AzureCall] = FacetRead(None, reachable)
_ALLOWED: FacetRead[AzureCall] = FacetRead(None, anonymous_allowed)
_SITE: FacetRead[AzureCall] = FacetRead(CONTAINERS, website)

FACETS: Mapping[str, Facet[AzureCall]] = {
    "tags": from_list(to_tags),
    "public_read": Facet(
        (_REACHABLE, _ALLOWED, FacetRead(CONTAINERS, any_open_container), _SITE), combine=public_read
    ),
    "public_write": from_list(never),
    "public_via": Facet(
        (_REACHABLE, _ALLOWED, FacetRead(CONTAINERS, open_containers), _SITE), combine=public_via
    ),
    "encryption": from_list(to_encryption),
    "versioning": asked(BLOB_SERVICE, to_versioning),
    "access_logging": asked(BLOB_LOGS, to_access_logging),
    "tls_only": from_list(to_tls_only),
    "uniform_access": from_list(to_uniform_access),
}


def buckets(partition: str) -> Table[AzureCall]:
    """The table for the storage accounts of one cloud."""
    return Table(
        kind=Bucket,
        list=STORAGE_ACCOUNTS,
        header=lambda item: header(partition, item),
        facets=FACETS,
    )


BUCKETS = buckets("azure")
