"""Changes between two assessments. A finding never improves by becoming invisible."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from scanner.assess.changes import OPEN, AssessedSide, FindingChange, compare
from scanner.assess.finding import Finding, FoundResource
from scanner.assess.states import EVIDENCE_ORDER, Claim, state_of
from scanner.model.resources.base import Resource
from scanner.ownership.status import OWNERSHIP_STATUSES
from scanner.report.diff import Comparison, Side, render_json, render_text
from tests.estate import ACCOUNT, DENIED, NOW, account, assessed, bucket, region

OWNERSHIP = """
version: 1
teams:
  payments: {contact: payments@example.com}
owners:
- {controls: [data], where: {tags: {owner: payments}}, accountable: payments}
"""
PUBLIC = {"public_read": True, "public_via": ("ACL",)}
RULE = "data.bucket-not-public"
COVERED = AssessedSide(frozenset({RULE}), {("aws", ACCOUNT): frozenset()}, frozenset(), True)


@pytest.fixture
def ownership(tmp_path: Path) -> Path:
    path = tmp_path / "ownership.yaml"
    path.write_text(OWNERSHIP, encoding="utf-8")
    return path


def changes(
    before: Sequence[Resource],
    after: Sequence[Resource],
    ownership: tuple[Path | None, Path | None] = (None, None),
    rules: frozenset[str] = frozenset({RULE}),
    covered: AssessedSide = COVERED,
) -> list[FindingChange]:
    """The changes of one rule between two estates."""

    def side(resources: Sequence[Resource], file: Path | None) -> list[Finding]:
        found = assessed([account(), region(), *resources], ownership=file).coverage.findings
        return [finding for finding in found if finding.rule == RULE]

    return list(compare(side(before, ownership[0]), side(after, ownership[1]), rules, covered))


OPEN_BUCKET = bucket("b", **PUBLIC)
FINE_BUCKET = bucket("b")
HIDDEN_BUCKET = bucket("b", public_read=DENIED)


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ([], [OPEN_BUCKET], "new"),
        ([], [HIDDEN_BUCKET], "new"),
        ([FINE_BUCKET], [OPEN_BUCKET], "new"),
        ([FINE_BUCKET], [HIDDEN_BUCKET], "new"),
        ([HIDDEN_BUCKET], [OPEN_BUCKET], "worse"),
        ([OPEN_BUCKET], [FINE_BUCKET], "closed"),
        ([HIDDEN_BUCKET], [FINE_BUCKET], "closed"),
        ([OPEN_BUCKET], [], "closed"),
        ([OPEN_BUCKET], [HIDDEN_BUCKET], "unseen"),
    ],
)
def test_change_kinds(before: list[Resource], after: list[Resource], kind: str) -> None:
    (change,) = changes(before, after)
    assert (change.kind, change.changed_hands) == (kind, False)


@pytest.mark.parametrize("same", [[OPEN_BUCKET], [FINE_BUCKET], [HIDDEN_BUCKET], []])
def test_unchanged_findings_are_not_reported(same: list[Resource]) -> None:
    assert changes(same, same) == []


@pytest.mark.parametrize(("before", "after"), [([], [FINE_BUCKET]), ([FINE_BUCKET], [])])
def test_passing_findings_appear_and_disappear_unreported(
    before: list[Resource], after: list[Resource]
) -> None:
    assert changes(before, after) == []


def test_absence_closes_only_after_a_complete_listing() -> None:
    blind = AssessedSide(COVERED.rules, COVERED.scopes, frozenset({("aws", ACCOUNT, None, "bucket")}), True)
    (change,) = changes([OPEN_BUCKET], [], covered=blind)
    assert (change.kind, change.after) == ("unseen", None)


def test_a_change_of_owner(ownership: Path) -> None:
    (change,) = changes([OPEN_BUCKET], [OPEN_BUCKET], (None, ownership))
    assert (change.kind, change.changed_hands) == ("better", True), "it has an owner now"
    (change,) = changes([OPEN_BUCKET], [OPEN_BUCKET], (ownership, None))
    assert (change.kind, change.changed_hands) == ("worse", True)


def test_findings_of_a_new_rule_are_marked() -> None:
    (change,) = changes([], [OPEN_BUCKET], rules=frozenset())
    assert (change.kind, change.new_rule) == ("new", True)
    (change,) = changes([], [OPEN_BUCKET])
    assert not change.new_rule


def test_a_blind_spot_closes_once_it_is_listed() -> None:
    found = assessed([account(), region()], blind=[("bucket", None, DENIED)]).coverage.findings
    before = [finding for finding in found if finding.rule == RULE]
    (change,) = compare(before, [], COVERED.rules, COVERED)
    assert change.kind == "closed"


def finding(uid: str, evidence: Any, ownership: Any) -> Finding:
    """A finding with the state that the table gives."""
    claim = Claim(ownership=ownership)
    return Finding(
        uid=uid,
        subject="evidence",
        control="data.no-public-exposure",
        rule=RULE,
        provider="aws",
        scope=ACCOUNT,
        region=None,
        service_model=None,
        resource=FoundResource(id=uid, kind="bucket", name=uid, tags=None),
        verdict=None,
        unknowns=(),
        observed={},
        message=uid,
        party="customer",
        ownership=ownership,
        owner="payments" if ownership == "owned" else None,
        owner_source=None,
        evidence=evidence,
        state=state_of(claim, evidence).state,
        flags=(),
        severity="high",
        priority="high",
    )


SIDES = st.dictionaries(
    st.sampled_from(["a", "b", "c", "d"]),
    st.tuples(st.sampled_from(EVIDENCE_ORDER), st.sampled_from(OWNERSHIP_STATUSES)),
)


@given(before=SIDES, after=SIDES, visible=st.booleans())
def test_open_findings_close_only_when_verified(
    before: dict[str, Any], after: dict[str, Any], visible: bool
) -> None:
    later = COVERED if visible else AssessedSide(frozenset(), {}, frozenset(), False)
    left = [finding(uid, *before[uid]) for uid in sorted(before)]
    right = [finding(uid, *after[uid]) for uid in sorted(after)]
    changed = {change.finding.uid: change for change in compare(left, right, frozenset({RULE}), later)}
    for uid in before.keys() | after.keys():
        was = before.get(uid, (None, None))[0]
        now = after.get(uid, (None, None))[0]
        kind = changed[uid].kind if uid in changed else None
        if kind == "closed":
            assert was in OPEN
            assert now in ("pass", "n/a") or (now is None and visible)
        if kind == "better":
            assert now is not None
            assert now != "unknown" or was == "unknown"
        if was in OPEN and now is None:
            assert kind == ("closed" if visible else "unseen")
        if was in OPEN and now in ("pass", "n/a"):
            assert kind == "closed"
        if now in OPEN and was not in OPEN:
            assert kind in ("new", "worse")


@given(before=SIDES, after=SIDES)
def test_changes_are_symmetric(before: dict[str, Any], after: dict[str, Any]) -> None:
    left = [finding(uid, *before[uid]) for uid in sorted(before)]
    right = [finding(uid, *after[uid]) for uid in sorted(after)]
    forth = {change.finding.uid: change for change in compare(left, right, frozenset({RULE}), COVERED)}
    back = {change.finding.uid: change for change in compare(right, left, frozenset({RULE}), COVERED)}
    for uid, change in forth.items():
        if change.kind == "better":
            assert back[uid].kind == "worse"
        if change.kind == "new":
            assert back[uid].kind == "closed"
        if change.changed_hands:
            assert back[uid].changed_hands


def test_a_failure_that_becomes_unknown_is_not_better_because_an_attestation_is_missing() -> None:
    before = replace(finding("a", "fail", "nobody"), verdict="fail")
    after = replace(finding("a", "missing", "nobody"), verdict="unknown")
    (change,) = compare([before], [after], COVERED.rules, COVERED)
    assert change.kind == "unseen"


def compared(found: Sequence[FindingChange], unfolded: bool = False) -> Comparison:
    before = Side("monday.json", "1" * 32, NOW.isoformat())
    return Comparison(before, Side("tuesday.json", "2" * 32, NOW.isoformat()), found, unfolded)


def test_the_changes_as_text(ownership: Path) -> None:
    before = [bucket("old", **PUBLIC), bucket("fixed", **PUBLIC), bucket("lost", **PUBLIC), bucket("broke")]
    after = [
        bucket("old", **PUBLIC),
        bucket("fixed"),
        bucket("lost", public_read=DENIED),
        bucket("broke", **PUBLIC),
        *(bucket(f"new-{number}", **PUBLIC) for number in range(5)),
    ]
    out = io.StringIO()
    render_text(compared(changes(before, after, (ownership, ownership))), out)
    text = out.getvalue()
    assert "6 new · 0 worse · 0 better · 1 closed · 1 unseen · 0 with another owner" in text
    assert "failing: new-0, new-1, new-2 and 2 more" in text
    assert "covered → failing: broke" in text
    assert "failing → covered: fixed" in text
    assert "failing → unknown: lost" in text
    assert "old" not in text.replace("fold", "")
    out = io.StringIO()
    render_text(compared(changes(before, after), unfolded=True), out)
    assert "new-4" in out.getvalue()


def test_names_cannot_control_the_terminal() -> None:
    out = io.StringIO()
    render_text(compared(changes([], [bucket("b\x1b[2J", **PUBLIC)])), out)
    assert "\x1b" not in out.getvalue()


def test_no_changes_as_text() -> None:
    out = io.StringIO()
    render_text(compared([]), out)
    assert "Nothing changed." in out.getvalue()


def test_the_changes_as_json() -> None:
    found = changes([bucket("fixed", **PUBLIC)], [bucket("fixed"), bucket("new", **PUBLIC)])
    out = io.StringIO()
    render_json(compared(found), out)
    document = json.loads(out.getvalue())
    assert document["schema"] == "gapscan.diff/v1"
    assert document["summary"] == {
        "new": 1, "worse": 0, "better": 0, "closed": 1, "unseen": 0, "changed_hands": 0,
    }  # fmt: skip
    entries = {entry["resource"]["name"]: entry for entry in document["changes"]}
    assert entries["fixed"]["before"] == {
        "ownership": "nobody", "owner": None, "evidence": "fail", "state": "unowned",
    }  # fmt: skip
    assert entries["fixed"]["after"]["state"] == "unclaimed"
    assert (entries["new"]["change"], entries["new"]["before"]) == ("new", None)
    out = io.StringIO()
    render_json(compared([]), out)
    assert json.loads(out.getvalue())["changes"] == []
