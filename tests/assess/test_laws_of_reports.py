"""The laws of the table, as the JSON report, rows, headline, matrix, metrics and OSCAL keep them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from scanner.assess.coverage_rows import ROW_ORDER
from scanner.assess.finding import Finding
from scanner.assess.states import standing
from scanner.exchange.matrix import MatrixCell
from tests.assessed_estates import (
    HUB,
    OWNERS,
    WHOLE,
    Case,
    Outcome,
    cases,
    hidden,
    hideable,
    outcome,
    ownership_files,
    unlisted,
    without_table,
)
from tests.estate import ACCOUNT, CATALOGUE

FINE = {"covered", "inherited", "accepted", "not_applicable"}
PROVIDERS = {"inherited", "assumed"}

some = settings(max_examples=40)


def cells(said: Outcome) -> dict[tuple[str, str], MatrixCell]:
    """The cells of the matrix, by control and scope."""
    return {(control, column.id): cell for (control, column), cell in said.matrix.cells.items()}


def key(finding: Finding) -> tuple[Any, ...]:
    return (finding.control, finding.scope, finding.owner, finding.party, finding.ownership)


@some
@given(cases())
def test_covered_needs_an_owner_and_a_pass_everywhere(case: Case) -> None:
    said = outcome(case)
    for finding in said.findings.values():
        if finding.state == "covered":
            assert (finding.evidence, finding.ownership) == ("pass", "owned")
            assert finding.owner
    for row in said.report.head.coverage:
        if row.state == "covered":
            assert (row.evidence, row.ownership) == ("pass", "owned")
            assert row.owner
    for place, part in said.plan.items():
        if "satisfied" in part:
            live = [
                row for row in cells(said)[place].rows if row.state not in ("not_applicable", "inherited")
            ]
            assert {row.state for row in live} == {"covered"}


@some
@given(cases())
def test_the_worst_state_wins(case: Case) -> None:
    said = outcome(case)
    rows = {
        (row.control, row.scope, row.owner, row.party, row.ownership): row
        for row in said.report.head.coverage
    }
    for finding in said.findings.values():
        row = rows[key(finding)]
        assert finding.state is not None
        if row.provided_by is None or finding.evidence in ("fail", "unknown"):
            assert ROW_ORDER.index(row.state) <= ROW_ORDER.index(finding.state)
    for cell in cells(said).values():
        assert cell.state == min((row.state for row in cell.rows), key=ROW_ORDER.index)


@some
@given(cases())
def test_headline_rows_metrics_and_exports_agree(case: Case) -> None:
    said = outcome(case)
    visibility = said.assessment.metrics.visibility
    counted: Counter[str] = Counter()
    for scope in said.document["summary"]["scopes"]:
        counts = scope["controls"]
        counted.update({name: number for name, number in counts.items() if isinstance(number, int)})
        of_scope = {control: cell for (control, name), cell in cells(said).items() if name == scope["scope"]}
        nowhere = {control for control, cell in of_scope.items() if cell.state == "not_applicable"}
        assert counts["not_applicable"] == len(nowhere)
        assert len(of_scope) + counts["elsewhere"] == len(CATALOGUE.controls)
        for control, cell in of_scope.items():
            part = said.plan[control, scope["scope"]]
            status = part.get("implementation-status", {}).get("state")
            assert (status == "not-applicable") == (cell.state == "not_applicable")
            assert status != "implemented" or cell.state in ("covered", "inherited")
        failing = {
            control
            for control, cell in of_scope.items()
            if any(
                row.evidence == "fail" and row.state not in ("accepted", "not_applicable")
                for row in cell.rows
            )
        }
        assert counts["failing"] == len(failing)
    yours = (
        "failing",
        "unnamed",
        "covered",
        "accepted",
        "unknown",
        "unattested",
        "partly_seen",
        "not_checked",
    )
    assert visibility.applicable == sum(counted[name] for name in yours)
    assert visibility.covered == counted["covered"]
    assert visibility.known >= visibility.covered


@some
@given(cases())
def test_a_declaration_for_a_scope_is_honoured_everywhere(case: Case) -> None:
    said = outcome(case)
    declared = {
        (control, scope)
        for line in (case.ownership or {}).get("not_applicable", ())
        if line in WHOLE
        for control in CATALOGUE.controls
        if control.partition(".")[0] in line["controls"]
        for scope in (ACCOUNT, HUB)
        if line.get("where", {}).get("account", scope) == scope
    }
    for row in said.report.head.coverage:
        if (row.control, row.scope) in declared and row.evidence in ("missing", "unassessed", "n/a"):
            assert row.state in {"not_applicable", *PROVIDERS}
    for finding in said.findings.values():
        if (finding.control, finding.scope) in declared and finding.evidence in ("missing", "n/a"):
            assert finding.state in {"not_applicable", *PROVIDERS}
    for place, cell in cells(said).items():
        seen = {
            finding.evidence
            for finding in said.findings.values()
            if (finding.control, finding.scope) == place
        }
        if place in declared and not seen & {"fail", "pass", "unknown"} and not cell.rows[0].provided_by:
            assert cell.state in {"not_applicable", *PROVIDERS}


@some
@given(cases())
def test_what_is_unknown_is_never_fine_and_no_exception_hides_it(case: Case) -> None:
    for finding in outcome(case).findings.values():
        if finding.evidence == "unknown" and finding.party == "customer":
            assert finding.state == "unknown"
        if finding.state == "accepted":
            assert finding.evidence in ("fail", "missing")
            assert finding.ownership in ("owned", "nobody")
        if finding.evidence == "fail" and finding.state != "accepted":
            assert finding.state is not None
            assert standing(finding.state, finding.evidence) == "gap"


def assert_hiding_makes_nothing_better(before: Outcome, after: Outcome) -> None:
    for uid, finding in after.findings.items():
        known = before.findings.get(uid)
        if known is not None and finding.evidence != known.evidence:
            assert (finding.evidence, finding.state) == ("unknown", "unknown")
        if known is not None and finding.state in FINE:
            assert known.state in FINE
    then = cells(before)
    for place, cell in cells(after).items():
        if cell.state in FINE and place in then:
            assert then[place].state in FINE, place
    one, other = before.assessment.metrics.visibility, after.assessment.metrics.visibility
    assert other.covered <= one.covered
    for place, part in after.plan.items():
        if "satisfied" in part:
            assert "satisfied" in before.plan[place]


@some
@given(cases(), st.data())
def test_hiding_a_facet_turns_results_only_to_unknown(case: Case, data: st.DataObject) -> None:
    place, name = data.draw(st.sampled_from(hideable(case)))
    assert_hiding_makes_nothing_better(outcome(case), outcome(hidden(case, place, name)))


@some
@given(cases(), st.data())
def test_hiding_a_kind_makes_nothing_better(case: Case, data: st.DataObject) -> None:
    scope = data.draw(st.sampled_from(sorted({one.scope for one in case.resources})))
    kind = data.draw(st.sampled_from(["bucket", "audit_trail", "user", "firewall", "region", "database"]))
    hide = data.draw(st.sampled_from([unlisted, without_table]))
    before, after = outcome(case), outcome(hide(case, scope, kind))
    then = cells(before)
    for place, cell in cells(after).items():
        expects = kind in CATALOGUE.controls[place[0]].kinds.get("aws", ())
        if cell.state in FINE and place in then and (hide is unlisted or expects):
            # What failed and is not seen any more is not known to be fine. What may be the customer's now
            # may be what he has accepted.
            accepted = (then[place].state, cell.state) == ("assumed", "accepted")
            # Only what is seen contradicts a declaration that a control does not apply.
            declared = hide is without_table and place[0].split(".")[0] in nowhere(case)
            assert accepted or declared or then[place].state in FINE, (place, hide.__name__)
    for place, part in after.plan.items():
        if "satisfied" in part:
            assert "satisfied" in before.plan[place]


def nowhere(case: Case) -> set[str]:
    """The domains of which the file declares for whole scopes that they do not apply."""
    declared = (case.ownership or {}).get("not_applicable", ())
    return {domain for line in declared if line in WHOLE for domain in line["controls"]}


@some
@given(cases(), st.sampled_from(OWNERS), st.data())
def test_adding_an_owner_resolves_no_finding(case: Case, line: dict[str, Any], data: st.DataObject) -> None:
    file = case.ownership or data.draw(ownership_files())
    if "provided_by" in line or line in file["owners"]:
        return
    before = outcome(replace(case, ownership=file))
    after = outcome(replace(case, ownership={**file, "owners": [*file["owners"], line]}))
    assert before.findings.keys() <= after.findings.keys()
    for uid, finding in after.findings.items():
        known = before.findings.get(uid)
        if known is None:
            continue
        assert (finding.severity, finding.verdict) == (known.severity, known.verdict)
        if known.evidence == "fail" and known.state != "accepted":
            assert finding.evidence == "fail"
            # An exception that was in force already may show once one team is accountable.
            excepted = finding.state == "accepted" and known.ownership in ("contested", "misattributed")
            assert excepted or standing(finding.state or "unknown", "fail") == "gap"


@some
@given(cases(), st.lists(st.sampled_from(OWNERS), min_size=1, max_size=4))
def test_a_proposal_changes_nothing(case: Case, lines: list[dict[str, Any]]) -> None:
    file = case.ownership or {
        "version": 1,
        "teams": {"payments": {}, "platform": {}, "gone": {}},
        "owners": [],
    }
    proposed = [{**line, "proposed": "a guess"} for line in lines]
    before = outcome(replace(case, ownership=file))
    after = outcome(replace(case, ownership={**file, "owners": [*file["owners"], *proposed]}))
    for uid, finding in after.findings.items():
        assert structs.replace(finding, proposed=None) == structs.replace(before.findings[uid], proposed=None)
        assert finding.proposed is None or finding.ownership == "nobody"
    assert after.assessment.coverage.rows == before.assessment.coverage.rows
    assert after.assessment.decision == before.assessment.decision
    assert after.assessment.metrics == before.assessment.metrics


@some
@given(cases())
def test_the_json_report_says_what_was_assessed(case: Case) -> None:
    said = outcome(case)
    told = {entry["uid"]: entry for entry in said.document["findings"]}
    assert {uid: (one.state, one.evidence, one.owner) for uid, one in said.findings.items()} == {
        uid: (entry["state"], entry["evidence"], entry["owner"])
        for uid, entry in told.items()
        if entry["subject"] == "evidence"
    }
    states = Counter(entry["state"] for entry in said.document["findings"] if entry["state"])
    assert said.document["summary"]["states"] == dict(states)
    assert len(said.document["coverage"]) == len(said.report.head.coverage)
