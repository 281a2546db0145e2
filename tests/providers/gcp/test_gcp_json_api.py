"""The Cloud Storage JSON API: requests that can only read, and what its errors mean."""

from __future__ import annotations

import gzip
import itertools
import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from providers.gcp.client.calls import GcpCall, Item, JsonRequest, Project
from providers.gcp.client.client import Client
from providers.gcp.client.endpoints import STORAGE, Endpoint, ReadOnlyViolation
from providers.gcp.client.exchanges import Recorded, Replayed, Sdk
from providers.gcp.client.http_errors import from_http
from providers.gcp.client.json_api import JsonApi, bucket_request, check
from providers.gcp.hmac_keys import LIST
from providers.gcp.scopes import connect
from providers.gcp.storage import WITH_LISTS
from providers.sandbox import Fault
from providers.sandbox.gcp.server import GcpSandbox
from scanner.collect.answers import Recorder, Replay
from scanner.collect.provider import ConnectionRequest, Limits, Unreachable
from scanner.model.evidence import Cause, Unknown

HERE = Project("batch-prod", "210987654321", "Batch", {}, (), None)
BUCKET = Item(HERE, {"name": "//storage.googleapis.com/b1", "resource": {"data": {"name": "b1"}}})
REAL = Endpoint("storage.googleapis.com:443", plaintext=False)
LIMITS = Limits(connect_seconds=2, read_seconds=0.5, attempts=2)
KEY = {"accessId": "GOOG1E", "serviceAccountEmail": "a@b.iam.gserviceaccount.com", "state": "ACTIVE"}

Answer = tuple[int, Mapping[str, str], bytes]


class Storage:
    """A server whose answers a test chooses, and the requests that it got."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.answer: Callable[[str], Answer] = lambda path: (200, {}, b"{}")
        self.parts: Callable[[bytes], Iterable[bytes]] = lambda body: (body,)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.requests.append(
                    (self.path, {name.lower(): value for name, value in self.headers.items()})
                )
                status, headers, body = outer.answer(self.path)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                with suppress(ConnectionError):
                    for part in outer.parts(body):
                        self.wfile.write(part)

            def log_message(self, *_: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.here = Endpoint(f"127.0.0.1:{self.server.server_port}", plaintext=True)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def says(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answer = lambda path: (status, headers or {}, content)

    def client(self) -> Client:
        return Client(None, None, LIMITS, storage=JsonApi(self.here, None, LIMITS))

    def listed(self) -> list[Any]:
        """The pages of a project's HMAC keys."""
        return list(self.client().pages(GcpCall(LIST.operation, (), split=LIST.split, project=HERE)))

    def bucket(self) -> Any:
        return self.client().answer(WITH_LISTS, BUCKET)


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Storage]:
    monkeypatch.setattr("providers.gcp.client.client.PAUSE", 0.001)
    found = Storage()
    yield found
    found.server.shutdown()
    found.server.server_close()


def cause(found: Any) -> Cause:
    assert isinstance(found, Unknown)
    (one,) = found.causes
    return one


# Requests


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("POST", "https://storage.googleapis.com:443/storage/v1/projects/batch-prod/hmacKeys"),
        ("DELETE", "https://storage.googleapis.com:443/storage/v1/b/b1"),
        ("GET", "https://storage.googleapis.com:443/storage/v1/b/b1/o"),
        ("GET", "https://storage.googleapis.com:443/storage/v1/b/b1/iam"),
        ("GET", "https://storage.googleapis.com:443/storage/v1/b/b1%2Fo%2Fsecret"),
        ("GET", "https://storage.googleapis.com:443/storage/v1/b/.."),
        ("GET", "https://storage.googleapis.com:443/storage/v1/b/b1?userProject=other"),
        ("GET", "https://storage.googleapis.com:443/b1/object"),
        ("GET", "https://storage.example.com:443/storage/v1/b/b1"),
        ("GET", "https://storage.googleapis.com:443@example.com/storage/v1/b/b1"),
        ("GET", "http://storage.googleapis.com:443/storage/v1/b/b1"),
    ],
)
def test_any_other_request_never_leaves_the_machine(method: str, url: str) -> None:
    with pytest.raises(ReadOnlyViolation):
        check(REAL, method, url)


def test_the_requests_of_the_tables_are_allowed() -> None:
    check(REAL, "GET", "https://storage.googleapis.com:443/storage/v1/b/b1?projection=full")
    check(REAL, "GET", "https://storage.googleapis.com:443/storage/v1/projects/example.com%3Ashop/hmacKeys")


