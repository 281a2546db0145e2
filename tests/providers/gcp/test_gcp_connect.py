"""Connecting: every failure to reach a project states the cause and the remedy."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from providers.gcp.account import IDENTIFY
from providers.gcp.client.channel import sign_in
from providers.gcp.client.endpoints import ReadOnlyViolation
from providers.gcp.scopes import connect
from providers.sandbox import Fault
from providers.sandbox.gcp.company import example_shop
from providers.sandbox.gcp.server import GcpSandbox
from scanner.collect.provider import ConnectionRequest, Limits, Unreachable

LIMITS = Limits(connect_seconds=2, read_seconds=0.6, attempts=2)
ASSETS = "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDASSET"
POLICIES = "CLOUDSDK_API_ENDPOINT_OVERRIDES_ORGPOLICY"


def refused(*scopes: str) -> Unreachable:
    with pytest.raises(Unreachable) as caught:
        connect(ConnectionRequest("gcp", scopes=scopes), LIMITS)
    error = caught.value
    assert error.message and error.advice
    assert "\n" not in str(error)
    return error


@pytest.fixture
def listener() -> Iterator[Callable[[bool], int]]:
    """A port of this machine that accepts connections and never answers, or that has no listener."""
    sockets = []

    def opened(listening: bool) -> int:
        held = socket.socket()
        held.bind(("127.0.0.1", 0))
        if listening:
            held.listen()
        sockets.append(held)
        return int(held.getsockname()[1])

    yield opened
    for held in sockets:
        held.close()


def test_no_project_is_specified(cloud: GcpSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT")
    error = refused()
    assert "GOOGLE_CLOUD_PROJECT" in error.advice
    assert error.scope is None


def test_a_scope_that_is_no_project(cloud: GcpSandbox) -> None:
    assert "organizations/1 is not a project" in refused("organizations/1").message
    assert not cloud.calls


def test_a_project_that_does_not_exist(cloud: GcpSandbox) -> None:
    error = refused("no-such-project")
    assert error.scope == "no-such-project"
    assert "cloudasset.assets.listResource" in error.advice


def test_the_asset_api_is_off_on_the_quota_project(cloud: GcpSandbox) -> None:
    cloud.disabled = "555555555555"
    error = refused()
    assert "not enabled on the quota project 555555555555" in error.message
    assert "gcloud services enable cloudasset.googleapis.com" in error.advice


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        ("denied", "roles/cloudasset.viewer"),
        ("denied_by_organisation", "perimeter"),
        ("throttled", "quota"),
        ("failing", "try again"),
        ("malformed", "try again"),
        ("reset", "try again"),
        ("hang", "try again"),
    ],
)
def test_the_project_cannot_be_read(
    cloud: GcpSandbox, broken: Callable[[str, Fault], None], fault: Fault, word: str
) -> None:
    broken(IDENTIFY.name, fault)
    assert word in refused().advice


@pytest.mark.parametrize("listening", [True, False])
def test_the_endpoint_does_not_answer(
    cloud: GcpSandbox, monkeypatch: pytest.MonkeyPatch, listener: Callable[[bool], int], listening: bool
) -> None:
    port = listener(listening)
    monkeypatch.setenv(ASSETS, f"http://127.0.0.1:{port}/")
    error = refused()
    assert f"127.0.0.1:{port} did not answer" in error.message


@pytest.mark.parametrize(
    "address",
    [
        "http://cloudasset.example.com/",
        "http://127.0.0.1@cloudasset.example.com:80/",
        "http://192.0.2.7:8080/",
        "ftp://127.0.0.1/",
        "127.0.0.1:8080",
        "http://127.0.0.1:99999/",
        "https://",
    ],
)
@pytest.mark.parametrize("variable", [ASSETS, POLICIES])
def test_plaintext_goes_to_this_machine_only(
    cloud: GcpSandbox, monkeypatch: pytest.MonkeyPatch, variable: str, address: str
) -> None:
    monkeypatch.setenv(variable, address)
    assert variable in refused().message
    assert not cloud.calls


@pytest.fixture
def offline(cloud: GcpSandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The policies' endpoint is the real one, so credentials are needed; there are none."""
    monkeypatch.delenv(POLICIES)
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    return tmp_path


def test_no_credentials(offline: Path, cloud: GcpSandbox) -> None:
    error = refused()
    assert "No Google Cloud credentials" in error.message
    assert "gcloud auth application-default login" in error.advice
    assert not cloud.calls


def test_an_invalid_credentials_file(offline: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = offline / "key.json"
    path.write_text('{"type": "something else"}')
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    assert "No Google Cloud credentials" in refused().message


def test_a_credentials_file_that_cannot_be_opened(offline: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(offline))
    assert "No Google Cloud credentials" in refused().message


def test_credentials_that_have_expired(offline: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with _token_endpoint(
        b'{"error": "invalid_grant", "error_description": "Token has been revoked."}'
    ) as address:
        _user_credentials(offline, monkeypatch, address)
        error = refused()
    assert "not accepted" in error.message
    assert "login" in error.advice
    assert "s3cret" not in str(error)


def test_the_sign_in_endpoint_is_unreachable(
    offline: Path, monkeypatch: pytest.MonkeyPatch, listener: Callable[[bool], int]
) -> None:
    _user_credentials(offline, monkeypatch, f"http://127.0.0.1:{listener(False)}/token")
    assert "sign-in endpoint" in refused().message


def _user_credentials(folder: Path, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    credentials = {
        "type": "external_account_authorized_user",
        "audience": "//iam.googleapis.com/locations/global/workforcePools/pool/providers/idp",
        "client_id": "client",
        "client_secret": "s3cret-client",
        "refresh_token": "s3cret-refresh",
        "token_url": address,
    }
    path = folder / "credentials.json"
    path.write_text(json.dumps(credentials))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))


class _token_endpoint:
    """A token endpoint of this machine that answers with an error and this body."""

    def __init__(self, body: bytes) -> None:
        from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

        class Answer(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(400)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)

    def __enter__(self) -> str:
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_port}/token"

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


def test_some_scopes_are_reached_and_some_are_not(cloud: GcpSandbox) -> None:
    request = ConnectionRequest("gcp", scopes=("no-such-project", "batch-prod"), expected=True)
    missed, reached = connect(request, LIMITS).targets
    assert (missed.scope, missed.reached, missed.expected) == ("no-such-project", False, True)
    assert missed.message and "roles/cloudasset.viewer" in missed.message
    assert (reached.scope, reached.reached, reached.message) == ("batch-prod", True, None)


def test_a_project_other_than_requested_is_not_scanned(own_cloud: Callable[..., GcpSandbox]) -> None:
    company = example_shop()
    company.numbered = lambda parent: "projects/210987654321"  # type: ignore[method-assign]
    own_cloud(company)
    error = refused("some-other-project")
    assert "some-other-project was requested, but batch-prod answered" in error.message


def test_a_method_outside_the_tables_never_leaves_the_machine(cloud: GcpSandbox) -> None:
    signed_in = sign_in(LIMITS)
    with pytest.raises(ReadOnlyViolation):
        signed_in.assets.delete_feed(name="projects/1/feeds/a", retry=None)
    with pytest.raises(ReadOnlyViolation):
        signed_in.policies.delete_policy(name="projects/1/policies/a", retry=None)
    assert not cloud.calls
