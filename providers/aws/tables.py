"""The tables of AWS: what is listed where, and what AWS does not have."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from providers.aws import compute, databases, keys
from providers.aws.account import ACCOUNTS, DESCRIBE_REGIONS, REGIONS
from providers.aws.audit import AUDIT_TRAILS, Trails
from providers.aws.client.calls import AwsCall
from providers.aws.client.client import AwsCaller, AwsQuestion
from providers.aws.compute import CLUSTERS, FUNCTIONS, VIRTUAL_MACHINES
from providers.aws.databases import DATABASES
from providers.aws.identity import ACCESS_KEYS, ROLES, USERS
from providers.aws.keys import KEYS
from providers.aws.network import FIREWALLS
from providers.aws.queues import QUEUES
from providers.aws.snapshots import SNAPSHOTS
from providers.aws.storage import BUCKETS
from scanner.collect.collection import Collection, CollectionPlace
from scanner.collect.register import Register
from scanner.collect.table import Table

COMPUTE: tuple[Table[AwsQuestion], ...] = (VIRTUAL_MACHINES, DATABASES, FUNCTIONS, CLUSTERS)
REGIONAL: tuple[Table[AwsQuestion], ...] = (AUDIT_TRAILS, KEYS, FIREWALLS, QUEUES, *SNAPSHOTS, *COMPUTE)
"""The kinds that are listed in every enabled region."""
IDENTITIES: tuple[Table[AwsQuestion], ...] = (USERS, ACCESS_KEYS, ROLES)
COLLECTORS: tuple[Table[AwsQuestion], ...] = (BUCKETS, ACCOUNTS, REGIONS, *REGIONAL, *IDENTITIES)
GET_CALLER_IDENTITY = AwsCall("sts", "GetCallerIdentity", permission=None)
ASSUME_ROLE = AwsCall("sts", "AssumeRole")

Start = Callable[[AwsCaller, CollectionPlace, frozenset[str], Collection], None]
"""Starts the collection of one kind in one region where the table's list call alone does not suffice."""


def starts() -> dict[str, Start]:
    """By kind; new for each account, since the trails of all regions are listed together."""
    return {
        AUDIT_TRAILS.kind.kind: Trails().start,
        KEYS.kind.kind: keys.start,
        VIRTUAL_MACHINES.kind.kind: compute.start,
        DATABASES.kind.kind: databases.start,
    }


REGISTER = Register(
    "aws",
    sources={
        "account": ("account",),
        "region": ("region",),
        "bucket": ("s3:ListBuckets",),
        "audit_trail": ("cloudtrail:DescribeTrails",),
        "key": ("kms:ListKeys",),
        "firewall": ("ec2:DescribeSecurityGroups",),
        "virtual_machine": ("ec2:DescribeInstances",),
        "database": ("rds:DescribeDBInstances",),
        "function": ("lambda:ListFunctions",),
        "container_cluster": ("eks:ListClusters",),
        "queue": ("sqs:ListQueues",),
        "snapshot": (
            "ec2:DescribeSnapshots",
            "rds:DescribeDBSnapshots",
            "rds:DescribeDBClusterSnapshots",
            "redshift:DescribeClusterSnapshots",
        ),
        "user": ("iam:GenerateCredentialReport",),
        "access_key": ("iam:GenerateCredentialReport",),
        "role": ("iam:GetAccountAuthorizationDetails",),
    },
    not_there={"tenant": "AWS accounts have users of their own, and no directory above them"},
)
"""Of an account."""


def calls(collector: Table[AwsQuestion], wanted: frozenset[str]) -> frozenset[AwsCall]:
    """Every call that collecting these facets can make."""
    listed = {part for question in collector.calls(wanted) for part in question.parts}
    return frozenset(listed | ({DESCRIBE_REGIONS} if collector in (REGIONS, *REGIONAL) else set()))


def kinds_of_calls() -> Mapping[str, str]:
    """The kind that a call belongs to, by the call's name. Calls of several kinds or of none are missing."""
    kinds: dict[str, set[str]] = {}
    for table in COLLECTORS:
        for call in calls(table, frozenset(table.facets)):
            kinds.setdefault(call.name, set()).add(table.kind.kind)
    return {name: next(iter(users)) for name, users in kinds.items() if len(users) == 1}


def all_calls() -> frozenset[AwsCall]:
    """Every call that a scan of AWS can make; the client refuses any other."""
    known = {call for c in COLLECTORS for call in calls(c, frozenset(c.facets))}
    return frozenset(known | {GET_CALLER_IDENTITY, ASSUME_ROLE, DESCRIBE_REGIONS})
