from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from providers.aws import audit
from providers.aws.audit import AUDIT_TRAILS
from providers.sandbox.aws.server import AwsSandbox
from scanner.collect.provider import ConnectionRequest
from scanner.model.evidence import Unknown
from scanner.model.inventory import Inventory
from scanner.model.resources.audit import AuditTrail
from tests.providers.aws.aws_scan import EVERYTHING, WHOLE, Scan, known, named

WANTED = {"audit_trail": frozenset(AUDIT_TRAILS.facets)}
TRAILS: dict[str, dict[str, object]] = {
    "payments-events": {
        "logging": True,
        "all_regions": False,
        "organisation_wide": False,
        "records_writes": True,
        "records_data_access": False,
        "tamper_evident": False,
        "customer_key": False,
        "destinations": ("arn:aws:s3:::audit-logs",),
        "tags": {},
    },
    "store-access": {
        "logging": True,
        "all_regions": True,
        "organisation_wide": False,
        "records_writes": False,
        "records_data_access": True,
        "tamper_evident": True,
        "customer_key": True,
        "destinations": (
            "arn:aws:logs:eu-west-1:111122223333:log-group:store-access",
            "arn:aws:s3:::audit-logs",
        ),
        "tags": {"owner": "platform"},
    },
    "events-2019": {
        "logging": False,
        "all_regions": False,
        "organisation_wide": False,
        "records_writes": False,
        "records_data_access": False,
        "tamper_evident": False,
        "customer_key": False,
        "destinations": ("arn:aws:s3:::www-old",),
        "tags": {},
    },
}
ITEM = {
    "TrailARN": "arn:aws:cloudtrail:eu-west-1:111122223333:trail/t",
    "Name": "t",
    "HomeRegion": "eu-west-1",
    "S3BucketName": "logs",
    "IsMultiRegionTrail": True,
    "IsOrganizationTrail": False,
    "IncludeGlobalServiceEvents": True,
    "LogFileValidationEnabled": True,
    "account": "111122223333",
    "partition": "aws",
    "region": "eu-west-1",
}


def test_trails_are_as_the_company_created_them(whole: Inventory) -> None:
    trails = named(whole, "audit_trail")
    assert {name: known(trail) for name, trail in trails.items()} == TRAILS
    assert whole.blind_spots == ()


def test_a_multi_region_trail_is_one_resource_in_its_home_region(whole: Inventory) -> None:
    (trail,) = (trail for trail in whole.resources if trail.name == "store-access")
    assert (trail.id, trail.region, trail.scope) == (
        "arn:aws:cloudtrail:eu-west-1:111122223333:trail/store-access",
        "eu-west-1",
        "111122223333",
    )


def test_calls_shared_with_other_kinds_are_made_once(scan: Scan, sandbox: AwsSandbox) -> None:
    kinds = {**WANTED, "account": frozenset({"audit_trails"}), "region": frozenset({"audit_trails"})}
    scan(WHOLE, wanted=kinds)
    assert sandbox.calls["cloudtrail:DescribeTrails"] == len(sandbox.enabled)
    for operation in ("GetTrailStatus", "GetEventSelectors", "ListTags"):
        assert sandbox.calls[f"cloudtrail:{operation}"] == len(TRAILS)


def test_a_trail_is_read_from_another_region_if_its_own_is_closed(
    scan: Scan, sandbox: AwsSandbox, whole: Inventory
) -> None:
    # Without eu-west-1, its multi-region trail is still listed in us-east-1.
    found = scan(ConnectionRequest("aws", regions=("us-east-1",)), wanted=WANTED)
    assert named(found, "audit_trail").keys() == {"store-access", "events-2019"}
    (trail,) = (trail for trail in found.resources if trail.name == "store-access")
    assert trail == named(whole, "audit_trail")["store-access"]


def test_facets_decided_by_the_trail_itself_need_no_selectors(scan: Scan, sandbox: AwsSandbox) -> None:
    sandbox.fault = lambda name: "denied" if name == "cloudtrail:GetEventSelectors" else None
    trails = named(scan(wanted=WANTED), "audit_trail")
    assert known(trails["payments-events"])["records_data_access"] is False
    assert known(trails["events-2019"])["records_writes"] is False
    assert "records_writes" in trails["payments-events"].unknowns()


