"""The sample account's machines, databases, functions and clusters."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Client = Callable[[str, str], Any]
ANYONE = ("0.0.0.0/0",)
IMAGE = "ami-12c6146b"
ROLE = "payments-api"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
LEGACY = "us-east-1"
"""The region of the legacy resources."""


@dataclass(frozen=True)
class SampleMachine:
    """One EC2 instance."""

    name: str
    tags: Mapping[str, str]
    public: bool = False
    cluster: str | None = None
    """The EKS cluster that it is a node of."""
    state: str = "running"


@dataclass(frozen=True)
class SampleDatabase:
    """One RDS instance, or an Aurora cluster with its members."""

    name: str
    engine: str
    tags: Mapping[str, str]
    size: str = "db.m6g.large"
    public: bool = False
    days: int = 14
    """Retention of backups in days."""
    upgrades: bool = True
    members: tuple[str, ...] = ()
    custom: bool = False
    """It is RDS Custom."""


@dataclass(frozen=True)
class SampleFunction:
    """One Lambda function; without a runtime it is a container image."""

    name: str
    tags: Mapping[str, str]
    runtime: str | None = "python3.13"
    updates: str = "Auto"
    region: str | None = None


@dataclass(frozen=True)
class SampleCluster:
    """One EKS cluster."""

    name: str
    tags: Mapping[str, str]
    groups: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    auto: bool = False
    """EKS Auto Mode."""
    sources: Sequence[str] = field(default=())
    """The ranges that can reach the control plane's public endpoint; empty: there is no such endpoint."""


MACHINES = (
    SampleMachine("bastion", {"env": "prod"}, public=True),
    SampleMachine("ledger-worker", {"owner": "payments", "data-class": "pci", "env": "prod"}),
    SampleMachine(
        "payments-node",
        {"owner": "payments", "eks:cluster-name": "payments", "eks:nodegroup-name": "general"},
        cluster="payments",
    ),
    SampleMachine(
        "batch-node", {"env": "prod", "kubernetes.io/cluster/batch-old": "owned"}, cluster="batch-old"
    ),
    SampleMachine("import-2019", {"owner": "ghost"}, state="terminated"),
)
DATABASES = (
    SampleDatabase("ledger", "postgres", {"owner": "payments", "data-class": "pci", "env": "prod"}),
    SampleDatabase("reports", "mysql", {"env": "prod"}, public=True, days=0, upgrades=False),
    SampleDatabase("erp", "oracle-ee", {"owner": "platform", "env": "prod"}, upgrades=False, custom=True),
    SampleDatabase(
        "orders",
        "aurora-postgresql",
        {"owner": "product", "env": "prod"},
        size="db.serverless",
        members=("orders-1",),
    ),
    SampleDatabase(
        "sessions",
        "aurora-mysql",
        {"owner": "ghost", "env": "prod"},
        days=1,
        upgrades=False,
        members=("sessions-1", "sessions-2"),
    ),
)
FUNCTIONS = (
    SampleFunction("charge-card", {"owner": "payments", "env": "prod"}),
    SampleFunction("resize-images", {"owner": "product"}, "nodejs22.x", "FunctionUpdate"),
    SampleFunction("legacy-export", {"env": "prod"}, "python3.12", "Manual"),
    SampleFunction("fraud-score", {"owner": "payments"}, None),
    SampleFunction("nightly-2019", {"owner": "ghost"}, "python3.8", region=LEGACY),
)
CLUSTERS = (
    SampleCluster("shop", {"owner": "product", "env": "prod"}, auto=True, sources=("198.51.100.0/24",)),
    SampleCluster("payments", {"owner": "payments", "env": "prod"}, ("general",), ("jobs",)),
    SampleCluster("batch-old", {"env": "prod"}, sources=ANYONE),
)


def seed(client: Client, account: str, main: str) -> None:
    """Creates all of them."""
    ec2 = client("ec2", main)
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    groups = ec2.describe_security_groups(GroupNames=["ledger-db"])["SecurityGroups"]
    for machine in MACHINES:
        _machine(ec2, account, main, machine, subnet, groups[0]["GroupId"])
    for database in DATABASES:
        _database(client("rds", main), account, main, database)
    # The simulated Lambda checks that the role exists in the simulated IAM.
    client("iam", main).create_role(RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(TRUST))
    for function in FUNCTIONS:
        _function(client("lambda", function.region or main), account, function)
    for cluster in CLUSTERS:
        _cluster(client("eks", main), account, main, cluster, subnet)


