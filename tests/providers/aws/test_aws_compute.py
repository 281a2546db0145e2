from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from providers.aws import compute
from providers.aws.client.listing import RegionListing, listing
from providers.aws.compute import Members
from providers.sandbox.aws.server import AwsSandbox
from scanner.collect.provider import ConnectionRequest
from scanner.model.evidence import Unknown
from scanner.model.inventory import Inventory
from scanner.model.resources.base import Resource
from scanner.model.resources.compute import ContainerCluster, Function, VirtualMachine
from tests.providers.aws.aws_scan import WHOLE, Scan, named

WANTED = {kind.kind: kind.facets() for kind in (VirtualMachine, Function, ContainerCluster)}
DENIED = Unknown.because("denied", "eks:ListNodegroups", "eks:ListNodegroups", "no")
CUT = Unknown.because("throttled", "ec2:DescribeInstances", None, "later")
PLACE = {"account": "111122223333", "partition": "aws", "region": "eu-west-1"}
FACTS: dict[str, dict[str, dict[str, object]]] = {
    "virtual_machine": {
        "bastion": {"public_address": True, "node_of": None},
        "ledger-worker": {"public_address": False, "node_of": None},
        "payments-node": {"public_address": False, "node_of": "payments"},
        "batch-node": {"public_address": False, "node_of": "batch-old"},
    },
    "function": {
        "charge-card": {"runtime_updates": "automatic"},
        "resize-images": {"runtime_updates": "on_update"},
        "legacy-export": {"runtime_updates": "manual"},
        "fraud-score": {"runtime_updates": "own_image"},
        # Its setting is "Auto", but Lambda no longer patches its runtime.
        "nightly-2019": {"runtime_updates": "manual"},
    },
    "container_cluster": {
        "shop": {"nodes": ("provider",), "node_upgrades": True, "endpoint_open": False},
        "payments": {"nodes": ("managed", "provider"), "node_upgrades": False, "endpoint_open": False},
        "batch-old": {"nodes": ("self_managed",), "node_upgrades": False, "endpoint_open": True},
    },
}


def hidden(inventory: Inventory) -> set[tuple[str, str]]:
    """Which facets of which resources are unknown."""
    return {(resource.name, facet) for resource in inventory.resources for facet in resource.unknowns()}


def test_resources_are_as_the_company_created_them(whole: Inventory) -> None:
    for kind, resources in FACTS.items():
        found = named(whole, kind)
        assert {
            name: {facet: getattr(resource, facet) for facet in resource.collected() - {"tags"}}
            for name, resource in found.items()
        } == resources
    assert not hidden(whole)
    assert whole.blind_spots == ()


def test_ids_names_and_tags(whole: Inventory) -> None:
    machine = named(whole, "virtual_machine")["ledger-worker"]
    assert machine.tags == {
        "Name": "ledger-worker",
        "owner": "payments",
        "data-class": "pci",
        "env": "prod",
    }
    assert machine.id.startswith("arn:aws:ec2:eu-west-1:111122223333:instance/i-")
    function = named(whole, "function")["nightly-2019"]
    assert (function.region, function.tags) == ("us-east-1", {"owner": "ghost"})
    assert function.id == "arn:aws:lambda:us-east-1:111122223333:function:nightly-2019"
    cluster = named(whole, "container_cluster")["shop"]
    assert cluster.id == "arn:aws:eks:eu-west-1:111122223333:cluster/shop"
    assert cluster.tags == {"owner": "product", "env": "prod"}
    types = {resource.type for resource in whole.resources}
    assert types == {"aws.ec2.instance", "aws.lambda.function", "aws.eks.cluster"}


def test_environment_variables_of_a_function_are_not_recorded(scan: Scan) -> None:
    for resource in scan(wanted={"function": WANTED["function"]}).resources:
        assert "TABLE" not in json.dumps(resource.to_record())


