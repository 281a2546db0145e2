"""Workbooks for tests, created each time; their wording is invented."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from openpyxl import Workbook

CAIQ_HEADER = ("Question ID", "Question", "CSP CAIQ\nAnswer", "SSRM Control Ownership", "Notes")


def workbook(path: Path, **sheets: Sequence[Sequence[Any]]) -> Path:
    """A workbook with these rows in these sheets."""
    book = Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    book.save(path)
    return path


def caiq(path: Path, *rows: tuple[str, str] | tuple[str, str, str]) -> Path:
    """A questionnaire with these question ids, ownerships and answers (yes unless given)."""
    lines = [(row[0], "Is it so?", row[2] if len(row) > 2 else "Yes", row[1], "") for row in rows]
    title = [("A questionnaire",), ()]
    return workbook(path, Introduction=[("Read me",)], CAIQ=[*title, CAIQ_HEADER, *lines])
