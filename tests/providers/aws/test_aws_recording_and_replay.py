"""Recording what AWS answers, and scanning from the recording: without AWS, credentials and a network."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

import pytest
import yaml

from providers.aws.client.recording import from_json, to_json
from providers.aws.scopes import connect
from providers.aws.tables import all_calls, kinds_of_calls
from providers.sandbox import Fault
from providers.sandbox.aws.server import KEY_ID, SECRET, AwsSandbox
from scanner.base.yaml import DocumentError
from scanner.collect.answer_files import SHARED, Exchange, State
from scanner.collect.answers import NOT_HELD, Recorder, Replay
from scanner.collect.provider import ConnectionRequest, Limits, Unreachable
from scanner.model.evidence import Unknown
from scanner.model.inventory import Inventory
from scanner.model.resources.kinds import KINDS
from tests.command_line import HERE, ROOT, gapscan
from tests.providers.aws.aws_scan import EVERYTHING, HOME, QUICK, Scan, run

ACCOUNT = "111122223333"
OTHER = "444455556666"
KEY = "AKIAI44QH8DHBEXAMPLE"
"""The key of a tag of the sample account."""
NOW = "2026-11-22T06:00:00+00:00"
SMALL = replace(HOME, regions=("eu-west-1",))
BUCKETS = {"account": frozenset[str](), "bucket": frozenset({"versioning", "public_read", "tags"})}
IDENTITY = Exchange(
    "sts:GetCallerIdentity",
    {"region": "eu-west-1"},
    {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:user/auditor"},
    None,
)


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    cut_off(monkeypatch)


def cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """No socket can be opened, and no setting of the machine is fit for a scan."""

    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise AssertionError("a replay opened a socket")

    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in (
        ("AWS_PROFILE", "absent"),
        ("AWS_DEFAULT_REGION", "xx-nowhere-9"),
        ("AWS_ENDPOINT_URL", "http://aws.example.com"),
        ("AWS_DEFAULTS_MODE", "auto"),
        ("AWS_USE_FIPS_ENDPOINT", "true"),
        ("AWS_CONFIG_FILE", "/absent"),
    ):
        monkeypatch.setenv(name, value)
    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def recorded(folder: Path, scan: Scan, request: ConnectionRequest = HOME, **how: Any) -> Inventory:
    """A scan with a recording of it in the folder."""
    recorder = Recorder(folder)
    inventory = scan(replace(request, recorder=recorder), **how)
    recorder.write()
    return inventory


def replayed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, request: ConnectionRequest = HOME, **how: Any
) -> Inventory:
    """A scan of the recording in the folder, without AWS."""
    with monkeypatch.context() as patch:
        cut_off(patch)
        return run(replace(request, replay=Replay.read(folder)), **how)


def same(inventory: Inventory) -> str:
    """Everything in an inventory, as it is compared."""
    seen = [each.to_record() for each in inventory.resources]
    return repr((seen, inventory.blind_spots, inventory.targets, inventory.calls, inventory.listed))


def test_a_replay_equals_the_scan(scan: Scan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inventory = recorded(tmp_path / "case", scan)
    assert len(inventory.resources) > 50
    assert same(replayed(tmp_path / "case", monkeypatch)) == same(inventory)


def test_a_replay_pages_as_the_scan_does(
    scan: Scan, sandbox: AwsSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.page_size = 2
    inventory = recorded(tmp_path / "case", scan, SMALL)
    assert inventory.calls["aws"]["s3:ListBuckets"] > 2
    assert same(replayed(tmp_path / "case", monkeypatch, SMALL)) == same(inventory)


@pytest.mark.parametrize(
    "fault", ["denied", "denied_by_organisation", "throttled", "failing", "malformed", "reset"]
)
def test_failures_are_replayed_with_their_reasons(
    scan: Scan, sandbox: AwsSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    sandbox.fault = lambda name: None if name in ("sts:GetCallerIdentity", "ec2:DescribeRegions") else fault
    lists = recorded(tmp_path / "lists", scan, SMALL)
    assert lists.blind_spots
    assert same(replayed(tmp_path / "lists", monkeypatch, SMALL)) == same(lists)

    def of_facets(name: str) -> Fault | None:
        return fault if name.startswith(("s3:GetBucket", "kms:Get", "cloudtrail:Get")) else None

    sandbox.fault = of_facets
    wanted = {kind: EVERYTHING[kind] for kind in ("audit_trail", "bucket", "key")}
    facets = recorded(tmp_path / "facets", scan, SMALL, wanted=wanted)
    assert {each.kind for each in facets.resources if each.unknowns()} == wanted.keys()
    assert same(replayed(tmp_path / "facets", monkeypatch, SMALL, wanted=wanted)) == same(facets)


def test_only_the_final_answer_of_several_attempts_is_recorded(
    scan: Scan, sandbox: AwsSandbox, tmp_path: Path
) -> None:
    sandbox.fault = lambda name: "failing" if name == "s3:ListBuckets" and sandbox.calls[name] == 1 else None
    recorded(tmp_path / "case", scan, SMALL, wanted=BUCKETS, limits=Limits(2.0, 5.0, 3))
    assert sandbox.calls["s3:ListBuckets"] == 2
    held = Replay.read(tmp_path / "case").exchanges("aws", "s3:ListBuckets")
    assert [exchange.error for _, exchange in held] == [None]


def test_a_timeout_is_replayed_at_once(
    scan: Scan, sandbox: AwsSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.fault = lambda name: "hang" if name == "s3:GetBucketVersioning" else None
    inventory = recorded(tmp_path / "case", scan, SMALL, wanted=BUCKETS, limits=Limits(1.0, 1.0, 1))
    held = Replay.read(tmp_path / "case").exchanges("aws", "s3:GetBucketVersioning")
    assert {exchange.error["exception"] for _, exchange in held if exchange.error} == {"ReadTimeoutError"}
    assert same(replayed(tmp_path / "case", monkeypatch, SMALL, wanted=BUCKETS)) == same(inventory)


@pytest.fixture(scope="module")
def healthy(aws_of_all: AwsSandbox, tmp_path_factory: pytest.TempPathFactory) -> Replay:
    """A recording of everything in one region."""
    folder = tmp_path_factory.mktemp("healthy") / "case"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in aws_of_all.environment.items():
            patch.setenv(name, value)
        recorded(folder, run, SMALL)
    return Replay.read(folder)


def without(replay: Replay, call: str) -> Replay:
    """The recording without any answer to a call."""
    kept = (
        replace(state, answers=tuple(each for each in state.answers if each.call != call), lines=())
        for state in replay.states
    )
    return Replay(kept)


@pytest.fixture(scope="module")
def complete(healthy: Replay) -> Inventory:
    return run(replace(SMALL, replay=healthy))


@pytest.mark.parametrize(
    "call",
    [
        "cloudtrail:DescribeTrails",
        "ec2:DescribeRegions",
        "iam:GetAccountPasswordPolicy",
        "iam:GetCredentialReport",
        "kms:GetKeyRotationStatus",
        "lambda:ListFunctions",
        "organizations:ListParents",
        "rds:DescribeDBInstances",
        "s3:GetBucketPolicy",
        "s3:GetBucketTagging",
        "s3:ListBuckets",
    ],
)
def test_an_answer_that_is_not_held_is_unknown_never_absent(
    healthy: Replay, complete: Inventory, offline: None, call: str
) -> None:
    assert healthy.exchanges("aws", call)
    inventory = run(replace(SMALL, replay=without(healthy, call)))
    before = {(each.kind, each.id): each for each in complete.resources}
    after = {(each.kind, each.id): each for each in inventory.resources}
    assert after.keys() <= before.keys()
    spots = {spot.kind for spot in inventory.blind_spots if spot.cause.message == NOT_HELD}
    assert {kind for kind, _ in before.keys() - after.keys()} <= spots
    causes = [spot.cause for spot in inventory.blind_spots]
    for key, resource in after.items():
        for facet in resource.collected():
            value = getattr(resource, facet)
            if isinstance(value, Unknown):
                causes += value.causes
            else:
                assert value == getattr(before[key], facet), facet
    lacking = [cause for cause in causes if cause.message == NOT_HELD]
    assert {cause.reason for cause in lacking} == {"error"}
    assert call in {cause.call for cause in lacking}


def test_every_operation_of_the_tables_survives_as_json() -> None:
    import botocore.session

    session = botocore.session.get_session()
    for call in sorted(all_calls(), key=lambda one: one.name):
        shape = session.get_service_model(call.service).operation_model(call.operation).output_shape
        value = sample(shape)
        written = yaml.safe_load(yaml.safe_dump(json.loads(json.dumps(to_json(value)))))
        assert from_json(shape, written) == value, call.name


def sample(shape: Any, depth: int = 6) -> Any:
    """A value of a shape of botocore's models with every kind of value in it."""
    if shape is None:
        return {}
    kind = shape.type_name
    if kind == "structure":
        return {name: sample(each, depth - 1) for name, each in shape.members.items()} if depth else {}
    if kind == "list":
        return [sample(shape.member, depth - 1)] if depth else []
    if kind == "map":
        return {"key": sample(shape.value, depth - 1)} if depth else {}
    moment = datetime(2026, 11, 22, 6, 0, 1, 250_000, tzinfo=UTC)
    scalars: dict[str, Any] = {
        "timestamp": moment,
        "blob": b"\xff\x00binary" if depth % 2 else b"a,b\nc,d",
        "boolean": True,
        "integer": 7,
        "long": 2**40,
        "float": 0.5,
        "double": 0.25,
    }
    return scalars.get(kind, "2026-11-22")


