"""The common form of tables from files: numbered rows of text."""

from __future__ import annotations

from dataclasses import dataclass

MAX_ROWS = 200_000
"""Maximum non-empty rows of a table."""
MAX_COLUMNS = 256
"""Maximum cells of a row."""


class TableError(ValueError):
    """A file that cannot be read as a table, or lacks a column. The message names the file."""

    exit_code = 2


@dataclass(frozen=True)
class TableRow:
    """A non-empty row."""

    number: int
    """Counted from 1, as in a spreadsheet or editor."""
    cells: tuple[str, ...]

    def cell(self, place: int) -> str:
        """The stripped text of a cell; empty if the row is shorter."""
        return self.cells[place].strip() if place < len(self.cells) else ""


@dataclass(frozen=True)
class Sheet:
    """One table of a file."""

    file: str
    """The path for messages, with the sheet's name if it is one of several."""
    rows: tuple[TableRow, ...]
