"""Each read about machines, databases, functions and clusters that goes wrong makes just what depends on it
unknown."""

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
"""What is told by rows of other resources, which must be proven to be all."""
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
GONE = {
    f"{GRAPH}(sqlServers)": "azure.sql.server",
    f"{GRAPH}(sqlManagedInstances)": "azure.sql.managedinstance",
    f"{GRAPH}(postgresqlFlexibleServers)": "azure.dbforpostgresql.flexibleserver",
    f"{GRAPH}(mysqlFlexibleServers)": "azure.dbformysql.flexibleserver",
    f"{GRAPH}(sqlVirtualMachines)": "azure.sqlvirtualmachine.sqlvirtualmachine",
}
"""The types of databases that a listing alone lists."""
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
    """Of the kinds of this theme alone."""
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
            told = getattr(after, name)
            assert isinstance(told, Unknown) or told == getattr(before[after.id], name)


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
        seen = {one.id for one in of_kind(inventory, kind)}
        gone = kind == BLIND[call]
        assert seen == {
            one.id for one in of_kind(whole, kind) if not gone or (call in GONE and one.type != GONE[call])
        }


@pytest.mark.parametrize(
    "call",
    [
        "Microsoft.Authorization/Permissions_ListForSubscription",
        "Microsoft.Authorization/DenyAssignments_List",
    ],
)
def test_rows_that_are_not_proven_to_be_all_tell_nothing_about_others(
    azure: AzureSandbox, scan: Scan, call: str
) -> None:
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
def test_rows_left_out_for_want_of_a_right_make_no_fact(
    azure: AzureSandbox, scan: Scan, hidden: str, lacking: str, facet: tuple[str, str]
) -> None:
    """Without the cluster its node would pass for a machine of its own; without the database that has a size,
    the server for a serverless one."""
    azure.estate.hidden = {hidden}
    azure.estate.permissions = [{"actions": ["*/read"], "notActions": [lacking]}]
    inventory = scan()
    assert facet in unknown_facets(inventory)
    kind, name = facet
    joined = [getattr(one, name) for one in of_kind(inventory, kind)]
    causes = {cause.permission for fact in joined if isinstance(fact, Unknown) for cause in fact.causes}
    assert causes == {lacking}
