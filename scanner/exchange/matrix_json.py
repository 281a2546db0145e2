"""The matrix as JSON, ``gapscan.matrix/v1``: sorted; the same report gives the same bytes."""

from __future__ import annotations

import json
from typing import Any, TextIO

from scanner.exchange.matrix import Column, MatrixCell, OwnershipMatrix

SCHEMA = "gapscan.matrix/v1"
"""The schema that the document names."""


def render(matrix: OwnershipMatrix, out: TextIO) -> None:
    """Writes the matrix; only one cell is serialised at a time."""
    report = matrix.scan.model_dump(
        mode="json", include={"id", "finished", "now", "version", "complete", "narrowed"}
    )
    head = {
        "schema": SCHEMA,
        "by": matrix.by,
        "report": report,
        "columns": [{**_key(column), "name": column.name} for column in matrix.columns],
    }
    out.write(json.dumps(head, indent=1, ensure_ascii=False).removesuffix("\n}"))
    out.write(',\n "cells": [')
    separator = "\n  "
    for (control, column), cell in matrix.cells.items():
        out.write(separator + json.dumps(_cell(control, column, cell), ensure_ascii=False))
        separator = ",\n  "
    out.write("\n ]\n}\n")


def _key(column: Column) -> dict[str, str]:
    if column.kind == "scope":
        return {"provider": column.provider, "scope": column.id}
    return {column.kind: column.id}


def _cell(control: str, column: Column, cell: MatrixCell) -> dict[str, Any]:
    return {
        "control": control,
        **_key(column),
        "state": cell.state,
        "evidence": cell.evidence,
        "owners": list(cell.owners),
        "rows": [row.model_dump(mode="json") for row in cell.rows],
    }
