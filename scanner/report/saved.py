"""The head of a saved JSON report, validated."""

from __future__ import annotations

import json

from pydantic import ValidationError

from scanner.assess.report_file import ReportFile
from scanner.report.model import Head


def saved_head(report: ReportFile) -> Head:
    """The report without its findings. Raises :class:`~scanner.base.yaml.DocumentError` if it is damaged."""
    try:
        return Head.model_validate_json(json.dumps(report.head))
    except ValidationError as error:
        raise report.damaged(error) from None
