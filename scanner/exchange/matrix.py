"""The ownership matrix: controls × scopes or teams; a cell has its owners and its worst state."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from scanner.assess.coverage_rows import ROW_ORDER, CoverageRow
from scanner.assess.states import Evidence, State
from scanner.model.resources.base import ProviderName
from scanner.report.model import Head, Scan

By = Literal["scope", "team"]


class IncompleteReport(ValueError):
    """The report lacks something that the export needs."""

    exit_code = 2


class Column(NamedTuple):
    """A scope, a team, or a status in place of a team."""

    kind: Literal["scope", "team", "status"]
    """``status``: nobody, contested, misattributed, or the provider."""
    provider: str
    """Empty for teams."""
    id: str
    name: str
    """The display name; the id where there is none."""


@dataclass(frozen=True)
class MatrixCell:
    """One control in one column."""

    rows: tuple[CoverageRow, ...]
    """Never empty, sorted."""

    @property
    def state(self) -> State:
        """The worst of its rows."""
        return min((row.state for row in self.rows), key=ROW_ORDER.index)

    @property
    def evidence(self) -> Evidence:
        """The evidence of the row with the worst state."""
        return min(self.rows, key=lambda row: ROW_ORDER.index(row.state)).evidence

    @property
    def owners(self) -> tuple[str, ...]:
        """Every team that owns a part of it. The team of a catch-all line owns nothing."""
        return tuple(sorted({row.owner for row in self.rows if row.ownership == "owned" and row.owner}))

    @property
    def holders(self) -> tuple[str, ...]:
        """The owners, and the statuses shown where there is no owner."""
        others = {holder.id for row in self.rows if (holder := _holder(row)) and holder.kind == "status"}
        return (*self.owners, *sorted(others))

    @property
    def scopes(self) -> frozenset[tuple[ProviderName, str]]:
        """The scopes of its rows."""
        return frozenset((row.provider, row.scope) for row in self.rows)


@dataclass(frozen=True)
class OwnershipMatrix:
    """Who owns which control where, and its state there."""

    by: By
    scan: Scan
    columns: tuple[Column, ...]
    cells: Mapping[tuple[str, Column], MatrixCell]
    """By control id and column; a control that was not assessed there has no cell."""
    names: Mapping[tuple[ProviderName, str], str]
    """Names of scopes."""

    @property
    def controls(self) -> tuple[str, ...]:
        """The ids of all controls that have a cell."""
        return tuple(sorted({control for control, _ in self.cells}))


def matrix(head: Head, by: By = "scope") -> OwnershipMatrix:
    """The matrix of a report. Raises :class:`IncompleteReport` if the report leaves out rows."""
    narrowed = [option for option in head.scan.narrowed if option.startswith("--states ")]
    if narrowed:
        raise IncompleteReport(f"the report was made with {narrowed[0]} and lacks rows: make it without")
    names = {(scope.provider, scope.scope): scope.name for scope in head.summary.scopes}
    rows_by_cell: dict[tuple[str, Column], list[CoverageRow]] = defaultdict(list)
    columns = {_column(*place, names) for place in names} if by == "scope" else set()
    for row in head.coverage:
        column = _column(row.provider, row.scope, names) if by == "scope" else _holder(row)
        if column is not None:
            columns.add(column)
            rows_by_cell[row.control, column].append(row)
    cells = {key: MatrixCell(tuple(_sorted(rows))) for key, rows in rows_by_cell.items()}
    return OwnershipMatrix(by, head.scan, tuple(sorted(columns)), dict(sorted(cells.items())), names)


def _sorted(rows: Iterable[CoverageRow]) -> list[CoverageRow]:
    return sorted(
        rows,
        key=lambda row: (row.provider, row.scope, row.owner or "", row.party, row.ownership, row.state),
    )


def _column(provider: ProviderName, scope: str, names: Mapping[tuple[ProviderName, str], str]) -> Column:
    return Column("scope", provider, scope, names.get((provider, scope)) or scope)


def _holder(row: CoverageRow) -> Column | None:
    """The team or status that holds the row's control; ``None`` if the control is not applicable."""
    if row.state == "not_applicable":
        return None
    if row.ownership == "owned" and row.owner:
        return Column("team", "", row.owner, row.owner)
    who = row.provider if row.party == "provider" else row.ownership
    return Column("status", "", who, f"({who})")