class Shape:
    """A shape of botocore's models."""

    def __init__(self, type_name: str, name: str = "x", **more: Any) -> None:
        self.type_name, self.name = type_name, name
        self.members: Mapping[str, Any] = more.get("members", {})
        self.member = self.value = more.get("of")


def test_times_keep_their_moment_and_zone() -> None:
    from datetime import timezone

    east = datetime(2026, 11, 22, 8, 0, tzinfo=timezone(timedelta(hours=2)))
    assert to_json(east) == "2026-11-22T06:00:00Z"
    assert from_json(Shape("timestamp"), "2026-11-22T06:00:00Z") == east
    assert from_json(Shape("timestamp"), "2026-11-22T06:00:00") == east


@pytest.mark.parametrize(
    ("shape", "value"),
    [
        (Shape("structure", members={"A": Shape("string")}), {"B": "x"}),
        (Shape("structure", members={"A": Shape("string")}), ["x"]),
        (Shape("list", of=Shape("string")), {"a": "x"}),
        (Shape("list", of=Shape("string")), [1]),
        (Shape("map", of=Shape("integer")), {"a": "1"}),
        (Shape("map", of=Shape("integer")), []),
        (Shape("boolean"), "true"),
        (Shape("boolean"), 1),
        (Shape("integer"), True),
        (Shape("integer"), 1.5),
        (Shape("double"), "1"),
        (Shape("string"), None),
        (Shape("timestamp"), "yesterday"),
        (Shape("timestamp"), 5),
        (Shape("blob"), {"base64": "no base64!"}),
        (Shape("blob"), {"base46": "YQ=="}),
        (Shape("blob"), 5),
        (None, {"A": 1}),
    ],
)
def test_an_answer_of_another_form_is_refused(shape: Any, value: Any) -> None:
    with pytest.raises(ValueError, match="answer"):
        from_json(shape, value)


