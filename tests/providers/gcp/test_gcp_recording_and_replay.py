"""A recording of Google Cloud replays to the same findings, without the cloud and without its secrets."""

from __future__ import annotations

import io
import json
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from providers.gcp import scopes
from providers.gcp.account import IDENTIFY
from providers.gcp.client.calls import GcpCall, Item, Project
from providers.gcp.client.channel import sign_in
from providers.gcp.client.client import Client
from providers.gcp.client.exchanges import Recorded, Replayed, Sdk
from providers.gcp.client.session import SIGN_IN
from providers.gcp.policies.policies import PROJECT
from providers.gcp.scopes import connect, kinds_of_calls
from providers.sandbox import Fault
from providers.sandbox.gcp.company import Company, contact, example_shop
from providers.sandbox.gcp.compute import cluster, function, machine, service
from providers.sandbox.gcp.identity import key
from providers.sandbox.gcp.server import GcpSandbox
from scanner.assess.assessment import assess
from scanner.base.yaml import DocumentError
from scanner.collect.answer_files import Exchange
from scanner.collect.answers import NOT_HELD, Recorder, Replay
from scanner.collect.derived import derive
from scanner.collect.provider import ConnectionRequest, Limits, Unreachable
from scanner.model.evidence import Unknown
from scanner.model.inventory import Inventory
from scanner.report.build import build
from scanner.report.formats import json as json_report
from scanner.run.scan import Collected, all_facets
from tests.estate import NOW, requested
from tests.providers.gcp.conftest import UNSUPPORTED, Scan, run
from tests.providers.gcp.test_gcp_faults import OF_APIS, SEARCH

BUCKETS = "cloudasset:ListAssets(storage.Bucket)"
PREVENTION = "orgpolicy:GetEffectivePolicy(storage.publicAccessPrevention)"
HERE = ("projects/210987654321", "folders/345678901234", "organizations/123456789012")


def record(folder: Path, request: ConnectionRequest | None = None, **options: Any) -> Scan:
    """A scan of the simulated cloud that is recorded in the folder."""
    recorder = Recorder(folder)
    found = run(replace(request or ConnectionRequest("gcp"), recorder=recorder), **options)
    recorder.write()
    return found


def replayed(recording: Path | Replay, request: ConnectionRequest | None = None, **options: Any) -> Scan:
    """A scan of a recording."""
    replay = recording if isinstance(recording, Replay) else Replay.read(recording)
    return run(replace(request or ConnectionRequest("gcp"), replay=replay), **options)


def report(inventory: Inventory) -> str:
    """The JSON report of a scan at a fixed time."""
    request = requested()
    complete = derive(inventory, all_facets())
    collected = Collected(complete, NOW - timedelta(seconds=14), NOW, "0" * 32)
    out = io.StringIO()
    json_report.render(build(collected, assess(complete, request), request), out)
    return out.getvalue()


def edited(recording: Replay, edit: Callable[[Exchange], Exchange | None]) -> Replay:
    """The recording with its exchanges replaced, or removed where ``edit`` returns none."""
    states = []
    for state in recording.states:
        answers = [found for one in state.answers if (found := edit(one)) is not None]
        if answers:
            states.append(replace(state, answers=tuple(answers)))
    return Replay(states)


def without(recording: Replay, call: str) -> Replay:
    """The recording without the answers to a call."""
    return edited(recording, lambda one: None if one.call == call else one)


@dataclass(frozen=True)
class Tape:
    """The sample company, and its recording."""

    folder: Path
    live: Scan
    replay: Replay


