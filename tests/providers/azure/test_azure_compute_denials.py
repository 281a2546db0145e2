"""A failed read about machines, databases, functions or clusters makes what depends on it unknown."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import pytest

from providers.sandbox import Fault
from providers.sandbox.azure.server import AzureSandbox
from scanner.model.evidence import Unknown
from scanner.model.inventory import Inventory
from tests.providers.azure.azure_scan import WANTED, Scan, of_kind, reasons, unknown_facets

GRAPH = "Microsoft.ResourceGraph/Resources"
KINDS = ("virtual_machine", "database", "function", "container_cluster")
OPEN = {("database", "open_to_world")}
FACETS: Mapping[str, set[tuple[str, str]]] = {
    f"{GRAPH}(networkInterfaces)": {("virtual_machine", "public_address"), *OPEN},
    f"{GRAPH}(managedClusters)": {("virtual_machine", "node_of")},
    f"{GRAPH}(sqlDatabases)": {("database", "serverless")},
    "Microsoft.Sql/FirewallRules_ListByServer": OPEN,
    "Microsoft.Sql/IPv6FirewallRules_ListByServer": OPEN,
    "Microsoft.DBforPostgreSQL/FirewallRules_ListByServer": OPEN,
    "Microsoft.DBforMySQL/FirewallRules_ListByServer": OPEN,
    "Microsoft.SqlVirtualMachine/SqlVirtualMachines_Get": {
        ("database", "backed_up"),
        ("database", "minor_upgrades"),
        *OPEN,
    },
}
JOINED = {
    ("virtual_machine", "public_address"),
    ("virtual_machine", "node_of"),
    ("database", "serverless"),
    *OPEN,
}
"""Facets from rows of other resources, whose listing must be proven complete."""
BLIND: Mapping[str, str] = {
    f"{GRAPH}(virtualMachines)": "virtual_machine",
    f"{GRAPH}(sqlServers)": "database",
    f"{GRAPH}(sqlManagedInstances)": "database",
    f"{GRAPH}(postgresqlFlexibleServers)": "database",
    f"{GRAPH}(mysqlFlexibleServers)": "database",
    f"{GRAPH}(sqlVirtualMachines)": "database",
    f"{GRAPH}(functionApps)": "function",
    f"{GRAPH}(managedClusters)": "container_cluster",
}
TYPES = {
    f"{GRAPH}(sqlServers)": "azure.sql.server",
    f"{GRAPH}(sqlManagedInstances)": "azure.sql.managedinstance",
    f"{GRAPH}(postgresqlFlexibleServers)": "azure.dbforpostgresql.flexibleserver",
    f"{GRAPH}(mysqlFlexibleServers)": "azure.dbformysql.flexibleserver",
    f"{GRAPH}(sqlVirtualMachines)": "azure.sqlvirtualmachine.sqlvirtualmachine",
}
"""The database type of each listing."""
REASONS: Mapping[Fault, str] = {
    "denied": "denied",
    "denied_by_organisation": "denied_by_organisation",
    "expired": "denied",
    "throttled": "throttled",
    "malformed": "error",
    "reset": "error",
    "failing": "error",
}


@pytest.fixture
def scan(scan: Scan) -> Scan:
    """Only the kinds of this theme."""
    return partial(scan, wanted={kind: WANTED[kind] for kind in KINDS})


@pytest.fixture
def whole(scan: Scan) -> Inventory:
    return scan()


@pytest.mark.parametrize("fault", sorted(REASONS))
@pytest.mark.parametrize("call", sorted(FACETS))
def test_exactly_the_facets_that_depend_on_it_are_unknown(
    azure: AzureSandbox, scan: Scan, whole: Inventory, call: str, fault: Fault
) -> None:
    azure.fault = lambda operation: fault if operation == call else None
    inventory = scan()
    assert unknown_facets(inventory) == FACETS[call]
    assert reasons(inventory) == {(REASONS[fault], call)}
    assert {spot.kind for spot in inventory.blind_spots} == {BLIND[call] for _ in (call,) if call in BLIND}
    before = {one.id: one for one in whole.resources if one.kind != BLIND.get(call)}
    assert {one.id for one in inventory.resources} == set(before)
    for after in inventory.resources:
        for name in after.collected():
            value = getattr(after, name)
            assert isinstance(value, Unknown) or value == getattr(before[after.id], name)


@pytest.mark.parametrize("fault", sorted(REASONS))
@pytest.mark.parametrize("call", sorted(BLIND))
def test_what_cannot_be_listed_is_a_blind_spot(
    azure: AzureSandbox, scan: Scan, whole: Inventory, call: str, fault: Fault
) -> None:
    azure.fault = lambda operation: fault if operation == call else None
    inventory = scan()
    assert {(spot.kind, spot.cause.call, spot.cause.reason) for spot in inventory.blind_spots} == {
        (BLIND[call], call, REASONS[fault])
    }
    for kind in KINDS:
        listed = {one.id for one in of_kind(inventory, kind)}
        affected = kind == BLIND[call]
        assert listed == {
            one.id
            for one in of_kind(whole, kind)
            if not affected or (call in TYPES and one.type != TYPES[call])
        }


@pytest.mark.parametrize(
    "call",
    [
        "Microsoft.Authorization/Permissions_ListForSubscription",
        "Microsoft.Authorization/DenyAssignments_List",
    ],
)
def test_facets_from_an_incomplete_listing_are_unknown(azure: AzureSandbox, scan: Scan, call: str) -> None:
    azure.fault = lambda operation: "denied" if operation == call else None
    inventory = scan()
    assert unknown_facets(inventory) == JOINED
    assert reasons(inventory) == {("denied", call)}
    assert {spot.kind for spot in inventory.blind_spots} == set(KINDS)
    for one in of_kind(inventory, "virtual_machine"):
        assert isinstance(one.node_of, Unknown)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("hidden", "lacking", "facet"),
    [
        ("jumphost-nic", "Microsoft.Network/networkInterfaces/read", ("virtual_machine", "public_address")),
        ("shop", "Microsoft.ContainerService/managedClusters/read", ("virtual_machine", "node_of")),
        ("crm", "Microsoft.Sql/servers/databases/read", ("database", "serverless")),
    ],
)
def test_facets_from_silently_omitted_rows_are_unknown(
    azure: AzureSandbox, scan: Scan, hidden: str, lacking: str, facet: tuple[str, str]
) -> None:
    """Without the cluster its node would count as a stand-alone machine; without the provisioned database,
    the server as serverless."""
    azure.estate.hidden = {hidden}
    azure.estate.permissions = [{"actions": ["*/read"], "notActions": [lacking]}]
    inventory = scan()
    assert facet in unknown_facets(inventory)
    kind, name = facet
    joined = [getattr(one, name) for one in of_kind(inventory, kind)]
    causes = {cause.permission for fact in joined if isinstance(fact, Unknown) for cause in fact.causes}
    assert causes == {lacking}
