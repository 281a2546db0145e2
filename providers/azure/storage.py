"""Storage accounts as buckets: the blob service with its containers.

An account of kind FileStorage has no blob service, so it is not a bucket. Classic storage accounts were
retired in August 2024.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from providers.azure.client.calls import ArmCall, AzureCall, GraphCall
from providers.azure.client.guard import resource_id
from providers.azure.diagnostics import diagnostic_settings, logged
from providers.azure.perimeters import Perimeter, associations, reachable_with, to_perimeter
from scanner.collect.table import Facet, FacetRead, Table, asked, from_list
from scanner.model.evidence import Observed, Unknown, all_of, any_of
from scanner.model.resources.storage import Bucket, Encryption
from scanner.policy.addresses import cover_world

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
PERIMETERS = associations(
    "Microsoft.Storage", "storageAccounts", "NetworkSecurityPerimeterConfigurations_List", "2025-01-01"
)
_REQUESTS = frozenset({"storageread", "storagewrite", "storagedelete"})
_WEBSITE = "$web"
_DEFAULT_CHANGED = "2023-08"
"""New accounts disallow anonymous access by default from this month; before, no value means "allowed"."""


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
    """The resource's own tags; Azure returns null for none."""
    return dict(item["tags"] or {})


def reachable(item: Row) -> bool:
    """Whether the account's own firewall lets the internet reach the blob endpoint and the website:
    ``publicNetworkAccess`` is Enabled, and ``networkAcls.defaultAction`` is not Deny or the ``ipRules``
    together cover what counts as the internet. Both apply to anonymous requests too.

    With SecuredByPerimeter only a network security perimeter admits anyone.
    https://learn.microsoft.com/azure/storage/common/storage-network-security
    """
    properties = item["properties"]
    access = properties.get("publicNetworkAccess") or "Enabled"
    if access in ("Disabled", "SecuredByPerimeter"):
        return False
    if access != "Enabled":
        raise ValueError("publicNetworkAccess")
    rules = properties.get("networkAcls") or {}
    action = rules.get("defaultAction") or "Allow"
    if action not in ("Allow", "Deny"):
        raise ValueError("defaultAction")
    allowed = [
        rule["value"]
        for rule in (*(rules.get("ipRules") or ()), *(rules.get("ipv6Rules") or ()))
        if (rule.get("action") or "Allow") == "Allow"
    ]
    return action == "Allow" or cover_world(allowed)


def perimeter(item: Row, configurations: Sequence[Row]) -> Observed[Perimeter | None]:
    """The network security perimeter of the account.

    https://learn.microsoft.com/azure/storage/common/storage-network-security-perimeter
    """
    return to_perimeter(PERIMETERS, configurations)


def anonymous_allowed(item: Row) -> Observed[bool]:
    """Whether the account allows public containers: ``allowBlobPublicAccess``.

    No value means "allowed" on accounts created before the default changed in August 2023. For newer ones
    the reference is contradictory (default true in older API versions, false in newer ones).
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
    return _undetermined(STORAGE_ACCOUNTS, "allowBlobPublicAccess has no value, and its default is ambiguous")


def open_containers(item: Row, containers: Sequence[Row]) -> tuple[str, ...]:
    """The containers whose ``publicAccess`` is Blob (read blobs) or Container (also list them).

    https://learn.microsoft.com/rest/api/storagerp/blob-containers/list
    """
    return tuple(sorted(one["name"] for one in containers if _open(one["properties"])))


def _open(properties: Row) -> bool:
    access = properties.get("publicAccess") or "None"
    if access not in ("None", "Blob", "Container"):
        raise ValueError("publicAccess")
    return bool(access != "None")


def any_open_container(item: Row, containers: Sequence[Row]) -> bool:
    """Whether any container is public, if the account allows it."""
    return bool(open_containers(item, containers))


def website(item: Row, containers: Sequence[Row]) -> Observed[bool]:
    """Whether the static website is enabled: it serves the container ``$web`` to anyone, regardless of
    ``allowBlobPublicAccess`` and the container's access level.

    Without that container it is not. With it the website is probably enabled, but only the blob service
    reports this, which requires data permissions; the Resource Manager does not.
    https://learn.microsoft.com/azure/storage/blobs/storage-blob-static-website
    """
    if all(one["name"] != _WEBSITE for one in containers):
        return False
    return _undetermined(
        CONTAINERS, "there is a $web container; whether the static website is enabled is not reported"
    )


def public_read(
    own: Observed[bool],
    around: Observed[Perimeter | None],
    allowed: Observed[bool],
    opened: Observed[bool],
    site: Observed[bool],
) -> Observed[bool]:
    """Whether the network is open and a container is public where allowed, or the website is enabled.

    What cannot be told of an account behind a network that cannot be told either is no cause of its own.
    """
    network = reachable_with(own, around)
    content = any_of(all_of(allowed, opened), site)
    return network if isinstance(network, Unknown) and content is not False else all_of(network, content)


def public_via(
    own: Observed[bool],
    around: Observed[Perimeter | None],
    allowed: Observed[bool],
    names: Observed[tuple[str, ...]],
    site: Observed[bool],
) -> Observed[tuple[str, ...]]:
    """What makes it public. If containers are public, a website of unknown state is listed as such."""
    opened = names if isinstance(names, Unknown) else bool(names)
    public = public_read(own, around, allowed, opened, site)
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
    """Azure has no anonymous write access: ``publicAccess`` grants read access only.

    https://learn.microsoft.com/azure/storage/blobs/anonymous-read-access-configure
    """
    return False


def to_encryption(item: Row) -> Encryption | None:
    """``encryption.keySource``: Microsoft.Storage, or a customer-managed key in a key vault.

    ``None`` if encryption of the blob service is disabled, possible only for very old accounts.
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
    """``isVersioningEnabled`` of the blob service; disabled if it has no value.

    https://learn.microsoft.com/rest/api/storagerp/blob-services/get-service-properties
    """
    return _switch(service["properties"], "isVersioningEnabled", False)


