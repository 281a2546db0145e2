"""The machines, functions, clusters and databases of the sample project."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from providers.sandbox.gcp.asset import Asset, asset

_COMPUTE = "https://www.googleapis.com/compute/v1"
_BATCH = {"owner": "data", "env": "prod"}
_WORLD = ["0.0.0.0/0"]


def assets(identifier: str, above: Sequence[str], key: str) -> list[Asset]:
    """Compliant and non-compliant ones of each, and assets that are not collected: a container service, the
    service behind a function, the entry of an external database."""
    return [
        *_machines(identifier, above),
        *_functions(identifier, above),
        *_clusters(identifier, above),
        *_databases(identifier, above),
    ]


def _machines(identifier: str, above: Sequence[str]) -> list[Asset]:
    node = {"goog-gke-node": "", "goog-k8s-cluster-name": "batch", "goog-k8s-node-pool-name": "default"}
    return [
        machine(identifier, "us-central1-a", "batch-runner", above, labels=_BATCH),
        machine(identifier, "us-central1-a", "jump-host", above, public={"natIP": "203.0.113.40"}),
        machine(
            identifier,
            "europe-west1-b",
            "importer-2021",
            above,
            labels={"owner": "ghost"},
            public={},
            status="TERMINATED",
        ),
        machine(
            identifier,
            "us-central1-b",
            "gke-batch-default-5f1c-x2kd",
            above,
            labels=node,
            group="gke-batch-default-5f1c-grp",
        ),
    ]


def _functions(identifier: str, above: Sequence[str]) -> list[Asset]:
    managed = {"goog-managed-by": "cloudfunctions"}
    standalone = {
        "run.googleapis.com/build-function-target": "notify",
        "run.googleapis.com/build-enable-automatic-updates": "true",
    }
    return [
        function(
            identifier,
            "europe-west1",
            "resize-media",
            above,
            updates={"automaticUpdatePolicy": {}},
            labels={"owner": "product", "env": "prod"},
        ),
        service(
            identifier,
            "europe-west1",
            "resize-media",
            above,
            labels=managed,
            annotations={"run.googleapis.com/build-function-target": "resize"},
        ),
        function(
            identifier,
            "us-central1",
            "nightly-export",
            above,
            updates={"onDeployUpdatePolicy": {"runtimeVersion": "python311_20250914_3_11_13_RC00"}},
            generation="GEN_1",
        ),
        service(
            identifier, "europe-west1", "pay-notify", above, labels={"owner": "pay"}, annotations=standalone
        ),
        service(identifier, "us-central1", "batch-api", above, labels=_BATCH),
    ]


def _clusters(identifier: str, above: Sequence[str]) -> list[Asset]:
    zone = f"{_COMPUTE}/projects/{identifier}/zones/us-central1-b"
    default = pool("default", group=f"{zone}/instanceGroupManagers/gke-batch-default-5f1c-grp")
    gpu = pool("gpu", upgraded=False)
    return [
        cluster(
            identifier,
            "us-central1",
            "batch",
            above,
            labels=_BATCH,
            pools=[default, gpu],
            masterAuthorizedNetworksConfig={
                "enabled": True,
                "cidrBlocks": [{"displayName": "office", "cidrBlock": "203.0.113.0/24"}],
                "gcpPublicCidrsAccessEnabled": False,
            },
        ),
        node_pool(identifier, "us-central1", "batch", default, above),
        node_pool(identifier, "us-central1", "batch", gpu, above),
        cluster(identifier, "europe-west1-b", "lab", above),
        node_pool(identifier, "europe-west1-b", "lab", pool("default-pool"), above),
        cluster(
            identifier,
            "europe-west1",
            "shop",
            above,
            labels={"owner": "product", "env": "prod"},
            pools=[pool("default-pool")],
            autopilot={"enabled": True},
            controlPlaneEndpointsConfig={
                "dnsEndpointConfig": {"endpoint": "gke-4c1f.europe-west1.gke.goog"},
                "ipEndpointsConfig": {"enabled": True, "enablePublicEndpoint": False},
            },
            privateClusterConfig={"enablePrivateEndpoint": True, "privateEndpoint": "10.132.0.9"},
        ),
    ]


def _databases(identifier: str, above: Sequence[str]) -> list[Asset]:
    kept = {"kind": "sql#backupConfiguration", "enabled": True, "startTime": "03:00"}
    return [
        database(identifier, "us-central1", "orders", "POSTGRES_16", above, labels=_BATCH, backups=kept),
        database(
            identifier,
            "us-central1",
            "orders-replica",
            "POSTGRES_16",
            above,
            labels=_BATCH,
            instanceType="READ_REPLICA_INSTANCE",
            masterInstanceName=f"{identifier}:orders",
        ),
        database(
            identifier,
            "europe-west1",
            "ledger",
            "MYSQL_8_0_31",
            above,
            labels={"owner": "pay", "data-class": "pci", "env": "prod"},
            backups=kept,
            networks=["203.0.113.0/24"],
            databaseInstalledVersion="MYSQL_8_0_31",
        ),
        database(
            identifier, "us-central1", "reports-2019", "MYSQL_5_7", above, networks=_WORLD, policy="NEVER"
        ),
        database(
            identifier,
            "us-central1",
            "warehouse-source",
            "MYSQL_5_7",
            above,
            instanceType="ON_PREMISES_INSTANCE",
            backendType="EXTERNAL",
        ),
    ]


def machine(
    identifier: str,
    zone: str,
    name: str,
    above: Sequence[str],
    *,
    labels: Mapping[str, str] | None = None,
    public: Mapping[str, str] | None = None,
    status: str = "RUNNING",
    group: str | None = None,
) -> Asset:
    """An instance with one interface; ``public`` extends its access configuration. ``group``: the managed
    instance group that created it."""
    number = above[0].removeprefix("projects/")
    creator = f"projects/{number}/zones/{zone}/instanceGroupManagers/{group}"
    path = f"projects/{identifier}/zones/{zone}/instances/{name}"
    nat = {"kind": "compute#accessConfig", "name": "External NAT", "type": "ONE_TO_ONE_NAT"}
    data = {
        "kind": "compute#instance",
        "name": name,
        "selfLink": f"{_COMPUTE}/{path}",
        "zone": f"{_COMPUTE}/projects/{identifier}/zones/{zone}",
        "machineType": f"{_COMPUTE}/projects/{identifier}/zones/{zone}/machineTypes/e2-standard-2",
        "status": status,
        "networkInterfaces": [
            {
                "kind": "compute#networkInterface",
                "name": "nic0",
                "network": f"{_COMPUTE}/projects/{identifier}/global/networks/default",
                "networkIP": "10.128.0.7",
                **({"accessConfigs": [{**nat, **public}]} if public is not None else {}),
            }
        ],
        "metadata": {
            "kind": "compute#metadata",
            "items": [{"key": "created-by", "value": creator}] if group else [],
        },
        **({"labels": dict(labels)} if labels else {}),
    }
    full = f"//compute.googleapis.com/{path}"
    return asset("compute.googleapis.com/Instance", full, data, above, location=zone)


def function(
    identifier: str,
    region: str,
    name: str,
    above: Sequence[str],
    *,
    updates: Mapping[str, Any],
    labels: Mapping[str, str] | None = None,
    generation: str = "GEN_2",
) -> Asset:
    """A function of the Cloud Functions API, in the form of its version 2."""
    path = f"projects/{identifier}/locations/{region}/functions/{name}"
    run = f"projects/{identifier}/locations/{region}/services/{name}"
    data = {
        "name": path,
        "environment": generation,
        "state": "ACTIVE",
        "updateTime": "2025-09-20T08:00:00.000Z",
        "buildConfig": {"runtime": "python311", "entryPoint": "main", **updates},
        "serviceConfig": {"service": run} if generation == "GEN_2" else {},
        **({"labels": dict(labels)} if labels else {}),
    }
    full = f"//cloudfunctions.googleapis.com/{path}"
    return asset("cloudfunctions.googleapis.com/Function", full, data, above, location=region)


def service(
    identifier: str,
    region: str,
    name: str,
    above: Sequence[str],
    *,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> Asset:
    """A Cloud Run service, in the form of the API's version 1."""
    data = {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {
            "name": name,
            "namespace": above[0].removeprefix("projects/"),
            "labels": {"cloud.googleapis.com/location": region, **(labels or {})},
            "annotations": {"run.googleapis.com/ingress": "all", **(annotations or {})},
        },
        "spec": {"template": {"spec": {"containerConcurrency": 80}}},
    }
    full = f"//run.googleapis.com/projects/{identifier}/locations/{region}/services/{name}"
    return asset("run.googleapis.com/Service", full, data, above, location=region)


