from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from providers.aws.client.calls import AwsCall
from providers.aws.client.client import AwsCaller
from providers.aws.client.session import AwsClients, NotInTables, open_session
from providers.aws.iam.credential_report import GENERATE_REPORT
from providers.aws.scopes import connect
from providers.aws.tables import COLLECTORS, all_calls, calls
from providers.sandbox.aws.faults import IDENTITY
from providers.sandbox.aws.server import AwsSandbox
from scanner.collect.provider import ConnectionRequest, Limits, Unreachable
from scanner.model.evidence import Unknown
from tests.providers.aws.aws_scan import QUICK, Scan, named

ACCOUNT = "111122223333"


def refused(request: ConnectionRequest | None = None, limits: Limits = QUICK) -> Unreachable:
    with pytest.raises(Unreachable) as caught:
        connect(request or ConnectionRequest("aws"), limits)
    assert "\n" not in caught.value.message
    assert caught.value.advice
    assert caught.value.provider == "aws"
    return caught.value


def test_the_target_names_the_identity_and_the_account(sandbox: AwsSandbox) -> None:
    (target,) = connect(ConnectionRequest("aws"), QUICK).targets
    assert (target.scope, target.identity, target.reached, target.message) == (ACCOUNT, IDENTITY, True, None)


def test_connecting_only_gets_the_caller_identity(sandbox: AwsSandbox) -> None:
    connect(ConnectionRequest("aws"), QUICK)
    assert sandbox.calls == {"sts:GetCallerIdentity": 1}


def test_an_account_that_the_credentials_do_not_belong_to_is_not_reached(sandbox: AwsSandbox) -> None:
    targets = connect(ConnectionRequest("aws", scopes=("444455556666", ACCOUNT)), QUICK).targets
    assert {(target.scope, target.reached) for target in targets} == {
        (ACCOUNT, True),
        ("444455556666", False),
    }
    error = refused(ConnectionRequest("aws", scopes=("444455556666",)))
    assert error.scope == "444455556666"
    assert ACCOUNT in error.message


def test_a_role_is_assumed_first(scan: Scan, sandbox: AwsSandbox) -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/auditor"
    inventory = scan(ConnectionRequest("aws", role=role), wanted={"bucket": frozenset({"versioning"})})
    assert inventory.targets[0].identity == f"arn:aws:sts::{ACCOUNT}:assumed-role/auditor/gapscan"
    assert inventory.calls["aws"]["sts:AssumeRole"] == 1
    assert len(named(inventory, "bucket")) == 7


def test_a_role_that_cannot_be_assumed(sandbox: AwsSandbox) -> None:
    sandbox.fault = lambda name: "denied" if name == "sts:AssumeRole" else None
    error = refused(ConnectionRequest("aws", role=f"arn:aws:iam::{ACCOUNT}:role/auditor"))
    assert "role/auditor" in error.message
    assert "sts:AssumeRole" in error.advice


