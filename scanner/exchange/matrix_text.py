"""The matrix for a terminal of 100 columns: a table if it fits, else counts of states."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TextIO

from scanner.assess.coverage_rows import ROW_ORDER
from scanner.assess.states import State
from scanner.base.terminal import printable
from scanner.exchange.matrix import Column, MatrixCell, OwnershipMatrix

WIDTH = 100
"""Width of the terminal in characters."""

_GAP = "  "
_ABSENT = "-"

_Lines = tuple[str, ...]
"""The lines of one cell."""


def render(matrix: OwnershipMatrix, out: TextIO) -> None:
    """Writes the widest layout that fits: owners beside the state, owners below it, or counts."""
    out.write(f"{_title(matrix)}\n\n")
    table = _fitting(matrix)
    for line in table if table is not None else _counts(matrix):
        out.write(f"{line.rstrip()}\n")
    for line in _legend(matrix):
        out.write(f"{line}\n")
    if table is None:
        out.write(f"\nToo many {matrix.by}s for a table: --format csv lists them all with their owners.\n")


def _fitting(matrix: OwnershipMatrix) -> list[str] | None:
    """The widest table that fits; ``None`` if none does."""
    if len(matrix.columns) * (len(_GAP) + len(_ABSENT)) > WIDTH:
        return None
    for layout in (_beside, _beneath):
        table = _table(matrix, layout)
        if max(map(len, table)) <= WIDTH:
            return table
    return None


def _title(matrix: OwnershipMatrix) -> str:
    scan = matrix.scan
    things = {"scope": ("scope", "scopes"), "team": ("team", "teams")}[matrix.by]
    number = sum(1 for column in matrix.columns if column.kind != "status")
    size = f"{_number(len(matrix.controls), 'control', 'controls')} × {_number(number, *things)}"
    incomplete = "" if scan.complete else " · incomplete: not everything could be read"
    return f"{size} · as of {scan.now.strftime('%Y-%m-%d %H:%M UTC')}{incomplete}"


def _legend(matrix: OwnershipMatrix) -> Iterator[str]:
    if matrix.scan.narrowed:
        yield f"\nNarrowed: {printable(', '.join(matrix.scan.narrowed))}"
    if len(matrix.cells) < len(matrix.controls) * len(matrix.columns) and matrix.by == "scope":
        yield (
            f"\n{_ABSENT} not assessed there: of another level (organisation, tenant) or left out of the scan"
        )


def _number(number: int, one: str, several: str) -> str:
    return f"{number:,} {one if number == 1 else several}"


def _beside(matrix: OwnershipMatrix, cell: MatrixCell) -> _Lines:
    detail = _detail(matrix, cell)
    return (f"{cell.state} · {detail}" if detail else cell.state,)


def _beneath(matrix: OwnershipMatrix, cell: MatrixCell) -> _Lines:
    detail = _detail(matrix, cell)
    return (cell.state, f"  {detail}") if detail else (cell.state,)


def _detail(matrix: OwnershipMatrix, cell: MatrixCell) -> str:
    """The scopes of a team's cell, counted, or the owners of a scope's cell."""
    if matrix.by == "team":
        return _number(len(cell.scopes), "scope", "scopes")
    return ", ".join(printable(holder) for holder in cell.holders)


def _table(matrix: OwnershipMatrix, layout: Callable[[OwnershipMatrix, MatrixCell], _Lines]) -> list[str]:
    header: list[_Lines] = [("control",), *(_heading(column) for column in matrix.columns)]
    body: list[list[_Lines]] = []
    for control in matrix.controls:
        cells = (matrix.cells.get((control, column)) for column in matrix.columns)
        texts = (layout(matrix, cell) if cell is not None else (_ABSENT,) for cell in cells)
        body.append([(printable(control),), *texts])
    rows = [header, *body]
    widths = [max(len(line) for row in rows for line in row[place]) for place in range(len(header))]
    return [line for row in rows for line in _padded(row, widths)]


def _heading(column: Column) -> _Lines:
    name = printable(column.name)
    return (name, printable(column.id)) if column.kind == "scope" and column.name != column.id else (name,)


def _padded(row: Sequence[_Lines], widths: Sequence[int]) -> Iterator[str]:
    for number in range(max(len(cell) for cell in row)):
        parts = (cell[number] if number < len(cell) else "" for cell in row)
        yield _GAP.join(part.ljust(width) for part, width in zip(parts, widths, strict=True))


def _counts(matrix: OwnershipMatrix) -> Iterator[str]:
    """One line per control over all scopes, or per team over all controls."""
    entries: dict[str, list[MatrixCell]] = defaultdict(list)
    for (control, column), cell in sorted(matrix.cells.items(), key=lambda entry: _group(matrix, *entry[0])):
        entries[_group(matrix, control, column)].append(cell)
    width = min(max((len(name) for name in entries), default=0), WIDTH // 2)
    for name, cells in entries.items():
        shown = printable(name)
        shown = shown if len(shown) <= width else f"{shown[: width - 1]}…"
        yield from _wrapped(shown.ljust(width), _states(cells), len(cells), matrix)


def _group(matrix: OwnershipMatrix, control: str, column: Column) -> str:
    return control if matrix.by == "scope" else column.name


def _states(cells: Iterable[MatrixCell]) -> list[tuple[State, int]]:
    counts = Counter(cell.state for cell in cells)
    return sorted(counts.items(), key=lambda entry: ROW_ORDER.index(entry[0]))


def _wrapped(
    name: str, states: Sequence[tuple[State, int]], total: int, matrix: OwnershipMatrix
) -> Iterator[str]:
    """The name with its counts, wrapped to the width."""
    things = ("scope", "scopes") if matrix.by == "scope" else ("control", "controls")
    line = f"{name}{_GAP}{_number(total, *things)}:"
    for place, (state, number) in enumerate(states):
        part = f" {number:,} {state}{',' if place + 1 < len(states) else ''}"
        if len(line) + len(part) > WIDTH:
            yield line
            line = f"{'':{len(name)}}{_GAP}"
        line += part
    yield line