def test_a_policy_may_be_written_as_a_mapping() -> None:
    from urllib.parse import unquote

    policy = {"Statement": [{"Effect": "Allow", "Resource": "a%20b+c"}]}
    assert json.loads(from_json(Shape("string", "Policy"), policy)) == policy
    assert json.loads(unquote(from_json(Shape("string", "policyDocumentType"), policy))) == policy


def test_calls_of_one_kind_are_recorded_under_it(healthy: Replay) -> None:
    kinds = kinds_of_calls()
    assert set(kinds.values()) <= set(KINDS)
    for state in healthy.states:
        for exchange in state.answers:
            assert state.kind == kinds.get(exchange.call, SHARED)
        assert state.scope == ACCOUNT


def test_no_credentials_are_recorded(scan: Scan, sandbox: AwsSandbox, tmp_path: Path) -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/auditor"
    recorded(tmp_path / "case", scan, replace(SMALL, role=role), wanted=BUCKETS)
    text = "".join(path.read_text() for path in tmp_path.rglob("*.yaml"))
    assert "sts:AssumeRole" in text
    for canary in (KEY_ID, SECRET, "SecretAccessKey", "SessionToken", "ASIA"):
        assert canary not in text


def test_a_role_is_assumed_from_the_recording(
    scan: Scan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = replace(SMALL, role=f"arn:aws:iam::{ACCOUNT}:role/auditor")
    inventory = recorded(tmp_path / "case", scan, request, wanted=BUCKETS)
    again = replayed(tmp_path / "case", monkeypatch, request, wanted=BUCKETS)
    assert same(again) == same(inventory)
    assert again.calls["aws"]["sts:AssumeRole"] == 1
    # Whoever replays it need not know the role.
    plain = replayed(tmp_path / "case", monkeypatch, SMALL, wanted=BUCKETS)
    assert plain.targets == inventory.targets
    assert plain.resources == inventory.resources
    other = replace(request, role=f"arn:aws:iam::{ACCOUNT}:role/other")
    with pytest.raises(Unreachable, match=r"no answer to sts:GetCallerIdentity or sts:AssumeRole"):
        replayed(tmp_path / "case", monkeypatch, other, wanted=BUCKETS)


def recording(*states: tuple[str, tuple[Exchange, ...]]) -> Replay:
    return Replay(State("aws", SHARED, "case", scope, answers) for scope, answers in states)


def identity(account: str, **about: str) -> Exchange:
    arn = f"arn:aws:iam::{account}:user/auditor"
    return Exchange(IDENTITY.call, {**IDENTITY.about, **about}, {"Account": account, "Arn": arn}, None)


TWO = (
    (OTHER, (identity(OTHER, profile="other"),)),
    (ACCOUNT, (identity(ACCOUNT, profile="own", region="us-east-1"),)),
)


@pytest.mark.parametrize(
    ("request_", "account"),
    [
        (ConnectionRequest("aws", profile="other"), OTHER),
        (ConnectionRequest("aws", profile="own"), ACCOUNT),
        (ConnectionRequest("aws", scopes=(OTHER,)), OTHER),
        (ConnectionRequest("aws", scopes=(ACCOUNT,), profile="another"), ACCOUNT),
        (ConnectionRequest("aws", profile="third"), None),
        (ConnectionRequest("aws"), None),
        (ConnectionRequest("aws", scopes=("999988887777",)), None),
    ],
)
def test_the_account_of_a_connection_is_found_again(
    offline: None, request_: ConnectionRequest, account: str | None
) -> None:
    request_ = replace(request_, replay=recording(*TWO))
    if account is None:
        with pytest.raises(Unreachable, match="The recording holds no answer to sts:GetCallerIdentity"):
            connect(request_, QUICK)
    else:
        (target,) = connect(request_, QUICK).targets
        assert (target.scope, target.reached) == (account, True)


def test_the_only_account_needs_no_selection(offline: None) -> None:
    for request in (ConnectionRequest("aws"), ConnectionRequest("aws", profile="another")):
        replay = recording(*TWO[1:])
        provider = connect(replace(request, replay=replay), QUICK)
        assert [target.scope for target in provider.targets] == [ACCOUNT]


def test_two_accounts_do_not_get_each_others_answers(offline: None) -> None:
    listing = {"region": "eu-west-1", "MaxBuckets": 1000}

    def buckets(name: str) -> Exchange:
        return Exchange(
            "s3:ListBuckets", listing, {"Buckets": [{"Name": name, "BucketRegion": "eu-west-1"}]}, None
        )

    replay = recording(
        (ACCOUNT, (identity(ACCOUNT), buckets("own"))), (OTHER, (identity(OTHER), buckets("other")))
    )
    for account, name in ((ACCOUNT, "own"), (OTHER, "other")):
        request = ConnectionRequest("aws", scopes=(account,), regions=("eu-west-1",), replay=replay)
        found = run(request, wanted={"bucket": frozenset({"versioning"})})
        assert [each.name for each in found.resources] == [name]


def mistakes(replay: Replay) -> list[str]:
    with pytest.raises(DocumentError) as caught:
        connect(ConnectionRequest("aws", replay=replay), QUICK)
    return str(caught.value).splitlines()


HERE_B = {"region": "eu-west-1", "Bucket": "b"}


@pytest.mark.parametrize(
    ("name", "about", "answer", "error", "message"),
    [
        ("GetBucketPolcy", HERE_B, {}, None, "no call 's3:GetBucketPolcy'; did you mean s3:GetBucketPolicy?"),
        ("DeleteBucket", HERE_B, {}, None, "no call 's3:DeleteBucket'"),
        ("GetBucketPolicy", HERE_B, {"Polcy": ""}, None, "answer: no field 'Polcy'; did you mean Policy?"),
        ("GetBucketPolicy", HERE_B, {"Xyz": ""}, None, "answer: no field 'Xyz' in the API that botocore 1."),
        ("GetBucketPolicy", HERE_B, ["x"], None, "answer: expected a mapping"),
        (
            "GetBucketPolicy",
            {**HERE_B, "Bukket": "b"},
            {},
            None,
            "about: no parameter 'Bukket'; did you mean",
        ),
        ("GetBucketPolicy", {**HERE_B, "region": 1}, {}, None, "about: region: expected text"),
        ("GetBucketPolicy", HERE_B, None, {"code": "X"}, "error: status is no HTTP status of an error"),
        ("GetBucketPolicy", HERE_B, None, {"status": 200}, "error: status is no HTTP status of an error"),
        ("GetBucketPolicy", HERE_B, None, {"status": 404, "code": 5}, "error: code: expected text"),
        (
            "GetBucketPolicy",
            HERE_B,
            None,
            {"exception": "SSOEror"},
            "error: no exception 'SSOEror'; did you mean",
        ),
        ("GetBucketPolicy", HERE_B, None, {"exception": "SystemExit"}, "error: no exception 'SystemExit'"),
    ],
)
def test_a_mistake_in_a_recording_is_reported_with_its_line(
    offline: None, name: str, about: dict[str, str], answer: Any, error: Any, message: str
) -> None:
    exchange = Exchange(f"s3:{name}", about, answer, error)
    state = State("aws", "bucket", "case", ACCOUNT, (IDENTITY, exchange), {}, "bucket.yaml", 5, (8, 12))
    (line,) = mistakes(Replay([state]))
    assert line.startswith("bucket.yaml:12: ")
    assert message in line


# The command line.


@pytest.fixture
def environment(aws_sandbox: AwsSandbox) -> Mapping[str, str]:
    return aws_sandbox.environment


def findings(path: Path) -> str:
    report = json.loads(path.read_text(encoding="utf-8"))
    del report["scan"]
    return re.sub(rf"{KEY}|{KEY[:4]}REDACTED\d+", "AKIA", json.dumps(report))


@pytest.mark.parametrize("command", ["scan", "collect"])
def test_the_command_line_replays_a_scan_byte_for_byte(
    environment: Mapping[str, str], tmp_path: Path, command: str
) -> None:
    more = ("--now", NOW, "--gate", "none") if command == "scan" else ()

    def went(name: str, *options: str, **variables: str) -> str:
        out = ("--report", f"json={name}.json") if command == "scan" else ("--out", f"{name}.zst")
        done = gapscan(command, "aws", *HERE, *more, *out, *options, cwd=tmp_path, **variables)
        assert done.returncode == 0, done.stderr
        if command == "collect":
            assess = (
                "assess",
                f"{name}.zst",
                "--now",
                NOW,
                "--gate",
                "none",
                "--report",
                f"json={name}.json",
            )
            assert gapscan(*assess, cwd=tmp_path).returncode == 0
        return done.stderr

    said = went("live", "--record", "case", **environment)
    assert re.search(
        r"^gapscan: case: \d+ answers recorded; look through the files before you send them$", said, re.M
    )
    assert went("again", "--replay", "case") == ""
    assert findings(tmp_path / "again.json") == findings(tmp_path / "live.json")


def test_recorded_names_are_replaced_and_the_verdicts_stay(
    environment: Mapping[str, str], tmp_path: Path
) -> None:
    options = (*HERE, "--now", NOW, "--gate", "none", "--findings", "all")
    live = (*options, "--report", "json=live.json", "--record", "case", "--record-names")
    assert gapscan("scan", "aws", *live, cwd=tmp_path, **environment).returncode == 0
    again = (*options, "--report", "json=again.json", "--replay", "case")
    assert gapscan("scan", "aws", *again, cwd=tmp_path).returncode == 0

    def verdicts(name: str) -> list[tuple[str, str, str]]:
        report = json.loads((tmp_path / name).read_text(encoding="utf-8"))
        return sorted(
            (one["rule"], one["state"], one["verdict"]) for one in report["findings"] if one.get("rule")
        )

    assert verdicts("again.json") == verdicts("live.json")
    text = "".join(path.read_text() for path in (tmp_path / "case").rglob("*.yaml"))
    report = json.loads((tmp_path / "live.json").read_text(encoding="utf-8"))
    names = {one["resource"]["name"] for one in report["findings"] if one.get("resource")}
    assert len(names) > 40
    left = {name for name in names if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text)}
    # AWS named these; the others are ids.
    assert {name for name in left if not re.match(r"sg-|eu-|us-|AWSReserved|[0-9a-f]{8}-", name)} <= {
        "root",
        "account",
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--record", "new", "--replay", "case"), "gapscan: --record and --replay exclude each other"),
        (("--record-names",), "gapscan: --record-names is for --record"),
        (("--replay", "case", "--record-names"), "gapscan: --record-names is for --record"),
        (("--replay", "absent"), "gapscan: absent:1: no such folder"),
        (("--replay", "empty"), "gapscan: empty:1: holds no recorded answers"),
        (
            ("--replay", "typo"),
            "gapscan: typo/aws/bucket.yaml:9: no call 's3:GetBucketPolcy'; did you mean s3:",
        ),
        (
            ("--replay", "other"),
            "gapscan: other/aws/bucket.yaml:9: s3:GetBucketPolicy: answer: no field 'Plicy'",
        ),
        (("--replay", "gcp"), "gapscan: gcp holds no answers of aws, only of gcp"),
    ],
)
def test_wrong_recordings_exit_with_2_and_one_line(
    tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    case = """\
schema: gapscan.answers/v1
provider: aws
kind: bucket
states:
- name: recorded
  scope: "111122223333"
  # a comment
  answers:
  - call: s3:GetBucketPolicy
    about: {region: eu-west-1, Bucket: www}
    answer: {Policy: '{}'}
"""
    texts = {
        "case/aws": case,
        "typo/aws": case.replace("Policy\n", "Polcy\n"),
        "other/aws": case.replace("{Policy", "{Plicy"),
        "gcp/gcp": case.replace("aws", "gcp"),
    }
    for name, text in texts.items():
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "bucket.yaml").write_text(text)
    (tmp_path / "empty").mkdir()
    before = sorted(tmp_path.rglob("*"))
    command = "collect" if "typo" in options else "scan"
    done = gapscan(command, "aws", *options, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(message)
    assert len(done.stderr.splitlines()) == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_a_recording_that_cannot_be_written_is_found_before_the_scan(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    for folder, message, code in (
        ("full", "give a recording a new folder", 2),
        ("absent/case", "cannot be written", 74),
    ):
        done = gapscan("scan", "aws", "--record", folder, cwd=tmp_path)
        assert done.returncode == code
        assert message in done.stderr


def test_nothing_is_recorded_if_nothing_was_reached(
    aws_sandbox: AwsSandbox, environment: Mapping[str, str], tmp_path: Path
) -> None:
    aws_sandbox.fault = lambda name: "denied"
    done = gapscan("scan", "aws", *HERE, "--record", "case", cwd=tmp_path, **environment)
    assert done.returncode == 4
    assert "no scope was reached, so no recording was written" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGKILL])
