"""Compute: Compute Engine instances, Cloud Run functions, GKE clusters."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from providers.gcp.client.calls import GcpCall, Item, to_region
from providers.gcp.packets import covers_internet
from providers.gcp.runtimes import has_ended, is_newer
from scanner.collect.table import Facet, FacetRead, Table, from_list
from scanner.model.evidence import Observed, Unknown, lift
from scanner.model.resources.compute import ContainerCluster, Function, Nodes, RuntimeUpdates, VirtualMachine

_INSTANCE = "compute.googleapis.com/Instance"
_FUNCTION = "cloudfunctions.googleapis.com/Function"
_SERVICE = "run.googleapis.com/Service"
_CLUSTER = "container.googleapis.com/Cluster"
_POOL = "container.googleapis.com/NodePool"

_PLACE = re.compile(r"/(?:zones|locations)/([^/]+)/")
_PARENT = re.compile(r"/projects/([^/]+)/(?:zones|locations)/([^/]+)/clusters/([^/]+)")
"""Assets call the location of a zonal cluster a zone, the API calls it a location."""


def _header(item: Item, name: str, type_: str) -> Mapping[str, Any]:
    """The location is in the asset's name. Raises :class:`ValueError` if it is not."""
    match = _PLACE.search(item.asset["name"])
    if match is None:
        raise ValueError(f"{item.asset['name']} contains no location")
    return {
        "provider": "gcp",
        "partition": "gcp",
        "scope": item.project.id,
        "region": to_region(match[1]),
        "id": item.asset["name"],
        "name": name,
        "type": type_,
    }


# Instances

INSTANCES = GcpCall("ListAssets", (_INSTANCE,))
NODE_POOLS = GcpCall("ListAssets", (_POOL,))

_PUBLIC = ("accessConfigs", "accessConfig", "ipv6AccessConfigs", "ipv6AccessConfig")
_NODE = "goog-gke-node"
_GROUP = re.compile(r"zones/[^/]+/instanceGroupManagers/[^/]+$")
"""Without the project in front, which is given by ID or by number."""


def machine_header(item: Item) -> Mapping[str, Any]:
    """https://cloud.google.com/compute/docs/reference/rest/v1/instances. A stopped (``TERMINATED``) or
    suspended instance counts, since it keeps its disks, settings and right to an address; a deleted one is in
    no listing."""
    return _header(item, item.data["name"], "gcp.compute.instance")


def to_labels(item: Item) -> Mapping[str, str]:
    """``labels``."""
    return dict(item.data.get("labels", {}))


def to_public_address(item: Item) -> bool:
    """An interface has ``accessConfigs`` (IPv4) or ``ipv6AccessConfigs`` (external IPv6): a reserved address,
    or one assigned whenever the instance runs. Without them, an interface's IPv6 addresses are internal. Load
    balancers and protocol forwarding have their own addresses. Older assets name the lists in the singular.

    Raises :class:`LookupError` if the asset has no interface, or an empty one: every instance has one.
    """
    data = item.data
    interfaces = data.get("networkInterfaces") or data.get("networkInterface")
    if not interfaces or not all(interfaces):
        raise LookupError("the asset has no network interface")
    return any(bool(interface.get(name)) for interface in interfaces for name in _PUBLIC)


def to_group(item: Item) -> str | None:
    """The managed instance group that created the instance, which Compute Engine writes into its metadata as
    ``created-by``: https://cloud.google.com/compute/docs/metadata/predefined-metadata-keys. Nothing else in
    the metadata is read: it may contain secrets."""
    metadata = item.data.get("metadata", {}).get("items", ())
    found = [_GROUP.search(each["value"]) for each in metadata if each["key"] == "created-by"]
    return found[0][0] if found and found[0] else None


def to_labelled(item: Item) -> bool:
    """Whether it has the label of GKE nodes, which users can set too."""
    return _NODE in item.data.get("labels", {})


def to_clusters(_: Item, pools: Mapping[str, Any]) -> Mapping[str, str]:
    """The names of clusters by the instance groups of their node pools (``instanceGroupUrls``)."""
    found = {}
    for name, asset in pools.items():
        for url in asset["resource"]["data"].get("instanceGroupUrls", ()):
            match = _GROUP.search(url)
            if match is None:
                raise ValueError(f"{url} is not an instance group")
            found[match[0]] = _cluster(name)[-1]
    return found


def to_node_of(
    group: Observed[str | None], labelled: Observed[bool], clusters: Observed[Mapping[str, str]]
) -> Observed[str | None]:
    """The name of the cluster whose node pool created it. A label alone proves nothing: anyone allowed to set
    labels could declare any machine a node, whose operating system is not the customer's alone."""
    if group is None and labelled is False:
        return None
    return lift(_node_of, group, labelled, clusters)


def _node_of(group: str | None, labelled: bool, clusters: Mapping[str, str]) -> Observed[str | None]:
    if group is not None and group in clusters:
        return clusters[group]
    if labelled:
        why = "the instance has the label of a GKE node, but no node pool lists the group that created it"
        return Unknown.because("unsupported", NODE_POOLS.name, None, why)
    return None


