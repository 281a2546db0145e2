"""--team and --where: what may be selected stays, assessed as ever; nothing is reported about the rest."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec import structs

from scanner.assess.assessment import assess
from scanner.assess.finding import Finding
from scanner.assess.narrowing import NARROWING_UNCERTAIN, Narrowing, Selector, parse_where
from scanner.assess.reduce import Assessment
from scanner.model.evidence import BlindSpot, Unknown
from scanner.model.inventory import Inventory, Target
from scanner.model.resources.base import Resource
from scanner.model.resources.storage import Bucket
from scanner.ownership.file.file import OwnershipFile
from scanner.ownership.file.load import load_ownership
from scanner.ownership.resolve.selection import compile_selection
from scanner.report.build import build
from scanner.report.formats import text as text_report
from scanner.report.model import Report
from scanner.run.scan import Collected
from tests.estate import ACCOUNT, CATALOGUE, DENIED, EVERYTHING, NOW, account, at_gate, bucket, requested

OTHER = "444455556666"
CLOSED = Unknown.because("denied", "s3:ListAllMyBuckets", "s3:ListAllMyBuckets", "no")
OWNERSHIP = """
version: 1
reviewed: 2026-11-01
settings: {inferred: []}
teams:
  payments: {contact: p@example.com, aliases: [pay]}
  web: {contact: w@example.com}
  platform: {contact: o@example.com}