def test_a_session_refuses_other_requests_itself(storage: Storage) -> None:
    api = JsonApi(storage.here, None, LIMITS)
    with pytest.raises(ReadOnlyViolation):
        api._opened().post(f"http://{storage.here.address}/storage/v1/b/b1")
    assert not storage.requests


@pytest.mark.parametrize("name", ["", "../x", "b1/o/x", "b1?x", "B 1"])
def test_what_is_no_name_of_a_bucket_is_not_asked_for(name: str) -> None:
    with pytest.raises(ValueError, match="not the name of a bucket"):
        bucket_request(name)


def test_a_request_states_what_is_wanted(storage: Storage) -> None:
    storage.says(200, {"kind": "storage#bucket", "name": "b1"})
    assert storage.bucket() == {"kind": "storage#bucket", "name": "b1"}
    (sent,) = storage.requests
    assert sent[0] == "/storage/v1/b/b1?projection=full"


def test_a_token_and_its_quota_project_are_sent_and_no_entry_of_netrc(
    storage: Storage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from google.oauth2.credentials import Credentials

    from providers.gcp.client import json_api

    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login user password other")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    storage.says(200, {"kind": "storage#bucket"})
    api = JsonApi(storage.here, None, LIMITS)
    # As for a real endpoint, but without TLS.
    monkeypatch.setattr(json_api, "_scheme", lambda target: "http")
    credentials: Any = Credentials
    real = Endpoint(storage.here.address, plaintext=False)
    api._session = json_api._session(real, credentials("a-token", quota_project_id="billing-prod"))
    api.get(bucket_request("b1"), 1)
    ((_, headers),) = storage.requests
    assert headers["authorization"] == "Bearer a-token"
    assert headers["x-goog-user-project"] == "billing-prod"


def test_a_plaintext_endpoint_gets_no_token_and_no_proxy(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    from google.oauth2.credentials import Credentials

    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9/")
    storage.says(200, {"kind": "storage#bucket"})
    credentials: Any = Credentials
    JsonApi(storage.here, credentials("a-token"), LIMITS).get(bucket_request("b1"), 1)
    ((_, headers),) = storage.requests
    assert "authorization" not in headers


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(storage: Storage, status: int) -> None:
    other = f"http://{storage.here.address}/storage/v1/b/b2"
    storage.says(status, b"", {"Location": other})
    assert cause(storage.bucket()).reason == "error"
    assert len(storage.requests) == 1


def test_an_endpoint_elsewhere_needs_tls(cloud: GcpSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(STORAGE[0], "http://storage.example.com/")
    with pytest.raises(Unreachable) as caught:
        connect(ConnectionRequest("gcp"), LIMITS)
    assert STORAGE[0] in caught.value.message


# Answers


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'{"kind": "storage#',
        b"<html>",
        b"null",
        b"[]",
        b'"text"',
        b'{"kind": "storage#hmacKeysMetadata", "items": NaN}',
        b"[" * 100_000,
        b"{}",
        b'{"items": []}',
        b'{"kind": "storage#buckets", "items": []}',
        b'{"kind": "storage#hmacKeysMetadata", "items": null}',
        b'{"kind": "storage#hmacKeysMetadata", "items": {}}',
        b'{"kind": "storage#hmacKeysMetadata", "keys": []}',
        b'{"kind": "storage#hmacKeysMetadata", "nextPageToken": 7}',
    ],
)
def test_a_malformed_answer_is_never_an_empty_list(storage: Storage, body: bytes) -> None:
    storage.says(200, body)
    (found,) = storage.listed()
    assert (cause(found).reason, cause(found).call) == ("error", "storage:projects.hmacKeys.list")
    assert len(storage.requests) == 1


def test_a_project_without_keys_has_an_empty_list(storage: Storage) -> None:
    storage.says(200, {"kind": "storage#hmacKeysMetadata"})
    assert storage.listed() == [[]]


def test_an_entry_that_is_no_key_hides_no_other(storage: Storage) -> None:
    storage.says(200, {"kind": "storage#hmacKeysMetadata", "items": [None, "x", {}, KEY]})
    page, missed = storage.listed()
    assert [one.asset for one in page] == [KEY]
    assert isinstance(missed, Unknown)


def test_pages_follow_their_tokens(storage: Storage) -> None:
    def answer(path: str) -> Answer:
        following = {} if "pageToken=" in path else {"nextPageToken": "a&b="}
        body = {"kind": "storage#hmacKeysMetadata", "items": [KEY], **following}
        return 200, {}, json.dumps(body).encode()

    storage.answer = answer
    assert [len(page) for page in storage.listed()] == [1, 1]
    assert [path for path, _ in storage.requests] == [
        "/storage/v1/projects/batch-prod/hmacKeys",
        "/storage/v1/projects/batch-prod/hmacKeys?pageToken=a%26b%3D",
    ]


def test_a_listing_in_a_circle_ends(storage: Storage) -> None:
    storage.says(200, {"kind": "storage#hmacKeysMetadata", "items": [KEY], "nextPageToken": "again"})
    *pages, end = storage.listed()
    assert [len(page) for page in pages] == [1, 1]
    assert "repeats" in cause(end).message


@pytest.mark.parametrize("status", [200, 403])
def test_an_answer_is_read_up_to_a_size_only(
    storage: Storage, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr("providers.gcp.client.json_api.LARGEST", 1000)
    storage.says(status, {"kind": "storage#bucket", "name": "b1", "id": "x" * 1000})
    assert cause(storage.bucket()).reason == "error"
    storage.says(200, {"kind": "storage#bucket", "name": "b1"})
    assert not isinstance(storage.bucket(), Unknown)


def test_an_answer_that_comes_in_drops_is_given_up(storage: Storage) -> None:
    given_up = threading.Event()

    def parts(body: bytes) -> Iterator[bytes]:
        """Without an end, for whoever does not give up."""
        for each in itertools.cycle(b" "):
            if given_up.is_set():
                return
            time.sleep(LIMITS.read_seconds / 10)
            yield bytes([each])

    storage.says(200, b" " * 10_000)
    storage.parts = parts
    found = storage.bucket()
    given_up.set()
    assert "in time" in cause(found).message
    assert len(storage.requests) == 1


def test_an_answer_that_breaks_off_is_no_answer(storage: Storage) -> None:
    storage.says(200, {"kind": "storage#hmacKeysMetadata"})
    storage.parts = lambda body: (body[:-1],)
    (found,) = storage.listed()
    assert cause(found).reason == "error"


def test_a_compressed_answer_is_read(storage: Storage) -> None:
    body = gzip.compress(b'{"kind": "storage#hmacKeysMetadata"}')
    storage.says(200, body, {"Content-Encoding": "gzip"})
    assert storage.listed() == [[]]
    storage.says(200, b"{}", {"Content-Encoding": "gzip"})
    (found,) = storage.listed()
    assert cause(found).reason == "error"


# Errors


def refusal(message: str, reason: str = "forbidden", **more: Any) -> Any:
    return {"error": {"message": message, "errors": [{"reason": reason, "domain": "global"}], **more}}


@pytest.mark.parametrize(
    ("status", "body", "reason", "permission"),
    [
        (403, refusal("Forbidden"), "denied", "storage.buckets.get"),
        (
            403,
            refusal("a@example.com does not have storage.buckets.getIamPolicy access to b1."),
            "denied",
            "storage.buckets.getIamPolicy",
        ),
        (
            403,
            refusal("Permission 'storage.buckets.getIamPolicy' denied on resource (or it may not exist)."),
            "denied",
            "storage.buckets.getIamPolicy",
        ),
        (401, refusal("Invalid Credentials", "authError"), "denied", None),
        (
            403,
            refusal("Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: x"),
            "denied_by_organisation",
            None,
        ),
        (403, refusal("Request violates VPC Service Controls."), "denied_by_organisation", None),
        (429, refusal("slow down", "rateLimitExceeded"), "throttled", None),
        (403, refusal("slow down", "userRateLimitExceeded"), "throttled", None),
        (404, refusal("Not Found", "notFound"), "error", None),
        (400, refusal("no", "invalid"), "error", None),
        (500, refusal("oops", "backendError"), "error", None),
        (503, b"<html>busy</html>", "error", None),
        (418, b"", "error", None),
        (403, b"[" * 100_000, "denied", "storage.buckets.get"),
        (403, {"error": "no"}, "denied", "storage.buckets.get"),
        (
            403,
            {"error": {"errors": [None, {}], "details": ["x", {"@type": "y"}]}},
            "denied",
            "storage.buckets.get",
        ),
    ],
)
def test_what_an_error_means(
    storage: Storage, status: int, body: Any, reason: str, permission: str | None
) -> None:
    storage.says(status, body)
    found = cause(storage.bucket())
    assert (found.reason, found.permission, found.call) == (reason, permission, "storage:buckets.get")


@pytest.mark.parametrize(
    "body",
    [
        refusal(
            "Cloud Storage JSON API has not been used in project 5 before or it is disabled.",
            "accessNotConfigured",
        ),
        refusal(
            "off",
            "forbidden",
            details=[
                {
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": "SERVICE_DISABLED",
                    "domain": "googleapis.com",
                    "metadata": {"service": "storage.googleapis.com", "consumer": "projects/5"},
                }
            ],
        ),
    ],
)
def test_an_api_that_is_off_is_no_absence(storage: Storage, body: Any) -> None:
    """HMAC keys are not all that an access key can be, so the kind is not the API's own."""
    storage.says(403, body)
    (found,) = storage.listed()
    assert (cause(found).reason, cause(found).permission) == ("error", None)
    assert cause(found).message.startswith("storage.googleapis.com is not enabled on the quota project 5")


@pytest.mark.parametrize(("status", "attempts"), [(429, 2), (500, 2), (503, 2), (403, 1), (404, 1)])
def test_what_may_help_is_sent_again(storage: Storage, status: int, attempts: int) -> None:
    storage.says(status, refusal("no"))
    storage.bucket()
    assert len(storage.requests) == attempts


def test_a_second_attempt_counts(storage: Storage) -> None:
    good = json.dumps({"kind": "storage#bucket"}).encode()
    storage.answer = lambda path: (503, {}, b"") if len(storage.requests) == 1 else (200, {}, good)
    assert storage.bucket() == {"kind": "storage#bucket"}


def test_the_requested_pause_is_told() -> None:
    error: Any = from_http(429, {"Retry-After": "3"}, b"")
    assert [detail.retry_delay.seconds for detail in error.details] == [3]


def test_a_message_that_cannot_be_stored_is_told_in_part() -> None:
    error: Any = from_http(403, {}, b'{"error": {"message": "no \\ud800"}}')
    assert error.message == "no ?"


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("denied", "denied"),
        ("denied_by_organisation", "denied_by_organisation"),
        ("throttled", "throttled"),
        ("expired", "denied"),
        ("malformed", "error"),
        ("reset", "error"),
        ("failing", "error"),
        ("hang", "error"),
    ],
)
def test_keys_that_cannot_be_listed_are_a_blind_spot(
    scan: Callable[..., Any], broken: Callable[[str, Fault], None], fault: Fault, reason: str
) -> None:
    broken(LIST.name, fault)
    found = scan(limits=LIMITS)
    (spot,) = found.inventory.blind_spots
    assert (spot.kind, spot.cause.reason, spot.cause.call) == ("access_key", reason, LIST.name)
    assert found.names("access_key") == ["4a1f", "5b2e", "6c3d", "7d4c"]
    assert not found.inventory.complete("gcp", "batch-prod", "access_key")


