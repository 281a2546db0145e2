"""What code and data run on: machines, databases, functions, clusters; and who operates them now."""

from __future__ import annotations

from typing import ClassVar, Literal

from scanner.model.evidence import Observed
from scanner.model.resources.base import Resource

RuntimeUpdates = Literal["automatic", "on_update", "manual", "own_image"]
"""How a function's runtime gets its fixes: by itself; with the customer's next update of the function; not at
all until the customer changes it; with the image that the customer builds."""

Nodes = Literal["provider", "managed", "self_managed"]
"""Who operates a cluster's nodes: the provider in full (Fargate, EKS Auto Mode, Autopilot, AKS Automatic,
virtual nodes); the customer through a group or pool that the provider builds and replaces; the customer
alone."""


class VirtualMachine(Resource):
    """An EC2 instance, an Azure virtual machine, a Compute Engine instance; none that is terminated."""

    kind: ClassVar[str] = "virtual_machine"

    public_address: Observed[bool]
    """It has an address of its own that the internet can reach: a public IPv4, or any global IPv6."""
    node_of: Observed[str | None]
    """The managed container cluster that it is a node of; ``None``: of none."""


class Database(Resource):
    """A relational database server: an RDS instance or Aurora cluster, an Azure SQL server or flexible server
    or SQL virtual machine, a Cloud SQL instance."""

    kind: ClassVar[str] = "database"

    open_to_world: Observed[bool]
    """It has a public address, and its own network settings let anyone on the internet connect. Firewalls of
    the network before it are resources of their own (RDS security groups)."""
    backed_up: Observed[bool]
    """Backups are made by themselves."""
    minor_upgrades: Observed[bool]
    """Minor versions of the engine are installed by themselves."""
    serverless: Observed[bool]
    """Capacity comes and goes with use: no server is chosen."""
    os_access: Observed[bool]
    """The customer can sign in to the operating system under it (RDS Custom, a database on a virtual
    machine)."""


class Function(Resource):
    """A Lambda function, an Azure function app, a Cloud Run function."""

    kind: ClassVar[str] = "function"

    runtime_updates: Observed[RuntimeUpdates]
    """How its runtime gets its fixes."""


class ContainerCluster(Resource):
    """An EKS, AKS or GKE cluster."""

    kind: ClassVar[str] = "container_cluster"

    nodes: Observed[tuple[Nodes, ...]]
    """Every way in which its nodes are operated; sorted; empty: it has none."""
    node_upgrades: Observed[bool]
    """All nodes that are not the provider's in full are upgraded by themselves; true where there are
    none."""
    endpoint_open: Observed[bool]
    """Anyone on the internet can reach its control plane's address (and would then have to sign in)."""
