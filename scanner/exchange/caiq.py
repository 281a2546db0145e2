"""A provider's answers to the CSA's CAIQ v4, held against our responsibility model.

Of the workbook only question ids, the column "SSRM Control Ownership" and the yes or no of the answers are
used; no text of the questionnaire is kept. The ownership values are those that CCM control STA-04 tells
apart: https://csf.tools/reference/cloud-controls-matrix/v4-0/sta/sta-04/
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scanner.base.yaml import Problem
from scanner.catalogue.control import SERVICE_MODELS, Control, ServiceModel
from scanner.catalogue.responsibility import Catalogue
from scanner.exchange.draft import Draft, DraftLine
from scanner.exchange.requirements import Requirements
from scanner.exchange.sheet import Sheet, TableError, TableRow
from scanner.exchange.table import locate
from scanner.model.resources.base import ProviderName

_QUESTION = re.compile(r"([A-Z][A-Z&]{2})-(\d{2})(?:\.\d+)?")

_ID_HEADER = "question id"
_OWNERSHIP_HEADER = "ssrm control ownership"
_ANSWER_HEADER = "caiq answer"

_PROVIDER = "CSP-owned"
_OWNERSHIP: Mapping[str, str] = {
    "csp owned": _PROVIDER,
    "csc owned": "CSC-owned",
    "third party outsourced": "third-party outsourced",
    "shared csp and csc": "shared CSP and CSC",
    "shared csp and third party": "shared CSP and third-party",
    "n a": "not applicable",
    "na": "not applicable",
    "not applicable": "not applicable",
}
"""The values of the column, in plain lower case."""

_CLOUD_MODELS: tuple[ServiceModel, ...] = tuple(model for model in SERVICE_MODELS if model != "on_prem")


@dataclass
class _Said:
    """What the workbook says of one control of the CCM."""

    ownership: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    """Rows by what they say."""
    refused: list[int] = field(default_factory=list)
    """Rows that are not answered with yes."""

    @property
    def row(self) -> int:
        """The first."""
        return min(row for rows in self.ownership.values() for row in rows)


@dataclass(frozen=True)
class _Columns:
    id: int
    ownership: int
    answer: int | None


def draft_of(
    tables: Sequence[Sheet],
    catalogue: Catalogue,
    file: Path,
    provider: ProviderName | None,
    model: ServiceModel | None,
) -> Draft:
    """A draft of what the provider says that it owns. Without a service model all cloud models count.

    Raises :class:`TableError` where there is no such column, or no row says anything.
    """
    sheet, header, columns = _find(tables, file)
    said, left_out, rows = _read(sheet, header, columns)
    if not said:
        raise TableError(f"{sheet.file}: no row says who owns a control")
    related = Requirements(catalogue).related("csa_ccm_4_0")
    by_control: dict[str, list[str]] = defaultdict(list)
    for id in sorted(said):
        for control in related.get(id, ()):
            by_control[control].append(id)
    comparing = _Comparing(sheet.file, said, provider, (model,) if model else _CLOUD_MODELS)
    entries = [
        comparing.entry(catalogue.controls[control], ids) for control, ids in sorted(by_control.items())
    ]
    return Draft(
        source=str(file),
        teams={},
        entries=tuple(entries),
        rows=rows,
        left_out=tuple(left_out),
        warnings=tuple(comparing.warnings),
        notes=tuple(_notes(said, related, provider)),
    )


def _find(tables: Sequence[Sheet], file: Path) -> tuple[Sheet, TableRow, _Columns]:
    def fits(header: Sequence[str]) -> bool:
        return _ID_HEADER in header and any(_OWNERSHIP_HEADER in cell for cell in header)

    found = locate(tables, fits)
    if found is None:
        told = "has no table with the columns 'Question ID' and 'SSRM Control Ownership'"
        raise TableError(f"{file}: {told}: is it a CAIQ of version 4?")
    sheet, row = found
    header = [" ".join(cell.split()).casefold() for cell in row.cells]
    answer = next((place for place, cell in enumerate(header) if _ANSWER_HEADER in cell), None)
    ownership = next(place for place, cell in enumerate(header) if _OWNERSHIP_HEADER in cell)
    return sheet, row, _Columns(header.index(_ID_HEADER), ownership, answer)


def _read(sheet: Sheet, header: TableRow, columns: _Columns) -> tuple[dict[str, _Said], list[Problem], int]:
    """What is said by CCM id, the rows that say nothing that can be used, and the number of rows."""
    said: dict[str, _Said] = defaultdict(_Said)
    left_out: list[Problem] = []
    rows = [row for row in sheet.rows if row.number > header.number]
    for row in rows:
        match = _QUESTION.fullmatch(row.cell(columns.id).upper())
        owned = row.cell(columns.ownership)
        known = _OWNERSHIP.get(_plain(owned))
        if match is None:
            told = "the column Question ID has no id such as IAM-02.1"
        elif not owned:
            told = f"{match[0]}: says nothing of ownership"
        elif known is None:
            told = f"{match[0]}: the ownership is none that a CAIQ knows"
        else:
            one = said[f"{match[1]}-{match[2]}"]
            one.ownership[known].append(row.number)
            if columns.answer is not None and _plain(row.cell(columns.answer)) != "yes":
                one.refused.append(row.number)
            continue
        left_out.append(Problem(sheet.file, row.number, told))
    return said, left_out, len(rows)


def _plain(text: str) -> str:
    words = " ".join(re.findall(r"[a-z0-9]+", text.lower()))
    return words.replace("3rd party", "third party")


@dataclass
class _Comparing:
    """Holds what the provider says against the model."""

    file: str
    said: Mapping[str, _Said]
    provider: ProviderName | None
    models: tuple[ServiceModel, ...]
    warnings: list[Problem] = field(default_factory=list)

    def entry(self, control: Control, ids: Sequence[str]) -> DraftLine:
        """The line for a control, with what is said of it; in force only if both agree that it is theirs."""
        told = "; ".join(f"{id} {' and '.join(self.said[id].ownership)}" for id in ids)
        comments = [f"{control.id}: the CAIQ says {told}. Ours: {self._ours(control)}."]
        unanswered = sorted(set(control.refs.get("csa_ccm_4_0", ())) - set(ids))
        if unanswered:
            comments.append(f"  Not in the CAIQ: {', '.join(unanswered)}.")
        theirs = all(set(self.said[id].ownership) == {_PROVIDER} for id in ids)
        refused = [id for id in ids if self.said[id].refused]
        if theirs and refused:
            comments.append(f"  Not claimed: {', '.join(refused)} is not answered with yes.")
        if not theirs or refused:
            if not self._models(control)[0] and any("CSC-owned" in self.said[id].ownership for id in ids):
                why = f"{control.id} is the provider's in our model; the CAIQ says {told}"
                self.warnings.append(Problem(self.file, self.said[ids[0]].row, why))
            line = {"controls": [control.id], **self._where(), "accountable": "TEAM"}
            return DraftLine(line, tuple(comments), active=False)
        line = {"controls": [control.id], **self._where(), "claim": "provider"}
        customers, providers = self._models(control)
        if providers and not customers:
            return DraftLine(line, tuple(comments))
        if not customers:
            return DraftLine(line, (*comments, "  It has no meaning there."), active=False)
        if providers:
            why = (
                f"depends on the service: the customer's on {', '.join(customers)}, the provider's on "
                f"{', '.join(providers)}: say which with --service-model"
            )
        else:
            why = "is the customer's: such a claim would be misattributed"
        self.warnings.append(
            Problem(self.file, self.said[ids[0]].row, f"{control.id} {why}; the CAIQ says {told}")
        )
        return DraftLine(line, (*comments, f"  {why[0].upper()}{why[1:]}."), active=False)

    def _where(self) -> dict[str, Any]:
        return {"where": {"provider": self.provider}} if self.provider else {}

    def _models(self, control: Control) -> tuple[list[str], list[str]]:
        """The service models on which it is the customer's, at least in part, and the provider's alone."""
        cells = {model: control.responsibility[model] for model in self.models}
        return (
            [model for model, cell in cells.items() if cell in ("customer", "both")],
            [model for model, cell in cells.items() if cell == "provider"],
        )

    def _ours(self, control: Control) -> str:
        by_cell: dict[str, list[str]] = defaultdict(list)
        for model in self.models:
            by_cell[control.responsibility[model]].append(model)
        names = {
            "customer": "the customer's",
            "provider": "the provider's",
            "both": "a part of each",
            "none": "no meaning",
        }
        return "; ".join(f"{names[cell]} on {', '.join(models)}" for cell, models in by_cell.items())


def _notes(
    said: Mapping[str, _Said], related: Mapping[str, Iterable[str]], provider: ProviderName | None
) -> Iterator[str]:
    yield "A provider's word moves nothing to it: only lines on which our model agrees are in force."
    if provider is None:
        yield "Whose answers they are was not said (--provider), so the lines hold for every cloud."
    if unrelated := [id for id in said if id not in related]:
        yield f"No control is related to {', '.join(sorted(unrelated))}."