def test_only_buckets_whose_lists_matter_are_asked_about(scan: Callable[..., Any], cloud: GcpSandbox) -> None:
    scan()
    assert cloud.calls[WITH_LISTS.name] == 1


# Recordings


def test_a_recording_answers_the_same(storage: Storage, tmp_path: Path) -> None:
    pages = {
        "": {"kind": "storage#hmacKeysMetadata", "items": [KEY], "nextPageToken": "opaque-name"},
        "opaque-name": {"kind": "storage#hmacKeysMetadata", "items": [KEY], "nextPageToken": "last"},
    }

    def answer(path: str) -> Answer:
        if path.endswith("pageToken=last"):
            return 403, {}, json.dumps(refusal("Permission 'storage.hmacKeys.list' denied")).encode()
        return 200, {}, json.dumps(pages[path.partition("pageToken=")[2]]).encode()

    storage.answer = answer
    recorder = Recorder(tmp_path / "tape")
    live = Recorded(Sdk(None, None, JsonApi(storage.here, None, LIMITS)), recorder, {LIST.name: "access_key"})
    call = GcpCall(LIST.operation, (), split=LIST.split, project=HERE)
    found = list(Client(None, None, LIMITS, live).pages(call))
    recorder.write()
    assert "opaque-name" not in (tmp_path / "tape" / "gcp" / "access_key.yaml").read_text()
    again = Replayed(Replay.read(tmp_path / "tape"))
    assert list(Client(None, None, LIMITS, again).pages(call)) == found
    assert (len(found), cause(found[-1]).reason) == (3, "denied")


def test_a_request_of_a_recording_has_the_parameters_of_the_api() -> None:
    from providers.gcp.client.messages import from_about

    assert from_about("buckets.get", {"bucket": "b1"}) == JsonRequest("buckets.get", {"bucket": "b1"})
    for about in ({"buckett": "b1"}, {"bucket": 1}, ["b1"]):
        with pytest.raises(ValueError):
            from_about("buckets.get", about)
