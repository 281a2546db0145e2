"""A recording of Azure replays to the same findings, without Azure and without its secrets."""

from __future__ import annotations

import io
import json
import shutil
import socket
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from providers.azure.client import pipeline
from providers.azure.client.exchanges import MICROSOFT_GRAPH, RESOURCE_MANAGER, Response
from providers.azure.client.failures import refused
from providers.azure.client.guard import RequestGuard
from providers.azure.client.recorded_sign_in import SIGN_IN, mistake
from providers.azure.client.senders import RecordingSender, ReplaySender
from providers.azure.scopes import connect
from providers.azure.subscriptions import SUBSCRIPTION as SUBSCRIPTION_CALL
from providers.azure.subscriptions import SUBSCRIPTIONS
from providers.sandbox import Fault
from providers.sandbox.azure.estate import CLIENT, OTHER_SUBSCRIPTION, SUBSCRIPTION, TENANT, sample_estate
from providers.sandbox.azure.server import AzureSandbox
from scanner.assess.assessment import assess
from scanner.base.yaml import DocumentError
from scanner.collect.answer_files import Exchange, State
from scanner.collect.answers import NOT_HELD, Recorder, Replay
from scanner.collect.collection import Collection
from scanner.collect.derived import derive
from scanner.collect.provider import ConnectionRequest, Limits, Unreachable
from scanner.collect.workers import Workers
from scanner.model.evidence import Cause, Unknown
from scanner.model.inventory import Inventory, Wanted
from scanner.report.build import build
from scanner.report.formats import json as json_report
from scanner.run.scan import Collected, all_facets
from tests.estate import NOW, requested
from tests.providers.azure.azure_scan import LIMITS, WANTED, of_kind, unknown_facets

GRAPH = "Microsoft.ResourceGraph/Resources"
ACCOUNTS = f"{GRAPH}(storageAccounts)"
CONTAINERS = "Microsoft.Storage/BlobContainers_List"
USERS = "Microsoft.Graph/users"
ACCOUNT, BUCKET, USER = ({kind: WANTED[kind]} for kind in ("account", "bucket", "user"))
CONNECTING = {SIGN_IN, SUBSCRIPTIONS.name}
"""Without an answer to one of these nothing is reached."""
CANARIES = (
    "Zx8-canary-hint",
    "Zx8-canary-secret",
    "Zx8-canary-signature",
    "Zx8-canary-setting",
    "Zx8 Canary Person",
    "+1 555 0100",
)


def scan(
    request: ConnectionRequest, limits: Limits = LIMITS, wanted: Wanted = WANTED, sleep: Any = lambda _: None
) -> Inventory:
    provider = connect(request, limits, sleep=sleep)
    workers = Workers(8)
    collection = Collection(workers)
    provider.collect(wanted, collection)
    workers.wait()
    return collection.inventory(provider.targets, wanted)


def record(
    folder: Path, request: ConnectionRequest | None = None, names: bool = False, wanted: Wanted = WANTED
) -> Inventory:
    """A scan of the simulated Azure that is recorded in the folder."""
    recorder = Recorder(folder, names=names)
    found = scan(replace(request or ConnectionRequest("azure"), recorder=recorder), wanted=wanted)
    recorder.write()
    return found


def replayed(recording: Path | Replay, wanted: Wanted = WANTED, **options: Any) -> Inventory:
    """A scan of a recording."""

    def wait(seconds: float) -> None:
        raise AssertionError("a replay waits for nothing")

    replay = recording if isinstance(recording, Replay) else Replay.read(recording)
    return scan(ConnectionRequest("azure", replay=replay, **options), wanted=wanted, sleep=wait)


def report(inventory: Inventory) -> str:
    """The JSON report of a scan at a fixed time."""
    request = requested()
    complete = derive(inventory, all_facets())
    collected = Collected(complete, NOW - timedelta(seconds=14), NOW, "0" * 32)
    out = io.StringIO()
    json_report.render(build(collected, assess(complete, request), request), out)
    return out.getvalue()