def to_access_logging(item: Row, settings: Sequence[Row]) -> bool:
    """Whether diagnostic settings of the blob service export StorageRead, StorageWrite and StorageDelete.

    Classic Storage Analytics logs do not count: they stay in the account itself.
    https://learn.microsoft.com/azure/storage/blobs/monitor-blob-storage
    """
    return logged(diagnostic_settings(settings), _REQUESTS)


def to_tls_only(item: Row) -> bool:
    """``supportsHttpsTrafficOnly``: requests without TLS are rejected. Raises if it is missing.

    It does not apply to a custom domain, for which Azure Storage has no HTTPS, nor to NFS 3.0.
    https://learn.microsoft.com/azure/storage/common/storage-require-secure-transfer
    """
    properties = item["properties"]
    value = properties["supportsHttpsTrafficOnly"]
    if not isinstance(value, bool):
        raise TypeError("supportsHttpsTrafficOnly")
    own_domain = (properties.get("customDomain") or {}).get("name")
    return value and not own_domain and not _switch(properties, "isNfsV3Enabled", False)


def to_uniform_access(item: Row) -> Observed[bool]:
    """Whether ``allowSharedKeyAccess`` is false (no value means true), and no local users exist, who sign in
    over SFTP with a password or key of the account.

    Without SFTP local users cannot sign in. The default of ``isLocalUserEnabled`` is not documented.
    https://learn.microsoft.com/azure/storage/common/shared-key-authorization-prevent
    https://learn.microsoft.com/azure/storage/blobs/secure-file-transfer-protocol-support
    """
    properties = item["properties"]
    no_keys = not _switch(properties, "allowSharedKeyAccess", True)
    if not _switch(properties, "isSftpEnabled", False):
        return no_keys
    if properties.get("isLocalUserEnabled") is None:
        message = "SFTP is enabled, and isLocalUserEnabled has no value"
        return all_of(no_keys, _undetermined(STORAGE_ACCOUNTS, message))
    return no_keys and not _switch(properties, "isLocalUserEnabled", True)


def _switch(properties: Row, name: str, default: bool) -> bool:
    value = properties.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise TypeError(name)
    return value


def _lower(mapping: Row) -> Row:
    return {name.lower(): value for name, value in mapping.items()}


def _undetermined(call: AzureCall, message: str) -> Unknown:
    return Unknown.because("unsupported", call.name, None, message)


_NETWORK: tuple[FacetRead[AzureCall], ...] = (FacetRead(None, reachable), FacetRead(PERIMETERS, perimeter))
_ANONYMOUS_ALLOWED: FacetRead[AzureCall] = FacetRead(None, anonymous_allowed)
_SITE: FacetRead[AzureCall] = FacetRead(CONTAINERS, website)

FACETS: Mapping[str, Facet[AzureCall]] = {
    "tags": from_list(to_tags),
    "public_read": Facet(
        (*_NETWORK, _ANONYMOUS_ALLOWED, FacetRead(CONTAINERS, any_open_container), _SITE),
        combine=public_read,
    ),
    "public_write": from_list(never),
    "public_via": Facet(
        (*_NETWORK, _ANONYMOUS_ALLOWED, FacetRead(CONTAINERS, open_containers), _SITE), combine=public_via
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