def test_a_kind_that_is_not_wanted_is_not_collected(scan: Scan, sandbox: AwsSandbox) -> None:
    scan(wanted={"bucket": EVERYTHING["bucket"] & {"versioning", "tags"}})
    assert not [name for name in sandbox.calls if name.startswith("cloudtrail:")]


def test_an_organisation_trail_is_recognised_in_a_member_account() -> None:
    theirs = {**ITEM, "TrailARN": "arn:aws:cloudtrail:eu-west-1:444455556666:trail/all"}
    assert audit.to_organisation_wide(theirs) is True
    assert audit.to_organisation_wide({**ITEM, "IsOrganizationTrail": True}) is True
    assert audit.to_organisation_wide(ITEM) is False
    older = {key: value for key, value in ITEM.items() if key != "IsOrganizationTrail"}
    assert audit.to_organisation_wide(older) is False
    header = audit.header(theirs)
    assert (header["scope"], header["id"]) == ("111122223333", theirs["TrailARN"])


def test_tags_of_an_organisation_trail_are_unknown_in_member_accounts() -> None:
    theirs = {**ITEM, "TrailARN": "arn:aws:cloudtrail:eu-west-1:444455556666:trail/all"}
    found = audit.tags(None, theirs)  # type: ignore[arg-type]
    assert isinstance(found, Unknown)
    assert (found.causes[0].reason, found.causes[0].permission) == ("unsupported", None)
    assert "444455556666" in found.causes[0].message


def plain(mode: str = "All", management: bool = True, *objects: str, out: tuple[str, ...] = ()) -> Any:
    data = [{"Type": "AWS::S3::Object", "Values": list(objects)}] if objects else []
    return {
        "ReadWriteType": mode,
        "IncludeManagementEvents": management,
        "DataResources": data,
        "ExcludeManagementEventSources": list(out),
    }


def selected(*selectors: Any) -> Any:
    return {"EventSelectors": list(selectors)}


def advanced(*selectors: Any) -> Any:
    return {"AdvancedEventSelectors": [{"FieldSelectors": list(fields)} for fields in selectors]}


def field(name: str, operator: str, *values: str) -> Any:
    return {"Field": name, operator: list(values)}


MANAGEMENT = field("eventCategory", "Equals", "Management")
DATA = (field("eventCategory", "Equals", "Data"), field("resources.type", "Equals", "AWS::S3::Object"))
KMS, RDS = "kms.amazonaws.com", "rdsdata.amazonaws.com"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (selected(plain()), True),
        (selected(plain("WriteOnly")), True),
        (selected(plain("ReadOnly")), False),
        (selected(plain(management=False)), False),
        (selected(plain(out=(KMS,))), False),
        # What one selector excludes, another selects.
        (selected(plain(out=(KMS,)), plain(out=(RDS,))), True),
        (selected(plain("ReadOnly"), plain("WriteOnly")), True),
        (advanced([MANAGEMENT]), True),
        (advanced([MANAGEMENT, field("readOnly", "Equals", "false")]), True),
        (advanced([MANAGEMENT, field("readOnly", "Equals", "true")]), False),
        (advanced([MANAGEMENT, field("eventSource", "NotEquals", KMS, RDS)]), False),
        (
            advanced(
                [MANAGEMENT, field("eventSource", "NotEquals", KMS)],
                [MANAGEMENT, field("eventSource", "NotEquals", RDS)],
            ),
            True,
        ),
        (advanced([MANAGEMENT, field("eventName", "NotEquals", "DeleteTrail")]), False),
        (advanced(list(DATA)), False),
    ],
)
def test_writes_are_recorded_if_nothing_is_excluded(answer: Any, expected: bool) -> None:
    assert audit.to_records_writes(ITEM, answer) is expected


