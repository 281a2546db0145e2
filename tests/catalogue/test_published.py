"""The responsibility matrices of the providers, compared with ours."""

from __future__ import annotations

import shutil
from importlib.resources import files
from pathlib import Path

import pytest

from scanner.base.yaml import DocumentError
from scanner.catalogue.published import Published, compare, load_published
from scanner.catalogue.responsibility import Catalogue
from tests.catalogue.conftest import Edit
from tests.catalogue.test_bad_catalogue import line_of


@pytest.fixture(scope="module")
def published(catalogue: Catalogue) -> Published:
    return load_published(catalogue)


@pytest.fixture
def edited(folder: Path) -> Path:
    shutil.copy(Path(str(files("rules"))) / "published.yaml", folder)
    return folder


def test_both_matrices_have_a_source_and_date(published: Published) -> None:
    found = {
        matrix.id: (matrix.publisher, matrix.date.isoformat(), len(matrix.rows))
        for matrix in published.matrices
    }
    assert found == {"azure": ("Microsoft", "2026-01-12", 10), "google": ("Google Cloud", "2023-08-21", 16)}
    assert all(matrix.url.startswith("https://") and matrix.form for matrix in published.matrices)
    assert {note.provider for note in published.notes} == {"aws", "gcp"}
    assert published.matrix("aws") is None


@pytest.mark.parametrize(
    ("matrix", "row", "model", "cells"),
    [
        ("azure", "Operating system", "paas", ("provider", "provider")),
        ("azure", "Network controls", "paas", ("both", "both")),
        ("azure", "Client devices", "saas", ("both", "customer")),
        ("azure", "Applications", "saas", ("both", "provider")),
        ("google", "Identity", "paas", ("provider", "customer")),
        ("google", "Audit logging", "iaas", ("provider", "customer")),
        ("google", "Hardware", "iaas", ("provider", "provider")),
    ],
)
def test_well_known_cells(
    catalogue: Catalogue, published: Published, matrix: str, row: str, model: str, cells: tuple[str, str]
) -> None:
    chosen = published.matrix(matrix)
    assert chosen is not None
    (cell,) = (one for one in compare(chosen, catalogue) if (one.row, one.model) == (row, model))
    assert (cell.published, cell.ours) == cells
    assert (cell.why is None) == (cells[0] == cells[1])


def test_every_difference_from_a_published_matrix_has_a_reason(
    catalogue: Catalogue, published: Published
) -> None:
    for matrix in published.matrices:
        cells = list(compare(matrix, catalogue))
        assert len(cells) == len(matrix.rows) * len(matrix.models)
        for cell in cells:
            assert (cell.why is not None) == (cell.published != cell.ours), (matrix.id, cell)


@pytest.mark.parametrize(
    ("old", "new", "at", "message"),
    [
        (
            "layers: [data]",
            "layers: [date]",
            "layers: [date]",
            "Customer data: unknown layer 'date'; did you mean data?",
        ),
        (
            "controls: [app.change-control]",
            "controls: [app.change-contol]",
            "app.change-contol",
            "unknown control 'app.change-contol'; did you mean app.change-control?",
        ),
        (
            "cells: [customer, customer, customer, both]",
            "cells: [customer, customer, both]",
            "cells: [customer, customer, both]",
            "Client devices: 3 cells for 4 service models",
        ),
        (
            "cells: [customer, customer, provider, provider]\n        layers: [os]",
            "cells: [customer, provider, provider, provider]\n        layers: [os]",
            "name: Operating system",
            "Operating system: iaas is provider there and customer here; give the reason under why",
        ),
        (
            "        layers: [data]\n",
            "        layers: [data]\n        why: {iaas: Because.}\n",
            "why: {iaas: Because.}",
            "Customer data: iaas does not differ; remove it",
        ),
        (
            "        layers: [data]\n",
            "        layers: [data]\n        why: {faas: Because.}\n",
            "why: {faas: Because.}",
            "Customer data: the matrix has no column faas",
        ),
        (
            "        layers: [data]\n",
            "        layers: [data]\n        controls: [app.change-control]\n",
            "name: Customer data",
            "Customer data: must name either layers or controls",
        ),
        ("date: 2026-01-12", "date: yesterday", "date: yesterday", "expected a date such as 2026-11-22"),
    ],
)
def test_errors_name_their_location(
    catalogue: Catalogue, edited: Path, edit: Edit, old: str, new: str, at: str, message: str
) -> None:
    edit("published.yaml", old, new)
    with pytest.raises(DocumentError) as caught:
        load_published(catalogue, edited)
    path = edited / "published.yaml"
    (problem,) = caught.value.problems
    assert message in problem.message
    assert (problem.file, problem.line) == (str(path), line_of(path, at))
