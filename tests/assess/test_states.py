"""The table of the design, written out by hand and compared cell by cell."""

from __future__ import annotations

import itertools

import pytest

from scanner.assess.states import (
    EVIDENCE_ORDER,
    EXCEPTION_UNNEEDED,
    EXCEPTION_WITHOUT_OWNER,
    NOT_APPLICABLE_CONTRADICTED,
    PROMOTED,
    Claim,
    Evidence,
    State,
    standing,
    state_of,
    states_markdown,
    table,
    worst,
)

COLUMNS: tuple[Evidence, ...] = ("fail", "missing", "unknown", "unassessed", "pass", "n/a")

CUSTOMERS: dict[tuple[str, bool], str] = {
    ("owned", False): "failing unattested unknown unassessed covered not_applicable",
    ("nobody", False): "unowned unowned unknown unclaimed unclaimed not_applicable",
    ("contested", False): "contested contested unknown contested contested not_applicable",
    (
        "misattributed",
        False,
    ): "misattributed misattributed unknown misattributed misattributed not_applicable",
    ("owned", True): "accepted accepted unknown unassessed covered not_applicable",
    ("nobody", True): "accepted accepted unknown unclaimed unclaimed not_applicable",
    ("contested", True): "contested contested unknown contested contested not_applicable",
    ("misattributed", True): "misattributed misattributed unknown misattributed misattributed not_applicable",
}
FLAGS: dict[tuple[str, bool, str], set[str]] = {
    ("owned", True, "pass"): {EXCEPTION_UNNEEDED},
    ("nobody", True, "fail"): {EXCEPTION_WITHOUT_OWNER},
    ("nobody", True, "missing"): {EXCEPTION_WITHOUT_OWNER},
}
# Declared not applicable: None stands for "as the owners line".
DECLARED: tuple[State | None, ...] = (None, "not_applicable", None, "not_applicable", None, "not_applicable")
DECLARED_FLAGGED = {"fail", "pass"}
# The provider's, by (certificate, a rule could make it the customer's): None is "the customer's".
PROVIDERS: dict[tuple[bool, bool], tuple[State | None, ...]] = {
    (True, False): (None, "inherited", "inherited", "inherited", "inherited", "not_applicable"),
    (True, True): (None, "inherited", "unknown", "inherited", "inherited", "not_applicable"),
    (False, False): (None, "assumed", "assumed", "assumed", "assumed", "not_applicable"),
    (False, True): (None, "assumed", "unknown", "assumed", "assumed", "not_applicable"),
}
STATUSES = ("owned", "nobody", "contested", "misattributed")


@pytest.mark.parametrize("evidence", COLUMNS)
@pytest.mark.parametrize("exception", [False, True])
@pytest.mark.parametrize("ownership", STATUSES)
def test_the_customers_rows(ownership: str, exception: bool, evidence: Evidence) -> None:
    found = state_of(Claim(ownership=ownership, exception_in_force=exception), evidence)
    assert found.state == CUSTOMERS[ownership, exception].split()[COLUMNS.index(evidence)]
    assert found.flags == FLAGS.get((ownership, exception, evidence), set())


@pytest.mark.parametrize("evidence", COLUMNS)
@pytest.mark.parametrize("exception", [False, True])
@pytest.mark.parametrize("ownership", STATUSES)
def test_declared_not_applicable(ownership: str, exception: bool, evidence: Evidence) -> None:
    claim = Claim(ownership=ownership, exception_in_force=exception, declared_not_applicable=True)
    found = state_of(claim, evidence)
    owners_line = CUSTOMERS[ownership, exception].split()[COLUMNS.index(evidence)]
    assert found.state == (DECLARED[COLUMNS.index(evidence)] or owners_line)
    assert (NOT_APPLICABLE_CONTRADICTED in found.flags) == (evidence in DECLARED_FLAGGED)


@pytest.mark.parametrize("evidence", COLUMNS)
@pytest.mark.parametrize(("certificate", "rule"), list(PROVIDERS))
@pytest.mark.parametrize(
    ("ownership", "exception", "declared"), list(itertools.product(STATUSES, (False, True), (False, True)))
)
def test_the_providers_rows(
    certificate: bool, rule: bool, ownership: str, exception: bool, declared: bool, evidence: Evidence
) -> None:
    claim = Claim(
        ownership=ownership,
        exception_in_force=exception,
        declared_not_applicable=declared,
        party="provider",
        certificate_in_date=certificate,
        may_become_customers=rule,
    )
    found = state_of(claim, evidence)
    own = PROVIDERS[certificate, rule][COLUMNS.index(evidence)]
    if own is not None:
        assert found.state == own
        assert found.flags == set()
    else:
        assert found.state == CUSTOMERS[ownership, exception].split()[COLUMNS.index(evidence)]
        assert PROMOTED in found.flags


STANDING = {
    "gap": {"unowned", "failing", "unattested"},
    "watch": {"unknown", "unclaimed", "unassessed", "assumed"},
    "fine": {"covered", "inherited", "accepted", "not_applicable"},
}


def test_gaps_watch_and_fine() -> None:
    for expected, states in STANDING.items():
        for state, evidence in itertools.product(states, COLUMNS):
            assert standing(state, evidence) == expected
    for state, evidence in itertools.product(("misattributed", "contested"), COLUMNS):
        assert standing(state, evidence) == ("gap" if evidence in ("fail", "missing") else "watch")


def test_the_worst_evidence_counts_in_any_order() -> None:
    assert EVIDENCE_ORDER == COLUMNS
    for one, other in itertools.product(COLUMNS, COLUMNS):
        assert worst([one, other]) == COLUMNS[min(COLUMNS.index(one), COLUMNS.index(other))]
    with pytest.raises(ValueError):
        worst([])


def test_the_printed_table_matches_the_states() -> None:
    lines = states_markdown().splitlines()
    assert lines[0].count("|") == lines[1].count("|") == len(COLUMNS) + 2
    assert len(lines) == 2 + len(table())
    printed = {
        line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:-1]] for line in lines[2:]
    }
    assert printed["nobody"] == CUSTOMERS["nobody", False].split()
    assert printed["owned, exception in force"][4] == f"covered (flag `{EXCEPTION_UNNEEDED}`)"
    assert printed["the provider's, no certificate in date"][2] == "assumed"
    assert printed["declared not applicable"][2] == "rows above"
