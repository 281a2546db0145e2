"""RDS: instances and clusters (Aurora, Multi-AZ); a cluster with its instances is one database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from providers.aws.client.calls import AwsCall
from providers.aws.client.client import AwsChain, AwsQuestion
from providers.aws.client.listing import RegionListing, listing, run
from providers.aws.table import flag, header_of
from scanner.collect.collection import Collection, CollectionPlace
from scanner.collect.table import Item, Table, from_list
from scanner.model.evidence import Observed, Unknown, all_of, any_of, join, lift
from scanner.model.resources.compute import Database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from providers.aws.client.client import AwsCaller

DESCRIBE_DB_INSTANCES = AwsCall(
    "rds",
    "DescribeDBInstances",
    pages="DBInstances",
    regional=True,
    root="DescribeDBInstancesResponse",
)
DESCRIBE_DB_CLUSTERS = AwsCall(
    "rds",
    "DescribeDBClusters",
    pages="DBClusters",
    regional=True,
    root="DescribeDBClustersResponse",
)

NOT_RELATIONAL = ("docdb", "neptune")
"""Other engines that RDS lists as well (API reference of Neptune, DescribeDBInstances)."""
CUSTOM = "custom-"
"""Prefix of the engines of RDS Custom (API reference, CreateDBInstance)."""
SERVERLESS = "db.serverless"
"""The class of the instances of Aurora Serverless v2."""


def relational(item: Item) -> Item | None:
    """The entry, if its ``Engine`` is a relational database; else ``None``."""
    return None if item["Engine"] in NOT_RELATIONAL else item


INSTANCES = listing(DESCRIBE_DB_INSTANCES, relational)
CLUSTERS = listing(DESCRIBE_DB_CLUSTERS, relational)


def databases(caller: AwsCaller, item: Item) -> RegionListing:
    """The databases of a region: standalone instances, and clusters with their ``members``.

    Takes two listings per region.
    """
    answers = [caller.answer(question, item) for question in (INSTANCES, CLUSTERS)]
    instances, clusters = (RegionListing((), each) if isinstance(each, Unknown) else each for each in answers)
    # An instance whose cluster is missing from a complete list counts as standalone; else it would be lost.
    named = {each["DBClusterIdentifier"] for each in clusters.items}
    alone = [each for each in instances.items if not _in_cluster(each, named, clusters)]
    whole = [{**each, "members": tuple(_members(each, instances))} for each in clusters.items]
    missing = [each.missing for each in (instances, clusters) if each.missing is not None]
    return RegionListing((*alone, *whole), join(missing) if missing else None)


def _in_cluster(instance: Item, named: set[str], clusters: RegionListing) -> bool:
    cluster = instance.get("DBClusterIdentifier")
    return cluster is not None and (cluster in named or clusters.missing is not None)


def _members(cluster: Item, instances: RegionListing) -> Iterator[Observed[Item]]:
    """The instances that name the cluster, and those that it names; Unknown for each that was not listed."""
    name = cluster["DBClusterIdentifier"]
    seen = {
        each["DBInstanceIdentifier"]: each
        for each in instances.items
        if each.get("DBClusterIdentifier") == name
    }
    yield from seen.values()
    if "DBClusterMembers" not in cluster:
        yield _unlisted("the response does not list the members of the cluster")
    for member in cluster.get("DBClusterMembers", ()):
        if (other := member["DBInstanceIdentifier"]) not in seen:
            absent = _unlisted(f"the cluster member {other} was not listed")
            yield absent if instances.missing is None else instances.missing


def _unlisted(message: str) -> Unknown:
    return Unknown.because("error", DESCRIBE_DB_CLUSTERS.name, None, message)


LISTED = AwsChain((DESCRIBE_DB_INSTANCES, DESCRIBE_DB_CLUSTERS), databases, regional=True)


def start(caller: AwsCaller, place: CollectionPlace, wanted: frozenset[str], collection: Collection) -> None:
    """Starts the collection of the databases of one region."""
    run(DATABASES, LISTED, caller, place, wanted, collection)


SOURCES = (
    "ReadReplicaSourceDBInstanceIdentifier",
    "ReadReplicaSourceDBClusterIdentifier",
    "ReplicationSourceIdentifier",
)
"""Of a read replica: the database that it copies (API reference, DBInstance and DBCluster)."""


def header(item: Item) -> Mapping[str, Any]:
    """``DBInstanceArn`` or ``DBClusterArn``, and the identifier.

    A read replica has a type of its own: it needs no backups (RDS user guide, "Working with DB instance read
    replicas").
    """
    kind, type_ = ("DBCluster", "aws.rds.cluster") if _is_cluster(item) else ("DBInstance", "aws.rds.db")
    replica = any(map(item.get, SOURCES))
    return header_of(
        item, item[f"{kind}Arn"], item[f"{kind}Identifier"], f"{type_}-replica" if replica else type_
    )


def _is_cluster(item: Item) -> bool:
    return "members" in item


def to_tags(item: Item) -> Mapping[str, str]:
    """``TagList``, which is present even without tags."""
    return {tag["Key"]: tag["Value"] for tag in item["TagList"]}


def to_open(item: Item) -> Observed[bool]:
    """``PubliclyAccessible``; of a cluster, that of any member.

    A Multi-AZ cluster has the setting itself, and an Aurora cluster may have an internet access gateway
    instead of a network (``InternetAccessGatewayEnabled``); responses about others lack both. For a limitless
    cluster it is a setting of the shard group, which is not read.
    """
    if not _is_cluster(item):
        return flag(item["PubliclyAccessible"])
    own = (flag(item.get(name, False)) for name in ("PubliclyAccessible", "InternetAccessGatewayEnabled"))
    of_members = (lift(lambda member: flag(member["PubliclyAccessible"]), each) for each in item["members"])
    shards: Observed[bool] = False
    if _is_limitless(item):
        message = "the shard group of a limitless cluster is not read"
        shards = Unknown.because("error", DESCRIBE_DB_CLUSTERS.name, None, message)
    return any_of(*own, *of_members, shards)


def to_backed_up(item: Item) -> bool:
    """``BackupRetentionPeriod`` in days: 0 disables automatic backups. Aurora always has at least one day."""
    return int(item["BackupRetentionPeriod"]) > 0


def to_minor_upgrades(item: Item) -> Observed[bool]:
    """``AutoMinorVersionUpgrade``; of a cluster, its own and that of every member.

    Aurora upgrades neither clusters of a global database nor, with MySQL, those with a cross-region replica,
    whatever the settings (AWS Config, rds-automatic-minor-version-upgrade-enabled). Where a cluster does not
    have the setting, only the members' settings count: without members there is nothing to upgrade.
    """
    if not _is_cluster(item):
        return flag(item["AutoMinorVersionUpgrade"])
    if item.get("GlobalClusterIdentifier") or (item["Engine"] == "aurora-mysql" and _is_cross_region(item)):
        return False
    members = item["members"]
    of_members = [lift(lambda member: flag(member["AutoMinorVersionUpgrade"]), each) for each in members]
    own = flag(item["AutoMinorVersionUpgrade"]) if "AutoMinorVersionUpgrade" in item else True
    return all_of(own, *of_members)


def _is_cross_region(item: Item) -> bool:
    """Whether it is the source or target of cross-region replication: it names an ARN of another region."""
    others = [*item.get("ReadReplicaIdentifiers", ()), item.get("ReplicationSourceIdentifier", "")]
    return any(other.startswith("arn:") and other.split(":")[3] != item["region"] for other in others)


def to_serverless(item: Item) -> Observed[bool]:
    """``DBInstanceClass`` of an instance, or of every member of a cluster.

    Serverless v1 (``EngineMode``) and limitless clusters (``ClusterScalabilityType``) have no members; any
    other cluster without members has no capacity and is not serverless.
    """
    if not _is_cluster(item):
        return _is_serverless(item)
    if item.get("EngineMode") == "serverless" or _is_limitless(item):
        return True
    return all_of(bool(item["members"]), *(lift(_is_serverless, each) for each in item["members"]))


def _is_serverless(instance: Item) -> bool:
    return bool(instance["DBInstanceClass"] == SERVERLESS)


def _is_limitless(item: Item) -> bool:
    return bool(item.get("ClusterScalabilityType") == "limitless")


def to_os_access(item: Item) -> bool:
    """``Engine``: only RDS Custom gives the customer access to the operating system."""
    return bool(item["Engine"].startswith(CUSTOM))


DATABASES: Table[AwsQuestion] = Table(
    kind=Database,
    list=LISTED,
    header=header,
    facets={
        "tags": from_list(to_tags),
        "open_to_world": from_list(to_open),
        "backed_up": from_list(to_backed_up),
        "minor_upgrades": from_list(to_minor_upgrades),
        "serverless": from_list(to_serverless),
        "os_access": from_list(to_os_access),
    },
)
