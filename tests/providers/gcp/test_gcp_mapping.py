"""The mapping functions, on answers that the sample company does not produce."""

from __future__ import annotations

from typing import Any

import pytest

from providers.gcp.account import to_own_contacts, to_path, to_project
from providers.gcp.audit import to_own_trails
from providers.gcp.client.calls import Item, Project, to_region
from providers.gcp.client.failures import one_line
from providers.gcp.logfilter import (
    ALL,
    DATA_ACCESS,
    FEW,
    NONE,
    SOME,
    UNDETERMINED,
    Passing,
    negated,
    passing,
)
from providers.gcp.policies.exposure import Exposure, from_acl, from_bindings
from providers.gcp.storage import (
    to_bindings,
    to_enforced,
    to_lists,
    to_own_prevention,
    to_public_read,
    to_public_via,
    to_uniform_access,
    to_versioning,
)
from scanner.model.evidence import Unknown

ABOVE = ("folders/2", "organizations/3")
HERE = Project("batch-prod", "1", "Batch", {}, ABOVE, "3")
LOST = Unknown.because("denied", "a call", "a.permission", "denied")


def item(**data: Any) -> Item:
    return Item(HERE, {"name": "//storage.googleapis.com/b", "resource": {"data": data}})


@pytest.mark.parametrize(
    ("role", "read", "write"),
    [
        ("roles/storage.objectViewer", True, False),
        ("roles/storage.legacyObjectReader", True, False),
        ("roles/storage.legacyBucketReader", True, False),
        ("roles/storage.objectCreator", False, True),
        ("roles/storage.objectUser", True, True),
        ("roles/storage.objectAdmin", True, True),
        ("roles/storage.admin", True, True),
        ("roles/storage.legacyBucketWriter", True, True),
        ("roles/storage.legacyObjectOwner", True, True),
        ("roles/viewer", True, False),
        ("roles/storage.bucketViewer", False, False),
    ],
)
def test_public_access_by_role(role: str, read: bool, write: bool) -> None:
    found = from_bindings({"bindings": [{"role": role, "members": ["allUsers"]}]}, "call")
    assert (found.read, found.write) == (read, write)
    assert bool(found.via) == (read or write)


@pytest.mark.parametrize("role", ["projects/batch-prod/roles/reader", "roles/dataflow.worker"])
def test_an_unknown_role_makes_the_exposure_unknown(role: str) -> None:
    found = from_bindings({"bindings": [{"role": role, "members": ["allAuthenticatedUsers"]}]}, "call")
    assert isinstance(found.read, Unknown)
    assert isinstance(found.write, Unknown)
    assert isinstance(found.via, Unknown)


def test_a_certain_grant_outweighs_an_unknown_one() -> None:
    bindings = [
        {"role": "projects/batch-prod/roles/reader", "members": ["allUsers"]},
        {"role": "roles/storage.objectViewer", "members": ["allUsers"]},
    ]
    found = from_bindings({"bindings": bindings}, "call")
    assert found.read is True
    assert isinstance(found.write, Unknown)


def test_a_condition_makes_only_the_access_of_the_role_unknown() -> None:
    condition = {"expression": 'request.time < timestamp("2030-01-01T00:00:00Z")'}
    binding = {"role": "roles/storage.objectViewer", "members": ["allUsers"], "condition": condition}
    found = from_bindings({"bindings": [binding]}, "call")
    assert isinstance(found.read, Unknown)
    assert found.write is False


def test_named_members_are_not_the_public() -> None:
    members = ["user:a@example.com", "domain:example.com", "projectViewer:batch-prod"]
    found = from_bindings({"bindings": [{"role": "projects/p/roles/x", "members": members}]}, "call")
    assert (found.read, found.write, found.via) == (False, False, ())


@pytest.mark.parametrize(
    ("role", "read", "write"), [("READER", True, False), ("WRITER", True, True), ("OWNER", True, True)]
)
def test_an_access_control_list(role: str, read: bool, write: bool) -> None:
    found = from_acl([{"entity": "allUsers", "role": role}, {"entity": "user-a", "role": "OWNER"}], "ACL")
    assert (found.read, found.write, found.via) == (read, write, ("ACL",))


def by_lists(bucket: Item) -> Exposure:
    found = to_lists(bucket)
    assert isinstance(found, Exposure)
    return found


