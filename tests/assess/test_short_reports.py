"""A report that lists only what it must tells the same history as one that lists every finding."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.assess.assessment import assess
from scanner.assess.baseline import load_baseline
from scanner.assess.changes import AssessedSide, FindingChange, compare
from scanner.assess.finding import Finding
from scanner.assess.gate import Terms
from scanner.assess.report_file import ReportFile
from scanner.assess.states import GATES, parse_fail_on
from scanner.model.resources.base import Resource
from scanner.model.resources.identity import Tenant, User
from scanner.report.build import build
from scanner.report.formats import json as json_report
from scanner.report.formats import ocsf
from scanner.report.formats import text as text_report
from scanner.report.model import Report
from scanner.report.saved import saved_head
from scanner.run.scan import Collected
from tests.assessed_estates import (
    Case,
    cases,
    hidden,
    hideable,
    in_scope,
    ownership_files,
    unlisted,
    without_table,
)
from tests.estate import DENIED, NOW, account, bucket, other, requested

some = settings(max_examples=25)


@dataclass(frozen=True)
class Told:
    """One scan, as one of the two kinds of report tells it."""

    report: Report
    path: Path

    @property
    def findings(self) -> list[Finding]:
        return list(self.report.findings)


def told(
    case: Case,
    folder: Path,
    name: str,
    *,
    everything: bool,
    baseline: Path | None = None,
    targets: tuple[str, ...] | None = None,
    regions: tuple[str, ...] = (),
) -> Told:
    """``targets``: the scopes that were named for the scan; by default all that it has."""
    inventory = case.inventory
    kept = (one for one in inventory.targets if targets is None or one.scope in targets)
    inventory = replace(inventory, targets=tuple(replace(one, regions=regions) for one in kept))
    terms = Terms(GATES["strict"], baseline=load_baseline(baseline) if baseline else None)
    request = replace(requested(terms=terms), ownership=case.file, every_finding=everything)
    report = build(Collected(inventory, NOW, NOW, "0" * 32), assess(inventory, request), request)
    path = folder / f"{name}-{'all' if everything else 'open'}.json"
    with path.open("w", encoding="utf-8") as out:
        json_report.render(report, out)
    return Told(report, path)


@st.composite
def next_case(draw: st.DrawFn, case: Case) -> Case:
    """The same estate later: some of it has changed, is gone, is new, or cannot be seen any more."""
    later = case
    for _ in range(draw(st.integers(1, 3))):
        scopes = sorted({one.scope for one in later.resources})
        change = draw(st.sampled_from(["hide", "drop", "repair", "unlisted", "no table", "owners", "add"]))
        places = hideable(later)
        scope = draw(st.sampled_from(scopes))
        kind = draw(st.sampled_from(["bucket", "audit_trail", "user", "firewall", "function"]))
        if change == "hide" and places:
            later = hidden(later, *draw(st.sampled_from(places)))
        elif change == "drop":
            kept = tuple(one for one in later.resources if (one.scope, one.kind) != (scope, kind))
            later = replace(later, resources=kept)
        elif change == "repair":
            later = replace(later, resources=tuple(_flipped(draw, one) for one in later.resources))
        elif change == "unlisted":
            later = unlisted(later, scope, kind)
        elif change == "no table":
            later = without_table(later, scope, kind)
        elif change == "owners":
            later = replace(later, ownership=draw(st.none() | ownership_files()))
        elif (scope, "bucket") not in later.without:
            made = in_scope(scope, bucket(f"added-{len(later.resources)}", public_read=draw(st.booleans())))
            later = replace(later, resources=(*later.resources, made))
    return later


def _flipped(draw: st.DrawFn, one: Resource) -> Resource:
    """The resource with some of its switches turned."""
    held = {field: getattr(one, field) for field in one.model_fields_set}
    switches = sorted(name for name in type(one).facets() if isinstance(held.get(name), bool))
    turned = draw(st.lists(st.sampled_from(switches), unique=True)) if switches else []
    return type(one)(**{**held, **{name: not held[name] for name in turned}})


@st.composite
def histories(draw: st.DrawFn) -> tuple[Case, ...]:
    """Two or three scans of one estate in turn, or of estates that have nothing to do with each other."""
    history = [draw(cases())]
    for _ in range(draw(st.integers(1, 2))):
        history.append(draw(st.one_of(next_case(history[-1]), cases())))
    return tuple(history)


def changes(before: Told, after: Told) -> list[FindingChange]:
    old, new = ReportFile(before.path), ReportFile(after.path)
    return list(compare(old, new, frozenset(old.head["rules"]), AssessedSide.of(new.head)))


def story(found: list[FindingChange]) -> list[tuple[Any, ...]]:
    """What is told of each change, with both sides as far as every report lists them."""
    return [
        (
            one.finding.uid,
            one.kind,
            one.changed_hands,
            one.new_rule,
            one.before if one.before is not None and one.before.listed else None,
            one.after if one.after is not None and one.after.listed else None,
        )
        for one in found
    ]


def activities(made: Told) -> Mapping[str, str]:
    """What the OCSF events say of each finding that every report lists, or that closes."""
    out = io.StringIO()
    ocsf.render(made.report, out)
    listed = {one.uid for one in made.findings if one.listed}
    return {
        event["finding_info"]["uid"]: event["activity_name"]
        for event in map(json.loads, out.getvalue().splitlines())
        if event["finding_info"]["uid"] in listed or event["activity_name"] == "Close"
    }


def text(report: Report) -> str:
    out = io.StringIO()
    text_report.render(report, out)
    return out.getvalue()


def at_gate(made: Told) -> set[str]:
    return {one.uid for one in made.findings if one.at_gate}


def without_baseline(report: Report) -> dict[str, Any]:
    head = report.head.model_dump(mode="json")
    head["summary"]["listed"] = head["summary"]["gate"]["baseline"] = None
    return head


@some
@given(histories())
def test_short_and_full_reports_tell_the_same_changes(history: tuple[Case, ...]) -> None:
    with TemporaryDirectory() as folder:
        scans = [
            [told(case, Path(folder), str(number), everything=all_) for all_ in (True, False)]
            for number, case in enumerate(history)
        ]
        for (full, short), (later_full, later_short) in pairwise(scans):
            said = story(changes(full, later_full))
            for before in (full, short):
                for after in (later_full, later_short):
                    assert story(changes(before, after)) == said
            held = compare(
                full.findings,
                later_short.findings,
                frozenset(full.report.head.rules),
                AssessedSide.of(ReportFile(later_full.path).head),
            )
            assert story(list(held)) == said, "whether it is read from files or held"


@some
@given(histories())
def test_short_and_full_baselines_give_the_same_gate_and_events(history: tuple[Case, ...]) -> None:
    with TemporaryDirectory() as folder:
        first = [told(history[0], Path(folder), "0", everything=all_) for all_ in (True, False)]
        chains: list[tuple[Told, bool]] = [(first[0], True), (first[1], False)]
        for number, case in enumerate(history[1:], 1):
            later = [
                told(
                    case, Path(folder), f"{number}-{before.path.stem}", everything=all_, baseline=before.path
                )
                for before, _ in chains
                for all_ in (True, False)
            ]
            full = later[0]
            for one in later[1:]:
                assert at_gate(one) == at_gate(full)
                assert activities(one) == activities(full)
                assert without_baseline(one.report) == without_baseline(full.report)
            chains = [(later[0], True), (later[-1], False)]


@some
@given(cases())
def test_a_short_report_lists_what_it_must_and_counts_the_rest(case: Case) -> None:
    with TemporaryDirectory() as folder:
        full, short = (told(case, Path(folder), "r", everything=all_) for all_ in (True, False))
        assert without_baseline(short.report) == without_baseline(full.report)
        assert {one.uid for one in full.findings if one.listed} <= {one.uid for one in short.findings}
        assert {one.encoded() for one in short.findings} <= {one.encoded() for one in full.findings}
        side = AssessedSide.of(ReportFile(short.path).head)
        listed = {one.uid for one in short.findings}
        for one in full.findings:
            assert one.uid in listed or side.proves_absence(one)
        assert text(short.report) == text(full.report)
        for made in (full, short):
            file = ReportFile(made.path)
            assert text(Report(saved_head(file), file)) == text(made.report)


@some
@given(cases())
def test_the_rows_tell_passed_not_applicable_and_not_looked_at_apart(case: Case) -> None:
    """Every verdict of the full report is counted in its row, by rule and outcome, and nothing else is."""
    with TemporaryDirectory() as folder:
        full, short = (told(case, Path(folder), "r", everything=all_) for all_ in (True, False))
        expected: dict[tuple[Any, ...], int] = {}
        for one in full.findings:
            if one.rule is not None:
                key = (
                    one.control,
                    one.scope,
                    one.owner,
                    one.party,
                    one.ownership,
                    one.rule,
                    one.verdict,
                )
                expected[key] = expected.get(key, 0) + 1
        assert dict(_counted(short)) == expected


def _counted(made: Told) -> Iterator[tuple[tuple[Any, ...], int]]:
    for row in ReportFile(made.path).head["coverage"]:
        for rule, outcomes in row["rules"].items():
            for outcome, number in outcomes.items():
                place = (row["control"], row["scope"], row["owner"], row["party"], row["ownership"])
                yield (*place, rule, outcome), number


def test_a_kind_that_was_listed_only_in_part_lists_its_passes() -> None:
    """Otherwise a finding that passes now could not be told from one that is not seen any more."""
    whole = Case((account(), bucket("b")), (), frozenset(), None)
    part = replace(whole, blind=((account().scope, "bucket", None, DENIED),))
    with TemporaryDirectory() as folder:
        for case, listed in ((whole, False), (part, True)):
            made = told(case, Path(folder), "r", everything=False)
            found = [one for one in made.findings if one.verdict == "pass" and one.resource is not None]
            assert any(one.resource is not None and one.resource.name == "b" for one in found) == listed


def test_a_pass_that_the_gate_stops_is_listed_and_counted() -> None:
    case = Case((account(), bucket("b")), (), frozenset(), None)
    for everything in (True, False):
        request = replace(requested(terms=Terms(parse_fail_on("unclaimed:low"))), every_finding=everything)
        assessment = assess(case.inventory, request)
        stopped = [one for one in assessment.coverage.findings if one.at_gate]
        assert {one.evidence for one in stopped} >= {"pass"}
        assert assessment.decision.at_gate == len(stopped)


@pytest.mark.parametrize("regions", [(), ("eu-west-1",), ("us-east-1",)])
def test_a_repair_outside_of_the_chosen_regions_is_told_from_what_is_not_seen(
    regions: tuple[str, ...],
) -> None:
    """Listings of buckets are global: what lies in other regions comes along, and is no complete listing."""
    public = bucket("b", public_read=True, public_via=("ACL",))
    with TemporaryDirectory() as folder:
        old, full, short = (
            told(
                Case((account(), one), (), frozenset(), None),
                Path(folder),
                name,
                everything=name == "full",
                regions=regions,
            )
            for name, one in (("old", public), ("full", bucket("b")), ("short", bucket("b")))
        )
        assert story(changes(old, short)) == story(changes(old, full))
        assert {one.kind for one in changes(old, short)} == {"closed"}


MFA = "iam.user-mfa"
TENANT = "00000000-0000-0000-0000-00000000000a"


@pytest.mark.parametrize(("without", "kind"), [(set(), "closed"), ({(TENANT, "user")}, "unseen")])
def test_a_tenant_is_reached_with_its_subscriptions(without: set[tuple[str, str]], kind: str) -> None:
    """It is no target of its own; what was listed there says what its absences prove."""
    tenant = in_scope(TENANT, other(Tenant))
    before = Case((account(), tenant, in_scope(TENANT, other(User), mfa=False)), (), frozenset(), None)
    after = Case((account(), tenant), (), frozenset(without), None)
    with TemporaryDirectory() as folder:
        old, new = (
            told(case, Path(folder), str(number), everything=False, targets=(account().scope,))
            for number, case in enumerate((before, after))
        )
        found = changes(old, new)
        assert {one.kind for one in found if one.finding.rule == MFA} == {kind}
        assert not any(
            one.verdict == "pass" and one.scope == TENANT and one.resource and one.resource.kind == "tenant"
            for one in new.findings
        )
