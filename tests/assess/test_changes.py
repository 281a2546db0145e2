"""What changed between two assessments, and that nothing becomes better by not being seen."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.assess.changes import OPEN, AssessedSide, FindingChange, compare
from scanner.assess.finding import Finding, FoundResource
from scanner.assess.states import EVIDENCE_ORDER, Claim, judge
from scanner.model.resources.base import Resource
from scanner.ownership.status import OWNERSHIP_STATUSES
from scanner.report.diff import Comparison, Side, render_json, render_text
from tests.estate import ACCOUNT, DENIED, NOW, account, bucket, judged, region

OWNERSHIP = """
version: 1
teams:
  payments: {contact: payments@example.com}
owners:
- {controls: [data], where: {tags: {owner: payments}}, accountable: payments}
"""
PUBLIC = {"public_read": True, "public_via": ("ACL",)}
RULE = "data.bucket-not-public"
SIGHT = AssessedSide(frozenset({RULE}), {("aws", ACCOUNT): frozenset()}, frozenset(), True)


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
    sight: AssessedSide = SIGHT,
) -> list[FindingChange]:
    """What changed of one rule between two estates."""

    def side(resources: Sequence[Resource], file: Path | None) -> list[Finding]:
        found = judged([account(), region(), *resources], ownership=file).coverage.findings
        return [finding for finding in found if finding.rule == RULE]

    return list(compare(side(before, ownership[0]), side(after, ownership[1]), rules, sight))


OPEN_BUCKET = bucket("b", **PUBLIC)
FINE_BUCKET = bucket("b")
HIDDEN_BUCKET = bucket("b", public_read=DENIED)


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ([], [OPEN_BUCKET], "new"),
        ([], [HIDDEN_BUCKET], "new"),
        ([FINE_BUCKET], [OPEN_BUCKET], "worse"),
        ([FINE_BUCKET], [HIDDEN_BUCKET], "worse"),
        ([HIDDEN_BUCKET], [OPEN_BUCKET], "worse"),
        ([OPEN_BUCKET], [FINE_BUCKET], "closed"),
        ([HIDDEN_BUCKET], [FINE_BUCKET], "closed"),
        ([OPEN_BUCKET], [], "closed"),
        ([OPEN_BUCKET], [HIDDEN_BUCKET], "unseen"),
    ],
)
def test_what_became_of_a_finding(before: list[Resource], after: list[Resource], kind: str) -> None:
    (change,) = changes(before, after)
    assert (change.kind, change.changed_hands) == (kind, False)


@pytest.mark.parametrize("same", [[OPEN_BUCKET], [FINE_BUCKET], [HIDDEN_BUCKET], []])
def test_what_is_as_it_was_is_not_told(same: list[Resource]) -> None:
    assert changes(same, same) == []


@pytest.mark.parametrize(("before", "after"), [([], [FINE_BUCKET]), ([FINE_BUCKET], [])])
def test_what_passes_comes_and_goes_untold(before: list[Resource], after: list[Resource]) -> None:
    assert changes(before, after) == []


def test_what_is_gone_is_closed_only_where_it_was_looked_for() -> None:
    blind = AssessedSide(SIGHT.rules, SIGHT.scopes, frozenset({("aws", ACCOUNT, None, "bucket")}), True)
    (change,) = changes([OPEN_BUCKET], [], sight=blind)
    assert (change.kind, change.after) == ("unseen", None)


def test_a_finding_in_other_hands(ownership: Path) -> None:
    (change,) = changes([OPEN_BUCKET], [OPEN_BUCKET], (None, ownership))
    assert (change.kind, change.changed_hands) == ("better", True), "it has an owner now"
    (change,) = changes([OPEN_BUCKET], [OPEN_BUCKET], (ownership, None))
    assert (change.kind, change.changed_hands) == ("worse", True)


def test_a_new_rule_is_told_apart() -> None:
    (change,) = changes([], [OPEN_BUCKET], rules=frozenset())
    assert (change.kind, change.new_rule) == ("new", True)
    (change,) = changes([], [OPEN_BUCKET])
    assert not change.new_rule


def test_a_place_that_could_not_be_listed_closes_when_it_can() -> None:
    found = judged([account(), region()], blind=[("bucket", None, DENIED)]).coverage.findings
    before = [finding for finding in found if finding.rule == RULE]
    (change,) = compare(before, [], SIGHT.rules, SIGHT)
    assert change.kind == "closed"


def finding(uid: str, evidence: Any, ownership: Any) -> Finding:
    """A finding as the table of states makes it."""
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
        state=judge(claim, evidence).state,
        flags=(),
        severity="high",
        priority="high",
    )


SIDES = st.dictionaries(
    st.sampled_from(["a", "b", "c", "d"]),
    st.tuples(st.sampled_from(EVIDENCE_ORDER), st.sampled_from(OWNERSHIP_STATUSES)),
)


@given(before=SIDES, after=SIDES, lit=st.booleans())
def test_nothing_open_leaves_without_being_verified(
    before: dict[str, Any], after: dict[str, Any], lit: bool
) -> None:
    sight = SIGHT if lit else AssessedSide(frozenset(), {}, frozenset(), False)
    left = [finding(uid, *before[uid]) for uid in sorted(before)]
    right = [finding(uid, *after[uid]) for uid in sorted(after)]
    told = {change.finding.uid: change for change in compare(left, right, frozenset({RULE}), sight)}
    for uid in before.keys() | after.keys():
        was = before.get(uid, (None, None))[0]
        now = after.get(uid, (None, None))[0]
        kind = told[uid].kind if uid in told else None
        if kind == "closed":
            assert was in OPEN
            assert now in ("pass", "n/a") or (now is None and lit)
        if kind == "better":
            assert now is not None
            assert now != "unknown" or was == "unknown"
        if was in OPEN and now is None:
            assert kind == ("closed" if lit else "unseen")
        if was in OPEN and now in ("pass", "n/a"):
            assert kind == "closed"
        if now in OPEN and was not in OPEN:
            assert kind in ("new", "worse")


@given(before=SIDES, after=SIDES)
def test_there_and_back_again(before: dict[str, Any], after: dict[str, Any]) -> None:
    left = [finding(uid, *before[uid]) for uid in sorted(before)]
    right = [finding(uid, *after[uid]) for uid in sorted(after)]
    forth = {change.finding.uid: change for change in compare(left, right, frozenset({RULE}), SIGHT)}
    back = {change.finding.uid: change for change in compare(right, left, frozenset({RULE}), SIGHT)}
    for uid, change in forth.items():
        if change.kind == "better":
            assert back[uid].kind == "worse"
        if change.kind == "new":
            assert back[uid].kind == "closed"
        if change.changed_hands:
            assert back[uid].changed_hands


def test_a_failure_that_cannot_be_told_any_more_is_not_better_for_want_of_a_statement() -> None:
    before = finding("a", "fail", "nobody").model_copy(update={"verdict": "fail"})
    after = finding("a", "missing", "nobody").model_copy(update={"verdict": "unknown"})
    (change,) = compare([before], [after], SIGHT.rules, SIGHT)
    assert change.kind == "unseen"


def compared(found: Sequence[FindingChange], unfolded: bool = False) -> Comparison:
    before = Side("monday.json", "1" * 32, NOW.isoformat())
    return Comparison(before, Side("tuesday.json", "2" * 32, NOW.isoformat()), found, unfolded)


def test_the_changes_as_text(ownership: Path) -> None:
    before = [bucket("old", **PUBLIC), bucket("mended", **PUBLIC), bucket("lost", **PUBLIC), bucket("broke")]
    after = [
        bucket("old", **PUBLIC),
        bucket("mended"),
        bucket("lost", public_read=DENIED),
        bucket("broke", **PUBLIC),
        *(bucket(f"new-{number}", **PUBLIC) for number in range(5)),
    ]
    out = io.StringIO()
    render_text(compared(changes(before, after, (ownership, ownership))), out)
    told = out.getvalue()
    assert "5 new · 1 worse · 0 better · 1 closed · 1 unseen · 0 changed hands" in told
    assert "failing: new-0, new-1, new-2 and 2 more" in told
    assert "covered → failing: broke" in told
    assert "failing → covered: mended" in told
    assert "failing → unknown: lost" in told
    assert "old" not in told.replace("fold", "")
    out = io.StringIO()
    render_text(compared(changes(before, after), unfolded=True), out)
    assert "new-4" in out.getvalue()


def test_a_name_cannot_act_on_the_terminal() -> None:
    out = io.StringIO()
    render_text(compared(changes([], [bucket("b\x1b[2J", **PUBLIC)])), out)
    assert "\x1b" not in out.getvalue()


def test_nothing_changed_is_told() -> None:
    out = io.StringIO()
    render_text(compared([]), out)
    assert "Nothing changed." in out.getvalue()


def test_the_changes_as_json() -> None:
    found = changes([bucket("mended", **PUBLIC)], [bucket("mended"), bucket("new", **PUBLIC)])
    out = io.StringIO()
    render_json(compared(found), out)
    document = json.loads(out.getvalue())
    assert document["schema"] == "gapscan.diff/v1"
    assert document["summary"] == {
        "new": 1, "worse": 0, "better": 0, "closed": 1, "unseen": 0, "changed_hands": 0,
    }  # fmt: skip
    told = {entry["resource"]["name"]: entry for entry in document["changes"]}
    assert told["mended"]["before"] == {
        "ownership": "nobody", "owner": None, "evidence": "fail", "state": "unowned",
    }  # fmt: skip
    assert told["mended"]["after"]["state"] == "unclaimed"
    assert (told["new"]["change"], told["new"]["before"]) == ("new", None)
    out = io.StringIO()
    render_json(compared([]), out)
    assert json.loads(out.getvalue())["changes"] == []
