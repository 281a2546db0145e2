"""The OCSF report: valid events, and nothing closed without verification."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from scanner.assess.assessment import assess
from scanner.assess.baseline import load_baseline
from scanner.assess.gate import Terms
from scanner.assess.states import GATES
from scanner.model.evidence import Unknown
from scanner.model.inventory import Target
from scanner.model.resources.base import Resource
from scanner.report.build import build
from scanner.report.formats import json as json_report
from scanner.report.formats import ocsf
from scanner.report.model import Report
from scanner.run.scan import Collected, collect
from tests.estate import (
    ACCOUNT,
    DENIED,
    NOW,
    MemoryCloud,
    account,
    bucket,
    reading,
    region,
    requested,
)

SCHEMA = Path(__file__).parents[3] / "shared" / "schemas" / "ocsf-1.5.0-compliance_finding.schema.json"

OWNERSHIP = """
version: 1
teams:
  payments: {contact: payments@example.com}
  gone: {contact: gone@example.com, status: disbanded, disbanded_on: 2026-06-30}
owners:
- {controls: [data], where: {tags: {owner: payments}}, accountable: payments}
- {controls: [log], accountable: gone}
"""
PUBLIC = {"public_read": True, "public_via": ("ACL",)}
RULE = "data.bucket-not-public"
ESTATE: tuple[Resource, ...] = (
    account(),
    region(),
    bucket("open", **PUBLIC, tags={}),
    bucket("owned", **PUBLIC),
    bucket("fine"),
    bucket("hidden", public_read=DENIED),
)


@pytest.fixture
def ownership(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("ownership.yaml").write_text(OWNERSHIP, encoding="utf-8")
    return Path("ownership.yaml")


def report(
    resources: Sequence[Resource] = ESTATE,
    blind: Sequence[tuple[str, str | None, Unknown]] = (),
    ownership: Path | None = None,
    baseline: Path | None = None,
    rules: Sequence[str] = (),
    scope: str = ACCOUNT,
    regions: tuple[str, ...] = (),
) -> Report:
    cloud = MemoryCloud(
        tuple(resources), tuple(blind), targets=(Target("aws", scope, "reader", True, True, None),)
    )
    found = collect(reading(regions=regions), {"aws": lambda request, limits: cloud})
    collected = Collected(found.inventory, NOW - timedelta(seconds=9), NOW, "0" * 32)
    earlier = load_baseline(baseline) if baseline else None
    given = requested(ownership, Terms(GATES["ownership"], baseline=earlier), rules)
    return build(collected, assess(collected.inventory, given), given)


def events(made: Report) -> list[dict[str, Any]]:
    out = io.StringIO()
    ocsf.render(made, out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def about(made: Report, name: str, rule: str = RULE) -> dict[str, Any] | None:
    """The event of a rule on a resource; ``None`` if there is none."""
    found = [
        event
        for event in events(made)
        if event["unmapped"]["gapscan"]["rule"] == rule and event["resources"][0]["name"] == name
    ]
    assert len(found) <= 1
    return found[0] if found else None


@pytest.fixture
def baseline(tmp_path: Path) -> Path:
    """A report of the estate."""
    path = tmp_path / "before.json"
    with path.open("w", encoding="utf-8") as out:
        json_report.render(report(), out)
    return path


@cache
def validator() -> Any:
    if not SCHEMA.is_file():
        pytest.skip(f"the OCSF schema is not at {SCHEMA}")
    return jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))


def test_every_event_is_valid(ownership: Path, baseline: Path) -> None:
    spot = ("firewall", "eu-west-1", DENIED)
    made = [
        report(),
        report(ownership=ownership),
        report(ESTATE[:3], [spot], ownership, baseline),
    ]
    for one in made:
        found = events(one)
        assert len(found) == len(list(one.findings)) + len(list(one.closed))
        for event in found:
            errors = [f"{error.json_path}: {error.message}" for error in validator().iter_errors(event)]
            assert not errors, event


def test_an_owned_failure(ownership: Path) -> None:
    event = about(report(ownership=ownership), "owned")
    assert event is not None
    assert event["assignee_group"]["name"] == "payments"
    assert event["resources"][0]["owner"]["name"] == "payments"
    assert event["compliance"]["status"] == "Fail"
    assert event["compliance"]["status_id"] == 3
    assert event["compliance"]["control"] == "data.no-public-exposure"
    assert event["compliance"]["status_code"] == "failing"
    assert event["compliance"]["status_details"] == ["evidence: fail", "ownership: owned", "state: failing"]
    own = event["unmapped"]["gapscan"]
    assert (own["evidence"], own["ownership"], own["state"], own["standing"]) == (
        "fail", "owned", "failing", "gap",
    )  # fmt: skip
    assert (event["severity"], event["severity_id"]) == ("Critical", 5)
    assert event["time"] == int(NOW.timestamp()) * 1000
    assert event["metadata"]["product"]["name"] == "gapscan"
    assert event["cloud"]["account"]["uid"] == ACCOUNT
    assert (event["activity_name"], event["type_uid"]) == ("Create", 200301)


def test_an_unowned_failure_names_no_owner(ownership: Path) -> None:
    event = about(report(ownership=ownership), "open")
    assert event is not None
    assert "assignee_group" not in event
    assert "owner" not in event["resources"][0]
    assert event["unmapped"]["gapscan"]["state"] == "unowned"


@pytest.mark.parametrize(
    ("name", "status"), [("open", (3, "Fail")), ("fine", (1, "Pass")), ("hidden", (2, "Warning"))]
)
def test_status_by_evidence(name: str, status: tuple[int, str]) -> None:
    event = about(report(), name)
    assert event is not None
    assert (event["compliance"]["status_id"], event["compliance"]["status"]) == status


def test_unknowns_name_their_permission() -> None:
    event = about(report(), "hidden")
    assert event is not None
    assert event["unmapped"]["gapscan"]["unknowns"][0]["permission"] == "s3:GetBucketPolicy"
    assert any("s3:GetBucketPolicy denied" in detail for detail in event["compliance"]["status_details"])


def test_not_applicable_is_neither_pass_nor_fail() -> None:
    found = [event for event in events(report()) if event["unmapped"]["gapscan"]["evidence"] == "n/a"]
    for event in found:
        assert event["compliance"]["status"] == "Not Applicable"
        assert "status_id" not in event["compliance"]


def test_the_uid_is_that_of_the_finding() -> None:
    made = report()
    assert [event["finding_info"]["uid"] for event in events(made)] == [f.uid for f in made.findings]


def changed(**buckets: Resource | None) -> tuple[Resource, ...]:
    """The estate with some buckets replaced, or gone."""
    kept = (resource for resource in ESTATE if resource.name not in buckets)
    return (*kept, *(resource for resource in buckets.values() if resource is not None))


def test_known_findings_are_updated(baseline: Path) -> None:
    made = report(changed(more=bucket("more")), baseline=baseline)
    found = {name: about(made, name) for name in ("open", "fine", "hidden", "more")}
    assert {name: event["activity_name"] for name, event in found.items() if event is not None} == {
        "open": "Update", "fine": "Update", "hidden": "Update", "more": "Create",
    }  # fmt: skip


def test_a_verified_pass_closes(baseline: Path) -> None:
    event = about(report(changed(open=bucket("open", tags={})), baseline=baseline), "open")
    assert event is not None
    assert (event["activity_name"], event["compliance"]["status"], event["status"]) == (
        "Close", "Pass", "Resolved",
    )  # fmt: skip


def test_absence_after_a_complete_listing_closes(baseline: Path) -> None:
    event = about(report(changed(open=None), baseline=baseline), "open")
    assert event is not None
    assert event["activity_name"] == "Close"
    assert event["message"] == "open: no longer exists"
    assert event["unmapped"]["gapscan"]["evidence"] == "n/a"
    assert "status_id" not in event["compliance"]


def test_passing_findings_that_are_gone_are_not_reported(baseline: Path) -> None:
    assert about(report(changed(fine=None), baseline=baseline), "fine") is None


def test_findings_that_become_unknown_stay_open(baseline: Path) -> None:
    hidden = bucket("open", public_read=DENIED, tags={})
    event = about(report(changed(open=hidden), baseline=baseline), "open")
    assert event is not None
    assert (event["activity_name"], event["compliance"]["status"]) == ("Update", "Warning")


OFF = Unknown.because("disabled", "ec2:DescribeRegions", None, "not enabled for the account")


@pytest.mark.parametrize(
    "narrower",
    [
        {"blind": [("bucket", None, DENIED)]},
        {"blind": [("bucket", "eu-west-1", DENIED)]},
        {"blind": [("region", None, DENIED)]},
        {"blind": [("region", "eu-west-1", OFF)]},
        {"rules": ["data.bucket-encrypted"]},
        {"scope": "444455556666"},
        {"regions": ("us-east-1",)},
    ],
    ids=["not listed", "not listed there", "regions not listed", "region off", "rule", "scope", "region"],
)
def test_absence_that_proves_nothing_does_not_close(baseline: Path, narrower: dict[str, Any]) -> None:
    assert about(report(changed(open=None), baseline=baseline, **narrower), "open") is None


@pytest.mark.parametrize(
    "wider",
    [
        {"blind": [("bucket", "us-east-1", DENIED)]},
        {"blind": [("region", "us-east-1", OFF)]},
        {"blind": [("firewall", None, DENIED)]},
        {"rules": [RULE]},
        {"regions": ("eu-west-1",)},
    ],
    ids=["not listed elsewhere", "region off elsewhere", "another kind", "rule", "region"],
)
def test_absence_that_proves_it_closes(baseline: Path, wider: dict[str, Any]) -> None:
    event = about(report(changed(open=None), baseline=baseline, **wider), "open")
    assert event is not None
    assert event["activity_name"] == "Close"


def lapsed_lines(made: Report) -> list[dict[str, Any]]:
    return [
        event
        for event in events(made)
        if "lapsed" in event["unmapped"]["gapscan"]["flags"] and "resources" not in event
    ]


def test_a_fixed_line_closes(ownership: Path, tmp_path: Path) -> None:
    before = tmp_path / "before.json"
    with before.open("w", encoding="utf-8") as out:
        json_report.render(report(ownership=ownership), out)
    broken = lapsed_lines(report(ownership=ownership, baseline=before))
    assert {(e["activity_name"], e["compliance"]["status"]) for e in broken} == {("Update", "Fail")}
    ownership.write_text(OWNERSHIP.replace("status: disbanded, disbanded_on: 2026-06-30", "jira: GO"))
    fixed = lapsed_lines(report(ownership=ownership, baseline=before))
    assert {event["activity_name"] for event in fixed} == {"Close"}
    assert len(fixed) == len(broken)
    assert not lapsed_lines(report(baseline=before)), "without the file its lines are not checked"