def pool(name: str, *, upgraded: bool = True, group: str | None = None) -> Mapping[str, Any]:
    """A node pool; false booleans are omitted, as in assets. ``group``: its instance group."""
    return {
        "name": name,
        "status": "RUNNING",
        "initialNodeCount": 2,
        "instanceGroupUrls": [group] if group else [],
        "management": {"autoRepair": True, **({"autoUpgrade": True} if upgraded else {})},
    }


def node_pool(
    identifier: str, location: str, cluster_name: str, data: Mapping[str, Any], above: Sequence[str]
) -> Asset:
    """The asset of a node pool."""
    full = f"{_cluster(identifier, location, cluster_name)}/nodePools/{data['name']}"
    return asset("container.googleapis.com/NodePool", full, data, above, location=location)


def cluster(
    identifier: str,
    location: str,
    name: str,
    above: Sequence[str],
    *,
    labels: Mapping[str, str] | None = None,
    pools: Sequence[Mapping[str, Any]] | None = None,
    **more: Any,
) -> Asset:
    """A regional or zonal cluster."""
    data = {
        "name": name,
        "location": location,
        "status": "RUNNING",
        "endpoint": "203.0.113.80",
        "currentMasterVersion": "1.33.4-gke.1172000",
        **({"resourceLabels": dict(labels)} if labels else {}),
        **({"nodePools": list(pools)} if pools is not None else {}),
        **more,
    }
    full = _cluster(identifier, location, name)
    return asset("container.googleapis.com/Cluster", full, data, above, location=location)


