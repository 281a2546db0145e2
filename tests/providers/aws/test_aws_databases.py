from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from providers.aws import databases
from providers.aws.client.listing import RegionListing
from providers.sandbox.aws.server import AwsSandbox
from scanner.collect.provider import ConnectionRequest
from scanner.model.evidence import Unknown
from scanner.model.inventory import Inventory
from scanner.model.resources.compute import Database
from tests.providers.aws.aws_scan import WHOLE, Scan, known, named

WANTED = {"database": Database.facets()}
HERE = ConnectionRequest("aws", regions=("eu-west-1",))
INSTANCES, CLUSTERS = "rds:DescribeDBInstances", "rds:DescribeDBClusters"
PLACE = {"account": "111122223333", "partition": "aws", "region": "eu-west-1"}
CUT = Unknown.because("throttled", INSTANCES, None, "later")
PLAIN = {
    "open_to_world": False,
    "backed_up": True,
    "minor_upgrades": True,
    "serverless": False,
    "os_access": False,
}
FACTS: dict[str, dict[str, object]] = {
    "ledger": {},
    "reports": {"open_to_world": True, "backed_up": False, "minor_upgrades": False},
    "erp": {"minor_upgrades": False, "os_access": True},
    "orders": {"serverless": True},
    # The cluster's own setting is on; a single member with it off is enough.
    "sessions": {"minor_upgrades": False},
}


def test_databases_are_as_the_company_created_them(whole: Inventory) -> None:
    found = named(whole, "database")
    assert {name: known(database) for name, database in found.items()} == {
        name: {**PLAIN, **facts, "tags": found[name].tags} for name, facts in FACTS.items()
    }
    assert whole.blind_spots == ()


def test_a_database_is_named_by_its_arn(whole: Inventory) -> None:
    found = named(whole, "database")
    assert (found["ledger"].id, found["ledger"].type, found["ledger"].region) == (
        "arn:aws:rds:eu-west-1:111122223333:db:ledger",
        "aws.rds.db",
        "eu-west-1",
    )
    assert (found["orders"].id, found["orders"].type, found["orders"].tags) == (
        "arn:aws:rds:eu-west-1:111122223333:cluster:orders",
        "aws.rds.cluster",
        {"owner": "product", "env": "prod"},
    )


def test_a_region_takes_two_listings(scan: Scan, sandbox: AwsSandbox) -> None:
    scan(WHOLE, wanted=WANTED)
    assert sandbox.calls[INSTANCES] == sandbox.calls[CLUSTERS] == len(sandbox.enabled)
    sandbox.calls.clear()
    found = scan(ConnectionRequest("aws", regions=("us-east-1", "af-south-1")), wanted=WANTED)
    assert sandbox.calls[INSTANCES] == 1
    assert tuple(found.resources) == ()


def test_without_clusters_the_instances_are_seen(scan: Scan, sandbox: AwsSandbox, whole: Inventory) -> None:
    sandbox.fault = lambda name: "denied" if name == CLUSTERS else None
    found = scan(HERE, wanted=WANTED)
    before = named(whole, "database")
    assert named(found, "database") == {name: before[name] for name in ("ledger", "reports", "erp")}
    (spot,) = found.blind_spots
    assert (spot.kind, spot.region, spot.cause.call) == ("database", "eu-west-1", CLUSTERS)


def test_without_instances_what_depends_on_members_is_unknown(scan: Scan, sandbox: AwsSandbox) -> None:
    sandbox.fault = lambda name: "denied" if name == INSTANCES else None
    found = scan(HERE, wanted=WANTED)
    clusters = named(found, "database")
    assert clusters.keys() == {"orders", "sessions"}
    for cluster in clusters.values():
        assert cluster.unknowns().keys() == {"open_to_world", "minor_upgrades", "serverless"}


class Lists:
    """A caller with fixed instances and clusters of a region."""

    def __init__(self, instances: Any, clusters: Any) -> None:
        self._lists = {databases.INSTANCES: instances, databases.CLUSTERS: clusters}

    def answer(self, call: Any, item: Any) -> Any:
        found = self._lists[call]
        return RegionListing(tuple(found), None) if isinstance(found, list) else found


def instance(name: str = "a", **facts: Any) -> dict[str, Any]:
    defaults = {
        "DBInstanceIdentifier": name,
        "DBInstanceArn": f"arn:aws:rds:eu-west-1:111122223333:db:{name}",
        "DBInstanceClass": "db.m6g.large",
        "Engine": "postgres",
        "PubliclyAccessible": False,
        "BackupRetentionPeriod": 7,
        "AutoMinorVersionUpgrade": True,
        "TagList": [],
    }
    return {**PLACE, **defaults, **facts}