VIRTUAL_MACHINES = Table(
    kind=VirtualMachine,
    list=INSTANCES,
    header=machine_header,
    facets={
        "tags": from_list(to_labels),
        "public_address": from_list(to_public_address),
        "node_of": Facet(
            (FacetRead(None, to_group), FacetRead(None, to_labelled), FacetRead(NODE_POOLS, to_clusters)),
            to_node_of,
        ),
    },
)
"""Instances of the project in every state."""


# Functions

_TARGET = "run.googleapis.com/build-function-target"
_UPDATES = "run.googleapis.com/build-enable-automatic-updates"
_BASE_IMAGE = "run.googleapis.com/build-base-image"


def functions_of(item: Item) -> Iterator[Item]:
    """A function of the Cloud Functions API, of either generation, counts. A Cloud Run service counts if it
    was deployed as a function with the Cloud Run API alone; the service behind a function of the Cloud
    Functions API (label ``goog-managed-by``) is that function again, and other services run containers:
    https://cloud.google.com/run/docs/functions/comparison.

    Raises :class:`LookupError` for an asset that does not show which of these it is.
    """
    kind = item.asset["assetType"]
    if kind == _SERVICE:
        metadata = item.data["metadata"]
        managed = metadata.get("labels", {}).get("goog-managed-by") == "cloudfunctions"
        if not managed and metadata.get("annotations", {}).get(_TARGET):
            yield item
    else:
        yield item


FUNCTION_LIST = GcpCall("ListAssets", (_FUNCTION, _SERVICE), split=functions_of)
"""``cloudfunctions.googleapis.com/CloudFunction`` would list functions of the first generation twice:
https://cloud.google.com/asset-inventory/docs/supported-asset-types."""


def _of_run(item: Item) -> bool:
    return bool(item.asset["assetType"] == _SERVICE)


def function_header(item: Item) -> Mapping[str, Any]:
    """https://cloud.google.com/functions/docs/reference/rest/v2/projects.locations.functions and
    https://cloud.google.com/run/docs/reference/rest/v1/namespaces.services."""
    if _of_run(item):
        return _header(item, item.data["metadata"]["name"], "gcp.run.function")
    return _header(item, item.data["name"].rpartition("/")[2], "gcp.cloudfunctions.function")


def to_function_labels(item: Item) -> Mapping[str, str]:
    """``labels``; for Cloud Run services without those that Cloud Run adds, which contain a ``/``."""
    labels = item.data["metadata"].get("labels", {}) if _of_run(item) else item.data.get("labels", {})
    return {key: value for key, value in labels.items() if "/" not in key}


def to_runtime_updates(item: Item) -> Observed[RuntimeUpdates]:
    """``buildConfig.automaticUpdatePolicy`` or ``onDeployUpdatePolicy``; in Cloud Run services an annotation.
    Functions are built on Google's base images, so they have no image of their own:
    https://cloud.google.com/functions/docs/securing/execution-environment-security. Functions last deployed
    before update policies existed have none, and the default has changed since. A runtime that has ended gets
    no updates until it is changed, whatever the policy; whether one that is newer than the table gets any is
    unknown.
    """
    runtime = _runtime(item)
    if has_ended(runtime, item.read_at):
        return "manual"
    updates = _policy(item)
    if updates == "automatic" and is_newer(runtime):
        why = f"until when Google patches the runtime {runtime} is not known to this version"
        return Unknown.because("unsupported", FUNCTION_LIST.name, None, why)
    return updates


def _policy(item: Item) -> Observed[RuntimeUpdates]:
    if _of_run(item):
        automatic = item.data["metadata"]["annotations"].get(_UPDATES)
        found: dict[str, RuntimeUpdates] = {"true": "automatic", "false": "on_update"}
        if automatic is not None:
            return found[automatic]
    else:
        build = item.data["buildConfig"]
        if build.get("automaticUpdatePolicy") is not None:
            return "automatic"
        if build.get("onDeployUpdatePolicy") is not None:
            return "on_update"
    why = "the function's asset has no runtime update policy; deploying it with one would settle it"
    return Unknown.because("unsupported", FUNCTION_LIST.name, None, why)


def _runtime(item: Item) -> str:
    """``buildConfig.runtime``; of Cloud Run services the last part of the base image. Empty if it is missing.

    https://cloud.google.com/run/docs/configuring/services/runtime-base-images
    """
    if _of_run(item):
        return str(item.data["metadata"]["annotations"].get(_BASE_IMAGE, "")).rpartition("/")[2]
    return str(item.data["buildConfig"].get("runtime", ""))


FUNCTIONS = Table(
    kind=Function,
    list=FUNCTION_LIST,
    header=function_header,
    facets={"tags": from_list(to_function_labels), "runtime_updates": from_list(to_runtime_updates)},
)
"""Functions of both generations, whichever API they were deployed with. Assets of the Cloud Functions API may
be half a day late."""


# Clusters

CLUSTERS = GcpCall("ListAssets", (_CLUSTER,))