@pytest.fixture(scope="module")
def tape(server: GcpSandbox, tmp_path_factory: pytest.TempPathFactory) -> Tape:
    folder = tmp_path_factory.mktemp("recordings") / "company"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        server.fault = lambda operation: None
        live = record(folder)
        return Tape(folder, live, Replay.read(folder))


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No environment, no credentials and no connection: using any of them fails the test."""
    import google.auth
    import grpc

    def used(*_: Any, **__: Any) -> Any:
        raise AssertionError("a replay uses the recording alone")

    for name in ("GOOGLE_CLOUD_PROJECT", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    for module, name in (
        (google.auth, "default"),
        (grpc, "insecure_channel"),
        (grpc, "secure_channel"),
        (socket.socket, "connect"),
        (socket, "getaddrinfo"),
        (scopes, "sign_in"),
    ):
        monkeypatch.setattr(module, name, used)
    yield


# The same findings


def test_a_recording_replays_to_the_same_report(tape: Tape, offline: None) -> None:
    found = replayed(tape.folder)
    assert found.inventory == tape.live.inventory
    assert report(found.inventory) == report(tape.live.inventory)
    assert found.unknown() == set()
    assert found.inventory.blind_spots == ()


def test_recording_changes_nothing(tape: Tape, cloud: GcpSandbox) -> None:
    assert run().inventory == tape.live.inventory


def test_a_recording_of_a_replay_is_the_same_recording(tape: Tape, offline: None, tmp_path: Path) -> None:
    again = tmp_path / "again"
    recorder = Recorder(again)
    replayed(tape.folder, ConnectionRequest("gcp", recorder=recorder))
    recorder.write()
    assert replayed(again).inventory == tape.live.inventory


def test_each_kind_has_its_file(tape: Tape) -> None:
    kinds = kinds_of_calls()
    states = tape.replay.states
    assert {state.kind for state in states} == set(kinds.values())
    assert {path.stem for path in (tape.folder / "gcp").iterdir()} == set(kinds.values())
    for state in states:
        for one in state.answers:
            assert kinds.get(one.call, "shared") == state.kind
    assert kinds[BUCKETS] == "bucket"
    assert kinds[IDENTIFY.name] == "shared"


def test_pages_are_numbered(tape: Tape) -> None:
    pages = [one for _, one in tape.replay.exchanges("gcp", BUCKETS)]
    following = {one.about.get("page", 1): one.answer.get("nextPage") for one in pages if one.answer}
    assert following == {1: 2, 2: 3, 3: None}
    assert not any("token" in name.lower() for one in pages for name in (*one.about, *(one.answer or ())))


def test_a_narrower_replay_needs_no_more_than_its_own_answers(tape: Tape, offline: None) -> None:
    only_buckets = {"bucket": frozenset({"versioning"})}
    replay = edited(tape.replay, lambda one: one if one.call in (SIGN_IN, IDENTIFY.name, BUCKETS) else None)
    found = replayed(replay, ConnectionRequest("gcp", scopes=("batch-prod",)), wanted=only_buckets)
    assert found.names("bucket") == tape.live.names("bucket")
    assert found.inventory.blind_spots == ()


def test_a_replay_without_scopes_reads_all_recorded_ones(
    cloud: GcpSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = {"bucket": frozenset({"versioning"})}
    request = ConnectionRequest("gcp", scopes=("no-such-project", "210987654321"))
    live = record(tmp_path / "two", request, wanted=wanted)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "another-project")
    found = replayed(tmp_path / "two", wanted=wanted)
    assert found.inventory == replace(live.inventory, targets=found.inventory.targets)
    assert set(found.inventory.targets) == set(live.inventory.targets)


# Failures


FAULTS: dict[str, Fault] = {
    PREVENTION: "denied",
    "orgpolicy:GetEffectivePolicy(storage.secureHttpTransport)": "denied_by_organisation",
    "cloudasset:ListAssets(iam.ServiceAccount)": "expired",
    "cloudasset:ListAssets(iam.Role)": "throttled",
    "cloudasset:ListAssets(cloudkms.CryptoKeyVersion)": "failing",
    "cloudasset:ListAssets(compute.Firewall)": "malformed",
    "cloudasset:ListAssets(container.NodePool)": "reset",
    "cloudasset:ListAssets(sqladmin.Instance)": "hang",
    "cloudasset:SearchAllResources": "denied",
}


def test_recorded_failures_are_translated_in_the_same_way(
    cloud: GcpSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = Limits(connect_seconds=5, read_seconds=0.8, attempts=2)
    cloud.fault = FAULTS.get
    live = record(tmp_path / "faults", limits=limits)
    monkeypatch.setattr("time.sleep", lambda _: pytest.fail("a replay waits for nothing"))
    found = replayed(tmp_path / "faults", limits=limits)
    assert found.inventory == live.inventory
    causes = {cause for fact in found.facts().values() if isinstance(fact, Unknown) for cause in fact.causes}
    causes |= {spot.cause for spot in found.inventory.blind_spots}
    assert {cause.call for cause in causes} >= FAULTS.keys()
    assert {"denied", "denied_by_organisation", "throttled", "error"} <= {cause.reason for cause in causes}


def test_a_disabled_api_is_explained_again(cloud: GcpSandbox, tmp_path: Path) -> None:
    cloud.disabled = "555555555555"
    messages = []
    recorder = Recorder(tmp_path / "off")
    for request in (ConnectionRequest("gcp", recorder=recorder), None):
        if request is None:
            recorder.write()
            request = ConnectionRequest("gcp", replay=Replay.read(tmp_path / "off"))
        with pytest.raises(Unreachable) as caught:
            connect(request, Limits())
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
    assert "not enabled on the quota project 555555555555" in messages[1]


def test_a_transient_failure_is_retried_in_the_replay_too(cloud: GcpSandbox, tmp_path: Path) -> None:
    cloud.fault = lambda name: "reset" if name == PREVENTION and cloud.calls[PREVENTION] == 1 else None
    live = record(tmp_path / "transient")
    found = replayed(tmp_path / "transient")
    assert found.inventory == live.inventory
    assert found.unknown() == set()
    assert found.inventory.calls["gcp"][PREVENTION] == 2


def test_failing_to_sign_in_is_recorded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cloud: GcpSandbox
) -> None:
    monkeypatch.delenv("CLOUDSDK_API_ENDPOINT_OVERRIDES_ORGPOLICY")
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    recorder = Recorder(tmp_path / "refused")
    with pytest.raises(Unreachable) as live:
        connect(ConnectionRequest("gcp", recorder=recorder), Limits())
    recorder.write()
    with pytest.raises(Unreachable) as found:
        connect(ConnectionRequest("gcp", replay=Replay.read(tmp_path / "refused")), Limits())
    assert str(found.value) == str(live.value)
    assert found.value.no_credentials is live.value.no_credentials is True


# What a recording does not hold


@pytest.mark.parametrize("call", sorted(OF_APIS))
def test_without_an_answer_just_its_facets_are_unknown(tape: Tape, offline: None, call: str) -> None:
    found = replayed(without(tape.replay, call))
    assert found.unknown() == OF_APIS[call][1]
    assert found.inventory.blind_spots == ()
    healthy, facts = tape.live.facts(), found.facts()
    assert facts.keys() == healthy.keys()
    for place, fact in facts.items():
        if isinstance(fact, Unknown) and (place[0], place[2]) not in UNSUPPORTED:
            # Beside it, what no API shows: the lists of single objects.
            (cause,) = (one for one in fact.causes if one.reason != "unsupported")
            assert (cause.reason, cause.call, cause.message) == ("error", call, NOT_HELD)
        else:
            assert fact == healthy[place]


@pytest.mark.parametrize(("call", "kind"), [(BUCKETS, "bucket"), (SEARCH, "region")])
def test_without_a_listing_there_is_a_blind_spot(tape: Tape, offline: None, call: str, kind: str) -> None:
    found = replayed(without(tape.replay, call))
    spots = found.inventory.blind_spots
    assert {spot.kind for spot in spots} == {kind}
    assert {(spot.cause.reason, spot.cause.call, spot.cause.message) for spot in spots} == {
        ("error", call, NOT_HELD)
    }
    assert not found.names(kind)
    assert not found.inventory.complete("gcp", "batch-prod", kind)
    for place, fact in found.facts().items():
        if not isinstance(fact, Unknown) and place[2] != "audit_trails":
            assert fact == tape.live.facts()[place]


def test_without_the_second_page_the_first_one_is_kept(tape: Tape, offline: None) -> None:
    second = edited(
        tape.replay, lambda one: None if one.call == BUCKETS and one.about.get("page") == 2 else one
    )
    found = replayed(second)
    assert found.names("bucket") == ["exports-2019", "product-media", "supplier-dropbox"]
    (spot,) = found.inventory.blind_spots
    assert (spot.kind, spot.cause.reason, spot.cause.message) == ("bucket", "error", NOT_HELD)


@pytest.mark.parametrize("call", [SIGN_IN, IDENTIFY.name])
def test_without_an_answer_to_connect_with_nothing_is_reached(tape: Tape, offline: None, call: str) -> None:
    request = ConnectionRequest("gcp", scopes=("batch-prod",), replay=without(tape.replay, call))
    with pytest.raises(Unreachable) as caught:
        connect(request, Limits())
    assert NOT_HELD in caught.value.message
    assert not caught.value.no_credentials


def test_another_project_than_the_recorded_one_is_not_reached(tape: Tape, offline: None) -> None:
    with pytest.raises(Unreachable) as caught:
        replayed(tape.folder, ConnectionRequest("gcp", scopes=("some-other-project",)))
    assert "Project some-other-project could not be read" in caught.value.message


@pytest.mark.parametrize(
    ("call", "change", "message"),
    [
        (BUCKETS, {"answer": {"assset": []}}, 'has no field named "assset"'),
        (BUCKETS, {"answer": {"assets": [{"nam": "x"}]}}, 'has no field named "nam"'),
        (BUCKETS, {"answer": {"assets": "none"}}, "repeated field assets"),
        (BUCKETS, {"answer": {"nextPage": "2"}}, "nextPage is not the number of a page"),
        (BUCKETS, {"answer": []}, "not the fields"),
        (BUCKETS, {"about": {"parnt": "projects/batch-prod"}}, 'has no field named "parnt"'),
        (PREVENTION, {"error": {"code": "PERMISION_DENIED"}}, "PERMISION_DENIED is not the name"),
        (PREVENTION, {"error": {"code": "OK"}}, "OK is not the name"),
        (PREVENTION, {"error": {"message": "no"}}, "is not the name"),
        (PREVENTION, {"error": {"code": "UNKNOWN", "details": [{"@type": "Errorinfo"}]}}, "Errorinfo"),
        (PREVENTION, {"error": {"code": "UNKNOWN", "details": ["denied"]}}, "is not an object"),
        (PREVENTION, {"error": {"code": "UNKNOWN", "details": 7}}, "not iterable"),
        (SIGN_IN, {"answer": {"identiy": "x"}}, "did you mean identity?"),
    ],
    ids=str,
)
def test_a_message_that_does_not_exist_is_refused_with_file_and_line(
    tape: Tape, offline: None, call: str, change: dict[str, Any], message: str
) -> None:
    changed = {**change, **({"answer": None} if "error" in change else {})}

    def edit(one: Exchange) -> Exchange:
        return replace(one, **changed)

    replay = edited(tape.replay, lambda one: edit(one) if one.call == call else one)
    with pytest.raises(DocumentError) as caught:
        connect(ConnectionRequest("gcp", replay=replay), Limits())
    problem = caught.value.problems[0]
    line = Path(problem.file).read_text(encoding="utf-8").splitlines()[problem.line - 1]
    assert line == f"  - call: {call}"
    assert call in problem.message
    assert message in problem.message


def test_a_misspelt_call_is_refused_with_file_and_line(tape: Tape, offline: None, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    for path in (tape.folder / "gcp").iterdir():
        (copy / "gcp").mkdir(parents=True, exist_ok=True)
        (copy / "gcp" / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    file = copy / "gcp" / "bucket.yaml"
    text = file.read_text(encoding="utf-8")
    assert BUCKETS in text
    file.write_text(text.replace(BUCKETS, BUCKETS.replace("ListAssets", "ListAsets")), encoding="utf-8")
    lines = file.read_text(encoding="utf-8").splitlines()
    (line, *_) = [number for number, text in enumerate(lines, start=1) if "ListAsets" in text]
    with pytest.raises(DocumentError) as caught:
        connect(ConnectionRequest("gcp", replay=Replay.read(copy)), Limits())
    first = caught.value.problems[0]
    assert (Path(first.file).name, first.line) == ("bucket.yaml", line)
    assert BUCKETS in first.message


# Answers that the simulated cloud does not give


class _Fake:
    """An SDK client that answers every listing with the same response, or raises."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def list_assets(self, **_: Any) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self

    @property
    def pages(self) -> Iterator[Any]:
        yield self.answer


