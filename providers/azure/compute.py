"""Virtual machines, function apps and AKS clusters.

Instances of a scale set with uniform orchestration are not virtual machines in the Resource Manager, so they
are not collected; those with flexible orchestration are.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from providers.azure.client.calls import AzureCall, GraphCall
from providers.azure.client.guard import resource_id
from providers.azure.runtimes import has_ended, is_newer
from providers.azure.table import header, query, to_tags, with_location
from scanner.collect.table import Facet, Table, asked, from_list
from scanner.model.evidence import Observed, Unknown
from scanner.model.resources.compute import ContainerCluster, Function, Nodes, RuntimeUpdates, VirtualMachine
from scanner.policy.addresses import cover_world

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Interfaces:
    """The network interfaces of a subscription."""

    by_id: Mapping[str, Row]
    by_machine: Mapping[str, Sequence[Row]]
    """By the ID of the attached machine. IDs are in lower case."""


def _interfaces(rows: Sequence[Row]) -> Interfaces:
    machines: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        machine = row["properties"].get("virtualMachine")
        if machine:
            machines[machine["id"].lower()].append(row)
    return Interfaces({row["id"].lower(): row for row in rows}, dict(machines))


def _clusters(rows: Sequence[Row]) -> Mapping[str, str]:
    """Cluster names by the resource group of their nodes, in lower case."""
    return {row["properties"]["nodeResourceGroup"].lower(): row["name"] for row in rows}


MACHINES = GraphCall(
    name="Microsoft.ResourceGraph/Resources(virtualMachines)",
    permission="Microsoft.Compute/virtualMachines/read",
    query=query("type =~ 'microsoft.compute/virtualmachines'"),
    items=with_location,
)
INTERFACES = GraphCall(
    name="Microsoft.ResourceGraph/Resources(networkInterfaces)",
    permission="Microsoft.Network/networkInterfaces/read",
    query=query("type =~ 'microsoft.network/networkinterfaces'"),
    digest=_interfaces,
)
FUNCTION_APPS = GraphCall(
    name="Microsoft.ResourceGraph/Resources(functionApps)",
    permission="Microsoft.Web/sites/read",
    query=query("type =~ 'microsoft.web/sites' and kind contains 'functionapp'", "kind"),
    items=with_location,
)
CLUSTERS = GraphCall(
    name="Microsoft.ResourceGraph/Resources(managedClusters)",
    permission="Microsoft.ContainerService/managedClusters/read",
    query=query("type =~ 'microsoft.containerservice/managedclusters'", "sku"),
    items=with_location,
    digest=_clusters,
)
_PINNED_HOST = "docker|mcr.microsoft.com/azure-functions/"
_MINOR = re.compile(r"[a-z-]+\|[0-9]+(?:\.[0-9]+)?(?:-lts)?")
"""A language with at most a minor version: ``python|3.11``, ``node|20``."""
_PATCH = re.compile(r"[a-z-]+\|[0-9]+(?:\.[0-9]+){2,}[a-z0-9._-]*|java\|8u[0-9]+")
_VERSION_CHANNELS = frozenset({"none", "patch", "stable", "rapid", "node-image"})
_NODE_CHANNELS = frozenset({"none", "unmanaged", "securitypatch", "nodeimage"})


def to_public_address(item: Row, interfaces: Interfaces) -> bool:
    """Whether a public IP address is attached to one of the machine's network interfaces.

    IPv4 or IPv6: no other Azure address is reachable from the internet, and IPv6 addresses of a virtual
    network are private too. A dynamic address counts although it is released while the machine is
    deallocated. Addresses of load balancers and NAT gateways are not the machine's own.
    https://learn.microsoft.com/azure/virtual-network/ip-services/public-ip-addresses
    """
    named = item["properties"]["networkProfile"]["networkInterfaces"]
    return any(has_public_address(interfaces.by_id[one["id"].lower()]) for one in named)


def has_public_address(interface: Row) -> bool:
    """Whether a configuration of the network interface has a ``publicIPAddress``."""
    configurations = interface["properties"]["ipConfigurations"]
    return any(bool(one["properties"].get("publicIPAddress")) for one in configurations)


def to_node_of(item: Row, clusters: Mapping[str, str]) -> str | None:
    """The name of the AKS cluster whose ``nodeResourceGroup`` the machine is in: AKS creates its nodes only
    there. Tags are ignored: anyone allowed to tag could declare any machine a node.

    https://learn.microsoft.com/azure/aks/faq
    """
    return clusters.get(resource_id(item["id"]).split("/")[4].lower())


def to_runtime_updates(item: Row) -> Observed[RuntimeUpdates]:
    """From ``LinuxFxVersion``: a language with at most a minor version, and its host, are patched
    automatically. A language with a patch version, or a Microsoft image, pins the runtime; any other image
    is the customer's. Flex Consumption supports neither images nor pinning. A language whose support has
    ended gets no patches until it is changed; of a version that is newer than the table that is unknown.

    On Windows ``WindowsFxVersion`` shows an image. Otherwise an app setting
    (``FUNCTIONS_EXTENSION_VERSION``, ``WEBSITE_NODE_DEFAULT_VERSION``) may pin the runtime; reading app
    settings exposes secrets, so the facet is unknown, as it is on a customer's Kubernetes cluster.
    https://learn.microsoft.com/azure/azure-functions/set-runtime-version
    """
    kinds = {part.strip() for part in item["kind"].lower().split(",")}
    properties = item["properties"]
    if "kubernetes" in kinds:
        return _unsupported("on a customer's Kubernetes cluster its extension determines runtime updates")
    if str(properties.get("sku") or "").lower() == "flexconsumption":
        runtime = (properties.get("functionAppConfig") or {}).get("runtime") or {}
        language, version = str(runtime.get("name") or ""), str(runtime.get("version") or "")
        return _patched(language, version)
    versions = {one["name"].lower(): one["value"] for one in properties["siteProperties"]["properties"]}
    if (versions.get("windowsfxversion") or "").strip().lower().startswith("docker|"):
        return "own_image"
    if "linux" not in kinds:
        return _unsupported("app settings may pin the runtime; they are not read because they hold secrets")
    # Null is not the empty text, which pins nothing: the version was not returned.
    linux = versions["linuxfxversion"].strip().lower()
    if linux.startswith(("docker|", "sitecontainers")):
        return "manual" if linux.startswith(_PINNED_HOST) else "own_image"
    if "container" in kinds:
        raise ValueError("linuxFxVersion")
    if _PATCH.fullmatch(linux):
        return "manual"
    if linux and not _MINOR.fullmatch(linux):
        raise ValueError("linuxFxVersion")
    language, _, version = linux.partition("|")
    return _patched(language, version)


def _patched(language: str, version: str) -> Observed[RuntimeUpdates]:
    if has_ended(language, version, datetime.now(UTC)):
        return "manual"
    if is_newer(language, version):
        return _unsupported(f"until when Azure patches {language} {version} is not known to this version")
    return "automatic"


def _unsupported(message: str) -> Unknown:
    return Unknown.because("unsupported", FUNCTION_APPS.name, None, message)


def _automatic(item: Row) -> bool:
    """Whether it is an AKS Automatic cluster, whose nodes Azure manages completely."""
    name = (item["sku"] or {}).get("name", "Base").lower()
    if name not in ("automatic", "base", "basic"):
        raise ValueError("sku")
    return bool(name == "automatic")


def _auto_provisioned(properties: Row) -> bool:
    mode = ((properties.get("nodeProvisioningProfile") or {}).get("mode") or "Manual").lower()
    if mode not in ("auto", "manual"):
        raise ValueError("nodeProvisioningProfile")
    return bool(mode == "auto")


def to_nodes(item: Row) -> tuple[Nodes, ...]:
    """``provider`` for AKS Automatic (``sku.name``) and virtual nodes (the add-on ``aciConnectorLinux``);
    ``managed`` for other node pools and node auto-provisioning: AKS creates and replaces all its nodes.
    Self-managed nodes cannot join a cluster.

    https://learn.microsoft.com/azure/aks/intro-aks-automatic
    """
    properties = item["properties"]
    if _automatic(item):
        return ("provider",)
    ways: set[Nodes] = set()
    if properties["agentPoolProfiles"] or _auto_provisioned(properties):
        ways.add("managed")
    for name, addon in (properties.get("addonProfiles") or {}).items():
        if name.lower() == "aciconnectorlinux" and addon["enabled"] is True:
            ways.add("provider")
    return tuple(sorted(ways))


def to_node_upgrades(item: Row) -> Observed[bool]:
    """Whether a channel upgrades or patches all node images: ``upgradeChannel`` is not none, or
    ``nodeOSUpgradeChannel`` is NodeImage or SecurityPatch. AKS Automatic always upgrades.

    Unmanaged does not count: it leaves patching to the node's operating system, without reboots, and not on
    Windows. No value means none for the first; the default of the second depends on the cluster's age.
    https://learn.microsoft.com/azure/aks/auto-upgrade-node-os-image
    """
    if "managed" not in to_nodes(item):
        return True
    profile = item["properties"].get("autoUpgradeProfile") or {}
    version = (profile.get("upgradeChannel") or "none").lower()
    if version not in _VERSION_CHANNELS:
        raise ValueError("upgradeChannel")
    if version != "none":
        return True
    image = profile.get("nodeOSUpgradeChannel")
    if not image:
        message = "nodeOSUpgradeChannel has no value, and its default is ambiguous"
        return Unknown.because("unsupported", CLUSTERS.name, None, message)
    if image.lower() not in _NODE_CHANNELS:
        raise ValueError("nodeOSUpgradeChannel")
    return image.lower() in ("nodeimage", "securitypatch")


def to_endpoint_open(item: Row) -> Observed[bool]:
    """Whether the cluster is not private and its ``authorizedIPRanges`` are empty or include the internet.

    The effect of ``publicNetworkAccess`` on an endpoint that these leave open is not documented.
    https://learn.microsoft.com/azure/aks/api-server-authorized-ip-ranges
    """
    access = item["properties"].get("apiServerAccessProfile") or {}
    private = access.get("enablePrivateCluster")
    if not isinstance(private, bool | None):
        raise TypeError("enablePrivateCluster")
    ranges = access.get("authorizedIPRanges") or ()
    if private or (ranges and not cover_world(ranges)):
        return False
    if (item["properties"].get("publicNetworkAccess") or "Enabled").lower() != "enabled":
        message = "publicNetworkAccess is not Enabled, but its effect on the endpoint is not documented"
        return Unknown.because("unsupported", CLUSTERS.name, None, message)
    return True


MACHINE_FACETS: Mapping[str, Facet[AzureCall]] = {
    "tags": from_list(to_tags),
    "public_address": asked(INTERFACES, to_public_address),
    "node_of": asked(CLUSTERS, to_node_of),
}
FUNCTION_FACETS: Mapping[str, Facet[AzureCall]] = {
    "tags": from_list(to_tags),
    "runtime_updates": from_list(to_runtime_updates),
}
CLUSTER_FACETS: Mapping[str, Facet[AzureCall]] = {
    "tags": from_list(to_tags),
    "nodes": from_list(to_nodes),
    "node_upgrades": from_list(to_node_upgrades),
    "endpoint_open": from_list(to_endpoint_open),
}


def virtual_machines(partition: str) -> Table[AzureCall]:
    """The table for the virtual machines of one cloud."""
    return Table(
        kind=VirtualMachine,
        list=MACHINES,
        header=lambda item: header(partition, "azure.compute.virtualmachine", item),
        facets=MACHINE_FACETS,
    )


def functions(partition: str) -> Table[AzureCall]:
    """The table for the function apps of one cloud, which include Standard logic apps."""
    return Table(
        kind=Function,
        list=FUNCTION_APPS,
        header=lambda item: header(partition, "azure.web.functionapp", item),
        facets=FUNCTION_FACETS,
    )


def container_clusters(partition: str) -> Table[AzureCall]:
    """The table for the AKS clusters of one cloud."""
    return Table(
        kind=ContainerCluster,
        list=CLUSTERS,
        header=lambda item: header(partition, "azure.containerservice.managedcluster", item),
        facets=CLUSTER_FACETS,
    )


VIRTUAL_MACHINES = virtual_machines("azure")
FUNCTIONS = functions("azure")
CONTAINER_CLUSTERS = container_clusters("azure")