@dataclass(frozen=True)
class Pool:
    """A node pool: who operates its nodes, and whether they are upgraded automatically."""

    nodes: Nodes
    upgraded: bool


_AUTOPILOT = (Pool("provider", upgraded=True),)


def cluster_header(item: Item) -> Mapping[str, Any]:
    """https://cloud.google.com/kubernetes-engine/docs/reference/rest/v1/projects.locations.clusters."""
    return _header(item, item.data["name"], "gcp.container.cluster")


def to_resource_labels(item: Item) -> Mapping[str, str]:
    """``resourceLabels``: the cluster's labels, not those of its workloads."""
    return dict(item.data.get("resourceLabels", {}))


def to_own_pools(item: Item) -> tuple[Pool, ...] | None:
    """The cluster's ``nodePools``; Google operates every node of an Autopilot cluster, whatever its pools.
    ``None`` if the cluster's asset lists none."""
    if item.data.get("autopilot", {}).get("enabled") is True:
        return _AUTOPILOT
    pools = item.data.get("nodePools")
    return None if pools is None else tuple(map(_pool, pools))


def to_listed_pools(item: Item, pools: Mapping[str, Any]) -> tuple[Pool, ...]:
    """The node pools whose names begin with the cluster's. Raises :class:`ValueError` for other forms."""
    own = _cluster(item.asset["name"])
    return tuple(_pool(asset["resource"]["data"]) for name, asset in pools.items() if _cluster(name) == own)


def _cluster(name: str) -> tuple[str, ...]:
    match = _PARENT.search(name)
    if match is None:
        raise ValueError(f"{name} contains no cluster")
    return match.groups()


def _pool(data: Mapping[str, Any]) -> Pool:
    """``autopilotConfig`` marks the pools that Google operates in a Standard cluster; the nodes of all others
    are created and replaced by GKE from the pool that the customer configures. Maintenance exclusions
    postpone an upgrade and do not disable it."""
    if _on(data.get("autopilotConfig") or {}, "enabled"):
        return Pool("provider", upgraded=True)
    return Pool("managed", _on(data.get("management") or {}, "autoUpgrade"))


def _on(part: Mapping[str, Any], name: str) -> bool:
    """Raises :class:`ValueError` for any other value; some assets contain strings."""
    value = part.get(name, False)
    if value not in (True, False, "true", "false"):
        raise ValueError(f"{name} is neither true nor false")
    return value in (True, "true")


def _pools(
    own: Observed[tuple[Pool, ...] | None], listed: Observed[tuple[Pool, ...]]
) -> Observed[tuple[Pool, ...]]:
    return listed if own is None else own


def to_nodes(
    own: Observed[tuple[Pool, ...] | None], listed: Observed[tuple[Pool, ...]]
) -> Observed[tuple[Nodes, ...]]:
    """GKE has no nodes that the customer operates alone. A pool scaled to zero nodes counts."""
    return lift(lambda pools: tuple(sorted({pool.nodes for pool in pools})), _pools(own, listed))


def to_node_upgrades(
    own: Observed[tuple[Pool, ...] | None], listed: Observed[tuple[Pool, ...]]
) -> Observed[bool]:
    """``management.autoUpgrade`` of every pool:
    https://cloud.google.com/kubernetes-engine/docs/how-to/node-auto-upgrades."""
    return lift(lambda pools: all(pool.upgraded for pool in pools), _pools(own, listed))


def to_endpoint_open(item: Item) -> bool:
    """The control plane has a public address, and no authorized networks keep the internet out:
    https://cloud.google.com/kubernetes-engine/docs/concepts/network-isolation.

    Access from all Google Cloud customers' machines (``gcpPublicCidrsAccessEnabled``) is not public access.
    The DNS endpoint does not count: its address is a Google front end that requires authentication.
    """
    data = item.data
    endpoints = data.get("controlPlaneEndpointsConfig", {}).get("ipEndpointsConfig", {})
    if endpoints.get("enabled") is False:
        return False
    if "enablePublicEndpoint" in endpoints:
        public = _on(endpoints, "enablePublicEndpoint")
    else:
        public = not _on(data.get("privateClusterConfig", {}), "enablePrivateEndpoint")
    if not public:
        return False
    networks = endpoints.get("authorizedNetworksConfig") or data.get("masterAuthorizedNetworksConfig", {})
    if not _on(networks, "enabled"):
        return True
    return covers_internet(block["cidrBlock"] for block in networks.get("cidrBlocks", ()))


_POOLS: tuple[FacetRead[GcpCall], ...] = (
    FacetRead(None, to_own_pools),
    FacetRead(NODE_POOLS, to_listed_pools),
)

CONTAINER_CLUSTERS = Table(
    kind=ContainerCluster,
    list=CLUSTERS,
    header=cluster_header,
    facets={
        "tags": from_list(to_resource_labels),
        "nodes": Facet(_POOLS, to_nodes),
        "node_upgrades": Facet(_POOLS, to_node_upgrades),
        "endpoint_open": from_list(to_endpoint_open),
    },
)
"""GKE clusters, zonal and regional."""
