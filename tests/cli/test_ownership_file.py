"""gapscan ownership init, lint and renew."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from scanner.catalogue.responsibility import load_catalogue
from scanner.model.evidence import Unknown
from scanner.model.inventory import Inventory, Target
from scanner.model.resources.audit import AuditTrail
from scanner.model.resources.base import Resource
from scanner.ownership.file.load import load_ownership
from scanner.run.new_snapshot import NewSnapshot
from scanner.run.scan import Collected, all_facets
from tests.command_line import gapscan
from tests.estate import ACCOUNT, DENIED, NOW, account, bucket, other

FILE = """\
version: 1
# Who answers for what.
teams:
  platform: {}
  payments: {}
owners:
- {id: logs, controls: [log], accountable: platform, reviewed: 2026-01-01}   # looked at in winter
- id: pay
  controls: [data]   # and its keys?
  where: {path: /Root/Workloads/Prod/Payments}
  accountable: payments

# The rest.
- {controls: ["*"], accountable: platform}
"""


def snapshot(folder: Path, *resources: Resource) -> Path:
    inventory = Inventory(
        resources=resources,
        blind_spots=(),
        targets=(Target("aws", ACCOUNT, "arn:aws:iam::111122223333:role/reader", True, True, None),),
        collected=all_facets(),
    )
    path = folder / "it.zst"
    with NewSnapshot(path) as new:
        new.write(Collected(inventory, NOW, NOW, "0" * 32), "0.1.0")
    return path


def owned(name: str, team: str) -> Resource:
    return bucket(name, tags={"owner": team})


def drafted(folder: Path, *resources: Resource) -> tuple[str, dict[str, object]]:
    done = gapscan("ownership", "init", str(snapshot(folder, *resources)), cwd=folder)
    assert done.returncode == 0, done.stderr
    text = (folder / "ownership.yaml").read_text(encoding="utf-8")
    return text, yaml.safe_load(text)


def test_a_draft_names_the_team_that_most_resources_name(tmp_path: Path) -> None:
    text, _ = drafted(
        tmp_path, account(tags={}), owned("a", "Pay Team"), owned("b", "Pay Team"), owned("c", "web")
    )
    file = load_ownership(tmp_path / "ownership.yaml", load_catalogue())
    assert not file.owners, "a guess owns nothing"
    assert [line.text.accountable for line in file.proposals] == ["pay-team"]
    assert not any(file.active(team, NOW) for team in file.teams)
    assert file.team("Pay Team") == "pay-team"
    assert 'proposed: "2 of 3 tagged resources name it"' in text
    assert set(file.teams) == {"pay-team", "web"}


def test_a_draft_without_a_majority_is_only_the_accounts_name(tmp_path: Path) -> None:
    text, _ = drafted(
        tmp_path, account(tags={}), owned("a", "web"), owned("b", "pay"), bucket("c", tags=DENIED)
    )
    assert "the account's name, as nothing names an owner" in text
    assert "The tags of 1 resource could not be read." in text


def test_hostile_tags_write_no_line_of_the_draft(tmp_path: Path) -> None:
    hostile = "x\n  - {controls: ['*'], accountable: mallory}\n# \u202e\x1b[31m"
    text, value = drafted(tmp_path, account(tags={}), owned("a", hostile), owned("b", hostile))
    assert isinstance(value["owners"], list)
    assert len(value["owners"]) == 1
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_a_draft_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "ownership.yaml").write_text("mine", encoding="utf-8")
    done = gapscan("ownership", "init", str(snapshot(tmp_path, account())), cwd=tmp_path)
    assert (done.returncode, done.stderr) == (
        2,
        "gapscan: ownership.yaml: already exists: overwrite it with --force\n",
    )
    assert (tmp_path / "ownership.yaml").read_text(encoding="utf-8") == "mine"


def test_a_renewal_changes_two_values_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "ownership.yaml").write_text(FILE, encoding="utf-8")
    done = gapscan(
        "ownership",
        "renew",
        "ownership.yaml",
        "--all",
        "--approval",
        "SEC-1",
        "--on",
        "2026-03-01",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "ownership.yaml").read_text(encoding="utf-8") == FILE.replace(
        "reviewed: 2026-01-01}", 'reviewed: 2026-03-01, approval: "SEC-1"}'
    ).replace("- id: pay", '- approval: "SEC-1"\n  reviewed: 2026-03-01\n  id: pay').replace(
        'controls: ["*"], accountable: platform}',
        'controls: ["*"], accountable: platform, approval: "SEC-1", reviewed: 2026-03-01}',
    )
    assert "ownership.yaml:7: 2026-01-01 → 2026-03-01 (platform)" in done.stdout


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        (["--team", "payments"], [8]),
        (["--path", "/Root/Workloads"], [8]),
        (["--id", "logs"], [7]),
        (["--team", "platform", "--id", "logs"], [7]),
    ],
)
def test_a_renewal_means_the_lines_that_fit_all_options(
    options: list[str], lines: list[int], tmp_path: Path
) -> None:
    (tmp_path / "ownership.yaml").write_text(FILE, encoding="utf-8")
    done = gapscan(
        "ownership", "renew", "ownership.yaml", *options, "--approval", "X", "--dry-run", cwd=tmp_path
    )
    assert [int(line.split(":")[1]) for line in done.stdout.splitlines()] == lines
    assert (tmp_path / "ownership.yaml").read_text(encoding="utf-8") == FILE


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--approval", "X"], "select lines with --team, --path, --id or --all"),
        (["--approval", " ", "--all"], "--approval is empty"),
        (["--approval", "X", "--team", "paymnts"], "--team paymnts: no such team; did you mean payments?"),
        (["--approval", "X", "--id", "log"], "--id log: no line has this id; did you mean logs?"),
        (["--approval", "X", "--path", "/Nowhere"], "ownership.yaml: no line matches"),
        (["--approval", "X", "--all", "--on", "soon"], "--on soon: expected a day"),
        (["--approval", "X", "--all", "--on", "9999-12-31"], "--on 9999-12-31: is in the future"),
    ],
)
def test_a_renewal_that_cannot_be_made(options: list[str], message: str, tmp_path: Path) -> None:
    (tmp_path / "ownership.yaml").write_text(FILE, encoding="utf-8")
    done = gapscan("ownership", "renew", "ownership.yaml", *options, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr


def test_a_renewal_behind_an_alias_is_left_to_people(tmp_path: Path) -> None:
    text = FILE.replace("reviewed: 2026-01-01}", "reviewed: &day 2026-01-01}").replace(
        "accountable: payments\n", "accountable: payments\n  reviewed: *day\n"
    )
    (tmp_path / "ownership.yaml").write_text(text, encoding="utf-8")
    done = gapscan("ownership", "renew", "ownership.yaml", "--id", "pay", "--approval", "X", cwd=tmp_path)
    assert done.returncode == 2
    assert "the review is set through a YAML alias: edit it by hand" in done.stderr
    assert (tmp_path / "ownership.yaml").read_text(encoding="utf-8") == text


NOW_OPTION = ("--now", "2026-11-22T06:00:00Z")


def test_lint_reports_todays_defects(tmp_path: Path) -> None:
    (tmp_path / "ownership.yaml").write_text(FILE, encoding="utf-8")
    done = gapscan("ownership", "lint", "ownership.yaml", *NOW_OPTION, cwd=tmp_path)
    assert done.returncode == 0
    assert "ownership.yaml:7: low: the last review was on 2026-01-01" in done.stdout
    assert "some lines have no review date" in done.stdout
    assert "3 lines, 2 teams: 2 defects" in done.stdout
    strict = gapscan("ownership", "lint", "ownership.yaml", *NOW_OPTION, "--fail-on", "low", cwd=tmp_path)
    assert strict.returncode == 1


def test_names_of_teams_cannot_move_the_cursor_or_begin_a_line(tmp_path: Path) -> None:
    (tmp_path / "ownership.yaml").write_text(
        "version: 1\nteams: {a: {}}\nowners:\n"
        '- {controls: [data], accountable: "a\\u001b[2J\\nall is well"}\n',
        encoding="utf-8",
    )
    lint = gapscan("ownership", "lint", "ownership.yaml", cwd=tmp_path).stdout
    renew = gapscan("ownership", "renew", "ownership.yaml", "--all", "--approval", "X", cwd=tmp_path).stdout
    for output in (lint, renew):
        assert "\x1b" not in output
        assert all(line.startswith("ownership.yaml:") for line in output.splitlines())
    assert "1 line, 1 team: 2 defects" in lint


def test_lint_reports_every_error_with_its_line(tmp_path: Path) -> None:
    text = FILE.replace("accountable: platform, reviewed", "acountable: platform, reviewed").replace(
        "[data]", "[dta]"
    )
    (tmp_path / "ownership.yaml").write_text(text, encoding="utf-8")
    done = gapscan("ownership", "lint", "ownership.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert "ownership.yaml:7: owners.0.acountable: unknown key; did you mean accountable?" in done.stderr


def test_the_old_key_of_attestations_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ownership.yaml").write_text(FILE + "statements: []\n", encoding="utf-8")
    done = gapscan("ownership", "lint", "ownership.yaml", cwd=tmp_path)
    assert done.returncode == 2
    message = "ownership.yaml:15: statements: is called attestations now: rename the key"
    assert [line for line in done.stderr.splitlines() if "statements" in line] == [f"gapscan: {message}"]


def test_lint_reports_lines_that_match_nothing(tmp_path: Path) -> None:
    (tmp_path / "ownership.yaml").write_text(FILE, encoding="utf-8")
    lint = ("ownership", "lint", "ownership.yaml", *NOW_OPTION, "--format", "json", "--snapshot", "it.zst")
    snapshot(tmp_path, account(path="/Root/Sandbox"))
    (idle,) = (one for one in json.loads(gapscan(*lint, cwd=tmp_path).stdout) if one["code"] == "idle")
    assert (idle["line"], idle["controls"][0][:5]) == (8, "data.")
    hidden = Unknown.because("denied", "organizations:ListParents", "organizations:ListParents", "")
    for path in ("/Root/Workloads/Prod/Payments", hidden):
        snapshot(tmp_path, account(path=path))
        rows = json.loads(gapscan(*lint, cwd=tmp_path).stdout)
        assert not [one for one in rows if one["code"] == "idle"]


CLAIMS = """\
version: 1
reviewed: 2026-11-01
teams: {platform: {}}
owners:
- {controls: [data.encryption-at-rest], claim: provider, contract: soc2, accountable: platform}
- {controls: [data.classification, log.reviewed], claim: third_party, contract: mdr, accountable: platform}
- {controls: [plat.physical-security], claim: provider, contract: soc2, accountable: platform}
contracts:
  soc2: {party: aws, type: certificate, covers: [plat], expires: 2027-05-31}
  mdr: {party: mdr, type: managed_service, covers: [log.reviewed], expires: 2027-05-31}
