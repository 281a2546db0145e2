"""``gapscan ownership diff``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scanner.ownership.changes import changes_by_line
from tests.cli.estate_files import OLD, write
from tests.command_line import gapscan
from tests.ownership.build import resolver

NOW = ("--now", "2026-11-22")
PUBLIC = "data.no-public-exposure"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("changes"))


def changes(folder: Path, *options: str) -> dict[tuple[str, str, str], dict[str, Any]]:
    done = gapscan(
        "ownership", "diff", "old.yaml", "new.yaml", *options, *NOW, "--format", "json", cwd=folder
    )
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    found = document["changes"]
    assert sum(document["counts"].values()) == len(found)
    return {(one["kind"], one["control"], one["where"]): one for one in found}


def test_lines_alone_show_which_owners_change_and_where(folder: Path) -> None:
    found = changes(folder)
    hands = found["hands", "data.classification", "everywhere"]
    assert (hands["before"]["owner"], hands["after"]["owner"]) == ("platform", "web")
    assert (hands["before"]["source"], hands["resources"]) == ("old.yaml:7 (domain data)", None)
    assert ("gained", "iam.mfa-all-humans", "everywhere") in found
    assert ("lost", "log.audit-trail-enabled", "path /root/prod") in found
    assert ("lost", "log.audit-trail-enabled", "everywhere") not in found
    assert found["excuse", PUBLIC, "provider aws"]["after"]["exception"] == "EX-9"
    assert not any(control == PUBLIC and "tag" in where for _, control, where in found)


def test_a_snapshot_adds_the_number_of_resources(folder: Path) -> None:
    found = changes(folder, "snapshot.zst")
    scope = "aws 111122223333"
    assert {where for _, _, where in found} == {scope}
    # The account and three buckets; pay-receipts stays with payments, whose line names the control.
    assert found["hands", PUBLIC, scope]["resources"] == 4
    assert found["lost", "log.audit-trail-enabled", scope]["before"]["owner"] == "platform"
    assert "web" in {
        found["gained", control, scope]["after"]["owner"] for kind, control, _ in found if kind == "gained"
    }


def test_the_text_shows_lost_owners_first(folder: Path) -> None:
    done = gapscan("ownership", "diff", "old.yaml", "new.yaml", "snapshot.zst", *NOW, cwd=folder)
    assert done.returncode == 0, done.stderr
    titles = [line.split("  ")[0] for line in done.stdout.splitlines() if line[:1].isupper()]
    assert titles == [
        "LOSE THEIR OWNER",
        "CHANGE THEIR OWNER",
        "GAIN AN OWNER",
        "EXCEPTIONS AND DECLARATIONS",
    ]
    assert "  platform → nobody  aws 111122223333" in done.stdout


def test_equal_files_change_nothing(folder: Path) -> None:
    for options in ((), ("snapshot.zst",)):
        done = gapscan("ownership", "diff", "old.yaml", "old.yaml", *options, *NOW, cwd=folder)
        assert (done.returncode, done.stdout.splitlines()[0]) == (0, "No change of ownership.")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["old.yaml", "absent.yaml"], "absent.yaml:1: no such file"),
        (["old.yaml", "bad.yaml"], "bad.yaml:7: owners.0.acountable: unknown key; did you mean accountable?"),
        (["old.yaml", "new.yaml", "old.json"], "is not a gapscan snapshot"),
        (["old.yaml", "new.yaml", "--format", "csv"], "--format csv: expected text or json"),
    ],
)
def test_wrong_files_exit_with_2(arguments: list[str], message: str, folder: Path) -> None:
    (folder / "bad.yaml").write_text(OLD.replace("accountable", "acountable", 1), encoding="utf-8")
    done = gapscan("ownership", "diff", *arguments, cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


def line(team: str, **where: Any) -> dict[str, Any]:
    return {"controls": PUBLIC, "accountable": team, **({"where": where} if where else {})}


@pytest.mark.parametrize(
    ("where", "place"),
    [
        ({"account": "1111*"}, "account 1111"),
        ({"account": ["prod-?", "x*y"]}, "account prod-0"),
        ({"resource": "pay-*"}, "resource pay-"),
        ({"resource": "arn:aws:s3:::pay"}, "resource arn:aws:s3:::pay"),
        ({"region": ["r1", "r2"]}, "region r1 or r2"),
        ({"service": "s3"}, "service s3"),
        ({"kind": "bucket", "provider": "gcp"}, "provider gcp, kind bucket"),
        ({"tags": {"env": ["prod", "dev"]}}, "tag env=dev or prod"),
        ({"path": "/Root/A"}, "path /root/a"),
    ],
)
def test_each_way_to_select_is_a_place(where: dict[str, Any], place: str) -> None:
    found = changes_by_line(resolver(line("web")), resolver(line("web"), line("payments", **where)))
    assert {(one.kind, one.control) for one in found} == {("hands", PUBLIC)}
    assert place in {one.where for one in found}
    assert {(one.before.owner, one.after.owner) for one in found} == {("product", "payments")}


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ([line("web")], [], "lost"),
        ([line("web")], [line("gone")], "lost"),
        ([], [line("web")], "gained"),
        ([line("web")], [line("payments")], "hands"),
        ([line("web")], [line("web"), line("payments")], "otherwise"),
        ([line("web")], [{**line("web"), "claim": "provider"}], "otherwise"),
        ([line("web")], [line("product")], None),
        ([line("web")], [{**line("web"), "controls": "*"}], "lost"),
    ],
)
def test_kinds_of_change(before: list[Any], after: list[Any], kind: str | None) -> None:
    found = changes_by_line(resolver(*before), resolver(*after))
    assert [one.kind for one in found if one.control == PUBLIC] == ([kind] if kind else [])
