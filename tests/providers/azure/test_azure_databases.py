"""Database servers: Azure SQL, flexible servers, SQL Server on a machine."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from providers.azure.databases import DATABASES, SQL_DATABASES
from providers.sandbox.azure.compute import rule
from providers.sandbox.azure.estate import SUBSCRIPTION
from providers.sandbox.azure.server import AzureSandbox
from scanner.collect.provider import ConnectionRequest
from scanner.model.evidence import Observed, Unknown
from scanner.model.inventory import Inventory
from scanner.model.resources.compute import Database
from tests.providers.azure.azure_scan import WANTED, Scan, of_kind, reasons, unknown_facets

Row = dict[str, Any]
Recordings = Callable[[str], list[dict[str, Any]]]
SHAPE = (KeyError, TypeError, ValueError, AttributeError)
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourcegroups/analytics-prod"
SQL, INSTANCES, POSTGRESQL, MYSQL, MACHINES = DATABASES


@pytest.fixture
def scan(scan: Scan) -> Scan:
    """Only databases."""
    return partial(scan, wanted={"database": WANTED["database"]})


def database(inventory: Inventory, name: str) -> Database:
    (found,) = (one for one in inventory.resources if isinstance(one, Database) and one.name == name)
    return found


def facts(inventory: Inventory, name: str) -> dict[str, Observed[bool]]:
    found = database(inventory, name)
    return {facet: getattr(found, facet) for facet in sorted(found.collected() - {"tags"})}


def test_every_type_is_collected_completely(scan: Scan) -> None:
    inventory = scan()
    assert (unknown_facets(inventory), inventory.blind_spots) == (set(), ())
    assert sorted({one.type for one in of_kind(inventory, "database")}) == [
        "azure.dbformysql.flexibleserver",
        "azure.dbforpostgresql.flexibleserver",
        "azure.sql.managedinstance",
        "azure.sql.server",
        "azure.sqlvirtualmachine.sqlvirtualmachine",
    ]
    shop = database(inventory, "shop-sql")
    assert shop.id == f"{GROUP}/providers/microsoft.sql/servers/shop-sql"
    assert (shop.scope, shop.region) == (SUBSCRIPTION, "westeurope")
    assert shop.tags == {"owner": "data", "env": "prod"}


MANAGED = {"backed_up": True, "minor_upgrades": True, "os_access": False}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("shop-sql", {**MANAGED, "open_to_world": False, "serverless": True}),
        ("legacy-sql", {**MANAGED, "open_to_world": True, "serverless": False}),
        ("inner-sql", {**MANAGED, "open_to_world": False, "serverless": False}),
        ("erp-mi", {**MANAGED, "open_to_world": False, "serverless": False}),
        ("lift-mi", {**MANAGED, "open_to_world": True, "serverless": False}),
        ("reporting-pg", {**MANAGED, "open_to_world": False, "serverless": False}),
        ("pilot-pg", {**MANAGED, "open_to_world": True, "serverless": False}),
        ("blog-mysql", {**MANAGED, "open_to_world": False, "serverless": False}),
        ("ledger-db", {**MANAGED, "open_to_world": False, "serverless": False, "os_access": True}),
        (
            "migration-db",
            {
                "backed_up": False,
                "minor_upgrades": False,
                "open_to_world": True,
                "os_access": True,
                "serverless": False,
            },
        ),
    ],
)
def test_the_facts_of_each_server(scan: Scan, name: str, expected: dict[str, bool]) -> None:
    assert facts(scan(), name) == expected


def test_only_the_requested_locations(azure: AzureSandbox, scan: Scan) -> None:
    azure.estate.compute.row("mysqlFlexibleServers", "blog-mysql")["location"] = "North Europe"
    inventory = scan(ConnectionRequest("azure", regions=("northeurope",)))
    assert [(one.name, one.region) for one in of_kind(inventory, "database")] == [
        ("blog-mysql", "northeurope")
    ]


# Network access


def rules_open(*ranges: tuple[str, str], version: int = 4) -> Any:
    read = SQL.facets["open_to_world"].reads[1 if version == 4 else 3]
    return read.function({}, [rule("r", *ends) for ends in ranges])


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        ((), False),
        ((("0.0.0.0", "0.0.0.0"),), False),
        ((("203.0.113.0", "203.0.113.255"),), False),
        ((("10.0.0.0", "10.255.255.255"), ("192.168.0.0", "192.168.255.255")), False),
        ((("8.0.0.0", "8.255.255.254"),), False),
        ((("8.0.0.0", "8.255.255.255"),), True),
        ((("0.0.0.0", "255.255.255.255"),), True),
        ((("0.0.0.1", "255.255.255.254"),), True),
        ((("8.0.0.0", "8.127.255.255"), ("8.128.0.0", "8.255.255.255")), True),
    ],
)
def test_ranges_are_combined(ranges: tuple[tuple[str, str], ...], expected: bool) -> None:
    assert rules_open(*ranges) is expected


def test_ranges_of_ipv6() -> None:
    assert rules_open(("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), version=6) is True
    assert rules_open(("2600::", "2600:0:0:ffff:ffff:ffff:ffff:ffff"), version=6) is False


@pytest.mark.parametrize(
    "ends", [("8.0.0.9", "8.0.0.1"), ("anyone", "8.0.0.1"), ("8.0.0.0/8", "8.0.0.1"), ("", "")]
)
def test_an_unreadable_range_raises(ends: tuple[str, str]) -> None:
    with pytest.raises(SHAPE):
        rules_open(ends)


@pytest.mark.parametrize(
    ("access", "expected"), [("Enabled", True), ("enabled", True), (None, True), ("Disabled", False)]
)
@pytest.mark.parametrize(
    ("of", "name", "nested"),
    [
        ("sqlServers", "legacy-sql", False),
        ("postgresqlFlexibleServers", "pilot-pg", True),
        ("postgresqlFlexibleServers", "pilot-pg", False),
    ],
)
def test_public_network_access_overrides_rules(
    azure: AzureSandbox, scan: Scan, of: str, name: str, nested: bool, access: str | None, expected: bool
) -> None:
    properties = azure.estate.compute.row(of, name)["properties"]
    properties.pop("network", None)
    setting = {"publicNetworkAccess": access}
    properties.update({"network": setting} if nested else setting)
    assert database(scan(), name).open_to_world is expected


@pytest.mark.parametrize(
    ("of", "name", "access", "reason"),
    [
        ("sqlServers", "shop-sql", "Perhaps", "error"),
        ("mysqlFlexibleServers", "blog-mysql", "Perhaps", "error"),
        ("mysqlFlexibleServers", "blog-mysql", "SecuredByPerimeter", "unsupported"),
    ],
)
def test_unknown_access_is_not_closed_by_rules(
    azure: AzureSandbox, scan: Scan, of: str, name: str, access: str, reason: str
) -> None:
    """A perimeter overrides the server's own rules, which allow nobody."""
    properties = azure.estate.compute.row(of, name)["properties"]
    (properties.get("network") or properties)["publicNetworkAccess"] = access
    inventory = scan()
    assert isinstance(database(inventory, name).open_to_world, Unknown)
    assert {one for one, _ in reasons(inventory)} == {reason}
    assert unknown_facets(inventory) == {("database", "open_to_world")}