def text_of(folder: Path) -> str:
    return "".join(path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.yaml")))


def causes(inventory: Inventory) -> set[Cause]:
    facts = (getattr(one, name) for one in inventory.resources for name in one.collected())
    found = {cause for fact in facts if isinstance(fact, Unknown) for cause in fact.causes}
    return found | {spot.cause for spot in inventory.blind_spots}


@dataclass(frozen=True)
class Recording:
    """A recording of the sample company, and the scan that was recorded."""

    folder: Path
    live: Inventory
    states: tuple[State, ...]

    def replay(self, removed: Callable[[Exchange], bool] = lambda exchange: False) -> Replay:
        """The recording without some exchanges."""
        states = [
            replace(state, answers=tuple(one for one in state.answers if not removed(one)))
            for state in self.states
        ]
        return Replay([state for state in states if state.answers])


@pytest.fixture(scope="module")
def recording(server: AzureSandbox, tmp_path_factory: pytest.TempPathFactory) -> Recording:
    folder = tmp_path_factory.mktemp("recordings") / "company"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        server.fault = lambda operation: None
        server.estate = sample_estate()
        live = record(folder)
        return Recording(folder, live, Replay.read(folder).states)


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, server: AzureSandbox) -> Iterator[None]:
    """No environment, no credentials and no connection: the use of any fails the test."""
    import azure.identity

    def used(*_: Any, **__: Any) -> Any:
        raise AssertionError("a replay uses the recording alone")

    for name in server.environment:
        monkeypatch.delenv(name, raising=False)
    for module, name in (
        (azure.identity, "DefaultAzureCredential"),
        (pipeline, "arm_client"),
        (pipeline, "graph_client"),
        (socket.socket, "connect"),
        (socket, "getaddrinfo"),
    ):
        monkeypatch.setattr(module, name, used)
    yield


# The same findings


def test_a_recording_replays_to_the_same_report(recording: Recording, offline: None) -> None:
    found = replayed(recording.replay())
    assert found == recording.live
    assert report(found) == report(recording.live)
    assert causes(found) == set()


def test_recording_changes_nothing(recording: Recording, azure: AzureSandbox) -> None:
    azure.estate = sample_estate()
    live = scan(ConnectionRequest("azure"))
    assert [one.id for one in live.resources] == [one.id for one in recording.live.resources]
    assert live.calls == recording.live.calls


def test_a_recording_of_a_replay_is_the_same_recording(
    recording: Recording, offline: None, tmp_path: Path
) -> None:
    recorder = Recorder(tmp_path / "again")
    replayed(recording.replay(), recorder=recorder)
    recorder.write()

    def exchanges(folder: Path) -> list[tuple[str, str, Exchange]]:
        return [(one.kind, one.scope, each) for one in Replay.read(folder).states for each in one.answers]

    assert exchanges(tmp_path / "again") == exchanges(recording.folder)


def test_answers_are_in_the_file_of_their_kind(recording: Recording) -> None:
    calls: dict[str, set[str]] = {}
    for state in recording.replay().states:
        calls.setdefault(state.kind, set()).update(one.call for one in state.answers)
    assert {ACCOUNTS, CONTAINERS} <= calls["bucket"]
    assert {SIGN_IN, SUBSCRIPTIONS.name, "Microsoft.Graph/groups/transitiveMembers"} <= calls["shared"]
    assert calls["tenant"] == {"Microsoft.Graph/organization", "Microsoft.Graph/policies/authorizationPolicy"}


def test_requests_are_recorded_with_all_that_distinguishes_them(recording: Recording) -> None:
    replay = recording.replay()
    path = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/permissions"
    ((scope, permissions),) = replay.exchanges(
        "azure", "Microsoft.Authorization/Permissions_ListForSubscription"
    )
    assert scope == SUBSCRIPTION
    assert permissions.about == {
        "host": RESOURCE_MANAGER,
        "path": path,
        "parameters": {"api-version": "2022-04-01"},
    }
    for scope, query in replay.exchanges("azure", ACCOUNTS):
        assert scope == SUBSCRIPTION
        assert query.about["subscriptions"] == [SUBSCRIPTION]
        assert query.about["query"].startswith("resources | where type")
    for scope, users in replay.exchanges("azure", USERS):
        assert scope == TENANT
        assert users.about["host"] == MICROSOFT_GRAPH
        assert users.about["parameters"]["$top"] == "999"


