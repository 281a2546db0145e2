"""A table as rows of text, each with its number: what files of every form are read into."""

from __future__ import annotations

from dataclasses import dataclass

MAX_ROWS = 200_000
"""Rows with anything in them."""
MAX_COLUMNS = 256


class TableError(ValueError):
    """A file that cannot be read as a table, or lacks a column. The message names the file."""

    exit_code = 2


@dataclass(frozen=True)
class TableRow:
    """A row with something in it."""

    number: int
    """As a spreadsheet or an editor counts: from 1."""
    cells: tuple[str, ...]

    def cell(self, place: int) -> str:
        """The text of a cell without space around it; empty where the row is shorter."""
        return self.cells[place].strip() if place < len(self.cells) else ""


@dataclass(frozen=True)
class Sheet:
    """One table of a file."""

    file: str
    """What messages call it; in a workbook with the sheet's name."""
    rows: tuple[TableRow, ...]