def test_uniform_access_disables_lists() -> None:
    acl = [{"entity": "allUsers", "role": "READER"}]
    for switch in ("uniformBucketLevelAccess", "bucketPolicyOnly"):
        uniform = item(acl=acl, iamConfiguration={switch: {"enabled": True}})
        assert to_uniform_access(uniform) is True
        assert by_lists(uniform).read is False
    fine: dict[str, Any] = {"iamConfiguration": {"uniformBucketLevelAccess": {}}}
    assert by_lists(item(acl=[], defaultObjectAcl=acl, **fine)).read is True
    owners = [{"entity": "project-owners-1", "role": "OWNER"}]
    assert isinstance(by_lists(item(acl=[], defaultObjectAcl=owners, **fine)).read, Unknown)


@pytest.mark.parametrize("lists", [{}, {"acl": [], "defaultObjectAcl": []}, {"acl": []}])
def test_access_lists_missing_from_the_asset_are_unknown(lists: dict[str, Any]) -> None:
    """Recorded assets of buckets with access lists omit them, although such a bucket always has some."""
    left_out = to_lists(item(iamConfiguration={"uniformBucketLevelAccess": {}}, **lists))
    assert isinstance(left_out, Unknown)
    assert left_out.causes[0].reason == "unsupported"


def test_a_bucket_without_a_listed_policy_is_an_error() -> None:
    with pytest.raises(LookupError):
        to_bindings(item(), {"//storage.googleapis.com/other": {"iamPolicy": {}}})


def test_a_binding_on_the_project_applies_to_its_buckets() -> None:
    binding = {"role": "roles/viewer", "members": ["allUsers"]}
    policies = {
        "//storage.googleapis.com/b": {"iamPolicy": {"etag": "CAE="}},
        "//cloudresourcemanager.googleapis.com/projects/1": {"iamPolicy": {"bindings": [binding]}},
    }
    assert to_bindings(item(), policies).via == (
        "IAM binding roles/viewer to allUsers on projects/batch-prod",
    )


@pytest.mark.parametrize("answer", [{}, {"spec": {}}, {"spec": {"rules": []}}, {"spec": {"rules": [{}]}}])
def test_a_policy_without_an_unconditional_rule_is_an_error(answer: dict[str, Any]) -> None:
    with pytest.raises((LookupError, ValueError)):
        to_enforced(item(), answer)


def test_a_conditional_policy_is_an_error() -> None:
    rule = {"enforce": True, "condition": {"expression": "resource.matchTag('1/env', 'prod')"}}
    with pytest.raises(ValueError, match="unconditional rule"):
        to_enforced(item(), {"spec": {"rules": [rule]}})


def test_prevention_on_the_bucket_decides_whatever_else_is_unknown() -> None:
    prevented = to_own_prevention(item(iamConfiguration={"publicAccessPrevention": "enforced"}))
    pieces = (prevented, LOST, LOST, LOST, LOST)
    assert to_public_read(*pieces) is False
    assert to_public_via(*pieces) == ()
    inherited = to_own_prevention(item(iamConfiguration={"publicAccessPrevention": "inherited"}))
    assert isinstance(to_public_read(inherited, LOST, LOST, LOST, LOST), Unknown)


def test_parts_of_an_unexpected_type_are_errors() -> None:
    with pytest.raises(TypeError):
        to_versioning(item(versioning=True))
    with pytest.raises(TypeError):
        to_versioning(item(versioning={"enabled": "true"}))


@pytest.mark.parametrize(
    ("location", "region"),
    [
        ("us-central1", "us-central1"),
        ("US-EAST4", "us-east4"),
        ("northamerica-northeast1-a", "northamerica-northeast1"),
        ("us-central1-ai1a", "us-central1"),
        ("us", None),
        ("EU", None),
        ("nam4", None),
        ("global", None),
        ("", None),
    ],
)
def test_the_region_of_a_location(location: str, region: str | None) -> None:
    assert to_region(location) == region


ACTIVITY = "projects/batch-prod/logs/cloudaudit.googleapis.com%2Factivity"