def test_a_region_is_listed_in_bulk(scan: Scan, sandbox: AwsSandbox) -> None:
    scan(WHOLE, wanted=WANTED)
    for call in ("ec2:DescribeInstances", "lambda:ListFunctions", "eks:ListClusters"):
        assert sandbox.calls[call] == len(sandbox.enabled), call
    # Not called for container images and deprecated runtimes.
    assert sandbox.calls["lambda:GetRuntimeManagementConfig"] == 3
    assert sandbox.calls["eks:DescribeCluster"] == 3
    sandbox.calls.clear()
    found = scan(ConnectionRequest("aws", regions=("us-east-1", "af-south-1")), wanted=WANTED)
    assert sandbox.calls["ec2:DescribeInstances"] == 1
    assert {resource.region for resource in found.resources} == {"us-east-1"}


def test_instances_are_listed_only_in_regions_with_clusters(scan: Scan, sandbox: AwsSandbox) -> None:
    scan(wanted={"container_cluster": WANTED["container_cluster"]})
    assert sandbox.calls["ec2:DescribeInstances"] == 1


EVERY_CLUSTER = ("shop", "payments", "batch-old")
DEPENDENT: dict[str, tuple[str, set[tuple[str, str]]]] = {
    "lambda:ListTags": ("function", {(name, "tags") for name in FACTS["function"]}),
    "lambda:GetRuntimeManagementConfig": (
        "function",
        {(name, "runtime_updates") for name in ("charge-card", "resize-images", "legacy-export")},
    ),
    "eks:DescribeCluster": (
        "container_cluster",
        {(name, facet) for name in EVERY_CLUSTER for facet in ("tags", "nodes", "endpoint_open")}
        # The other clusters have nodes that are known not to be upgraded.
        | {("shop", "node_upgrades")},
    ),
    "eks:ListNodegroups": (
        "container_cluster",
        {(name, "nodes") for name in EVERY_CLUSTER}
        | {("shop", "node_upgrades"), ("payments", "node_upgrades")},
    ),
    # For the other cluster, Auto Mode is enough: EKS operates nodes in any case.
    "eks:ListFargateProfiles": (
        "container_cluster",
        {("payments", "nodes"), ("batch-old", "nodes")},
    ),
    "ec2:DescribeInstances": (
        "container_cluster",
        {(name, "nodes") for name in EVERY_CLUSTER}
        | {("shop", "node_upgrades"), ("batch-old", "node_upgrades")},
    ),
}


@pytest.mark.parametrize("call", sorted(DEPENDENT))
def test_a_denied_read_hides_only_what_depends_on_it(scan: Scan, sandbox: AwsSandbox, call: str) -> None:
    kind, expected = DEPENDENT[call]
    sandbox.fault = lambda name: "denied" if name == call else None
    regions = ("eu-west-1", "us-east-1") if kind == "function" else ("eu-west-1",)
    found = scan(ConnectionRequest("aws", regions=regions), wanted={kind: WANTED[kind]})
    assert hidden(found) == expected


class Pages:
    """A caller with fixed pages of a listing."""

    def __init__(self, *pages: Any) -> None:
        self._pages = pages
        self.region: str | None = None

    def within(self, region: str) -> Pages:
        self.region = region
        return self

    def pages(self, call: Any) -> Iterator[Any]:
        yield from self._pages


def test_a_partial_list_keeps_what_was_read() -> None:
    question = listing(compute.DESCRIBE_INSTANCES, compute.keep_machine)
    machine = {"InstanceId": "i-1", "State": {"Name": "running"}}
    caller = Pages([machine], CUT, [machine])
    assert question.ask(caller, PLACE) == RegionListing(({"InstanceId": "i-1"},), CUT)  # type: ignore[arg-type]
    assert caller.region == "eu-west-1"


@pytest.mark.parametrize(
    ("state", "there"),
    [
        ({"Name": "running"}, True),
        ({"Name": "stopped"}, True),
        ({"Name": "pending"}, True),
        ({"Name": "shutting-down"}, False),
        ({"Name": "terminated"}, False),
        # A missing or unknown state hides no machine.
        ({}, True),
        ({"Name": "hibernating"}, True),
    ],
)
def test_terminated_machines_are_skipped(state: Any, there: bool) -> None:
    assert (compute.keep_machine({"InstanceId": "i-1", "State": state}) is not None) is there