def test_a_scan_that_is_killed_leaves_no_recording(
    aws_sandbox: AwsSandbox, tmp_path: Path, sent: signal.Signals
) -> None:
    asked = threading.Event()

    def fault(name: str) -> Fault | None:
        if name != "s3:GetBucketAcl":
            return None
        asked.set()
        return "hang"

    aws_sandbox.fault = fault
    scan = subprocess.Popen(
        [sys.executable, "-P", "-m", "scanner", "scan", "aws", *HERE, "--record", "case"],
        env={**os.environ, **aws_sandbox.environment, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert asked.wait(30)
    scan.send_signal(sent)
    scan.communicate(timeout=30)
    assert scan.returncode == (-9 if sent == signal.SIGKILL else 130)
    assert not list(tmp_path.iterdir())


def test_all_clouds_are_replayed_from_what_was_recorded(
    environment: Mapping[str, str], tmp_path: Path
) -> None:
    only = ("--rule", "data.bucket-not-public", "--now", NOW, "--report", "json")
    live = gapscan("scan", "aws", *only, "--record", "case", cwd=tmp_path, **environment)
    again = gapscan("scan", "all", *only, "--replay", "case", cwd=tmp_path)
    assert again.returncode == live.returncode == 1, again.stderr
    assert json.loads(again.stdout)["findings"] == json.loads(live.stdout)["findings"]


def test_the_targets_of_a_configuration_are_replayed(environment: Mapping[str, str], tmp_path: Path) -> None:
    (tmp_path / "gapscan.yaml").write_text(
        f'version: 1\ntargets:\n- {{provider: aws, account: "{ACCOUNT}", regions: [eu-west-1]}}\n'
    )
    only = ("--config", "gapscan.yaml", "--rule", "data.bucket-not-public", "--now", NOW, "--report", "json")
    live = gapscan("scan", "all", *only, "--record", "case", cwd=tmp_path, **environment)
    again = gapscan("scan", "all", *only, "--replay", "case", cwd=tmp_path)
    assert again.returncode == live.returncode == 1, again.stderr
    assert json.loads(again.stdout)["findings"] == json.loads(live.stdout)["findings"]


def test_the_documented_case_can_be_replayed(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "recording.md").read_text(encoding="utf-8")
    (case,) = re.findall(r"```yaml\n(.*?)```", text, re.S)
    (tmp_path / "case" / "aws").mkdir(parents=True)
    (tmp_path / "case" / "aws" / "bucket.yaml").write_text(case)
    done = gapscan(
        "scan",
        "aws",
        "--rule",
        "data.bucket-not-public",
        "--replay",
        "case",
        "--report",
        "json",
        cwd=tmp_path,
    )
    assert done.returncode != 2, done.stderr
    (finding,) = [
        one for one in json.loads(done.stdout)["findings"] if one.get("resource", {}).get("name") == "www"
    ]
    assert finding["verdict"] == "fail"


@pytest.fixture(autouse=True)
def no_leftovers(tmp_path: Path) -> Iterator[None]:
    yield
    assert not [path for path in tmp_path.rglob("*") if path.name.endswith(".part")]
