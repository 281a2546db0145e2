# ruff: noqa: E501  (a table reads better unbroken)
"""Errors in files are reported with file, line and a suggestion."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pytest
from pydantic import BaseModel, ConfigDict, Field

from scanner.base.yaml import DocumentError, parse, read


class Place(BaseModel):
    model_config = ConfigDict(extra="forbid")
    account: str | None = None
    kind: str | None = None


class Line(BaseModel):
    model_config = ConfigDict(extra="forbid")
    controls: tuple[str, ...]
    where: Place | str | None = None
    kinds: Annotated[tuple[str, ...], Field(min_length=1)] = ("any",)


class File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    version: int
    owners: tuple[Line, ...] = ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("version: 1\nowners:\n- {controls: [a], where: {acount: 'x'}}", "f:3: owners.0.where.acount: unknown key; did you mean account?"),
        ("version: 1\nowners:\n- controls: [a]\n  where:\n    account: 011122223333", 'f:5: owners.0.where.account: expected text: write it in quotes: "011122223333"'),
        ("version: 1\n\nversion: 2", "f:3: version: duplicate key (first on line 1)"),
        ("version: 1\nowners: [", ": not valid YAML"),
        ("owners: []", "f:1: version: missing"),
        ("", "f:1: is empty"),
        ("- a", "f:1: expected a mapping of version, owners"),
        ("version: 1\n2: x", 'f:2: key 2: write it in quotes: "2"'),
        ("version: 1\nowners: !!python/object/apply:os.system [id]", "f:2: the tag tag:yaml.org,2002:python/object/apply:os.system is not allowed"),
        ("version: 1\nowners: 3", "f:2: owners: expected a list"),
        ("version: one", "f:1: version: expected a whole number"),
        (f"version: {'9' * 5000}", "f:1: cannot be read: a number of 5000 characters"),
        ("version: 1\nowners:\n- {controls: [a], kinds: []}", "f:3: owners.0.kinds: is empty"),
        ("version: !!python/name:os.system", "f:1: cannot be read"),
        ("a: &a {b: *a}", "contains itself"),
    ],
)  # fmt: skip
def test_errors_name_their_location(text: str, message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse(text, "f").validate(File)
    assert message in str(caught.value)


DEEP = {
    "a hundred lists": "[" * 100 + "]" * 100,
    "a hundred mappings": "{a: " * 100 + "}" * 100,
    "a hundred items": "- " * 100,
    "levels of indentation": "".join(f"{' ' * level}a:\n" for level in range(1_500)),
} | {
    f"{size} {part}": part * size for part in ("[", "- ", "{a: ", "? ", "[{a: ") for size in (1_500, 100_000)
}


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP)
def test_deep_nesting_is_rejected_with_our_message(text: str) -> None:
    with pytest.raises(DocumentError, match=r"^f:\d+: nested too deeply, or contains itself$"):
        parse(text, "f")


def test_long_texts_without_deep_nesting_are_accepted() -> None:
    lines = "\n".join(["- {controls: [a, b], where: {account: 'x'}}"] * 1000)
    assert len(parse(f"version: 1\nowners:\n{lines}", "f").validate(File).owners) == 1000


def test_all_errors_of_a_file_are_reported_together() -> None:
    with pytest.raises(DocumentError) as caught:
        parse("version: x\nowners:\n- {controls: 3}\nownrs: 1", "f").validate(File)
    assert [problem.line for problem in caught.value.problems] == [1, 3, 4]


def test_an_anchor_bomb_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scanner.base.yaml.MAX_NODES", 50_000)
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(DocumentError, match="too large after expanding its aliases"):
        parse("\n".join(lines), "f")


def test_unreadable_files_are_reported(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="no such file"):
        read(tmp_path / "absent.yaml")
    (tmp_path / "latin.yaml").write_bytes("a: é".encode("latin-1"))
    with pytest.raises(DocumentError, match="not UTF-8"):
        read(tmp_path / "latin.yaml")
    with pytest.raises(DocumentError, match="cannot be read"):
        read(tmp_path)
