"""Units: the guard, the pacing, the endpoints, the failures, the batches of Resource Graph."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from providers.azure.client.caller import Graph
from providers.azure.client.calls import GRAPH_PATH, ArmCall, GraphCall
from providers.azure.client.client import ResourceManager, rows
from providers.azure.client.endpoints import endpoints
from providers.azure.client.failures import one_line, refused
from providers.azure.client.guard import NotReadOnly, RequestGuard
from providers.azure.client.pace import QueryPace, pause
from providers.azure.client.sign_in import refusal
from providers.azure.client.token_identity import sign_in
from providers.azure.storage import BLOB_SERVICE, CONTAINERS, STORAGE_ACCOUNTS
from providers.sandbox.azure.server import AzureSandbox
from scanner.model.evidence import Observed, Unknown
from tests.providers.azure.azure_scan import LIMITS

HOST = "management.azure.com"
SUB = "/subscriptions/0a0a0a0a-1111-4222-8333-444455556666"
ACCOUNT = f"{SUB}/resourceGroups/My_Group(1)/providers/Microsoft.Storage/storageAccounts/shop"
ABSENT = ArmCall("x/Y", "x/y/read", SUB, "1", absent=frozenset({"NotConfigured"}))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"{ACCOUNT}/blobServices/default"),
        (
            "GET",
            f"{SUB}/resourceGroups/a..b/providers/Microsoft.Storage/storageAccounts/s/blobServices/default",
        ),
        ("GET", f"{ACCOUNT.upper()}/blobservices/DEFAULT?api-version=2023-05-01"),
        ("POST", f"{GRAPH_PATH}?api-version=2022-10-01"),
    ],
)
def test_the_guard_allows_known_reads(method: str, path: str) -> None:
    RequestGuard(HOST, [BLOB_SERVICE, STORAGE_ACCOUNTS]).check(method, f"https://{HOST}{path}")


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("PUT", f"https://{HOST}{ACCOUNT}/blobServices/default"),
        ("DELETE", f"https://{HOST}{ACCOUNT}/blobServices/default"),
        ("POST", f"https://{HOST}{ACCOUNT}/listKeys"),
        ("POST", f"https://{HOST}{ACCOUNT}/blobServices/default"),
        ("GET", f"https://{HOST}{GRAPH_PATH}"),
        ("GET", f"https://{HOST}{ACCOUNT}"),
        ("GET", f"https://{HOST}{ACCOUNT}/blobServices/default/containers"),
        ("GET", f"https://{HOST}{SUB}/resourceGroups/g/../x/providers/a/b/c/blobServices/default"),
        ("GET", f"https://evil.example.com{ACCOUNT}/blobServices/default"),
        ("GET", f"https://{HOST}@evil.example.com{ACCOUNT}/blobServices/default"),
        ("GET", f"http://{HOST}{ACCOUNT}/blobServices/default"),
    ],
)
def test_the_guard_stops_everything_else(method: str, url: str) -> None:
    with pytest.raises(NotReadOnly):
        RequestGuard(HOST, [BLOB_SERVICE]).check(method, url)


def test_an_operation_in_no_table_is_never_sent(azure: AzureSandbox) -> None:
    import os

    where = endpoints(os.environ)
    manager = ResourceManager(where, sign_in(where, LIMITS), LIMITS, [BLOB_SERVICE])
    azure.calls.clear()
    with pytest.raises(NotReadOnly):
        manager.get(CONTAINERS, "", ACCOUNT, lambda operation: None)
    assert not azure.calls


@pytest.mark.parametrize(
    ("headers", "attempt", "expected"),
    [
        ({}, 1, 0.5),
        ({}, 3, 2.0),
        ({}, 12, 30.0),
        ({"Retry-After": "7"}, 1, 7.0),
        ({"Retry-After": "0"}, 4, 0.0),
        ({"Retry-After": "3600"}, 1, 30.0),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, 2, 1.0),
        ({"x-ms-user-quota-resets-after": "00:00:05"}, 1, 5.0),
        ({"x-ms-user-quota-resets-after": "soon"}, 1, 0.5),
    ],
)
def test_the_pause_before_a_retry(headers: dict[str, str], attempt: int, expected: float) -> None:
    assert pause(headers, attempt, 30.0) == expected


def test_queries_wait_while_the_quota_is_used_up() -> None:
    now = [100.0]
    slept: list[float] = []
    pace = QueryPace(lambda: now[0], slept.append, 30.0)
    pace.update({"x-ms-user-quota-remaining": "3", "x-ms-user-quota-resets-after": "00:00:05"})
    pace.wait()
    assert slept == []
    pace.update({"x-ms-user-quota-remaining": "0", "x-ms-user-quota-resets-after": "00:00:05"})
    pace.wait()
    assert slept == [5.0]
    now[0] += 5.0
    pace.wait()
    assert slept == [5.0]


@pytest.mark.parametrize(
    ("environment", "manager", "partition", "known"),
    [
        ({}, "https://management.azure.com", "azure", True),
        (
            {"AZURE_AUTHORITY_HOST": "login.microsoftonline.us"},
            "https://management.usgovcloudapi.net",
            "azure-us-gov",
            True,
        ),
        (
            {"AZURE_AUTHORITY_HOST": "https://login.chinacloudapi.cn/"},
            "https://management.chinacloudapi.cn",
            "azure-china",
            True,
        ),
        (
            {
                "AZURE_AUTHORITY_HOST": "https://login.hub.example.com",
                "AZURE_RESOURCE_MANAGER_URL": "https://management.hub.example.com",
            },
            "https://management.hub.example.com",
            "azure-management.hub.example.com",
            False,
        ),
    ],
)
def test_the_cloud_that_the_environment_names(
    environment: dict[str, str], manager: str, partition: str, known: bool
) -> None:
    where = endpoints(environment)
    assert (where.manager, where.partition, where.known) == (manager, partition, known)
    assert where.audience == f"{manager}/.default"


def body(code: str, message: str = "Failed.") -> bytes:
    return json.dumps({"error": {"code": code, "message": message}}).encode()


@pytest.mark.parametrize(
    ("status", "content", "reason"),
    [
        (403, body("AuthorizationFailed"), "denied"),
        (403, body("SomethingStrange"), "denied"),
        (401, body("ExpiredAuthenticationToken"), "denied"),
        (401, b"", "denied"),
        (403, b"<html>proxy</html>", "denied"),
        (403, body("DenyAssignmentAuthorizationFailed"), "denied_by_organisation"),
        (403, body("Forbidden", "is denied because of the deny assignment 'x'"), "denied_by_organisation"),
        (403, body("RequestDisallowedByPolicy"), "denied_by_organisation"),
        (429, body("TooManyRequests"), "throttled"),
        (429, b"", "throttled"),
        (503, body("ServerBusy"), "throttled"),
        (404, body("ResourceNotFound"), "error"),
        (404, body("SubscriptionNotFound"), "error"),
        (404, body("notconfigured"), "error"),
        (409, body("ReadOnlyDisabledSubscription"), "error"),
        (400, body("InvalidApiVersionParameter"), "unsupported"),
        (400, body("NoRegisteredProviderFound"), "unsupported"),
        (501, b"", "unsupported"),
        (302, b"", "error"),
        (204, b"", "error"),
        (500, b'{"error": ', "error"),
        (500, b'{"error": ["?"]}', "error"),
        (500, body("NotConfigured"), "error"),
    ],
)
def test_what_a_refusal_means(status: int, content: bytes, reason: str) -> None:
    unknown = refused(ABSENT, status, content)
    assert isinstance(unknown, Unknown)
    (cause,) = unknown.causes
    assert (cause.reason, cause.call) == (reason, "x/Y")
    assert cause.permission == ("x/y/read" if reason == "denied" else None)
    assert str(status) in cause.message


def test_a_listed_code_is_absence() -> None:
    assert refused(ABSENT, 404, body("NotConfigured")) is None
    assert refused(BLOB_SERVICE, 404, body("NotConfigured")) is not None


def test_the_action_in_the_error_message_is_used() -> None:
    text = (
        "The client 'x' does not have authorization to perform action 'Microsoft.A/b/c/read' over scope 'y'"
    )
    unknown = refused(ABSENT, 403, body("AuthorizationFailed", text))
    assert unknown is not None
    assert unknown.causes[0].permission == "Microsoft.A/b/c/read"


def test_messages_are_one_line_without_secrets() -> None:
    text = one_line(
        "failed\r\n at https://x.example.com/?sig=abc%3D&se=1 with Bearer eyJhbGciOi.eyJvaWQi.c2ln "
        + 'client_secret=hunter2 "client_secret": "tiger3" password: lion4 '
        + "x" * 500
    )
    assert "\n" not in text
    assert len(text) == 300
    for secret in ("abc%3D", "eyJ", "hunter2", "tiger3", "lion4"):
        assert secret not in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CLI: AADSTS700082: The refresh token has expired due to inactivity.", "expired"),
        ("AADSTS7000222: The provided client secret keys are expired.", "expired"),
        ("AADSTS12345678: Something new.", "AADSTS12345678"),
        ("", "no reason was given"),
    ],
)
def test_what_a_failed_sign_in_means(text: str, expected: str) -> None:
    message, advice = refusal(text, "https://login.example.com")
    assert expected in message
    assert advice


TABLE = {"columns": [{"name": "id"}, {"name": "location"}], "rows": [["a", "b"]]}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (TABLE, [{"id": "a", "location": "b"}]),
        ([{"id": "a"}], [{"id": "a"}]),
        ([], []),
        ({**TABLE, "rows": [["a"]]}, None),
        (["a"], None),
        (None, None),
    ],
)
def test_the_rows_of_resource_graph(data: Any, expected: Any) -> None:
    assert rows({"data": data}) == expected


class Queries:
    """Answers queries with the given pages, and records the requests."""

    def __init__(self, *pages: Observed[Sequence[Any]]) -> None:
        self.pages = pages
        self.batches: list[Sequence[str]] = []

    def query(self, call: GraphCall, subscriptions: Sequence[str], count: Any) -> Iterator[Any]:
        self.batches.append(subscriptions)
        yield from self.pages

    read = ResourceManager.read


def test_many_subscriptions_share_a_query_and_keep_their_own_rows() -> None:
    queries = Queries(
        [{"subscriptionId": "A", "n": 1}, {"subscriptionId": "b", "n": 2}], [{"subscriptionId": "a", "n": 3}]
    )
    graph = Graph(queries, ["a", "b", "c"], lambda operation: None)  # type: ignore[arg-type]
    answers = {one: graph.rows(STORAGE_ACCOUNTS, one) for one in ("a", "b", "c")}
    assert {one: [row["n"] for row in rows] for one, (rows, _) in answers.items()} == {
        "a": [1, 3],
        "b": [2],
        "c": [],
    }
    assert {missing for _, missing in answers.values()} == {None}
    assert queries.batches == [("a", "b", "c")]


def test_an_interrupted_query_is_incomplete_for_all_its_subscriptions() -> None:
    broken = Unknown.because("throttled", "x", None, "y")
    queries = Queries([{"subscriptionId": "a"}], broken)
    graph = Graph(queries, ["a", "b"], lambda operation: None)  # type: ignore[arg-type]
    assert graph.rows(STORAGE_ACCOUNTS, "a") == ([{"subscriptionId": "a"}], broken)
    assert graph.rows(STORAGE_ACCOUNTS, "b") == ((), broken)


def test_a_row_without_subscription_makes_the_query_incomplete() -> None:
    queries = Queries([{"id": "?"}, {"subscriptionId": "a"}])
    graph = Graph(queries, ["a"], lambda operation: None)  # type: ignore[arg-type]
    found, missing = graph.rows(STORAGE_ACCOUNTS, "a")
    assert found == [{"subscriptionId": "a"}]
    assert isinstance(missing, Unknown)


def test_the_sdk_is_imported_only_when_it_is_needed() -> None:
    code = "import sys, providers.azure; print({'azure.core', 'requests', 'msal'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_many_subscriptions_are_split_into_batches() -> None:
    queries = Queries()
    every = [str(number) for number in range(450)]
    graph = Graph(queries, every, lambda operation: None)  # type: ignore[arg-type]
    for one in every:
        graph.rows(STORAGE_ACCOUNTS, one)
    assert [len(batch) for batch in queries.batches] == [200, 200, 50]
