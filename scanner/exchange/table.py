"""Reads CSV files and Excel workbooks as text with row numbers."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scanner.base.terminal import printable
from scanner.base.yaml import suggestion
from scanner.exchange.cells import unescaped
from scanner.exchange.sheet import MAX_COLUMNS, MAX_ROWS, Sheet, TableError, TableRow

MAX_BYTES = 50_000_000
"""Maximum size of a file."""
_HEADER_WITHIN = 30
"""The header is searched in this many rows; titles may precede it."""

_OLD_WORKBOOK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP = b"PK\x03\x04"


@dataclass(frozen=True)
class FoundTable:
    """A table with its header row."""

    sheet: Sheet
    header: TableRow
    places: Mapping[str, int]
    """The index of each requested column."""

    @property
    def rows(self) -> Iterator[TableRow]:
        """The rows below the header."""
        return (row for row in self.sheet.rows if row.number > self.header.number)


def read_tables(path: Path) -> tuple[Sheet, ...]:
    """The tables of a CSV file or an .xlsx workbook. Raises :class:`TableError`."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise TableError(f"{path}: cannot be read: {error.strerror or error}") from None
    if len(content) > MAX_BYTES:
        raise TableError(f"{path}: is larger than {MAX_BYTES // 1_000_000} MB")
    if content.startswith(_OLD_WORKBOOK):
        raise TableError(f"{path}: is an old or encrypted workbook: save it as .xlsx without a password")
    if content.startswith(_ZIP):
        from scanner.exchange.workbook import sheets

        return tuple(sheets(content, path))
    return (_csv(content, path),)


def find(tables: Sequence[Sheet], columns: Mapping[str, str], file: Path) -> FoundTable:
    """The first table with all the columns, given as headers or as ``#3`` for the third column.

    Raises :class:`TableError`, which lists the missing and the existing columns.
    """
    named = {key: _plain(name) for key, name in columns.items() if not name.startswith("#")}
    numbered = {key: _number(name) for key, name in columns.items() if name.startswith("#")}

    def fits(header: Sequence[str]) -> bool:
        return set(named.values()) <= set(header)

    found = locate(tables, fits)
    if found is None:
        raise TableError(_missing_columns(tables, columns, file))
    sheet, row = found
    header = [_plain(cell) for cell in row.cells]
    for key, name in named.items():
        if header.count(name) > 1:
            places = [f"#{place + 1}" for place, other in enumerate(header) if other == name]
            problem = f"the column {columns[key]!r} appears {len(places)} times"
            raise TableError(f"{sheet.file}:{row.number}: {problem}: write {' or '.join(places)}")
    return FoundTable(sheet, row, {**{key: header.index(name) for key, name in named.items()}, **numbered})


def locate(tables: Sequence[Sheet], fits: Callable[[Sequence[str]], bool]) -> tuple[Sheet, TableRow] | None:
    """The first row near the top of a table whose normalised cells satisfy ``fits``, with its table."""
    for sheet in tables:
        for row in sheet.rows[:_HEADER_WITHIN]:
            if fits([_plain(cell) for cell in row.cells]):
                return sheet, row
    return None


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _number(name: str) -> int:
    if not name[1:].isdecimal() or not 1 <= int(name[1:]) <= MAX_COLUMNS:
        raise TableError(f"--columns: {name}: expected #1 to #{MAX_COLUMNS} for a column by number")
    return int(name[1:]) - 1


def _missing_columns(tables: Sequence[Sheet], columns: Mapping[str, str], file: Path) -> str:
    headers = [cell for sheet in tables for row in sheet.rows[:1] for cell in row.cells if cell.strip()]
    if not headers:
        return f"{file}: is empty"
    known = {_plain(header) for header in headers}
    absent = [name for name in columns.values() if not name.startswith("#") and _plain(name) not in known]
    shown = ", ".join(printable(header.strip()) for header in headers[:20])
    missing = ", ".join(repr(name) for name in absent or columns.values())
    hint = suggestion(absent[0], headers) if len(absent) == 1 else ""
    return f"{file}: no table has the columns {missing}{printable(hint)} (the first row has: {shown})"


def _csv(content: bytes, path: Path) -> Sheet:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        problem = f"is neither UTF-8 text (byte {error.start}) nor an .xlsx workbook: save it as CSV UTF-8"
        raise TableError(f"{path}: {problem}") from None
    return Sheet(str(path), tuple(_records(text, path)))


def _records(text: str, path: Path) -> Iterator[TableRow]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    number, found = 1, 0
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise TableError(f"{path}:{number}: is not valid CSV: {error}") from None
        if len(cells) > MAX_COLUMNS:
            raise TableError(f"{path}:{number}: has more than {MAX_COLUMNS} columns")
        if any(cell.strip() for cell in cells):
            found += 1
            if found > MAX_ROWS:
                raise TableError(f"{path}:{number}: has more than {MAX_ROWS:,} rows")
            yield TableRow(number, tuple(unescaped(cell) for cell in cells))
        number = reader.line_num + 1


def _delimiter(text: str) -> str:
    """The most frequent of comma, semicolon and tab in the first line that has any."""
    for line in io.StringIO(text[:100_000]):
        most = max(",;\t", key=line.count)
        if line.count(most):
            return most
    return ","
