"""Renews review dates in place: only the lines concerned change."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from scanner.base.yaml import DocumentError, Problem
from scanner.ownership.file.file import Line, OwnershipFile
from scanner.ownership.file.schema import OwnerText

_LINE_END = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")
"""Line breaks in YAML."""

Place = tuple[int, int]
"""Line and column, from 0."""


@dataclass(frozen=True)
class _Edit:
    """A replacement of the text between two places."""

    start: Place
    end: Place
    text: str


def renewed(
    root: Path,
    file: OwnershipFile,
    chosen: Callable[[Line[OwnerText]], bool],
    reviewed: date,
    approval: str,
) -> Mapping[Path, str]:
    """The new text of every file with a chosen line, with its ``reviewed`` and ``approval`` set.

    Comments, order and everything else are unchanged. Raises
    :class:`~scanner.base.yaml.DocumentError` where a line cannot be changed in place.
    """
    lines: dict[str, set[int]] = defaultdict(set)
    for line in file.owners:
        if chosen(line):
            lines[line.file].add(line.number)
    return {
        root.parent / name: _changed(root.parent / name, name, numbers, reviewed, approval)
        for name, numbers in sorted(lines.items())
    }


def _changed(path: Path, name: str, numbers: set[int], reviewed: date, approval: str) -> str:
    text = path.read_text(encoding="utf-8")
    values = {"reviewed": reviewed.isoformat(), "approval": _quoted(approval)}
    edits: list[_Edit] = []
    for entry in _owners(yaml.compose(text, Loader=yaml.SafeLoader)):
        number = entry.start_mark.line + 1
        if number in numbers:
            made = [_set(entry, key, value) for key, value in values.items()]
            for edit in made:
                if not _at(entry.start_mark) <= edit.start <= edit.end <= _at(entry.end_mark):
                    message = "the review is set through a YAML alias: edit it by hand"
                    raise DocumentError([Problem(name, number, message)])
            edits.extend(made)
    new = _apply(text, edits)
    before = _without_reviews(text)
    if before is None or _without_reviews(new) != before:
        raise DocumentError([Problem(name, min(numbers), "cannot be changed in place: edit it by hand")])
    return new


def _owners(root: Any) -> list[Any]:
    return next((list(value.value) for key, value in root.value if key.value == "owners"), [])


def _without_reviews(text: str) -> Any:
    """The content that a renewal must not change; ``None`` if the text is not an ownership file."""
    try:
        value = yaml.safe_load(text)
        for line in value["owners"]:
            line.pop("reviewed", None)
            line.pop("approval", None)
    except (yaml.YAMLError, TypeError, KeyError, AttributeError):
        return None
    return value


def _set(entry: Any, key: str, value: str) -> _Edit:
    """Replaces the value of a key, or adds the key: last in a flow mapping, first in a block.

    (The last value of a block may end at the start of a later line, after comments.)
    """
    for known, node in entry.value:
        if known.value == key:
            return _Edit(_at(node.start_mark), _at(node.end_mark), value)
    if entry.flow_style:
        end = _at(entry.value[-1][1].end_mark)
        return _Edit(end, end, f", {key}: {value}")
    first = entry.value[0][0].start_mark
    return _Edit(_at(first), _at(first), f"{key}: {value}\n{' ' * first.column}")


def _at(mark: Any) -> Place:
    return mark.line, mark.column


def _quoted(text: str) -> str:
    return json.dumps(text)


def _apply(text: str, edits: list[_Edit]) -> str:
    starts = [0, *(end.end() for end in _LINE_END.finditer(text))]

    def position(place: Place) -> int:
        return starts[place[0]] + place[1]

    for edit in sorted(edits, key=lambda edit: (edit.start, edit.text), reverse=True):
        text = text[: position(edit.start)] + edit.text + text[position(edit.end) :]
    return text
