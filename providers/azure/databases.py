"""Relational database servers: Azure SQL servers and managed instances, PostgreSQL and MySQL flexible
servers, SQL Server on a machine.

An Azure SQL server is a logical container of databases. A per-database setting counts for the server only if
it holds for all: the server is serverless if every database is. Database-level firewall rules are not
collected: they are visible only to those who can sign in to the database.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from ipaddress import ip_address
from typing import Any

from providers.azure.client.calls import ArmCall, AzureCall, GraphCall
from providers.azure.compute import INTERFACES, Interfaces, has_public_address
from providers.azure.perimeters import Perimeter, associations, reachable_with, to_perimeter
from providers.azure.table import always, header, never, query, to_tags, with_location
from scanner.collect.table import Facet, FacetRead, Table, asked, from_list
from scanner.model.evidence import Observed, Unknown, all_of, any_of
from scanner.model.resources.compute import Database
from scanner.policy.addresses import address_range, include_world, union

Row = Mapping[str, Any]


def _databases(rows: Sequence[Row]) -> Mapping[str, Sequence[Row]]:
    """By server ID, in lower case."""
    servers: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        servers[row["id"].lower().rsplit("/databases/", 1)[0]].append(row)
    return dict(servers)


SQL_SERVERS = GraphCall(
    name="Microsoft.ResourceGraph/Resources(sqlServers)",
    permission="Microsoft.Sql/servers/read",
    query=query("type =~ 'microsoft.sql/servers'"),
    items=with_location,
)
SQL_DATABASES = GraphCall(
    name="Microsoft.ResourceGraph/Resources(sqlDatabases)",
    permission="Microsoft.Sql/servers/databases/read",
    query="resources | where type =~ 'microsoft.sql/servers/databases'"
    " | project id, name, subscriptionId, sku | order by id asc",
    digest=_databases,
)
SQL_FIREWALL = ArmCall(
    name="Microsoft.Sql/FirewallRules_ListByServer",
    permission="Microsoft.Sql/servers/firewallRules/read",
    path="{id}/firewallRules",
    of="microsoft.sql/servers",
    version="2023-08-01",
    paged=True,
)
SQL_FIREWALL_6 = ArmCall(
    name="Microsoft.Sql/IPv6FirewallRules_ListByServer",
    permission="Microsoft.Sql/servers/ipv6FirewallRules/read",
    path="{id}/ipv6FirewallRules",
    of="microsoft.sql/servers",
    version="2023-08-01",
    paged=True,
)
SQL_PERIMETERS = associations(
    "Microsoft.Sql", "servers", "NetworkSecurityPerimeterConfigurations_ListByServer", "2023-08-01"
)
MANAGED_INSTANCES = GraphCall(
    name="Microsoft.ResourceGraph/Resources(sqlManagedInstances)",
    permission="Microsoft.Sql/managedInstances/read",
    query=query("type =~ 'microsoft.sql/managedinstances'"),
    items=with_location,
)
POSTGRESQL_SERVERS = GraphCall(
    name="Microsoft.ResourceGraph/Resources(postgresqlFlexibleServers)",
    permission="Microsoft.DBforPostgreSQL/flexibleServers/read",
    query=query("type =~ 'microsoft.dbforpostgresql/flexibleservers'"),
    items=with_location,
)
POSTGRESQL_FIREWALL = ArmCall(
    name="Microsoft.DBforPostgreSQL/FirewallRules_ListByServer",
    permission="Microsoft.DBforPostgreSQL/flexibleServers/firewallRules/read",
    path="{id}/firewallRules",
    of="microsoft.dbforpostgresql/flexibleservers",
    version="2024-08-01",
    paged=True,
)
MYSQL_SERVERS = GraphCall(
    name="Microsoft.ResourceGraph/Resources(mysqlFlexibleServers)",
    permission="Microsoft.DBforMySQL/flexibleServers/read",
    query=query("type =~ 'microsoft.dbformysql/flexibleservers'"),
    items=with_location,
)
MYSQL_FIREWALL = ArmCall(
    name="Microsoft.DBforMySQL/FirewallRules_ListByServer",
    permission="Microsoft.DBforMySQL/flexibleServers/firewallRules/read",
    path="{id}/firewallRules",
    of="microsoft.dbformysql/flexibleservers",
    version="2023-12-30",
    paged=True,
)
SQL_MACHINES = GraphCall(
    name="Microsoft.ResourceGraph/Resources(sqlVirtualMachines)",
    permission="Microsoft.SqlVirtualMachine/sqlVirtualMachines/read",
    query=query("type =~ 'microsoft.sqlvirtualmachine/sqlvirtualmachines'"),
    items=with_location,
)
SQL_MACHINE = ArmCall(
    name="Microsoft.SqlVirtualMachine/SqlVirtualMachines_Get",
    permission="Microsoft.SqlVirtualMachine/sqlVirtualMachines/read",
    path="{id}",
    of="microsoft.sqlvirtualmachine/sqlvirtualmachines",
    version="2023-10-01",
    # Without it the answer lacks the backup, patching and connectivity settings.
    expand="*",
)


def to_public(item: Row) -> bool:
    """Whether ``publicNetworkAccess`` is Enabled; no value means Enabled. Flexible servers have it under
    ``network``, in older answers at the top level.

    With SecuredByPerimeter only a network security perimeter admits anyone.
    https://learn.microsoft.com/azure/azure-sql/database/connectivity-settings
    """
    properties = item["properties"]
    access = (properties.get("network") or properties).get("publicNetworkAccess") or "Enabled"
    if access.lower() not in ("enabled", "disabled", "securedbyperimeter"):
        raise ValueError("publicNetworkAccess")
    return bool(access.lower() == "enabled")


def to_flexible_public(call: GraphCall, item: Row) -> Observed[bool]:
    """As :func:`to_public`, for servers that cannot be associated with a perimeter yet."""
    properties = item["properties"]
    access = (properties.get("network") or properties).get("publicNetworkAccess") or ""
    if access.lower() == "securedbyperimeter":
        message = "a network security perimeter, which is not read, controls access to the server"
        return Unknown.because("unsupported", call.name, None, message)
    return to_public(item)


def perimeter(item: Row, configurations: Sequence[Row]) -> Observed[Perimeter | None]:
    """The network security perimeter of an Azure SQL server.

    https://learn.microsoft.com/azure/azure-sql/database/network-security-perimeter
    """
    return to_perimeter(SQL_PERIMETERS, configurations)


def to_rules_open(
    item: Row, rules: Sequence[Row], names: tuple[str, str] = ("startIpAddress", "endIpAddress")
) -> bool:
    """Whether the combined ranges of the server's firewall rules cover what counts as the internet.

    The rule 0.0.0.0 to 0.0.0.0 allows resources within Azure, of any customer: like the service tag
    AzureCloud of a security group, that is not the internet. Virtual network rules are not, either.
    https://learn.microsoft.com/azure/azure-sql/database/firewall-configure
    """
    ends = ((ip_address(rule["properties"][name].strip()) for name in names) for rule in rules)
    return include_world(union(address_range(*pair) for pair in ends))


def to_rules_open_6(item: Row, rules: Sequence[Row]) -> bool:
    """As :func:`to_rules_open`, for IPv6.

    https://learn.microsoft.com/azure/templates/microsoft.sql/servers/ipv6firewallrules
    """
    return to_rules_open(item, rules, ("startIPv6Address", "endIPv6Address"))


def to_ipv6(item: Row) -> bool:
    """Whether ``isIPv6Enabled`` is Enabled; no value means Disabled."""
    enabled = (item["properties"].get("isIPv6Enabled") or "Disabled").lower()
    if enabled not in ("enabled", "disabled"):
        raise ValueError("isIPv6Enabled")
    return bool(enabled == "enabled")


def open_to_world(public: Observed[bool], rules: Observed[bool]) -> Observed[bool]:
    """Whether public access is enabled and the rules allow the internet. If public access is unknown, so is
    the result, whatever the rules: something else may override them."""
    return public if isinstance(public, Unknown) else all_of(public, rules)


def sql_open(
    public: Observed[bool],
    rules: Observed[bool],
    ipv6: Observed[bool],
    rules6: Observed[bool],
    around: Observed[Perimeter | None],
) -> Observed[bool]:
    """Whether public access is enabled and the rules allow the internet, for IPv6 if that is enabled; or the
    perimeter does."""
    return reachable_with(open_to_world(public, any_of(rules, all_of(ipv6, rules6))), around)


def to_serverless(item: Row, databases: Mapping[str, Sequence[Row]]) -> bool:
    """Whether all databases of the server except ``master`` use serverless compute: ``sku.name`` is GP_S_*
    or HS_S_*. False if any database has provisioned compute, and for an empty server.

    https://learn.microsoft.com/azure/azure-sql/database/serverless-tier-overview
    """
    names = [one["sku"]["name"].upper() for one in databases.get(item["id"].lower(), ())]
    own = [name for name in names if name != "SYSTEM"]
    return bool(own) and all(name.startswith(("GP_S_", "HS_S_")) for name in own)


def to_public_endpoint(item: Row) -> bool:
    """``publicDataEndpointEnabled``: the instance has no firewall of its own, so a public endpoint is as open
    as the security group of its subnet, which is a separate firewall.

    https://learn.microsoft.com/azure/azure-sql/managed-instance/public-endpoint-overview
    """
    enabled = item["properties"]["publicDataEndpointEnabled"]
    if not isinstance(enabled, bool):
        raise TypeError("publicDataEndpointEnabled")
    return enabled


def to_backed_up(item: Row) -> bool:
    """Whether ``backupRetentionDays`` is above zero; older answers have it under ``storageProfile``.

    https://learn.microsoft.com/azure/postgresql/flexible-server/concepts-backup-restore
    https://learn.microsoft.com/azure/mysql/flexible-server/concepts-backup-restore
    """
    properties = item["properties"]
    days = (properties.get("backup") or properties["storageProfile"])["backupRetentionDays"]
    if isinstance(days, bool) or not isinstance(days, int | float):
        raise TypeError("backupRetentionDays")
    return days > 0


def to_machine_public(item: Row, interfaces: Interfaces) -> bool:
    """Whether a network interface of the underlying machine has a public IP address."""
    attached = interfaces.by_machine[item["properties"]["virtualMachineResourceId"].lower()]
    return any(has_public_address(interface) for interface in attached)


def to_public_connectivity(item: Row, machine: Row) -> Observed[bool]:
    """Whether ``connectivityType`` is PUBLIC: not PRIVATE (the virtual network) or LOCAL (the machine).

    Azure does not know it if SQL Server was installed manually and registered later.
    https://learn.microsoft.com/azure/azure-sql/virtual-machines/windows/ways-to-connect-to-sql
    """
    server = _setting(machine, "serverConfigurationsManagementSettings")
    kind = str(_lower(server.get("sqlconnectivityupdatesettings") or {}).get("connectivitytype") or "")
    if not kind:
        message = "SQL Server connectivity was not configured through Azure"
        return Unknown.because("unsupported", SQL_MACHINE.name, None, message)
    if kind.upper() not in ("PUBLIC", "PRIVATE", "LOCAL"):
        raise ValueError("connectivityType")
    return kind.upper() == "PUBLIC"


def to_machine_backed_up(item: Row, machine: Row) -> bool:
    """``autoBackupSettings.enable``; false without the setting. A backup of the whole machine or by a
    Recovery Services vault is a separate backup plan.

    https://learn.microsoft.com/azure/azure-sql/virtual-machines/windows/automated-backup
    """
    return _enabled(machine, "autoBackupSettings")


def to_machine_patched(item: Row, machine: Row) -> bool:
    """``autoPatchingSettings.enable``: SQL Server updates that Microsoft marks as important are installed in
    a maintenance window. False without the setting.

    https://learn.microsoft.com/azure/azure-sql/virtual-machines/windows/automated-patching
    """
    return _enabled(machine, "autoPatchingSettings")


def _enabled(machine: Row, name: str) -> bool:
    setting = _setting(machine, name)
    enabled = setting.get("enable", False)
    if not isinstance(enabled, bool):
        raise TypeError(name)
    return enabled


def _setting(machine: Row, name: str) -> Row:
    """A group of settings with names in lower case, since their case depends on the API version."""
    return _lower(_lower(machine["properties"]).get(name.lower()) or {})


def _lower(mapping: Row) -> Row:
    return {name.lower(): value for name, value in mapping.items()}


def _flexible(servers: GraphCall, firewall: ArmCall) -> Mapping[str, Facet[AzureCall]]:
    """Microsoft installs minor versions in the maintenance window, which cannot be disabled; compute is
    provisioned per server; there is no access to its operating system.

    https://learn.microsoft.com/azure/postgresql/flexible-server/concepts-maintenance
    https://learn.microsoft.com/azure/mysql/flexible-server/concepts-maintenance
    """
    return {
        "tags": from_list(to_tags),
        "open_to_world": Facet(
            (FacetRead(None, partial(to_flexible_public, servers)), FacetRead(firewall, to_rules_open)),
            combine=open_to_world,
        ),
        "backed_up": from_list(to_backed_up),
        "minor_upgrades": from_list(always),
        "serverless": from_list(never),
        "os_access": from_list(never),
    }


SQL_FACETS: Mapping[str, Facet[AzureCall]] = {
    "tags": from_list(to_tags),
    "open_to_world": Facet(
        (
            FacetRead(None, to_public),
            FacetRead(SQL_FIREWALL, to_rules_open),
            FacetRead(None, to_ipv6),
            FacetRead(SQL_FIREWALL_6, to_rules_open_6),
            FacetRead(SQL_PERIMETERS, perimeter),
        ),
        combine=sql_open,
    ),
    # Both by design: backups are kept for at least a day, and the engine is always the newest version.
    "backed_up": from_list(always),
    "minor_upgrades": from_list(always),
    "serverless": asked(SQL_DATABASES, to_serverless),
    "os_access": from_list(never),
}
"""https://learn.microsoft.com/azure/azure-sql/database/automated-backups-overview"""
INSTANCE_FACETS: Mapping[str, Facet[AzureCall]] = {
    "tags": from_list(to_tags),
    "open_to_world": from_list(to_public_endpoint),
    # By design, as for Azure SQL servers; cores are provisioned per instance.
    "backed_up": from_list(always),
    "minor_upgrades": from_list(always),
    "serverless": from_list(never),
    "os_access": from_list(never),
}
MACHINE_FACETS: Mapping[str, Facet[AzureCall]] = {
    "tags": from_list(to_tags),
    "open_to_world": Facet(
        (FacetRead(INTERFACES, to_machine_public), FacetRead(SQL_MACHINE, to_public_connectivity)),
        combine=all_of,
    ),
    "backed_up": asked(SQL_MACHINE, to_machine_backed_up),
    "minor_upgrades": asked(SQL_MACHINE, to_machine_patched),
    "serverless": from_list(never),
    "os_access": from_list(always),
}


def databases(partition: str) -> tuple[Table[AzureCall], ...]:
    """The tables for the database servers of one cloud, one per type."""
    types: tuple[tuple[str, GraphCall, Mapping[str, Facet[AzureCall]]], ...] = (
        ("sql.server", SQL_SERVERS, SQL_FACETS),
        ("sql.managedinstance", MANAGED_INSTANCES, INSTANCE_FACETS),
        (
            "dbforpostgresql.flexibleserver",
            POSTGRESQL_SERVERS,
            _flexible(POSTGRESQL_SERVERS, POSTGRESQL_FIREWALL),
        ),
        ("dbformysql.flexibleserver", MYSQL_SERVERS, _flexible(MYSQL_SERVERS, MYSQL_FIREWALL)),
        ("sqlvirtualmachine.sqlvirtualmachine", SQL_MACHINES, MACHINE_FACETS),
    )
    return tuple(
        Table(
            kind=Database,
            list=listing,
            header=partial(header, partition, f"azure.{type_}"),
            facets=facets,
        )
        for type_, listing, facets in types
    )


DATABASES = databases("azure")
