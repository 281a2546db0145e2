"""What the documentation shows works as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scanner.catalogue.responsibility import load_catalogue
from scanner.ownership.file.load import load_ownership
from scanner.rule.examples import run_examples
from scanner.rule.packs import load_packs
from scanner.run.config import connections, load_config

ROOT = Path(__file__).parents[2]


def blocks(page: str, language: str) -> list[str]:
    """The code blocks of a page."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("page", ["README.md", "docs/ownership.md"])
def test_the_ownership_files_load(page: str, tmp_path: Path) -> None:
    files = [block for block in blocks(page, "yaml") if block.startswith("version:")]
    assert files
    for text in files:
        path = tmp_path / "ownership.yaml"
        path.write_text(text, encoding="utf-8")
        assert load_ownership(path, load_catalogue()).owners


def test_the_configuration_loads(tmp_path: Path) -> None:
    (text,) = blocks("docs/configuration.md", "yaml")
    (tmp_path / "ownership.yaml").write_text("version: 1\n", encoding="utf-8")
    path = tmp_path / "gapscan.yaml"
    path.write_text(text, encoding="utf-8")
    config = load_config(path)
    assert [request.provider for request in connections(config)] == ["aws", "aws", "azure", "gcp"]
    assert len(config.expected_unknowns) == 2


def test_the_rule_loads_and_its_examples_hold(tmp_path: Path) -> None:
    (text,) = blocks("docs/writing-rules.md", "yaml")
    path = tmp_path / "res" / "example.yaml"
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")
    (rule,) = load_packs([str(tmp_path)], load_catalogue()).rules.values()
    assert list(run_examples(rule)) == []


@pytest.mark.parametrize(
    "page", ["README.md", *sorted(str(p.relative_to(ROOT)) for p in ROOT.glob("docs/*.md"))]
)
def test_every_link_leads_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if not target.startswith("http"):
            assert ((ROOT / page).parent / target).exists(), target


def test_the_readme_shows_the_options_that_exist() -> None:
    shown = set(re.findall(r"(--[a-z]+(?:-[a-z]+)*)", (ROOT / "README.md").read_text(encoding="utf-8")))
    known = (ROOT / "docs" / "reference" / "command-line.md").read_text(encoding="utf-8")
    assert {option for option in shown if option not in known} == set()
