from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from providers.aws import account, audit, storage
from providers.aws.client.failures import LONGEST_MESSAGE, from_response, one_line, refused
from providers.aws.client.pace import SLOWEST, ClientPace
from providers.aws.policies.bucket_policy import NOTHING_OPEN
from scanner.model.evidence import Unknown
from scanner.model.resources.storage import Encryption

ITEM = {"Name": "b", "account": "111122223333", "partition": "aws", "region": "eu-west-1"}
KEY = "arn:aws:kms:eu-west-1:111122223333:key/7d0f3f9a-1f3c-4c55-9b0a-9c1f7a2f4e11"


def encryption(algorithm: str, key: str | None = None, manager: str | None = None) -> dict[str, Any]:
    default = {"SSEAlgorithm": algorithm, **({} if key is None else {"KMSMasterKeyID": key})}
    rule = {"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": True}
    metadata = {} if manager is None else {"KeyMetadata": {"KeyManager": manager}}
    return {"ServerSideEncryptionConfiguration": {"Rules": [rule]}, **metadata}


ANYONE, MEMBERS = sorted(storage.EVERYONE)


def grant(group: str, permission: str) -> dict[str, Any]:
    return {"Grantee": {"Type": "Group", "URI": group}, "Permission": permission}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (None, None),
        (encryption("AES256"), Encryption(key="provider", key_id=None)),
        (encryption("aws:kms"), Encryption(key="provider", key_id=None)),
        (encryption("aws:kms", ""), Encryption(key="provider", key_id=None)),
        (encryption("aws:kms", "alias/aws/s3"), Encryption(key="provider", key_id="alias/aws/s3")),
        (
            encryption("aws:kms", "arn:aws:kms:eu-west-1:111122223333:alias/aws/s3"),
            Encryption(key="provider", key_id="arn:aws:kms:eu-west-1:111122223333:alias/aws/s3"),
        ),
        (encryption("aws:kms", KEY, "CUSTOMER"), Encryption(key="customer", key_id=KEY)),
        (encryption("aws:kms", KEY, "AWS"), Encryption(key="provider", key_id=KEY)),
        (encryption("aws:kms:dsse", KEY, "CUSTOMER"), Encryption(key="customer", key_id=KEY)),
        (encryption("aws:kms", "alias/pay"), Encryption(key="customer", key_id="alias/pay")),
    ],
)
def test_encryption(answer: Any, expected: Encryption | None) -> None:
    assert storage.to_encryption(ITEM, answer) == expected


@pytest.mark.parametrize(
    ("function", "answer"),
    [
        (storage.to_encryption, {}),
        (storage.to_encryption, {"ServerSideEncryptionConfiguration": {"Rules": []}}),
        (storage.to_encryption, encryption("rot13")),
        (storage.to_encryption, encryption("aws:kms", KEY)),
        (storage.to_encryption, encryption("aws:kms", KEY, "SOMEBODY")),
        (storage.to_acl_grants, {}),
        (
            storage.to_acl_grants,
            {"Grants": [{"Grantee": {"URI": min(storage.EVERYONE)}, "Permission": "ANY"}]},
        ),
        (storage.to_policy_status, {}),
        (storage.to_policy_status, {"PolicyStatus": {"IsPublic": "no"}}),
        (storage.to_openness, {}),
        (storage.to_tls_only, {"Policy": "{"}),
        (storage.to_uniform_access, {}),
        (storage.to_uniform_access, {"OwnershipControls": {"Rules": []}}),
        (storage.to_uniform_access, {"OwnershipControls": {"Rules": [{"ObjectOwnership": "Nobody"}]}}),
        (storage.to_ignores_acls, {}),
        (storage.to_restricts_policies, {"PublicAccessBlockConfiguration": {}}),
        (storage.to_tags, {}),
        (storage.to_versioning, None),
        (storage.to_access_logging, None),
        (storage.to_access_logging, {"LoggingEnabled": {}}),
        (account.to_organisation, {}),
        (account.to_tags, {}),
        (account.to_security_contacts, {}),
        (account.to_public_access_block, {}),
    ],
)
def test_a_response_with_another_format_is_an_error(function: Any, answer: Any) -> None:
    with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
        function(ITEM, answer)


