from __future__ import annotations

import pytest

from providers.aws.account import REGIONS
from providers.aws.tables import all_calls
from providers.sandbox import Fault
from providers.sandbox.aws.server import AwsSandbox
from scanner.collect.provider import Limits
from scanner.model.evidence import Cause, Unknown
from scanner.model.inventory import Inventory
from tests.providers.aws.aws_scan import EVERYTHING, WHOLE, Scan, named

BUCKETS = {"bucket": EVERYTHING["bucket"]}
EXPOSURE = {"public_read", "public_write", "public_via"}
FAULTS: tuple[Fault, ...] = (
    "denied",
    "denied_by_organisation",
    "throttled",
    "malformed",
    "reset",
    "failing",
)
# A call of each service whose errors look different, and a facet that depends on it.
OF_SERVICES: dict[str, tuple[str, str]] = {
    "s3:GetBucketVersioning": ("bucket", "versioning"),
    "s3control:GetPublicAccessBlock": ("account", "public_access_block"),
    "organizations:DescribeOrganization": ("account", "organisation"),
    "account:GetAlternateContact": ("account", "security_contacts"),
    "iam:GetAccountPasswordPolicy": ("account", "password_policy"),
    "cloudtrail:GetTrailStatus": ("region", "audit_trails"),
    "ec2:DescribeNetworkInterfaces": ("firewall", "attached"),
    "kms:ListResourceTags": ("key", "tags"),
    "lambda:ListTags": ("function", "tags"),
    "eks:DescribeCluster": ("container_cluster", "tags"),
}
PATIENT = Limits(connect_seconds=30, read_seconds=60, attempts=1)
"""Enough for a busy machine: a timeout would count as another failure."""
LISTS = {"s3:ListBuckets": "bucket", "rds:DescribeDBInstances": "database"}
PERMISSIONS = {call.name: call.permission for call in all_calls()}


def broken(sandbox: AwsSandbox, call: str, fault: Fault) -> None:
    sandbox.fault = lambda name: fault if name == call else None


def summary(cause: Cause) -> tuple[str, str, str | None]:
    return cause.reason, cause.call, cause.permission


def expected(call: str, fault: Fault) -> tuple[str, str, str | None]:
    """Reason, call and permission of a failure."""
    has_reason = fault in ("denied", "denied_by_organisation", "throttled")
    return fault if has_reason else "error", call, PERMISSIONS[call] if fault == "denied" else None


def unknowns(inventory: Inventory) -> dict[tuple[str, str, str], Unknown]:
    return {
        (resource.kind, resource.name, facet): unknown
        for resource in inventory.resources
        for facet, unknown in resource.unknowns().items()
    }


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("call", sorted(OF_SERVICES))
def test_no_failure_becomes_an_answer(scan: Scan, sandbox: AwsSandbox, call: str, fault: Fault) -> None:
    broken(sandbox, call, fault)
    kind, facet = OF_SERVICES[call]
    hidden = unknowns(scan(limits=PATIENT, wanted={kind: frozenset({facet})}))
    assert hidden
    for (_, _, name), unknown in hidden.items():
        assert name == facet
        assert {summary(cause) for cause in unknown.causes} == {expected(call, fault)}


@pytest.mark.parametrize(
    ("call", "facets"),
    [
        ("s3:GetBucketLogging", {"access_logging"}),
        ("s3:GetBucketAcl", EXPOSURE),
        ("s3:GetBucketPolicy", {"tls_only"} | EXPOSURE),
    ],
)
def test_a_truncated_answer_is_not_read_as_an_empty_one(
    scan: Scan, sandbox: AwsSandbox, call: str, facets: set[str]
) -> None:
    broken(sandbox, call, "malformed")
    hidden = unknowns(scan(limits=PATIENT, wanted={"bucket": frozenset(facets)}))
    assert {summary(cause) for unknown in hidden.values() for cause in unknown.causes} == {
        ("error", call, None)
    }
    # These two are open, one by its ACL and one by its policy: every read matters to one of them.
    assert {where[2] for where in hidden if where[1] in ("www-old", "payroll-export")} == facets


