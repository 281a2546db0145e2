"""``gapscan explain`` and ``gapscan ownership explain``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.estate_files import HOSTILE, rewrite, write
from tests.command_line import gapscan, launched

PUBLIC = "data.no-public-exposure"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("explain"))


def stdout(folder: Path, *arguments: str) -> str:
    done = gapscan(*arguments, cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    assert "\r" not in done.stdout
    return done.stdout


def record(folder: Path, *arguments: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(stdout(folder, *arguments, "--format", "json"))
    return document


def finding(folder: Path, name: str, report: str = "old.json", **wanted: Any) -> str:
    """The uid of a finding on a resource."""
    for one in json.loads((folder / report).read_text(encoding="utf-8"))["findings"]:
        named = one["resource"] is not None and one["resource"]["name"] == name
        if named and all(one[key] == value for key, value in wanted.items()):
            uid: str = one["uid"]
            return uid
    raise AssertionError(f"no finding on {name}")


def sections(folder: Path, uid: str, *options: str) -> dict[str, str]:
    document = record(folder, "explain", uid, *options)
    return {
        part["title"]: "\n".join(
            f"{sentence['text']} ({sentence['source']})" for sentence in part["sentences"]
        )
        for part in document["sections"]
    }


def test_the_report_alone_answers_every_question(folder: Path) -> None:
    uid = finding(folder, "www", rule="data.bucket-not-public")
    found = sections(folder, uid, "--report", "old.json")
    assert list(found) == ["FINDING", "PARTY", "OWNER", "SINCE", "CERTAINTY", "RESOLUTION"]
    assert "www: publicly readable" in found["FINDING"]
    assert "public_read is true (" in found["FINDING"]
    assert "s3:GetBucketPolicyStatus" in found["FINDING"]
    assert "critical" in found["FINDING"]
    assert found["PARTY"].startswith("Yours: ")
    assert "rules/controls/data.yaml, data.no-public-exposure" in found["PARTY"]
    assert "platform. (old.yaml:7 (domain data))" in found["OWNER"]
    assert "has expired [exception_expired]" in found["OWNER"]
    assert "Not known: no earlier report" in found["SINCE"]
    assert "bucket could not be listed in eu-north-1" in found["CERTAINTY"]
    assert "Approving an ownership line does not resolve it." in found["RESOLUTION"]


def test_the_ownership_file_shows_why(folder: Path) -> None:
    uid = finding(folder, "pay-receipts", rule="data.bucket-not-public")
    options = ("--report", "old.json", "--ownership", "old.yaml", "--snapshot", "snapshot.zst")
    found = sections(folder, uid, *options)["OWNER"]
    assert "Owned by payments, by old.yaml:8" in found
    assert "platform (data): lost: an exact control beats a domain (old.yaml:8) (old.yaml:7)" in found
    assert "Exception EX-9: not in force: expired on 2026-11-01 (old.yaml:12)" in found
    later = sections(folder, uid, *options, "--now", "2026-10-01")["OWNER"]
    assert "in force until 2026-11-01" in later
    owner = record(folder, "explain", uid, *options)["owner"]
    assert [line["part"] for line in owner["lines"]] == ["won", "lost", "asked only"]


def test_an_earlier_report_shows_since_when(folder: Path) -> None:
    uid = finding(folder, "www", rule="data.bucket-not-public")
    same = sections(folder, uid, "--report", "new.json", "--baseline", "old.json")["SINCE"]
    assert "it was failing. (old.json of 2026-" in same
    assert "Then owned by platform." in same
    before = sections(folder, uid, "--report", "old.json", "--baseline", "old.json")["SINCE"]
    assert before.startswith("At least since then: failing.")


def test_what_an_earlier_report_could_not_have_is_not_new(folder: Path) -> None:
    uid = finding(folder, "www", rule="data.bucket-not-public")
    whole = json.loads((folder / "old.json").read_text(encoding="utf-8"))
    less = {**whole, "findings": []}
    counting = less["summary"]
    assert counting["listed"] == "open"
    without = {rule: line for rule, line in whole["rules"].items() if rule != "data.bucket-not-public"}
    cases = {
        "New: it was not there before, or it was fine.": less,
        "New: it was not there before. (": {**less, "summary": {**counting, "listed": "all"}},
        "that report does not have aws 111122223333.": {
            **less,
            "summary": {**whole["summary"], "scopes": []},
        },
        "was made without the rule data.bucket-not-public.": {**less, "rules": without},
        "that report is narrowed (--team web).": {
            **less,
            "scan": {**whole["scan"], "narrowed": ["--team web"]},
        },
    }
    for message, report in cases.items():
        rewrite(folder / "earlier.json", report)
        since = sections(folder, uid, "--report", "old.json", "--baseline", "earlier.json")["SINCE"]
        assert message in since
        assert since.startswith("New:") == message.startswith("New:")


def test_a_control_assessed_for_the_account_ignores_the_service_model_of_the_account(folder: Path) -> None:
    findings = json.loads((folder / "none.json").read_text(encoding="utf-8"))["findings"]
    uids = {one["control"]: one["uid"] for one in findings if one["evidence"] == "missing"}
    found = sections(folder, uids["compute.malware-protection"], "--report", "none.json")
    assert found["PARTY"].startswith("Yours: It is your part under iaas and caas; one of these is enough")
    assert "It also needs an owner." in found["RESOLUTION"]
    options = ("--ownership", "old.yaml", "--snapshot", "snapshot.zst")
    whole = sections(folder, uids["compute.malware-protection"], "--report", "none.json", *options)
    assert whole["PARTY"] == found["PARTY"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--now", "soon"), "--now soon: expected a time"),
        (("--config", "absent.yaml"), "absent.yaml:1: no such file"),
        (("--report", "long.json"), "long.json:1: is not a JSON report: a number in it is too long"),
    ],
)
def test_wrong_options_of_an_explanation_exit_with_2(
    options: tuple[str, ...], message: str, folder: Path
) -> None:
    (folder / "long.json").write_text(f'{{"x": {"9" * 6000}}}', encoding="utf-8")
    uid = finding(folder, "www", rule="data.bucket-not-public")
    done = gapscan("explain", uid, "--report", "old.json", *options, cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"gapscan: {message}")
    assert len(done.stderr.splitlines()) == 1


def test_what_could_not_be_read_names_call_and_permission(folder: Path) -> None:
    uid = finding(folder, "hidden", rule="data.bucket-not-public")
    found = sections(folder, uid, "--report", "old.json", "--ownership", "old.yaml")
    assert (
        "public_read could not be determined: denied; needs s3:GetBucketPolicyStatus." in found["CERTAINTY"]
    )
    assert "Grant s3:GetBucketPolicyStatus" in found["RESOLUTION"]
    assert "never counts as a pass" in found["RESOLUTION"]
    assert "payments (data.no-public-exposure, tag owner=payments): may win" in found["OWNER"]
    assert "owner_uncertain" in found["CERTAINTY"]
    assert "determined without paths and services" in found["CERTAINTY"]


def test_without_an_ownership_file_there_is_no_owner(folder: Path) -> None:
    uid = finding(folder, "www", "none.json", rule="data.bucket-not-public")
    found = sections(folder, uid, "--report", "none.json")
    assert "there was no ownership file" in found["OWNER"]
    assert "Assigning an owner says who must fix it, but does not resolve it." in found["RESOLUTION"]


def test_a_kind_that_could_not_be_listed_is_explained(folder: Path) -> None:
    uid = finding(folder, "every bucket in eu-north-1", rule="data.bucket-not-public")
    options = ("--ownership", "old.yaml", "--snapshot", "snapshot.zst")
    found = sections(folder, uid, "--report", "old.json", *options)
    assert "Could not be determined: denied; needs s3:GetBucketTagging." in found["CERTAINTY"]
    assert "Every bucket in aws 111122223333 eu-north-1." in found["FINDING"]
    assert "--ownership shows why" not in found["OWNER"]


def test_a_defect_of_the_file_is_explained(folder: Path) -> None:
    findings = json.loads((folder / "old.json").read_text(encoding="utf-8"))["findings"]
    (defect,) = (one for one in findings if one["flags"] == ["exception_expired"] and one["state"] is None)
    found = sections(folder, defect["uid"], "--report", "old.json", "--ownership", "old.yaml")
    assert "EX-9 expired on 2026-11-01" in found["FINDING"]
    assert "(old.yaml:12)" in found["OWNER"]
    assert "Have the approver renew the exception" in found["RESOLUTION"]


def test_every_finding_can_be_explained(folder: Path) -> None:
    """In every state, also as text, and those that are only counted if the report lists them."""
    options = ("--ownership", "old.yaml", "--gate", "none", "--findings", "all", "--report", "json=all.json")
    gapscan("assess", "snapshot.zst", *options, "--now", "2026-11-22T06:00:00Z", cwd=folder)
    findings = json.loads((folder / "all.json").read_text(encoding="utf-8"))["findings"]
    listed = {one["uid"] for one in json.loads((folder / "old.json").read_text(encoding="utf-8"))["findings"]}
    kinds = {(one["state"], one["evidence"], one["rule"] is None): one["uid"] for one in findings}
    assert len(kinds) > 6
    assert {state for state, _, _ in kinds} > {"unowned", "unknown", "failing", "covered", "unclaimed"}
    for uid in kinds.values():
        lines = stdout(folder, "explain", uid, "--report", "all.json").splitlines()
        assert lines[0].startswith(uid[:16])
        assert any(line.startswith("FINDING   ") for line in lines)
        assert max(map(len, lines[1:])) <= 100 or any("://" in line for line in lines)
    counted = next(uid for (state, _, _), uid in kinds.items() if state == "covered" and uid not in listed)
    done = gapscan("explain", counted, "--report", "old.json", cwd=folder)
    assert done.returncode == 2
    assert "only counted, unless the report is made with --findings all" in done.stderr


def test_a_unique_prefix_of_a_uid_is_enough(folder: Path) -> None:
    uid = finding(folder, "www", rule="data.bucket-not-public")
    done = launched("explain", uid[:12], "--report", "old.json", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(uid[:16])
    for name, message in (("", "has no finding"), ("xyz", "has no finding xyz")):
        done = gapscan("explain", name, "--report", "old.json", cwd=folder)
        assert (done.returncode, done.stdout) == (2, "")
        assert message in done.stderr
    uids = [one["uid"] for one in json.loads((folder / "old.json").read_text(encoding="utf-8"))["findings"]]
    twice = next(uid[0] for uid in uids if sum(other[0] == uid[0] for other in uids) > 1)
    done = gapscan("explain", twice, "--report", "old.json", cwd=folder)
    assert done.returncode == 2
    assert f"findings start with {twice}:" in done.stderr


def owner(folder: Path, *options: str) -> str:
    given = ("--ownership", "old.yaml", "--now", "2026-11-22")
    return stdout(folder, "ownership", "explain", PUBLIC, *options, *given)


def test_an_owner_is_explained_from_a_snapshot(folder: Path) -> None:
    found = owner(folder, "pay-receipts", "--snapshot", "snapshot.zst")
    assert found.startswith(
        "data.no-public-exposure on bucket pay-receipts (aws 111122223333, /Root/Prod)\n"
        "  owned by payments, by old.yaml:8 (data.no-public-exposure, tag owner=payments)\n"
    )
    assert "won         old.yaml:8 pay  payments" in found
    assert "an exact control beats a domain (old.yaml:8)" in found
    assert "exception EX-9 (old.yaml:12): not in force: expired on 2026-11-01" in found


def test_a_report_states_what_it_lacks(folder: Path) -> None:
    found = owner(folder, "pay-receipts", "--report", "old.json")
    assert "owned by payments, by old.yaml:8" in found
    assert "old.json has no paths and no services" in found
    where = ("log.audit-trail-enabled", "--report", "old.json", "--ownership", "old.yaml")
    uncertain = stdout(folder, "ownership", "explain", *where)
    assert "the path could not be read (report unsupported)" in uncertain
    (folder / "gapscan.yaml").write_text(
        'version: 1\nscopes:\n  "111122223333": {path: /Root/Prod}\n', encoding="utf-8"
    )
    stated = stdout(folder, "ownership", "explain", *where, "--config", "gapscan.yaml")
    assert "owned by platform, by old.yaml:9" in stated


def test_hostile_tags_stay_on_their_line(folder: Path) -> None:
    found = owner(folder, "www-old", "--snapshot", "snapshot.zst")
    assert "tag team=web" in found
    assert not any(line.startswith("all is well") for line in found.splitlines())
    assert HOSTILE not in found


def test_json_has_every_candidate_line(folder: Path) -> None:
    arguments = (
        "ownership",
        "explain",
        PUBLIC,
        "hidden",
        "--snapshot",
        "snapshot.zst",
        "--ownership",
        "old.yaml",
    )
    (found,) = record(folder, *arguments)["explanations"]
    assert found["resource"]["id"] == "arn:aws:s3:::hidden"
    assert [(line["part"], line["fits"]) for line in found["lines"]] == [
        ("may win", "maybe"),
        ("won", "yes"),
        ("asked only", "yes"),
    ]
    assert "reading the tags (s3:GetBucketTagging)" in found["changes"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([PUBLIC, "www"], "give either --snapshot or --report"),
        ([PUBLIC, "www", "--snapshot", "snapshot.zst", "--report", "old.json"], "give either"),
        (["data", "--snapshot", "snapshot.zst"], "data matches 9 controls: name one of them"),
        (["data.no-public-exposur", "--snapshot", "snapshot.zst"], "did you mean data.no-public-exposure?"),
        ([PUBLIC, "pay-receits", "--snapshot", "snapshot.zst"], "did you mean pay-receipts?"),
        ([PUBLIC, "arn:aws:s3:::w", "--snapshot", "snapshot.zst"], "arn:aws:s3:::www-old  bucket www-old"),
        ([PUBLIC, "--account", "222", "--snapshot", "snapshot.zst"], "--account 222: no such account"),
        ([PUBLIC, "--snapshot", "snapshot.zst", "--format", "xml"], "--format xml: expected text or json"),
        ([PUBLIC, "--report", "old.yaml"], "old.yaml:1: is not a JSON report"),
        ([PUBLIC, "nothing", "--report", "old.json"], "the report lists only open findings: use --snapshot"),
        ([PUBLIC, "pay-receits", "--report", "old.json"], "did you mean pay-receipts?"),
        ([PUBLIC, "--snapshot", "old.json"], "is not a gapscan snapshot"),
    ],
)
def test_what_cannot_be_explained_exits_with_2(arguments: list[str], message: str, folder: Path) -> None:
    done = gapscan("ownership", "explain", *arguments, "--ownership", "old.yaml", cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_an_exact_name_wins_over_a_partial_match(folder: Path) -> None:
    assert "on bucket www (" in owner(folder, "www", "--snapshot", "snapshot.zst")
