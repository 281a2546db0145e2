"""The example of docs/exchange.md is correct."""

from __future__ import annotations

import re
from pathlib import Path

from scanner.exchange.columns import parse_columns
from scanner.exchange.draft import render
from scanner.exchange.owner_rows import draft_of
from scanner.exchange.table import find, read_tables
from tests.exchange.heads import catalogue
from tests.ownership.build import load

PAGE = Path(__file__).parents[2] / "docs" / "exchange.md"


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    text: str = found
    return text


def test_the_table_makes_the_file(tmp_path: Path) -> None:
    (columns,) = re.findall(r'owners\.csv --columns "(.*)"', PAGE.read_text(encoding="utf-8"))
    path = tmp_path / "owners.csv"
    path.write_text(block("csv"), encoding="utf-8")
    draft = draft_of(find(read_tables(path), parse_columns([columns]), path), catalogue(), "owners.csv")
    assert render(draft).replace(f"{tmp_path}/", "") == block("yaml")
    assert len(load(block("yaml")).owners) == 3
