"""The matrix as CSV (RFC 4180, UTF-8): one line per control, scope and owner."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import TextIO

from scanner.assess.coverage_rows import OUTCOMES, CoverageRow
from scanner.exchange.cells import escaped
from scanner.exchange.matrix import OwnershipMatrix

HEADER = (
    "control",
    "provider",
    "scope",
    "scope_name",
    "owner",
    "named",
    "party",
    "ownership",
    "evidence",
    "state",
    "kinds_seen",
    "kinds_expected",
    *OUTCOMES,
)
"""``owner`` is the team that owns the control; ``named`` is a team that is named but does not own it: the
team of a catch-all line or of a wrong line."""


def render(matrix: OwnershipMatrix, out: TextIO) -> None:
    """Writes the matrix; ``out`` must not change line ends. By team, each team's lines are adjacent."""
    writer = csv.writer(out)
    writer.writerow(HEADER)
    for row in _ordered(matrix):
        writer.writerow([escaped(cell) for cell in _cells(row, matrix)])


def _ordered(matrix: OwnershipMatrix) -> Iterator[CoverageRow]:
    if matrix.by == "scope":
        for cell in matrix.cells.values():
            yield from cell.rows
        return
    for column in matrix.columns:
        for control in matrix.controls:
            found = matrix.cells.get((control, column))
            yield from found.rows if found is not None else ()


def _cells(row: CoverageRow, matrix: OwnershipMatrix) -> list[str]:
    owned = row.ownership == "owned"
    return [
        row.control,
        row.provider,
        row.scope,
        matrix.names.get((row.provider, row.scope), ""),
        (row.owner or "") if owned else "",
        "" if owned else (row.owner or ""),
        row.party,
        row.ownership,
        row.evidence,
        row.state,
        ";".join(row.kinds_seen),
        ";".join(row.kinds_expected),
        *(str(row.counts[outcome]) for outcome in OUTCOMES),
    ]
