"""--team, --where and gates by scope on assess and diff."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from scanner.model.inventory import Inventory, Target
from scanner.model.resources.base import Resource
from scanner.report.model import json_schema
from scanner.run.new_snapshot import NewSnapshot
from scanner.run.scan import Collected, all_facets
from tests.command_line import gapscan
from tests.estate import ACCOUNT, NOW, account, bucket, region

OWNERSHIP = """\
version: 1
reviewed: 2026-11-01
teams:
  payments: {contact: p@example.com, aliases: [pay]}
  web: {contact: w@example.com}
scopes:
  live: {tags: {env: prod}}
owners:
- {controls: [data], where: {tags: {owner: payments}}, accountable: payments}
- {controls: [data], where: {tags: {owner: web}}, accountable: web}
"""
QUIET = ("--max-unknown", "99")


def public(name: str, owner: str, **facets: Any) -> Resource:
    defaults = {"public_read": True, "public_via": ("ACL",), "tags": {"owner": owner, "env": "prod"}}
    return bucket(name, **{**defaults, **facets})


def write(path: Path, *resources: Resource) -> None:
    """A snapshot of the account with these resources."""
    held = tuple(sorted((account(), region(), *resources), key=lambda one: (one.kind, one.id)))
    target = Target("aws", ACCOUNT, "arn:aws:iam::111122223333:role/reader", True, True, None)
    inventory = Inventory(held, (), (target,), all_facets())
    with NewSnapshot(path) as snapshot:
        snapshot.write(Collected(inventory, NOW - timedelta(minutes=9), NOW, "0" * 32), "0.1.0")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two snapshots in sequence: one bucket is deleted, one is fixed, one changes its owner."""
    path = tmp_path_factory.mktemp("narrowing")
    (path / "ownership.yaml").write_text(OWNERSHIP, encoding="utf-8")
    write(
        path / "a",
        public("receipts", "payments"),
        public("www", "web"),
        public("moves", "web"),
        public("gone", "web"),
    )
    write(
        path / "b",
        public("receipts", "payments", public_read=False, public_via=()),
        public("www", "web"),
        public("moves", "payments"),
    )
    return path


def assess(folder: Path, *options: str, snapshot: str = "a") -> tuple[int, dict[str, Any], str]:
    report = ("--report", "json=r.json", "--report", "text")
    owners = ("--ownership", "ownership.yaml") if "--no-owners" not in options else ()
    rest = [option for option in options if option != "--no-owners"]
    done = gapscan("assess", snapshot, *owners, *QUIET, *report, *rest, cwd=folder)
    document: dict[str, Any] = json.loads((folder / "r.json").read_text(encoding="utf-8"))
    jsonschema.validate(document, json_schema(), cls=jsonschema.Draft202012Validator)
    return done.returncode, document, done.stdout


def names(document: dict[str, Any]) -> set[str]:
    return {f["resource"]["name"] for f in document["findings"] if f["rule"] == "data.bucket-not-public"}


@pytest.mark.parametrize("name", ["payments", "PAY"])
def test_a_team_assesses_its_part_of_a_central_snapshot(name: str, folder: Path) -> None:
    code, document, text = assess(folder, "--team", name, "--gate", "posture")
    assert code == 1
    assert names(document) == {"receipts"}
    assert document["scan"]["narrowed"] == [f"--team {name}"]
    assert {row["owner"] for row in document["coverage"]} == {"payments"}
    assert f"Narrowed by --team {name}" in text
    code, document, _ = assess(folder, "--team", name, "--gate", "posture", snapshot="b")
    assert names(document) == {"receipts", "moves"}


def test_selections_are_alternatives_and_conditions_of_one_all_hold(folder: Path) -> None:
    _, document, _ = assess(folder, "--where", "tags.owner=web,resource=www", "--where", "resource=receipts")
    assert names(document) == {"www", "receipts"}
    _, document, _ = assess(folder, "--where", "live", "--team", "web")
    assert names(document) == {"www", "moves", "gone"}
    assert document["scan"]["narrowed"] == ["--team web", "--where live"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--team", "paymens", "--ownership", "ownership.yaml"], "--team: no team 'paymens'; did you mean"),
        (["--team", "payments"], "--team: needs an ownership file"),
        (["--where", "acount=1"], "--where: acount: unknown key; did you mean account?"),
        (["--where", "kind=buckt"], "--where: no kind 'buckt'; did you mean bucket?"),
        (["--where", "liv", "--ownership", "ownership.yaml"], "--where: no scope 'liv'; did you mean live?"),
        (["--where", "tags.env"], "--where: no scope 'tags.env'"),
    ],
)  # fmt: skip
def test_what_cannot_be_narrowed_to_exits_with_2(options: list[str], message: str, folder: Path) -> None:
    done = gapscan("assess", "a", *options, cwd=folder)
    assert done.returncode == 2, done.stdout
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", [["diff", "a", "b"], ["scan", "aws"]])
def test_every_command_that_assesses_can_be_narrowed(command: list[str], folder: Path) -> None:
    done = gapscan(*command, "--team", "paymens", "--ownership", "ownership.yaml", cwd=folder)
    assert (done.returncode, "did you mean payments?" in done.stderr) == (2, True)


