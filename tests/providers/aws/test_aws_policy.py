"""What bucket policies open and whether they refuse plaintext: by the text and with S3's own verdict."""

from __future__ import annotations

import json
from typing import Any

import pytest

from providers.aws.policies.bucket_policy import NOTHING_OPEN
from providers.aws.policies.bucket_policy import openness as openness_of
from providers.aws.policies.bucket_policy import refuses_plaintext as refuses
from scanner.model.evidence import Unknown

OWN = "111122223333"
ARN = "arn:aws:s3:::b"
OBJECTS = f"{ARN}/*"


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: Any = "s3:GetObject", principal: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": principal, "Action": action, "Resource": OBJECTS, **more}


def deny(condition: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    statement = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": [ARN, OBJECTS], **more}
    return statement if condition is None else {**statement, "Condition": condition}


def by_text(*statements: dict[str, Any]) -> tuple[object, object]:
    found = openness_of(policy(*statements), "b", "aws", OWN)
    values = (found.by_text("read"), found.by_text("write"))
    return tuple("?" if isinstance(each, Unknown) else each for each in values)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("principal", "opens"),
    [
        ("*", True),
        ({"AWS": "*"}, True),
        ({"AWS": ["arn:aws:iam::111122223333:root", "*"]}, True),
        ({"Service": "cloudtrail.amazonaws.com", "AWS": "*"}, True),
        ({"AWS": "arn:aws:iam::444455556666:root"}, False),
        ({"AWS": "444455556666"}, False),
        ({"Service": "cloudtrail.amazonaws.com"}, False),
        ({"CanonicalUser": "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"}, False),
        ({"AWS": "arn:aws:iam::*:root"}, "?"),
        ({"Federated": "cognito-identity.amazonaws.com"}, "?"),
    ],
)
def test_principal(principal: Any, opens: object) -> None:
    assert by_text(allow(principal=principal)) == (opens, False)


def test_not_principal_is_everyone() -> None:
    statement = allow()
    statement["NotPrincipal"] = {"AWS": "arn:aws:iam::444455556666:root"}
    del statement["Principal"]
    assert by_text(statement) == (True, False)


@pytest.mark.parametrize(
    ("action", "read", "write"),
    [
        ("s3:GetObject", True, False),
        ("S3:getobject", True, False),
        ("s3:ListBucket", True, False),
        ("s3:Get*", True, False),
        ("s3:*Object", True, True),
        ("s3:*", True, True),
        ("*", True, True),
        ("s3:PutObject", False, True),
        ("s3:DeleteObject", False, True),
        ("s3:PutBucketPolicy", False, True),
        ("s3:PutObjectAcl", False, True),
        ("s3:ReplicateObject", False, True),
        ("s3:SomethingNew", False, True),
        ("s3:GetBucketTagging", False, False),
        ("s3:GetObjectT?gging", False, False),
        (["s3:GetBucketLocation", "s3:GetObject"], True, False),
        ([], False, False),
    ],
)
def test_action(action: Any, read: bool, write: bool) -> None:
    assert by_text(allow(action)) == (read, write)


@pytest.mark.parametrize(
    ("left_out", "read", "write"),
    [
        (["s3:GetObject"], True, True),
        (["s3:Get*", "s3:List*"], False, True),
        (["s3:Put*", "s3:Delete*", "s3:Replicate*"], True, False),
        (["s3:*"], False, False),
    ],
)
def test_not_action(left_out: list[str], read: bool, write: bool) -> None:
    statement = allow()
    del statement["Action"]
    assert by_text({**statement, "NotAction": left_out}) == (read, write)


