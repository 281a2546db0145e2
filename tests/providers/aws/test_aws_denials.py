from __future__ import annotations

from typing import Any

import pytest

from providers.aws.account import REGIONS
from providers.aws.tables import all_calls
from providers.sandbox import Fault
from providers.sandbox.aws.server import AwsSandbox
from scanner.collect.provider import Limits
from scanner.model.evidence import Unknown
from scanner.model.inventory import Inventory
from tests.providers.aws.aws_scan import EVERYTHING, WHOLE, Scan, known, named

BUCKETS = {"bucket": EVERYTHING["bucket"]}
EXPOSURE = {"public_read", "public_write", "public_via"}
# Every call that a scan makes, with the facets that depend on it.
DEPENDENT: dict[str, tuple[str, set[str]]] = {
    "s3:GetBucketAcl": ("bucket", EXPOSURE),
    "s3:GetBucketEncryption": ("bucket", {"encryption"}),
    "s3:GetBucketLogging": ("bucket", {"access_logging"}),
    "s3:GetBucketOwnershipControls": ("bucket", {"uniform_access"} | EXPOSURE),
    "s3:GetBucketPolicy": ("bucket", {"tls_only"} | EXPOSURE),
    "s3:GetBucketPolicyStatus": ("bucket", EXPOSURE),
    "s3:GetBucketTagging": ("bucket", {"tags"}),
    "s3:GetBucketVersioning": ("bucket", {"versioning"}),
    "s3:GetPublicAccessBlock": ("bucket", EXPOSURE),
    "s3control:GetPublicAccessBlock": ("account", {"public_access_block"}),
    "organizations:DescribeOrganization": ("account", {"organisation"}),
    "organizations:ListParents": ("account", {"path"}),
    "organizations:DescribeOrganizationalUnit": ("account", {"path"}),
    "organizations:ListTagsForResource": ("account", {"tags"}),
    "account:GetAlternateContact": ("account", {"security_contacts"}),
    "iam:GetAccountPasswordPolicy": ("account", {"password_policy"}),
    "cloudtrail:DescribeTrails": ("account", {"audit_trails"}),
    "cloudtrail:GetTrailStatus": ("region", {"audit_trails"}),
    "cloudtrail:GetEventSelectors": ("account", {"audit_trails"}),
}
LISTS = {"s3:ListBuckets": "bucket", "ec2:DescribeRegions": "region"}
# A denied alias only changes the account's name; GetBucketLocation is called only without BucketRegion.
ELSEWHERE = {"iam:ListAccountAliases", "s3:GetBucketLocation", "sts:GetCallerIdentity", "sts:AssumeRole"}
# Tested for users, keys and roles in test_aws_identity_denials.py.
ELSEWHERE |= {
    "iam:GenerateCredentialReport",
    "iam:GetAccountAuthorizationDetails",
    "iam:GetAccountSummary",
    "iam:GetCredentialReport",
    "organizations:ListAccounts",
}
# Tested with audit trails, keys and firewalls.
ELSEWHERE |= {
    "cloudtrail:ListTags",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:GetManagedPrefixListEntries",
    "kms:DescribeKey",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListAliases",
    "kms:ListKeys",
    "kms:ListResourceTags",
}
# Tested for machines, functions, clusters and databases in test_aws_compute.py and test_aws_databases.py.
ELSEWHERE |= {
    "ec2:DescribeInstances",
    "eks:DescribeCluster",
    "eks:ListClusters",
    "eks:ListFargateProfiles",
    "eks:ListNodegroups",
    "lambda:GetRuntimeManagementConfig",
    "lambda:ListFunctions",
    "lambda:ListTags",
    "rds:DescribeDBClusters",
    "rds:DescribeDBInstances",
}
# Tested for snapshots by the law over all tables.
ELSEWHERE |= {
    "ec2:DescribeSnapshots",
    "ec2:GetSnapshotBlockPublicAccessState",
    "rds:DescribeDBClusterSnapshotAttributes",
    "rds:DescribeDBClusterSnapshots",
    "rds:DescribeDBSnapshotAttributes",
    "rds:DescribeDBSnapshots",
    "redshift:DescribeClusterSnapshots",
}
# Tested by the law over all tables, in test_table_law.py.
ELSEWHERE |= {"sqs:GetQueueAttributes", "sqs:ListQueueTags", "sqs:ListQueues"}
PERMISSIONS = {call.name: call.permission for call in all_calls()}


def broken(sandbox: AwsSandbox, call: str, fault: Fault) -> None:
    sandbox.fault = lambda name: fault if name == call else None


def unknowns(inventory: Inventory) -> dict[tuple[str, str, str], Unknown]:
    return {
        (resource.kind, resource.name, facet): unknown
        for resource in inventory.resources
        for facet, unknown in resource.unknowns().items()
    }


@pytest.fixture(scope="module")
def whole() -> dict[str, Inventory]:
    return {}


@pytest.fixture
def healthy(whole: dict[str, Inventory], scan: Scan) -> Inventory:
    if "healthy" not in whole:
        whole["healthy"] = scan()
    return whole["healthy"]


def facts(inventory: Inventory) -> dict[tuple[str, str], dict[str, Any]]:
    return {(resource.kind, resource.id): known(resource) for resource in inventory.resources}