def test_a_selection_of_nothing_exits_with_4(folder: Path) -> None:
    code, document, text = assess(folder, "--where", "account=777788889999")
    assert code == 4
    assert document["coverage"] == document["summary"]["scopes"] == []
    assert "nothing collected matches --where account=777788889999" in text


def test_a_snapshot_without_paths_is_not_selected_from_by_path(folder: Path, tmp_path: Path) -> None:
    target = Target("aws", ACCOUNT, "arn", True, True, None)
    wanted = {**all_facets(), "account": frozenset({"tags"})}
    held = (
        type(account()).observe(
            wanted["account"], account().model_dump(exclude=set(type(account()).facets()) - {"tags"})
        ),
    )
    with NewSnapshot(tmp_path / "s") as snapshot:
        collected = Collected(Inventory(held, (), (target,), wanted), NOW, NOW, "0" * 32)
        snapshot.write(collected, "0.1.0")
    for options in (["--where", "path=/Root"], ["--config", "gapscan.yaml"]):
        text = "version: 1\nselections: {prod: {path: /Root/Prod}}\ngate: {prod: strict}\n"
        (tmp_path / "gapscan.yaml").write_text(text, encoding="utf-8")
        done = gapscan("assess", "s", *options, "--rule", "data.bucket-not-public", cwd=tmp_path)
        assert done.returncode == 2, done.stdout
        assert "selected by path, which was not collected" in done.stderr


def changes(folder: Path, *options: str, sides: tuple[str, str] = ("a", "b")) -> dict[str, str | None]:
    done = gapscan("diff", *sides, "--ownership", "ownership.yaml", "--format", "json", *options, cwd=folder)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    return {
        entry["resource"]["name"]: "hands" if entry["changed_hands"] else entry["change"]
        for entry in document["changes"]
        if entry["rule"] == "data.bucket-not-public"
    }


def test_a_diff_shows_findings_that_were_or_are_the_teams(folder: Path) -> None:
    assert changes(folder, "--team", "payments") == {"receipts": "closed", "moves": "hands"}
    assert changes(folder, "--team", "web") == {"moves": "hands", "gone": "closed"}
    assert changes(folder, "--where", "tags.owner=payments") == {"receipts": "closed", "moves": "hands"}
    assert changes(folder, "--where", "path=/Root/Prod") == changes(folder)
    assert changes(folder, "--where", "path=/Root/Lab") == {}


def test_a_diff_of_reports_narrows_by_what_they_have(folder: Path) -> None:
    for name in ("a", "b"):
        assess(folder, snapshot=name)
        (folder / "r.json").rename(folder / f"{name}.json")
    sides = ("a.json", "b.json")
    assert changes(folder, "--team", "payments", sides=sides) == {"receipts": "closed", "moves": "hands"}
    assert changes(folder, "--where", "resource=gone", sides=sides) == {"gone": "closed"}
    for where, message in (("path=/Root", "does not have the paths"), ("service=s3", "use kind")):
        done = gapscan("diff", *sides, "--where", where, cwd=folder)
        assert done.returncode == 2
        assert message in done.stderr


def test_what_a_narrowed_report_leaves_out_has_not_closed(folder: Path) -> None:
    assess(folder)
    (folder / "r.json").rename(folder / "whole.json")
    assess(folder, "--team", "payments", snapshot="b")
    (folder / "r.json").rename(folder / "team.json")
    found = changes(folder, sides=("whole.json", "team.json"))
    assert found["receipts"] == "closed", "it is there and passes"
    assert (found["www"], found["gone"]) == ("unseen", "unseen")


def test_gates_of_scopes_in_a_pipeline(folder: Path) -> None:
    text = "version: 1\nownership: ownership.yaml\ngate: {live: posture, default: none}\n"
    (folder / "gapscan.yaml").write_text(text, encoding="utf-8")
    code, document, shown = assess(folder, "--config", "gapscan.yaml")
    assert code == 1
    gate = document["summary"]["gate"]
    assert gate["name"] == document["scan"]["gate"] == "none (live: posture)"
    assert [(one["scope"], one["gate"]) for one in gate["scopes"]] == [
        ("live", "posture"),
        ("default", "none"),
    ]
    assert sum(one["findings"] for one in gate["scopes"]) == gate["findings"] == 4
    assert "live (posture): 4 at the gate" in shown
    code, document, _ = assess(folder, "--config", "gapscan.yaml", "--gate", "none")
    assert (code, document["summary"]["gate"]["scopes"]) == (0, [])
    (folder / "gapscan.yaml").write_text(text.replace("live:", "lve:"), encoding="utf-8")
    done = gapscan("assess", "a", "--config", "gapscan.yaml", cwd=folder)
    assert done.returncode == 2
    assert "gapscan.yaml:3: gate.lve: no scope 'lve'; did you mean live?" in done.stderr
