"""Cloud SQL instances.

A stopped instance (``activationPolicy`` NEVER) counts, since it keeps its data, address and settings. So does
a read replica or read pool, which is a separate server with its own address. An entry for a customer's server
outside Cloud SQL, which a replica copies from, does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from providers.gcp.client.calls import GcpCall, Item
from providers.gcp.packets import covers_internet
from scanner.collect.table import Facet, FacetRead, Table, from_list
from scanner.model.evidence import Observed, Unknown
from scanner.model.resources.compute import Database

_INSTANCE = "sqladmin.googleapis.com/Instance"
_EXTERNAL = "ON_PREMISES_INSTANCE"
_CONNECTOR, _NO_CONNECTOR = "REQUIRED", "NOT_REQUIRED"
_BACKED_UP_ELSEWHERE = frozenset({"ADVANCED", "ENHANCED"})
_UNPINNED = re.compile(r"MYSQL_[0-9]+_[0-9]+|POSTGRES_[0-9]+(?:_[0-9]+)?|SQLSERVER_[0-9]+_[A-Z]+")
"""Versions without a minor version: Cloud SQL chooses it."""
_MYSQL_8 = "MYSQL_8_0"
_PINNED = re.compile(r"MYSQL_8_0_([0-9]+)")
_FIRST_UPGRADED = 35
"""The first minor version of MySQL 8.0 that is upgraded automatically."""


def servers(item: Item) -> Iterator[Item]:
    """The instance, unless it represents a server outside Cloud SQL."""
    if item.data.get("instanceType") != _EXTERNAL:
        yield item


INSTANCES = GcpCall("ListAssets", (_INSTANCE,), split=servers, shared=True)


def header(item: Item) -> Mapping[str, Any]:
    """https://cloud.google.com/sql/docs/mysql/admin-api/rest/v1/instances. The asset's name contains the
    project and the instance's name."""
    region = item.data.get("region") or item.asset["resource"].get("location") or None
    return {
        "provider": "gcp",
        "partition": "gcp",
        "scope": item.project.id,
        "region": region.lower() if region else None,
        "id": item.asset["name"],
        "name": item.asset["name"].rpartition("/")[2],
        "type": "gcp.sqladmin.instance",
    }


def to_tags(item: Item) -> Mapping[str, str]:
    """``settings.userLabels``."""
    return dict(item.data["settings"].get("userLabels", {}))


def to_open(item: Item) -> bool:
    """It has a public IPv4 address, and ``settings.ipConfiguration.authorizedNetworks`` allow anyone:
    https://cloud.google.com/sql/docs/mysql/configure-ip. Cloud SQL has no other public addresses.

    An entry counts until it is removed, even past its ``expirationTime``. Cloud SQL connectors connect from
    anywhere but authenticate, so a public address alone is not open; where they are required
    (``connectorEnforcement``), authorised networks have no effect. Raises :class:`LookupError` if neither a
    setting nor an address shows whether it is public.
    """
    enforcement = item.data["settings"].get("connectorEnforcement") or _NO_CONNECTOR
    if enforcement not in (_CONNECTOR, _NO_CONNECTOR, "CONNECTOR_ENFORCEMENT_UNSPECIFIED"):
        raise ValueError(f"{enforcement} is an unknown connector enforcement")
    settings = item.data["settings"]["ipConfiguration"]
    if enforcement == _CONNECTOR:
        return False
    if not covers_internet(entry["value"] for entry in settings.get("authorizedNetworks", ())):
        return False
    public = settings.get("ipv4Enabled")
    if public is None:
        return any(address["type"] == "PRIMARY" for address in item.data["ipAddresses"])
    if not isinstance(public, bool):
        raise TypeError("ipv4Enabled is neither true nor false")
    return public