@pytest.mark.parametrize(
    ("expression", "parts"),
    [
        ("", ALL),
        ("-- everything\n", ALL),
        ('LOG_ID("cloudaudit.googleapis.com/activity")', ALL),
        ('log_id("cloudaudit.googleapis.com%2Factivity")', ALL),
        ('LOG_ID("cloudaudit.googleapis.com/data_access")', NONE),
        (f'logName="{ACTIVITY}"', ALL),
        (f"logName = {ACTIVITY}", ALL),
        (f'logName!="{ACTIVITY}"', NONE),
        ('logName="projects/other/logs/cloudaudit.googleapis.com%2Factivity"', NONE),
        ('logName:"cloudaudit.googleapis.com"', ALL),
        ('logName:"/logs/cloudaudit.googleapis.com%2Factivity"', ALL),
        ('logName:"cloudaudit.googleapis.com/activity"', UNDETERMINED),
        ('logName:("cloudaudit" OR "syslog")', ALL),
        ('logName:("cloudaudit" AND "syslog")', NONE),
        ('logName:("syslog" OR "nginx")', NONE),
        ('logName=~"cloudaudit"', ALL),
        ('logName=~"(clou?d)+audit"', UNDETERMINED),
        ("severity>=ERROR", SOME),
        ("severity>=WARNING", SOME),
        ("severity=NOTICE", SOME),
        ("severity>=NOTICE", UNDETERMINED),
        ("severity<=ERROR", UNDETERMINED),
        ('logName:"cloudaudit" AND severity>=ERROR', SOME),
        ('logName:"cloudaudit" severity>=ERROR', SOME),
        ('logName:"cloudaudit" OR severity>=ERROR', ALL),
        ('logName:"syslog" AND severity>=ERROR', NONE),
        ('NOT logName:"cloudaudit"', NONE),
        ('-logName:"cloudaudit"', NONE),
        ('NOT LOG_ID("syslog")', ALL),
        ("NOT severity>=ERROR", negated(SOME)),
        ('(logName:"syslog" OR (NOT logName:"nginx"))', ALL),
        ('logName:"syslog" OR logName:"cloudaudit" AND logName:"nginx"', NONE),
        ('logName:"cloudaudit" OR logName:"syslog" AND logName:"cloudaudit"', ALL),
        ('LOG_ID("cloudaudit.googleapis.com/activity") AND sample(insertId, 0.1)', UNDETERMINED),
        ('resource.type="audited_resource"', FEW),
        ('resource.type=("gce_instance" OR "gcs_bucket")', FEW),
        (
            'resource.type="gce_instance" OR resource.type="gcs_bucket" OR severity=ERROR',
            UNDETERMINED - {"most"},
        ),
        ('NOT resource.type="k8s_container"', negated(FEW)),
        ('resource.type!="k8s_container"', negated(FEW)),
        ('protoPayload.methodName:"SetIamPolicy"', FEW),
        ('protoPayload.methodName:"v1"', UNDETERMINED),
        ('protoPayload.serviceName:"googleapis.com"', UNDETERMINED),
        ('protoPayload.serviceName="storage.googleapis.com"', FEW),
        ('protoPayload.authenticationInfo.principalEmail="a@example.com"', FEW),
        ('protoPayload.@type="type.googleapis.com/google.cloud.audit.AuditLog"', ALL),
        ('protoPayload.@type="type.googleapis.com/google.appengine.logging.v1.RequestLog"', NONE),
        ('resource.labels.project_id="batch-prod"', UNDETERMINED),
        ('resource.labels.cluster_name="batch"', FEW),
        ('jsonPayload.message:"failed"', NONE),
        ('NOT textPayload:"failed"', ALL),
        ('jsonPayload.message!="failed"', UNDETERMINED),
        ('timestamp>="2025-01-01T00:00:00Z"', UNDETERMINED),
        ('"failed login"', UNDETERMINED),
        ('logName:"cloudaudit', UNDETERMINED),
        ('(logName:"cloudaudit"', UNDETERMINED),
        ('logName:"cloudaudit")', UNDETERMINED),
        ("logName:", UNDETERMINED),
        ("NOT", UNDETERMINED),
        ("(" * 5000 + ")" * 5000, UNDETERMINED),
        ("NOT " * 5000 + 'logName:"cloudaudit"', UNDETERMINED),
    ],
)
def test_what_a_filter_lets_through(expression: str, parts: Passing) -> None:
    assert passing(expression, "batch-prod") == parts


def test_a_filter_is_evaluated_for_the_given_log() -> None:
    default = 'NOT LOG_ID("cloudaudit.googleapis.com/activity")'
    assert passing(default, "batch-prod") == NONE
    assert passing(default, "batch-prod", DATA_ACCESS) == ALL


def sinks(*settings: dict[str, Any]) -> dict[str, Any]:
    return {
        f"//logging.googleapis.com/projects/1/sinks/{number}": {"resource": {"data": {"name": "s", **data}}}
        for number, data in enumerate(settings)
    }


BUCKET = "storage.googleapis.com/audit"


