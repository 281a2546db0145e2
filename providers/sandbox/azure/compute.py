"""The sample company's machines, databases, function apps and clusters, as Azure shows them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from providers.sandbox.azure.network import perimeter

Json = dict[str, Any]

_ID = (
    r"/subscriptions/(?P<subscription>[0-9a-f-]{36})/resourcegroups/[^/]+"
    r"/providers/microsoft\.%s/(?P<server>[a-z0-9-]+)"
)
OPERATIONS = (
    (
        "Microsoft.Sql/FirewallRules_ListByServer",
        "Microsoft.Sql/servers/firewallRules/read",
        _ID % "sql/servers" + "/firewallrules",
        "2023-08-01",
    ),
    (
        "Microsoft.Sql/IPv6FirewallRules_ListByServer",
        "Microsoft.Sql/servers/ipv6FirewallRules/read",
        _ID % "sql/servers" + "/ipv6firewallrules",
        "2023-08-01",
    ),
    (
        "Microsoft.Sql/NetworkSecurityPerimeterConfigurations_ListByServer",
        "Microsoft.Sql/servers/networkSecurityPerimeterConfigurations/read",
        _ID % "sql/servers" + "/networksecurityperimeterconfigurations",
        "2023-08-01",
    ),
    (
        "Microsoft.DBforPostgreSQL/FirewallRules_ListByServer",
        "Microsoft.DBforPostgreSQL/flexibleServers/firewallRules/read",
        _ID % "dbforpostgresql/flexibleservers" + "/firewallrules",
        "2024-08-01",
    ),
    (
        "Microsoft.DBforMySQL/FirewallRules_ListByServer",
        "Microsoft.DBforMySQL/flexibleServers/firewallRules/read",
        _ID % "dbformysql/flexibleservers" + "/firewallrules",
        "2023-12-30",
    ),
    (
        "Microsoft.SqlVirtualMachine/SqlVirtualMachines_Get",
        "Microsoft.SqlVirtualMachine/sqlVirtualMachines/read",
        _ID % "sqlvirtualmachine/sqlvirtualmachines",
        "2023-10-01",
    ),
)
"""Name, action, path and version of each GET."""


def _query(condition: str, more: str = "") -> str:
    columns = f"id, name, subscriptionId, location, tags,{more} properties"
    return f"resources | where {condition} | project {columns} | order by id asc"


QUERIES = {
    "virtualMachines": _query("type =~ 'microsoft.compute/virtualmachines'"),
    "networkInterfaces": _query("type =~ 'microsoft.network/networkinterfaces'"),
    "functionApps": _query("type =~ 'microsoft.web/sites' and kind contains 'functionapp'", " kind,"),
    "managedClusters": _query("type =~ 'microsoft.containerservice/managedclusters'", " sku,"),
    "sqlServers": _query("type =~ 'microsoft.sql/servers'"),
    "sqlManagedInstances": _query("type =~ 'microsoft.sql/managedinstances'"),
    "sqlDatabases": (
        "resources | where type =~ 'microsoft.sql/servers/databases'"
        " | project id, name, subscriptionId, sku | order by id asc"
    ),
    "postgresqlFlexibleServers": _query("type =~ 'microsoft.dbforpostgresql/flexibleservers'"),
    "mysqlFlexibleServers": _query("type =~ 'microsoft.dbformysql/flexibleservers'"),
    "sqlVirtualMachines": _query("type =~ 'microsoft.sqlvirtualmachine/sqlvirtualmachines'"),
}
"""The queries at Resource Graph, by what they list."""


@dataclass
class Compute:
    """The compute resources of the subscription."""

    rows: dict[str, list[Json]]
    """The rows of Resource Graph, by the names in :data:`QUERIES`."""
    firewalls: dict[str, list[Json]] = field(default_factory=dict)
    """The firewall rules of database servers, by the end of their ID: ``servers/shop/firewallRules``."""
    settings: dict[str, Json] = field(default_factory=dict)
    """The settings of SQL virtual machines by name, which Azure returns only with ``$expand``."""

    def row(self, of: str, name: str) -> Json:
        """The row of that name."""
        (found,) = (one for one in self.rows[of] if one["name"] == name)
        return found

    def answer(self, path: str, parameters: Any) -> Json | list[Json] | None:
        """The answer to a GET; ``None`` if there is no such server."""
        identity = path.lower()
        if "/sqlvirtualmachines/" not in identity:
            identity = identity.rsplit("/", 1)[0]
        every = (row for rows in self.rows.values() for row in rows)
        found = next((row for row in every if row["id"].lower() == identity), None)
        if found is None:
            return None
        if "/sqlvirtualmachines/" in identity:
            more = self.settings[found["name"]] if parameters.get("$expand") == "*" else {}
            return {**found, "properties": {**found["properties"], **more}}
        end = "/".join(path.lower().split("/")[-3:])
        return next((rules for name, rules in self.firewalls.items() if name.lower() == end), [])


def rule(name: str, first: str, last: str) -> Json:
    """A firewall rule of a database server."""
    names = ("startIPv6Address", "endIPv6Address") if ":" in first else ("startIpAddress", "endIpAddress")
    return {"name": name, "properties": dict(zip(names, (first, last), strict=True))}


class _Company:
    """Creates rows in one subscription and resource group."""

    def __init__(self, subscription: str, group: str) -> None:
        self._subscription = subscription
        self.group = group

    def row(self, type_: str, name: str, tags: Json | None, properties: Json, **more: Any) -> Json:
        group = more.pop("group", self.group)
        return {
            "id": f"{group}/providers/{type_}/{name}",
            "name": name,
            "subscriptionId": self._subscription,
            "location": "westeurope",
            "tags": tags,
            **more,
            "properties": {"provisioningState": "Succeeded", **properties},
        }

    def machine(
        self, name: str, tags: Json | None, public: bool = False, group: str | None = None
    ) -> tuple[Json, Json]:
        """A machine and its network interface."""
        group = group or self.group
        network = f"{group}/providers/Microsoft.Network"
        machine = self.row(
            "Microsoft.Compute/virtualMachines",
            name,
            tags,
            {
                "hardwareProfile": {"vmSize": "Standard_D2s_v5"},
                "networkProfile": {"networkInterfaces": [{"id": f"{network}/networkInterfaces/{name}-nic"}]},
            },
            group=group,
        )
        subnet = {"id": f"{network}/virtualNetworks/shop/subnets/machines"}
        configuration: Json = {"primary": True, "privateIPAddress": "10.0.0.4", "subnet": subnet}
        if public:
            configuration["publicIPAddress"] = {"id": f"{network}/publicIPAddresses/{name}-ip"}
        interface = self.row(
            "Microsoft.Network/networkInterfaces",
            f"{name}-nic",
            None,
            {
                # The case of the ID differs from the machine's own here.
                "virtualMachine": {"id": machine["id"].replace(name, name.upper())},
                "ipConfigurations": [{"name": "ipconfig1", "properties": configuration}],
            },
            group=group,
        )
        return machine, interface

    def function(self, name: str, tags: Json | None, kind: str, version: str | None, **more: Any) -> Json:
        versions = [{"name": "LinuxFxVersion", "value": version}, {"name": "WindowsFxVersion", "value": None}]
        properties = {"sku": "ElasticPremium", "siteProperties": {"properties": versions}, **more}
        return self.row("Microsoft.Web/sites", name, tags, properties, kind=kind)

    def cluster(self, name: str, tags: Json | None, sku: str, properties: Json) -> Json:
        pool = {"name": "system", "count": 3, "mode": "System", "type": "VirtualMachineScaleSets"}
        return self.row(
            "Microsoft.ContainerService/managedClusters",
            name,
            tags,
            {
                "agentPoolProfiles": [pool],
                "nodeResourceGroup": f"MC_Analytics-Prod_{name}_westeurope",
                **properties,
            },
            sku={"name": sku, "tier": "Standard"},
        )

    def sql_server(self, name: str, tags: Json | None, databases: Json, **more: Any) -> tuple[Json, ...]:
        """A server and its databases, given as SKU name by database name."""
        properties = {"publicNetworkAccess": "Enabled", "minimalTlsVersion": "1.2", "version": "12.0", **more}
        server = self.row("Microsoft.Sql/servers", name, tags, properties)
        sizes = {"master": "System", **databases}
        return (
            server,
            *(
                {
                    "id": f"{server['id']}/databases/{database}",
                    "name": database,
                    "subscriptionId": self._subscription,
                    "sku": {"name": size},
                }
                for database, size in sizes.items()
            ),
        )

    def flexible(self, engine: str, name: str, tags: Json | None, access: str, days: int = 7) -> Json:
        properties = {
            "network": {"publicNetworkAccess": access},
            "backup": {"backupRetentionDays": days, "geoRedundantBackup": "Disabled"},
            "state": "Ready",
        }
        return self.row(f"Microsoft.DBfor{engine}/flexibleServers", name, tags, properties)


def sample_compute(subscription: str, group: str) -> Compute:
    """Compliant and non-compliant resources of each kind: a web tier, a jump host with a public address, a
    node; open and closed servers; functions with and without automatic updates; a cluster per node type."""
    make = _Company(subscription, group)
    nodes = f"/subscriptions/{subscription}/resourceGroups/mc_analytics-prod_SHOP_westeurope"
    data, platform = {"owner": "data", "env": "prod"}, {"owner": "platform", "env": "prod"}
    machines = [
        make.machine("web-1", {"owner": "product", "env": "prod"}),
        make.machine("jumphost", None, public=True),
        make.machine("ledger-db", data),
        make.machine("migration-db", {}, public=True),
        make.machine("aks-gpu-27551-vm0", {}, group=nodes),
    ]
    shop = make.sql_server("shop-sql", data, {"orders": "GP_S_Gen5", "stock": "HS_S_Gen5"})
    legacy = make.sql_server("legacy-sql", None, {"crm": "S3", "reports": "GP_S_Gen5"})
    inner = make.sql_server("inner-sql", data, {"pay": "BC_Gen5"}, isIPv6Enabled="Enabled")
    sql = (shop, legacy, inner)
    sql_machines = [
        make.row(
            "Microsoft.SqlVirtualMachine/sqlVirtualMachines",
            name,
            tags,
            {"virtualMachineResourceId": machine["id"], "sqlServerLicenseType": "PAYG"},
        )
        for name, tags, (machine, _) in (
            ("ledger-db", data, machines[2]),
            ("migration-db", {}, machines[3]),
        )
    ]
    return Compute(
        rows={
            "virtualMachines": [machine for machine, _ in machines],
            "networkInterfaces": [interface for _, interface in machines],
            "sqlServers": [server for server, *_ in sql],
            "sqlManagedInstances": [
                make.row("Microsoft.Sql/managedInstances", name, tags, {"publicDataEndpointEnabled": public})
                for name, tags, public in (("erp-mi", data, False), ("lift-mi", None, True))
            ],
            "sqlDatabases": [database for _, *databases in sql for database in databases],
            "postgresqlFlexibleServers": [
                make.flexible("PostgreSQL", "reporting-pg", data, "Disabled", 14),
                make.flexible("PostgreSQL", "pilot-pg", None, "Enabled"),
            ],
            "mysqlFlexibleServers": [make.flexible("MySQL", "blog-mysql", {"owner": "ghost"}, "Enabled")],
            "sqlVirtualMachines": sql_machines,
            "functionApps": [
                make.function("resize-images", platform, "functionapp,linux", "Python|3.12"),
                make.function(
                    "orders-flex",
                    platform,
                    "functionapp,linux",
                    None,
                    sku="FlexConsumption",
                    functionAppConfig={"runtime": {"name": "node", "version": "22"}},
                ),
                make.function(
                    "invoice-render", data, "functionapp,linux,container", "DOCKER|shop.azurecr.io/render:7"
                ),
                make.function("old-sync", None, "functionapp,linux", "Java|8u202"),
            ],
            "managedClusters": [
                make.cluster(
                    "shop",
                    platform,
                    "Base",
                    {
                        "apiServerAccessProfile": {"enablePrivateCluster": True},
                        "autoUpgradeProfile": {
                            "upgradeChannel": "patch",
                            "nodeOSUpgradeChannel": "NodeImage",
                        },
                        "addonProfiles": {"aciConnectorLinux": {"enabled": True, "config": {}}},
                    },
                ),
                make.cluster(
                    "lab",
                    None,
                    "Base",
                    {"autoUpgradeProfile": {"upgradeChannel": "none", "nodeOSUpgradeChannel": "Unmanaged"}},
                ),
                make.cluster(
                    "batch",
                    platform,
                    "Automatic",
                    {"apiServerAccessProfile": {"authorizedIPRanges": ["203.0.113.0/24"]}},
                ),
            ],
        },
        firewalls={
            "servers/shop-sql/firewallRules": [
                rule("AllowAllWindowsAzureIps", "0.0.0.0", "0.0.0.0"),
                rule("office", "203.0.113.0", "203.0.113.255"),
            ],
            "servers/legacy-sql/firewallRules": [
                rule("lower", "0.0.0.1", "127.255.255.255"),
                rule("upper", "128.0.0.0", "255.255.255.255"),
            ],
            "servers/inner-sql/networkSecurityPerimeterConfigurations": [
                perimeter("Learning", "203.0.113.0/24")
            ],
            "servers/inner-sql/ipv6FirewallRules": [
                rule("office", "2001:db8:7::", "2001:db8:7:ffff:ffff:ffff:ffff:ffff")
            ],
            "flexibleServers/pilot-pg/firewallRules": [rule("all", "0.0.0.0", "255.255.255.255")],
            "flexibleServers/blog-mysql/firewallRules": [rule("web", "198.51.100.7", "198.51.100.7")],
        },
        settings={
            "ledger-db": {
                "autoBackupSettings": {"enable": True, "retentionPeriod": 30},
                "autoPatchingSettings": {"enable": True, "dayOfWeek": "Sunday"},
                "serverConfigurationsManagementSettings": {
                    "sqlConnectivityUpdateSettings": {"connectivityType": "PRIVATE", "port": 1433}
                },
            },
            "migration-db": {
                "autoPatchingSettings": {"enable": False},
                "serverConfigurationsManagementSettings": {
                    "sqlConnectivityUpdateSettings": {"connectivityType": "PUBLIC", "port": 1433}
                },
            },
        },
    )
