"""Renewing review dates: the file is changed at the lines concerned, and nowhere else."""

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
"""What YAML takes for the end of a line."""

Place = tuple[int, int]
"""Line and column, from 0."""


@dataclass(frozen=True)
class _Edit:
    """Text that goes between two places."""

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
    """The new text of every file that has a chosen line: its ``reviewed`` and ``approval`` are set.

    Comments, order and everything else stay as they are. Raises
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
                    told = "an alias stands where the review would go: set it by hand"
                    raise DocumentError([Problem(name, number, told)])
            edits.extend(made)
    new = _apply(text, edits)
    before = _without_reviews(text)
    if before is None or _without_reviews(new) != before:
        raise DocumentError([Problem(name, min(numbers), "cannot be changed in place: set it by hand")])
    return new


def _owners(root: Any) -> list[Any]:
    return next((list(value.value) for key, value in root.value if key.value == "owners"), [])


def _without_reviews(text: str) -> Any:
    """Everything that a renewal leaves as it is; ``None`` where the text has not the form of a file."""
    try:
        value = yaml.safe_load(text)
        for line in value["owners"]:
            line.pop("reviewed", None)
            line.pop("approval", None)
    except (yaml.YAMLError, TypeError, KeyError, AttributeError):
        return None
    return value


def _set(entry: Any, key: str, value: str) -> _Edit:
    """Replaces the value of a key, or adds it: in braces after the last one, in a block before the first.

    (A block's last value may end at the beginning of a later line, after comments.)
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
