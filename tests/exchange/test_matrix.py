"""The matrix: worst states, all owners, and layouts that fit."""

from __future__ import annotations

import io
import json
import random

import pytest

from scanner.assess.coverage_rows import CoverageRow
from scanner.exchange import matrix_csv, matrix_json, matrix_text, oscal
from scanner.exchange.matrix import By, IncompleteReport, OwnershipMatrix, matrix
from tests.exchange.heads import ACCOUNT, ENCRYPTION, OTHER, catalogue, head, row

PUBLIC = "data.no-public-exposure"

SEVERAL = (
    row(),
    row(owner="platform", state="failing", evidence="fail", counts={"fail": 1}),
    row(owner="web", ownership="nobody", state="unclaimed"),
    row(control=PUBLIC, scope=OTHER, owner=None, ownership="nobody", state="unowned", evidence="fail"),
    row(
        control="plat.physical-security", owner=None, party="provider", ownership="nobody", state="inherited"
    ),
)


def text(made: OwnershipMatrix) -> str:
    out = io.StringIO()
    matrix_text.render(made, out)
    return out.getvalue()


def document(rows: tuple[CoverageRow, ...], by: By = "scope") -> dict[str, object]:
    out = io.StringIO()
    matrix_json.render(matrix(head(rows), by), out)
    found: dict[str, object] = json.loads(out.getvalue())
    return found


def test_a_cell_has_the_worst_state_and_every_owner() -> None:
    made = matrix(head(SEVERAL))
    (column,) = (column for column in made.columns if column.id == ACCOUNT)
    cell = made.cells[ENCRYPTION, column]
    assert (cell.state, cell.evidence) == ("failing", "fail")
    assert cell.owners == ("payments", "platform"), "the team of a catch-all line owns nothing"
    assert "nobody" in cell.holders


def test_a_control_that_was_not_assessed_has_no_cell() -> None:
    made = matrix(head(SEVERAL))
    assessed = {(control, column.id) for control, column in made.cells}
    assert (PUBLIC, ACCOUNT) not in assessed
    assert (PUBLIC, OTHER) in assessed
    line = next(line for line in text(made).splitlines() if line.startswith(PUBLIC))
    assert " - " in f"{line} "
    assert "- not assessed there" in text(made)


def test_a_report_without_all_rows_is_refused() -> None:
    with pytest.raises(IncompleteReport, match="--states covered"):
        matrix(head(SEVERAL, narrowed=["--states covered"]))


def test_a_table_says_who_and_how() -> None:
    shown = text(matrix(head(SEVERAL)))
    assert "failing · payments, platform, nobody" in shown
    assert "unowned · nobody" in shown
    assert "inherited · aws" in shown


def test_a_table_that_is_too_wide_puts_owners_beneath() -> None:
    rows = [row(scope=f"11112222333{n}", owner=f"a-team-with-a-name-{n}") for n in range(3)]
    shown = text(matrix(head(rows)))
    assert "covered · " not in shown
    assert all(f"a-team-with-a-name-{n}" in shown for n in range(3))
    assert max(map(len, shown.splitlines())) <= 100


@pytest.mark.parametrize("scopes", [1, 2, 3, 7, 40, 2000])
@pytest.mark.parametrize("by", ["scope", "team"])
def test_the_text_fits_a_terminal(scopes: int, by: By) -> None:
    states = [("covered", "pass"), ("failing", "fail"), ("unknown", "unknown"), ("not_applicable", "n/a")]
    rows = [
        row(
            scope=f"{number:012}",
            owner=f"team-{number % 50}",
            state=states[number % 4][0],
            evidence=states[number % 4][1],
        )
        for number in range(scopes)
    ]
    shown = text(matrix(head(rows), by))
    assert max(map(len, shown.splitlines())) <= 100, shown
    if scopes == 2000 and by == "scope":
        assert "500 failing, 500 unknown, 500 covered, 500 not_applicable" in shown
        assert "--format csv" in shown


def test_hostile_names_do_not_reach_the_terminal() -> None:
    shown = text(matrix(head([row(owner="a\x1b[2Jb\nc")], names={ACCOUNT: "x\x9b31m"})))
    assert "\x1b" not in shown
    assert "\x9b" not in shown
    assert "a?[2Jb?c" in shown


def test_by_team_every_team_and_nobody_has_a_column() -> None:
    made = matrix(head(SEVERAL), "team")
    assert [(column.kind, column.id) for column in made.columns] == [
        ("status", "aws"),
        ("status", "nobody"),
        ("team", "payments"),
        ("team", "platform"),
    ]
    shown = text(made)
    assert "failing" in shown
    assert "1 scope" in shown
    assert "(nobody)" in shown


def test_a_team_called_nobody_is_a_team() -> None:
    rows = (row(owner="nobody"), row(owner=None, ownership="nobody", state="unowned", evidence="fail"))
    made = matrix(head(rows), "team")
    assert sorted((column.kind, made.cells[ENCRYPTION, column].state) for column in made.columns) == [
        ("status", "unowned"),
        ("team", "covered"),
    ]


def test_the_json_holds_every_row() -> None:
    found = document(SEVERAL)
    assert found["schema"] == "gapscan.matrix/v1"
    cells = found["cells"]
    assert isinstance(cells, list)
    assert sum(len(cell["rows"]) for cell in cells) == len(SEVERAL)
    assert [(cell["control"], cell["scope"]) for cell in cells] == sorted(
        (cell["control"], cell["scope"]) for cell in cells
    )


@pytest.mark.parametrize("by", ["scope", "team"])
def test_the_order_of_rows_changes_nothing(by: By) -> None:
    shuffled = list(SEVERAL)
    random.Random(7).shuffle(shuffled)
    for render in (matrix_text.render, matrix_json.render, matrix_csv.render):
        one, other = io.StringIO(), io.StringIO()
        render(matrix(head(SEVERAL), by), one)
        render(matrix(head(shuffled), by), other)
        assert one.getvalue() == other.getvalue()
    if by == "scope":
        one, other = io.StringIO(), io.StringIO()
        oscal.render(matrix(head(SEVERAL)), catalogue(), one)
        oscal.render(matrix(head(shuffled)), catalogue(), other)
        assert one.getvalue() == other.getvalue()