def cluster(*members: Any, **facts: Any) -> dict[str, Any]:
    """A cluster as the mappings see it: with its members."""
    defaults = {
        "DBClusterIdentifier": "c",
        "Engine": "aurora-postgresql",
        "EngineMode": "provisioned",
        "BackupRetentionPeriod": 7,
        "AutoMinorVersionUpgrade": True,
        "TagList": [],
    }
    return {**PLACE, **defaults, "members": members, **facts}


def seen(instances: Any, clusters: Any) -> RegionListing:
    return databases.databases(Lists(instances, clusters), PLACE)  # type: ignore[arg-type]


def test_members_are_not_listed_in_addition_to_their_cluster() -> None:
    first, second = instance("c-1", DBClusterIdentifier="c"), instance("c-2", DBClusterIdentifier="c")
    alone, other = instance("a"), instance("d-1", DBClusterIdentifier="d")
    whole = {**PLACE, "DBClusterIdentifier": "c", "DBClusterMembers": [{"DBInstanceIdentifier": "c-1"}]}
    found = seen([first, alone, other, second], [whole])
    assert found.missing is None
    # The cluster of the other one is not listed: it counts as standalone.
    assert [item.get("DBInstanceIdentifier") for item in found.items] == ["a", "d-1", None]
    assert found.items[2]["members"] == (first, second)


def test_members_of_clusters_that_could_not_be_listed_are_not_standalone() -> None:
    found = seen([instance("d-1", DBClusterIdentifier="d")], RegionListing((), CUT))
    assert (found.items, found.missing) == ((), CUT)


@pytest.mark.parametrize(
    ("instances", "reason"), [(CUT, "throttled"), (RegionListing((), CUT), "throttled"), ([], "error")]
)
def test_a_member_that_was_not_listed_is_unknown(instances: Any, reason: str) -> None:
    whole = {**PLACE, "DBClusterIdentifier": "c", "DBClusterMembers": [{"DBInstanceIdentifier": "c-1"}]}
    (item,) = seen(instances, [whole]).items
    (member,) = item["members"]
    assert isinstance(member, Unknown)
    assert member.causes[0].reason == reason


def test_missing_members_are_unknown() -> None:
    (item,) = seen([], [{**PLACE, "DBClusterIdentifier": "c"}]).items
    assert [type(member) for member in item["members"]] == [Unknown]


@pytest.mark.parametrize("engine", ["docdb", "neptune"])
def test_databases_that_are_not_relational_are_skipped(engine: str) -> None:
    assert databases.relational(instance(Engine=engine)) is None
    assert databases.relational(instance(Engine="aurora-mysql")) is not None


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (instance(), False),
        (instance(PubliclyAccessible=True), True),
        (cluster(), False),
        (cluster(instance(), instance(PubliclyAccessible=True)), True),
        (cluster(instance(), PubliclyAccessible=True), True),
        (cluster(instance(), InternetAccessGatewayEnabled=True), True),
        (cluster(instance(), CUT), CUT),
        (cluster(instance(PubliclyAccessible=True), CUT), True),
    ],
)
def test_open_to_the_internet(item: Any, expected: Any) -> None:
    assert databases.to_open(item) == expected


def test_whether_a_limitless_cluster_is_open_is_unknown() -> None:
    limitless = cluster(ClusterScalabilityType="limitless")
    assert isinstance(databases.to_open(limitless), Unknown)
    assert databases.to_serverless(limitless) is True


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (instance(), True),
        (instance(AutoMinorVersionUpgrade=False), False),
        (cluster(instance()), True),
        (cluster(instance(), AutoMinorVersionUpgrade=False), False),
        (cluster(instance(), instance(AutoMinorVersionUpgrade=False)), False),
        (cluster(instance(AutoMinorVersionUpgrade=False), CUT), False),
        (cluster(instance(), CUT), CUT),
        (cluster(), True),
        (cluster(instance(), GlobalClusterIdentifier="world"), False),
        (
            cluster(
                instance(),
                Engine="aurora-mysql",
                ReadReplicaIdentifiers=["arn:aws:rds:us-east-1:111122223333:cluster:copy"],
            ),
            False,
        ),
        (
            cluster(
                instance(),
                Engine="aurora-mysql",
                ReplicationSourceIdentifier="arn:aws:rds:eu-west-1:111122223333:db:near",
            ),
            True,
        ),
    ],
)
def test_automatic_minor_version_upgrades(item: Any, expected: Any) -> None:
    assert databases.to_minor_upgrades(item) == expected


