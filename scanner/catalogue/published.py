"""What the providers publish about who is responsible, set beside ours.

Reference data (``published.yaml``), each with its page and day. Nothing is ever judged by it.
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
    """One line of a provider's matrix, and what of ours it is about."""

    name: Text
    """As the provider calls it."""
    cells: tuple[PublishedCell, ...]
    """Whose it is, in the order of the matrix's service models."""
    layers: tuple[str, ...] = ()
    """The layers of ours that it is about: their defaults are compared."""
    controls: tuple[str, ...] = ()
    """Where it is about less than a layer: the controls, whose rows are compared."""
    why: dict[ServiceModel, Text] = Field(default_factory=dict)
    """Why ours differs, by service model; for every difference, and for nothing else."""


class PublishedMatrix(FrozenModel):
    """A responsibility matrix that a provider publishes."""

    id: Text
    provider: ProviderName
    publisher: Text
    title: Text
    url: Text
    date: date
    """When the page was last changed or reviewed, by its own word."""
    form: Text
    """How it is published, and how far the cells here can be relied on."""
    models: tuple[ServiceModel, ...]
    rows: Annotated[tuple[PublishedRow, ...], Field(min_length=1)]


class Note(FrozenModel):
    """What a provider says of responsibility apart from a matrix."""

    provider: ProviderName
    title: Text
    url: Text
    says: Annotated[tuple[Text, ...], Field(min_length=1)]


class Published(FrozenModel):
    """``published.yaml``."""

    matrices: tuple[PublishedMatrix, ...]
    notes: tuple[Note, ...]

    def matrix(self, id: str) -> PublishedMatrix | None:
        """The matrix of that id."""
        return next((matrix for matrix in self.matrices if matrix.id == id), None)


@dataclass(frozen=True)
class Compared:
    """One cell of a published matrix beside ours."""

    row: str
    model: ServiceModel
    published: PublishedCell
    ours: ResponsibilityCell
    about: tuple[str, ...]
    """The layers or controls of ours that were compared."""
    why: str | None
    """Why ours differs; ``None`` where it does not."""


def compare(matrix: PublishedMatrix, catalogue: Catalogue) -> Iterator[Compared]:
    """Every cell of the matrix beside ours, in its order."""
    for row in matrix.rows:
        for model, cell in zip(matrix.models, row.cells, strict=True):
            ours = _ours(row, model, catalogue)
            why = row.why[model] if ours != cell else None
            yield Compared(row.name, model, cell, ours, row.layers or row.controls, why)


def load_published(catalogue: Catalogue, folder: Path | None = None) -> Published:
    """Reads ``published.yaml`` of a folder; ``None``: the built-in one.

    Raises :class:`~scanner.base.yaml.DocumentError` with every mistake, each with file and line.
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
    meant = cells - {"none"}
    if not meant:
        return "none"
    return meant.pop() if len(meant) == 1 else "both"


def _problems(
    document: Document,
    matrix: PublishedMatrix,
    row: PublishedRow,
    catalogue: Catalogue,
    at: tuple[str | int, ...],
) -> Iterator[Problem]:
    if len(row.cells) != len(matrix.models):
        told = f"{row.name}: {len(row.cells)} cells for {len(matrix.models)} service models"
        yield document.problem(told, *at, "cells")
        return
    if bool(row.layers) == bool(row.controls):
        yield document.problem(f"{row.name}: is about either layers or controls", *at)
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
                told = f"{row.name}: no {field.removesuffix('s')} {name!r}{hint}"
                yield document.problem(told, *at, field, index)
    if unknown:
        return
    for model, cell in zip(matrix.models, row.cells, strict=True):
        ours = _ours(row, model, catalogue)
        if ours != cell and model not in row.why:
            told = f"{row.name}: {model} is {cell} there and {ours} here, and why is not said"
            yield document.problem(told, *at)
        if ours == cell and model in row.why:
            yield document.problem(f"{row.name}: {model} does not differ", *at, "why", model)
    for model in row.why:
        if model not in matrix.models:
            yield document.problem(f"{row.name}: the matrix has no column {model}", *at, "why", model)