def _outcomes(answer: Any, tmp_path: Path) -> list[Any]:
    """What a client makes of an answer, and of its recording."""
    call = GcpCall("ListAssets", (PROJECT,))
    item = Item(Project("batch-prod", "1", "Batch", {}, (), None))
    recorder = Recorder(tmp_path / "fake")
    service = Recorded(Sdk(_Fake(answer), None), recorder, {call.name: "shared"})
    limits = Limits(read_seconds=0.1, attempts=2)
    live = Client(None, None, limits, service).answer(call, item)
    recorder.write()
    again = Client(None, None, limits, Replayed(Replay.read(tmp_path / "fake"))).answer(call, item)
    return [live, again]


def test_a_number_that_json_cannot_represent(tmp_path: Path) -> None:
    from google.cloud import asset_v1

    response = asset_v1.ListAssetsResponse.pb()()
    response.assets.add(name="a").resource.data.fields["x"].number_value = float("nan")
    live, again = _outcomes(asset_v1.ListAssetsResponse.wrap(response), tmp_path)
    assert live == again
    assert isinstance(again, Unknown)


def test_an_asset_that_json_cannot_represent_does_not_hide_the_others() -> None:
    from google.cloud import asset_v1

    response = asset_v1.ListAssetsResponse.pb()()
    for name, value in (("a", float("nan")), ("b", 1.0)):
        response.assets.add(name=name).resource.data.fields["x"].number_value = value
    project = Project("batch-prod", "1", "Batch", {}, (), None)
    client = Client(_Fake(asset_v1.ListAssetsResponse.wrap(response)), None, Limits(attempts=1))
    pages = client.pages(GcpCall("ListAssets", (PROJECT,), project=project))
    items = [one for page in pages for one in page if isinstance(one, Item)]
    assert [(one.asset["name"], "resource" in one.asset) for one in items] == [
        ("a", False),
        ("b", True),
    ]


