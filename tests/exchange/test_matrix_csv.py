"""The matrix as CSV: lossless, and safe from CSV injection."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.assess.coverage_rows import CoverageRow
from scanner.exchange import matrix_csv
from scanner.exchange.cells import escaped, unescaped
from scanner.exchange.columns import parse_columns
from scanner.exchange.draft import render as render_draft
from scanner.exchange.matrix import By, matrix
from scanner.exchange.owner_rows import draft_of
from scanner.exchange.table import find, read_tables
from scanner.ownership.file.load import load_ownership
from scanner.ownership.resolve.resolver import Resolver
from scanner.ownership.resolve.selection import OwnershipTarget
from tests.exchange.heads import ACCOUNT, ENCRYPTION, OTHER, catalogue, head, row

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
NOW = datetime(2026, 11, 22, 6, tzinfo=UTC)


def written(rows: list[CoverageRow], names: dict[str, str] | None = None, by: By = "scope") -> str:
    out = io.StringIO(newline="")
    matrix_csv.render(matrix(head(rows, names), by), out)
    return out.getvalue()


@given(TEXT)
def test_an_escaped_cell_is_no_formula_and_is_restored(cell: str) -> None:
    assert not escaped(cell).lstrip().startswith(("=", "+", "-", "@"))
    assert not escaped(cell).startswith(("\t", "\r", "\n"))
    assert unescaped(escaped(cell)) == cell


@pytest.mark.parametrize(
    "cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", "'=1", '=HYPERLINK("x")']
)
def test_what_a_spreadsheet_would_run_gets_an_apostrophe(cell: str) -> None:
    assert escaped(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["payments", "111122223333", "a=b", "o'neil", ""])
def test_other_cells_stay_as_they_are(cell: str) -> None:
    assert escaped(cell) == cell


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(TEXT.filter(str.strip), TEXT.filter(str.strip)), min_size=1, max_size=5))
def test_every_cell_survives_the_file(named: list[tuple[str, str]]) -> None:
    rows = [row(owner=owner, scope=f"{n:012}") for n, (owner, _) in enumerate(named)]
    names = {f"{n:012}": name for n, (_, name) in enumerate(named)}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "matrix.csv"
        path.write_text(written(rows, names), encoding="utf-8", newline="")
        (sheet,) = read_tables(path)
    header, *found = (dict(zip(matrix_csv.HEADER, line.cells, strict=True)) for line in sheet.rows)
    assert list(header.values()) == list(matrix_csv.HEADER)
    assert [(one["scope"], one["owner"], one["scope_name"]) for one in found] == [
        (one.scope, one.owner, names[one.scope]) for one in rows
    ]


def test_only_owners_are_in_the_column_of_owners() -> None:
    rows = [
        row(),
        row(owner="to-ask", ownership="nobody", state="unclaimed"),
        row(owner="wrong", ownership="misattributed", state="misattributed"),
    ]
    lines = list(csv.DictReader(io.StringIO(written(rows))))
    assert sorted((line["owner"], line["named"]) for line in lines) == [
        ("", "to-ask"),
        ("", "wrong"),
        ("payments", ""),
    ]


def test_by_team_the_lines_of_a_team_stand_together() -> None:
    rows = [
        row(control=control, scope=scope, owner=owner)
        for control in (ENCRYPTION, "data.no-public-exposure")
        for scope, owner in ((ACCOUNT, "b"), (OTHER, "a"))
    ]
    owners = [line["owner"] for line in csv.DictReader(io.StringIO(written(rows, by="team")))]
    assert owners == ["a", "a", "b", "b"]


NAMES = st.text(
    st.characters(codec="utf-8", categories=("L", "N", "P", "S"), exclude_characters=";"),
    min_size=1,
    max_size=30,
)


@settings(deadline=None, max_examples=40)
@given(
    st.dictionaries(
        st.tuples(
            st.sampled_from(sorted(catalogue().controls)),
            st.sampled_from(
                (("aws", ACCOUNT), ("aws", OTHER), ("azure", "0b1f6471-1bf0-4dda-aec3-111122223333"))
            ),
        ),
        NAMES,
        min_size=1,
        max_size=12,
    )
)
def test_an_imported_matrix_has_the_same_owners(owners: dict[tuple[str, tuple[str, str]], str]) -> None:
    spelled = {name.lower(): name for name in owners.values()}
    rows = [
        row(control=control, provider=provider, scope=scope, owner=spelled[owner.lower()])
        for (control, (provider, scope)), owner in owners.items()
    ]
    rows.append(row(scope="999999999999", owner=None, ownership="nobody", state="unowned", evidence="fail"))
    columns = parse_columns(["control=control,owner=owner,where.provider=provider,where.account=scope"])
    with TemporaryDirectory() as folder:
        path = Path(folder) / "matrix.csv"
        path.write_text(written(rows), encoding="utf-8", newline="")
        draft = draft_of(find(read_tables(path), columns, path), catalogue(), "matrix.csv")
        (Path(folder) / "ownership.yaml").write_text(render_draft(draft), encoding="utf-8")
        file = load_ownership(Path(folder) / "ownership.yaml", catalogue())
    assert [problem.message for problem in draft.left_out] == ["names no owner"]
    assert draft.warnings == ()
    resolver = Resolver(file, catalogue(), NOW)
    for one in rows:
        place = OwnershipTarget(
            provider=one.provider,
            scope=one.scope,
            path=None,
            region=None,
            service=None,
            kind="account",
            tags={},
            account_tags={},
            resource_id=None,
            name=None,
        )
        found = resolver.resolve(one.control, place, "customer")
        assert (found.status, found.owner) == (one.ownership, one.owner)
