"""A guess owns nothing: proposals change no owner, no state and no gate until they are accepted."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from scanner.assess.assessment import assess
from scanner.assess.reduce import Assessment
from scanner.explain.owner import lines as owner_lines
from scanner.ownership.explain.trace import trace
from scanner.ownership.file.draft import draft
from scanner.ownership.resolve.resolver import Resolver
from scanner.report.formats import text as text_report
from tests.command_line import gapscan
from tests.estate import (
    ACCOUNT,
    CATALOGUE,
    NOW,
    MemoryCloud,
    account,
    at_gate,
    bucket,
    inventory_of,
    region,
    requested,
)
from tests.ownership.build import load, resolver, target
from tests.report.test_report import rendered, report

CONTROL = "data.no-public-exposure"
GUESS = "the account's name"
GUESSED = (bucket("a", tags={"owner": "Pay Team"}), bucket("c", tags={"owner": "web"}))
PUBLIC: dict[str, Any] = {"public_read": True, "public_via": ("ACL",)}


@pytest.mark.parametrize("line", [{"controls": ["data"]}, {"controls": [CONTROL]}, {"controls": ["*"]}])
def test_a_proposed_line_owns_nothing(line: dict[str, Any]) -> None:
    proposed = {**line, "accountable": "payments", "proposed": GUESS}
    found = resolver(proposed)
    assert found.resolve(CONTROL, target()).status == "nobody"
    assert found.resolve(CONTROL, target()).owner is None, "not even a contact"
    assert found.proposed(CONTROL, target()) == "payments"
    both = resolver(proposed, {"controls": ["data"], "accountable": "platform"})
    assert both.resolve(CONTROL, target()).owner == "platform"
    assert not [one for one in both.defects() if one.code == "conflict"]


def test_removing_the_mark_accepts_a_line() -> None:
    accepted = resolver({"controls": ["data"], "accountable": "payments"})
    assert accepted.resolve(CONTROL, target()).owner == "payments"


def test_a_proposed_provider_misattributes_nothing_and_overrides_nothing() -> None:
    found = resolver(
        {"id": "own", "controls": [CONTROL], "accountable": "platform"},
        {"controls": [CONTROL], "claim": "provider", "overrides": ["own"], "proposed": GUESS},
    )
    assert found.resolve(CONTROL, target()).owner == "platform"
    assert not found.wrong_claims()


def test_the_most_specific_proposal_is_shown_and_a_tie_is_none() -> None:
    wide = {"controls": ["data"], "accountable": "platform", "proposed": GUESS}
    narrow = {"controls": [CONTROL], "accountable": "payments", "proposed": GUESS}
    assert resolver(wide, narrow).proposed(CONTROL, target()) == "payments"
    other = {**narrow, "accountable": "platform"}
    assert resolver(other, narrow).proposed(CONTROL, target()) is None
    elsewhere = {**narrow, "where": {"account": "444455556666"}}
    assert resolver(elsewhere).proposed(CONTROL, target()) is None


def test_a_tag_with_a_proposed_team_owns_nothing() -> None:
    teams = {"payments": {"proposed": "an owner tag"}, "platform": {}}
    tagged = target(tags={"owner": "payments"})
    found = resolver(teams=teams)
    answer = found.resolve(CONTROL, tagged)
    assert (answer.status, answer.owner) == ("nobody", None)
    assert "unknown_team" in answer.flags
    assert found.proposed(CONTROL, tagged) == "payments"
    line = resolver({"controls": ["data"], "accountable": "payments"}, teams=teams)
    assert line.resolve(CONTROL, target()).status == "nobody"
    assert any("team payments is only proposed" in one.message for one in line.defects())


def test_an_explanation_names_the_proposal() -> None:
    found = resolver({"controls": ["data"], "accountable": "payments", "proposed": GUESS})
    told = "\n".join(owner_lines(trace(found, CONTROL, target())))
    assert "no owner, proposed: payments" in told
    assert "removing `proposed` from the line that is right" in told


def assessed(text: str | None) -> Assessment:
    resources = (
        account(tags={}),
        region(),
        bucket("a", **PUBLIC, tags={"owner": "Pay Team"}),
        bucket("b", **PUBLIC, tags={}),
        bucket("c", tags={"owner": "web"}),
    )
    request = requested()
    if text is not None:
        request = replace(request, ownership=load(text))
    return assess(inventory_of(MemoryCloud(resources)), request)


def test_no_gate_passes_by_guessing() -> None:
    inventory = inventory_of(MemoryCloud((account(tags={}), *GUESSED)))
    domains = [domain for domain in CATALOGUE.domains if domain != "plat"]
    text = draft(inventory, domains, date(2026, 11, 22))
    without, drafted = assessed(None), assessed(text)
    assert at_gate(drafted) == at_gate(without)
    assert drafted.exit == without.exit == 1
    assert drafted.coverage.states == without.coverage.states
    assert {row.state for row in drafted.coverage.rows} == {row.state for row in without.coverage.rows}
    proposed = {one.proposed for one in drafted.coverage.findings if one.control == CONTROL}
    assert {"pay-team", "web"} & proposed
    accepted = assessed(re.sub(r'(, )?proposed: "[^"]*"', "", text))
    assert at_gate(accepted) != at_gate(without)


def test_a_draft_covers_the_directory_and_every_account_with_a_proposal() -> None:
    inventory = inventory_of(MemoryCloud((account(tags={}),)))
    file = load(draft(inventory, ["data", "gov"], date(2026, 11, 22)))
    assert not file.owners
    (line,) = file.proposals
    assert line.text.proposed == "the account's name, as nothing names an owner"
    assert Resolver(file, CATALOGUE, NOW).proposed(CONTROL, target(scope=ACCOUNT)) == "payments-prod"


def test_lint_counts_proposals_and_finds_no_defect_in_them(tmp_path: Path) -> None:
    (tmp_path / "o.yaml").write_text(
        "version: 1\nreviewed: 2026-11-01\nteams: {a: {}, b: {proposed: a tag}}\nowners:\n"
        "- {controls: [data], accountable: a}\n- {controls: [log], accountable: b, proposed: a tag}\n",
        encoding="utf-8",
    )
    done = gapscan("ownership", "lint", "o.yaml", "--now", "2026-11-22", "--fail-on", "low", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "o.yaml:6: low: b is proposed and owns nothing yet: a tag [proposed," in done.stdout
    assert "o.yaml: 1 line, 1 team, 2 proposals to accept: no defects" in done.stdout


def test_the_text_report_says_who_is_proposed_beside_no_owner(tmp_path: Path) -> None:
    path = tmp_path / "ownership.yaml"
    path.write_text(
        "version: 1\nreviewed: 2026-11-01\nteams: {platform: {}}\nowners:\n"
        "- {controls: [data], accountable: platform, proposed: a guess}\n",
        encoding="utf-8",
    )
    text = rendered(text_report, report((account(), region(), bucket("www", **PUBLIC)), path))
    section = text.partition("FAILING, NO OWNER")[2]
    assert "www: publicly readable through ACL (proposed: platform)" in section
    assert "remove `proposed` from the lines that are right" in text