@pytest.mark.parametrize(
    ("status", "expected"), [({}, False), ({"Status": "Enabled"}, True), ({"Status": "Suspended"}, False)]
)
def test_versioning(status: Any, expected: bool) -> None:
    assert storage.to_versioning(ITEM, status) is expected


@pytest.mark.parametrize(
    ("constraint", "region"),
    [
        (None, "us-east-1"),
        ("", "us-east-1"),
        ("EU", "eu-west-1"),
        ("eu-west-1", "eu-west-1"),
        ("us-west-2", "us-west-2"),
    ],
)
def test_location(constraint: str | None, region: str) -> None:
    assert storage.to_region(ITEM, {"LocationConstraint": constraint}) == {"region": region}


def test_the_region_of_the_listing_takes_precedence_over_the_location() -> None:
    item = {**ITEM, "BucketRegion": "sa-east-1"}
    assert storage.to_region(item, item) == {"region": "sa-east-1"}


@pytest.mark.parametrize(
    ("grants", "expected"),
    [
        ([], set()),
        ([grant(ANYONE, "READ")], {"read"}),
        ([grant(MEMBERS, "READ")], {"read"}),
        ([grant(ANYONE, "WRITE")], {"write"}),
        ([grant(ANYONE, "WRITE_ACP")], {"write"}),
        ([grant(ANYONE, "READ_ACP")], {"other"}),
        ([grant(MEMBERS, "FULL_CONTROL")], {"read", "write", "other"}),
        ([grant("http://acs.amazonaws.com/groups/s3/LogDelivery", "WRITE")], set()),
        ([{"Grantee": {"Type": "CanonicalUser", "ID": "x"}, "Permission": "FULL_CONTROL"}], set()),
    ],
)
def test_acl(grants: Any, expected: set[str]) -> None:
    assert storage.to_acl_grants(ITEM, {"Grants": grants}) == expected


UNKNOWN = Unknown.because("denied", "s3:Any", "s3:Any", "no")
OPEN = frozenset({"read"})
POLICY = storage.to_openness(
    ITEM,
    {
        "Policy": '{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",'
        ' "Resource": "arn:aws:s3:::b/*"}}'
    },
)
SHUT = NOTHING_OPEN
# ACL, ownership enforced, bucket and account ignore ACLs, public status, policy, bucket and account restrict.
CASES: list[tuple[tuple[Any, ...], Any, Any]] = [
    ((frozenset(), True, False, False, False, SHUT, False, False), False, ()),
    ((OPEN, False, False, False, False, SHUT, False, False), True, ("ACL",)),
    ((OPEN, True, False, False, False, SHUT, False, False), False, ()),
    ((OPEN, False, True, False, False, SHUT, False, False), False, ()),
    ((OPEN, False, False, True, False, SHUT, False, False), False, ()),
    ((frozenset(), True, False, False, True, POLICY, False, False), True, ("bucket policy",)),
    ((frozenset(), True, False, False, True, POLICY, True, False), False, ()),
    ((frozenset(), True, False, False, True, POLICY, False, True), False, ()),
    ((OPEN, False, False, False, True, POLICY, False, False), True, ("ACL", "bucket policy")),
    # Open by one is open, even if the other is unknown, but then it is unknown what opens it.
    ((OPEN, False, False, False, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN), True, UNKNOWN),
    ((UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, True, POLICY, False, False), True, UNKNOWN),
    # Proof of closed needs no other evidence.
    ((UNKNOWN, UNKNOWN, True, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, True), False, ()),
    ((UNKNOWN, True, UNKNOWN, UNKNOWN, None, UNKNOWN, UNKNOWN, UNKNOWN), False, ()),
    # A policy that S3 does not report as public can delegate to access points.
    ((UNKNOWN, True, UNKNOWN, UNKNOWN, False, UNKNOWN, UNKNOWN, UNKNOWN), UNKNOWN, UNKNOWN),
    ((frozenset(), UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, SHUT, UNKNOWN, UNKNOWN), False, ()),
    # The text of the policy proves it open; S3's verdict could only contradict it.
    ((frozenset(), True, False, False, UNKNOWN, POLICY, False, False), True, ("bucket policy",)),
    # Any other missing evidence makes it unknown.
    ((UNKNOWN, False, False, False, False, SHUT, False, False), UNKNOWN, UNKNOWN),
    ((OPEN, UNKNOWN, False, False, False, SHUT, False, False), UNKNOWN, UNKNOWN),
    ((OPEN, False, UNKNOWN, False, False, SHUT, False, False), UNKNOWN, UNKNOWN),
    ((OPEN, False, False, UNKNOWN, False, SHUT, False, False), UNKNOWN, UNKNOWN),
    ((frozenset(), True, False, False, True, UNKNOWN, False, False), UNKNOWN, UNKNOWN),
    ((frozenset(), True, False, False, True, POLICY, UNKNOWN, False), UNKNOWN, UNKNOWN),
    ((frozenset(), True, False, False, True, POLICY, False, UNKNOWN), UNKNOWN, UNKNOWN),
]


