"""Tables from files, also hostile ones: read as text, or refused with one message."""

from __future__ import annotations

import zipfile
from datetime import date
from pathlib import Path

import pytest

from scanner.exchange import table
from scanner.exchange import workbook as workbooks
from scanner.exchange.sheet import TableError
from scanner.exchange.table import find, read_tables
from tests.exchange.workbooks import workbook

SHEET = "xl/worksheets/sheet1.xml"


def csv_file(folder: Path, text: str | bytes) -> Path:
    path = folder / "owners.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def rows(path: Path) -> list[tuple[int, tuple[str, ...]]]:
    (sheet,) = read_tables(path)
    return [(row.number, row.cells) for row in sheet.rows]


def replaced(path: Path, part: str, content: bytes) -> Path:
    """The workbook with the content of one part replaced."""
    with zipfile.ZipFile(path) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name, was in {**parts, part: b""}.items():
            new.writestr(name, content if name == part else was)
    return path


def test_rows_have_the_lines_of_the_file(tmp_path: Path) -> None:
    path = csv_file(tmp_path, 'a,b\r\n\r\n"1\n1",2\r\n3,4\r\n')
    assert rows(path) == [(1, ("a", "b")), (3, ("1\n1", "2")), (5, ("3", "4"))]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_separator_is_found(separator: str, tmp_path: Path) -> None:
    path = csv_file(tmp_path, f'control{separator}owner\n"a, b; c"{separator}d\n')
    assert rows(path)[1] == (2, ("a, b; c", "d"))


def test_a_byte_order_mark_is_no_part_of_the_header(tmp_path: Path) -> None:
    assert rows(csv_file(tmp_path, b"\xef\xbb\xbfcontrol,owner\n"))[0][1][0] == "control"


def test_the_header_may_stand_below_a_title(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "Who owns what,\n\nControl  ID,OWNER\na,b\n")
    found = find(read_tables(path), {"control": "control id", "owner": "Owner", "third": "#3"}, path)
    assert [row.number for row in found.rows] == [4]
    assert found.places == {"control": 0, "owner": 1, "third": 2}


@pytest.mark.parametrize(
    ("header", "columns", "message"),
    [
        ("control,team", {"owner": "Team name"}, r"no table has the columns 'Team name'.*control, team"),
        ("control,owner team", {"owner": "owner-team"}, "did you mean owner team"),
        ("owner,Owner", {"owner": "owner"}, "appears 2 times: write #1 or #2"),
        ("owner", {"owner": "#0"}, "expected #1 to #256"),
        ("owner", {"owner": "#x"}, "expected #1 to #256"),
        ("", {"owner": "owner"}, "is empty"),
    ],
)
def test_missing_columns_are_reported(
    header: str, columns: dict[str, str], message: str, tmp_path: Path
) -> None:
    path = csv_file(tmp_path, f"{header}\n")
    with pytest.raises(TableError, match=message):
        find(read_tables(path), columns, path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"control,owner\n\xff\xfe,b\n", "is neither UTF-8 text .byte 14. nor"),
        ("control,owner\na,b".encode("utf-16"), "is neither UTF-8 text"),
        (b'control,owner\na,"b\n', r"owners\.csv:2: is not valid CSV"),
        (b'control,owner\n"a"b,c\n', r"owners\.csv:2: is not valid CSV"),
        (b"control,owner\n" + b"a" * 200_000 + b",b\n", r"owners\.csv:2: is not valid CSV: field larger"),
        (b"a," * 300 + b"b\n", r"owners\.csv:1: has more than 256 columns"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 512, "old or encrypted workbook"),
        (b"PK\x03\x04 and no more", r"is not a valid \.xlsx workbook"),
    ],
)
def test_what_is_no_table_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    path = csv_file(tmp_path, content)
    with pytest.raises(TableError, match=message) as refused:
        read_tables(path)
    assert len(str(refused.value).splitlines()) == 1


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="cannot be read"):
        read_tables(tmp_path)
    with pytest.raises(TableError, match=r"absent\.csv: cannot be read: No such file"):
        read_tables(tmp_path / "absent.csv")


def test_a_file_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "MAX_BYTES", 1_000_000)
    with pytest.raises(TableError, match="larger than 1 MB"):
        read_tables(csv_file(tmp_path, b"a,b\n" * 300_000))


def test_too_many_rows_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "MAX_ROWS", 10)
    monkeypatch.setattr(workbooks, "MAX_ROWS", 10)
    with pytest.raises(TableError, match=r"owners\.csv:11: has more than 10 rows"):
        read_tables(csv_file(tmp_path, "a,b\n" * 11))
    with pytest.raises(TableError, match=r"it\.xlsx:11: has more than 10 rows"):
        read_tables(workbook(tmp_path / "it.xlsx", One=[("a", "b")] * 11))