@pytest.mark.parametrize(("enabled", "expected"), [("Enabled", True), ("Disabled", False), (None, False)])
def test_ipv6_rules_count_if_ipv6_is_enabled(
    azure: AzureSandbox, scan: Scan, enabled: str | None, expected: bool
) -> None:
    azure.estate.compute.row("sqlServers", "inner-sql")["properties"]["isIPv6Enabled"] = enabled
    whole = [rule("all", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")]
    azure.estate.compute.firewalls["servers/inner-sql/ipv6FirewallRules"] = whole
    assert database(scan(), "inner-sql").open_to_world is expected


def test_a_deleted_server_is_unknown(azure: AzureSandbox, scan: Scan) -> None:
    call = "Microsoft.Sql/FirewallRules_ListByServer"

    def vanish(operation: str) -> None:
        if operation == call:
            azure.estate.compute.rows["sqlServers"] = []

    azure.fault = vanish
    inventory = scan()
    assert isinstance(database(inventory, "legacy-sql").open_to_world, Unknown)
    assert ("error", call) in reasons(inventory)


# Serverless


def serverless(*sizes: str) -> Any:
    (read,) = SQL.facets["serverless"].reads
    assert SQL_DATABASES.digest is not None
    server = f"{GROUP}/providers/Microsoft.Sql/servers/one"
    rows = [
        {"id": f"{server.upper()}/DATABASES/d{number}", "sku": {"name": size}}
        for number, size in enumerate(sizes)
    ]
    other = {"id": f"{server}-two/databases/d", "sku": {"name": "GP_Gen5"}}
    return read.function({"id": server}, SQL_DATABASES.digest([*rows, other]))


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        (("GP_S_Gen5",), True),
        (("System", "GP_S_Gen5", "HS_S_Gen5"), True),
        (("GP_S_Gen5", "GP_Gen5"), False),
        (("GP_S_Gen5", "ElasticPool"), False),
        (("Basic",), False),
        (("DW100c",), False),
        (("System",), False),
        ((), False),
    ],
)
def test_a_server_is_serverless_if_all_its_databases_are(sizes: tuple[str, ...], expected: bool) -> None:
    assert serverless(*sizes) is expected


