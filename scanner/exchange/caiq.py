"""A draft of an ownership file from a provider's answers to the CSA's CAIQ v4, checked against our model.

Only the question ids, the column "SSRM Control Ownership" and whether the answer is yes are read; no text of
the questionnaire is kept. CCM control STA-04 defines the ownership values:
https://csf.tools/reference/cloud-controls-matrix/v4-0/sta/sta-04/
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
"""Ownership values by their form in the workbook, in lower case without punctuation."""

_CLOUD_MODELS: tuple[ServiceModel, ...] = tuple(model for model in SERVICE_MODELS if model != "on_prem")


@dataclass
class _ControlAnswers:
    """The workbook's answers for one control of the CCM."""

    ownership: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    """Row numbers by ownership value."""
    not_yes: list[int] = field(default_factory=list)
    """Row numbers of answers other than yes."""

    @property
    def row(self) -> int:
        """The number of the first row."""
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
    """A draft of the controls that the provider claims. Without a service model, all cloud models count.

    Raises :class:`TableError` if there is no ownership column, or no row with a value in it.
    """
    sheet, header, columns = _find(tables, file)
    answers, left_out, rows = _read(sheet, header, columns)
    if not answers:
        raise TableError(f"{sheet.file}: no row says who owns a control")
    related = Requirements(catalogue).related("csa_ccm_4_0")
    by_control: dict[str, list[str]] = defaultdict(list)
    for id in sorted(answers):
        for control in related.get(id, ()):
            by_control[control].append(id)
    comparison = _Comparison(sheet.file, answers, provider, (model,) if model else _CLOUD_MODELS)
    entries = [
        comparison.entry(catalogue.controls[control], ids) for control, ids in sorted(by_control.items())
    ]
    return Draft(
        source=str(file),
        teams={},
        entries=tuple(entries),
        rows=rows,
        left_out=tuple(left_out),
        warnings=tuple(comparison.warnings),
        notes=tuple(_notes(answers, related, provider)),
    )


def _find(tables: Sequence[Sheet], file: Path) -> tuple[Sheet, TableRow, _Columns]:
    def fits(header: Sequence[str]) -> bool:
        return _ID_HEADER in header and any(_OWNERSHIP_HEADER in cell for cell in header)

    found = locate(tables, fits)
    if found is None:
        problem = "has no table with the columns 'Question ID' and 'SSRM Control Ownership'"
        raise TableError(f"{file}: {problem}: is it a CAIQ v4?")
    sheet, row = found
    header = [" ".join(cell.split()).casefold() for cell in row.cells]
    answer = next((place for place, cell in enumerate(header) if _ANSWER_HEADER in cell), None)
    ownership = next(place for place, cell in enumerate(header) if _OWNERSHIP_HEADER in cell)
    return sheet, row, _Columns(header.index(_ID_HEADER), ownership, answer)


def _read(
    sheet: Sheet, header: TableRow, columns: _Columns
) -> tuple[dict[str, _ControlAnswers], list[Problem], int]:
    """The answers by CCM id, the rows that cannot be used, and the number of rows."""
    answers: dict[str, _ControlAnswers] = defaultdict(_ControlAnswers)
    left_out: list[Problem] = []
    rows = [row for row in sheet.rows if row.number > header.number]
    for row in rows:
        match = _QUESTION.fullmatch(row.cell(columns.id).upper())
        owned = row.cell(columns.ownership)
        known = _OWNERSHIP.get(_plain(owned))
        if match is None:
            problem = "the column Question ID has no id such as IAM-02.1"
        elif not owned:
            problem = f"{match[0]}: the ownership is empty"
        elif known is None:
            problem = f"{match[0]}: the ownership is not a value of the CAIQ"
        else:
            control = answers[f"{match[1]}-{match[2]}"]
            control.ownership[known].append(row.number)
            if columns.answer is not None and _plain(row.cell(columns.answer)) != "yes":
                control.not_yes.append(row.number)
            continue
        left_out.append(Problem(sheet.file, row.number, problem))
    return answers, left_out, len(rows)


def _plain(text: str) -> str:
    words = " ".join(re.findall(r"[a-z0-9]+", text.lower()))
    return words.replace("3rd party", "third party")


@dataclass
class _Comparison:
    """Compares the provider's answers with our model."""

    file: str
    answers: Mapping[str, _ControlAnswers]
    provider: ProviderName | None
    models: tuple[ServiceModel, ...]
    warnings: list[Problem] = field(default_factory=list)

    def entry(self, control: Control, ids: Sequence[str]) -> DraftLine:
        """The commented line for a control; in force only if both agree that it is the provider's."""
        claimed = "; ".join(f"{id} {' and '.join(self.answers[id].ownership)}" for id in ids)
        comments = [f"{control.id}: the CAIQ says {claimed}. Our model: {self._ours(control)}."]
        unanswered = sorted(set(control.refs.get("csa_ccm_4_0", ())) - set(ids))
        if unanswered:
            comments.append(f"  Not in the CAIQ: {', '.join(unanswered)}.")
        theirs = all(set(self.answers[id].ownership) == {_PROVIDER} for id in ids)
        not_yes = [id for id in ids if self.answers[id].not_yes]
        if theirs and not_yes:
            comments.append(f"  Not claimed: {', '.join(not_yes)} is not answered with yes.")
        if not theirs or not_yes:
            if not self._models(control)[0] and any("CSC-owned" in self.answers[id].ownership for id in ids):
                why = f"{control.id} is the provider's in our model; the CAIQ says {claimed}"
                self.warnings.append(Problem(self.file, self.answers[ids[0]].row, why))
            line = {"controls": [control.id], **self._where(), "accountable": "TEAM"}
            return DraftLine(line, tuple(comments), active=False)
        line = {"controls": [control.id], **self._where(), "claim": "provider"}
        customers, providers = self._models(control)
        if providers and not customers:
            return DraftLine(line, tuple(comments))
        if not customers:
            return DraftLine(line, (*comments, "  Not applicable to this service model."), active=False)
        if providers:
            why = (
                f"depends on the service: the customer's on {', '.join(customers)}, the provider's on "
                f"{', '.join(providers)}: say which with --service-model"
            )
        else:
            why = "is the customer's: such a claim would be misattributed"
        self.warnings.append(
            Problem(self.file, self.answers[ids[0]].row, f"{control.id} {why}; the CAIQ says {claimed}")
        )
        return DraftLine(line, (*comments, f"  {why[0].upper()}{why[1:]}."), active=False)

    def _where(self) -> dict[str, Any]:
        return {"where": {"provider": self.provider}} if self.provider else {}

    def _models(self, control: Control) -> tuple[list[str], list[str]]:
        """The service models where it is at least in part the customer's, and where only the provider's."""
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
            "both": "both parties'",
            "none": "not applicable",
        }
        return "; ".join(f"{names[cell]} on {', '.join(models)}" for cell, models in by_cell.items())


def _notes(
    answers: Mapping[str, _ControlAnswers],
    related: Mapping[str, Iterable[str]],
    provider: ProviderName | None,
) -> Iterator[str]:
    yield "A provider's claim alone moves no responsibility: only lines that our model confirms are in force."
    if provider is None:
        yield "No --provider was given, so the lines apply to every cloud."
    if unrelated := [id for id in answers if id not in related]:
        yield f"No control is related to {', '.join(sorted(unrelated))}."
