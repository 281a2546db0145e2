"""gapscan ownership init, lint and renew, as a user meets them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from scanner.evidence import Unknown
from scanner.ownership import load_ownership
from scanner.provider import Inventory, Target
from scanner.resources import Resource
from scanner.responsibility import load_catalogue
from scanner.scan import Collected, everything
from scanner.snapshot import NewSnapshot
from tests.cli.test_command_line import gapscan
from tests.engine.estate import ACCOUNT, DENIED, NOW, account, bucket

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
        collected=everything(),
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
    assert [line.text.accountable for line in file.owners] == ["pay-team"]
    assert file.team("Pay Team") == "pay-team"
    assert "guess: 2 of 3 tagged resources name it" in text
    assert set(file.teams) == {"pay-team", "web"}


def test_a_draft_without_a_majority_is_only_the_accounts_name(tmp_path: Path) -> None:
    text, _ = drafted(
        tmp_path, account(tags={}), owned("a", "web"), owned("b", "pay"), bucket("c", tags=DENIED)
    )
    assert "nothing names an owner: this is only the account's name" in text
    assert "The tags of 1 resource there could not be read." in text


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
        "gapscan: ownership.yaml: is already there; --force overwrites it\n",
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
        "2026-11-22",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "ownership.yaml").read_text(encoding="utf-8") == FILE.replace(
        "reviewed: 2026-01-01}", 'reviewed: 2026-11-22, approval: "SEC-1"}'
    ).replace("- id: pay", '- approval: "SEC-1"\n  reviewed: 2026-11-22\n  id: pay').replace(
        'controls: ["*"], accountable: platform}',
        'controls: ["*"], accountable: platform, approval: "SEC-1", reviewed: 2026-11-22}',
    )
    assert "ownership.yaml:7: 2026-01-01 → 2026-11-22 (platform)" in done.stdout


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
    ("options", "told"),
    [
        (["--approval", "X"], "say which lines: --team, --path, --id or --all"),
        (["--approval", " ", "--all"], "--approval is empty"),
        (["--approval", "X", "--team", "paymnts"], "--team paymnts: no such team; did you mean payments?"),
        (["--approval", "X", "--id", "log"], "--id log: no line has it; did you mean logs?"),
        (["--approval", "X", "--path", "/Nowhere"], "ownership.yaml: no line fits"),
        (["--approval", "X", "--all", "--on", "soon"], "--on soon: expected a day"),
    ],
)
def test_a_renewal_that_cannot_be_made(options: list[str], told: str, tmp_path: Path) -> None:
    (tmp_path / "ownership.yaml").write_text(FILE, encoding="utf-8")
    done = gapscan("ownership", "renew", "ownership.yaml", *options, cwd=tmp_path)
    assert done.returncode == 2
    assert told in done.stderr


def test_a_renewal_behind_an_alias_is_left_to_people(tmp_path: Path) -> None:
    text = FILE.replace("reviewed: 2026-01-01}", "reviewed: &day 2026-01-01}").replace(
        "accountable: payments\n", "accountable: payments\n  reviewed: *day\n"
    )
    (tmp_path / "ownership.yaml").write_text(text, encoding="utf-8")
    done = gapscan("ownership", "renew", "ownership.yaml", "--id", "pay", "--approval", "X", cwd=tmp_path)
    assert (done.returncode, "an alias stands where the review would go" in done.stderr) == (2, True)
    assert (tmp_path / "ownership.yaml").read_text(encoding="utf-8") == text


NOW_OPTION = ("--now", "2026-11-22T06:00:00Z")


def test_lint_tells_what_is_wrong_today(tmp_path: Path) -> None:
    (tmp_path / "ownership.yaml").write_text(FILE, encoding="utf-8")
    done = gapscan("ownership", "lint", "ownership.yaml", *NOW_OPTION, cwd=tmp_path)
    assert done.returncode == 0
    assert "ownership.yaml:7: low: the last review was on 2026-01-01" in done.stdout
    assert "some lines have no review date" in done.stdout
    assert "3 lines, 2 teams: 2 to mend" in done.stdout
    strict = gapscan("ownership", "lint", "ownership.yaml", *NOW_OPTION, "--fail-on", "low", cwd=tmp_path)
    assert strict.returncode == 1


def test_lint_tells_every_mistake_with_its_line(tmp_path: Path) -> None:
    text = FILE.replace("accountable: platform, reviewed", "acountable: platform, reviewed").replace(
        "[data]", "[dta]"
    )
    (tmp_path / "ownership.yaml").write_text(text, encoding="utf-8")
    done = gapscan("ownership", "lint", "ownership.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert "ownership.yaml:7: owners.0.acountable: unknown key; did you mean accountable?" in done.stderr


def test_lint_tells_lines_that_fit_nothing(tmp_path: Path) -> None:
    (tmp_path / "ownership.yaml").write_text(FILE, encoding="utf-8")
    lint = ("ownership", "lint", "ownership.yaml", *NOW_OPTION, "--format", "json", "--snapshot", "it.zst")
    snapshot(tmp_path, account(path="/Root/Sandbox"))
    (idle,) = (one for one in json.loads(gapscan(*lint, cwd=tmp_path).stdout) if one["code"] == "idle")
    assert (idle["line"], idle["controls"][0][:5]) == (8, "data.")
    hidden = Unknown.because("denied", "organizations:ListParents", "organizations:ListParents", "")
    for path in ("/Root/Workloads/Prod/Payments", hidden):
        snapshot(tmp_path, account(path=path))
        told = json.loads(gapscan(*lint, cwd=tmp_path).stdout)
        assert not [one for one in told if one["code"] == "idle"]


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


def test_lint_tells_claims_that_nobody_has_taken_over(tmp_path: Path) -> None:
    (tmp_path / "ownership.yaml").write_text(CLAIMS, encoding="utf-8")
    done = gapscan("ownership", "lint", "ownership.yaml", *NOW_OPTION, "--format", "json", cwd=tmp_path)
    assert done.returncode == 1
    told = {
        (one["line"], *one["controls"]) for one in json.loads(done.stdout) if one["code"] == "misattributed"
    }
    assert told == {(5, "data.encryption-at-rest"), (6, "data.classification")}