def test_a_database_without_sku_affects_only_its_server(azure: AzureSandbox, scan: Scan) -> None:
    azure.estate.compute.row("sqlDatabases", "crm")["sku"] = None
    inventory = scan()
    assert isinstance(database(inventory, "legacy-sql").serverless, Unknown)
    assert database(inventory, "shop-sql").serverless is True


# Backups


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"backup": {"backupRetentionDays": 7}}, True),
        ({"backup": {"backupRetentionDays": 0}}, False),
        ({"storageProfile": {"backupRetentionDays": 7}}, True),
    ],
)
def test_days_of_backups(properties: Row, expected: bool) -> None:
    for table in (POSTGRESQL, MYSQL):
        (read,) = table.facets["backed_up"].reads
        assert read.function({"properties": properties}) is expected


@pytest.mark.parametrize(
    "properties", [{}, {"backup": {}}, {"backup": {"backupRetentionDays": None}}, {"storageProfile": {}}]
)
def test_missing_backup_settings_raise(properties: Row) -> None:
    (read,) = POSTGRESQL.facets["backed_up"].reads
    with pytest.raises(SHAPE):
        read.function({"properties": properties})


@pytest.mark.parametrize("enabled", [None, "true", 1])
def test_an_unreadable_endpoint_setting_raises(enabled: Any) -> None:
    (read,) = INSTANCES.facets["open_to_world"].reads
    with pytest.raises(SHAPE):
        read.function({"properties": {"publicDataEndpointEnabled": enabled}})


# SQL Server on a machine


def set_connectivity(azure: AzureSandbox, kind: str | None) -> None:
    settings = azure.estate.compute.settings["migration-db"]
    setting = {"SQLConnectivityUpdateSettings": {"ConnectivityType": kind}} if kind else None
    settings["ServerConfigurationsManagementSettings"] = setting
    del settings["serverConfigurationsManagementSettings"]


@pytest.mark.parametrize(
    ("kind", "expected"), [("PUBLIC", True), ("Public", True), ("PRIVATE", False), ("LOCAL", False)]
)
def test_connectivity_of_a_machine(azure: AzureSandbox, scan: Scan, kind: str, expected: bool) -> None:
    set_connectivity(azure, kind)
    assert database(scan(), "migration-db").open_to_world is expected


