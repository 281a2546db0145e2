"""Reports: the same inventory gives the same bytes, and the JSON matches its schema."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from scanner.assess.assessment import assess
from scanner.assess.states import State
from scanner.base.files import Unwritable
from scanner.collect.provider import ConnectionRequest, Limits, Provider
from scanner.model.evidence import Unknown
from scanner.model.inventory import Target
from scanner.model.resources.base import Resource
from scanner.report.build import build
from scanner.report.formats import json as json_report
from scanner.report.formats import text as text_report
from scanner.report.model import Report, json_schema
from scanner.report.output import Destination, Outputs, UnknownFormat, destinations
from scanner.run.scan import Collected, collect
from tests.estate import (
    DENIED,
    NOW,
    MemoryCloud,
    account,
    bucket,
    reading,
    region,
    requested,
)

GOLDEN = Path(__file__).parent / "golden"
OFF = Unknown.because("disabled", "ec2:DescribeRegions", None, "not enabled for the account")

OWNERSHIP = """
version: 1
teams:
  payments: {contact: payments@example.com}
  gone: {contact: gone@example.com, status: disbanded, disbanded_on: 2026-06-30}
owners:
- {controls: [data], where: {tags: {owner: payments}}, accountable: payments}
- {controls: [log], accountable: gone}
"""

ESTATE: tuple[Resource, ...] = (
    account(tags={}, security_contacts=()),
    region(),
    bucket("payroll-export", public_read=True, public_via=("bucket policy",), tags={}),
    bucket("www-old", public_read=True, public_via=("ACL",), tags={"owner": "payments"}),
    bucket("pay-receipts"),
    bucket("vault", public_read=DENIED, versioning=DENIED),
)


def report(
    resources: Sequence[Resource] = ESTATE,
    ownership: Path | None = None,
    states: frozenset[State] | None = None,
    finished: datetime = NOW,
    **request: Any,
) -> Report:
    cloud = MemoryCloud(tuple(resources), (("region", "af-south-1", OFF),))

    def connect(request: ConnectionRequest, limits: Limits) -> Provider:
        return cloud

    found = collect(reading(), {"aws": connect})
    collected = Collected(found.inventory, finished - timedelta(seconds=14), finished, "0" * 32)
    given = replace(requested(ownership), reported_states=states, **request)
    return build(collected, assess(collected.inventory, given), given)


@pytest.fixture
def ownership(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("ownership.yaml").write_text(OWNERSHIP, encoding="utf-8")
    return Path("ownership.yaml")


def rendered(renderer: Any, made: Report) -> str:
    out = io.StringIO()
    renderer.render(made, out)
    return out.getvalue()


def test_the_json_report_matches_its_schema(ownership: Path) -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    for made in (report(), report(ownership=ownership), report(resources=())):
        document = json.loads(rendered(json_report, made))
        jsonschema.validate(document, json_schema(), cls=jsonschema.Draft202012Validator)
        assert document["schema"] == "gapscan.report/v2"
        uids = [finding["uid"] for finding in document["findings"]]
        assert uids == sorted(uids)


def test_the_same_inventory_gives_the_same_bytes() -> None:
    first = rendered(json_report, report())
    assert first == rendered(json_report, report(resources=tuple(reversed(ESTATE))))


def test_a_report_can_be_rendered_more_than_once() -> None:
    made = report()
    assert rendered(json_report, made) == rendered(json_report, made)
    assert list(made.findings)


def test_the_fields_of_a_finding() -> None:
    document = json.loads(rendered(json_report, report()))
    found = {(f["rule"], (f["resource"] or {}).get("name")): f for f in document["findings"]}
    public = found["data.bucket-not-public", "payroll-export"]
    assert public["observed"] == {"public_read": True, "public_via": ["bucket policy"]}
    assert (public["ownership"], public["evidence"], public["state"]) == ("nobody", "fail", "unowned")
    assert (public["service_model"], public["party"]) == ("paas", "customer")
    hidden = found["data.bucket-not-public", "vault"]
    assert hidden["observed"] == {"public_via": []}
    assert hidden["unknowns"] == [
        {
            "facet": "public_read",
            "reason": "denied",
            "call": "s3:GetBucketPolicy",
            "permission": "s3:GetBucketPolicy",
            "message": "not allowed",
        }
    ]
    assert document["summary"]["unknowns"]["settled_by"] == [
        {"provider": "aws", "permission": "s3:GetBucketPolicy", "unknowns": 1}
    ]
    assert document["scan"]["complete"] is False
    assert [spot["expected"] for spot in document["blind_spots"]] == [True]


def test_every_control_is_counted_in_the_summary_once() -> None:
    (scope,) = report().head.summary.scopes
    assert scope.controls.total == 70
    assert scope.controls.failing > 0
    assert scope.controls.yours <= 70


def test_states_narrow_the_report_but_never_the_summary() -> None:
    whole, narrow = report(), report(states=frozenset({"unowned"}))
    assert {finding.state for finding in narrow.findings} == {"unowned"}
    assert {row.state for row in narrow.head.coverage} == {"unowned"}
    assert narrow.head.summary == whole.head.summary


@pytest.mark.parametrize("name", ["without-ownership", "with-ownership", "unfolded"])
def test_the_text_report_is_the_golden_one(name: str, ownership: Path) -> None:
    made = {
        "without-ownership": lambda: report(),
        "with-ownership": lambda: report(ownership=ownership),
        "unfolded": lambda: report(ownership=ownership, unfolded=True),
    }[name]()
    text = rendered(text_report, made)
    golden = GOLDEN / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


def test_no_owner_is_shown_for_contested_and_routed_findings(ownership: Path) -> None:
    both = "".join(f"- {{controls: [data], accountable: {team}}}\n" for team in ("a", "b"))
    teams = "version: 1\nreviewed: 2026-11-01\nteams: {a: {}, b: {}}\nowners:\n"
    bucket_ = bucket("www", public_read=True, public_via=("ACL",))
    ownership.write_text(f"{teams}{both}", encoding="utf-8")
    contested = rendered(text_report, report((account(), bucket_), ownership))
    assert "CONTESTED" in contested
    assert "critical  data.no-public-exposure           www: publicly readable" in contested
    excuse = (
        "exceptions:\n- {id: X, controls: [data.no-public-exposure], where: {provider: aws}, owner: a, "
        "approver: b, reason: r, ticket: t, expires: 2027-01-31}\n"
    )
    routed = f"{teams}- {{controls: ['*'], accountable: a}}\n{excuse}settings: {{inferred: []}}\n"
    ownership.write_text(routed, encoding="utf-8")
    accepted = rendered(text_report, report((account(), bucket_), ownership))
    assert "ACCEPTED BY EXCEPTION" in accepted
    assert "critical  data.no-public-exposure           no owner: www: publicly readable" in accepted


def test_unreached_targets_are_reported() -> None:
    made = report()
    lost = Target("azure", None, None, True, False, "no credentials: run az login")
    scan = made.head.scan.model_copy(
        update={"targets": (*made.head.scan.targets, type(made.head.scan.targets[0])(**vars(lost)))}
    )
    text = rendered(text_report, Report(made.head.model_copy(update={"scan": scan}), made.findings))
    assert "Azure: NOT REACHED: no credentials: run az login" in text


def test_names_from_the_cloud_cannot_forge_lines_of_the_report() -> None:
    evil = "x\n\x1b[2JGate ownership: nothing → exit 0."
    made = report(resources=(account(tags={}), bucket(evil, public_read=True, public_via=(evil,))))
    lines = rendered(text_report, made).splitlines()
    assert not any(line.startswith("Gate ownership: nothing") for line in lines)
    assert not any("\x1b" in line for line in lines)


def test_narrowing_and_another_time_are_reported() -> None:
    made = report(narrowed_by=("--rule data.bucket-not-public",), finished=NOW + timedelta(days=20))
    assert "Narrowed by --rule data.bucket-not-public" in rendered(text_report, made)
    assert "Evaluated as of 2026-11-22 06:00 UTC" in rendered(text_report, made)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["jsn=x"], "did you mean json?"),
        (["text", "json"], "only one report can go to standard output"),
        (["json=a", "text=a"], "same path"),
        (["json="], "no path"),
    ],
)
def test_invalid_report_options_are_refused(options: list[str], message: str) -> None:
    with pytest.raises(UnknownFormat, match=message):
        destinations(options)


def test_a_report_replaces_its_file_only_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("before", encoding="utf-8")
    with pytest.raises(RuntimeError), Outputs([Destination("json", path)]):
        raise RuntimeError
    assert path.read_text(encoding="utf-8") == "before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.json"]
    with Outputs([Destination("json", path)]) as outputs:
        outputs.write(report())
    assert json.loads(path.read_text(encoding="utf-8"))["findings"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.json"]
    assert path.stat().st_mode & 0o077 == 0, "reports name weak spots: only their owner may read them"


def test_an_unwritable_path_is_refused_before_the_scan(tmp_path: Path) -> None:
    for path in (tmp_path / "absent" / "report.json", tmp_path):
        with pytest.raises(Unwritable, match="cannot be written"), Outputs([Destination("json", path)]):
            pytest.fail("the scan must not begin")


def test_resources_that_are_unknown_are_named(ownership: Path) -> None:
    denied = {"public_read": DENIED, "public_write": DENIED}
    hidden = [bucket(f"hidden-{number}", **denied) for number in range(5)]
    slow = Unknown.because("throttled", "s3:GetBucketVersioning", None, "slow down")
    resources = (account(), region(), *hidden, bucket("slow", versioning=slow))
    text = rendered(text_report, report(resources, ownership))
    section = text.partition("NOT SEEN")[2]
    assert " hidden-0, hidden-1, hidden-2 and 2 more: s3:GetBucketPolicy denied\n" in section
    assert " slow: s3:GetBucketVersioning throttled: slow down\n" in section
    everything = report((account(), region(), *hidden), ownership, unfolded=True)
    assert " hidden-0, hidden-1, hidden-2, hidden-3, hidden-4: " in rendered(text_report, everything)


def test_a_declaration_counts_in_the_row_and_in_the_headline(ownership: Path) -> None:
    declared = (
        "not_applicable:\n- {id: N-1, controls: [log.reviewed, net.flow-logs], owner: payments, "
        "approver: platform, reason: r, ticket: T, expires: 2027-01-31}\n"
    )
    before = report((account(), region()), ownership)
    text = ownership.read_text(encoding="utf-8").replace("teams:\n", "teams:\n  platform: {}\n")
    ownership.write_text(text + declared, encoding="utf-8")
    after = report((account(), region()), ownership)
    states = {row.control: row.state for row in after.head.coverage}
    assert states["log.reviewed"] == states["net.flow-logs"] == "not_applicable"
    (then,), (now,) = before.head.summary.scopes, after.head.summary.scopes
    assert now.controls.not_applicable == then.controls.not_applicable + 2
    assert now.controls.unattested == then.controls.unattested - 1
    assert now.controls.not_checked == then.controls.not_checked - 1
    for_one_kind = declared.replace("owner:", "where: {kind: account}, owner:")
    ownership.write_text(text + for_one_kind, encoding="utf-8")
    part = {row.control: row.state for row in report((account(), region()), ownership).head.coverage}
    assert part["net.flow-logs"] != "not_applicable", "other kinds of it were not looked at"