@pytest.mark.parametrize("call", sorted(LISTS))
@pytest.mark.parametrize("fault", FAULTS)
def test_a_list_that_fails_is_a_blind_spot(scan: Scan, sandbox: AwsSandbox, call: str, fault: Fault) -> None:
    broken(sandbox, call, fault)
    kind = LISTS[call]
    inventory = scan(limits=PATIENT, wanted={kind: EVERYTHING[kind]})
    spots = [spot for spot in inventory.blind_spots if spot.cause.call == call]
    assert {summary(spot.cause) for spot in spots} == {expected(call, fault)}
    assert {spot.kind for spot in spots} == {kind}


def test_with_a_denied_alias_the_account_is_named_by_its_id(scan: Scan, sandbox: AwsSandbox) -> None:
    broken(sandbox, "iam:ListAccountAliases", "denied")
    assert named(scan(wanted={"account": EVERYTHING["account"]}), "account").keys() == {"111122223333"}


def test_what_a_block_decides_stays_known_without_acl_and_policy(scan: Scan, sandbox: AwsSandbox) -> None:
    sandbox.fault = lambda name: (
        "denied" if name in ("s3:GetBucketAcl", "s3:GetBucketPolicy", "s3:GetBucketPolicyStatus") else None
    )
    buckets = named(scan(wanted=BUCKETS), "bucket")
    assert buckets["pay-receipts"].public_read is False  # type: ignore[attr-defined]
    assert buckets["pay-receipts"].public_via == ()  # type: ignore[attr-defined]
    assert isinstance(buckets["payroll-export"].public_read, Unknown)  # type: ignore[attr-defined]
    assert isinstance(buckets["www-old"].public_write, Unknown)  # type: ignore[attr-defined]


def test_an_unread_policy_that_s3_reports_as_public_hides_reading_and_writing(
    scan: Scan, sandbox: AwsSandbox
) -> None:
    broken(sandbox, "s3:GetBucketPolicy", "denied")
    buckets = named(scan(wanted=BUCKETS), "bucket")
    for facet in EXPOSURE:
        assert isinstance(getattr(buckets["payroll-export"], facet), Unknown)
    assert buckets["www-old"].public_read is True  # type: ignore[attr-defined]


def test_a_missing_response_is_unknown_after_the_timeout(scan: Scan, sandbox: AwsSandbox) -> None:
    broken(sandbox, "account:GetAlternateContact", "hang")
    limits = Limits(connect_seconds=0.5, read_seconds=0.5, attempts=1)
    inventory = scan(limits=limits, wanted={"account": frozenset({"security_contacts"})})
    (unknown,) = unknowns(inventory).values()
    assert unknown.causes[0].reason == "error"
    assert "timeout" in unknown.causes[0].message.lower()


def test_a_region_that_the_organisation_denies_is_still_listed(scan: Scan, sandbox: AwsSandbox) -> None:
    broken(sandbox, "cloudtrail:DescribeTrails", "denied_by_organisation")
    inventory = scan(WHOLE, wanted={"region": REGIONS.kind.facets()})
    regions = named(inventory, "region")
    assert regions.keys() == sandbox.enabled
    for region in regions.values():
        (cause,) = region.unknowns()["audit_trails"].causes
        assert (cause.reason, cause.permission) == ("denied_by_organisation", None)


def test_a_retry_that_succeeds_is_an_answer(scan: Scan, sandbox: AwsSandbox) -> None:
    sandbox.fault = lambda name: "failing" if name == "s3:ListBuckets" and sandbox.calls[name] == 1 else None
    inventory = scan(WHOLE, limits=Limits(attempts=2), wanted={"bucket": frozenset({"versioning"})})
    assert len(inventory.resources) == 7
    assert inventory.calls["aws"]["s3:ListBuckets"] == 2