def test_no_credentials(sandbox: AwsSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert "credentials" in refused().message
    assert (
        "credentials"
        in refused(ConnectionRequest("aws", role=f"arn:aws:iam::{ACCOUNT}:role/auditor")).message
    )


def test_half_of_the_credentials(sandbox: AwsSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert "credentials" in refused().message


def test_a_profile_that_does_not_exist(
    sandbox: AwsSandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    config.write_text("[profile payments]\nregion = eu-west-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    error = refused(ConnectionRequest("aws", profile="paymnets"))
    assert "paymnets" in error.message
    assert "payments" in error.advice


@pytest.mark.parametrize("fault", ["denied", "failing", "malformed", "reset", "throttled"])
def test_no_caller_identity(sandbox: AwsSandbox, fault: Any) -> None:
    sandbox.fault = lambda name: fault
    refused()


def test_a_region_that_does_not_exist(sandbox: AwsSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    error = refused(ConnectionRequest("aws", regions=("eu-wset-1",)))
    assert "eu-wset-1" in error.message
    assert "eu-west-1" in error.advice
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-wset-1")
    assert "eu-wset-1" in refused().message


def test_an_unknown_region_is_refused_even_without_the_list_of_regions(sandbox: AwsSandbox) -> None:
    sandbox.fault = lambda name: "denied" if name == "ec2:DescribeRegions" else None
    assert "eu-wset-1" in refused(ConnectionRequest("aws", regions=("eu-wset-1",))).message


def test_nothing_listens_at_the_endpoint(sandbox: AwsSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    error = refused()
    assert "did not answer" in error.message
    assert "AWS_ENDPOINT_URL" in error.advice


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that accepts connections and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_the_endpoint_never_answers(
    sandbox: AwsSandbox, monkeypatch: pytest.MonkeyPatch, silent: int
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent}")
    assert "did not answer" in refused(limits=Limits(0.3, 0.3, 1)).message


@pytest.mark.parametrize("endpoint", ["http://aws.example.com", "http://203.0.113.7:4566"])
def test_plaintext_is_refused_except_on_loopback(
    sandbox: AwsSandbox, monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    assert "not encrypted" in refused().message
    assert not sandbox.calls


@pytest.fixture
def clients(sandbox: AwsSandbox) -> AwsClients:
    return open_session(ConnectionRequest("aws"), QUICK, tuple(all_calls()))


@pytest.mark.parametrize(
    ("service", "method", "arguments"),
    [
        ("s3", "delete_bucket", {"Bucket": "audit-logs"}),
        ("s3", "get_object", {"Bucket": "audit-logs", "Key": "x"}),
        ("s3", "head_bucket", {"Bucket": "audit-logs"}),
        ("s3", "put_bucket_policy", {"Bucket": "audit-logs", "Policy": "{}"}),
        ("cloudtrail", "stop_logging", {"Name": "payments-events"}),
        ("iam", "list_users", {}),
        ("iam", "create_access_key", {"UserName": "deploy-bot"}),
    ],
)
def test_nothing_but_the_listed_reads_is_sent(
    clients: AwsClients, sandbox: AwsSandbox, service: str, method: str, arguments: dict[str, str]
) -> None:
    # A client has no other operations; what the SDK itself calls is refused.
    with pytest.raises(NotInTables if method == "head_bucket" else AttributeError):
        getattr(clients.client(service, None), method)(**arguments)
    assert not sandbox.calls


def test_a_call_outside_the_tables_is_a_defect_not_an_unknown(clients: AwsClients) -> None:
    caller = AwsCaller(clients, ACCOUNT, "aws", frozenset())
    with pytest.raises(NotInTables):
        caller.answer(AwsCall("iam", "ListUsers"), caller.item())


def test_one_client_serves_all_threads(clients: AwsClients) -> None:
    assert clients.client("s3", "eu-west-1") is clients.client("s3", None)
    assert clients.client("s3", "us-east-1") is not clients.client("s3", "eu-west-1")


def test_all_calls_only_read_and_name_their_permission() -> None:
    # Generating the credential report changes nothing in the customer's account.
    for call in all_calls() - {AwsCall("sts", "AssumeRole"), GENERATE_REPORT}:
        assert call.operation.startswith(("Get", "List", "Describe")), call.name
        assert call.permission is not None or call.name == "sts:GetCallerIdentity"
        if call.permission is not None:
            assert call.permission.split(":")[0] == call.service.replace("s3control", "s3")


def test_the_operations_exist_in_the_sdk() -> None:
    import botocore.session

    session = botocore.session.get_session()
    for call in all_calls():
        assert call.operation in session.get_service_model(call.service).operation_names


def test_a_scan_makes_exactly_the_calls_that_its_tables_name(scan: Scan, sandbox: AwsSandbox) -> None:
    scan()
    named_calls = {call.name for c in COLLECTORS for call in calls(c, frozenset(c.facets))}
    # GetBucketLocation is called only if the listing does not return the bucket's region.
    assert sandbox.calls.keys() == (named_calls | {"sts:GetCallerIdentity"}) - {"s3:GetBucketLocation"}


def test_an_endpoint_that_does_not_know_an_operation(sandbox: AwsSandbox, clients: AwsClients) -> None:
    caller = AwsCaller(clients, ACCOUNT, "aws", frozenset())
    missing = AwsCall("s3", "GetBucketAcl", parameters=(("Bucket", "Name"),))
    answer = caller.answer(missing, {**caller.item(), "Name": "no-such-bucket"})
    assert isinstance(answer, Unknown)
    assert answer.causes[0].reason == "error"
    assert "NoSuchBucket" in answer.causes[0].message
