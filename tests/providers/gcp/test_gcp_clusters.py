"""GKE clusters and their node pools."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from providers.gcp.client.calls import Item
from providers.gcp.compute import (
    CONTAINER_CLUSTERS,
    to_endpoint_open,
    to_listed_pools,
    to_node_upgrades,
    to_nodes,
    to_own_pools,
)
from providers.sandbox.gcp.company import Company, project
from providers.sandbox.gcp.compute import cluster, node_pool, pool
from providers.sandbox.gcp.server import GcpSandbox
from tests.providers.gcp.test_gcp_compute import (
    HERE,
    LOST,
    PROJECT,
    Recorded,
    item,
    recorded_assets,
    unknown,
    values,
)


def gke(**data: Any) -> Item:
    name = "zones/us-central1-a/clusters/c"
    return item("container.googleapis.com/Cluster", name, {"name": "c", **data})


def test_the_clusters_of_the_sample_company(scan: Callable[..., Any]) -> None:
    found = scan()
    clusters = {r.name: r for r in found.inventory.resources if r.kind == "container_cluster"}
    assert {name: (c.nodes, c.node_upgrades, c.endpoint_open) for name, c in clusters.items()} == {
        "batch": (("managed",), False, False),
        "lab": (("managed",), True, True),
        "shop": (("provider",), True, False),
    }
    assert {name: c.region for name, c in clusters.items()} == {
        "batch": "us-central1",
        "lab": "europe-west1",
        "shop": "europe-west1",
    }
    assert clusters["batch"].tags == {"owner": "data", "env": "prod"}
    assert clusters["batch"].type == "gcp.container.cluster"


def test_pools_belong_to_the_cluster_with_that_name_and_location(
    own_cloud: Callable[..., GcpSandbox], scan: Any
) -> None:
    above = ("projects/333333333333",)
    old = pool("old", upgraded=False)
    own_cloud(
        Company(
            [
                project("batch-prod", "333333333333", "Alone", {}, ()),
                cluster("batch-prod", "us-central1", "a", above),
                cluster("batch-prod", "us-central1", "a-2", above),
                cluster("batch-prod", "us-central1-a", "a", above),
                node_pool("batch-prod", "us-central1", "a-2", old, above),
                node_pool("batch-prod", "us-central1-a", "a", pool("new"), above),
            ]
        )
    )
    found = {
        r.id.partition("batch-prod/")[2]: (r.nodes, r.node_upgrades)
        for r in scan().inventory.resources
        if r.kind == "container_cluster"
    }
    assert found == {
        "locations/us-central1/clusters/a": ((), True),
        "locations/us-central1/clusters/a-2": (("managed",), False),
        "zones/us-central1-a/clusters/a": (("managed",), True),
    }


@pytest.mark.parametrize(
    ("data", "nodes", "upgraded"),
    [
        ({"nodePools": []}, (), True),
        ({"nodePools": [{"management": {"autoUpgrade": True}}]}, ("managed",), True),
        ({"nodePools": [{"management": {"autoUpgrade": "true"}}]}, ("managed",), True),
        ({"nodePools": [{"management": {}}]}, ("managed",), False),
        ({"nodePools": [{}]}, ("managed",), False),
        ({"nodePools": [{"management": {"autoUpgrade": True}}, {"management": {}}]}, ("managed",), False),
        ({"autopilot": {"enabled": True}}, ("provider",), True),
        ({"autopilot": {"enabled": True}, "nodePools": [{"management": {}}]}, ("provider",), True),
        (
            {"autopilot": {}, "nodePools": [{"autopilotConfig": {"enabled": True}}, {"management": {}}]},
            ("managed", "provider"),
            False,
        ),
    ],
)
def test_nodes_from_the_asset_of_the_cluster(
    data: dict[str, Any], nodes: tuple[str, ...], upgraded: bool
) -> None:
    pools = to_own_pools(gke(**data))
    assert to_nodes(pools, LOST) == nodes
    assert to_node_upgrades(pools, LOST) is upgraded


def test_nodes_missing_from_the_cluster_come_from_the_listing() -> None:
    own = to_own_pools(gke())
    full = f"{PROJECT.format('container')}/locations/us-central1-a/clusters/c/nodePools/p"
    listed = to_listed_pools(gke(), {full: {"resource": {"data": {"management": {"autoUpgrade": True}}}}})
    assert (to_nodes(own, listed), to_node_upgrades(own, listed)) == (("managed",), True)
    assert to_nodes(own, LOST) == to_node_upgrades(own, LOST) == LOST
    with pytest.raises(ValueError, match="no cluster"):
        to_listed_pools(gke(), {"//container.googleapis.com/strange": {"resource": {"data": {}}}})


def test_an_invalid_upgrade_setting_is_an_error() -> None:
    with pytest.raises(ValueError, match="neither"):
        to_own_pools(gke(nodePools=[{"management": {"autoUpgrade": "sometimes"}}]))


def endpoints(**ip: Any) -> dict[str, Any]:
    return {"controlPlaneEndpointsConfig": {"ipEndpointsConfig": ip}}


def only(*ranges: str) -> dict[str, Any]:
    return {"enabled": True, "cidrBlocks": [{"cidrBlock": each} for each in ranges]}


@pytest.mark.parametrize(
    ("data", "open_"),
    [
        ({}, True),
        ({"masterAuthorizedNetworksConfig": {"gcpPublicCidrsAccessEnabled": True}}, True),
        ({"masterAuthorizedNetworksConfig": {"enabled": True}}, False),
        ({"masterAuthorizedNetworksConfig": only("203.0.113.0/24")}, False),
        ({"masterAuthorizedNetworksConfig": only("0.0.0.0/0")}, True),
        ({"masterAuthorizedNetworksConfig": only("0.0.0.0/1", "128.0.0.0/1")}, True),
        ({"masterAuthorizedNetworksConfig": only("10.0.0.0/8", "172.16.0.0/12")}, False),
        ({"privateClusterConfig": {"enablePrivateNodes": True, "publicEndpoint": "203.0.113.5"}}, True),
        ({"privateClusterConfig": {"enablePrivateEndpoint": True, "publicEndpoint": "203.0.113.5"}}, False),
        (endpoints(enabled=False), False),
        (endpoints(enabled=True, enablePublicEndpoint=True), True),
        (endpoints(enabled=True, enablePublicEndpoint=False), False),
        (endpoints(enablePublicEndpoint=True, authorizedNetworksConfig=only("203.0.113.0/24")), False),
        (endpoints(enablePublicEndpoint=True, authorizedNetworksConfig=only("0.0.0.0/0")), True),
        (
            {
                "controlPlaneEndpointsConfig": {
                    "dnsEndpointConfig": {"endpoint": "c.gke.goog", "allowExternalTraffic": True},
                    "ipEndpointsConfig": {"enabled": False},
                }
            },
            False,
        ),
    ],
)
def test_who_reaches_the_control_plane(data: dict[str, Any], open_: bool) -> None:
    assert to_endpoint_open(gke(**data)) is open_


def test_an_invalid_authorized_network_is_an_error() -> None:
    with pytest.raises(ValueError, match="office"):
        to_endpoint_open(gke(masterAuthorizedNetworksConfig=only("office")))


def test_every_recorded_cluster_is_understood(recorded: Recorded) -> None:
    assets = recorded_assets(recorded, "container", "container.googleapis.com/Cluster")
    assert len(assets) == 40
    found: dict[str, dict[str, Any]] = {}
    for asset in assets:
        facts = values(CONTAINER_CLUSTERS, Item(HERE, asset))
        own = "nodePools" in asset["resource"]["data"]
        assert unknown(facts) == (set() if own else {"nodes", "node_upgrades"})
        found[asset["name"].rpartition("/")[2]] = facts
    assert found["public"]["endpoint_open"] is True
    assert found["private-endpoint-public"]["endpoint_open"] is True
    assert found["private-endpoint-private"]["endpoint_open"] is False
    assert found["alias-ip-3"]["endpoint_open"] is False
    assert found["alias-ip-3"]["node_upgrades"] is True
    assert found["canary-west"]["node_upgrades"] is False
    assert found["redditmobile-staging"]["nodes"] == ("managed",)
    assert found["forseti-cluster"]["header"]["region"] == "us-central1"


def test_clusters_of_recorded_answers(recorded: Recorded) -> None:
    found = {}
    for line in recorded("gcp-rest/untyped.jsonl"):
        body = line["body"] if line["source"].startswith("gke-cluster") else {}
        for data in body.get("clusters", [body] if "currentMasterVersion" in body else []):
            name = data["selfLink"].partition("/v1/")[2]
            asset = {"name": f"//container.googleapis.com/{name}", "resource": {"data": data}}
            facts = values(CONTAINER_CLUSTERS, Item(HERE, asset), answer={})
            assert not unknown(facts)
            found[(line["source"].partition("/")[0], data["name"])] = facts
    autopilot = found[("gke-cluster-set-label", "standard-cluster-1")]
    assert (autopilot["nodes"], autopilot["node_upgrades"]) == (("provider",), True)
    assert autopilot["endpoint_open"] is True
    assert autopilot["tags"]
    assert found[("gke-cluster-nodepool-get", "standard-cluster-1")]["node_upgrades"] is False
    assert found[("gke-cluster-filter-server-config", "c7nnode-cluster-1")]["nodes"] == ()
