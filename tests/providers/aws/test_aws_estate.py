from __future__ import annotations

import pytest

from providers.sandbox.aws.server import AwsSandbox
from scanner.collect.provider import ConnectionRequest
from scanner.model.inventory import Inventory
from scanner.model.resources.storage import Bucket, Encryption
from tests.providers.aws.aws_scan import EVERYTHING, WHOLE, Scan, named

KEY = "arn:aws:kms:eu-west-1:111122223333:key/7d0f3f9a-1f3c-4c55-9b0a-9c1f7a2f4e11"
OFF = {
    "public_read": False,
    "public_write": False,
    "public_via": (),
    "encryption": Encryption(key="provider", key_id=None),
    "versioning": False,
    "access_logging": False,
    "tls_only": False,
    "uniform_access": True,
}
SMALL = {"bucket": frozenset({"versioning"}), "account": frozenset({"path", "audit_trails"})}
ESTATE: dict[str, dict[str, object]] = {
    "audit-logs": {"versioning": True, "tls_only": True},
    "pay-receipts": {
        "encryption": Encryption(key="customer", key_id=KEY),
        "versioning": True,
        "access_logging": True,
        "tls_only": True,
    },
    "payroll-export": {"public_read": True, "public_via": ("bucket policy",)},
    "www-old": {"public_read": True, "public_via": ("ACL",), "uniform_access": False},
    "tmp-uploads": {"public_write": True, "public_via": ("bucket policy",)},
    "app-artifacts": {"versioning": True, "uniform_access": False},
    "invoices-2024": {"encryption": Encryption(key="customer", key_id=KEY), "access_logging": True},
}


@pytest.fixture(scope="module")
def kept() -> dict[str, Inventory]:
    return {}


@pytest.fixture
def whole(kept: dict[str, Inventory], scan: Scan) -> Inventory:
    """One scan of everything, shared by the read-only tests."""
    if not kept:
        kept["whole"] = scan(WHOLE)
    return kept["whole"]


def test_buckets_are_as_the_company_created_them(whole: Inventory) -> None:
    buckets = named(whole, "bucket")
    assert buckets.keys() == ESTATE.keys()
    for name, facts in ESTATE.items():
        bucket = buckets[name]
        assert bucket.unknowns() == {}
        assert {facet: getattr(bucket, facet) for facet in OFF} == {**OFF, **facts}, name


def test_a_bucket_is_identified_by_its_arn_and_in_its_own_region(whole: Inventory) -> None:
    bucket = named(whole, "bucket")["www-old"]
    assert (bucket.id, bucket.region, bucket.scope, bucket.type, bucket.service) == (
        "arn:aws:s3:::www-old",
        "us-east-1",
        "111122223333",
        "aws.s3.bucket",
        "s3",
    )


def test_tags_are_read(whole: Inventory) -> None:
    buckets = named(whole, "bucket")
    assert buckets["pay-receipts"].tags == {"owner": "payments", "data-class": "pci", "env": "prod"}
    assert buckets["payroll-export"].tags == {"env": "prod"}


def test_the_account_has_its_path_in_the_organisation(whole: Inventory) -> None:
    (account,) = named(whole, "account").values()
    assert account.unknowns() == {}
    assert account.name == "payments-prod"
    assert account.region is None
    assert account.tags == {"env": "prod"}
    assert account.organisation.startswith("o-")  # type: ignore[attr-defined]
    assert account.path == "/Root/Workloads/Prod"  # type: ignore[attr-defined]
    assert account.security_contacts == ()  # type: ignore[attr-defined]
    assert account.public_access_block is False  # type: ignore[attr-defined]
    assert account.audit_trails == ()  # type: ignore[attr-defined]


def test_a_single_region_trail_covers_only_its_region(whole: Inventory, sandbox: AwsSandbox) -> None:
    regions = named(whole, "region")
    assert regions.keys() == sandbox.enabled
    covered = {name: region.audit_trails for name, region in regions.items()}  # type: ignore[attr-defined]
    assert covered.pop("eu-west-1") == ("payments-events",)
    assert set(covered.values()) == {()}


def test_a_region_that_is_not_enabled_is_a_blind_spot(whole: Inventory, sandbox: AwsSandbox) -> None:
    inventory = whole
    spots = {spot.region: spot for spot in inventory.blind_spots}
    assert "af-south-1" in spots
    assert not spots.keys() & sandbox.enabled
    cause = spots["af-south-1"].cause
    assert (cause.reason, cause.permission, cause.call) == ("disabled", None, "ec2:DescribeRegions")
    assert inventory.complete("aws", "111122223333", "bucket")


def test_only_the_named_regions_are_scanned(scan: Scan) -> None:
    inventory = scan(ConnectionRequest("aws", regions=("us-east-1", "af-south-1")))
    assert named(inventory, "bucket").keys() == {"www-old"}
    assert named(inventory, "region").keys() == {"us-east-1"}
    assert {spot.region for spot in inventory.blind_spots} == {"af-south-1"}


def test_facets_that_are_not_wanted_are_not_collected(scan: Scan, sandbox: AwsSandbox) -> None:
    inventory = scan(wanted={"bucket": frozenset({"versioning"})})
    assert sandbox.calls.keys() == {
        "sts:GetCallerIdentity",
        "s3:ListBuckets",
        "s3:GetBucketVersioning",
        "s3:GetBucketTagging",
    }
    assert {resource.kind for resource in inventory.resources} == {"bucket"}
    assert next(iter(inventory.resources)).collected() == {"versioning", "tags"}


def test_every_call_is_counted_once(scan: Scan, sandbox: AwsSandbox) -> None:
    inventory = scan()
    assert inventory.calls == {"aws": dict(sorted(sandbox.calls.items()))}
    buckets = len(named(inventory, "bucket"))
    assert sandbox.calls["s3:GetBucketPolicy"] == buckets
    assert sandbox.calls["s3control:GetPublicAccessBlock"] == 1


def test_two_scans_of_the_same_account_are_equal(scan: Scan) -> None:
    assert scan(wanted=SMALL) == scan(wanted=SMALL)


def test_a_listing_of_many_pages_is_read_to_its_end(scan: Scan, sandbox: AwsSandbox) -> None:
    sandbox.page_size = 2
    assert named(scan(WHOLE, wanted=SMALL), "bucket").keys() == ESTATE.keys()
    assert sandbox.calls["s3:ListBuckets"] == 4


def test_a_partial_listing_is_kept_with_a_blind_spot(scan: Scan, sandbox: AwsSandbox) -> None:
    sandbox.page_size = 3
    sandbox.fault = lambda name: "failing" if name == "s3:ListBuckets" and sandbox.calls[name] == 2 else None
    inventory = scan(WHOLE, wanted={"bucket": Bucket.facets()})
    assert named(inventory, "bucket").keys() == {"app-artifacts", "audit-logs", "invoices-2024"}
    assert [(spot.kind, spot.cause.reason) for spot in inventory.blind_spots] == [("bucket", "error")]
    assert not inventory.complete("aws", "111122223333", "bucket")


@pytest.mark.parametrize("kind", sorted(EVERYTHING))
def test_one_kind_alone_can_be_collected(scan: Scan, kind: str) -> None:
    inventory = scan(wanted={kind: EVERYTHING[kind]})
    assert {resource.kind for resource in inventory.resources} == {kind}