@pytest.mark.parametrize(
    ("call", "link"), [(ACCOUNTS, "$skipToken"), (CONTAINERS, "nextLink"), (USERS, "@odata.nextLink")]
)
def test_pages_are_numbered(recording: Recording, call: str, link: str) -> None:
    found = [one for _, one in recording.replay().exchanges("azure", call)]
    links = [(one.about.get("page", 1), one.answer["body"].get(link)) for one in found if one.answer]
    assert {page for page, _ in links} >= {1, 2}, "the sample company has lists of several pages"
    for page, following in links:
        assert following in (None, page + 1) or f"$page={page + 1}" in following
    assert "skiptoken=" not in text_of(recording.folder).lower()


def test_a_replay_without_subscriptions_reads_all_recorded_ones(
    azure: AzureSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = (SUBSCRIPTION, OTHER_SUBSCRIPTION)
    live = record(tmp_path / "named", ConnectionRequest("azure", scopes=named))
    found = replayed(tmp_path / "named")
    assert [(one.scope, one.reached) for one in live.targets] == [(named[0], True), (named[1], False)]
    assert (found.targets, found.resources) == (live.targets, live.resources)
    assert replayed(tmp_path / "named", scopes=named) == live


# Failures


FAULTS: Mapping[str, Fault] = {
    CONTAINERS: "denied",
    "Microsoft.Storage/BlobServices_GetServiceProperties": "denied_by_organisation",
    "Microsoft.Security/SecurityContacts_List": "expired",
    f"{GRAPH}(networkSecurityGroups)": "throttled",
    f"{GRAPH}(virtualMachines)": "failing",
    f"{GRAPH}(functionApps)": "malformed",
    f"{GRAPH}(managedClusters)": "reset",
    "Microsoft.KeyVault/Keys_List": "malformed",
    "Microsoft.Insights/SubscriptionDiagnosticSettings_List": "reset",
    "Microsoft.Insights/DiagnosticSettings_List": "throttled",
    USERS: "malformed",
    "Microsoft.Graph/applications": "denied",
    "Microsoft.Graph/policies/authorizationPolicy": "denied_by_organisation",
    "Microsoft.Graph/domains": "throttled",
}


def test_recorded_failures_are_translated_in_the_same_way(azure: AzureSandbox, tmp_path: Path) -> None:
    azure.fault = FAULTS.get
    live = record(tmp_path / "faults")
    found = replayed(tmp_path / "faults")
    assert found == live
    assert {cause.call for cause in causes(found)} >= FAULTS.keys() - {"Microsoft.Graph/domains"}
    assert {"denied", "denied_by_organisation", "throttled", "error"} <= {one.reason for one in causes(found)}


def test_a_timeout_is_recorded(azure: AzureSandbox, tmp_path: Path) -> None:
    azure.fault = lambda operation: "hang" if operation == ACCOUNTS else None
    wanted = {"bucket": frozenset({"tls_only"})}
    recorder = Recorder(tmp_path / "slow")
    quick = Limits(connect_seconds=1, read_seconds=1, attempts=1)
    live = scan(ConnectionRequest("azure", recorder=recorder), quick, wanted)
    recorder.write()
    found = scan(ConnectionRequest("azure", replay=Replay.read(tmp_path / "slow")), LIMITS, wanted)
    assert found.blind_spots == live.blind_spots
    (cause,) = causes(found)
    assert "timed out" in cause.message


def test_a_transient_failure_is_retried_in_the_replay_too(azure: AzureSandbox, tmp_path: Path) -> None:
    azure.fault = lambda name: "throttled" if name == ACCOUNTS and azure.calls[name] == 1 else None
    live = record(tmp_path / "transient", wanted=BUCKET)
    assert azure.calls[ACCOUNTS] == live.calls["azure"][ACCOUNTS] + 1
    found = replayed(tmp_path / "transient", BUCKET)
    assert found == live
    assert causes(found) == set()
    first, second, *_ = [
        one
        for _, one in Replay.read(tmp_path / "transient").exchanges("azure", ACCOUNTS)
        if "page" not in one.about
    ]
    assert first.error is not None
    assert first.error["status"] == 429
    assert first.error["headers"] == {
        "x-ms-user-quota-resets-after": "00:00:01",
        "x-ms-user-quota-remaining": "0",
    }
    assert second.error is None


@pytest.mark.parametrize("fault", ["denied", "denied_by_organisation", "failing", "malformed", "reset"])
def test_a_failed_sign_in_is_recorded(azure: AzureSandbox, tmp_path: Path, fault: Fault) -> None:
    azure.fault = lambda operation: fault if operation.startswith("Microsoft.Entra/") else None
    recorder = Recorder(tmp_path / "refused")
    limits = Limits(connect_seconds=1, read_seconds=1, attempts=1)
    with pytest.raises(Unreachable) as live:
        connect(ConnectionRequest("azure", recorder=recorder), limits)
    recorder.write()
    with pytest.raises(Unreachable) as found:
        replayed(tmp_path / "refused")
    assert (found.value.message, found.value.advice) == (live.value.message, live.value.advice)


def test_missing_credentials_are_recorded_as_missing(
    azure: AzureSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
    recorder = Recorder(tmp_path / "none")
    with pytest.raises(Unreachable):
        connect(ConnectionRequest("azure", recorder=recorder), LIMITS)
    recorder.write()
    with pytest.raises(Unreachable) as found:
        replayed(tmp_path / "none")
    assert found.value.no_credentials


class Canned:
    """Answers every request alike."""

    def __init__(self, status: int, content: bytes) -> None:
        self.response = Response(status, {}, content)

    def send(self, call: Any, method: str, url: str, query: Any) -> Response:
        return self.response


def canned_and_replayed(folder: Path, status: int, content: bytes) -> tuple[Response, Response]:
    """A response, and what a replay makes of its recording."""
    url = f"https://management.azure.com/subscriptions/{SUBSCRIPTION}?api-version=2022-12-01"
    guard = RequestGuard("management.azure.com", [SUBSCRIPTION_CALL])
    recorder = Recorder(folder)
    sender = RecordingSender(Canned(status, content), recorder, RESOURCE_MANAGER, TENANT, guard, {})
    live = sender.send(SUBSCRIPTION_CALL, "GET", url, None)
    recorder.write()
    replay = Replay.read(folder)
    replay.check("azure", [SUBSCRIPTION_CALL.name], mistake)
    again = ReplaySender(replay, RESOURCE_MANAGER, "https://management.azure.com", guard)
    return live, again.send(SUBSCRIPTION_CALL, "GET", url, None)


@pytest.mark.parametrize("status", [204, 302, 401, 403, 404, 429, 503])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>Bad gateway</html>",
        b'{"error": {"code": "AuthorizationFa',
        b'{"error": {"code": "AuthorizationFailed", "message": "may not perform action \'a/b/read\' here"}}',
        b'{"error": {"code": "RateLimiting", "message": "wait", "details": [{"message": "throttled"}, 7]}}',
        b'{"code": "SubscriptionNotFound", "message": "no such subscription"}',
        b'{"error": "invalid_client"}',
        b'{"error": null}',
        b'{"error": {"code": 403, "message": null, "innerError": {"date": "2026-01-01"}}}',
        b'{"error": {"code": "X", "message": "the number NaN", "details": NaN}}',
        b'["AuthorizationFailed"]',
        b"{}",
    ],
)
def test_any_refusal_means_the_same_in_the_replay(tmp_path: Path, status: int, content: bytes) -> None:
    live, again = canned_and_replayed(tmp_path / "canned", status, content)
    unknown = refused(SUBSCRIPTION_CALL, again.status, again.content)
    if b"NaN" in content:
        assert isinstance(unknown, Unknown)
    else:
        assert unknown == refused(SUBSCRIPTION_CALL, live.status, live.content)


