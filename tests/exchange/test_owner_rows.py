"""Ownership from tables: every row becomes a line or is reported, and nothing is guessed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.catalogue.control import Framework
from scanner.exchange.columns import ColumnsError, parse_columns
from scanner.exchange.draft import Draft, render
from scanner.exchange.owner_rows import draft_of
from scanner.exchange.requirements import Requirements, UnresolvedControl
from scanner.exchange.sheet import Sheet, TableError, TableRow
from scanner.exchange.table import FoundTable, find
from scanner.ownership.file.file import OwnershipFile
from scanner.ownership.resolve.resolver import Resolver
from tests.exchange.heads import catalogue
from tests.ownership.build import NOW, load, target

HEADER = ("control", "owner", "account", "contact", "consulted", "env")
COLUMNS = (
    "control=control,owner=owner,where.account=account,contact=contact,consulted=consulted,where.tags.env=env"
)
ACCOUNT = "111122223333"


def table(*rows: tuple[str, ...]) -> FoundTable:
    lines = tuple(TableRow(number, row) for number, row in enumerate((HEADER, *rows), 1))
    sheet = Sheet("owners.csv", lines)
    return find([sheet], parse_columns([COLUMNS]), Path("owners.csv"))


def draft(*rows: tuple[str, ...]) -> Draft:
    return draft_of(table(*rows), catalogue(), "owners.csv")


def file(made: Draft) -> OwnershipFile:
    """The drafted file, loaded."""
    return load(render(made))


FINE = ("data", "payments", ACCOUNT)


def test_rows_of_one_team_at_one_place_are_one_line() -> None:
    made = draft(
        ("data.encryption-at-rest", "payments", ACCOUNT, "pay@example.com"),
        ("iam", "Payments", ACCOUNT),
        ("log.*", "platform", "", "", "payments; security", "prod; test"),
    )
    assert made.left_out == made.warnings == ()
    found = file(made)
    first, second = (line.text for line in found.owners)
    assert (first.controls, first.accountable) == (("data.encryption-at-rest", "iam"), "payments")
    assert first.where is not None
    assert second.consulted == ("payments", "security")
    assert second.model_dump()["where"]["tags"] == {"env": ("prod", "test")}
    assert {id: team.contact for id, team in found.teams.items()} == {
        "payments": "pay@example.com",
        "platform": None,
        "security": None,
    }
    assert "platform: {}  # add {contact: …}" in render(made)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("data.encryption-at-rst", "payments"), "did you mean data.encryption-at-rest?"),
        (("", "payments"), "names no control"),
        (("data", ""), "names no owner"),
        (("data", "payments; platform"), "names 2 owners (payments; platform): one team is accountable"),
        (("data", "#REF!"), "owner is the spreadsheet error #REF!"),
        (("data", "x" * 101), "owner is longer than 100 characters"),
        (("data", "pay\x1b[31m"), "owner has unprintable characters"),
        (("data", "payments", "1.11122E+11"), "was rounded by a spreadsheet"),
        (("data", "payments", "11122223333"), "has 11 digits, not 12"),
        (("data", "payments", "", "", "", "prod*"), "a tag value cannot contain a pattern"),
        (("data", "payments", "", "", "", "", "more"), "has more cells than the header"),
        (("IAM-99", "payments"), "no control or related requirement is called 'IAM-99'"),
        (("csa_ccm_4:IAM-02", "payments"), "no framework 'csa_ccm_4'; did you mean csa_ccm_4_0?"),
        (("csa_ccm_4_0:IAM-99", "payments"), "no control is related to IAM-99 of csa_ccm_4_0"),
    ],
)
def test_an_unusable_row_is_reported_with_its_number(row: tuple[str, ...], message: str) -> None:
    made = draft(FINE, row)
    (problem,) = made.left_out
    assert str(problem).startswith("owners.csv:3: ")
    assert message in problem.message
    assert f"#   owners.csv:3: {problem.message}" in render(made), "the file says it too"
    assert file(made).owners


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("where.kind", "bukket", "did you mean bucket?"),
        ("where.provider", "awz", "where.provider"),
        ("where.path", "Root/Prod", "expected a path from the root"),
    ],
)
def test_a_place_that_does_not_exist_is_reported(column: str, value: str, message: str) -> None:
    lines = (TableRow(1, ("c", "o", "w")), TableRow(2, ("data", "a", value)), TableRow(3, ("iam", "b", "")))
    columns = parse_columns([f"control=c,owner=o,{column}=w"])
    made = draft_of(find([Sheet("t", lines)], columns, Path("t")), catalogue(), "t")
    (problem,) = made.left_out
    assert message in problem.message


def test_short_project_numbers_are_no_broken_aws_accounts() -> None:
    lines = (TableRow(1, ("c", "o", "p", "a")), TableRow(2, ("data", "a", "GCP", "1234567")))
    columns = parse_columns(["control=c,owner=o,where.provider=p,where.account=a"])
    made = draft_of(find([Sheet("t", lines)], columns, Path("t")), catalogue(), "t")
    assert made.left_out == ()
    assert file(made).owners


def test_conflicting_rows_are_reported_and_none_is_chosen() -> None:
    made = draft(
        ("data.encryption-at-rest", "payments", ACCOUNT),
        ("data.encryption-at-rest", "platform", ACCOUNT),
        ("data", "web", ACCOUNT),
        ("data.encryption-at-rest", "web", "444455556666"),
    )
    (problem,) = made.warnings
    assert problem.line == 3
    assert "data.encryption-at-rest" in problem.message
    assert "payments (row 2) and platform (row 3)" in problem.message
    assert len(file(made).owners) == 4, "all rows are in the file"
    resolver = Resolver(file(made), catalogue(), NOW)
    assert resolver.resolve("data.encryption-at-rest", target()).status == "contested"
    assert resolver.resolve("data.encryption-in-transit", target()).owner == "web"


def test_conflicting_contacts_are_reported() -> None:
    made = draft(("data", "payments", "", "a@example.com"), ("iam", "payments", "", "b@example.com"))
    (problem,) = made.warnings
    assert (problem.line, made.teams) == (3, {"payments": "a@example.com"})
    assert (
        "payments already has the contact a@example.com (row 2): b@example.com is left out" in problem.message
    )


def test_where_no_row_can_be_used_there_is_no_draft() -> None:
    with pytest.raises(TableError, match=r"none of its 2 rows can be used\nowners.csv:2: .*\nowners.csv:3: "):
        draft(("nothing", "payments"), ("data", ""))


def test_requirements_of_other_catalogues_find_the_related_controls() -> None:
    made = draft(("IAM-14", "payments"), ("csa_ccm_4_0:cek-03", "platform"), ("sc-28.1", "web"))
    requirements: tuple[tuple[Framework, str], ...] = (
        ("csa_ccm_4_0", "IAM-14"),
        ("csa_ccm_4_0", "CEK-03"),
        ("nist_800_53r5", "SC-28(1)"),
    )
    expected = [
        sorted(id for id, one in catalogue().controls.items() if ref in one.refs.get(framework, ()))
        for framework, ref in requirements
    ]
    assert all(expected)
    assert [sorted(line.text.controls) for line in file(made).owners] == expected
    assert f"# csa_ccm_4_0:IAM-14 is related to {', '.join(expected[0])}" in render(made)


def test_an_id_that_several_frameworks_have_is_not_guessed() -> None:
    one = catalogue().controls["data.encryption-at-rest"]
    both = one.model_copy(update={"refs": {"cis_controls_8_1": ("3.11",), "pci_dss_4_0": ("3.11",)}})
    of_both = Requirements(replace(catalogue(), controls={both.id: both}))
    with pytest.raises(UnresolvedControl, match=r"write cis_controls_8_1:3\.11 or pci_dss_4_0:3\.11"):
        of_both.resolve("3.11")
    assert of_both.resolve("pci_dss_4_0:3.11").selectors == (both.id,)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("control=a", "name the columns owner=…"),
        ("control", "expected FIELD=HEADER"),
        ("control=a,owner=b,wher.account=c", "no field 'wher.account'; did you mean where.account?"),
        ("control=a,owner=b,owner=c", "owner is given twice"),
        ("control=a,owner=b,where.tags.=c", "no field 'where.tags.'"),
    ],
)
def test_a_wrong_mapping_is_reported(option: str, message: str) -> None:
    with pytest.raises(ColumnsError) as refused:
        parse_columns([option])
    assert message in str(refused.value)


CELL = st.one_of(
    st.sampled_from(["data", "iam", "*", "data.*", "IAM-02", "payments", "platform", "on", "1", ACCOUNT, ""]),
    st.text(max_size=12),
)


@settings(deadline=None, max_examples=150)
@given(st.lists(st.tuples(*[CELL] * len(HEADER)), min_size=1, max_size=6))
def test_whatever_the_cells_hold_the_file_loads_and_no_row_is_lost(rows: list[tuple[str, ...]]) -> None:
    made = draft(FINE, *rows)
    assert len(file(made).owners) == made.lines
    left_out = {problem.line for problem in made.left_out}
    used = {
        int(number)
        for entry in made.entries
        for number in entry.comments[0].removeprefix("rows ").removeprefix("row ").split(", ")
    }
    assert left_out | used == set(range(2, len(rows) + 3))
    assert not left_out & used
