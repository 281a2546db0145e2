"""Resolution with unread tags or path: the worst possible outcome, and no worse."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ownership.build import CONTROL, DENIED, resolver, target

FALLBACK = {"controls": "data", "accountable": "product"}


def line(team: str, controls: str = "data", **where: Any) -> dict[str, Any]:
    return {"controls": controls, "where": where, "accountable": team}


PROD, WEB = {"env": "prod"}, {"team": "web"}

CASES: dict[str, tuple[list[dict[str, Any]], dict[str, Any], tuple[str, str | None, bool]]] = {
    "another team could own it: the certain owner is named": (
        [FALLBACK, line("payments", tags=PROD)],
        {"tags": DENIED},
        ("owned", "product", True),
    ),
    "the same team would own it anyway": (
        [FALLBACK, line("web", tags=PROD)],
        {"tags": DENIED},
        ("owned", "product", False),
    ),
    "a more specific line certainly fits": (
        [line("platform", controls=CONTROL, provider="aws"), line("payments", tags=PROD)],
        {"tags": DENIED},
        ("owned", "platform", False),
    ),
    "nobody could own it": (
        [FALLBACK, line("gone", tags=PROD)],
        {"tags": DENIED},
        ("nobody", None, True),
    ),
    "two teams could own it at once": (
        [FALLBACK, line("payments", tags=PROD), line("platform", tags=WEB)],
        {"tags": DENIED},
        ("contested", None, True),
    ),
    "two teams could own it, but never at once": (
        [FALLBACK, line("payments", tags=PROD), line("platform", tags={"env": "dev"})],
        {"tags": DENIED},
        ("owned", "product", True),
    ),
    "without a fallback it could have no owner": (
        [line("payments", tags=PROD)],
        {"tags": DENIED},
        ("nobody", None, True),
    ),
    "one of two paths could fit, or neither": (
        [line("platform", path="/Root/Workloads"), line("payments", path="/Root/Sandbox")],
        {"path": DENIED},
        ("nobody", None, True),
    ),
    "a tie that a tag decides": (
        [line("platform", kind="bucket", tags=PROD), line("payments", kind="bucket", tags=WEB)],
        {"tags": DENIED, "path": None},
        ("contested", None, True),
    ),
    "a line that cannot fit without a more specific one fitting too": (
        [FALLBACK, line("payments", controls=CONTROL, path="/Root"), line("gone", path="/Root/A")],
        {"path": DENIED},
        ("owned", "product", True),
    ),
    "a line that can fit without the more specific one": (
        [FALLBACK, line("payments", controls=CONTROL, path="/Root/A"), line("gone", path="/Root/C")],
        {"path": DENIED},
        ("nobody", None, True),
    ),
    "the same with tags": (
        [FALLBACK, line("payments", controls=CONTROL, tags=PROD), line("gone", tags={**PROD, **WEB})],
        {"tags": DENIED},
        ("owned", "product", True),
    ),
    "with tags, without the more specific one": (
        [FALLBACK, line("payments", controls=CONTROL, tags={**PROD, **WEB}), line("gone", tags=PROD)],
        {"tags": DENIED},
        ("nobody", None, True),
    ),
    "a line that may be overridden is not certain": (
        [
            FALLBACK,
            {**line("payments", controls=CONTROL, kind="bucket"), "id": "special"},
            {**line("gone", tags=PROD), "overrides": ["special"]},
        ],
        {"tags": DENIED},
        ("nobody", None, True),
    ),
    "a more specific line that may be overridden does not rule out the others": (
        [
            FALLBACK,
            {**line("payments", controls=CONTROL, path="/Root/A"), "id": "special"},
            {**line("gone", path="/Root/A/B"), "overrides": ["special"]},
        ],
        {"path": DENIED},
        ("nobody", None, True),
    ),
    "lines that cannot fit here change nothing": (
        [FALLBACK, line("gone", tags=PROD, kind="volume"), line("gone", path="/Root/A", account="9")],
        {"tags": DENIED, "path": DENIED},
        ("owned", "product", False),
    ),
    "it could be misattributed": (
        [FALLBACK, {**line("payments", controls=CONTROL, tags=PROD), "claim": "provider"}],
        {"tags": DENIED},
        ("misattributed", "payments", True),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_worst_possible_outcome_holds(name: str) -> None:
    lines, hidden, (status, owner, uncertain) = CASES[name]
    for order in (lines, lines[::-1]):
        found = resolver(*order).resolve(CONTROL, target(**hidden))
        assert (found.status, found.owner) == (status, owner)
        assert ("owner_uncertain" in found.flags) == uncertain


def test_a_possible_misattribution_is_not_a_finding() -> None:
    claim = {**line("payments", controls=CONTROL, tags=PROD), "claim": "provider"}
    answers = resolver(FALLBACK, claim)
    assert answers.resolve(CONTROL, target(tags=DENIED)).status == "misattributed"
    assert [defect for defect in answers.defects() if defect.code == "misattributed"] == []
    answers.resolve(CONTROL, target(tags=PROD))
    assert [defect.code for defect in answers.defects()] == ["misattributed"]