@pytest.mark.parametrize(
    "content", [b"[]", b"null", b"7", b'"text"', b'{"value": [{"a": null, "b": 0.1, "c": "2026-01-01"}]}']
)
def test_any_answer_is_the_same_in_the_replay(tmp_path: Path, content: bytes) -> None:
    live, again = canned_and_replayed(tmp_path / "canned", 200, content)
    assert json.loads(again.content) == json.loads(live.content)


@pytest.mark.parametrize("content", [b"", b"<html>", b'{"value": [{"id"', b'{"value": NaN}'])
def test_what_is_not_json_is_not_json_in_the_replay(tmp_path: Path, content: bytes) -> None:
    _, again = canned_and_replayed(tmp_path / "canned", 200, content)
    with pytest.raises(ValueError, match="Expecting"):
        json.loads(again.content)


@pytest.mark.parametrize("link", ["https://evil.example.com/subscriptions", "/next", "http://x", 7, ""])
def test_a_link_that_the_client_refuses_is_refused_in_the_replay_too(
    azure: AzureSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, link: Any
) -> None:
    original = azure.reply

    def reply(method: str, target: str, authorization: str, content: bytes) -> Any:
        if "securityContacts" in target:
            return (200, {}, json.dumps({"value": [], "nextLink": link}).encode())
        return original(method, target, authorization, content)

    monkeypatch.setattr(azure, "reply", reply)
    live = record(tmp_path / "links", wanted=ACCOUNT)
    found = replayed(tmp_path / "links", ACCOUNT)
    assert found == live
    assert bool(causes(found)) is bool(link)