def test_a_manually_configured_server_is_unknown_unless_private(azure: AzureSandbox, scan: Scan) -> None:
    set_connectivity(azure, None)
    inventory = scan()
    assert isinstance(database(inventory, "migration-db").open_to_world, Unknown)
    assert reasons(inventory) == {("unsupported", "Microsoft.SqlVirtualMachine/SqlVirtualMachines_Get")}
    del azure.estate.compute.row("networkInterfaces", "migration-db-nic")["properties"]["ipConfigurations"][
        0
    ]["properties"]["publicIPAddress"]
    assert database(scan(), "migration-db").open_to_world is False


def test_a_machine_without_an_interface_is_unknown(azure: AzureSandbox, scan: Scan) -> None:
    interfaces = azure.estate.compute.rows["networkInterfaces"]
    interfaces[:] = [one for one in interfaces if one["name"] != "migration-db-nic"]
    assert isinstance(database(scan(), "migration-db").open_to_world, Unknown)


@pytest.mark.parametrize(
    ("facet", "name"), [("backed_up", "autoBackupSettings"), ("minor_upgrades", "AutoPatchingSettings")]
)
def test_settings_of_a_machine(facet: str, name: str) -> None:
    (read,) = MACHINES.facets[facet].reads
    for setting, expected in (
        ({"enable": True}, True),
        ({"Enable": False}, False),
        ({}, False),
        (None, False),
    ):
        assert read.function({}, {"properties": {name: setting}}) is expected
    assert read.function({}, {"properties": {}}) is False
    with pytest.raises(SHAPE):
        read.function({}, {"properties": {name: {"enable": "yes"}}})
    with pytest.raises(SHAPE):
        read.function({}, {})


# Recorded answers


def recorded(recordings: Recordings, name: str, type_: str) -> list[Row]:
    """Servers as Resource Graph returns them: with the subscription, and tags or null."""
    bodies = [one["body"] for one in recordings(name)]
    listed = [one for body in bodies for one in body.get("value", [body]) if "type" in one]
    return [
        {"tags": None, **one, "subscriptionId": one["id"].split("/")[2]}
        for one in listed
        if one["type"].lower() == type_
    ]


def test_recorded_flexible_servers(recordings: Recordings) -> None:
    found = {}
    for table, service in ((POSTGRESQL, "dbforpostgresql"), (MYSQL, "dbformysql")):
        rows = recorded(
            recordings, f"microsoft.{service}.flexibleservers", f"microsoft.{service}/flexibleservers"
        )
        for item in rows:
            assert table.header(item)["id"] == item["id"].lower()
            public, backups = (table.facets[name].reads[0] for name in ("open_to_world", "backed_up"))
            found[item["name"]] = (public.function(item), backups.function(item))
    assert found["pgtestsvc4"] == (False, True)
    assert found["pgtestsvc1"] == found["azureheight"] == (True, True)


def test_recorded_sql_servers_and_their_rules(recordings: Recordings) -> None:
    servers = recorded(recordings, "microsoft.sql.servers", "microsoft.sql/servers")
    assert len(servers) > 10
    public, rules, ipv6, *_ = SQL.facets["open_to_world"].reads
    for item in servers:
        assert SQL.header(item)["type"] == "azure.sql.server"
        assert public.function(item) is (item["properties"].get("publicNetworkAccess") != "Disabled")
        assert ipv6.function(item) is False
    answers = [
        one["body"]["value"]
        for one in recordings("microsoft.sql.servers")
        if one["uri"].split("?")[0].endswith("/firewallRules")
    ]
    assert answers
    assert {rules.function({}, answer) for answer in answers} <= {True, False}


def test_recorded_databases(recordings: Recordings) -> None:
    rows = recorded(recordings, "microsoft.sql.servers", "microsoft.sql/servers/databases")
    assert SQL_DATABASES.digest is not None
    by_server = SQL_DATABASES.digest(rows)
    (read,) = SQL.facets["serverless"].reads
    assert by_server
    assert {read.function({"id": server}, by_server) for server in by_server} == {False}
