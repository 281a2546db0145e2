# ruff: noqa: E501  (tables read better unbroken)
"""The command line: exit codes and messages, as a user or a pipeline meets them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

OWNERSHIP = """\
version: 1
teams:
  platform: {contact: platform@example.com}
owners:
- {controls: [data], accountable: platform}
"""


def gapscan(*arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the command without credentials of any cloud."""
    bare = {"PATH": os.environ["PATH"], "HOME": str(cwd or "."), "AWS_EC2_METADATA_DISABLED": "true"}
    return subprocess.run(
        [sys.executable, "-m", "scanner", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=cwd,
        env={**bare, "AWS_CONFIG_FILE": os.devnull, "PYTHONPATH": str(ROOT), **environment},
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["scan", "amazon"], "amazon"),
        (["scan", "aws", "--gate", "postur"], "did you mean posture?"),
        (["scan", "aws", "--fail-on", "unowned"], "expected STATE:SEVERITY"),
        (["scan", "aws", "--gate", "strict", "--fail-on", "unowned:high"], "not both"),
        (["scan", "aws", "--states", "unowed"], "did you mean unowned?"),
        (["scan", "aws", "--report", "jason"], "did you mean json?"),
        (["scan", "aws", "--rule", "data.bucket-public"], "did you mean data.bucket-not-public?"),
        (["scan", "aws", "--control", "dta"], "did you mean data?"),
        (["scan", "aws", "--control", "plat"], "no rule is evidence for the chosen controls"),
        (["scan", "aws", "--now", "yesterday"], "--now yesterday: expected a time"),
        (["scan", "aws", "--rules", "absent"], "no such rule pack"),
        (["scan", "aws", "--ownership", "absent.yaml"], "absent.yaml:1: no such file"),
        (["scan", "aws", "--config", "absent.yaml"], "absent.yaml:1: no such file"),
        (["scan", "aws", "--baseline", "absent.json"], "absent.json:1: cannot be read"),
        (["scan", "aws", "--project", "p"], "--project is for gapscan scan gcp"),
        (["scan", "all", "--region", "eu-west-1"], "--region is for gapscan scan aws"),
        (["scan", "aws", "--max-unknown", "-1"], "--max-unknown"),
        (["rules", "show", "data.bucket"], "no rule 'data.bucket'"),
    ],
)
def test_wrong_usage_is_told_and_exits_with_2(arguments: list[str], told: str, tmp_path: Path) -> None:
    done = gapscan(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert told in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("accountable", "acountable", "ownership.yaml:5: owners.0.acountable: unknown key; did you mean accountable?"),
        ("[data]", "[dta]", "ownership.yaml:5:"),
        ("[data]", "[data.no-public-exposur]", "did you mean data.no-public-exposure?"),
        ("accountable: platform", "where: {account: 111122223333}, accountable: platform", '"111122223333"'),
        ("[data]", "[data", "ownership.yaml:"),
        ("version: 1", "version: 9", "ownership.yaml:1: version"),
    ],
)  # fmt: skip
def test_a_wrong_ownership_file_is_told_with_its_line(old: str, new: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "ownership.yaml").write_text(OWNERSHIP.replace(old, new), encoding="utf-8")
    done = gapscan("scan", "aws", "--ownership", "ownership.yaml", cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert told in done.stderr


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("version: 1\ntargets: [{provider: awz}]", "gapscan.yaml:2:"),
        ("version: 1\ntargets: [{provider: aws, account: 111122223333}]", '"111122223333"'),
        ("version: 1\ntargets: [{provider: aws, acount: x}]", "gapscan.yaml:2: targets.0.acount: unknown key; did you mean account?"),
        ("version: 1\nownership: absent.yaml", "gapscan.yaml:2: ownership: no such file"),
        ("version: 1\nmax_unknown: -1", "gapscan.yaml:2: max_unknown"),
        ("version: 1\ngate: posture\ngate: strict", "gapscan.yaml:3: gate: given twice"),
    ],
)  # fmt: skip
def test_a_wrong_configuration_is_told_with_its_line(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "gapscan.yaml").write_text(text, encoding="utf-8")
    done = gapscan("scan", "all", "--config", "gapscan.yaml", cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert told in done.stderr


def test_a_report_that_cannot_be_written_is_found_before_the_scan(tmp_path: Path) -> None:
    done = gapscan("scan", "aws", "--report", "json=absent/report.json", cwd=tmp_path)
    assert done.returncode == 74
    assert "absent/report.json: cannot be written" in done.stderr


def test_no_credentials_is_exit_4_with_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    done = gapscan("scan", "aws", cwd=tmp_path)
    assert done.returncode == 4
    assert "no credentials" in done.stderr.lower() or "credentials" in done.stderr
    assert "Traceback" not in done.stderr


def test_rules_as_json_for_programs() -> None:
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


@pytest.mark.parametrize("what", ["rule", "ownership", "config", "report"])
def test_every_schema_can_be_printed(what: str) -> None:
    done = gapscan("schema", what)
    assert done.returncode == 0
    assert json.loads(done.stdout)["type"] == "object"


def test_help_and_version_need_nothing() -> None:
    assert "Exit codes" in gapscan("--help").stdout
    assert gapscan("--version").stdout.startswith("gapscan 0.")
    assert "--max-unknown" in gapscan("scan", "--help").stdout