# Secrets and people


def with_canaries() -> Any:
    estate = sample_estate()
    application = next(one for one in estate.tenant.applications if one["passwordCredentials"])
    application["passwordCredentials"][0] |= {"hint": CANARIES[0], "secretText": CANARIES[1]}
    estate.contacts[0]["properties"]["phone"] = CANARIES[5]
    account = estate.accounts[0]
    account.properties["logo"] = f"https://x.blob.core.windows.net/a?sv=2024&sig={CANARIES[2]}"
    app = estate.compute.rows["functionApps"][0]
    app["properties"]["siteConfig"] = {
        **(app["properties"].get("siteConfig") or {}),
        "appSettings": [{"name": "Anything", "value": CANARIES[3]}],
        "connectionStrings": [{"name": "Main", "connectionString": f"Server=x;Password={CANARIES[1]}"}],
    }
    person = next(
        one["principal"]
        for one in estate.tenant.role_assignments
        if "user" in one["principal"]["@odata.type"]
    )
    person |= {"displayName": CANARIES[4], "mobilePhone": CANARIES[5], "userPrincipalName": "zoe@contoso.com"}
    return estate


def test_a_recording_holds_no_secrets(azure: AzureSandbox, tmp_path: Path) -> None:
    azure.estate = with_canaries()
    live = record(tmp_path / "canaries")
    text = text_of(tmp_path / "canaries")
    secret = azure.environment["AZURE_CLIENT_SECRET"]
    token = azure._token
    for canary in (*CANARIES, secret, token, *token.split("."), "zoe@", "contoso.com"):
        assert canary not in text, canary
    assert CLIENT in text
    assert replayed(tmp_path / "canaries") == live