def test_for_a_cluster_without_the_setting_the_members_count() -> None:
    older = cluster(instance())
    del older["AutoMinorVersionUpgrade"]
    assert databases.to_minor_upgrades(older) is True
    assert databases.to_minor_upgrades({**older, "members": ()}) is True


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (instance(), False),
        (instance(DBInstanceClass="db.serverless"), True),
        (cluster(instance(DBInstanceClass="db.serverless")), True),
        (cluster(instance(DBInstanceClass="db.serverless"), instance()), False),
        (cluster(EngineMode="serverless"), True),
        (cluster(), False),
        (cluster(CUT), CUT),
        (cluster(instance(), CUT), False),
    ],
)
def test_serverless(item: Any, expected: Any) -> None:
    assert databases.to_serverless(item) == expected


@pytest.mark.parametrize(
    ("engine", "expected"),
    [("custom-oracle-ee", True), ("custom-sqlserver-ev", True), ("oracle-ee", False), ("postgres", False)],
)
def test_only_rds_custom_gives_os_access(engine: str, expected: bool) -> None:
    assert databases.to_os_access(instance(Engine=engine)) is expected


@pytest.mark.parametrize(("days", "expected"), [(0, False), (1, True), (35, True)])
def test_zero_days_of_retention_mean_no_backups(days: int, expected: bool) -> None:
    assert databases.to_backed_up(instance(BackupRetentionPeriod=days)) is expected


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("PubliclyAccessible", databases.to_open),
        ("BackupRetentionPeriod", databases.to_backed_up),
        ("AutoMinorVersionUpgrade", databases.to_minor_upgrades),
        ("DBInstanceClass", databases.to_serverless),
        ("Engine", databases.to_os_access),
        ("TagList", databases.to_tags),
    ],
)
def test_a_missing_field_is_an_error(name: str, read: Any) -> None:
    item = instance()
    del item[name]
    with pytest.raises(KeyError):
        read(item)


def recorded(recordings: Path, operation: str) -> list[dict[str, Any]]:
    lines = (recordings / "rds.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [row["response"] for row in rows if row["operation"] == operation and row["status"] < 300]


MAPPINGS = {
    "TagList": databases.to_tags,
    "BackupRetentionPeriod": databases.to_backed_up,
    "Engine": databases.to_os_access,
    "PubliclyAccessible": databases.to_open,
    "AutoMinorVersionUpgrade": databases.to_minor_upgrades,
    "DBInstanceClass": databases.to_serverless,
}


def test_recorded_instances_are_understood(recordings: Path) -> None:
    entries = [e for answer in recorded(recordings, "DescribeDBInstances") for e in answer["DBInstances"]]
    facts: dict[str, list[Any]] = {name: [] for name in MAPPINGS}
    for entry in entries:
        item = {**PLACE, **entry}
        for name, mapping in MAPPINGS.items():
            if name in entry:
                facts[name].append(mapping(item))
        if "DBInstanceArn" in entry:
            header = databases.header(item)
            assert header.keys() == set(Database.model_fields) - Database.facets()
    assert facts["PubliclyAccessible"].count(True) == 20
    assert facts["BackupRetentionPeriod"].count(False) == 9
    assert not any(facts["DBInstanceClass"])
    assert not any(facts["Engine"])


def test_recorded_clusters_are_understood(recordings: Path) -> None:
    entries = [e for answer in recorded(recordings, "DescribeDBClusters") for e in answer["DBClusters"]]
    listed = seen([], [{**PLACE, **entry} for entry in entries])
    assert listed.missing is None
    assert len(listed.items) == len(entries) == 22
    serverless: list[Any] = []
    for item in listed.items:
        if "BackupRetentionPeriod" in item:
            assert databases.to_backed_up(item) is True
        assert databases.to_os_access(item) is False
        databases.to_open(item)
        serverless.append(databases.to_serverless(item))
        if "DBClusterArn" in item:
            header = databases.header(item)
            assert header.keys() == set(Database.model_fields) - Database.facets()
    assert serverless.count(True) == 2
    assert sum(isinstance(each, Unknown) for each in serverless) > 0