owners:
- {controls: ["*"], accountable: platform}
- {controls: [data], where: {tags: {owner: payments}}, accountable: payments}
- {controls: [data], where: {tags: {owner: web}}, accountable: web}
- {controls: [log, iam], where: {path: /Root/Prod}, accountable: payments}
- {controls: [log], where: {account: "444455556666"}, accountable: web}
- {controls: [res], where: {kind: bucket}, accountable: payments}
- {controls: [res], where: {kind: bucket}, accountable: web}
"""


def elsewhere(resource: Resource, scope: str = OTHER) -> Resource:
    """The same resource in another account."""
    return resource.model_copy(update={"scope": scope, "id": f"{resource.id}:{scope}"})


def public(name: str, **facets: object) -> Bucket:
    return bucket(name, **{"public_read": True, "public_via": ("ACL",), **facets})


ESTATE: tuple[Resource, ...] = (
    account(),
    elsewhere(account(path="/Root/Sandbox")),
    public("receipts", tags={"owner": "payments"}),
    public("www", tags={"owner": "web"}),
    public("unmarked", tags={}),
    bucket("hidden", public_read=DENIED, tags=DENIED),
    elsewhere(public("lab", tags={"owner": "web"})),
)


def inventory(resources: Sequence[Resource] = ESTATE, *spots: BlindSpot) -> Inventory:
    targets = tuple(Target("aws", scope, "arn", True, True, None) for scope in (ACCOUNT, OTHER))
    ordered = tuple(sorted(resources, key=lambda one: (one.scope, one.kind, one.id)))
    return Inventory(ordered, tuple(spots), targets, EVERYTHING)


def spot(scope: str, kind: str = "bucket", region: str | None = None) -> BlindSpot:
    (cause,) = CLOSED.causes
    return BlindSpot(provider="aws", scope=scope, region=region, kind=kind, cause=cause)


@pytest.fixture
def file(tmp_path: Path) -> OwnershipFile:
    path = tmp_path / "ownership.yaml"
    path.write_text(OWNERSHIP, encoding="utf-8")
    return load_ownership(path, CATALOGUE)


def narrowing(file: OwnershipFile | None, team: str | None = None, *where: str) -> Narrowing:
    clauses = [clause for text in where for clause in compile_selection(parse_where(text))]
    return Narrowing(file, team, Selector(clauses) if where else None)


def assessed(tmp_path: Path, what: Narrowing | None, given: Inventory | None = None) -> Assessment:
    return assess(given or inventory(), replace(requested(tmp_path / "ownership.yaml"), narrowing=what))


def by_uid(result: Assessment) -> dict[str, Finding]:
    return {finding.uid: finding for finding in result.coverage.findings}


def names(result: Assessment, rule: str = "data.bucket-not-public") -> set[str]:
    return {f.resource.name for f in result.coverage.findings if f.rule == rule and f.resource is not None}


NARROWINGS = [
    ("payments", ()),
    ("web", ()),
    (None, ("account=111122223333",)),
    (None, ("path=/Root/Prod",)),
    (None, ("tags.owner=payments",)),
    (None, ("kind=bucket,tags.owner=web", "account=4444*")),
    (None, ("resource=receipts",)),
    ("payments", ("account=111122223333,kind=bucket",)),
    ("web", ("account=111122223333",)),
]


@pytest.mark.parametrize(("team", "where"), NARROWINGS)
def test_what_stays_is_assessed_as_it_would_be_without_narrowing(
    team: str | None, where: tuple[str, ...], file: OwnershipFile, tmp_path: Path
) -> None:
    given = inventory(ESTATE, spot(ACCOUNT), spot(OTHER, "firewall", "eu-west-1"))
    whole, narrow = assessed(tmp_path, None, given), assessed(tmp_path, narrowing(file, team, *where), given)
    every, kept = by_uid(whole), by_uid(narrow)
    assert kept.keys() < every.keys(), "some is left out, nothing is made up"
    assert any(finding.subject == "evidence" for finding in kept.values())
    for uid, finding in kept.items():
        flags = tuple(flag for flag in finding.flags if flag != NARROWING_UNCERTAIN)
        assert structs.replace(finding, flags=flags) == every[uid]
    rows = {(row.control, row.scope, row.owner, row.party, row.ownership) for row in whole.coverage.rows}
    for row in narrow.coverage.rows:
        assert (row.control, row.scope, row.owner, row.party, row.ownership) in rows
    assert sum(narrow.coverage.states.values()) == sum(f.subject == "evidence" for f in kept.values())


@pytest.mark.parametrize(("team", "where"), NARROWINGS)
@pytest.mark.parametrize("tags", [{}, {"owner": "payments"}, {"owner": "web"}])
@pytest.mark.parametrize("path", ["/Root/Prod", "/Root/Sandbox"])
def test_reading_a_tag_or_path_never_adds_findings(
    team: str | None,
    where: tuple[str, ...],
    tags: dict[str, str],
    path: str,
    file: OwnershipFile,
    tmp_path: Path,
) -> None:
    what = narrowing(file, team, *where)

    def estate(of_bucket: object, of_account: object) -> Inventory:
        return inventory((account(path=of_account), public("b", tags=of_bucket), public("c", tags={})))

    revealed = assessed(tmp_path, what, estate(tags, path))
    hidden = assessed(tmp_path, what, estate(DENIED, DENIED))
    assert by_uid(revealed).keys() <= by_uid(hidden).keys()


def test_a_team_sees_what_it_owns_and_what_it_may_own(file: OwnershipFile, tmp_path: Path) -> None:
    result = assessed(tmp_path, narrowing(file, "payments"))
    assert names(result) == {"receipts", "hidden"}
    flags = {f.resource.name: f.flags for f in result.coverage.findings if f.rule == "data.bucket-not-public"}
    assert NARROWING_UNCERTAIN in flags["hidden"]
    assert NARROWING_UNCERTAIN not in flags["receipts"]


def test_contested_findings_are_reported_to_each_team(file: OwnershipFile, tmp_path: Path) -> None:
    rule = "res.bucket-versioned"
    for team in ("payments", "web"):
        found = [f for f in assessed(tmp_path, narrowing(file, team)).coverage.findings if f.rule == rule]
        assert {f.ownership for f in found} == {"contested"}, team
    assert not names(assessed(tmp_path, narrowing(file, "platform")), rule)


def test_a_catch_all_team_does_not_own_what_is_routed_to_it(file: OwnershipFile, tmp_path: Path) -> None:
    kept = by_uid(assessed(tmp_path, narrowing(file, "platform"))).values()
    assert not [f for f in kept if f.owner == "platform" and f.ownership == "nobody"]


def test_nothing_is_reported_about_what_is_left_out(file: OwnershipFile, tmp_path: Path) -> None:
    """No row, no count and no scope; in particular not that it is covered or not applicable."""
    result = assessed(tmp_path, narrowing(None, None, "kind=bucket,tags.owner=payments"))
    assert {row.control.split(".")[0] for row in result.coverage.rows} <= {"data", "res", "log", "gov", "key"}
    assert {scope.scope for scope in result.coverage.scopes} == {ACCOUNT}
    assert not any(scope.elsewhere for scope in result.coverage.scopes)
    assert {row.scope for row in result.coverage.rows} == {ACCOUNT}
    assert result.metrics.total.controls <= len({row.control for row in result.coverage.rows})


@pytest.mark.parametrize(
    ("team", "where", "kept"),
    [
        (None, "account=111122223333", {ACCOUNT}),
        (None, "account=444455556666", {OTHER}),
        (None, "path=/Root/Sandbox", {OTHER}),
        (None, "tags.owner=payments", {ACCOUNT, OTHER}),
        (None, "resource=receipts", {ACCOUNT, OTHER}),
        (None, "kind=firewall", set()),
        (None, "region=eu-west-1", {ACCOUNT, OTHER}),
        ("payments", None, {ACCOUNT, OTHER}),
        ("payments", "path=/Root/Prod", {ACCOUNT}),
    ],
)
def test_blind_spots_that_may_hold_selected_resources_stay(
    team: str | None, where: str | None, kept: set[str], file: OwnershipFile, tmp_path: Path
) -> None:
    given = inventory(ESTATE, spot(ACCOUNT), spot(OTHER))
    what = narrowing(file, team, *([where] if where else []))
    assert {one.scope for one in assessed(tmp_path, what, given).coverage.blind_spots} == kept


def test_an_unlisted_region_may_hold_resources_of_any_kind(file: OwnershipFile, tmp_path: Path) -> None:
    given = inventory(ESTATE, spot(ACCOUNT, "region", "ap-south-1"))
    for what in (narrowing(None, None, "kind=firewall"), narrowing(file, "payments")):
        assert assessed(tmp_path, what, given).coverage.blind_spots
    assert not assessed(tmp_path, narrowing(None, None, "account=444455556666"), given).coverage.blind_spots


@pytest.mark.parametrize(
    ("where", "complete"),
    [("account=111122223333", True), ("account=777788889999", False), ("path=/Root/Prod", False)],
)
def test_an_unreached_scope_counts_if_it_may_be_selected(
    where: str, complete: bool, tmp_path: Path, file: OwnershipFile
) -> None:
    given = inventory((account(), public("b")))
    lost = Target("aws", "777788889999", None, True, False, "no such role")
    result = assessed(tmp_path, narrowing(None, None, where), replace(given, targets=(*given.targets, lost)))
    assert result.decision.complete is complete


def test_a_selection_that_matches_nothing_is_not_a_pass(file: OwnershipFile, tmp_path: Path) -> None:
    result = assessed(tmp_path, narrowing(None, None, "account=777788889999"))
    assert result.decision.exit == 4


def test_the_gate_counts_what_is_selected(file: OwnershipFile, tmp_path: Path) -> None:
    given = inventory((*ESTATE, elsewhere(public("open", tags={}))))
    sandbox = assessed(tmp_path, narrowing(None, None, "account=444455556666"), given)
    found = by_uid(sandbox)
    assert sandbox.decision.exit == 1
    assert {found[uid].scope for uid in at_gate(sandbox)} == {OTHER}
    clean = assessed(
        tmp_path,
        narrowing(None, None, "resource=receipts"),
        inventory((account(), bucket("receipts"), public("www"))),
    )
    assert clean.decision.exit == 0


def test_defects_of_the_file_are_reported_to_the_team_of_the_line(tmp_path: Path) -> None:
    path = tmp_path / "ownership.yaml"
    text = OWNERSHIP + "- {controls: [net], accountable: web, reviewed: 2026-01-01}\n"
    path.write_text(text, encoding="utf-8")
    file = load_ownership(path, CATALOGUE)

    def stale(team: str) -> bool:
        found = assessed(tmp_path, narrowing(file, team)).coverage.findings
        return any(f.flags == ("stale",) for f in found if f.subject == "ownership")

    assert stale("web")
    assert not stale("payments")


def report(result: Assessment, tmp_path: Path, what: Narrowing, *options: str) -> str:
    collected = Collected(inventory(), NOW - timedelta(seconds=9), NOW, "0" * 32)
    given = replace(requested(tmp_path / "ownership.yaml"), narrowing=what, narrowed_by=options)
    made: Report = build(collected, result, given)
    out = io.StringIO()
    text_report.render(made, out)
    assert made.head.scan.narrowed == options
    return out.getvalue()


def test_the_report_says_that_it_is_narrowed(file: OwnershipFile, tmp_path: Path) -> None:
    what = narrowing(file, "payments")
    text = report(assessed(tmp_path, what), tmp_path, what, "--team payments")
    assert "Narrowed by --team payments: the rest is not reported." in text
    assert "www" not in text
    nothing = narrowing(None, None, "account=777788889999")
    text = report(assessed(tmp_path, nothing), tmp_path, nothing, "--where account=777788889999")
    assert "nothing collected matches --where account=777788889999 → exit 4" in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("account", "expected KEY=VALUE"),
        ("account=", "expected KEY=VALUE"),
        ("acount=1", "did you mean account?"),
        ("provider=awz", "did you mean aws?"),
        ("path=Root", "expected a path from the root"),
        ("tags=prod", "name the tag, as in tags.env=prod"),
        ("tags.env=prod*", "cannot contain a pattern"),
        ("account=1,,kind=bucket", "expected KEY=VALUE"),
    ],
)
def test_invalid_selections_are_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_where(text)
    assert message in str(caught.value)


def test_a_repeated_key_has_several_values() -> None:
    where = parse_where("account=111122223333, account=444455556666, tags.env=prod, tags.env=stage")
    assert where.account == ("111122223333", "444455556666")
    assert where.tags == {"env": ("prod", "stage")}
