"""Compute: machines, databases, functions, clusters; and who currently operates them."""

from __future__ import annotations

from typing import ClassVar, Literal

from scanner.model.evidence import Observed
from scanner.model.resources.base import Resource

RuntimeUpdates = Literal["automatic", "on_update", "manual", "own_image"]
"""How a function's runtime is patched: automatically; with the customer's next update of the function; only
when the customer changes it; with the image that the customer builds."""

Nodes = Literal["provider", "managed", "self_managed"]
"""Who operates a cluster's nodes: the provider entirely (Fargate, EKS Auto Mode, Autopilot, AKS Automatic,
virtual nodes); the customer, through a group or pool that the provider builds and replaces; the customer
alone."""


class VirtualMachine(Resource):
    """An EC2 instance, an Azure virtual machine or a Compute Engine instance, unless terminated."""

    kind: ClassVar[str] = "virtual_machine"

    public_address: Observed[bool]
    """It has its own address that is reachable from the internet: a public IPv4, or any global IPv6."""
    node_of: Observed[str | None]
    """The managed container cluster that it is a node of; ``None`` if it is not a node."""


class Database(Resource):
    """A relational database server: an RDS instance or Aurora cluster, an Azure SQL server or flexible server
    or SQL virtual machine, a Cloud SQL instance."""

    kind: ClassVar[str] = "database"

    open_to_world: Observed[bool]
    """It has a public address, and its own network settings allow connections from anyone on the internet.
    Network firewalls in front of it are separate resources (RDS security groups)."""
    backed_up: Observed[bool]
    """Automatic backups are enabled."""
    minor_upgrades: Observed[bool]
    """Automatic minor version upgrades of the engine are enabled."""
    serverless: Observed[bool]
    """Capacity scales with use: no server size is chosen."""
    os_access: Observed[bool]
    """The customer can sign in to its operating system (RDS Custom, a database on a virtual machine)."""


class Function(Resource):
    """A Lambda function, an Azure function app or a Cloud Run function."""

    kind: ClassVar[str] = "function"

    runtime_updates: Observed[RuntimeUpdates]
    """How its runtime is patched at the time of the scan: one whose support has ended is not, whatever the
    setting."""


class ContainerCluster(Resource):
    """An EKS, AKS or GKE cluster."""

    kind: ClassVar[str] = "container_cluster"

    nodes: Observed[tuple[Nodes, ...]]
    """Every way in which its nodes are operated, sorted; empty if it has no nodes."""
    node_upgrades: Observed[bool]
    """Automatic upgrades are enabled for all nodes that the provider does not operate entirely; true if there
    are none."""
    endpoint_open: Observed[bool]
    """Its control plane endpoint is reachable from the whole internet (authentication still applies)."""
