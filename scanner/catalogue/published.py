"""The responsibility matrices that the providers publish, compared with ours.

Reference data (``published.yaml``), with source and date. It never affects an assessment.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from scanner.base.models import FrozenModel
from scanner.base.yaml import Document, DocumentError, Problem, read, suggestion
from scanner.catalogue.control import ResponsibilityCell, ServiceModel, Text
from scanner.catalogue.responsibility import Catalogue
from scanner.model.resources.base import ProviderName

PublishedCell = Literal["customer", "provider", "both"]


class PublishedRow(FrozenModel):
    """One row of a provider's matrix, and the matching layers or controls of ours."""

    name: Text
    """The provider's name of the row."""
    cells: tuple[PublishedCell, ...]
    """Who is responsible, in the order of the matrix's service models."""
    layers: tuple[str, ...] = ()
    """The matching layers of ours, whose defaults are compared."""
    controls: tuple[str, ...] = ()
    """If the row covers less than a layer: the matching controls, whose rows are compared."""
    why: dict[ServiceModel, Text] = Field(default_factory=dict)
    """Why ours differs, by service model; for every difference and nothing else."""


class PublishedMatrix(FrozenModel):
    """A responsibility matrix that a provider publishes."""

    id: Text
    provider: ProviderName
    publisher: Text
    title: Text
    url: Text
    date: date
    """When the page was last changed or reviewed, as stated on the page."""
    form: Text
    """How it is published, and how reliable the cells here are."""
    models: tuple[ServiceModel, ...]
    rows: Annotated[tuple[PublishedRow, ...], Field(min_length=1)]


class Note(FrozenModel):
    """What a provider states about responsibility outside a matrix."""

    provider: ProviderName
    title: Text
    url: Text
    says: Annotated[tuple[Text, ...], Field(min_length=1)]


class Published(FrozenModel):
    """``published.yaml``."""

    matrices: tuple[PublishedMatrix, ...]
    notes: tuple[Note, ...]

    def matrix(self, id: str) -> PublishedMatrix | None:
        """The matrix with that id."""
        return next((matrix for matrix in self.matrices if matrix.id == id), None)


@dataclass(frozen=True)
class ComparedCell:
    """One cell of a published matrix and ours."""

    row: str
    model: ServiceModel
    published: PublishedCell
    ours: ResponsibilityCell
    about: tuple[str, ...]
    """The layers or controls of ours that were compared."""
    why: str | None
    """Why ours differs; ``None`` if it does not."""


def compare(matrix: PublishedMatrix, catalogue: Catalogue) -> Iterator[ComparedCell]:
    """Every cell of the matrix compared with ours, in the matrix's order."""
    for row in matrix.rows:
        for model, cell in zip(matrix.models, row.cells, strict=True):
            ours = _ours(row, model, catalogue)
            why = row.why[model] if ours != cell else None
            yield ComparedCell(row.name, model, cell, ours, row.layers or row.controls, why)


def load_published(catalogue: Catalogue, folder: Path | None = None) -> Published:
    """Reads ``published.yaml`` of a folder; ``None``: the built-in one.

    Raises :class:`~scanner.base.yaml.DocumentError` with every error, each with file and line.
    """
    root = folder or Path(str(files("rules")))
    document = read(root / "published.yaml", str((folder or Path("rules")) / "published.yaml"))
    published = document.validate(Published)
    problems = [
        problem
        for number, matrix in enumerate(published.matrices)
        for index, row in enumerate(matrix.rows)
        for problem in _problems(document, matrix, row, catalogue, ("matrices", number, "rows", index))
    ]
    if problems:
        raise DocumentError(problems)
    return published


def _ours(row: PublishedRow, model: ServiceModel, catalogue: Catalogue) -> ResponsibilityCell:
    cells: set[ResponsibilityCell] = {catalogue.layers[layer].default[model] for layer in row.layers}
    cells |= {catalogue.controls[control].responsibility[model] for control in row.controls}
    parties = cells - {"none"}
    if not parties:
        return "none"
    return parties.pop() if len(parties) == 1 else "both"


def _problems(
    document: Document,
    matrix: PublishedMatrix,
    row: PublishedRow,
    catalogue: Catalogue,
    at: tuple[str | int, ...],
) -> Iterator[Problem]:
    if len(row.cells) != len(matrix.models):
        message = f"{row.name}: {len(row.cells)} cells for {len(matrix.models)} service models"
        yield document.problem(message, *at, "cells")
        return
    if bool(row.layers) == bool(row.controls):
        yield document.problem(f"{row.name}: must name either layers or controls", *at)
        return
    unknown = False
    for field, names, known in (
        ("layers", row.layers, list(catalogue.layers)),
        ("controls", row.controls, list(catalogue.controls)),
    ):
        for index, name in enumerate(names):
            if name not in known:
                unknown = True
                hint = suggestion(name, known)
                message = f"{row.name}: unknown {field.removesuffix('s')} {name!r}{hint}"
                yield document.problem(message, *at, field, index)
    if unknown:
        return
    for model, cell in zip(matrix.models, row.cells, strict=True):
        ours = _ours(row, model, catalogue)
        if ours != cell and model not in row.why:
            message = f"{row.name}: {model} is {cell} there and {ours} here; give the reason under why"
            yield document.problem(message, *at)
        if ours == cell and model in row.why:
            yield document.problem(f"{row.name}: {model} does not differ; remove it", *at, "why", model)
    for model in row.why:
        if model not in matrix.models:
            yield document.problem(f"{row.name}: the matrix has no column {model}", *at, "why", model)