@pytest.mark.parametrize("name", ["RefreshError", "TransportError", "KeyError", "Aborted", "no code"])
def test_other_exceptions_of_the_sdk(tmp_path: Path, name: str) -> None:
    from google.api_core.exceptions import Aborted, GoogleAPICallError
    from google.auth.exceptions import RefreshError, TransportError

    exceptions: dict[str, Exception] = {
        "RefreshError": RefreshError("the grant has been revoked"),
        "TransportError": TransportError("no route to host"),
        "KeyError": KeyError("name"),
        "Aborted": Aborted("try again"),
        "no code": GoogleAPICallError("something else"),
    }
    live, again = _outcomes(exceptions[name], tmp_path)
    assert live == again
    assert isinstance(again, Unknown)


def test_page_tokens_that_repeat_do_so_in_the_replay_too(tmp_path: Path) -> None:
    from google.cloud import asset_v1

    response = asset_v1.ListAssetsResponse(assets=[asset_v1.Asset(name="a")], next_page_token="forever")
    live, again = _outcomes(response, tmp_path)
    assert live == again
    assert "the page token repeats" in again.causes[0].message


# Secrets and people


CANARY = "cAnArY-7f3e"


def _secretive() -> Company:
    """A company whose assets hold a canary wherever customers keep secrets."""
    company = example_shop()
    pem = f"-----BEGIN PRIVATE KEY-----\n{CANARY}MIIEvQIBADANBg\n-----END PRIVATE KEY-----\n"
    runner = machine("batch-prod", "us-central1-a", "secretive", HERE, group="gke-batch-default-5f1c-grp")
    runner["resource"]["data"]["metadata"]["items"] += [
        {"key": "startup-script", "value": f"#!/bin/sh\nlogin --with {CANARY}"},
        {"key": "notes", "value": f"{CANARY} opens it"},
        {"key": "ssh-keys", "value": f"root:ssh-ed25519 {CANARY} root"},
    ]
    job = function("batch-prod", "us-central1", "job", HERE, updates={"automaticUpdatePolicy": {}})
    job["resource"]["data"]["serviceConfig"]["environmentVariables"] = {"PHRASE": CANARY}
    job["resource"]["data"]["buildConfig"]["environmentVariables"] = {"PHRASE": CANARY}
    target = {"run.googleapis.com/build-function-target": "run", "example.com/last-applied": f"x {CANARY}"}
    run_service = service("batch-prod", "us-central1", "worker", HERE, annotations=target)
    run_service["resource"]["data"]["spec"]["template"]["spec"]["containers"] = [
        {"args": ["--open", CANARY], "command": [CANARY], "env": [{"name": "PHRASE", "value": CANARY}]}
    ]
    nodes = {"name": "p", "config": {"metadata": {"phrase": CANARY}}, "management": {"autoUpgrade": True}}
    login = {"username": "admin", "password": CANARY, "clientKey": CANARY, "clusterCaCertificate": "LS0t"}
    gke = cluster("batch-prod", "us-central1", "old", HERE, pools=[nodes], masterAuth=login)
    dates = ("2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z")
    created = key("batch-prod", "batch-runner", "9", "8", *dates, HERE, privateKeyData=pem)
    person = contact(9, HERE, "carla@corp.test", "SECURITY")
    return Company([*company.assets, runner, job, run_service, gke, created, person], company.enforced)