def test_secrets_in_failures_are_not_recorded(
    azure: AzureSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = (
        f'{{"error": {{"code": "X", "message": "https://x?sig={CANARIES[2]}", "secret": "{CANARIES[1]}"}}}}'
    )
    cut = f'{{"adminPassword": "{CANARIES[1]}'
    original = azure.reply

    def reply(method: str, target: str, authorization: str, content: bytes) -> Any:
        if "securityContacts" in target:
            return (400, {}, body.encode())
        if "diagnosticSettings" in target:
            return (200, {}, cut.encode())
        return original(method, target, authorization, content)

    monkeypatch.setattr(azure, "reply", reply)
    live = record(tmp_path / "failures", wanted=ACCOUNT | BUCKET)
    assert "canary" not in text_of(tmp_path / "failures")
    assert {cause.call for cause in causes(replayed(tmp_path / "failures", ACCOUNT | BUCKET))} == {
        cause.call for cause in causes(live)
    }


def test_who_verifies_a_password_survives_the_redaction_of_people(
    azure: AzureSandbox, tmp_path: Path
) -> None:
    renamed = {"corp.example.com": "corp.contoso.com", "example.com": "contoso.com"}

    def rename(name: str) -> str:
        local, _, domain = name.rpartition("@")
        return f"{local}@{renamed[domain]}"

    tenant = azure.estate.tenant
    for user in tenant.users:
        user["userPrincipalName"] = rename(user["userPrincipalName"])
        user["identities"] = []
    for domain in tenant.domains:
        domain["id"] = renamed[domain["id"]]
    live = record(tmp_path / "people", wanted=USER)
    found = replayed(tmp_path / "people", USER)
    assert "contoso" not in text_of(tmp_path / "people")
    assert "platform-admin@" not in text_of(tmp_path / "people")
    ours, theirs = of_kind(found, "user"), of_kind(live, "user")
    assert [one.id for one in ours] == [one.id for one in theirs]
    for after, before in zip(ours, theirs, strict=True):
        assert after.name.partition("@")[0] != before.name.partition("@")[0]
        for name in before.collected():
            assert getattr(after, name) == getattr(before, name), (before.name, name)


def test_names_can_be_replaced_too(azure: AzureSandbox, tmp_path: Path) -> None:
    live = record(tmp_path / "names", names=True)
    text = text_of(tmp_path / "names").lower()
    for name in ("payrollexport", "productimages", "analytics-prod", "shopauditlogs"):
        assert name not in text
    found = replayed(tmp_path / "names")
    assert causes(found) == set()

    def facts(inventory: Inventory) -> Counter[tuple[str, str, str]]:
        """The facets whose values are no names."""
        return Counter(
            (one.kind, name, str(fact))
            for one in inventory.resources
            for name in one.collected()
            if isinstance(fact := getattr(one, name), bool | int | None)
        )

    assert facts(found) == facts(live)


# What a recording does not hold


def recorded_calls() -> list[str]:
    """The calls whose answers a scan of the sample company needs."""
    from providers.azure.permissions import calls_for

    # No workload of the company has a role that grants rights, whatever identities its resources and
    # policies have.
    settled = {
        "Microsoft.ResourceGraph/Resources(identities)",
        "Microsoft.Authorization/PolicyAssignments_List",
    }
    return sorted(set(calls_for(WANTED)) - CONNECTING - settled)


@pytest.mark.parametrize("call", recorded_calls())
def test_without_an_answer_just_what_depends_on_it_is_unknown(
    recording: Recording, offline: None, call: str
) -> None:
    found = replayed(recording.replay(lambda one: one.call == call))
    errors = {(cause.call, cause.message) for cause in causes(found) if cause.reason == "error"}
    assert errors == ({(call, NOT_HELD)} if recording.replay().exchanges("azure", call) else set())
    blind = {(spot.scope, spot.kind) for spot in found.blind_spots}
    kept = {(one.kind, one.id): one for one in found.resources}
    for before in recording.live.resources:
        after = kept.pop((before.kind, before.id), None)
        if after is None:
            assert (before.scope, before.kind) in blind
            continue
        for name in before.collected():
            fact = getattr(after, name)
            assert isinstance(fact, Unknown) or fact == getattr(before, name), (before.id, name)
    assert not kept
    for scope, kind in blind:
        assert not found.complete("azure", scope, kind)


def test_without_one_answer_only_its_resource_is_unknown(recording: Recording, offline: None) -> None:
    def removed(one: Exchange) -> bool:
        return one.call == CONTAINERS and "/payreceipts/" in one.about["path"] and one.about.get("page") == 2

    found = replayed(recording.replay(removed))
    assert found.blind_spots == ()
    assert unknown_facets(found) == {("bucket", "public_read"), ("bucket", "public_via")}
    (unknown,) = [one for one in found.resources if one.unknowns()]
    assert unknown.name == "payreceipts"


def test_without_the_second_page_the_first_one_is_kept(
    recording: Recording, offline: None, azure: AzureSandbox
) -> None:
    replay = recording.replay(lambda one: one.call == ACCOUNTS and one.about.get("page") == 2)
    found = replayed(replay)
    assert len(of_kind(found, "bucket")) == azure.estate.page
    assert {(spot.kind, spot.cause.message) for spot in found.blind_spots} == {("bucket", NOT_HELD)}


@pytest.mark.parametrize("call", sorted(CONNECTING))
def test_without_an_answer_to_connect_with_nothing_is_reached(
    recording: Recording, offline: None, call: str
) -> None:
    replay = recording.replay(lambda one: one.call in (call, SUBSCRIPTION_CALL.name))
    if call == SUBSCRIPTIONS.name:
        # The subscriptions are then those of the other answers.
        requests: tuple[tuple[str, ...], ...] = ((),)
    else:
        requests = ((), (SUBSCRIPTION,))
    for named in requests:
        with pytest.raises(Unreachable) as caught:
            replayed(replay, scopes=named)
        assert NOT_HELD in str(caught.value)
        assert not caught.value.no_credentials


def test_another_subscription_than_the_recorded_one_is_not_reached(
    recording: Recording, offline: None
) -> None:
    with pytest.raises(Unreachable) as caught:
        replayed(recording.replay(), scopes=(OTHER_SUBSCRIPTION,))
    assert NOT_HELD in caught.value.advice
    assert caught.value.scope == OTHER_SUBSCRIPTION


# Recordings that people edit


def edited(recording: Recording, folder: Path, file: str, old: str, new: str) -> tuple[Path, int]:
    """A copy with the first occurrence replaced, and the line of the answer that it is in."""
    shutil.copytree(recording.folder, folder)
    path = folder / "azure" / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    before = text[: text.index(old) + len(old)].split("\n")
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return folder, max(number for number, line in enumerate(before, start=1) if "- call: " in line)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("bucket.yaml", CONTAINERS, CONTAINERS.replace("Blob", "Blop"), f"did you mean {CONTAINERS}?"),
        ("shared.yaml", SIGN_IN, "Microsoft.Entra/Tokens", f"did you mean {SIGN_IN}?"),
        ("bucket.yaml", "host: resource manager", "host: manager", "about.host: expected resource manager"),
        ("bucket.yaml", "status: 200", "status: 404", "answer.status: expected 200 or nothing"),
        ("bucket.yaml", "status: 200", "status: fine", "answer.status: expected 200 or nothing"),
        ("bucket.yaml", "body:", "boddy:", "either a body or a text"),
        ("shared.yaml", "claims:", "claim:", "cannot be read: KeyError"),
        ("shared.yaml", "host: sign-in", "host: login", "about: expected host: sign-in"),
        ("shared.yaml", "authority: ", "authority: http://", "AZURE_AUTHORITY_HOST must be https"),
    ],
    ids=str,
)
def test_a_mistake_is_refused_with_file_and_line(
    recording: Recording, offline: None, tmp_path: Path, file: str, old: str, new: str, message: str
) -> None:
    folder, line = edited(recording, tmp_path / "copy", file, old, new)
    with pytest.raises(DocumentError) as caught:
        replayed(folder)
    (problem,) = caught.value.problems
    assert (Path(problem.file).name, problem.line) == (file, line)
    assert message in problem.message


