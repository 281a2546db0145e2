"""Responses that must not be mistaken for "closed", "customer managed" or "none"."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from providers.aws import storage
from providers.aws.account import TAGS
from providers.aws.client.client import AwsCaller, AwsQuestion
from providers.aws.client.failures import one_line
from providers.aws.client.session import open_session
from providers.aws.policies.bucket_policy import openness
from providers.aws.scopes import connect
from providers.aws.tables import all_calls, calls
from providers.sandbox.aws.server import AwsSandbox
from scanner.collect.provider import ConnectionRequest, Unreachable
from scanner.model.evidence import Unknown
from scanner.model.resources.storage import Encryption
from tests.providers.aws.aws_scan import QUICK, Scan, named

ACCOUNT = "111122223333"
S3 = "http://s3.amazonaws.com/doc/2006-03-01/"
SETTINGS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
Reply = Callable[[str, dict[str, Any]], str]
"""An endpoint's response body, from the operation or the query, and the JSON body of the request."""


class Endpoint:
    """A local AWS endpoint with a fixed response, and its caller."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.regions: list[str] = []
        """The region that each request was signed for."""

    def caller(self) -> AwsCaller:
        return AwsCaller(
            open_session(ConnectionRequest("aws"), QUICK, tuple(all_calls())), ACCOUNT, "aws", frozenset()
        )

    def answer(self, call: AwsQuestion, **item: str) -> Any:
        caller = self.caller()
        return caller.answer(call, {**caller.item(), "Name": "b", **item})


@pytest.fixture
def serve(sandbox: AwsSandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Reply], Endpoint]]:
    servers: list[ThreadingHTTPServer] = []

    def served(reply: Reply) -> Endpoint:
        endpoint = Endpoint()

        class Handler(BaseHTTPRequestHandler):
            def do(self) -> None:
                content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                target = self.headers.get("X-Amz-Target")
                name = target.rpartition(".")[2] if target else self.path.partition("?")[2]
                said = json.loads(content) if target else {}
                endpoint.asked.append((name, said))
                endpoint.regions.append(self.headers["Authorization"].split("/")[2])
                body = reply(name, said).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do

            def log_message(self, *_: Any) -> None:
                """Logs nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        servers.append(server)
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        return endpoint

    yield served
    for server in servers:
        server.shutdown()
        server.server_close()


def status(text: str) -> str:
    return f'<PolicyStatus xmlns="{S3}"><IsPublic>{text}</IsPublic></PolicyStatus>'


def block(name: str, text: str) -> str:
    settings = "".join(f"<{each}>{text if each == name else 'false'}</{each}>" for each in SETTINGS)
    return f'<PublicAccessBlockConfiguration xmlns="{S3}">{settings}</PublicAccessBlockConfiguration>'


# XML booleans


@pytest.mark.parametrize(
    ("text", "public"),
    [("true", True), ("TRUE", True), (" True\n", True), ("false", False), ("FALSE", False)],
)
def test_a_boolean_is_read_in_any_spelling(
    serve: Callable[[Reply], Endpoint], text: str, public: bool
) -> None:
    answer = serve(lambda *_: status(text)).answer(storage.GET_POLICY_STATUS)
    assert storage.to_policy_status({}, answer) is public


@pytest.mark.parametrize("text", ["", " ", "maybe", "1", "yes", "truefalse", "<Value>true</Value>"])
def test_an_invalid_boolean_is_never_false(serve: Callable[[Reply], Endpoint], text: str) -> None:
    answer = serve(lambda *_: status(text)).answer(storage.GET_POLICY_STATUS)
    assert isinstance(answer, Unknown)
    (cause,) = answer.causes
    assert (cause.reason, cause.call) == ("error", "s3:GetBucketPolicyStatus")
    assert "IsPublic" in cause.message


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_of_a_block_is_checked(serve: Callable[[Reply], Endpoint], name: str) -> None:
    answer = serve(lambda *_: block(name, "TRUE")).answer(storage.GET_BLOCK)
    assert answer["PublicAccessBlockConfiguration"] == {each: each == name for each in SETTINGS}
    assert isinstance(serve(lambda *_: block(name, "on")).answer(storage.GET_BLOCK), Unknown)


@pytest.mark.parametrize(
    "body", ["", "<html/>", f'<Error xmlns="{S3}"><Code>X</Code></Error>', "<PolicyStatus>"]
)
def test_another_document_is_unknown(serve: Callable[[Reply], Endpoint], body: str) -> None:
    assert isinstance(serve(lambda *_: body).answer(storage.GET_POLICY_STATUS), Unknown)