def test_secrets_and_people_are_in_no_file(
    own_cloud: Callable[..., GcpSandbox], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_cloud(_secretive())
    monkeypatch.setattr(
        scopes, "sign_in", lambda limits: replace(sign_in(limits), identity="alice.doe@corp.test")
    )
    live = record(tmp_path / "secretive")
    text = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "secretive").rglob("*.yaml"))
    for canary in (CANARY, "alice.doe", "carla@"):
        assert canary not in text
    assert "secretive" in text
    found = replayed(tmp_path / "secretive")
    assert found.one("virtual_machine", "secretive") == live.one("virtual_machine", "secretive")
    assert found.one("function", "worker") == live.one("function", "worker")
    (target,) = found.inventory.targets
    assert target.identity and target.identity.startswith("person-")
    assert found.unknown() == live.unknown()


def test_names_can_be_replaced_too(cloud: GcpSandbox, tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "named", names=True)
    live = run(ConnectionRequest("gcp", recorder=recorder))
    recorder.write()
    text = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "named").rglob("*.yaml"))
    for name in ("exports-2019", "press-kit", "reports-2019", "batch-prod", "importer-2021"):
        assert name not in text
    found = replayed(tmp_path / "named")
    assert _verdicts(found) == _verdicts(live)
    assert found.unknown() == set()


def _verdicts(scan: Scan) -> Counter[tuple[str, str]]:
    findings = json.loads(report(scan.inventory))["findings"]
    return Counter((finding["rule"], finding["evidence"]) for finding in findings)
