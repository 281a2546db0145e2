"""Reads Excel workbooks as text: stored values only, formulas are never run, sizes are limited."""

from __future__ import annotations

import io
import warnings
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile, ZipFile

from scanner.exchange.sheet import MAX_COLUMNS, MAX_ROWS, Sheet, TableError, TableRow

MAX_UNPACKED = 200_000_000
"""Maximum bytes of a workbook, unpacked."""
MAX_PARTS = 2_000
"""Maximum files within a workbook."""

_LAST_ROW = 1_048_576
"""The last row number that Excel allows."""

_DAMAGED = (
    BadZipFile,
    zlib.error,
    ParseError,
    KeyError,
    IndexError,
    AttributeError,
    TypeError,
    ValueError,
    OverflowError,
    RuntimeError,
    EOFError,
    OSError,
)
"""The exceptions that reading a damaged workbook raises."""


def sheets(content: bytes, path: Path) -> Iterator[Sheet]:
    """The worksheets of a workbook. Raises :class:`~scanner.exchange.table.TableError`."""
    try:
        from openpyxl import load_workbook
    except ImportError:
        raise TableError(f"{path}: reading workbooks needs openpyxl: pip install 'gapscan[xlsx]'") from None
    try:
        _check_limits(content, path)
        with warnings.catch_warnings():
            # openpyxl warns about parts that it ignores, such as drawings.
            warnings.simplefilter("ignore")
            book = load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
            found = [(sheet.title, sheet) for sheet in book.worksheets]
            for title, sheet in found:
                # The declared size of a sheet may be wrong.
                sheet.reset_dimensions()
                file = f"{path}:{title}" if len(found) > 1 else str(path)
                yield Sheet(file, tuple(_rows(sheet, file)))
    except TableError:
        raise
    except _DAMAGED as error:
        cause = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TableError(f"{path}: is not a valid .xlsx workbook: {cause[:200]}") from None


def _check_limits(content: bytes, path: Path) -> None:
    """Rejects archives that are no workbook, or that exceed the limits when unpacked."""
    with ZipFile(io.BytesIO(content)) as archive:
        parts = archive.infolist()
        names = {part.filename for part in parts}
    if "[Content_Types].xml" not in names:
        raise TableError(f"{path}: is an archive, but not an .xlsx workbook")
    if len(parts) > MAX_PARTS:
        raise TableError(f"{path}: is a workbook with more than {MAX_PARTS:,} parts")
    if sum(part.file_size for part in parts) > MAX_UNPACKED:
        raise TableError(f"{path}: unpacks to more than {MAX_UNPACKED // 1_000_000} MB")


def _rows(sheet: Any, file: str) -> Iterator[TableRow]:
    found = 0
    for number, values in enumerate(sheet.iter_rows(max_col=MAX_COLUMNS, values_only=True), 1):
        if number > _LAST_ROW:
            raise TableError(f"{file}:{number}: is beyond the last row of a sheet")
        width = len(values)
        if values.count(None) == width:
            continue
        while values[width - 1] is None:
            width -= 1
        cells = tuple(_text(value) for value in values[:width])
        if any(cell.strip() for cell in cells):
            found += 1
            if found > MAX_ROWS:
                raise TableError(f"{file}:{number}: has more than {MAX_ROWS:,} rows")
            yield TableRow(number, cells)


def _text(value: Any) -> str:
    """The cell as displayed; whole numbers have no decimals, so that ids stay intact."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    return str(value)
