"""The matrix: controls × scopes, or × teams, each cell with its owners and its worst state."""

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


class NotWhole(ValueError):
    """The report leaves something out that the matrix would need."""

    exit_code = 2


class Column(NamedTuple):
    """A scope, a team, or what stands in a team's place."""

    kind: Literal["scope", "team", "status"]
    """``status``: nobody, contested, misattributed, or the provider."""
    provider: str
    """Empty for teams."""
    id: str
    name: str
    """For people; the id where there is no other."""


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
        """That of the row with the worst state."""
        return min(self.rows, key=lambda row: ROW_ORDER.index(row.state)).evidence

    @property
    def owners(self) -> tuple[str, ...]:
        """Every team that owns a part of it. One that is only to be asked owns nothing."""
        return tuple(sorted({row.owner for row in self.rows if row.ownership == "owned" and row.owner}))

    @property
    def holders(self) -> tuple[str, ...]:
        """The owners, and who or what stands where an owner is missing; for people."""
        others = {holder.id for row in self.rows if (holder := _holder(row)) and holder.kind == "status"}
        return (*self.owners, *sorted(others))

    @property
    def scopes(self) -> frozenset[tuple[ProviderName, str]]:
        """The scopes that its rows are of."""
        return frozenset((row.provider, row.scope) for row in self.rows)


@dataclass(frozen=True)
class OwnershipMatrix:
    """Who owns which control where, and how it stands."""

    by: By
    scan: Scan
    columns: tuple[Column, ...]
    cells: Mapping[tuple[str, Column], MatrixCell]
    """By control id and column; without a cell, the control was not judged there."""
    names: Mapping[tuple[ProviderName, str], str]
    """Names of scopes."""

    @property
    def controls(self) -> tuple[str, ...]:
        """The ids of all controls that have a cell."""
        return tuple(sorted({control for control, _ in self.cells}))


def matrix(head: Head, by: By = "scope") -> OwnershipMatrix:
    """The matrix of a report. Raises :class:`NotWhole` where rows were left out of the report."""
    narrowed = [option for option in head.scan.narrowed if option.startswith("--states ")]
    if narrowed:
        raise NotWhole(f"the report was made with {narrowed[0]}, so that rows are missing: make it without")
    names = {(scope.provider, scope.scope): scope.name for scope in head.summary.scopes}
    gathered: dict[tuple[str, Column], list[CoverageRow]] = defaultdict(list)
    columns = {_column(*place, names) for place in names} if by == "scope" else set()
    for row in head.coverage:
        column = _column(row.provider, row.scope, names) if by == "scope" else _holder(row)
        if column is not None:
            columns.add(column)
            gathered[row.control, column].append(row)
    cells = {key: MatrixCell(tuple(_sorted(rows))) for key, rows in gathered.items()}
    return OwnershipMatrix(by, head.scan, tuple(sorted(columns)), dict(sorted(cells.items())), names)


def _sorted(rows: Iterable[CoverageRow]) -> list[CoverageRow]:
    return sorted(
        rows,
        key=lambda row: (row.provider, row.scope, row.owner or "", row.party, row.ownership, row.state),
    )


def _column(provider: ProviderName, scope: str, names: Mapping[tuple[ProviderName, str], str]) -> Column:
    return Column("scope", provider, scope, names.get((provider, scope)) or scope)


def _holder(row: CoverageRow) -> Column | None:
    """Who holds what the row is about; ``None`` where there is nothing to hold."""
    if row.state == "not_applicable":
        return None
    if row.ownership == "owned" and row.owner:
        return Column("team", "", row.owner, row.owner)
    who = row.provider if row.party == "provider" else row.ownership
    return Column("status", "", who, f"({who})")
