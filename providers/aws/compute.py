"""EC2 instances, Lambda functions and EKS clusters: the compute services and who operates them."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from providers.aws.client.calls import AwsCall
from providers.aws.client.client import AwsChain, AwsQuestion
from providers.aws.client.listing import RegionListing, listing, run
from providers.aws.runtimes import ENDS, has_ended
from providers.aws.table import arn_of, flag, header_of
from scanner.collect.collection import Collection, CollectionPlace
from scanner.collect.table import Answer, Facet, FacetRead, Item, Table, asked, from_list
from scanner.model.evidence import Observed, Unknown, all_of, any_of, lift
from scanner.model.resources.compute import ContainerCluster, Function, Nodes, RuntimeUpdates, VirtualMachine
from scanner.policy.reachability import Ingress, open_to_world

if TYPE_CHECKING:
    from providers.aws.client.client import AwsCaller

DESCRIBE_INSTANCES = AwsCall(
    "ec2",
    "DescribeInstances",
    pages="Reservations",
    inner="Instances",
    page_size=1000,
    regional=True,
    root="DescribeInstancesResponse",
)
LIST_FUNCTIONS = AwsCall("lambda", "ListFunctions", pages="Functions", regional=True)
GET_RUNTIME_MANAGEMENT = AwsCall(
    "lambda",
    "GetRuntimeManagementConfig",
    parameters=(("FunctionName", "FunctionName"),),
    regional=True,
)
LIST_TAGS = AwsCall("lambda", "ListTags", parameters=(("Resource", "FunctionArn"),), regional=True)
LIST_CLUSTERS = AwsCall("eks", "ListClusters", pages="clusters", entry="name", regional=True)
DESCRIBE_CLUSTER = AwsCall("eks", "DescribeCluster", parameters=(("name", "name"),), regional=True)
LIST_NODEGROUPS = AwsCall(
    "eks",
    "ListNodegroups",
    parameters=(("clusterName", "name"),),
    pages="nodegroups",
    entry="group",
    regional=True,
)
LIST_FARGATE_PROFILES = AwsCall(
    "eks",
    "ListFargateProfiles",
    parameters=(("clusterName", "name"),),
    pages="fargateProfileNames",
    entry="profile",
    regional=True,
)

# Instances hidden by the account's setting (IncludeManagedResources) are not listed: an AWS service operates
# them.
KEPT_FIELDS = (
    "account",
    "partition",
    "region",
    "InstanceId",
    "Tags",
    "PublicIpAddress",
    "NetworkInterfaces",
    "Operator",
)
"""The fields kept of an instance, for itself and for the cluster that it is a node of."""
GONE = ("shutting-down", "terminated")
"""Final states of an instance (EC2 user guide, "Instance lifecycle")."""
EKS_TAG = "aws:eks:cluster-name"
"""The tag that EKS itself puts on every instance of a cluster (EKS user guide, "Organize Amazon EKS resources
with tags"); the prefix ``aws:`` is reserved for AWS."""
NODE_TAGS = ("eks:cluster-name", "eks:eks-cluster-name")
"""Tags that managed node groups and Karpenter put on their nodes; anyone who may tag can set them, too."""
OWNED_TAG_PREFIX = "kubernetes.io/cluster/"
"""Prefix of the tag that a self-managed node must have; the rest is the cluster's name."""
GROUP_TAG = "eks:nodegroup-name"
"""The tag that managed node groups put on their nodes."""
AUTO_MODE = "eks.amazonaws.com"
"""The operator of the instances of EKS Auto Mode (EKS user guide, "EKS Auto Mode managed instances")."""

MODES: Mapping[str, RuntimeUpdates] = {
    "Auto": "automatic",
    "FunctionUpdate": "on_update",
    "Manual": "manual",
}
"""``UpdateRuntimeOn`` (API reference, GetRuntimeManagementConfig)."""
API = ((443, 443),)


def keep_machine(item: Item) -> Item | None:
    """An entry of DescribeInstances reduced to ``KEPT_FIELDS``; ``None`` if its ``State`` is final."""
    if item.get("State", {}).get("Name") in GONE:
        return None
    return {name: item[name] for name in KEPT_FIELDS if name in item}


MACHINES = listing(DESCRIBE_INSTANCES, keep_machine)


def start(caller: AwsCaller, place: CollectionPlace, wanted: frozenset[str], collection: Collection) -> None:
    """Starts the collection of the machines of one region."""
    run(VIRTUAL_MACHINES, MACHINES, caller, place, wanted, collection)


def runtime_management(caller: AwsCaller, item: Item) -> Observed[Answer]:
    """GetRuntimeManagementConfig; ``None``, without a call, for container images and ended runtimes."""
    if _own_image(item) or has_ended(item["Runtime"], datetime.now(UTC)):
        return None
    return caller.answer(GET_RUNTIME_MANAGEMENT, item)


def _names(call: AwsCall, caller: AwsCaller, item: Item) -> Observed[frozenset[str]]:
    found = caller.whole(call, item)
    return lift(lambda entries: frozenset(entry[call.entry] for entry in entries), found)


RUNTIME_MANAGEMENT = AwsChain(
    (GET_RUNTIME_MANAGEMENT,), runtime_management, about=("FunctionArn",), regional=True
)
GROUPS = AwsChain((LIST_NODEGROUPS,), partial(_names, LIST_NODEGROUPS), about=("name",), regional=True)
PROFILES = AwsChain(
    (LIST_FARGATE_PROFILES,), partial(_names, LIST_FARGATE_PROFILES), about=("name",), regional=True
)


def header(item: Item) -> Mapping[str, Any]:
    """``InstanceId`` of DescribeInstances, and the tag ``Name``, which the console shows as its name."""
    named = to_tags(item).get("Name")
    return header_of(
        item,
        arn_of(item, "ec2", f"instance/{item['InstanceId']}"),
        named or item["InstanceId"],
        "aws.ec2.instance",
    )


def function_header(item: Item) -> Mapping[str, Any]:
    """``FunctionArn`` and ``FunctionName`` of ListFunctions, which lists unpublished versions."""
    return header_of(item, item["FunctionArn"], item["FunctionName"], "aws.lambda.function")


def cluster_header(item: Item) -> Mapping[str, Any]:
    """The name from ListClusters; the ARN is built from it."""
    return header_of(
        item,
        arn_of(item, "eks", f"cluster/{item['name']}"),
        item["name"],
        "aws.eks.cluster",
    )


def to_tags(item: Item) -> Mapping[str, str]:
    """``Tags`` of DescribeInstances; missing if there are none."""
    return {tag["Key"]: tag["Value"] for tag in item.get("Tags", ())}


def to_public_address(item: Item) -> bool:
    """``PublicIpAddress`` and ``NetworkInterfaces`` of DescribeInstances.

    Private IPv6 addresses do not count, nor do addresses of an Outpost or a carrier (``CustomerOwnedIp``,
    ``CarrierIp``).
    """
    interfaces = item["NetworkInterfaces"]
    return bool(item.get("PublicIpAddress")) or any(
        _has_public(each) or any(map(_is_global, _of_version_6(each))) for each in interfaces
    )


def _has_public(interface: Mapping[str, Any]) -> bool:
    holders = [interface, *interface.get("PrivateIpAddresses", ())]
    return any("PublicIp" in holder.get("Association", {}) for holder in holders)


def _of_version_6(interface: Mapping[str, Any]) -> Iterator[str]:
    yield from (each["Ipv6Address"] for each in interface.get("Ipv6Addresses", ()))
    yield from (each["Ipv6Prefix"] for each in interface.get("Ipv6Prefixes", ()))


def _is_global(address: str) -> bool:
    return ipaddress.ip_network(address, strict=False).is_global


def to_node_of(item: Item) -> str | None:
    """The name of the EKS cluster, from EKS's own tag.

    Tags that others can write are ignored: with them, anyone who may tag could make any machine look like a
    node, whose operating system is then no longer the customer's responsibility alone.
    """
    return to_tags(item).get(EKS_TAG)


def to_function_tags(item: Item, answer: Answer) -> Mapping[str, str]:
    """``Tags`` of ListTags."""
    return dict(answer["Tags"])


def to_runtime_updates(item: Item, answer: Answer) -> Observed[RuntimeUpdates]:
    """``PackageType`` and ``Runtime`` of ListFunctions, ``UpdateRuntimeOn`` of GetRuntimeManagementConfig.

    A function with a runtime that has ended gets no patches until its runtime is changed; whether a runtime
    that is not in the table gets any is unknown. Published versions, which have settings of their own, are
    not evaluated.
    """
    if answer is None:
        return "own_image" if _own_image(item) else "manual"
    mode = MODES[answer["UpdateRuntimeOn"]]
    return _no_date(item["Runtime"]) if mode == "automatic" and item["Runtime"] not in ENDS else mode


def _no_date(runtime: str) -> Unknown:
    message = f"until when AWS patches the runtime {runtime} is not known to this version"
    return Unknown.because("unsupported", LIST_FUNCTIONS.name, None, message)


def _own_image(item: Item) -> bool:
    """``PackageType``; responses from before container images existed lack it."""
    return bool(item.get("PackageType") == "Image")


def to_cluster_tags(item: Item, answer: Answer) -> Mapping[str, str]:
    """``tags`` of DescribeCluster."""
    return dict(answer["cluster"]["tags"])


def to_endpoint_open(item: Item, answer: Answer) -> bool:
    """``endpointPublicAccess`` and ``publicAccessCidrs`` of DescribeCluster.

    Without ranges it is open to every address (API reference, VpcConfigRequest).
    """
    config = answer["cluster"]["resourcesVpcConfig"]
    if not flag(config["endpointPublicAccess"]):
        return False
    sources = tuple(config.get("publicAccessCidrs", ()))
    rule = Ingress(allow=True, priority=0, protocol="tcp", ports=API, sources=sources)
    return not sources or bool(open_to_world([rule]))


def to_auto_mode(item: Item, answer: Answer) -> bool:
    """``computeConfig`` of DescribeCluster: EKS Auto Mode creates and replaces the nodes."""
    return flag(answer["cluster"].get("computeConfig", {}).get("enabled", False))


def to_hybrid(item: Item, answer: Answer) -> bool:
    """``remoteNetworkConfig`` of DescribeCluster: the customer's own networks whose machines may be nodes.

    No call lists these nodes; they are assumed to exist.
    """
    return bool(answer["cluster"].get("remoteNetworkConfig", {}).get("remoteNodeNetworks"))


def to_any(item: Item, answer: Answer) -> bool:
    """Whether the list has any entry."""
    return bool(answer)


def to_names(item: Item, answer: Answer) -> Answer:
    """The listed names."""
    return answer


def _clusters(tags: Mapping[str, str]) -> set[str]:
    if EKS_TAG in tags:
        return {tags[EKS_TAG]}
    owned = {key.removeprefix(OWNED_TAG_PREFIX) for key in tags if key.startswith(OWNED_TAG_PREFIX)}
    return owned | {tags[key] for key in NODE_TAGS if key in tags}


@dataclass(frozen=True)
class Members:
    """The instances of a cluster that EKS does not operate itself."""

    groups: frozenset[str | None]
    """The managed node groups that their tags name; ``None`` for an instance that names none."""
    missing: Unknown | None
    """Why there may be more instances."""


def to_members(item: Item, answer: RegionListing) -> Members:
    """The region's instances whose tags name the cluster: EKS's own tag or any other.

    Raises :class:`KeyError` for an instance without an id: its tags may be missing, too.
    """
    groups = set()
    for machine in {machine["InstanceId"]: machine for machine in answer.items}.values():
        tags = to_tags(machine)
        if item["name"] in _clusters(tags) and machine.get("Operator", {}).get("Principal") != AUTO_MODE:
            groups.add(tags.get(GROUP_TAG))
    return Members(frozenset(groups), answer.missing)


def self_managed(groups: Observed[frozenset[str]], members: Observed[Members]) -> Observed[bool]:
    """Whether an instance is a node outside the cluster's managed node groups."""
    if isinstance(members, Unknown):
        return members
    if None in members.groups:
        return True
    outside: Observed[bool] = lift(lambda known: bool(members.groups - known), groups)
    more: Observed[bool] = False if members.missing is None else members.missing
    return any_of(outside if members.groups else False, more)


def node_management(
    auto: Observed[bool],
    hybrid: Observed[bool],
    fargate: Observed[bool],
    groups: Observed[frozenset[str]],
    members: Observed[Members],
) -> Observed[tuple[Nodes, ...]]:
    """Every way in which the cluster's nodes are operated."""

    def combine(provider: bool, managed: frozenset[str], own: bool) -> tuple[Nodes, ...]:
        found: list[Nodes] = ["managed"] if managed else []
        found += ["provider"] if provider else []
        return (*found, "self_managed") if own else tuple(found)

    own = any_of(hybrid, self_managed(groups, members))
    return lift(combine, any_of(auto, fargate), groups, own)


def nodes_upgraded(
    hybrid: Observed[bool], groups: Observed[frozenset[str]], members: Observed[Members]
) -> Observed[bool]:
    """Whether EKS operates all nodes: it upgrades no others automatically.

    A managed node group keeps its version until the customer updates it (EKS user guide, "Update a managed
    node group"); node repair replaces a node by another of the same version.
    """
    own = any_of(hybrid, self_managed(groups, members))
    return all_of(lift(lambda names: not names, groups), lift(lambda found: not found, own))


VIRTUAL_MACHINES: Table[AwsQuestion] = Table(
    kind=VirtualMachine,
    list=MACHINES,
    header=header,
    facets={
        "tags": from_list(to_tags),
        "public_address": from_list(to_public_address),
        "node_of": from_list(to_node_of),
    },
)
FUNCTIONS: Table[AwsQuestion] = Table(
    kind=Function,
    list=LIST_FUNCTIONS,
    header=function_header,
    facets={
        "tags": asked(LIST_TAGS, to_function_tags),
        "runtime_updates": asked(RUNTIME_MANAGEMENT, to_runtime_updates),
    },
)
HYBRID = FacetRead[AwsQuestion](DESCRIBE_CLUSTER, to_hybrid)
MANAGED = FacetRead[AwsQuestion](GROUPS, to_names)
MEMBERS = FacetRead[AwsQuestion](MACHINES, to_members)
CLUSTERS: Table[AwsQuestion] = Table(
    kind=ContainerCluster,
    list=LIST_CLUSTERS,
    header=cluster_header,
    facets={
        "tags": asked(DESCRIBE_CLUSTER, to_cluster_tags),
        "nodes": Facet(
            (
                FacetRead(DESCRIBE_CLUSTER, to_auto_mode),
                HYBRID,
                FacetRead(PROFILES, to_any),
                MANAGED,
                MEMBERS,
            ),
            node_management,
        ),
        "node_upgrades": Facet((HYBRID, MANAGED, MEMBERS), nodes_upgraded),
        "endpoint_open": asked(DESCRIBE_CLUSTER, to_endpoint_open),
    },
)