BUCKET = "arn:aws:s3:::one/"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (selected(plain("All", False, "arn:aws:s3")), True),
        (selected(plain("All", False, "arn:aws:s3:::")), True),
        (selected(plain("All", False, "arn:aws-cn:s3:::")), True),
        (selected(plain("All", False, BUCKET)), False),
        (selected(plain("All", False, BUCKET, "arn:aws:s3:::")), True),
        (selected(plain("ReadOnly", False, "arn:aws:s3:::")), False),
        (selected(plain("ReadOnly", False, "arn:aws:s3"), plain("WriteOnly", False, "arn:aws:s3")), True),
        (selected(plain()), False),
        (advanced(list(DATA)), True),
        (advanced([*DATA, field("readOnly", "Equals", "true")]), False),
        (
            advanced(
                [*DATA, field("readOnly", "Equals", "true")], [*DATA, field("readOnly", "Equals", "false")]
            ),
            True,
        ),
        (advanced([*DATA, field("resources.ARN", "StartsWith", BUCKET)]), False),
        (advanced([*DATA, field("resources.ARN", "StartsWith", "arn:aws:s3:::")]), True),
        (advanced([*DATA, field("resources.ARN", "NotStartsWith", BUCKET)]), False),
        (advanced([*DATA, field("eventName", "Equals", "DeleteObject")]), False),
        (advanced([DATA[0], field("resources.type", "Equals", "AWS::Lambda::Function")]), False),
        (advanced([DATA[0]]), False),
        (advanced([MANAGEMENT]), False),
    ],
)
def test_object_access_is_recorded_if_no_object_is_excluded(answer: Any, expected: bool) -> None:
    assert audit.to_records_objects(ITEM, answer) is expected


def test_destinations() -> None:
    assert audit.to_destinations({**ITEM, "partition": "aws-cn"}) == ("arn:aws-cn:s3:::logs",)
    group = "arn:aws:logs:eu-west-1:111122223333:log-group:trail"
    with_group = {**ITEM, "CloudWatchLogsLogGroupArn": f"{group}:*"}
    assert audit.to_destinations(with_group) == (group, "arn:aws:s3:::logs")


@pytest.mark.parametrize("key", [None, ""])
def test_without_a_kms_key_there_is_no_customer_key(key: str | None) -> None:
    assert audit.to_customer_key({**ITEM, "KmsKeyId": key}) is False


@pytest.mark.parametrize(
    ("function", "missing"),
    [
        (audit.to_all_regions, "IsMultiRegionTrail"),
        (audit.to_tamper_evident, "LogFileValidationEnabled"),
        (audit.to_global_services, "IncludeGlobalServiceEvents"),
        (audit.to_destinations, "S3BucketName"),
        (audit.header, "HomeRegion"),
    ],
)
def test_a_missing_field_is_not_false(function: Any, missing: str) -> None:
    with pytest.raises((KeyError, TypeError)):
        function({key: value for key, value in ITEM.items() if key != missing})


def recorded(recordings: Path, operation: str) -> list[dict[str, Any]]:
    lines = (recordings / "cloudtrail.jsonl").read_text(encoding="utf-8").splitlines()
    return [row["response"] for row in map(json.loads, lines) if row["operation"] == operation]


def test_every_recorded_trail_is_understood(recordings: Path) -> None:
    context = {"account": "644160558196", "partition": "aws", "region": "us-east-1"}
    trails = [
        {**trail, **context}
        for answer in recorded(recordings, "DescribeTrails")
        for trail in answer["trailList"]
    ]
    mappings = [facet.reads[0].function for facet in AUDIT_TRAILS.facets.values() if not facet.reads[0].call]
    for trail in trails:
        assert audit.header(trail).keys() == set(AuditTrail.model_fields) - AuditTrail.facets()
        for mapping in mappings:
            mapping(trail)
    assert {
        t["Name"] for t in trails if audit.to_organisation_wide(t) and "644160558196" in t["TrailARN"]
    } == {"orgTrail"}
    groups = {name for t in trails for name in audit.to_destinations(t) if ":log-group:" in name}
    assert "arn:aws:logs:us-east-1:644160558196:log-group:aws-controltower/CloudTrailLogs" in groups
    assert not any(name.endswith("*") for name in groups)


def test_every_recorded_selector_is_understood(recordings: Path) -> None:
    answers = recorded(recordings, "GetEventSelectors")
    assert [audit.to_records_writes(ITEM, answer) for answer in answers].count(True) == 5
    assert [audit.to_records_objects(ITEM, answer) for answer in answers].count(True) == 3
    for answer in recorded(recordings, "GetTrailStatus"):
        audit.to_logging(ITEM, answer)