"""


def test_lint_reports_claims_without_a_contract_that_covers_them(tmp_path: Path) -> None:
    (tmp_path / "ownership.yaml").write_text(CLAIMS, encoding="utf-8")
    done = gapscan("ownership", "lint", "ownership.yaml", *NOW_OPTION, "--format", "json", cwd=tmp_path)
    assert done.returncode == 1
    misattributed = {
        (one["line"], *one["controls"]) for one in json.loads(done.stdout) if one["code"] == "misattributed"
    }
    assert misattributed == {(5, "data.encryption-at-rest"), (6, "data.classification")}


PROVIDED = """\
version: 1
reviewed: 2026-11-01
teams: {secops: {}}
owners:
- controls: [log.storage-protected]
  accountable: secops
  provided_by: {provider: aws, account: "444455556666"}
"""


def test_a_snapshot_of_the_providing_account_is_taken_along(tmp_path: Path) -> None:
    (tmp_path / "ownership.yaml").write_text(PROVIDED, encoding="utf-8")
    snapshot(tmp_path, account()).rename(tmp_path / "here.zst")
    hub = other(AuditTrail, storage_protected=False)
    held = {name: getattr(hub, name) for name in hub.model_fields_set}
    there = type(hub)(**{**held, "scope": "444455556666"})
    snapshot(tmp_path, there)
    states = {}
    for name, options in (("alone", ()), ("beside", ("--with", "it.zst"))):
        report = ("--report", f"json={name}.json", "--gate", "none", "--allow-incomplete")
        done = gapscan("assess", "here.zst", "--ownership", "ownership.yaml", *report, *options, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        rows = json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8"))["coverage"]
        (row,) = (row for row in rows if row["control"] == "log.storage-protected")
        states[name] = (row["scope"], row["state"], row["provided_by"])
    assert states["alone"] == (ACCOUNT, "unassessed", "aws 444455556666")
    assert states["beside"] == (ACCOUNT, "failing", "aws 444455556666")
    absent = gapscan("assess", "here.zst", "--with", "absent.zst", cwd=tmp_path)
    assert (absent.returncode, "absent.zst" in absent.stderr) == (2, True)


def test_the_commit_of_a_file_in_parts_is_that_of_its_latest_part(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        who = ("-c", "user.name=example", "-c", "user.email=git@example.com")
        done = subprocess.run(
            ["git", *who, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def reported() -> str | None:
        report = ("--report", "json=r.json", "--gate", "none", "--allow-incomplete")
        gapscan("assess", "it.zst", "--ownership", "ownership.yaml", *report, cwd=tmp_path)
        commit: str | None = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["scan"][
            "ownership_commit"
        ]
        return commit

    snapshot(tmp_path, account())
    (tmp_path / "ownership.yaml").write_text("version: 1\ninclude: part.yaml\n", encoding="utf-8")
    (tmp_path / "part.yaml").write_text(FILE.removeprefix("version: 1\n"), encoding="utf-8")
    git("init", "--quiet")
    git("add", "ownership.yaml")
    git("commit", "--quiet", "-m", "root")
    assert reported() is None
    git("add", "part.yaml")
    git("commit", "--quiet", "-m", "part")
    assert reported() == git("rev-parse", "HEAD")
    with (tmp_path / "part.yaml").open("a", encoding="utf-8") as part:
        part.write("# changed\n")
    assert reported() is None