@pytest.mark.parametrize(("evidence", "public", "via"), CASES)
def test_exposure(evidence: tuple[Any, ...], public: Any, via: Any) -> None:
    assert storage.is_open("read", *evidence) == public
    assert storage.open_via(*evidence) == via


@pytest.mark.parametrize("evidence", [case[0] for case in CASES])
def test_hiding_evidence_of_exposure_only_makes_it_unknown(evidence: tuple[Any, ...]) -> None:
    for part in ("read", "write"):
        seen = storage.is_open(part, *evidence)
        for at in range(len(evidence)):
            hidden = storage.is_open(part, *evidence[:at], UNKNOWN, *evidence[at + 1 :])
            assert isinstance(hidden, Unknown) or hidden == seen


@pytest.mark.parametrize(
    "rule", [{"BucketKeyEnabled": True}, {"BlockedEncryptionTypes": {"EncryptionType": ["SSE-C"]}}]
)
def test_an_encryption_rule_without_a_default_leaves_the_provider_s_key(rule: Any) -> None:
    answer = {"ServerSideEncryptionConfiguration": {"Rules": [rule]}}
    assert storage.to_encryption({}, answer) == Encryption(key="provider", key_id=None)
    without: tuple[dict[str, Any], ...] = ({"Rules": [{}]}, {"Rules": []}, {})
    for unread in without:
        with pytest.raises((KeyError, ValueError)):
            storage.to_encryption({}, {"ServerSideEncryptionConfiguration": unread})


@pytest.mark.parametrize(
    ("selectors", "expected"),
    [
        ({"EventSelectors": [{"ReadWriteType": "All", "IncludeManagementEvents": True}]}, True),
        ({"EventSelectors": [{"ReadWriteType": "WriteOnly", "IncludeManagementEvents": True}]}, True),
        ({"EventSelectors": [{"ReadWriteType": "ReadOnly", "IncludeManagementEvents": True}]}, False),
        ({"EventSelectors": [{"ReadWriteType": "All", "IncludeManagementEvents": False}]}, False),
    ],
)
def test_event_selectors(selectors: Any, expected: bool) -> None:
    assert audit.records_writes(selectors) is expected


@pytest.mark.parametrize(
    "selectors",
    [
        {},
        {"EventSelectors": []},
        {"AdvancedEventSelectors": []},
        {"EventSelectors": [], "AdvancedEventSelectors": []},
        {"EventSelectors": None},
    ],
)
def test_no_event_selectors_do_not_prove_that_nothing_is_recorded(selectors: Any) -> None:
    for function in (audit.records_writes, partial(audit.to_records_objects, {})):
        with pytest.raises(ValueError):
            function(selectors)


MANAGEMENT = {"Field": "eventCategory", "Equals": ["Management"]}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([MANAGEMENT], True),
        ([MANAGEMENT, {"Field": "readOnly", "Equals": ["false"]}], True),
        ([MANAGEMENT, {"Field": "readOnly", "Equals": ["true"]}], False),
        ([MANAGEMENT, {"Field": "readOnly", "NotEquals": ["true"]}], True),
        ([MANAGEMENT, {"Field": "readOnly", "NotEquals": ["false"]}], False),
        ([MANAGEMENT, {"Field": "eventSource", "NotEquals": ["kms.amazonaws.com"]}], True),
        ([MANAGEMENT, {"Field": "eventSource", "NotEquals": ["iam.amazonaws.com"]}], False),
        ([MANAGEMENT, {"Field": "eventSource", "Equals": ["kms.amazonaws.com"]}], False),
        ([MANAGEMENT, {"Field": "eventName", "StartsWith": ["Delete"]}], False),
        ([{"Field": "eventCategory", "Equals": ["Data"]}], False),
    ],
)
def test_advanced_event_selectors(fields: Any, expected: bool) -> None:
    assert audit.records_writes({"AdvancedEventSelectors": [{"FieldSelectors": fields}]}) is expected