HAND_WRITTEN = """
schema: gapscan.answers/v1
provider: azure
kind: shared
states:
- name: written by hand
  scope: {subscription}
  answers:
  - call: Microsoft.Entra/Token
    about: {{host: sign-in}}
    answer: {{claims: {{oid: 00000000-0000-0000-0000-0000000000b1}}}}
  - call: Microsoft.Resources/Subscriptions_Get
    about:
      host: resource manager
      path: /subscriptions/{subscription}
      parameters: {{api-version: 2022-12-01}}
    answer: {{body: {{subscriptionId: {subscription}, tenantId: {tenant}, displayName: shop}}}}
  - call: Microsoft.Security/SecurityContacts_List
    about:
      host: resource manager
      path: /subscriptions/{subscription}/providers/Microsoft.Security/securityContacts
      parameters: {{api-version: 2023-12-01-preview}}
    error: {{status: 403, code: AuthorizationFailed, message: not allowed}}
"""


def test_an_answer_written_by_hand(offline: None, tmp_path: Path) -> None:
    text = HAND_WRITTEN.format(subscription=SUBSCRIPTION, tenant=TENANT)
    (tmp_path / "azure").mkdir()
    (tmp_path / "azure" / "shared.yaml").write_text(text, encoding="utf-8")
    wanted = {"account": frozenset({"organisation", "security_contacts"})}
    found = scan(ConnectionRequest("azure", replay=Replay.read(tmp_path)), wanted=wanted)
    (account,) = found.resources
    assert (account.partition, account.name) == ("azure", "shop")
    assert {(one.reason, one.permission) for one in causes(found)} == {
        ("denied", "Microsoft.Security/securityContacts/read")
    }
