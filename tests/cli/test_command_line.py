# ruff: noqa: E501  (tables read better unbroken)
"""The command line: exit codes and messages."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml

from providers.sandbox import Fault
from providers.sandbox.aws.server import AwsSandbox
from tests.command_line import HERE, ROOT, gapscan, launched

OWNERSHIP = """\
version: 1
teams:
  platform: {contact: platform@example.com}
owners:
- {controls: [data], accountable: platform}
"""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["scan", "amazon"], "amazon"),
        (["scan", "aws", "--gate", "postur"], "did you mean posture?"),
        (["scan", "aws", "--fail-on", "unowned"], "expected STATE:SEVERITY"),
        (["scan", "aws", "--gate", "strict", "--fail-on", "unowned:high"], "not both"),
        (["scan", "aws", "--states", "unowed"], "did you mean unowned?"),
        (["scan", "aws", "--report", "jason"], "did you mean json?"),
        (["scan", "aws", "--rule", "data.bucket-public"], "did you mean data.bucket-not-public?"),
        (["scan", "aws", "--control", "dta"], "did you mean data?"),
        (
            ["scan", "aws", "--control", "plat", "--rule", "data.bucket-not-public"],
            "none of the chosen rules is evidence for the chosen controls",
        ),
        (["scan", "aws", "--now", "yesterday"], "--now yesterday: expected a time"),
        (
            ["scan", "aws", "--now", "9999-12-31T23:59:59-14:00"],
            "--now 9999-12-31T23:59:59-14:00: is out of range",
        ),
        (["scan", "aws", "--rules", "absent"], "no such rule pack"),
        (["scan", "aws", "--ownership", "absent.yaml"], "absent.yaml:1: no such file"),
        (["scan", "aws", "--config", "absent.yaml"], "absent.yaml:1: no such file"),
        (["scan", "aws", "--baseline", "absent.json"], "absent.json:1: cannot be read"),
        (["scan", "aws", "--project", "p"], "--project is for gapscan scan gcp"),
        (["scan", "all", "--region", "eu-west-1"], "--region is for one cloud"),
        (["scan", "aws", "--max-unknown", "-1"], "--max-unknown"),
        (["rules", "show", "data.bucket"], "no rule 'data.bucket'"),
    ],
)
def test_wrong_usage_exits_with_2_and_a_message(arguments: list[str], message: str, tmp_path: Path) -> None:
    done = gapscan(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "target"),
    [
        (("controls", "list"), ">/dev/full"),
        (("controls", "list"), ">&-"),
        (("responsibility",), ">/dev/full"),
        (("ownership", "lint", "o.yaml"), ">/dev/full"),
    ],
)
def test_a_standard_output_that_cannot_be_written_is_reported(
    arguments: tuple[str, ...], target: str, tmp_path: Path
) -> None:
    (tmp_path / "o.yaml").write_text(OWNERSHIP, encoding="utf-8")
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {target}', "sh", sys.executable, "-m", "scanner", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 74, done.stderr
    assert done.stderr.startswith("gapscan: standard output: could not be written: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("accountable", "acountable", "ownership.yaml:5: owners.0.acountable: unknown key; did you mean accountable?"),
        ("[data]", "[dta]", "ownership.yaml:5:"),
        ("[data]", "[data.no-public-exposur]", "did you mean data.no-public-exposure?"),
        ("accountable: platform", "where: {account: 111122223333}, accountable: platform", '"111122223333"'),
        ("[data]", "[data", "ownership.yaml:"),
        ("version: 1", "version: 9", "ownership.yaml:1: version"),
    ],
)  # fmt: skip
def test_a_wrong_ownership_file_is_reported_with_its_line(
    old: str, new: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / "ownership.yaml").write_text(OWNERSHIP.replace(old, new), encoding="utf-8")
    done = gapscan("scan", "aws", "--ownership", "ownership.yaml", cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("version: 1\ntargets: [{provider: awz}]", "gapscan.yaml:2:"),
        ("version: 1\ntargets: [{provider: aws, account: 111122223333}]", '"111122223333"'),
        ("version: 1\ntargets: [{provider: aws, acount: x}]", "gapscan.yaml:2: targets.0.acount: unknown key; did you mean account?"),
        ("version: 1\nownership: absent.yaml", "gapscan.yaml:2: ownership: no such file"),
        ("version: 1\nmax_unknown: -1", "gapscan.yaml:2: max_unknown"),
        ("version: 1\ngate: posture\ngate: strict", "gapscan.yaml:3: gate: duplicate key"),
    ],
)  # fmt: skip
def test_a_wrong_configuration_is_reported_with_its_line(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "gapscan.yaml").write_text(text, encoding="utf-8")
    done = gapscan("scan", "all", "--config", "gapscan.yaml", cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr


def test_a_report_that_cannot_be_written_is_found_before_the_scan(tmp_path: Path) -> None:
    done = gapscan("scan", "aws", "--report", "json=absent/report.json", cwd=tmp_path)
    assert done.returncode == 74
    assert "absent/report.json: cannot be written" in done.stderr


def test_missing_credentials_exit_with_4_and_one_line_of_advice(tmp_path: Path) -> None:
    done = launched("scan", "aws", cwd=tmp_path)
    assert done.returncode == 4
    assert "NOT REACHED: No complete AWS credentials were found" in done.stdout
    assert "AWS_PROFILE" in done.stdout
    assert done.stderr == ""
    quiet = gapscan("scan", "aws", "--report", f"json={tmp_path / 'report.json'}", cwd=tmp_path)
    assert quiet.returncode == 4
    assert "credentials" in quiet.stderr


def test_rules_as_json() -> None:
    done = gapscan("rules", "list", "--format", "json")
    rules = json.loads(done.stdout)
    assert done.returncode == 0
    assert len(rules) >= 10
    assert all({"id", "control", "severity", "for", "providers", "refs"} <= rule.keys() for rule in rules)


def test_a_rule_is_shown_with_its_remediation() -> None:
    done = gapscan("rules", "show", "data.bucket-not-public")
    assert done.returncode == 0
    for part in ("data.no-public-exposure", "critical", "On azure:", "On gcp:", "!bucket.public_read"):
        assert part in done.stdout


def test_the_examples_of_a_pack_are_run(tmp_path: Path) -> None:
    assert gapscan("rules", "test").returncode == 0
    built_in = gapscan("rules", "show", "res.bucket-versioned")
    assert built_in.returncode == 0
    rule = tmp_path / "res" / "mine.yaml"
    rule.parent.mkdir()
    rule.write_text(
        "title: t\ncontrol: res.deletion-protection\nseverity: low\nfor: bucket\nrequire: bucket.versioning\n"
        "message: m\nrationale: r\nremediation: {aws: a, azure: a, gcp: a}\n"
        "examples:\n- pass: {versioning: false}\n",
        encoding="utf-8",
    )
    done = gapscan("rules", "test", str(tmp_path))
    assert done.returncode == 1
    assert "mine.yaml:10: expected pass, got fail" in done.stdout
    assert "1 rule, 1 example, 1 wrong" in done.stdout
    text = rule.read_text(encoding="utf-8")
    rule.write_text(text.replace("pass: {versioning: false}", "pass: {versioning: {unknown: denied}}"))
    unknown = gapscan("rules", "test", str(tmp_path))
    assert unknown.returncode == 1
    assert "mine.yaml:10: expected pass, got unknown (example)" in unknown.stdout


@pytest.mark.parametrize("what", ["rule", "ownership", "config", "report"])
def test_every_schema_can_be_printed(what: str) -> None:
    done = gapscan("schema", what)
    assert done.returncode == 0
    assert json.loads(done.stdout)["type"] == "object"


def test_help_and_version_need_nothing() -> None:
    assert "Exit codes" in launched("--help").stdout
    assert launched("--version").stdout.startswith("gapscan 0.")
    assert "--max-unknown" in gapscan("scan", "--help").stdout


@pytest.mark.parametrize(
    ("hung", "sent"),
    [
        ("sts:GetCallerIdentity", signal.SIGINT),
        ("s3:ListBuckets", signal.SIGINT),
        ("s3:GetBucketAcl", signal.SIGINT),
        ("sts:GetCallerIdentity", signal.SIGHUP),
        ("s3:GetBucketAcl", signal.SIGTERM),
    ],
)
def test_an_interrupted_scan_says_what_is_missing_and_leaves_nothing(
    hung: str, sent: signal.Signals, aws_sandbox: AwsSandbox, tmp_path: Path
) -> None:
    asked = threading.Event()

    def fault(name: str) -> Fault | None:
        if name != hung:
            return None
        asked.set()
        return "hang"

    aws_sandbox.fault = fault
    report = tmp_path / "report.json"
    report.write_text("before", encoding="utf-8")
    scan = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "scanner",
            "scan",
            "aws",
            *HERE,
            "--control",
            "data",
            "--report",
            f"json={report}",
        ],
        env={**os.environ, **aws_sandbox.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that runs the tests in its background lets its children ignore Ctrl-C, and nohup a hang-up.
        preexec_fn=lambda: signal.signal(sent, signal.SIG_DFL),
    )
    assert asked.wait(30)
    scan.send_signal(sent)
    _, errors = scan.communicate(timeout=30)
    assert scan.returncode == 130
    assert "interrupted, no report was written. Not scanned:" in errors
    assert "aws" in errors.splitlines()[-1]
    assert list(tmp_path.iterdir()) == [report]
    assert report.read_text(encoding="utf-8") == "before"


def test_a_pipeline_stops_on_unowned_gaps_and_a_baseline_lets_old_ones_pass(
    aws_sandbox: AwsSandbox, case: str, tmp_path: Path
) -> None:
    report = tmp_path / "report.json"
    environment: dict[str, Any] = {**aws_sandbox.environment}
    first = launched("scan", "aws", *HERE, "--report", f"json={report}", **environment)
    assert first.returncode == 1, first.stderr
    assert first.stdout == "", "only requested reports go to standard output"
    found = json.loads(report.read_text(encoding="utf-8"))
    assert found["summary"]["exit"] == 1
    assert found["scan"]["targets"][0]["scope"] == "111122223333"
    again = ("scan", "aws", *HERE, "--replay", case)
    assert gapscan(*again, "--gate", "none", "--report", f"json={report}").returncode == 0
    second = gapscan(*again, "--baseline", str(report))
    assert second.returncode == 0, second.stdout
    assert gapscan(*again, "--rule", "data.bucket-encrypted").returncode == 0


def denied(case: str, call: str, folder: Path) -> Path:
    """A copy of the recording, in which a call was denied."""
    for path in Path(case).rglob("*.yaml"):
        written = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
        for state in written["states"]:
            for each in state["answers"]:
                if each["call"] == call:
                    del each["answer"]
                    each["error"] = {"status": 403, "code": "AccessDenied", "message": "no"}
        copy = folder / path.relative_to(case)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(yaml.dump(written, Dumper=yaml.CSafeDumper), encoding="utf-8")
    return folder


def test_an_incomplete_scan_is_no_pass_unless_waived_loudly(case: str, tmp_path: Path) -> None:
    recording = denied(case, "s3:GetBucketVersioning", tmp_path)
    given = ("scan", "aws", *HERE, "--gate", "none", "--replay", str(recording))
    done = gapscan(*given)
    waived = gapscan(*given, "--allow-incomplete")
    budget = gapscan(*given, "--max-unknown", "20")
    assert done.returncode == 3
    assert "Incomplete" in done.stdout
    assert "s3:GetBucketVersioning" in done.stdout
    assert waived.returncode == 0
    assert "INCOMPLETE, WAIVED" in waived.stdout
    assert budget.returncode == 0


def test_a_closed_pipe_does_not_change_the_exit_code(snapshot: Path) -> None:
    assess = subprocess.Popen(
        [sys.executable, "-m", "scanner", "assess", str(snapshot), "--report", "json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert assess.stdout is not None
    assert assess.stderr is not None
    assess.stdout.read(10)
    assess.stdout.close()
    errors = assess.stderr.read()
    assert assess.wait(60) == 1, errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gate: 5", "gapscan.yaml:2: gate: expected a gate such as ownership, or gates by scope"),
        ("gate: {}", "gapscan.yaml:2: gate: expected a gate such as ownership, or gates by scope"),
        ("gate: postur", "gapscan.yaml:2: gate: no gate 'postur'"),
        ("fail_on: unowned", "gapscan.yaml:2: fail_on: expected STATE:SEVERITY"),
    ],
)
def test_a_wrong_gate_of_the_configuration_is_reported_with_its_line(
    text: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / "gapscan.yaml").write_text(f"version: 1\n{text}\n", encoding="utf-8")
    done = gapscan("scan", "aws", "--config", "gapscan.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert message in done.stderr