def machine(*interfaces: Any, **more: Any) -> dict[str, Any]:
    return {**PLACE, "InstanceId": "i-1", "NetworkInterfaces": list(interfaces), **more}


def tagged(**tags: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (machine(), False),
        (machine(PublicIpAddress="198.51.100.7"), True),
        (machine({"Association": {"PublicIp": "198.51.100.7"}}), True),
        (machine({"PrivateIpAddresses": [{}, {"Association": {"PublicIp": "198.51.100.7"}}]}), True),
        (machine({"Association": {"CarrierIp": "198.51.100.7"}}), False),
        (machine({"Association": {"CustomerOwnedIp": "198.51.100.7"}}), False),
        (machine({"Ipv6Addresses": [{"Ipv6Address": "2a05:d018::1"}]}), True),
        (machine({"Ipv6Addresses": [{"Ipv6Address": "fd00:ec2::1"}]}), False),
        (machine({}, {"Ipv6Prefixes": [{"Ipv6Prefix": "2a05:d018:1:2::/80"}]}), True),
        (machine({"PrivateIpAddress": "10.0.0.4", "Ipv6Addresses": []}), False),
    ],
)
def test_public_address(item: Any, expected: bool) -> None:
    assert compute.to_public_address(item) is expected


def test_without_interfaces_the_public_address_is_an_error() -> None:
    with pytest.raises(KeyError):
        compute.to_public_address({"InstanceId": "i-1"})


def test_a_machine_is_named_by_its_name_tag_or_its_id() -> None:
    assert compute.header(machine(Tags=tagged(Name="web")))["name"] == "web"
    assert compute.header(machine(Tags=tagged(Name="")))["name"] == "i-1"
    assert compute.header(machine())["name"] == "i-1"


def test_only_the_tag_that_eks_itself_sets_makes_a_node() -> None:
    ours = [*tagged(**{"eks:cluster-name": "prod"}), *tagged(**{"kubernetes.io/cluster/prod": "owned"})]
    assert compute.to_node_of(machine(Tags=ours)) is None
    theirs = tagged(**{"aws:eks:cluster-name": "prod"})
    assert compute.to_node_of(machine(Tags=[*ours, *theirs])) == "prod"


@pytest.mark.parametrize(
    ("item", "answer", "expected"),
    [
        ({"PackageType": "Zip", "Runtime": "python3.13"}, {"UpdateRuntimeOn": "Auto"}, "automatic"),
        ({"Runtime": "provided.al2023"}, {"UpdateRuntimeOn": "FunctionUpdate"}, "on_update"),
        ({"PackageType": "Zip", "Runtime": "java21"}, {"UpdateRuntimeOn": "Manual"}, "manual"),
        ({"PackageType": "Image"}, None, "own_image"),
        ({"PackageType": "Zip", "Runtime": "python2.7"}, None, "manual"),
    ],
)
def test_how_a_runtime_is_updated(item: Any, answer: Any, expected: str) -> None:
    assert compute.to_runtime_updates(item, answer) == expected


@pytest.mark.parametrize("answer", [{}, {"UpdateRuntimeOn": "Sometimes"}])
def test_an_unknown_update_mode_is_an_error(answer: Any) -> None:
    with pytest.raises(KeyError):
        compute.to_runtime_updates({"PackageType": "Zip", "Runtime": "python3.13"}, answer)


def cluster(**facts: Any) -> dict[str, Any]:
    return {"cluster": {"name": "prod", "arn": "…", **facts}}


def endpoint(public: bool, *sources: str) -> dict[str, Any]:
    return cluster(resourcesVpcConfig={"endpointPublicAccess": public, "publicAccessCidrs": list(sources)})


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (endpoint(False), False),
        (endpoint(False, "0.0.0.0/0"), False),
        (endpoint(True, "0.0.0.0/0"), True),
        (endpoint(True, "0.0.0.0/1", "128.0.0.0/1"), True),
        (endpoint(True, "198.51.100.0/24", "::/0"), True),
        (endpoint(True, "198.51.100.0/24"), False),
        (endpoint(True), True),
        (cluster(resourcesVpcConfig={"endpointPublicAccess": True}), True),
    ],
)
def test_whether_the_control_plane_is_open(answer: Any, expected: bool) -> None:
    assert compute.to_endpoint_open({}, answer) is expected