def test_an_invalid_boolean_does_not_end_a_listing(serve: Callable[[Reply], Endpoint]) -> None:
    def aliases(truncated: str) -> str:
        return (
            "<ListAccountAliasesResponse><ListAccountAliasesResult><AccountAliases/>"
            f"<IsTruncated>{truncated}</IsTruncated></ListAccountAliasesResult></ListAccountAliasesResponse>"
        )

    call = next(call for call in all_calls() if call.name == "iam:ListAccountAliases")
    assert serve(lambda *_: aliases("TRUE")).answer(call)["IsTruncated"] is True
    assert isinstance(serve(lambda *_: aliases("?")).answer(call), Unknown)


# S3's verdict and the text

ARN = "arn:aws:s3:::b"
ANYONE = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"{ARN}/*"}


def denied(action: str, condition: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": [ARN, f"{ARN}/*"],
        "Condition": condition,
        **more,
    }


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def exposed(text: str, public: Any, *, restricted: bool = False) -> Any:
    """Whether the policy opens reading, with ``public`` as S3's verdict."""
    found = openness(text, "b", "aws", ACCOUNT) if text else DENIED
    return storage.open_by_policy("read", frozenset(), True, False, False, public, found, restricted, False)


DENIED = Unknown.because("denied", "s3:GetBucketPolicy", "s3:GetBucketPolicy", "no")
PLAINTEXT = {"Bool": {"aws:SecureTransport": "false"}}


@pytest.mark.parametrize(
    "deny",
    [
        [],
        [denied("s3:*", PLAINTEXT)],
        [denied("s3:GetObject", {"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}})],
        [denied("s3:PutObject", {"StringNotEquals": {"aws:SourceVpce": "vpce-0a1b2c3d"}})],
        [denied("s3:GetObject", {}, Principal={"AWS": "444455556666"})],
    ],
)
def test_s3_reporting_not_public_what_the_text_proves_open_is_unknown(deny: list[dict[str, Any]]) -> None:
    found = exposed(policy(ANYONE, *deny), False)
    assert isinstance(found, Unknown)
    assert "contradict" in found.causes[0].message
    assert exposed(policy(ANYONE, *deny), True) is True
    assert exposed(policy(ANYONE, *deny), False, restricted=True) is False


@pytest.mark.parametrize(
    "condition",
    [
        {"StringNotEquals": {"aws:SourceVpce": "vpce-0a1b2c3d"}},
        {"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}},
        {"NumericGreaterThan": {"s3:Unheard": "1"}},
    ],
)
def test_a_denial_that_the_text_proves_or_s3_decides_closes(condition: dict[str, Any]) -> None:
    assert exposed(policy(ANYONE, denied("s3:GetObject", condition)), False) is False
    all_but = {"NotPrincipal": {"AWS": "444455556666"}}
    statement = denied("s3:GetObject", condition, **all_but)
    del statement["Principal"]
    assert exposed(policy(ANYONE, statement), False) is False


# Denials that the sender can avoid


@pytest.mark.parametrize(
    "key",
    [
        "s3:x-amz-server-side-encryption",
        "s3:x-amz-server-side-encryption-aws-kms-key-id",
        "s3:x-amz-acl",
        "s3:x-amz-grant-read",
        "s3:RequestObjectTag/class",
        "s3:x-amz-storage-class",
        "aws:Referer",
        "aws:UserAgent",
    ],
)
@pytest.mark.parametrize("operator", ["StringNotEquals", "StringNotEqualsIfExists", "StringNotLike"])
def test_a_denial_on_what_the_sender_sets_closes_nothing(key: str, operator: str) -> None:
    value = "arn:aws:kms:eu-west-1:111122223333:key/7d0f3f9a-1f3c-4c55-9b0a-9c1f7a2f4e11"
    found = openness(policy(ANYONE, denied("s3:*", {operator: {key: value}})), "b", "aws", ACCOUNT)
    assert found.by_text("read") is True


def test_a_grant_that_requires_a_key_is_undecided_by_the_text() -> None:
    key = {"StringEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": "arn:aws:kms:::key/k"}}
    found = openness(policy({**ANYONE, "Action": "s3:PutObject", "Condition": key}), "b", "aws", ACCOUNT)
    assert isinstance(found.by_text("write"), Unknown)
    assert found.with_verdict(False, "write") is False


# Access points

THROUGH = [
    {"StringEquals": {"s3:DataAccessPointAccount": ACCOUNT}},
    {"StringLike": {"s3:DataAccessPointArn": f"arn:aws:s3:eu-west-1:{ACCOUNT}:accesspoint/*"}},
    {"ArnLike": {"s3:DataAccessPointArn": f"arn:aws:s3:eu-west-1:{ACCOUNT}:accesspoint/web"}},
]


@pytest.mark.parametrize("condition", THROUGH)
@pytest.mark.parametrize("public", [False, True, DENIED])
def test_what_is_delegated_to_access_points_is_unknown(condition: dict[str, Any], public: Any) -> None:
    text = policy({**ANYONE, "Condition": condition})
    assert isinstance(exposed(text, public), Unknown)
    assert exposed(text, public, restricted=True) is False


@pytest.mark.parametrize("condition", THROUGH)
def test_access_points_open_only_what_is_delegated(condition: dict[str, Any]) -> None:
    ours = {
        **condition,
        "StringNotEquals": {},
        "ForAnyValue:StringEquals": {"aws:PrincipalOrgID": "o-aa111bb222"},
    }
    assert exposed(policy({**ANYONE, "Condition": ours}), False) is False
    found = openness(policy({**ANYONE, "Condition": condition}), "b", "aws", ACCOUNT)
    assert found.with_verdict(False, "write") is False


def test_a_denial_to_all_but_an_access_point_closes_nothing() -> None:
    text = policy(ANYONE, denied("s3:*", {"StringNotEquals": {"s3:DataAccessPointAccount": ACCOUNT}}))
    assert isinstance(openness(text, "b", "aws", ACCOUNT).by_text("read"), Unknown)


def test_an_unread_policy_may_delegate_to_access_points() -> None:
    assert exposed("", False) == DENIED
    assert exposed("", None) is False


# ACLs


@pytest.mark.parametrize(
    "grantee",
    [
        {"Type": "Group", "URI": "http://acs.amazonaws.com/groups/global/Everybody"},
        {"Type": "Group", "URI": "https://acs.amazonaws.com/groups/global/AllUsers"},
        {"Type": "Group", "URI": ""},
        {"Type": "Group"},
        {"Type": "Tribe", "ID": "x"},
        {"Type": "CanonicalUser", "URI": "http://acs.amazonaws.com/groups/global/AllUsers"},
        {"ID": "x"},
        {},
    ],
)
def test_an_unknown_grantee_is_an_error(grantee: dict[str, str]) -> None:
    answer = {"Grants": [{"Grantee": grantee, "Permission": "READ"}]}
    with pytest.raises((KeyError, ValueError)):
        storage.to_acl_grants({}, answer)


@pytest.mark.parametrize(
    "grantee",
    [
        {"Type": "CanonicalUser", "ID": "x"},
        {"Type": "AmazonCustomerByEmail", "EmailAddress": "somebody@example.com"},
        {"Type": "Group", "URI": "http://acs.amazonaws.com/groups/s3/LogDelivery"},
    ],
)
def test_grantees_that_are_not_everyone(grantee: dict[str, str]) -> None:
    answer = {"Grants": [{"Grantee": grantee, "Permission": "FULL_CONTROL"}]}
    assert storage.to_acl_grants({}, answer) == frozenset()


# Tags of the account


def tag_pages(*pages: dict[str, Any]) -> Reply:
    return lambda name, said: json.dumps(pages[int(said.get("NextToken", "0"))])


ENV, OWNER = {"Key": "env", "Value": "prod"}, {"Key": "owner", "Value": "platform"}


def test_tags_are_read_to_the_last_page(serve: Callable[[Reply], Endpoint]) -> None:
    first, second = {"Tags": [ENV], "NextToken": "1"}, {"Tags": [], "NextToken": "2"}
    endpoint = serve(tag_pages(first, second, {"Tags": [OWNER]}))
    assert endpoint.answer(TAGS) == {"Tags": [ENV, OWNER]}
    assert [said for _, said in endpoint.asked] == [
        {"ResourceId": ACCOUNT},
        {"ResourceId": ACCOUNT, "NextToken": "1"},
        {"ResourceId": ACCOUNT, "NextToken": "2"},
    ]


def test_an_empty_page_is_not_an_account_without_tags(serve: Callable[[Reply], Endpoint]) -> None:
    endpoint = serve(tag_pages({"Tags": [], "NextToken": "1"}, {"Tags": [OWNER]}))
    assert endpoint.answer(TAGS) == {"Tags": [OWNER]}


def test_partial_tags_are_unknown(serve: Callable[[Reply], Endpoint]) -> None:
    assert isinstance(serve(tag_pages({"Tags": [ENV], "NextToken": "1"}, {})).answer(TAGS), Unknown)
    assert isinstance(serve(lambda *_: json.dumps({"NextToken": "1"})).answer(TAGS), Unknown)


def test_an_endless_listing_of_tags_is_unknown(serve: Callable[[Reply], Endpoint]) -> None:
    answer = serve(lambda *_: json.dumps({"Tags": [], "NextToken": "again"})).answer(TAGS)
    assert isinstance(answer, Unknown)
    assert "does not end" in answer.causes[0].message


# Who manages a key

KEY_ID = "7d0f3f9a-1f3c-4c55-9b0a-9c1f7a2f4e11"


def key_arn(region: str, name: str = f"key/{KEY_ID}", account: str = ACCOUNT) -> str:
    return f"arn:aws:kms:{region}:{account}:{name}"


def encrypted(key: str | None, manager: str = "CUSTOMER", algorithm: str = "aws:kms") -> Reply:
    master = "" if key is None else f"<KMSMasterKeyID>{key}</KMSMasterKeyID>"
    rule = (
        f'<ServerSideEncryptionConfiguration xmlns="{S3}"><Rule><ApplyServerSideEncryptionByDefault>'
        f"<SSEAlgorithm>{algorithm}</SSEAlgorithm>{master}</ApplyServerSideEncryptionByDefault>"
        "<BucketKeyEnabled>false</BucketKeyEnabled></Rule></ServerSideEncryptionConfiguration>"
    )
    metadata = json.dumps({"KeyMetadata": {"KeyId": KEY_ID, "KeyManager": manager}})
    return lambda name, _: metadata if name == "DescribeKey" else rule


def bucket_encryption(endpoint: Endpoint) -> Any:
    caller = endpoint.caller()
    item = {**caller.item("eu-west-1"), "Name": "b"}
    answer = caller.answer(storage.ENCRYPTION, item)
    if isinstance(answer, Unknown):
        return answer
    return caller.read(storage.ENCRYPTION, storage.to_encryption, item, answer)


@pytest.mark.parametrize(("manager", "party"), [("CUSTOMER", "customer"), ("AWS", "provider")])
@pytest.mark.parametrize(
    ("key", "described"),
    [
        (key_arn("eu-west-1"), key_arn("eu-west-1")),
        (key_arn("us-east-2", account="444455556666"), key_arn("us-east-2", account="444455556666")),
        (KEY_ID, key_arn("eu-west-1")),
    ],
)
def test_the_key_manager_is_read_from_kms(
    serve: Callable[[Reply], Endpoint], key: str, described: str, manager: str, party: Any
) -> None:
    endpoint = serve(encrypted(key, manager))
    assert bucket_encryption(endpoint) == Encryption(key=party, key_id=key)
    assert [said for name, said in endpoint.asked if name == "DescribeKey"] == [{"KeyId": described}]
    assert endpoint.regions == ["eu-west-1", described.split(":")[3]]


@pytest.mark.parametrize(
    ("key", "algorithm", "party"),
    [
        (None, "AES256", "provider"),
        (None, "aws:kms", "provider"),
        ("alias/aws/s3", "aws:kms", "provider"),
        (key_arn("eu-west-1", "alias/aws/s3"), "aws:kms", "provider"),
        ("alias/aws/ebs", "aws:kms", "provider"),
        ("alias/pay-data", "aws:kms:dsse", "customer"),
        (key_arn("eu-west-1", "alias/pay-data"), "aws:kms", "customer"),
    ],
)
def test_kms_is_not_called_if_the_encryption_rule_is_enough(
    serve: Callable[[Reply], Endpoint], key: str | None, algorithm: str, party: Any
) -> None:
    endpoint = serve(encrypted(key, algorithm=algorithm))
    assert bucket_encryption(endpoint) == Encryption(key=party, key_id=key)
    assert [name for name, _ in endpoint.asked] == ["encryption"]


@pytest.mark.parametrize(
    "key", ["arn:aws:s3:::b", "arn:aws:sns:eu-west-1:111122223333:key/x", "arn:", "a:b:c"]
)
def test_what_is_not_a_kms_key_is_unknown(serve: Callable[[Reply], Endpoint], key: str) -> None:
    assert isinstance(bucket_encryption(serve(encrypted(key))), Unknown)


@pytest.mark.parametrize("manager", ["", "SOMEBODY"])
def test_an_unknown_key_manager_is_not_the_customer(serve: Callable[[Reply], Endpoint], manager: str) -> None:
    assert isinstance(bucket_encryption(serve(encrypted(KEY_ID, manager))), Unknown)


ENCRYPTIONS = {"bucket": frozenset({"encryption"})}


def test_a_key_is_described_once_for_all_buckets(scan: Scan, sandbox: AwsSandbox) -> None:
    buckets = named(scan(wanted=ENCRYPTIONS), "bucket")
    ours = {name for name, b in buckets.items() if b.encryption.key == "customer"}  # type: ignore[attr-defined]
    assert ours == {"pay-receipts", "invoices-2024"}
    assert sandbox.calls["kms:DescribeKey"] == 1


def test_a_key_that_cannot_be_described_hides_only_the_encryption_of_its_buckets(
    scan: Scan, sandbox: AwsSandbox
) -> None:
    sandbox.fault = lambda name: "denied" if name == "kms:DescribeKey" else None
    buckets = named(scan(wanted=ENCRYPTIONS), "bucket")
    assert {name for name, bucket in buckets.items() if bucket.unknowns()} == {
        "pay-receipts",
        "invoices-2024",
    }


def test_the_permission_is_among_those_of_the_facet() -> None:
    needed = {call.permission for call in calls(storage.BUCKETS, frozenset({"encryption"}))}
    assert "kms:DescribeKey" in needed
    assert "kms:DescribeKey" not in {call.permission for call in calls(storage.BUCKETS, frozenset())}


# Secrets in messages


@pytest.mark.parametrize(
    "url",
    [
        "http://gapscan:hunter2@proxy.example.com:3128/",
        "https://gapscan:hunter2@example.com",
        "http://hunter2@example.com",
        "http://:hunter2@example.com",
        "http://gapscan:hun/hunter2@example.com",
        "http://gapscan:hun@hunter2@example.com/",
        "//gapscan:hunter2@example.com",
    ],
)
def test_the_password_of_a_url_is_removed(url: str) -> None:
    line = one_line(f'Could not connect to the endpoint URL: "{url}" now')
    assert "hunter2" not in line
    assert "gapscan" not in line
    assert "example.com" in line
    assert line.endswith(" now")


def test_urls_without_a_password_are_unchanged() -> None:
    line = "see https://example.com:8443/a?b=c&d=e and write to somebody@example.com"
    assert one_line(line) == line


def unreachable() -> Unreachable:
    with pytest.raises(Unreachable) as caught:
        connect(ConnectionRequest("aws"), QUICK)
    return caught.value


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://gapscan:hunter2@198.51.100.7:9",
        "http://gapscan:hun/hunter2@198.51.100.7",
        "http://gapscan:hunter2@127.0.0.1:1",
    ],
)
def test_an_endpoint_that_is_refused_is_named_without_its_password(
    sandbox: AwsSandbox, monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    error = unreachable()
    assert "hunter2" not in error.message + error.advice


def test_the_refusal_of_plaintext_contains_no_password(
    sandbox: AwsSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://gapscan:hunter2@198.51.100.7:9")
    clients = open_session(ConnectionRequest("aws"), QUICK, tuple(all_calls()))
    with pytest.raises(ValueError, match=r"^http://198\.51\.100\.7 is not encrypted"):
        clients.client("sts", None)


PROCESS = "import sys; sys.stderr.write('no session, SecretAccessKey hunter2'); print('hunter2'); sys.exit(1)"


def test_the_output_of_a_credential_process_is_not_reported(
    sandbox: AwsSandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = tmp_path / "sign_in.py"
    script.write_text(PROCESS)
    config = tmp_path / "config"
    config.write_text(f"[default]\ncredential_process = {sys.executable} {script}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    error = unreachable()
    assert "custom-process" in error.message
    assert "hunter2" not in error.message + error.advice
    caller = AwsCaller(
        open_session(ConnectionRequest("aws"), QUICK, tuple(all_calls())), ACCOUNT, "aws", frozenset()
    )
    answer = caller.answer(storage.GET_VERSIONING, {**caller.item(), "Name": "b"})
    assert isinstance(answer, Unknown)
    assert "custom-process" in answer.causes[0].message
    assert "hunter2" not in answer.causes[0].message