def _cluster(identifier: str, location: str, name: str) -> str:
    places = "zones" if location.count("-") == 2 else "locations"
    return f"//container.googleapis.com/projects/{identifier}/{places}/{location}/clusters/{name}"


def database(
    identifier: str,
    region: str,
    name: str,
    version: str,
    above: Sequence[str],
    *,
    labels: Mapping[str, str] | None = None,
    backups: Mapping[str, Any] | None = None,
    networks: Sequence[str] | None = None,
    policy: str = "ALWAYS",
    **more: Any,
) -> Asset:
    """A Cloud SQL instance. With ``networks`` it has a public address that allows these."""
    allowed = [{"kind": "sql#aclEntry", "value": network} for network in networks or ()]
    data = {
        "kind": "sql#instance",
        "name": name,
        "project": identifier,
        "region": region,
        "instanceType": "CLOUD_SQL_INSTANCE",
        "backendType": "SECOND_GEN",
        "databaseVersion": version,
        "state": "RUNNABLE",
        "settings": {
            "kind": "sql#settings",
            "tier": "db-custom-2-7680",
            "activationPolicy": policy,
            "ipConfiguration": {"authorizedNetworks": allowed, "ipv4Enabled": networks is not None},
            "backupConfiguration": dict(backups or {"kind": "sql#backupConfiguration"}),
            **({"userLabels": dict(labels)} if labels else {}),
        },
        **more,
    }
    full = f"//sqladmin.googleapis.com/projects/{identifier}/instances/{name}"
    return asset("sqladmin.googleapis.com/Instance", full, data, above, location=region)