def to_own_backups(item: Item) -> Observed[bool | None]:
    """``settings.backupConfiguration.enabled``. ``None`` for a replica, which cannot be backed up: its data
    and backups are the primary's: https://cloud.google.com/sql/docs/mysql/backup-recovery/backups."""
    return None if item.data.get("masterInstanceName") else _backups(item.data)


def _backups(data: Mapping[str, Any]) -> Observed[bool]:
    backups = data["settings"]["backupConfiguration"]
    enabled = backups.get("enabled", False)
    if not isinstance(enabled, bool):
        raise TypeError("enabled is neither true nor false")
    if not enabled and backups.get("backupTier") in _BACKED_UP_ELSEWHERE:
        why = "the Backup and DR Service manages backups, and the asset does not show whether any are made"
        return Unknown.because("unsupported", INSTANCES.name, None, why)
    return enabled


def to_backups_of_primary(item: Item, instances: Mapping[str, Any]) -> Observed[bool | None]:
    """The backups of the instance that a replica copies, directly or through others.

    Raises :class:`LookupError` if it is not in the listing.
    """
    name = item.asset["name"]
    data = item.data
    seen = set()
    while master := data.get("masterInstanceName"):
        if name in seen:
            raise LookupError(f"{item.asset['name']} is a replica of itself")
        seen.add(name)
        name = f"{name.rpartition('/')[0]}/{master.rpartition(':')[2]}"
        data = instances[name]["resource"]["data"]
    if not seen:
        return None
    if data.get("instanceType") == _EXTERNAL:
        why = "the primary is outside Cloud SQL, and no asset shows its backups"
        return Unknown.because("unsupported", INSTANCES.name, None, why)
    return _backups(data)


def to_backed_up(own: Observed[bool | None], primary: Observed[bool | None]) -> Observed[bool]:
    """The instance's own backups, or those of the primary it replicates."""
    backups = primary if own is None else own
    if backups is None:
        why = "neither the instance nor its primary shows whether it is backed up"
        return Unknown.because("error", INSTANCES.name, None, why)
    return backups


def to_minor_upgrades(item: Item) -> bool:
    """Cloud SQL installs minor versions during maintenance, except for MySQL 8.0: there it is optional
    (``settings.autoUpgradeEnabled``), or the default if no minor version was chosen and the installed one is
    8.0.35 or later: https://cloud.google.com/sql/docs/mysql/upgrade-minor-db-version.

    Deny maintenance periods postpone it. Raises :class:`LookupError` or :class:`ValueError` for a missing or
    unknown version.
    """
    version = item.data["databaseVersion"]
    if version != _MYSQL_8 and not _PINNED.fullmatch(version):
        if not _UNPINNED.fullmatch(version):
            raise ValueError(f"{version} is an unknown version")
        return True
    chosen = item.data["settings"].get("autoUpgradeEnabled")
    if isinstance(chosen, bool):
        return chosen
    if version != _MYSQL_8:
        return False
    installed = _PINNED.match(item.data["databaseInstalledVersion"])
    if installed is None:
        raise ValueError("the installed version is not a MySQL 8.0 version")
    return int(installed[1]) >= _FIRST_UPGRADED


def never(_: Item) -> bool:
    """The customer chooses the machine type of every Cloud SQL instance (``settings.tier``), and none allows
    sign-in to its operating system: https://cloud.google.com/sql/docs/mysql/features."""
    return False


DATABASES = Table(
    kind=Database,
    list=INSTANCES,
    header=header,
    facets={
        "tags": from_list(to_tags),
        "open_to_world": from_list(to_open),
        "backed_up": Facet(
            (FacetRead(None, to_own_backups), FacetRead(INSTANCES, to_backups_of_primary)), to_backed_up
        ),
        "minor_upgrades": from_list(to_minor_upgrades),
        "serverless": from_list(never),
        "os_access": from_list(never),
    },
)
"""Cloud SQL instances of the project, running or stopped. A database on a Compute Engine instance is not one:
the instance is collected as a machine."""
