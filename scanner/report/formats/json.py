"""The JSON report, ``gapscan.report/v2``: stable, versioned, sorted by uid, written as a stream."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import TextIO

from scanner.report.model import Report

_BATCH = 256
"""Lines that are written at a time."""


def render(report: Report, out: TextIO) -> None:
    """Writes the report, one finding, row and blind spot a line; a few hundred are in memory at a time."""
    head = report.head
    described = head.model_dump(mode="json", by_alias=True, exclude={"blind_spots", "coverage"})
    out.write(json.dumps(described, indent=1, ensure_ascii=False).removesuffix("\n}"))
    _lines(out, "blind_spots", (spot.model_dump_json().encode() for spot in head.blind_spots))
    _lines(out, "coverage", (row.model_dump_json().encode() for row in head.coverage))
    _lines(out, "findings", report.findings.lines())
    out.write("\n}\n")


def _lines(out: TextIO, name: str, values: Iterator[bytes]) -> None:
    """A list, one of its values a line."""
    out.write(f',\n "{name}": [')
    separator = "\n  "
    while batch := list(islice(values, _BATCH)):
        out.write(separator)
        out.write(b",\n  ".join(batch).decode())
        separator = ",\n  "
    out.write("\n ]")
