from __future__ import annotations

import shutil
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest

from scanner.catalogue.responsibility import Catalogue, load_catalogue

Edit = Callable[[str, str, str], None]


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the built-in catalogue, to be edited."""
    built_in = Path(str(files("rules")))
    shutil.copy(built_in / "responsibility.yaml", tmp_path)
    shutil.copytree(built_in / "controls", tmp_path / "controls")
    return tmp_path


@pytest.fixture
def edit(folder: Path) -> Edit:
    """Replaces one occurrence of a text, which must exist, in a file of the copy."""

    def replace(file: str, old: str, new: str) -> None:
        path = folder / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    return replace
