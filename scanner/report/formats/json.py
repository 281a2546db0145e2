"""The JSON report, ``gapscan.report/v2``: stable, versioned, sorted by uid, written as a stream."""

from __future__ import annotations

import json
from typing import TextIO

from scanner.report.model import Report


def render(report: Report, out: TextIO) -> None:
    """Writes the report, one finding a line; holds no more than one in memory at a time."""
    head = report.head.model_dump(mode="json", by_alias=True)
    out.write(json.dumps(head, indent=1, ensure_ascii=False).removesuffix("\n}"))
    out.write(',\n "findings": [')
    separator = "\n  "
    for line in report.findings.lines():
        out.write(separator + line.decode())
        separator = ",\n  "
    out.write("\n ]\n}\n")
