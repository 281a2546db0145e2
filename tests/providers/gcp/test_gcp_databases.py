"""Cloud SQL instances."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from providers.gcp.client.calls import Item, Project
from providers.gcp.databases import (
    DATABASES,
    servers,
    to_backed_up,
    to_backups_of_primary,
    to_minor_upgrades,
    to_open,
    to_own_backups,
)
from providers.sandbox.gcp.server import GcpSandbox
from scanner.model.evidence import Unknown
from scanner.model.resources.base import HEADER
from tests.providers.gcp.test_gcp_compute import values
from tests.providers.gcp.test_gcp_recordings import round_trip

HERE = Project("batch-prod", "12", "Batch", {}, ("folders/2", "organizations/3"), "3")
PLACE = "//sqladmin.googleapis.com/projects/batch-prod/instances"
INSTANCES = "cloudasset:ListAssets(sqladmin.Instance)"
KEPT: dict[str, Any] = {"backupConfiguration": {"enabled": True}}
LOST_BACKUPS: dict[str, Any] = {"backupConfiguration": {}}
Recorded = Callable[[str], list[dict[str, Any]]]


def item(name: str = "db", settings: dict[str, Any] | None = None, **data: Any) -> Item:
    database = {"name": name, "region": "us-central1", "settings": settings or {}, **data}
    return Item(HERE, {"name": f"{PLACE}/{name}", "resource": {"data": database}})


def listed(*items: Item) -> dict[str, Any]:
    return {each.asset["name"]: each.asset for each in items}


def test_the_databases_of_the_sample_company(scan: Callable[..., Any]) -> None:
    found = scan()
    databases = {r.name: r for r in found.inventory.resources if r.kind == "database"}
    assert {name: (d.open_to_world, d.backed_up, d.minor_upgrades) for name, d in databases.items()} == {
        "orders": (False, True, True),
        "orders-replica": (False, True, True),
        "ledger": (False, True, False),
        "reports-2019": (True, False, True),
    }
    assert {(d.serverless, d.os_access) for d in databases.values()} == {(False, False)}
    ledger = databases["ledger"]
    assert (ledger.type, ledger.region) == ("gcp.sqladmin.instance", "europe-west1")
    assert ledger.tags == {"owner": "pay", "data-class": "pci", "env": "prod"}


def test_the_listing_of_primaries_is_requested_once(scan: Callable[..., Any], cloud: GcpSandbox) -> None:
    scan(wanted={"database": frozenset({"backed_up"})})
    pages = -(-5 // cloud.page)
    assert cloud.calls[INSTANCES] == pages


def test_an_incomplete_listing_leaves_the_backups_of_a_replica_unknown(
    scan: Callable[..., Any], cloud: GcpSandbox
) -> None:
    cloud.fault = lambda name: "failing" if name == INSTANCES and cloud.calls[INSTANCES] > 1 else None
    found = scan()
    assert found.names("database") == ["ledger", "orders", "orders-replica"]
    assert found.one("database", "orders").backed_up is True
    assert isinstance(found.one("database", "orders-replica").backed_up, Unknown)
    assert [spot.kind for spot in found.inventory.blind_spots] == ["database"]


def network(*ranges: str, **more: Any) -> dict[str, Any]:
    return {"ipConfiguration": {"authorizedNetworks": [{"value": each} for each in ranges], **more}}


PUBLIC = {"ipAddress": "203.0.113.7", "type": "PRIMARY"}
OUTGOING = {"ipAddress": "203.0.113.8", "type": "OUTGOING"}
PRIVATE = {"ipAddress": "10.0.0.3", "type": "PRIVATE"}


@pytest.mark.parametrize(
    ("settings", "addresses", "open_"),
    [
        (network("0.0.0.0/0", ipv4Enabled=True), [], True),
        (network("0.0.0.0/1", "128.0.0.0/1", ipv4Enabled=True), [], True),
        (network("203.0.113.0/24", ipv4Enabled=True), [], False),
        (network(ipv4Enabled=True), [PUBLIC], False),
        ({"ipConfiguration": {"ipv4Enabled": True}}, [PUBLIC], False),
        (network("0.0.0.0/0", ipv4Enabled=False), [PRIVATE], False),
        (network("0.0.0.0/0"), [PUBLIC], True),
        (network("0.0.0.0/0"), [PRIVATE, OUTGOING], False),
    ],
)
def test_who_may_connect(settings: dict[str, Any], addresses: list[dict[str, str]], open_: bool) -> None:
    assert to_open(item(settings=settings, ipAddresses=addresses)) is open_


def test_an_entry_counts_until_it_is_removed() -> None:
    entry = {"value": "0.0.0.0/0", "expirationTime": "2020-01-01T00:00:00Z"}
    assert to_open(item(settings={"ipConfiguration": {"authorizedNetworks": [entry], "ipv4Enabled": True}}))


def test_missing_settings_are_an_error() -> None:
    with pytest.raises(LookupError):
        to_open(item())
    with pytest.raises(LookupError):
        to_open(item(settings=network("0.0.0.0/0")))
    with pytest.raises(ValueError, match="office"):
        to_open(item(settings=network("office", ipv4Enabled=True)))
    with pytest.raises(TypeError):
        to_open(item(settings=network("0.0.0.0/0", ipv4Enabled="no")))


@pytest.mark.parametrize(
    ("backups", "expected"),
    [
        ({"enabled": True}, True),
        ({"enabled": False}, False),
        ({"kind": "sql#backupConfiguration"}, False),
        ({"enabled": True, "backupTier": "ENHANCED"}, True),
        ({"enabled": False, "backupTier": "STANDARD"}, False),
    ],
)
def test_backups_of_an_instance(backups: dict[str, Any], expected: bool) -> None:
    own = item(settings={"backupConfiguration": backups})
    assert to_backed_up(to_own_backups(own), to_backups_of_primary(own, {})) is expected


def test_backups_by_another_service_are_unknown() -> None:
    own = to_own_backups(item(settings={"backupConfiguration": {"backupTier": "ENHANCED"}}))
    assert isinstance(own, Unknown)
    assert own.causes[0].reason == "unsupported"
    with pytest.raises(LookupError):
        to_own_backups(item())


@pytest.mark.parametrize(("settings", "expected"), [(KEPT, True), (LOST_BACKUPS, False)])
def test_a_replica_is_backed_up_as_its_primary(settings: dict[str, Any], expected: bool) -> None:
    primary = item("orders", settings)
    replica = item("copy", LOST_BACKUPS, masterInstanceName="batch-prod:orders")
    cascading = item("copy-2", LOST_BACKUPS, masterInstanceName="batch-prod:copy")
    instances = listed(primary, replica, cascading)
    for each in (replica, cascading):
        assert to_backed_up(to_own_backups(each), to_backups_of_primary(each, instances)) is expected


def test_a_replica_without_its_primary_is_not_backed_up() -> None:
    replica = item("copy", KEPT, masterInstanceName="batch-prod:orders")
    with pytest.raises(LookupError):
        to_backups_of_primary(replica, listed(replica))
    with pytest.raises(LookupError):
        mirror = item("copy", KEPT, masterInstanceName="batch-prod:copy")
        to_backups_of_primary(mirror, listed(mirror))
    outside = item("source", instanceType="ON_PREMISES_INSTANCE")
    follower = item("copy", KEPT, masterInstanceName="batch-prod:source")
    assert isinstance(to_backups_of_primary(follower, listed(outside)), Unknown)


def test_a_server_outside_cloud_sql_is_not_collected() -> None:
    assert list(servers(item(instanceType="ON_PREMISES_INSTANCE"))) == []
    for kind in ("CLOUD_SQL_INSTANCE", "READ_REPLICA_INSTANCE", "READ_POOL_INSTANCE"):
        assert len(list(servers(item(instanceType=kind)))) == 1


@pytest.mark.parametrize(
    ("version", "installed", "settings", "upgraded"),
    [
        ("POSTGRES_16", "POSTGRES_16_9", {}, True),
        ("POSTGRES_9_6", None, {}, True),
        ("SQLSERVER_2022_STANDARD", None, {}, True),
        ("MYSQL_5_7", None, {}, True),
        ("MYSQL_8_4", None, {}, True),
        ("MYSQL_8_0", "MYSQL_8_0_40", {}, True),
        ("MYSQL_8_0", "MYSQL_8_0_35.R20250304", {}, True),
        ("MYSQL_8_0", "MYSQL_8_0_34", {}, False),
        ("MYSQL_8_0", "MYSQL_8_0_40", {"autoUpgradeEnabled": False}, False),
        ("MYSQL_8_0_36", "MYSQL_8_0_36", {}, False),
        ("MYSQL_8_0_36", "MYSQL_8_0_36", {"autoUpgradeEnabled": True}, True),
        ("MYSQL_8_0_31", "MYSQL_8_0_31", {}, False),
    ],
)
def test_minor_versions(
    version: str, installed: str | None, settings: dict[str, Any], upgraded: bool
) -> None:
    data = {"databaseVersion": version, **({"databaseInstalledVersion": installed} if installed else {})}
    assert to_minor_upgrades(item(settings=settings, **data)) is upgraded


def test_an_unknown_version_is_an_error() -> None:
    for unversioned in (item(), item(databaseVersion="MYSQL_8_0")):
        with pytest.raises(LookupError):
            to_minor_upgrades(unversioned)
    for version in ("ORACLE_23", "MYSQL_8_4_5"):
        with pytest.raises(ValueError, match="unknown version"):
            to_minor_upgrades(item(databaseVersion=version))


def test_every_recorded_instance_is_understood(recorded: Recorded) -> None:
    """Some were recorded without settings or version: just the facets that need them are unknown."""
    assets = [round_trip(line["asset"]) for line in recorded("gcp-cai/sqladmin.jsonl")]
    found = {}
    assert len(assets) == 20
    for asset in assets:
        facts = values(DATABASES, Item(HERE, asset), answer={})
        data = asset["resource"]["data"]
        missing = set()
        if "settings" not in data:
            missing |= {"tags", "open_to_world", "backed_up"}
        elif "ipConfiguration" not in data["settings"]:
            missing |= {"open_to_world"}
        if "databaseVersion" not in data:
            missing |= {"minor_upgrades"}
        assert {name for name, fact in facts.items() if isinstance(fact, Unknown)} == missing
        assert set(facts["header"]) == set(HEADER)
        found[facts["header"]["name"]] = facts
    assert found["authorized-networks-0"]["open_to_world"] is True
    assert found["authorized-networks-35"]["open_to_world"] is False
    assert found["no-authorized-networks"]["open_to_world"] is False
    assert found["no-authorized-networks"]["backed_up"] is True
    assert found["cloudsql-instance-1-valid"]["tags"]["label1"] == "label1-value"
    assert found["cloudsql-instance-1-valid"]["minor_upgrades"] is True
    assert found["mysql-2nd-gen-sydney"]["header"]["region"] == "australia-southeast1"


def test_every_instance_of_recorded_answers_is_understood(recorded: Recorded) -> None:
    found = {}
    for line in recorded("gcp-rest/sql.jsonl"):
        body = line["body"]
        for data in body.get("items", [body]):
            if data.get("kind") == "sql#instance":
                name = f"//sqladmin.googleapis.com/projects/{data['project']}/instances/{data['name']}"
                about = Item(HERE, {"name": name, "resource": {"data": data}})
                found[data["name"]] = values(DATABASES, about, answer={})
    assert not [fact for facts in found.values() for fact in facts.values() if isinstance(fact, Unknown)]
    assert found["brenttest-6"]["backed_up"] is False
    assert found["brenttest-2"]["backed_up"] is True
    assert found["custodian-postgres"]["open_to_world"] is False
