"""Snapshots of managed disks."""

from __future__ import annotations

from providers.azure.table import Row, resources
from scanner.collect.table import Facet, FacetRead, from_list
from scanner.model.evidence import all_of
from scanner.model.resources.storage import Encryption, Snapshot

_LINK = {
    "activesas": True,
    "activesasfrozen": True,
    "attached": False,
    "frozen": False,
    "readytoupload": False,
    "reserved": False,
    "unattached": False,
}
"""``diskState``: whether a link for reading is active. ``ActiveUpload`` is one for writing, so it is unknown.
https://learn.microsoft.com/rest/api/compute/snapshots/get#diskstate"""
_OPEN = {"allowall": True, "allowprivate": False, "denyall": False}
_ENABLED = {"enabled": True, "disabled": False}
_ANONYMOUS = {"none": True, "azureactivedirectory": False}
_CUSTOMER = {
    "encryptionatrestwithplatformkey": False,
    "encryptionatrestwithcustomerkey": True,
    "encryptionatrestwithplatformandcustomerkeys": True,
}


def to_link(item: Row) -> bool:
    """``diskState``: whether a SAS link for download is active."""
    return _LINK[item["properties"]["diskState"].lower()]


def to_policy(item: Row) -> bool:
    """``networkAccessPolicy``: whether the link works from any network."""
    return _OPEN[item["properties"]["networkAccessPolicy"].lower()]


def to_network(item: Row) -> bool:
    """``publicNetworkAccess``: Disabled overrides the network access policy."""
    return _ENABLED[item["properties"]["publicNetworkAccess"].lower()]


def to_anonymous(item: Row) -> bool:
    """``dataAccessAuthMode``: whether the link alone suffices; it is set only to require Entra ID as well."""
    return _ANONYMOUS[(item["properties"].get("dataAccessAuthMode") or "None").lower()]


def to_encryption(item: Row) -> Encryption:
    """``encryption.type``, and ``diskEncryptionSetId``, which names the key. Managed disks and snapshots are
    always encrypted: https://learn.microsoft.com/azure/virtual-machines/disk-encryption."""
    encryption = item["properties"]["encryption"]
    if not _CUSTOMER[encryption["type"].lower()]:
        return Encryption(key="provider", key_id=None)
    return Encryption(key="customer", key_id=encryption["diskEncryptionSetId"].lower())


snapshots = resources(
    Snapshot,
    "azure.compute.snapshot",
    "Microsoft.Compute/snapshots",
    {
        # No snapshot can be granted to everyone: only a link opens it to whoever has it.
        "public": Facet(
            tuple(FacetRead(None, function) for function in (to_link, to_policy, to_network, to_anonymous)),
            all_of,
        ),
        "encryption": from_list(to_encryption),
    },
)