def test_a_workbook_is_text_with_row_numbers(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "it.xlsx",
        One=[
            ("account", "n"),
            (),
            (111122223333, 1.5),
            (111122223333.0, True, None),
            (date(2026, 11, 22), None),
        ],
    )
    assert rows(path) == [
        (1, ("account", "n")),
        (3, ("111122223333", "1.5")),
        (4, ("111122223333", "True")),
        (5, ("2026-11-22T00:00:00",)),
    ]


def test_formulas_are_never_run(tmp_path: Path) -> None:
    path = workbook(tmp_path / "it.xlsx", One=[("owner",), ("=1+1",), ("platform",)])
    assert rows(path) == [(1, ("owner",)), (3, ("platform",))], "a formula without a stored value is empty"
    with zipfile.ZipFile(path) as archive:
        sheet = archive.read(SHEET)
    assert b"<v />" in sheet or b"<v/>" in sheet or b"<v></v>" in sheet
    stored = (
        sheet.replace(b"<v />", b"<v>2</v>").replace(b"<v/>", b"<v>2</v>").replace(b"<v></v>", b"<v>2</v>")
    )
    assert rows(replaced(path, SHEET, stored))[1] == (2, ("2",))


def test_a_table_is_found_in_any_sheet(tmp_path: Path) -> None:
    path = workbook(tmp_path / "it.xlsx", Intro=[("hello",)], Owners=[("control", "owner"), ("a", "b")])
    found = find(read_tables(path), {"control": "control", "owner": "owner"}, path)
    assert found.sheet.file == f"{path}:Owners"


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = workbook(tmp_path / "it.xlsx", One=[("a",)])
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive, archive.open("xl/big.xml", "w") as part:
        for _ in range(201):
            part.write(b" " * 1_000_000)
    assert path.stat().st_size < 1_000_000
    with pytest.raises(TableError, match="unpacks to more than 200 MB"):
        read_tables(path)


def test_a_part_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    path = workbook(tmp_path / "it.xlsx", One=[("a" * 5_000,)])
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            size = info.file_size.to_bytes(4, "little")
            # The size in the local header and in the directory of the archive.
            for place in (i for i in range(len(content)) if content[i : i + 4] == size):
                content[place : place + 4] = (1).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(TableError, match="is not a valid"):
        read_tables(path)


def test_too_many_parts_are_refused(tmp_path: Path) -> None:
    path = workbook(tmp_path / "it.xlsx", One=[("a",)])
    with zipfile.ZipFile(path, "a") as archive:
        for number in range(2_001):
            archive.writestr(f"xl/{number}.xml", b"")
    with pytest.raises(TableError, match="more than 2,000 parts"):
        read_tables(path)


def test_an_archive_that_is_no_workbook_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "it.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("hello.txt", b"hello")
    with pytest.raises(TableError, match=r"is an archive, but not an \.xlsx workbook"):
        read_tables(path)


ENTITIES = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>
<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>
<row r="1"><c r="A1" t="inlineStr"><is><t>&b;</t></is></c></row></sheetData></worksheet>"""

OUTSIDE = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]>
<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>
<row r="1"><c r="A1" t="inlineStr"><is><t>&a;</t></is></c></row></sheetData></worksheet>"""

FAR = b"""<?xml version="1.0"?>
<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>
<row r="2000000000"><c r="A2000000000" t="inlineStr"><is><t>a</t></is></c></row></sheetData></worksheet>"""


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (ENTITIES, "is not a valid"),
        (OUTSIDE, "is not a valid"),
        (b"<worksheet", "is not a valid"),
        (FAR, "beyond the last row"),
    ],
)
def test_a_hostile_sheet_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    path = replaced(workbook(tmp_path / "it.xlsx", One=[("a",)]), SHEET, content)
    with pytest.raises(TableError, match=message) as refused:
        read_tables(path)
    assert len(str(refused.value).splitlines()) == 1


def test_a_sheet_that_says_it_is_huge_is_read_as_it_is(tmp_path: Path) -> None:
    path = workbook(tmp_path / "it.xlsx", One=[("a", "b")])
    with zipfile.ZipFile(path) as archive:
        sheet = archive.read(SHEET)
    assert b'ref="A1:B1"' in sheet
    huge = sheet.replace(b'ref="A1:B1"', b'ref="A1:XFD1048576"')
    assert rows(replaced(path, SHEET, huge)) == [(1, ("a", "b"))]