def test_a_trail_without_any_selector_is_an_error() -> None:
    with pytest.raises(ValueError):
        audit.records_writes({"TrailARN": "arn:aws:cloudtrail:eu-west-1:111122223333:trail/t"})


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"IsLogging": True}, True),
        ({"IsLogging": True, "LatestDeliveryError": ""}, True),
        ({"IsLogging": False}, False),
        ({"IsLogging": True, "LatestDeliveryError": "NoSuchBucket"}, False),
    ],
)
def test_trail_status(status: Any, expected: bool) -> None:
    assert audit.is_delivering(status) is expected


@pytest.mark.parametrize(
    ("code", "status", "message", "reason"),
    [
        ("AccessDenied", 403, "Access Denied", "denied"),
        ("AccessDeniedException", 400, "not authorized", "denied"),
        ("UnauthorizedOperation", 403, "You are not authorized", "denied"),
        ("SomethingStrange", 403, "", "denied"),
        ("SomethingStrange", 401, "", "denied"),
        (
            "AccessDenied",
            403,
            "x with an explicit deny in a service control policy",
            "denied_by_organisation",
        ),
        (
            "AccessDenied",
            403,
            "x because no service control policy allows the s3:GetBucketAcl action",
            "denied_by_organisation",
        ),
        ("AccessDenied", 403, "with an explicit deny in an identity-based policy", "denied"),
        ("SlowDown", 503, "", "throttled"),
        ("ThrottlingException", 400, "Rate exceeded", "throttled"),
        ("Strange", 429, "", "throttled"),
        ("NotImplemented", 501, "", "unsupported"),
        ("404", 404, "Not yet implemented", "unsupported"),
        ("NoSuchEntity", 404, "", "error"),
        ("NoSuchBucket", 404, "The bucket does not exist", "error"),
        ("InternalError", 500, "", "error"),
        ("", 0, "", "error"),
    ],
)
def test_refusals(code: str, status: int, message: str, reason: str) -> None:
    assert refused(code, status, message) == reason


@pytest.mark.parametrize(
    ("code", "permission"), [("AccessDenied", "s3:X"), ("ExpiredToken", None), ("InternalError", None)]
)
def test_a_permission_is_named_only_for_a_denial(code: str, permission: str | None) -> None:
    status = 500 if code == "InternalError" else 403
    response = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    assert from_response(response, "s3:X", "s3:X").causes[0].permission == permission


def test_messages_are_short_and_without_secrets() -> None:
    text = "no\nway AKIAIOSFODNN7EXAMPLE Signature=abcdef0123456789 " + "x" * 1000
    line = one_line(text + " Encoded authorization failure message: " + "y" * 1000)
    assert "\n" not in line
    assert len(line) == LONGEST_MESSAGE
    assert "AKIA" not in line
    assert "abcdef0123456789" not in line


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_a_client_that_is_not_throttled_never_waits() -> None:
    clock = Clock()
    pace = ClientPace(clock, clock.sleep)
    for _ in range(1000):
        pace.wait()
    assert clock.now == 100.0


def test_a_throttled_client_slows_down_and_recovers() -> None:
    clock = Clock()
    pace = ClientPace(clock, clock.sleep)
    for _ in range(100):
        pace.wait()
    pace.throttled()
    before = clock.now
    for _ in range(70):
        pace.wait()
    assert 0.9 <= clock.now - before <= 1.0
    clock.now += 60
    before = clock.now
    for _ in range(1000):
        pace.wait()
    assert clock.now == before


def test_simultaneous_throttlings_count_once_and_the_pace_has_a_minimum() -> None:
    clock = Clock()
    pace = ClientPace(clock, clock.sleep)
    pace.wait()
    for _ in range(50):
        pace.throttled()
    before = clock.now
    for _ in range(int(SLOWEST) + 1):
        pace.wait()
    assert clock.now - before == pytest.approx(1.0)
