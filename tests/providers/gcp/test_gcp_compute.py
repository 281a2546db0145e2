"""Instances of Compute Engine, and functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from providers.gcp.client.calls import Item, Project
from providers.gcp.client.client import Client
from providers.gcp.compute import (
    FUNCTIONS,
    VIRTUAL_MACHINES,
    functions_of,
    to_clusters,
    to_group,
    to_labelled,
    to_node_of,
    to_public_address,
    to_runtime_updates,
)
from providers.sandbox.gcp.company import Company, project
from providers.sandbox.gcp.compute import function, machine, service
from providers.sandbox.gcp.server import GcpSandbox
from scanner.collect.provider import ConnectionRequest, Limits
from scanner.collect.table import Table
from scanner.model.evidence import Unknown
from scanner.model.resources.base import HEADER
from tests.providers.gcp.test_gcp_recordings import round_trip

HERE = Project("batch-prod", "12", "Batch", {}, ("folders/2", "organizations/3"), "3")
LOST = Unknown.because("denied", "a call", "a.permission", "denied")
PROJECT = "//{}.googleapis.com/projects/batch-prod"
Recorded = Callable[[str], list[dict[str, Any]]]


def item(kind: str, name: str, data: dict[str, Any]) -> Item:
    service = kind.partition(".")[0]
    full = f"{PROJECT.format(service)}/{name}"
    return Item(HERE, {"name": full, "assetType": kind, "resource": {"data": data}})


def instance(name: str = "i", **data: Any) -> Item:
    data = {"name": name, **data}
    return item("compute.googleapis.com/Instance", f"zones/us-central1-a/instances/{name}", data)


def values(table: Table[Any], about: Item, *, answer: Any = LOST) -> dict[str, Any]:
    """The header and every facet, with the same answer for every call besides the listing."""
    client = Client(None, None, Limits())
    found: dict[str, Any] = {"header": client.read(None, table.header, about)}
    for name, facet in table.facets.items():
        pieces = [
            client.read(None, read.function, about)
            if read.call is None
            else LOST
            if isinstance(answer, Unknown)
            else client.read(read.call, read.function, about, answer)
            for read in facet.reads
        ]
        found[name] = facet.combine(*pieces)
    return found


def test_the_machines_of_the_sample_company(scan: Callable[..., Any]) -> None:
    found = scan()
    machines = {r.name: r for r in found.inventory.resources if r.kind == "virtual_machine"}
    assert {name: (m.public_address, m.node_of) for name, m in machines.items()} == {
        "batch-runner": (False, None),
        "jump-host": (True, None),
        "importer-2021": (True, None),
        "gke-batch-default-5f1c-x2kd": (False, "batch"),
    }
    runner = machines["batch-runner"]
    assert (runner.type, runner.region, runner.scope) == ("gcp.compute.instance", "us-central1", "batch-prod")
    assert runner.tags == {"owner": "data", "env": "prod"}
    assert machines["importer-2021"].region == "europe-west1"


def test_the_functions_of_the_sample_company(scan: Callable[..., Any]) -> None:
    found = scan()
    functions = [r for r in found.inventory.resources if r.kind == "function"]
    assert {(f.type, f.name, f.region, f.runtime_updates) for f in functions} == {
        ("gcp.cloudfunctions.function", "resize-media", "europe-west1", "automatic"),
        ("gcp.cloudfunctions.function", "nightly-export", "us-central1", "on_update"),
        ("gcp.run.function", "pay-notify", "europe-west1", "automatic"),
    }
    assert len(functions) == 3
    assert found.one("function", "pay-notify").tags == {"owner": "pay"}
    assert found.one("function", "resize-media").tags == {"owner": "product", "env": "prod"}


def test_named_regions_exclude_the_others(scan: Callable[..., Any]) -> None:
    found = scan(ConnectionRequest("gcp", regions=("europe-west1",)))
    assert found.names("virtual_machine") == ["importer-2021"]
    assert found.names("function") == ["pay-notify", "resize-media"]
    assert found.names("container_cluster") == ["lab", "shop"]
    assert found.names("database") == ["ledger"]


def test_an_unreadable_machine_hides_no_other(own_cloud: Callable[..., GcpSandbox], scan: Any) -> None:
    above = ("projects/333333333333",)
    strange = machine("batch-prod", "us-central1-a", "strange", above)
    del strange["resource"]["data"]["name"]
    own_cloud(
        Company(
            [
                project("batch-prod", "333333333333", "Alone", {}, ()),
                machine("batch-prod", "us-central1-a", "plain", above),
                strange,
            ]
        )
    )
    found = scan()
    assert found.names("virtual_machine") == ["plain"]
    (spot,) = found.inventory.blind_spots
    assert (spot.kind, spot.cause.reason) == ("virtual_machine", "error")


def test_a_service_of_unclear_type_is_a_blind_spot(own_cloud: Callable[..., GcpSandbox], scan: Any) -> None:
    above = ("projects/333333333333",)
    strange = service("batch-prod", "us-central1", "strange", above)
    del strange["resource"]["data"]["metadata"]
    plain = function("batch-prod", "us-central1", "plain", above, updates={"automaticUpdatePolicy": {}})
    own_cloud(Company([project("batch-prod", "333333333333", "Alone", {}, ()), strange, plain]))
    found = scan()
    assert found.names("function") == ["plain"]
    assert [spot.kind for spot in found.inventory.blind_spots] == ["function"]


@pytest.mark.parametrize(
    ("interfaces", "public"),
    [
        ([{"networkIP": "10.0.0.2"}], False),
        ([{"accessConfigs": [{"type": "ONE_TO_ONE_NAT", "natIP": "203.0.113.9"}]}], True),
        ([{"accessConfigs": [{"type": "ONE_TO_ONE_NAT"}]}], True),
        ([{"accessConfigs": []}], False),
        ([{"ipv6Address": "fd20:1::1", "ipv6AccessType": "INTERNAL"}], False),
        ([{"ipv6AccessConfigs": [{"type": "DIRECT_IPV6", "externalIpv6": "2001:db8::1"}]}], True),
        ([{"networkIP": "10.0.0.2"}, {"accessConfigs": [{"natIP": "203.0.113.9"}]}], True),
    ],
)
def test_public_addresses(interfaces: list[dict[str, Any]], public: bool) -> None:
    assert to_public_address(instance(networkInterfaces=interfaces)) is public


@pytest.mark.parametrize("data", [{}, {"networkInterfaces": []}])
def test_a_machine_without_interfaces_is_an_error(data: dict[str, Any]) -> None:
    with pytest.raises(LookupError):
        to_public_address(instance(**data))


NODE = {"goog-gke-node": "", "goog-k8s-cluster-name": "batch"}
MANAGER = "zones/us-central1-a/instanceGroupManagers"
POOLS = {
    f"{PROJECT.format('container')}/locations/us-central1/clusters/batch/nodePools/p": {
        "resource": {
            "data": {
                "instanceGroupUrls": [
                    f"https://www.googleapis.com/compute/v1/projects/batch-prod/{MANAGER}/gke-batch-p-grp"
                ]
            }
        }
    }
}


def node_of(pools: Any = POOLS, *, created_by: str | None = None, **data: Any) -> Any:
    metadata = [{"key": "enable-oslogin", "value": "TRUE"}]
    metadata += [{"key": "created-by", "value": created_by}] if created_by else []
    about = instance(metadata={"items": metadata}, **data)
    clusters = pools if isinstance(pools, Unknown) else to_clusters(about, pools)
    return to_node_of(to_group(about), to_labelled(about), clusters)


def test_a_node_is_created_by_the_group_of_a_node_pool() -> None:
    created_by = f"projects/12/{MANAGER}/gke-batch-p-grp"
    assert node_of(created_by=created_by, labels=NODE) == "batch"
    assert node_of(created_by=created_by) == "batch"
    assert node_of(created_by=f"projects/12/{MANAGER}/web") is None
    assert node_of(created_by="projects/12/zones/us-central1-f/instanceGroupManagers/gke-batch-p-grp") is None
    assert node_of(created_by="projects/12/somethings/else") is None
    assert node_of() is None
    assert to_group(instance()) is None


def test_a_label_alone_makes_no_node() -> None:
    for found in (node_of(labels=NODE), node_of(labels=NODE, created_by=f"projects/12/{MANAGER}/web")):
        assert isinstance(found, Unknown)
        assert found.causes[0].reason == "unsupported"


def test_without_node_pools_only_a_machine_without_a_group_is_no_node() -> None:
    assert node_of(LOST) is None
    assert node_of(LOST, created_by=f"projects/12/{MANAGER}/web") == LOST
    assert node_of(LOST, labels=NODE) == LOST


def test_the_metadata_of_a_machine_is_not_recorded(own_cloud: Callable[..., GcpSandbox], scan: Any) -> None:
    above = ("projects/333333333333",)
    node = machine("batch-prod", "us-central1-a", "node", above, labels=NODE, group="gke-batch-p-grp")
    node["resource"]["data"]["metadata"]["items"].append({"key": "kube-env", "value": "TOKEN: hush"})
    own_cloud(Company([project("batch-prod", "333333333333", "Alone", {}, ()), node]))
    record = scan().one("virtual_machine", "node").to_record()
    assert set(record["unknown"]) == {"node_of"}
    assert "hush" not in str(record)


RUN = "run.googleapis.com/Service"


@pytest.mark.parametrize(
    ("metadata", "is_function"),
    [
        ({}, False),
        ({"annotations": {"run.googleapis.com/ingress": "all"}}, False),
        ({"annotations": {"run.googleapis.com/build-function-target": "main"}}, True),
        ({"annotations": {"run.googleapis.com/build-function-target": ""}}, False),
        (
            {
                "labels": {"goog-managed-by": "cloudfunctions"},
                "annotations": {"run.googleapis.com/build-function-target": "main"},
            },
            False,
        ),
    ],
)
def test_which_services_are_functions(metadata: dict[str, Any], is_function: bool) -> None:
    run_service = item(RUN, "locations/us-central1/services/s", {"metadata": {"name": "s", **metadata}})
    assert list(functions_of(run_service)) == ([run_service] if is_function else [])


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        ({"automaticUpdatePolicy": {}}, "automatic"),
        ({"onDeployUpdatePolicy": {}}, "on_update"),
        ({"onDeployUpdatePolicy": {"runtimeVersion": "python311_2025"}}, "on_update"),
        ({"runtime": "nodejs24", "automaticUpdatePolicy": {}}, "automatic"),
        ({"runtime": "nodejs20", "automaticUpdatePolicy": {}}, "manual"),
        ({"runtime": "python37"}, "manual"),
    ],
)
def test_updates_of_functions(build: dict[str, Any], expected: str) -> None:
    about = item(
        "cloudfunctions.googleapis.com/Function",
        "locations/us-central1/functions/f",
        {"name": "projects/p/locations/us-central1/functions/f", "buildConfig": build},
    )
    assert to_runtime_updates(about) == expected


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        ({"run.googleapis.com/build-enable-automatic-updates": "true"}, "automatic"),
        ({"run.googleapis.com/build-enable-automatic-updates": "false"}, "on_update"),
        (
            {
                "run.googleapis.com/build-enable-automatic-updates": "true",
                "run.googleapis.com/build-base-image": "google-22-full/nodejs18",
            },
            "manual",
        ),
    ],
)
def test_updates_of_functions_of_cloud_run(annotations: dict[str, str], expected: str) -> None:
    data = {"metadata": {"name": "s", "annotations": annotations}}
    assert to_runtime_updates(item(RUN, "locations/us-central1/services/s", data)) == expected


def test_a_missing_update_policy_is_unknown() -> None:
    old = item(
        "cloudfunctions.googleapis.com/Function",
        "locations/us-central1/functions/f",
        {"name": "projects/p/locations/us-central1/functions/f", "buildConfig": {"runtime": "python314"}},
    )
    run = item(RUN, "locations/us-central1/services/s", {"metadata": {"name": "s", "annotations": {}}})
    for about in (old, run):
        updates = to_runtime_updates(about)
        assert isinstance(updates, Unknown)
        assert updates.causes[0].reason == "unsupported"
    with pytest.raises(LookupError):
        to_runtime_updates(
            item(
                RUN,
                "locations/us-central1/services/s",
                {"metadata": {"annotations": {"run.googleapis.com/build-enable-automatic-updates": "maybe"}}},
            )
        )


def recorded_assets(recorded: Recorded, file: str, kind: str) -> list[dict[str, Any]]:
    assets = [round_trip(line["asset"]) for line in recorded(f"gcp-cai/{file}.jsonl")]
    return [asset for asset in assets if asset["assetType"] == kind and "resource" in asset]


def unknown(found: dict[str, Any]) -> set[str]:
    return {name for name, value in found.items() if isinstance(value, Unknown)}


def test_every_recorded_machine_is_understood(recorded: Recorded) -> None:
    assets = recorded_assets(recorded, "compute", "compute.googleapis.com/Instance")
    assert len(assets) == 32
    found: dict[str, dict[str, Any]] = {}
    for asset in assets:
        facts = values(VIRTUAL_MACHINES, Item(HERE, asset), answer={})
        assert not unknown(facts)
        assert set(facts["header"]) == set(HEADER)
        found[facts["header"]["name"]] = facts
    assert found["vm-external-ip"]["public_address"] is True
    assert found["vm-no-ip"]["public_address"] is False
    assert found["instance-1"]["public_address"] is False
    assert found["test-jumphost"]["public_address"] is True
    assert found["test-jumphost"]["header"]["region"] == "us-central1"
    assert found["valid-instance-8hz5"]["tags"]["label1"] == "label1-value"
    assert {each["node_of"] for each in found.values()} == {None}


def test_every_machine_of_recorded_answers_is_understood(recorded: Recorded) -> None:
    machines = []
    for line in recorded("gcp-rest/compute.jsonl"):
        body = line["body"]
        zones = body.get("items", {}) if body.get("kind") == "compute#instanceAggregatedList" else {}
        machines += [each for zone in zones.values() for each in zone.get("instances", ())]
        machines += body.get("items", ()) if body.get("kind") == "compute#instanceList" else ()
    assert len(machines) > 10
    for data in machines:
        facts = values(VIRTUAL_MACHINES, instance(**data), answer={})
        assert unknown(facts) == (set() if "networkInterfaces" in data else {"public_address"})
        assert facts["tags"] == data.get("labels", {})


def test_groups_of_recorded_node_pools(recorded: Recorded) -> None:
    """Cluster assets contain their pools in the form of the pools' own assets."""
    groups: dict[str, str] = {}
    for asset in recorded_assets(recorded, "container", "container.googleapis.com/Cluster"):
        for each in asset["resource"]["data"].get("nodePools", ()):
            name = f"{asset['name']}/nodePools/{each['name']}"
            groups.update(to_clusters(Item(HERE), {name: {"resource": {"data": each}}}))
    creators = [
        to_group(Item(HERE, asset))
        for asset in recorded_assets(recorded, "compute", "compute.googleapis.com/Instance")
    ]
    assert "zones/us-west1-b/instanceGroupManagers/gke-canary-west-default-pool-496ebc1d-grp" in groups
    assert set(creators) == {None, "zones/us-central1-c/instanceGroupManagers/group_manager1"}


def test_functions_of_recorded_answers(recorded: Recorded) -> None:
    """Version 1 of the API has the policy beside the other settings, version 2 in ``buildConfig``."""
    found = []
    for line in recorded("gcp-rest/untyped.jsonl"):
        if line["source"].startswith("function-label/"):
            found += line["body"].get("functions", [])
    assert found
    for data in found:
        build = {key: data[key] for key in ("runtime", "automaticUpdatePolicy")}
        settings = {
            "name": data["name"],
            "labels": data["labels"],
            "environment": "GEN_1",
            "buildConfig": build,
        }
        asset = {
            "name": f"//cloudfunctions.googleapis.com/{data['name']}",
            "assetType": "cloudfunctions.googleapis.com/Function",
            "resource": {"data": settings},
        }
        facts = values(FUNCTIONS, Item(HERE, asset))
        assert not unknown(facts)
        assert (facts["runtime_updates"], facts["header"]["region"]) == ("automatic", "us-central1")
        assert facts["tags"]["goog-terraform-provisioned"] == "true"
