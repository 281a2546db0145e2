"""``gapscan ownership matrix``."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from trestle.oscal.ssp import SystemSecurityPlan

from tests.command_line import gapscan

OWNERSHIP = """\
version: 1
teams:
  platform: {contact: platform@example.com}
owners:
- {controls: [data], accountable: platform}
"""


@pytest.fixture(scope="module")
def folder(snapshot: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A snapshot of the sample account, an ownership file, and the report of both."""
    folder = tmp_path_factory.mktemp("matrix")
    (folder / "ownership.yaml").write_text(OWNERSHIP, encoding="utf-8")
    (folder / "snapshot.zst").write_bytes(snapshot.read_bytes())
    given = ("--ownership", "ownership.yaml", "--report", "json=report.json", "--gate", "none")
    assess = gapscan("assess", "snapshot.zst", *given, cwd=folder)
    assert (folder / "report.json").exists(), assess.stderr
    return folder


def matrix(folder: Path, *options: str) -> str:
    done = gapscan("ownership", "matrix", *options, cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("form", ["text", "csv", "json", "oscal"])
def test_a_snapshot_gives_the_matrix_of_its_report(form: str, folder: Path) -> None:
    of_report = matrix(folder, "--report", "report.json", "--format", form)
    of_snapshot = matrix(
        folder, "--snapshot", "snapshot.zst", "--ownership", "ownership.yaml", "--format", form
    )
    assert of_report == of_snapshot
    assert of_report


def test_every_row_of_the_report_is_in_the_csv(folder: Path) -> None:
    rows = json.loads((folder / "report.json").read_text(encoding="utf-8"))["coverage"]
    lines = list(csv.DictReader(matrix(folder, "--report", "report.json", "--format", "csv").splitlines()))
    assert sorted((line["control"], line["state"]) for line in lines) == sorted(
        (row["control"], row["state"]) for row in rows
    )
    assert {line["owner"] for line in lines} == {"platform", ""}


def test_the_text_is_for_a_terminal(folder: Path) -> None:
    shown = matrix(folder, "--report", "report.json")
    assert max(map(len, shown.splitlines())) <= 100
    assert "data.no-public-exposure" in shown
    by_team = matrix(folder, "--report", "report.json", "--by", "team")
    assert "platform" in by_team.splitlines()[2]


def test_the_oscal_is_valid_and_written_whole(folder: Path) -> None:
    assert matrix(folder, "--report", "report.json", "--format", "oscal", "--out", "plan.json") == ""
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    assert SystemSecurityPlan.parse_obj(plan["system-security-plan"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "give either --report or --snapshot"),
        (["--report", "report.json", "--snapshot", "snapshot.zst"], "give either --report or --snapshot"),
        (["--report", "report.json", "--ownership", "ownership.yaml"], "are for --snapshot"),
        (["--report", "report.json", "--by", "team", "--format", "oscal"], "--by team is not for"),
        (["--report", "absent.json"], "absent.json:1: cannot be read"),
        (["--report", "ownership.yaml"], "is not a JSON report"),
        (["--snapshot", "report.json"], "is not a gapscan snapshot"),
        (["--snapshot", "snapshot.zst", "--ownership", "absent.yaml"], "absent.yaml:1: no such file"),
    ],
)
def test_wrong_input_is_reported_in_one_line(options: list[str], message: str, folder: Path) -> None:
    done = gapscan("ownership", "matrix", *options, cwd=folder)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_a_report_of_some_states_is_refused(folder: Path) -> None:
    gapscan("assess", "snapshot.zst", "--states", "covered", "--report", "json=some.json", cwd=folder)
    done = gapscan("ownership", "matrix", "--report", "some.json", cwd=folder)
    assert done.returncode == 2
    assert "made with --states covered" in done.stderr


def test_a_report_that_cannot_be_written_leaves_nothing_behind(folder: Path) -> None:
    before = sorted(folder.iterdir())
    done = gapscan("ownership", "matrix", "--report", "report.json", "--out", "absent/plan.json", cwd=folder)
    assert done.returncode == 74
    assert "absent/plan.json: cannot be written" in done.stderr
    assert sorted(folder.iterdir()) == before