@pytest.mark.parametrize(
    "answer",
    [
        cluster(resourcesVpcConfig={}),
        cluster(resourcesVpcConfig={"endpointPublicAccess": "true"}),
        endpoint(True, "anyone"),
    ],
)
def test_an_endpoint_with_another_format_is_an_error(answer: Any) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        compute.to_endpoint_open({}, answer)


def test_auto_mode_and_hybrid_nodes() -> None:
    assert compute.to_auto_mode({}, cluster()) is False
    assert compute.to_auto_mode({}, cluster(computeConfig={"enabled": False})) is False
    assert compute.to_auto_mode({}, cluster(computeConfig={"enabled": True})) is True
    assert compute.to_hybrid({}, cluster()) is False
    assert compute.to_hybrid({}, cluster(remoteNetworkConfig={})) is False
    networks = [{"cidrs": ["10.200.0.0/16"]}]
    assert compute.to_hybrid({}, cluster(remoteNetworkConfig={"remoteNodeNetworks": networks})) is True


@pytest.mark.parametrize(
    ("machines", "expected"),
    [
        ([], set()),
        ([machine(Tags=tagged(**{"aws:eks:cluster-name": "prod", "eks:nodegroup-name": "a"}))], {"a"}),
        ([machine(Tags=tagged(**{"kubernetes.io/cluster/prod": "owned"}))], {None}),
        ([machine(Tags=tagged(**{"eks:eks-cluster-name": "prod"}))], {None}),
        ([machine(Tags=tagged(**{"aws:eks:cluster-name": "other", "eks:cluster-name": "prod"}))], set()),
        ([machine(Tags=tagged(**{"kubernetes.io/cluster/prod-2": "owned"}))], set()),
        # EKS operates the instances of Auto Mode itself.
        (
            [
                machine(
                    Tags=tagged(**{"aws:eks:cluster-name": "prod"}),
                    Operator={"Managed": True, "Principal": "eks.amazonaws.com"},
                )
            ],
            set(),
        ),
        ([machine(Tags=tagged(**{"aws:eks:cluster-name": "prod"}), Operator={"Managed": False})], {None}),
    ],
)
def test_which_machines_are_nodes_of_a_cluster(machines: Any, expected: set[str | None]) -> None:
    found = compute.to_members({"name": "prod"}, RegionListing(tuple(machines), None))
    assert found == Members(frozenset(expected), None)


def members(*groups: str | None, missing: Unknown | None = None) -> Members:
    return Members(frozenset(groups), missing)


@pytest.mark.parametrize(
    ("groups", "found", "expected"),
    [
        (frozenset(), members(), False),
        (frozenset({"a"}), members("a"), False),
        (frozenset({"a"}), members("a", None), True),
        # A node that names a group that the cluster does not have is self-managed.
        (frozenset({"a"}), members("b"), True),
        (DENIED, members(), False),
        (DENIED, members("a"), DENIED),
        (DENIED, members(None), True),
        (frozenset({"a"}), members("a", missing=CUT), CUT),
        (frozenset({"a"}), members(None, missing=CUT), True),
        (frozenset({"a"}), CUT, CUT),
    ],
)
def test_self_managed_nodes(groups: Any, found: Any, expected: Any) -> None:
    assert compute.self_managed(groups, found) == expected


