"""``gapscan schema``: JSON Schemas for editors and programs."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer


class What(StrEnum):
    """Files that have a schema."""

    rule = "rule"
    ownership = "ownership"
    config = "config"
    report = "report"


def json_schema(what: What) -> dict[str, Any]:
    """The JSON Schema of a file."""
    if what is What.rule:
        from scanner.rule.rule import RuleText

        return RuleText.model_json_schema(by_alias=True)
    if what is What.config:
        from scanner.run.config import Config

        return Config.model_json_schema()
    if what is What.ownership:
        from scanner.ownership.file.schema import schema_json

        schema: dict[str, Any] = schema_json()
        return schema
    from scanner.report.model import json_schema

    return json_schema()


def schema(what: Annotated[What, typer.Argument(help="Which file.")]) -> None:
    """Print the JSON Schema of rules, the ownership file, gapscan.yaml or the JSON report."""
    import json

    typer.echo(json.dumps(json_schema(what), indent=1, ensure_ascii=False))