@pytest.mark.parametrize(
    ("sink", "trails"),
    [
        ({"destination": BUCKET}, ("s",)),
        ({"destination": "pubsub.googleapis.com/projects/p/topics/t"}, ("s",)),
        ({"destination": BUCKET, "disabled": True}, ()),
        ({"destination": BUCKET, "filter": 'LOG_ID("syslog")'}, ()),
        ({"destination": BUCKET, "filter": "severity>=ERROR"}, ()),
        ({"destination": BUCKET, "exclusions": [{"name": "x", "filter": 'logName:"cloudaudit"'}]}, ()),
        (
            {
                "destination": BUCKET,
                "exclusions": [{"name": "x", "filter": 'logName:"cloudaudit"', "disabled": True}],
            },
            ("s",),
        ),
        ({"destination": BUCKET, "exclusions": [{"name": "x", "filter": 'LOG_ID("syslog")'}]}, ("s",)),
        ({"destination": "logging.googleapis.com/projects/batch-prod/locations/global/buckets/_Default"}, ()),
        ({"destination": "logging.googleapis.com/projects/1/locations/global/buckets/_Required"}, ()),
        ({"destination": "logging.googleapis.com/projects/batch-prod/locations/eu/buckets/audit"}, ("s",)),
        ({"destination": "logging.googleapis.com/projects/hub/locations/global/buckets/_Default"}, ("s",)),
    ],
)
def test_what_a_sink_carries(sink: dict[str, Any], trails: tuple[str, ...]) -> None:
    assert to_own_trails(item(), sinks(sink)) == trails


@pytest.mark.parametrize(
    "sink",
    [
        {"destination": BUCKET, "filter": "severity>=NOTICE"},
        {"destination": BUCKET, "exclusions": [{"name": "x", "filter": "sample(insertId, 0.5)"}]},
        {"destination": "logging.googleapis.com/projects/hub"},
    ],
)
def test_a_doubtful_sink_is_unknown_unless_another_is_certain(sink: dict[str, Any]) -> None:
    assert isinstance(to_own_trails(item(), sinks(sink)), Unknown)
    assert to_own_trails(item(), sinks(sink, {"destination": BUCKET, "name": "all"})) == ("all",)


def test_only_confirmed_security_contacts_count() -> None:
    def contact(mail: str, state: str, *categories: str) -> dict[str, Any]:
        data = {"email": mail, "validationState": state, "notificationCategorySubscriptions": categories}
        return {"resource": {"data": data}}

    contacts = {
        "1": contact("b@example.com", "VALID", "ALL"),
        "2": contact("a@example.com", "VALID", "BILLING", "SECURITY"),
        "3": contact("c@example.com", "INVALID", "SECURITY"),
        "4": contact("d@example.com", "VALID", "BILLING"),
    }
    assert to_own_contacts(item(), contacts) == ("a@example.com", "b@example.com")


def test_a_path_with_an_unlisted_folder_is_an_error() -> None:
    manager = "//cloudresourcemanager.googleapis.com/"
    names = {manager + "organizations/3": {"resource": {"data": {"displayName": "org"}}}}
    with pytest.raises(LookupError):
        to_path(item(), names)
    names[manager + "folders/2"] = {"resource": {"data": {"displayName": "prod"}}}
    assert to_path(item(), names) == "/org/prod"


def test_a_project_without_ancestors_has_an_unknown_organisation() -> None:
    data = {"projectId": "batch-prod", "projectNumber": "1", "name": "Batch"}
    found = to_project({"name": "x", "resource": {"data": data}})
    assert isinstance(found.organisation, Unknown)
    assert isinstance(to_path(Item(found), {}), Unknown)


def test_a_project_number_may_come_as_a_float() -> None:
    data = {"projectId": "batch-prod", "projectNumber": 210987654321.0, "name": "Batch"}
    assert to_project({"resource": {"data": data}}).number == "210987654321"


@pytest.mark.parametrize(
    "secret",
    [
        "ya29.a0AfH6SMBx-secret_part",
        "Bearer abc.def-secret",
        "eyJhbGciOi.eyJzdWIiOi.c2VjcmV0",
        "refresh_token=1//0secret",
        '"client_secret": "GOCSPX-secret"',
    ],
)
def test_messages_are_one_short_line_without_tokens(secret: str) -> None:
    line = one_line(f"failed\n with {secret} at the\tend " + "x" * 1000)
    assert "secret" not in line.replace("client_secret", "")
    assert "\n" not in line
    assert len(line) <= 300