@pytest.mark.parametrize(
    ("facts", "expected", "upgraded"),
    [
        ((False, False, False, frozenset(), members()), (), True),
        ((True, False, False, frozenset(), members()), ("provider",), True),
        ((False, False, True, frozenset(), members()), ("provider",), True),
        ((True, True, True, frozenset("a"), members("a")), ("managed", "provider", "self_managed"), False),
        ((False, False, False, frozenset("a"), members()), ("managed",), False),
        ((False, True, False, frozenset(), CUT), ("self_managed",), False),
        ((False, False, DENIED, frozenset("a"), members()), DENIED, False),
        ((True, False, DENIED, frozenset(), members()), ("provider",), True),
        ((True, False, False, frozenset(), CUT), CUT, CUT),
        ((True, False, False, frozenset("a"), CUT), CUT, False),
        ((True, False, False, DENIED, members()), DENIED, DENIED),
    ],
)
def test_how_nodes_are_operated_and_upgraded(facts: Any, expected: Any, upgraded: Any) -> None:
    assert compute.node_management(*facts) == expected
    _, hybrid, _, groups, found = facts
    assert compute.nodes_upgraded(hybrid, groups, found) == upgraded


def recorded(recordings: Path, service: str, operation: str) -> list[dict[str, Any]]:
    lines = (recordings / f"{service}.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [row["response"] for row in rows if row["operation"] == operation and row["status"] < 300]


def complete(header: Any, kind: type[Resource]) -> bool:
    return bool(header.keys() == set(kind.model_fields) - kind.facets())


def test_recorded_instances_are_understood(recordings: Path) -> None:
    entries = [
        entry
        for answer in recorded(recordings, "ec2", "DescribeInstances")
        for group in answer["Reservations"]
        for entry in group["Instances"]
    ]
    machines = [{**kept, **PLACE} for entry in entries if (kept := compute.keep_machine(entry)) is not None]
    assert len(entries) - len(machines) == 23
    public = 0
    for item in machines:
        assert complete(compute.header(item), VirtualMachine)
        assert compute.to_tags(item).keys() == {tag["Key"] for tag in item.get("Tags", ())}
        compute.to_node_of(item)
        if "NetworkInterfaces" in item:
            public += compute.to_public_address(item)
            # The public address that the console shows is among those that are read.
            assert compute.to_public_address(item) or not item.get("PublicIpAddress")
    assert public > 40


def test_recorded_functions_are_understood(recordings: Path) -> None:
    functions = [
        {**entry, **PLACE}
        for answer in recorded(recordings, "lambda", "ListFunctions")
        for entry in answer["Functions"]
    ]
    updates = []
    for item in functions:
        assert complete(compute.function_header(item), Function)
        answer = compute.runtime_management(_Automatic(), item)  # type: ignore[arg-type]
        updates.append(compute.to_runtime_updates(item, answer))
    assert updates.count("own_image") == 2
    assert updates.count("manual") == 27
    assert updates.count("automatic") == 2
    for answer in recorded(recordings, "lambda", "ListTags"):
        assert compute.to_function_tags({}, answer) == answer["Tags"]


class _Automatic:
    """A caller that reports automatic updates for every function."""

    def answer(self, call: Any, item: Any) -> Any:
        return {"UpdateRuntimeOn": "Auto"}


def test_recorded_clusters_are_understood(recordings: Path) -> None:
    auto, opened, missing = [], [], 0
    for answer in recorded(recordings, "eks", "DescribeCluster"):
        name, region = answer["cluster"]["name"], answer["cluster"]["arn"].split(":")[3]
        item = {**PLACE, "account": "644160558196", "region": region, "name": name}
        header = compute.cluster_header(item)
        assert complete(header, ContainerCluster)
        assert header["id"] == answer["cluster"]["arn"]
        compute.to_hybrid(item, answer)
        if compute.to_auto_mode(item, answer):
            auto.append(name)
        if "endpointPublicAccess" not in answer["cluster"]["resourcesVpcConfig"]:
            # Recorded before the public endpoint could be disabled.
            missing += 1
            with pytest.raises(KeyError):
                compute.to_endpoint_open(item, answer)
        elif compute.to_endpoint_open(item, answer):
            opened.append(name)
    assert auto == ["serious-bluegrass-ladybug"]
    assert missing == 3
    assert "devk8s" in opened
    assert not any(name.startswith("c7n-test") for name in opened)
