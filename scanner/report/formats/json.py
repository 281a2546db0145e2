"""The JSON report, ``gapscan.report/v2``: stable, versioned, sorted by uid, written as a stream."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TextIO

from scanner.report.model import Report


def render(report: Report, out: TextIO) -> None:
    """Writes the report, one finding, row and blind spot a line; holds no more than one finding in memory."""
    head = report.head
    described = head.model_dump(mode="json", by_alias=True, exclude={"blind_spots", "coverage"})
    out.write(json.dumps(described, indent=1, ensure_ascii=False).removesuffix("\n}"))
    _lines(out, "blind_spots", (spot.model_dump_json() for spot in head.blind_spots))
    _lines(out, "coverage", (row.model_dump_json() for row in head.coverage))
    _lines(out, "findings", (line.decode() for line in report.findings.lines()))
    out.write("\n}\n")


def _lines(out: TextIO, name: str, values: Iterable[str]) -> None:
    """A list, one of its values a line."""
    out.write(f',\n "{name}": [')
    separator = "\n  "
    for value in values:
        out.write(separator + value)
        separator = ",\n  "
    out.write("\n ]")