@pytest.mark.parametrize(
    ("condition", "opens"),
    [
        ({"StringEquals": {"aws:SourceVpce": "vpce-0a1b2c3d"}}, False),
        ({"StringEquals": {"AWS:sourcevpce": ["vpce-0a1b2c3d", "vpce-1"]}}, False),
        ({"StringLike": {"aws:SourceVpc": "vpc-*"}}, True),
        ({"StringEquals": {"aws:PrincipalOrgID": "o-aa111bb222"}}, False),
        ({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-aa111bb222/r-ab12/ou-ab12-1/*"}}, False),
        ({"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-aa111bb222"}}, True),
        ({"StringNotEquals": {"aws:PrincipalOrgID": "o-aa111bb222"}}, True),
        ({"StringEquals": {"aws:PrincipalAccount": "111122223333"}}, False),
        ({"StringEquals": {"aws:SourceAccount": "${aws:PrincipalAccount}"}}, "?"),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:*:*"}}, True),
        ({"ForAllValues:StringEquals": {"aws:PrincipalOrgID": "o-aa111bb222"}}, True),
        ({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, False),
        ({"IpAddress": {"aws:SourceIp": ["203.0.113.0/24", "2001:db8::/32"]}}, False),
        ({"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}, True),
        ({"IpAddress": {"aws:SourceIp": "0.0.0.0/1"}}, True),
        ({"IpAddress": {"aws:SourceIp": ["203.0.113.0/24", "::/0"]}}, True),
        ({"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, True),
        ({"StringEquals": {"s3:DataAccessPointAccount": "111122223333"}}, "?"),
        ({"StringLike": {"s3:DataAccessPointArn": "arn:aws:s3:eu-west-1:111122223333:accesspoint/*"}}, "?"),
        ({"StringLike": {"s3:DataAccessPointArn": "arn:aws:s3:*:*:accesspoint/*"}}, "?"),
        ({"StringLike": {"aws:Referer": "https://www.example.com/*"}}, True),
        ({"Bool": {"aws:SecureTransport": "true"}}, True),
        ({"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}}, True),
        ({"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}, "?"),
        ({"StringEquals": {"aws:PrincipalTag/team": "data"}}, True),
        ({"StringEquals": {"s3:Unheard": "of"}}, "?"),
        (
            {"Bool": {"aws:SecureTransport": "true"}, "StringEquals": {"aws:SourceVpce": "vpce-0a1b2c3d"}},
            False,
        ),
        ({"Bool": {"aws:SecureTransport": "true"}, "Null": {"aws:TokenIssueTime": "false"}}, True),
        ({}, True),
    ],
)
def test_condition(condition: dict[str, Any], opens: object) -> None:
    assert by_text(allow(Condition=condition)) == (opens, False)


@pytest.mark.parametrize(
    ("statement", "closes"),
    [
        (deny(), True),
        (deny(Principal={"AWS": "*"}), True),
        (deny(Resource="*"), True),
        (deny({"StringNotEquals": {"aws:SourceVpce": "vpce-0a1b2c3d"}}), True),
        (
            deny(
                {
                    "StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-aa111bb222"},
                    "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
                }
            ),
            True,
        ),
        (deny({"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}}), True),
        (deny({"NotIpAddress": {"aws:SourceIp": "0.0.0.0/0"}}), False),
        (deny({"StringNotLike": {"aws:SourceVpce": "*"}}), False),
        (deny({"Bool": {"aws:PrincipalIsAWSService": "false"}}), False),
        (deny({"Bool": {"aws:SecureTransport": "false"}}), False),
        (deny({"StringEquals": {"aws:SourceVpce": "vpce-0a1b2c3d"}}), False),
        (deny(Action="s3:GetObject"), False),
        (deny(Resource=OBJECTS), True),
        (deny(Resource=ARN), False),
        (deny(Principal={"AWS": "arn:aws:iam::444455556666:root"}), False),
    ],
)
def test_a_denial_of_everything_to_the_public_closes_the_bucket(
    statement: dict[str, Any], closes: bool
) -> None:
    assert by_text(allow("s3:*"), statement) == (not closes, not closes)


def test_requests_without_credentials_have_an_account_all_the_same() -> None:
    anybody = allow(Condition={"Null": {"aws:PrincipalAccount": "false"}})
    assert by_text(anybody, deny({"Bool": {"aws:PrincipalIsAWSService": "false"}})) == (True, False)


def test_a_denial_of_objects_leaves_the_bucket_itself() -> None:
    whole = allow("s3:*", Resource=[ARN, OBJECTS])
    assert by_text(whole, deny(Resource=OBJECTS)) == (True, True)
    assert by_text(whole, deny(Resource=OBJECTS), deny(Resource=ARN)) == (False, False)
    assert by_text(allow(Resource=[ARN, OBJECTS]), deny(Resource=OBJECTS)) == (False, False)
    assert by_text(allow(), deny(Resource=f"{ARN}/private/*")) == (True, False)


def test_a_denial_with_not_principal_closes_the_bucket_to_all_others() -> None:
    statement = deny()
    del statement["Principal"]
    assert by_text(allow(), {**statement, "NotPrincipal": {"AWS": OWN}}) == (False, False)
    assert by_text(allow(), {**statement, "NotPrincipal": "*"}) == (True, False)


UNSURE = {"DateLessThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}}


@pytest.mark.parametrize(
    ("statements", "public", "read", "write"),
    [
        ([allow()], True, True, False),
        # S3's verdict contradicts the text, which proves it open.
        ([allow()], False, "?", False),
        ([allow("s3:GetBucketTagging")], True, False, False),
        ([allow("s3:GetObject", Condition=UNSURE)], True, True, False),
        ([allow("s3:GetObject", Condition=UNSURE)], False, False, False),
        ([allow("s3:*", Condition=UNSURE)], True, True, True),
        (
            [allow("s3:GetObject", Condition=UNSURE), allow("s3:PutObject", Condition=UNSURE)],
            True,
            "?",
            "?",
        ),
        ([allow("s3:GetObject"), allow("s3:PutObject", Condition=UNSURE)], True, True, "?"),
        ([allow(principal={"AWS": "444455556666"})], True, "?", "?"),
        ([allow("s3:*"), deny()], True, False, False),
    ],
)
def test_with_the_verdict_of_s3(statements: Any, public: bool, read: object, write: object) -> None:
    found = openness_of(policy(*statements), "b", "aws", OWN)
    values = [found.with_verdict(public, "read"), found.with_verdict(public, "write")]
    assert ["?" if isinstance(each, Unknown) else each for each in values] == [read, write]


def test_without_a_policy_nothing_is_open() -> None:
    assert NOTHING_OPEN.by_text("read") is False
    assert NOTHING_OPEN.with_verdict(False, "write") is False


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([deny({"Bool": {"aws:SecureTransport": "false"}})], True),
        ([deny({"Bool": {"aws:SecureTransport": False}})], True),
        ([deny({"bool": {"AWS:SECURETRANSPORT": ["false"]}})], True),
        ([deny({"BoolIfExists": {"aws:SecureTransport": "false"}})], True),
        ([deny({"Bool": {"aws:SecureTransport": "false"}}, Action=["s3:*"], Resource="*")], True),
        ([deny({"Bool": {"aws:SecureTransport": "false"}}, Action="*", Resource="arn:aws:s3:::b*")], True),
        (
            [
                deny({"Bool": {"aws:SecureTransport": "false"}}, Resource=ARN),
                deny({"Bool": {"aws:SecureTransport": "false"}}, Resource=OBJECTS),
            ],
            True,
        ),
        ([deny({"NumericLessThanIfExists": {"s3:TlsVersion": "1.2"}})], True),
        ([deny({"NumericLessThan": {"s3:TlsVersion": "1.2"}})], False),
        ([deny({"Bool": {"aws:SecureTransport": "true"}})], False),
        ([deny({"Bool": {"aws:SecureTransport": "false"}}, Action="s3:GetObject")], False),
        ([deny({"Bool": {"aws:SecureTransport": "false"}}, Resource=OBJECTS)], False),
        ([deny({"Bool": {"aws:SecureTransport": "false"}}, Resource=ARN)], False),
        ([deny({"Bool": {"aws:SecureTransport": "false"}}, Resource=[ARN, f"{ARN}/private/*"])], False),
        ([deny({"Bool": {"aws:SecureTransport": "false"}}, Resource=[ARN, f"{ARN}/?"])], False),
        ([deny({"Bool": {"aws:SecureTransport": "false"}}, Principal={"AWS": "444455556666"})], False),
        (
            [
                deny(
                    {
                        "Bool": {"aws:SecureTransport": "false"},
                        "IpAddress": {"aws:SourceIp": "203.0.113.0/24"},
                    }
                )
            ],
            False,
        ),
        ([allow(Condition={"Bool": {"aws:SecureTransport": "true"}})], False),
        ([], False),
    ],
)
def test_tls_only(statements: Any, expected: bool) -> None:
    assert refuses(policy(*statements), "b", "aws", OWN) is expected


def test_a_statement_need_not_be_in_a_list() -> None:
    assert openness_of(json.dumps({"Statement": allow()}), "b", "aws", OWN).by_text("read") is True


def test_the_partition_is_part_of_the_resource() -> None:
    text = policy(
        deny(
            {"Bool": {"aws:SecureTransport": "false"}}, Resource=["arn:aws-cn:s3:::b", "arn:aws-cn:s3:::b/*"]
        )
    )
    assert refuses(text, "b", "aws-cn", OWN)
    assert not refuses(text, "b", "aws", OWN)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        policy({"Effect": "Allow"}),
        policy({**allow(), "Effect": "allow"}),
        policy({**allow(), "NotPrincipal": "*"}),
        policy({**allow(), "NotAction": "s3:*"}),
        policy({**allow(), "Suprise": 1}),
        policy(allow(principal={})),
        policy(allow(principal={"AWS": 1})),
        policy(allow(action=[1])),
        policy(allow(Condition=[])),
        policy(allow(Condition={"Bool": "x"})),
        policy(allow(Condition={"Bool": {"aws:SecureTransport": None}})),
        policy(allow(Condition={"IpAddress": {"aws:SourceIp": "here"}})),
        '{"Statement": [], "Statement": []}',
    ],
)
def test_what_is_not_a_policy_is_an_error(text: str) -> None:
    with pytest.raises(ValueError):
        openness_of(text, "b", "aws", OWN)
