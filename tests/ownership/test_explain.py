# ruff: noqa: E501  (tables read better unbroken)
"""Explanations: which line won, why the others lost, and what would change it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings

from scanner.ownership.explain.trace import Explanation, trace
from scanner.ownership.resolve.selection import OwnershipTarget
from tests.ownership.build import CONTROL, DENIED, catalogue, resolver, target
from tests.ownership.test_laws import CONTROLS, answers_of, files, targets, with_unread_facts

WIDE = {"controls": "data", "accountable": "platform"}


def line(team: str, controls: str = "data", id: str | None = None, **where: Any) -> dict[str, Any]:
    named = {"id": id} if id else {}
    return {**named, "controls": controls, "accountable": team, **({"where": where} if where else {})}


def explained(*lines: dict[str, Any], place: OwnershipTarget | None = None, **sections: Any) -> Explanation:
    return trace(resolver(*lines, **sections), CONTROL, place or target())


def parts(found: Explanation) -> dict[str, str]:
    return {one.accountable or "": one.part for one in found.lines}


def why(found: Explanation, team: str) -> str:
    (line,) = (line for line in found.lines if line.accountable == team)
    return line.why


TAGS, PATH = {"env": "prod"}, "/Root/Workloads"
BEATEN: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "controls": (line("web", CONTROL), line("payments", "data.*"), "an exact control beats a pattern of controls"),
    "domains": (line("web", "data.*"), line("payments"), "a pattern of controls beats a domain"),
    "every control": (line("web"), line("payments", "*", kind="bucket"), "a domain beats every control"),
    "resource": (line("web", resource="pay-*"), line("payments", tags=TAGS), "a pattern of resources beats a tag"),
    "tag": (line("web", tags=TAGS), line("payments", account="111122223333"), "a tag beats an exact account"),
    "account": (line("web", account="1111*"), line("payments", path=PATH), "a pattern of accounts beats a path of 2 steps"),
    "depth": (line("web", path="/Root/Workloads/Prod"), line("payments", path=PATH), "a deeper path beats a shallower one"),
    "path": (line("web", path="/Root"), line("payments", kind="bucket"), "a path beats a kind"),
    "nothing": (line("web", region="eu-central-1"), line("payments"), "a region beats a line without one"),
}  # fmt: skip


@pytest.mark.parametrize("case", BEATEN)
def test_the_explanation_says_why_one_line_beats_another(case: str) -> None:
    winner, loser, reason = BEATEN[case]
    for order in ([winner, loser], [loser, winner]):
        found = explained(*order, place=target(tags=TAGS))
        assert (found.status, found.owner) == ("owned", "product")
        assert parts(found) == {"web": "won", "payments": "lost"}
        assert why(found, "payments").startswith(f"{reason} (ownership.yaml:")
        assert [entry.part for entry in found.lines] == ["won", "lost"]


def test_a_tie_names_the_rival_and_how_to_settle_it() -> None:
    found = explained(line("web", id="a", kind="bucket"), line("payments", id="b", kind="bucket"))
    assert (found.status, parts(found)) == ("contested", {"web": "tied", "payments": "tied"})
    assert "is equally specific and names payments" in why(found, "web")
    assert any("overrides: [a]" in change for change in found.changes)


def test_an_overridden_line_names_the_one_that_overrides_it() -> None:
    above = {**line("web", kind="bucket"), "overrides": ["b"]}
    found = explained(above, line("payments", id="b", kind="bucket"))
    assert parts(found) == {"web": "won", "payments": "overridden"}
    number = next(one.line for one in found.lines if one.accountable == "web")
    assert why(found, "payments") == f"overridden by ownership.yaml:{number}"


def test_a_lapsed_line_wins_and_assigns_no_owner() -> None:
    found = explained(WIDE, line("gone", CONTROL))
    assert (found.status, parts(found)) == ("nobody", {"gone": "lapsed", "platform": "lost"})
    assert any(change.startswith("naming an active team in ownership.yaml:") for change in found.changes)
    assert not any("stays accountable" in ending.what for ending in found.endings)


def test_a_catch_all_is_asked_only() -> None:
    found = explained(line("web", "*"))
    assert (found.status, found.owner, parts(found)) == ("nobody", "product", {"web": "asked only"})


def test_a_misattributed_line_says_so() -> None:
    found = explained({**line("platform", CONTROL), "claim": "provider"})
    assert found.status == "misattributed"
    assert "assigns the customer's obligation to the provider" in why(found, "platform")
    assert any("claim: customer" in change for change in found.changes)


@pytest.mark.parametrize(
    ("where", "hidden", "settles"),
    [
        ({"tags": TAGS}, {"tags": DENIED}, "reading the tags (s3:GetBucketTagging)"),
        ({"path": "/Root/A"}, {"path": DENIED}, "reading the path (s3:GetBucketTagging)"),
    ],
)
def test_a_line_that_may_win_names_the_call_that_failed(
    where: dict[str, Any], hidden: dict[str, Any], settles: str
) -> None:
    found = explained(WIDE, line("payments", **where), place=target(**hidden))
    assert "owner_uncertain" in found.flags
    assert parts(found) == {"payments": "may win", "platform": "won"}
    assert "could not be read (s3:GetBucketTagging denied)" in why(found, "payments")
    assert settles in found.changes


def test_waivers_say_why_they_are_in_force_or_not() -> None:
    base = {"controls": CONTROL, "owner": "web", "approver": "platform", "reason": "r", "ticket": "T-1"}
    here = {**base, "where": {"kind": "bucket"}}
    found = explained(
        WIDE,
        exceptions=[
            {**here, "id": "EX-1", "expires": "2026-11-01"},
            {**here, "id": "EX-2", "owner": "gone", "expires": "2027-01-31"},
            {**here, "id": "EX-3", "expires": "2027-01-31"},
            {**here, "id": "EX-4", "expires": "2027-01-31", "where": {"kind": "volume"}},
        ],
        not_applicable=[{**here, "id": "NA-1", "expires": "2026-12-31", "where": {"provider": "aws"}}],
    )
    reasons = {waiver.id: (waiver.in_force, waiver.why) for waiver in found.excuses}
    assert reasons == {
        "EX-1": (False, "not in force: expired on 2026-11-01"),
        "EX-2": (False, "not in force: its owner gone is disbanded"),
        "EX-3": (True, "in force until 2027-01-31; approved by platform (T-1)"),
        "NA-1": (True, "in force until 2026-12-31; approved by platform (T-1)"),
    }
    assert (found.exception, found.not_applicable) == ("EX-3", "NA-1")
    days = {str(ending.day): ending.what for ending in found.endings}
    assert days["2026-12-31"] == "declaration NA-1 ends"
    assert days["2027-01-31"] == "exception EX-3 ends"


@pytest.mark.parametrize(
    ("lines", "tags", "used", "team", "reason"),
    [
        ([WIDE], {"team": "web"}, False, "product", "a line of the file beats a tag or a catalog"),
        ([WIDE], {"team": "platform"}, False, "platform", "it agrees with the file"),
        ([], {"team": "web"}, True, "product", "no line of the file assigns an owner, so it decides"),
        ([], {"team": "alice"}, False, None, "it names no active team, so there is no owner"),
        ([], {}, False, None, "no tag or catalog names an owner"),
        ([], DENIED, False, None, "unread tags may name a team"),
    ],
)
def test_tags_say_why_they_decide_or_not(
    lines: list[dict[str, Any]], tags: Any, used: bool, team: str | None, reason: str
) -> None:
    found = explained(*lines, place=target(tags=tags)).inference
    assert found is not None
    assert (found.used, found.team, found.why) == (used, team, reason)


def test_no_tag_is_used_for_other_domains() -> None:
    answers = resolver(WIDE)
    assert trace(answers, "log.reviewed", target(tags={"team": "web"})).inference is None


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ({"tags": TAGS}, "it applies to tag env=prod, and this has no env"),
        ({"tags": {"team": "pay"}}, "it applies to tag team=pay, and this has team=Web"),
        (
            {"path": "/Root/Sandbox"},
            "it applies to the path /root/sandbox, and this is in /Root/Workloads/Prod",
        ),
        ({"account": "222"}, "it applies to account 222, and this is in 111122223333"),
        ({"account": "2*"}, "it applies to a pattern (account 2*), and this is in 111122223333"),
        ({"kind": "volume"}, "it applies to kind volume, and this is bucket"),
        ({"resource": "other"}, "it applies to resource other, and this is pay-receipts"),
    ],
)
def test_near_misses_name_the_failing_condition(where: dict[str, Any], reason: str) -> None:
    place = target(tags={"team": "Web"})
    found = explained(line("payments", **where), place=place, settings={"inferred": []})
    assert [(miss.accountable, miss.why) for miss in found.misses] == [("payments", reason)]
    far = {**where, "provider": "gcp"}
    assert explained(line("payments", **far), place=place).misses == ()


def test_upcoming_changes_are_listed_soonest_first() -> None:
    managed = {"party": "acme", "type": "managed_service", "covers": ["data"], "expires": "2027-01-31"}
    leaving = {"status": "disbanded", "disbanded_on": "2026-12-24"}
    found = explained(
        {**line("ops"), "claim": "third_party", "contract": "msp", "reviewed": "2026-11-01"},
        teams={"ops": leaving, "platform": {}},
        contracts={"msp": managed},
    )
    assert (found.status, found.contract) == ("owned", "msp")
    assert [str(ending.day) for ending in found.endings] == ["2026-12-24", "2027-01-31", "2027-05-30"]
    assert found.endings[0].what.startswith("the last day of team ops")


ADVISED: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
    "a line for data.encryption-at-rest, everywhere or with `where: {account: '111122223333'}`": ([], WIDE),
    "a line that names data.encryption-at-rest exactly, wherever it matches": ([WIDE], line("web", CONTROL)),
    "a line for data.encryption-at-rest by tag or resource": (
        [line("platform", CONTROL, account="111122223333")],
        line("web", CONTROL, tags=TAGS),
    ),
    "a line for data.encryption-at-rest and this exact resource": (
        [line("platform", CONTROL, tags=TAGS)],
        line("web", CONTROL, resource="pay-receipts"),
    ),
    "a line for data.encryption-at-rest and this resource with more conditions (tags, account), or `overrides`": (
        [line("platform", CONTROL, resource="pay-receipts")],
        line("web", CONTROL, resource="pay-receipts", tags=TAGS),
    ),
}


@pytest.mark.parametrize("advice", ADVISED)
def test_a_line_that_follows_the_advice_wins(advice: str) -> None:
    lines, advised = ADVISED[advice]
    place = target(tags=TAGS)
    assert advice in explained(*lines, place=place, settings={"inferred": []}).changes
    found = explained(*lines, advised, place=place, settings={"inferred": []})
    assert found.owner == ("platform" if advised is WIDE else "product")


def test_without_a_file_it_says_so() -> None:
    from scanner.ownership.resolve.resolver import Resolver

    answers = Resolver(None, catalogue(), datetime(2026, 11, 22, tzinfo=UTC))
    found = trace(answers, CONTROL, target())
    assert (found.status, found.lines) == ("nobody", ())
    assert "gapscan ownership init" in found.changes[0]


@settings(max_examples=60)
@given(files(), targets)
def test_an_explanation_agrees_with_the_answer(file: dict[str, Any], place: OwnershipTarget) -> None:
    answers = answers_of(file)
    for where in (place, *with_unread_facts(place)):
        for control in CONTROLS:
            answer, found = answers.resolve(control, where), trace(answers, control, where)
            assert (found.status, found.owner, found.source) == (answer.status, answer.owner, answer.source)
            assert set(found.flags) == answer.flags
            assert found.exception in {None, *(waiver.id for waiver in found.excuses if waiver.in_force)}
            deciding = {line.part for line in found.lines} & {"won", "tied", "lapsed"}
            if "owner_uncertain" in answer.flags:
                continue
            if answer.specificity == "inferred":
                assert found.inference is not None
                assert found.inference.used
                assert not deciding
            elif answer.status in ("owned", "misattributed"):
                assert deciding - {"lapsed"} == {"won"}
            elif answer.status == "contested":
                assert "tied" in deciding
