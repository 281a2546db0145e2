"""Virtual machines, function apps and AKS clusters."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from providers.azure.compute import CONTAINER_CLUSTERS, FUNCTIONS, INTERFACES, VIRTUAL_MACHINES
from providers.sandbox.azure.estate import SUBSCRIPTION
from providers.sandbox.azure.server import AzureSandbox
from scanner.collect.provider import ConnectionRequest
from scanner.model.evidence import Unknown
from scanner.model.inventory import Inventory
from scanner.model.resources.compute import ContainerCluster, Function, VirtualMachine
from tests.providers.azure.azure_scan import WANTED, Scan, of_kind, unknown_facets

Row = dict[str, Any]
Recordings = Callable[[str], list[dict[str, Any]]]
SHAPE = (KeyError, TypeError, ValueError, AttributeError)
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourcegroups/analytics-prod"


@pytest.fixture
def scan(scan: Scan) -> Scan:
    """Only the kinds of this theme."""
    kinds = ("virtual_machine", "function", "container_cluster")
    return partial(scan, wanted={kind: WANTED[kind] for kind in kinds})


def named(inventory: Inventory, kind: str, name: str) -> Any:
    (found,) = (one for one in of_kind(inventory, kind) if one.name == name)
    return found


# Virtual machines


def test_machines(scan: Scan) -> None:
    inventory = scan()
    assert (unknown_facets(inventory), inventory.blind_spots) == (set(), ())
    web = named(inventory, "virtual_machine", "web-1")
    assert isinstance(web, VirtualMachine)
    assert web.id == f"{GROUP}/providers/microsoft.compute/virtualmachines/web-1"
    assert (web.scope, web.region, web.type) == (SUBSCRIPTION, "westeurope", "azure.compute.virtualmachine")
    assert web.tags == {"owner": "product", "env": "prod"}
    assert (web.public_address, web.node_of) == (False, None)
    jumphost = named(inventory, "virtual_machine", "jumphost")
    assert (jumphost.public_address, jumphost.node_of, jumphost.tags) == (True, None, {})
    assert named(inventory, "virtual_machine", "aks-gpu-27551-vm0").node_of == "shop"
    assert len(of_kind(inventory, "virtual_machine")) == 5


def test_requested_locations_still_use_resources_of_other_locations(azure: AzureSandbox, scan: Scan) -> None:
    azure.estate.compute.row("virtualMachines", "jumphost")["location"] = "North Europe"
    inventory = scan(ConnectionRequest("azure", regions=("northeurope",)))
    (found,) = of_kind(inventory, "virtual_machine")
    assert (found.name, found.region) == ("jumphost", "northeurope")
    assert isinstance(found, VirtualMachine)
    assert found.public_address is True


def test_a_machine_without_its_interface_is_unknown(azure: AzureSandbox, scan: Scan) -> None:
    interfaces = azure.estate.compute.rows["networkInterfaces"]
    interfaces[:] = [one for one in interfaces if one["name"] != "jumphost-nic"]
    inventory = scan()
    assert isinstance(named(inventory, "virtual_machine", "jumphost").public_address, Unknown)
    assert named(inventory, "virtual_machine", "web-1").public_address is False


def test_an_unreadable_interface_affects_only_its_machine(azure: AzureSandbox, scan: Scan) -> None:
    azure.estate.compute.row("networkInterfaces", "web-1-nic")["properties"]["ipConfigurations"] = None
    inventory = scan()
    assert isinstance(named(inventory, "virtual_machine", "web-1").public_address, Unknown)
    assert named(inventory, "virtual_machine", "jumphost").public_address is True


def test_a_second_interface_counts(azure: AzureSandbox, scan: Scan) -> None:
    machine = azure.estate.compute.row("virtualMachines", "web-1")
    other = azure.estate.compute.row("networkInterfaces", "jumphost-nic")
    machine["properties"]["networkProfile"]["networkInterfaces"].append({"id": other["id"].upper()})
    assert named(scan(), "virtual_machine", "web-1").public_address is True


def test_a_cluster_without_node_resource_group_makes_nodes_unknown(azure: AzureSandbox, scan: Scan) -> None:
    del azure.estate.compute.row("managedClusters", "lab")["properties"]["nodeResourceGroup"]
    assert unknown_facets(scan()) == {("virtual_machine", "node_of")}


def test_a_tag_does_not_make_a_node(azure: AzureSandbox, scan: Scan) -> None:
    azure.estate.compute.row("virtualMachines", "web-1")["tags"] = {"aks-managed-poolName": "system"}
    assert named(scan(), "virtual_machine", "web-1").node_of is None


# Function apps


def updates(kind: str, version: str | None, windows: str | None = None, **more: Any) -> Any:
    (read,) = FUNCTIONS.facets["runtime_updates"].reads
    versions = [{"name": "LinuxFxVersion", "value": version}, {"name": "WindowsFxVersion", "value": windows}]
    return read.function({"kind": kind, "properties": {"siteProperties": {"properties": versions}, **more}})


def test_functions(scan: Scan) -> None:
    inventory = scan()
    found = {one.name: one for one in of_kind(inventory, "function")}
    assert {name: one.runtime_updates for name, one in found.items() if isinstance(one, Function)} == {
        "resize-images": "automatic",
        "orders-flex": "automatic",
        "invoice-render": "own_image",
        "old-sync": "manual",
    }
    one = found["resize-images"]
    assert one.id == f"{GROUP}/providers/microsoft.web/sites/resize-images"
    assert (one.type, one.region) == ("azure.web.functionapp", "westeurope")
    assert one.tags == {"owner": "platform", "env": "prod"}


@pytest.mark.parametrize(
    ("kind", "version", "expected"),
    [
        ("functionapp,linux", "Python|3.12", "automatic"),
        ("functionapp,linux", "DOTNET-ISOLATED|10.0", "automatic"),
        ("functionapp,linux", "DOTNET-ISOLATED|6.0", "manual"),
        ("functionapp,linux", "Node|24", "automatic"),
        ("functionapp,linux", "NODE|18-lts", "manual"),
        ("functionapp,linux", "Java|21", "automatic"),
        ("functionapp,linux", "", "automatic"),
        ("functionapp,linux,workflowapp", "Node|24", "automatic"),
        ("functionapp,linux", "Java|17.0.4", "manual"),
        ("functionapp,linux", "JAVA|8u202", "manual"),
        ("functionapp,linux", "NODE|18.12.1", "manual"),
        (
            "functionapp,linux",
            "DOCKER|mcr.microsoft.com/azure-functions/node:4.0.13142-node20-appservice",
            "manual",
        ),
        ("functionapp,linux,container", "DOCKER|shop.azurecr.io/render:7", "own_image"),
        ("functionapp,linux,container,azurecontainerapps", "DOCKER|shop.azurecr.io/render:7", "own_image"),
    ],
)
def test_runtime_updates(kind: str, version: str, expected: str) -> None:
    assert updates(kind, version) == expected


def test_windows_containers_are_custom_images() -> None:
    assert updates("functionapp,container,windows", None, "DOCKER|shop.azurecr.io/render:7") == "own_image"


@pytest.mark.parametrize("kind", ["functionapp", "functionapp,workflowapp", "functionapp,linux,kubernetes"])
def test_a_runtime_that_may_be_pinned_is_unknown(kind: str) -> None:
    found = updates(kind, None)
    assert isinstance(found, Unknown)
    assert [(cause.reason, cause.permission) for cause in found.causes] == [("unsupported", None)]


@pytest.mark.parametrize("version", ["Python", "python|three", "python|3|4", "COMPOSE|x"])
def test_an_unreadable_version_raises(version: str) -> None:
    with pytest.raises(SHAPE):
        updates("functionapp,linux", version)


def test_a_missing_version_raises() -> None:
    (read,) = FUNCTIONS.facets["runtime_updates"].reads
    without: tuple[dict[str, Any], ...]
    without = ({}, {"siteProperties": {"properties": []}}, {"siteProperties": None})
    for properties in without:
        with pytest.raises(SHAPE):
            read.function({"kind": "functionapp,linux", "properties": properties})
    for kind in ("functionapp,linux", "functionapp,linux,container"):
        with pytest.raises(SHAPE):
            updates(kind, None)


# Clusters


def fact(facet: str, sku: str | None = "Base", **properties: Any) -> Any:
    (read,) = CONTAINER_CLUSTERS.facets[facet].reads
    properties.setdefault("agentPoolProfiles", [{"name": "system"}])
    return read.function({"sku": {"name": sku} if sku else None, "properties": properties})


def test_clusters(scan: Scan) -> None:
    inventory = scan()
    shop, lab, batch = (named(inventory, "container_cluster", name) for name in ("shop", "lab", "batch"))
    assert isinstance(shop, ContainerCluster)
    assert shop.id == f"{GROUP}/providers/microsoft.containerservice/managedclusters/shop"
    assert (shop.type, shop.region) == ("azure.containerservice.managedcluster", "westeurope")
    assert (shop.nodes, shop.node_upgrades, shop.endpoint_open) == (("managed", "provider"), True, False)
    assert (lab.nodes, lab.node_upgrades, lab.endpoint_open, lab.tags) == (("managed",), False, True, {})
    assert (batch.nodes, batch.node_upgrades, batch.endpoint_open) == (("provider",), True, False)


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({}, ("managed",)),
        ({"agentPoolProfiles": []}, ()),
        ({"agentPoolProfiles": [], "nodeProvisioningProfile": {"mode": "Auto"}}, ("managed",)),
        ({"agentPoolProfiles": [], "nodeProvisioningProfile": {"mode": "Manual"}}, ()),
        ({"addonProfiles": {"ACIConnectorLinux": {"enabled": True}}}, ("managed", "provider")),
        ({"addonProfiles": {"aciConnectorLinux": {"enabled": False}}}, ("managed",)),
        ({"addonProfiles": {"omsagent": {"enabled": True}}}, ("managed",)),
    ],
)
def test_nodes(properties: Row, expected: tuple[str, ...]) -> None:
    assert fact("nodes", **properties) == expected
    assert fact("nodes", "Automatic", **properties) == ("provider",)


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        ({"upgradeChannel": "patch", "nodeOSUpgradeChannel": "None"}, True),
        ({"upgradeChannel": "stable"}, True),
        ({"upgradeChannel": "rapid"}, True),
        ({"upgradeChannel": "node-image", "nodeOSUpgradeChannel": None}, True),
        ({"upgradeChannel": "none", "nodeOSUpgradeChannel": "NodeImage"}, True),
        ({"nodeOSUpgradeChannel": "SecurityPatch"}, True),
        ({"nodeOSUpgradeChannel": "Unmanaged"}, False),
        ({"upgradeChannel": "none", "nodeOSUpgradeChannel": "None"}, False),
    ],
)
def test_node_upgrades(profile: Row, expected: bool) -> None:
    assert fact("node_upgrades", autoUpgradeProfile=profile) is expected


@pytest.mark.parametrize("profile", [None, {}, {"upgradeChannel": "none"}, {"nodeOSUpgradeChannel": ""}])
def test_a_channel_with_an_ambiguous_default_is_unknown(profile: Row | None) -> None:
    assert isinstance(fact("node_upgrades", autoUpgradeProfile=profile), Unknown)
    assert fact("node_upgrades", "Automatic", autoUpgradeProfile=profile) is True
    assert fact("node_upgrades", agentPoolProfiles=[], autoUpgradeProfile=profile) is True


@pytest.mark.parametrize(
    ("access", "expected"),
    [
        (None, True),
        ({}, True),
        ({"enablePrivateCluster": False, "authorizedIPRanges": []}, True),
        ({"enablePrivateCluster": True}, False),
        ({"enablePrivateCluster": True, "enablePrivateClusterPublicFQDN": True}, False),
        ({"authorizedIPRanges": ["203.0.113.7/32"]}, False),
        ({"authorizedIPRanges": ["0.0.0.0/32"]}, False),
        ({"authorizedIPRanges": ["0.0.0.0/0"]}, True),
        ({"authorizedIPRanges": ["0.0.0.0/1", "128.0.0.0/1"]}, True),
    ],
)
def test_endpoint_open(access: Row | None, expected: bool) -> None:
    assert fact("endpoint_open", apiServerAccessProfile=access) is expected


def test_disabled_public_network_access_is_unknown() -> None:
    assert isinstance(fact("endpoint_open", publicNetworkAccess="Disabled"), Unknown)
    assert fact("endpoint_open", publicNetworkAccess="Enabled") is True
    private = {"enablePrivateCluster": True}
    assert fact("endpoint_open", publicNetworkAccess="Disabled", apiServerAccessProfile=private) is False


@pytest.mark.parametrize(
    ("facet", "properties"),
    [
        ("nodes", {"agentPoolProfiles": None, "nodeProvisioningProfile": {"mode": "Perhaps"}}),
        ("nodes", {"addonProfiles": {"aciConnectorLinux": {}}}),
        ("node_upgrades", {"autoUpgradeProfile": {"upgradeChannel": "sometimes"}}),
        ("node_upgrades", {"autoUpgradeProfile": {"nodeOSUpgradeChannel": "Sometimes"}}),
        ("endpoint_open", {"apiServerAccessProfile": {"enablePrivateCluster": "yes"}}),
        ("endpoint_open", {"apiServerAccessProfile": {"authorizedIPRanges": ["anyone"]}}),
    ],
)
def test_unreadable_properties_raise(facet: str, properties: Row) -> None:
    with pytest.raises(SHAPE):
        fact(facet, **properties)
    with pytest.raises(SHAPE):
        fact("nodes", "Perhaps")


def test_a_cluster_without_sku() -> None:
    assert fact("nodes", None) == ("managed",)


# Recorded answers


def recorded(recordings: Recordings, name: str, type_: str) -> list[Row]:
    """Whole resources as Resource Graph returns them: with the subscription and the usual columns."""
    bodies = [one["body"] for one in recordings(name) if one["body"] and one["method"] == "GET"]
    listed = [one for body in bodies for one in body.get("value", [body])]
    return [
        {"tags": None, "sku": None, "kind": "", **one, "subscriptionId": one["id"].split("/")[2]}
        for one in listed
        if one["type"].lower() == type_
    ]


def test_recorded_machines_and_interfaces(recordings: Recordings) -> None:
    machines = recorded(recordings, "microsoft.compute.virtualmachines", "microsoft.compute/virtualmachines")
    rows = recorded(recordings, "microsoft.network.networkinterfaces", "microsoft.network/networkinterfaces")
    assert len(machines) > 20
    assert INTERFACES.digest is not None
    interfaces = INTERFACES.digest(rows)
    address, node = (
        VIRTUAL_MACHINES.facets[name].reads[0].function for name in ("public_address", "node_of")
    )
    found = set()
    for item in machines:
        assert VIRTUAL_MACHINES.header(item)["id"] == item["id"].lower()
        assert node(item, {"elsewhere": "shop"}) is None
        group = item["id"].split("/")[4].lower()
        assert node(item, {group: "shop"}) == "shop"
        names = [one["id"].lower() for one in item["properties"]["networkProfile"]["networkInterfaces"]]
        if set(names) <= set(interfaces.by_id):
            found.add((item["name"], address(item, interfaces)))
    assert {("cctestvm", True), ("k8s-master-C02B7042-0", False)} <= found


def test_recorded_clusters(recordings: Recordings) -> None:
    (item,) = recorded(
        recordings, "microsoft.containerservice.managedclusters", "microsoft.containerservice/managedclusters"
    )
    header = CONTAINER_CLUSTERS.header(item)
    assert (header["name"], header["region"]) == ("cctestaks", "westus2")
    facts = {
        name: CONTAINER_CLUSTERS.facets[name].reads[0].function(item) for name in ("nodes", "endpoint_open")
    }
    assert facts == {"nodes": ("managed",), "endpoint_open": True}
    # It predates the node image channels.
    assert isinstance(CONTAINER_CLUSTERS.facets["node_upgrades"].reads[0].function(item), Unknown)