def runtime_management(account: str, region: str, path: str) -> bytes:
    """The response to GetRuntimeManagementConfig, which moto lacks; ``path`` names the function."""
    name = path.split("/")[-2]
    (function,) = (each for each in FUNCTIONS if each.name == name)
    arn = f"arn:aws:lambda:{region}:{account}:function:{name}"
    config = {"UpdateRuntimeOn": function.updates, "FunctionArn": arn}
    if function.updates == "Manual":
        config["RuntimeVersionArn"] = f"arn:aws:lambda:{region}::runtime:{'0' * 64}"
    return json.dumps(config).encode()


def _tags(tags: Mapping[str, str]) -> list[Mapping[str, str]]:
    return [{"Key": name, "Value": value} for name, value in tags.items()]


def _machine(ec2: Any, account: str, region: str, machine: SampleMachine, subnet: str, group: str) -> None:
    from moto.ec2.models import ec2_backends

    interface = {
        "DeviceIndex": 0,
        "SubnetId": subnet,
        "Groups": [group],
        "AssociatePublicIpAddress": machine.public,
    }
    made = ec2.run_instances(
        ImageId=IMAGE,
        InstanceType="m6g.large",
        MinCount=1,
        MaxCount=1,
        NetworkInterfaces=[interface],
        TagSpecifications=[
            {"ResourceType": "instance", "Tags": _tags({"Name": machine.name, **machine.tags})}
        ],
    )["Instances"][0]["InstanceId"]
    if machine.cluster is not None:
        # Only AWS itself can write tags with this prefix.
        ec2_backends[account][region].tags[made]["aws:eks:cluster-name"] = machine.cluster
    if machine.state == "terminated":
        ec2.terminate_instances(InstanceIds=[made])


def _database(rds: Any, account: str, region: str, database: SampleDatabase) -> None:
    instance = {
        "Engine": database.engine,
        "DBInstanceClass": database.size,
        "PubliclyAccessible": database.public,
        "AutoMinorVersionUpgrade": database.upgrades,
        "Tags": _tags(database.tags),
    }
    credentials = {"MasterUsername": "dba", "MasterUserPassword": "correct-horse-battery"}
    if not database.members:
        rds.create_db_instance(
            DBInstanceIdentifier=database.name,
            AllocatedStorage=100,
            BackupRetentionPeriod=database.days,
            **instance,
            **credentials,
        )
        if database.custom:
            _customise(account, region, database)
        return
    rds.create_db_cluster(
        DBClusterIdentifier=database.name,
        Engine=database.engine,
        BackupRetentionPeriod=database.days,
        AutoMinorVersionUpgrade=True,
        Tags=_tags(database.tags),
        **credentials,
    )
    for member in database.members:
        rds.create_db_instance(DBInstanceIdentifier=member, DBClusterIdentifier=database.name, **instance)


def _customise(account: str, region: str, database: SampleDatabase) -> None:
    """Sets the engine directly: moto cannot create a database of RDS Custom."""
    from moto.rds.models import rds_backends

    rds_backends[account][region].databases[database.name].engine = f"custom-{database.engine}"


def _function(client: Any, account: str, function: SampleFunction) -> None:
    code: Mapping[str, Any] = {"Code": {"ImageUri": "example.com/image:1"}, "PackageType": "Image"}
    if function.runtime is not None:
        code = {"Code": {"ZipFile": b"PK"}, "Handler": "main.run", "Runtime": function.runtime}
    client.create_function(
        FunctionName=function.name,
        Role=f"arn:aws:iam::{account}:role/{ROLE}",
        Environment={"Variables": {"TABLE": function.name}},
        Tags=dict(function.tags),
        **code,
    )


def _cluster(eks: Any, account: str, region: str, cluster: SampleCluster, subnet: str) -> None:
    role = f"arn:aws:iam::{account}:role/{cluster.name}"
    eks.create_cluster(
        name=cluster.name,
        roleArn=role,
        resourcesVpcConfig={
            "subnetIds": [subnet],
            "endpointPublicAccess": bool(cluster.sources),
            "endpointPrivateAccess": True,
            "publicAccessCidrs": list(cluster.sources),
        },
        tags=dict(cluster.tags),
    )
    for group in cluster.groups:
        eks.create_nodegroup(clusterName=cluster.name, nodegroupName=group, nodeRole=role, subnets=[subnet])
    for profile in cluster.profiles:
        eks.create_fargate_profile(
            clusterName=cluster.name,
            fargateProfileName=profile,
            podExecutionRoleArn=role,
            selectors=[{"namespace": profile}],
        )
    _operate(account, region, cluster)


def _operate(account: str, region: str, cluster: SampleCluster) -> None:
    """Sets EKS Auto Mode directly: moto does not support it."""
    from moto.eks.models import eks_backends

    made: Any = eks_backends[account][region].clusters[cluster.name]
    made.compute_config = {"enabled": cluster.auto}
