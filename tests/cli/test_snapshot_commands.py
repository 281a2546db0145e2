"""collect, assess and diff."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from scanner.run.snapshot import read_snapshot
from tests.command_line import HERE, gapscan

NOW = "2026-11-22T06:00:00+00:00"
PUBLIC = "data.bucket-not-public"
OWNERSHIP = """\
version: 1
teams:
  platform: {contact: platform@example.com}
owners:
- {controls: [data], accountable: platform}
"""


def report(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def test_a_snapshot_is_for_nobody_else(snapshot: Path) -> None:
    assert snapshot.stat().st_mode & 0o777 == 0o600


def test_assessing_a_snapshot_equals_the_scan(case: str, tmp_path: Path) -> None:
    given = ("aws", *HERE, "--replay", case)
    scan = gapscan("scan", *given, "--now", NOW, "--report", "json=scan.json", cwd=tmp_path)
    collect = gapscan("collect", *given, cwd=tmp_path)
    assert collect.returncode == 0, collect.stderr
    snapshot = "gapscan-snapshot.ndjson.zst"
    assess = gapscan("assess", snapshot, "--now", NOW, "--report", "json=assess.json", cwd=tmp_path)
    assert assess.returncode == scan.returncode, assess.stderr
    live, stored = report(tmp_path / "scan.json"), report(tmp_path / "assess.json")
    assert json.dumps(stored["findings"]) == json.dumps(live["findings"])
    assert stored["findings"]
    for part in ("summary", "coverage", "blind_spots", "rules"):
        assert stored[part] == live[part]


def test_the_time_is_the_snapshots_unless_another_is_given(snapshot: Path, tmp_path: Path) -> None:
    gapscan("assess", str(snapshot), "--report", "json=a.json", cwd=tmp_path)
    gapscan("assess", str(snapshot), "--report", "json=b.json", cwd=tmp_path)
    first, second = report(tmp_path / "a.json"), report(tmp_path / "b.json")
    assert first["findings"] == second["findings"]
    assert first["scan"]["now"] == first["scan"]["finished"] == second["scan"]["now"]


def test_the_gate_answers_for_a_snapshot(snapshot: Path, tmp_path: Path) -> None:
    (tmp_path / "ownership.yaml").write_text(OWNERSHIP, encoding="utf-8")
    gate = ("--fail-on", "unowned:critical", "--rule", PUBLIC, "--max-unknown", "99")
    assert gapscan("assess", str(snapshot), *gate, cwd=tmp_path).returncode == 1
    owned = gapscan("assess", str(snapshot), *gate, "--ownership", "ownership.yaml", cwd=tmp_path)
    assert owned.returncode == 0, owned.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--max-age", "yesterday"], "--max-age yesterday: expected a number and a unit"),
        (["--max-age", "24h", "--now", "2100-01-01"], "older than --max-age allows"),
        (["--gate", "postur"], "did you mean posture?"),
        (["--rule", "data.bucket-public"], "did you mean data.bucket-not-public?"),
    ],
)
def test_what_cannot_be_assessed_exits_with_2(
    options: list[str], message: str, snapshot: Path, tmp_path: Path
) -> None:
    done = gapscan("assess", str(snapshot), *options, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_snapshot_that_is_recent_enough_is_assessed(snapshot: Path, tmp_path: Path) -> None:
    finished = read_snapshot(snapshot).finished.isoformat()
    options = ("--max-age", "1s", "--now", finished, "--gate", "none", "--allow-incomplete")
    assert gapscan("assess", str(snapshot), *options, cwd=tmp_path).returncode == 0


@pytest.mark.parametrize("command", [["assess", "it"], ["diff", "it", "it"]])
def test_a_truncated_snapshot_is_refused(command: list[str], snapshot: Path, tmp_path: Path) -> None:
    whole = snapshot.read_bytes()
    (tmp_path / "it").write_bytes(whole[: len(whole) // 2])
    done = gapscan(*command, cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "it: is truncated" in done.stderr


def test_a_report_is_no_snapshot(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text('{"schema": "gapscan.report/v1"}', encoding="utf-8")
    done = gapscan("assess", "report.json", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, "gapscan: report.json: is not a gapscan snapshot\n")


def test_a_narrowed_snapshot_is_refused_for_other_rules(case: str, tmp_path: Path) -> None:
    options = (*HERE, "--replay", case, "--rule", PUBLIC, "--out", "narrow.zst")
    done = gapscan("collect", "aws", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert set(read_snapshot(tmp_path / "narrow.zst").inventory.collected) == {"account", "bucket"}
    refused = gapscan("assess", "narrow.zst", cwd=tmp_path)
    assert refused.returncode == 2
    assert "which was not collected" in refused.stderr
    assessed = gapscan(
        "assess", "narrow.zst", "--rule", PUBLIC, "--gate", "none", "--max-unknown", "9", cwd=tmp_path
    )
    assert assessed.returncode == 0, assessed.stderr


def test_without_credentials_no_snapshot_is_written(tmp_path: Path) -> None:
    done = gapscan("collect", "aws", *HERE, cwd=tmp_path)
    assert done.returncode == 4
    assert "credentials" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_snapshot_that_cannot_be_written_is_found_before_the_collection(tmp_path: Path) -> None:
    done = gapscan("collect", "aws", *HERE, "--out", "absent/snapshot.zst", cwd=tmp_path)
    assert done.returncode == 74
    assert "absent/snapshot.zst: cannot be written" in done.stderr


def test_ocsf_is_a_line_for_each_finding(snapshot: Path, tmp_path: Path) -> None:
    done = gapscan("assess", str(snapshot), "--report", "ocsf", "--report", "json=r.json", cwd=tmp_path)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    uids = [finding["uid"] for finding in report(tmp_path / "r.json")["findings"]]
    assert [event["finding_info"]["uid"] for event in events] == uids
    assert {event["class_uid"] for event in events} == {2003}


def test_what_changed_between_a_report_and_a_snapshot(snapshot: Path, tmp_path: Path) -> None:
    (tmp_path / "ownership.yaml").write_text(OWNERSHIP, encoding="utf-8")
    gapscan("assess", str(snapshot), "--report", "json=before.json", cwd=tmp_path)
    same = gapscan("diff", "before.json", str(snapshot), cwd=tmp_path)
    assert same.returncode == 0, same.stderr
    assert "Nothing changed." in same.stdout
    owned = gapscan(
        "diff",
        "before.json",
        str(snapshot),
        "--ownership",
        "ownership.yaml",
        "--format",
        "json",
        cwd=tmp_path,
    )
    assert owned.returncode == 0, owned.stderr
    changes = {
        (entry["rule"], entry["resource"]["name"]): entry
        for entry in json.loads(owned.stdout)["changes"]
        if entry["resource"]
    }
    public = changes[PUBLIC, "payroll-export"]
    assert (public["change"], public["changed_hands"]) == ("better", True)
    assert (public["before"]["state"], public["after"]["state"]) == ("unowned", "failing")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "it.json: cannot be read"),
        ("{}", "is not a report of schema"),
        (
            '{"schema": "gapscan.report/v1", "findings": []}',
            "of an earlier gapscan: assess its snapshot again",
        ),
        ('{"schema": "gapscan.report/v2", "findings": []}', "use the report as it was written"),
        ('{\n "schema": "gapscan.report/v2",\n "findings": [\n ]\n}\n', "is damaged: scan: "),
        ("nothing", "is not a JSON report"),
        ("", "is empty"),
    ],
)
def test_what_cannot_be_compared_exits_with_2(
    text: str | None, message: str, snapshot: Path, tmp_path: Path
) -> None:
    if text is not None:
        (tmp_path / "it.json").write_text(text, encoding="utf-8")
    for pair in ((str(snapshot), "it.json"), ("it.json", str(snapshot))):
        done = gapscan("diff", *pair, cwd=tmp_path)
        assert done.returncode == 2, done.stderr
        assert message in done.stderr
        assert "Traceback" not in done.stderr


def test_a_report_of_some_states_cannot_be_compared(snapshot: Path, tmp_path: Path) -> None:
    options = ("--states", "unowned", "--report", "json=some.json")
    gapscan("assess", str(snapshot), *options, cwd=tmp_path)
    done = gapscan("diff", "some.json", str(snapshot), cwd=tmp_path)
    assert done.returncode == 2
    assert "does not hold every finding" in done.stderr


def test_an_assessment_that_is_ended_leaves_the_old_report_and_nothing_else(tmp_path: Path) -> None:
    make = [sys.executable, "-m", "tests.bench.large", str(tmp_path / "large.zst"), "4000"]
    subprocess.run(make, check=True, cwd=Path(__file__).parents[2])
    (tmp_path / "report.json").write_text("before", encoding="utf-8")
    command = [sys.executable, "-m", "scanner", "assess", "large.zst", "--report", "json=report.json"]
    repository = {"PYTHONPATH": str(Path(__file__).parents[2])}
    assess = subprocess.Popen(command, cwd=tmp_path, env={**os.environ, **repository}, stderr=subprocess.PIPE)
    while assess.poll() is None and len(list(tmp_path.iterdir())) < 3:
        time.sleep(0.05)
    assess.terminate()
    assess.communicate(timeout=30)
    assert assess.returncode == 130
    assert sorted(path.name for path in tmp_path.iterdir()) == ["large.zst", "report.json"]
    assert (tmp_path / "report.json").read_text(encoding="utf-8") == "before"


def test_a_collection_needs_no_file_of_the_assessment(tmp_path: Path) -> None:
    (tmp_path / "gapscan.yaml").write_text(
        "version: 1\nownership: absent.yaml\nbaseline: absent.json\n", encoding="utf-8"
    )
    given = ("aws", "--config", "gapscan.yaml", "--timeout", "0.2", "--region", "eu-west-1")
    collected = gapscan("collect", *given, cwd=tmp_path)
    assert collected.returncode == 4, collected.stderr
    assert "absent" not in collected.stderr
    scanned = gapscan("scan", *given, cwd=tmp_path)
    assert scanned.returncode == 2
    assert "gapscan.yaml:2: ownership: no such file" in scanned.stderr
