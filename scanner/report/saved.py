"""The head of a saved JSON report, validated."""

from __future__ import annotations

from pydantic import ValidationError

from scanner.assess.report_file import ReportFile
from scanner.report.model import Head


def saved_head(report: ReportFile, *, rows: bool = True) -> Head:
    """The report without its findings. Raises :class:`~scanner.base.yaml.DocumentError` if it is damaged.

    ``rows``: with its coverage rows, of which a large estate has many.
    """
    try:
        return Head.model_validate_json(report.head_text(rows=rows))
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"]))
        raise report.damaged(f"{place}: {problem['msg']}" if place else problem["msg"]) from None
