"""The sample company, read through the real SDK clients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from providers.gcp.account import IDENTIFY
from providers.gcp.client.calls import Item, Project
from providers.gcp.tables import COLLECTORS, EXTRA_CALLS
from providers.sandbox.gcp.company import Company, bucket, example_shop, project, sink
from providers.sandbox.gcp.server import GcpSandbox
from scanner.collect.provider import ConnectionRequest
from scanner.model.evidence import Unknown
from scanner.model.resources.kinds import KINDS
from tests.providers.gcp.conftest import EVERYTHING, Scan

ACCOUNT, BUCKET = ({kind: EVERYTHING[kind]} for kind in ("account", "bucket"))
HERE = ("projects/210987654321", "folders/345678901234", "organizations/123456789012")


def test_nothing_is_unknown_and_nothing_is_missing(shop: Scan) -> None:
    assert shop.unknown() == set()
    assert shop.inventory.blind_spots == ()
    assert shop.names("region") == ["europe-west1", "us-central1"]
    assert shop.names("bucket") == [
        "batch-audit-logs",
        "batch-results",
        "exports-2019",
        "ledger-archive",
        "ml-scratch",
        "press-kit",
        "product-media",
        "supplier-dropbox",
    ]


def test_the_project_is_the_account(shop: Scan) -> None:
    account = shop.one("account", "Batch production")
    assert account.scope == "batch-prod"
    assert account.id == "//cloudresourcemanager.googleapis.com/projects/210987654321"
    assert account.organisation == "123456789012"
    assert account.path == "/example.com/prod"
    assert account.tags == {"env": "prod", "owner": "data"}
    assert account.security_contacts == ("security@example.com",)
    assert account.public_access_block is False
    assert account.password_policy is None
    assert account.audit_trails == ("admin-activity",)


def test_a_region_has_the_trails_of_its_project(shop: Scan) -> None:
    region = shop.one("region", "europe-west1")
    assert (region.region, region.scope) == ("europe-west1", "batch-prod")
    assert region.audit_trails == ("admin-activity",)


@pytest.mark.parametrize(
    ("name", "read", "write", "via"),
    [
        ("exports-2019", True, False, ("IAM binding roles/storage.objectViewer to allUsers",)),
        (
            "supplier-dropbox",
            True,
            True,
            ("IAM binding roles/storage.objectCreator to allUsers", "default object ACL"),
        ),
        ("press-kit", True, False, ("IAM binding roles/storage.objectViewer to allUsers",)),
        ("ledger-archive", False, False, ()),
        ("ml-scratch", False, False, ()),
    ],
)
def test_who_can_reach_a_bucket(shop: Scan, name: str, read: bool, write: bool, via: tuple[str, ...]) -> None:
    found = shop.one("bucket", name)
    assert (found.public_read, found.public_write, found.public_via) == (read, write, via)


def test_a_compliant_and_a_bare_bucket(shop: Scan) -> None:
    good, bare = shop.one("bucket", "batch-results"), shop.one("bucket", "exports-2019")
    assert (good.encryption.key, good.versioning, good.access_logging) == ("customer", True, True)
    assert good.encryption.key_id.endswith("/cryptoKeys/storage")
    assert (good.tls_only, good.uniform_access, good.region) == (True, True, "us-central1")
    assert good.tags == {"owner": "data", "data-class": "internal", "env": "prod"}
    assert (bare.encryption.key, bare.encryption.key_id) == ("provider", None)
    assert (bare.versioning, bare.access_logging, bare.uniform_access) == (False, False, True)
    lists = shop.one("bucket", "batch-audit-logs")
    assert (lists.uniform_access, lists.public_read) == (False, False), "prevention overrides access lists"
    assert (bare.tags, bare.region, bare.id) == ({}, "us", "//storage.googleapis.com/exports-2019")


def test_every_call_is_counted_and_belongs_to_a_table(scan: Callable[..., Any], cloud: GcpSandbox) -> None:
    calls = scan().inventory.calls["gcp"]
    assert calls == dict(cloud.calls)
    tables = {call.name for table in COLLECTORS for call in table.calls(table.kind.facets())}
    assert set(calls) == tables | {IDENTIFY.name} | {
        call.name for calls in EXTRA_CALLS.values() for call in calls
    }


def test_every_kind_has_a_table_with_all_its_facets() -> None:
    assert {table.kind.kind for table in COLLECTORS} == KINDS.keys() - {"tenant"}
    for table in COLLECTORS:
        assert frozenset(table.facets) == table.kind.facets() - table.kind.derived, table.name


def test_only_wanted_facets_are_requested(scan: Callable[..., Any], cloud: GcpSandbox) -> None:
    found = scan(wanted={"bucket": frozenset({"versioning"})})
    assert set(cloud.calls) == {IDENTIFY.name, "cloudasset:ListAssets(storage.Bucket)"}
    assert found.one("bucket", "ml-scratch").collected() == {"tags", "versioning"}


def test_named_regions_exclude_the_others_but_not_multi_regions(scan: Callable[..., Any]) -> None:
    found = scan(ConnectionRequest("gcp", regions=("europe-west1",)))
    assert found.names("region") == ["europe-west1"]
    assert found.names("bucket") == ["exports-2019", "ledger-archive", "press-kit", "product-media"]


def test_a_project_number_names_the_same_project(scan: Callable[..., Any]) -> None:
    found = scan(ConnectionRequest("gcp", scopes=("210987654321",)))
    assert [target.scope for target in found.inventory.targets] == ["batch-prod"]
    assert found.unknown() == set()


def test_a_project_without_an_organisation(
    own_cloud: Callable[..., GcpSandbox], scan: Callable[..., Any]
) -> None:
    here = ("projects/333333333333",)
    alone = Company([project("batch-prod", "333333333333", "Alone", {}, ()), bucket("notes", here)])
    own_cloud(alone)
    found = scan()
    account = found.one("account", "Alone")
    assert (account.organisation, account.path, account.security_contacts) == (None, None, ())
    assert account.audit_trails == ()
    assert found.one("bucket", "notes").public_read is False
    assert found.names("region") == ["us-central1"]


def test_a_guardrail_of_the_project_blocks_what_buckets_grant(
    own_cloud: Callable[..., GcpSandbox], scan: Callable[..., Any]
) -> None:
    company = example_shop()
    company.enforced = {("210987654321", "storage.publicAccessPrevention")}
    own_cloud(company)
    found = scan(wanted=ACCOUNT | BUCKET)
    assert found.one("account", "Batch production").public_access_block is True
    dropbox = found.one("bucket", "supplier-dropbox")
    assert (dropbox.public_read, dropbox.public_write, dropbox.public_via) == (False, False, ())
    assert dropbox.tls_only is False


def test_two_projects_of_one_organisation_share_the_calls_above(
    own_cloud: Callable[..., GcpSandbox], scan: Callable[..., Any]
) -> None:
    company = example_shop()
    above = ("folders/345678901234", "organizations/123456789012")
    here = ("projects/333333333333", *above)
    company.assets += [
        project("batch-lab", "333333333333", "Batch lab", {}, above),
        bucket("lab-notes", here, public=[("roles/storage.objectViewer", "allUsers")]),
    ]
    cloud = own_cloud(company, page=50)
    found = scan(ConnectionRequest("gcp", scopes=("batch-prod", "batch-lab")))
    lab = found.one("bucket", "lab-notes")
    assert (lab.scope, lab.public_read) == ("batch-lab", True)
    assert found.one("account", "Batch lab").audit_trails == ("org-audit",)
    assert cloud.calls["cloudasset:ListAssets(logging.LogSink organization)"] == 1
    assert cloud.calls["cloudasset:ListAssets(logging.LogSink)"] == 2


def test_a_doubtful_sink_is_settled_by_a_certain_one_above(
    own_cloud: Callable[..., GcpSandbox], scan: Callable[..., Any]
) -> None:
    company = example_shop()
    company.assets = [asset for asset in company.assets if not asset["name"].endswith("/admin-activity")]
    own_cloud(company)
    company.assets.append(sink("since-june", HERE, "storage.googleapis.com/x", filter="timestamp>=x"))
    assert scan(wanted=ACCOUNT).one("account", "Batch production").audit_trails == ("org-audit",)
    company.assets = [asset for asset in company.assets if not asset["name"].endswith("/org-audit")]
    trails = scan(wanted=ACCOUNT).one("account", "Batch production").audit_trails
    assert isinstance(trails, Unknown)
    assert "since-june" in trails.causes[0].message


def test_public_members_above_the_project_count(
    own_cloud: Callable[..., GcpSandbox], scan: Callable[..., Any]
) -> None:
    company = example_shop()
    (folder,) = [a for a in company.assets if a["name"].endswith("/folders/345678901234")]
    folder["iamPolicy"]["bindings"].append({"role": "roles/viewer", "members": ["allUsers"]})
    own_cloud(company)
    found = scan(wanted=BUCKET)
    scratch = found.one("bucket", "ml-scratch")
    assert scratch.public_read is True
    assert scratch.public_via == ("IAM binding roles/viewer to allUsers on folders/345678901234",)
    assert found.one("bucket", "batch-results").public_read is False


def test_sinks_of_another_folder_do_not_count(
    own_cloud: Callable[..., GcpSandbox], scan: Callable[..., Any]
) -> None:
    company = example_shop()
    drop = ("/admin-activity", "/org-audit", "/errors")
    company.assets = [asset for asset in company.assets if not asset["name"].endswith(drop)]
    elsewhere = ("folders/99", "organizations/123456789012")
    company.assets.append(sink("other", elsewhere, "storage.googleapis.com/x", includeChildren=True))
    own_cloud(company)
    assert scan(wanted=ACCOUNT).one("account", "Batch production").audit_trails == ()


def test_items_of_different_projects_differ() -> None:
    one = Project("a-project", "1", "A", {}, (), None)
    assert Item(one) == Item(Project("a-project", "1", "A", {}, (), None))
    assert Item(one) != Item(Project("b-project", "2", "B", {}, (), None))