def test_every_call_is_tried_here() -> None:
    assert PERMISSIONS.keys() == DEPENDENT.keys() | LISTS.keys() | ELSEWHERE


@pytest.mark.parametrize("call", sorted(DEPENDENT))
def test_a_denied_read_hides_its_own_facets_and_nothing_else(
    scan: Scan, sandbox: AwsSandbox, healthy: Inventory, call: str
) -> None:
    broken(sandbox, call, "denied")
    kind, facets = DEPENDENT[call]
    kinds = {kind, "bucket"} if call.startswith("s3control:") else {kind}
    if call.startswith("cloudtrail:"):
        kinds = {"account", "region"}
    inventory = scan(wanted={kind: EVERYTHING[kind] for kind in kinds})
    hidden = unknowns(inventory)
    assert hidden, "nothing depends on the call"
    assert any(where[0] == kind for where in hidden)
    may = {(kind, facet) for facet in facets}
    may |= {("bucket", facet) for facet in EXPOSURE} if "bucket" in kinds else set()
    may |= {("region", "audit_trails")} if call.startswith("cloudtrail:") else set()
    assert {(where[0], where[2]) for where in hidden} <= may
    for unknown in hidden.values():
        assert {(c.reason, c.call, c.permission) for c in unknown.causes} == {
            ("denied", call, PERMISSIONS[call])
        }
    before = {key: value for key, value in facts(healthy).items() if key[0] in kinds}
    after = facts(inventory)
    assert before.keys() == after.keys()
    for resource, values in after.items():
        assert values == {name: before[resource][name] for name in values}
    assert inventory.blind_spots == tuple(spot for spot in healthy.blind_spots if spot.kind in kinds)


@pytest.mark.parametrize("call", sorted(LISTS))
@pytest.mark.parametrize("fault", ["denied", "denied_by_organisation", "malformed", "reset", "failing"])
def test_a_list_that_fails_is_a_blind_spot(
    scan: Scan, sandbox: AwsSandbox, healthy: Inventory, call: str, fault: Fault
) -> None:
    broken(sandbox, call, fault)
    kind = LISTS[call]
    inventory = scan(wanted={name: EVERYTHING[name] for name in (kind, "account")})
    (spot,) = (spot for spot in inventory.blind_spots if spot.kind == kind and spot.cause.call == call)
    denied = fault.startswith("denied")
    assert spot.cause.reason == (fault if denied else "error")
    assert spot.cause.permission == (PERMISSIONS[call] if fault == "denied" else None)
    assert not named(inventory, kind)
    others = {key: value for key, value in facts(healthy).items() if key[0] == "account"}
    assert facts(inventory) == others


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


@pytest.mark.parametrize("fault", ["denied_by_organisation", "throttled", "malformed", "reset", "failing"])
@pytest.mark.parametrize(
    "call", ["s3:GetBucketVersioning", "s3:GetBucketLogging", "s3:GetBucketAcl", "s3:GetBucketPolicy"]
)
def test_no_failure_of_a_bucket_read_becomes_an_answer(
    scan: Scan, sandbox: AwsSandbox, call: str, fault: Fault
) -> None:
    broken(sandbox, call, fault)
    inventory = scan(wanted={"bucket": frozenset(DEPENDENT[call][1])})
    hidden = unknowns(inventory)
    reason = fault if fault in ("denied_by_organisation", "throttled") else "error"
    assert {cause.reason for unknown in hidden.values() for cause in unknown.causes} == {reason}
    # These two are open, one by its ACL and one by its policy: every read matters to one of them.
    assert {where[2] for where in hidden if where[1] in ("www-old", "payroll-export")} == DEPENDENT[call][1]


@pytest.mark.parametrize("fault", ["denied_by_organisation", "throttled", "malformed", "reset", "failing"])
@pytest.mark.parametrize("call", sorted(c for c in DEPENDENT if not c.startswith("s3:")))
def test_no_failure_of_an_account_read_becomes_an_answer(
    scan: Scan, sandbox: AwsSandbox, call: str, fault: Fault
) -> None:
    broken(sandbox, call, fault)
    kind, facets = DEPENDENT[call]
    inventory = scan(wanted={kind: frozenset(facets)})
    (facet,) = facets
    resource = named(inventory, kind)["eu-west-1" if kind == "region" else "payments-prod"]
    value = getattr(resource, facet)
    assert isinstance(value, Unknown)
    expected = fault if fault in ("denied_by_organisation", "throttled") else "error"
    assert {cause.reason for cause in value.causes} == {expected}
    assert {cause.call for cause in value.causes} == {call}


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
    assert len(regions) == 17
    for region in regions.values():
        (cause,) = region.unknowns()["audit_trails"].causes
        assert (cause.reason, cause.permission) == ("denied_by_organisation", None)


def test_a_retry_that_succeeds_is_an_answer(scan: Scan, sandbox: AwsSandbox) -> None:
    sandbox.fault = lambda name: "failing" if name == "s3:ListBuckets" and sandbox.calls[name] == 1 else None
    inventory = scan(WHOLE, limits=Limits(attempts=2), wanted={"bucket": frozenset({"versioning"})})
    assert len(inventory.resources) == 7
    assert inventory.calls["aws"]["s3:ListBuckets"] == 2
