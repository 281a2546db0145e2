"""The files that make up an ownership file: the root, and what it includes, read and put together.

Every entry keeps its place: a section of the whole is a list of the files' own sections one after another,
and :class:`SourceFiles` tells the file and line behind each position.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from scanner.base.yaml import Document, DocumentError, Problem, read
from scanner.ownership.file.schema import IncludedText, OwnershipText

MAX_FILES = 5_000
"""More files than this are taken for a mistaken pattern."""

_LISTS = ("owners", "documents", "statements", "exceptions", "not_applicable")
_NAMED = {"teams": "team", "scopes": "scope", "contracts": "contract"}
NOT_FOR_EXCUSES = {
    "tags": "cannot select by tags: whoever can tag must not be able to excuse",
    "region": "cannot select by region: use provider, path, account, kind or resource",
    "service": "cannot select by service: use provider, path, account, kind or resource",
}


@dataclass(frozen=True)
class SourceFile:
    """One file."""

    name: str
    """As findings call it: relative to the root file's folder."""
    document: Document
    text: IncludedText
    digest: str
    """SHA-256 of its content."""


@dataclass
class SourceFiles:
    """All files of an ownership file, the root first."""

    folder: Path
    files: list[SourceFile] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    _starts: dict[str, list[int]] = field(default_factory=dict)
    """By section: the position in the whole at which each file's entries begin."""
    _holder: dict[tuple[str, str], SourceFile] = field(default_factory=dict)
    """By section and name: the file that has the entry."""

    @property
    def digest(self) -> str:
        """SHA-256 of the content: of the one file, or of all files' names and contents."""
        if len(self.files) == 1:
            return self.files[0].digest
        told = "\n".join(f"{file.digest} {file.name}" for file in sorted(self.files, key=lambda f: f.name))
        return hashlib.sha256(told.encode()).hexdigest()

    def problem(self, message: str, *loc: str | int) -> None:
        """Notes a mistake at a place of the whole; the message begins with the place as its file has it."""
        file, own = self.place(*loc)
        named = own[:-1] if len(own) > 2 and isinstance(own[-1], int) else own
        self.problems.append(file.document.problem(f"{'.'.join(map(str, named))}: {message}", *own))

    def line(self, *loc: str | int) -> int:
        """The line of a place of the whole in its own file."""
        file, own = self.place(*loc)
        return file.document.line(*own)

    def raw(self, section: str, position: int) -> Mapping[str, Any]:
        """An entry of a section as its file has it."""
        file, own = self.place(section, position)
        return dict(file.document.value[section][own[1]])

    def place(self, *loc: str | int) -> tuple[SourceFile, tuple[str | int, ...]]:
        """The file that holds a place of the whole, and the place in that file."""
        section = str(loc[0]) if loc else ""
        if len(loc) > 1 and section in _LISTS and isinstance(loc[1], int):
            starts = self._starts[section]
            number = max(index for index, start in enumerate(starts) if start <= loc[1])
            return self.files[number], (section, loc[1] - starts[number], *loc[2:])
        if len(loc) > 1 and section in _NAMED:
            return self._holder[section, str(loc[1])], loc
        return self.files[0], loc

    def whole(self) -> OwnershipText:
        """Everything as one text. A name that two files give is noted as a mistake."""
        merged: dict[str, Any] = {}
        for section in _LISTS:
            entries: list[Any] = []
            starts = self._starts[section] = []
            for file in self.files:
                starts.append(len(entries))
                entries.extend(getattr(file.text, section))
            merged[section] = tuple(entries)
        for section, noun in _NAMED.items():
            named: dict[str, Any] = {}
            for file in self.files:
                for name, entry in getattr(file.text, section).items():
                    other = self._holder.setdefault((section, name), file)
                    if other is not file:
                        told = f"{section}.{name}: {noun} {name} is already in {other.name}"
                        self.problems.append(file.document.problem(told, section, name))
                    named.setdefault(name, entry)
            merged[section] = named
        root = self.files[0].text
        assert isinstance(root, OwnershipText)
        return root.model_copy(update=merged)


def read_sources(path: Path) -> SourceFiles:
    """The root file and all that it includes. Raises :class:`~scanner.base.yaml.DocumentError`."""
    sources = SourceFiles(path.absolute().parent)
    whole = _Reading(sources).add(path, path.name, ())
    if not whole:
        raise DocumentError(sources.problems)
    return sources


@dataclass
class _Reading:
    """Files on their way; mistakes are gathered, so that one run tells them all."""

    sources: SourceFiles
    _known: set[Path] = field(default_factory=set)

    def add(self, path: Path, name: str, chain: tuple[str, ...]) -> bool:
        """Reads a file and what it includes; tells whether the file itself is in order."""
        self._known.add(path.resolve())
        try:
            document = read(path)
        except DocumentError as error:
            self.sources.problems.extend(error.problems)
            return False
        self.sources.problems.extend(_misplaced(document))
        valid = True
        model = OwnershipText if not chain else IncludedText
        try:
            text = _without_misplaced(document).validate(model)
        except DocumentError as error:
            self.sources.problems.extend(error.problems)
            # What it includes is read all the same: one run is to tell every mistake.
            text, valid = model.model_construct(include=_patterns(document.value)), False
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        self.sources.files.append(SourceFile(name, document, text, digest))
        for index, pattern in enumerate(text.include):
            self._include(document, path.parent, pattern, (*chain, name), index)
        return valid

    def _include(
        self, document: Document, folder: Path, pattern: str, chain: tuple[str, ...], index: int
    ) -> None:
        place = ("include", index)
        try:
            found = sorted(one for one in folder.glob(pattern) if one.is_file())
        except ValueError as error:
            told = f"include: {pattern}: {str(error).lower()}"
            self.sources.problems.append(document.problem(told, *place))
            return
        if not found:
            self.sources.problems.append(document.problem(f"include: {pattern} matches no file", *place))
        for path in found:
            resolved = path.resolve()
            if not resolved.is_relative_to(self.sources.folder.resolve()):
                told = f"include: {pattern} leads out of the folder of the ownership file"
                self.sources.problems.append(document.problem(told, *place))
                continue
            name = path.absolute().relative_to(self.sources.folder).as_posix()
            if name in chain:
                told = f"include: goes round in a circle: {' → '.join((*chain[chain.index(name) :], name))}"
                self.sources.problems.append(document.problem(told, *place))
            elif resolved not in self._known:
                if len(self._known) >= MAX_FILES:
                    raise document.error(f"include: more than {MAX_FILES} files", *place)
                self.add(path, name, chain)


def entries(value: Any, section: str) -> Iterator[tuple[int, dict[Any, Any]]]:
    """The entries of a list section of a raw document that are mappings."""
    found = value.get(section) if isinstance(value, dict) else None
    for index, entry in enumerate(found if isinstance(found, list) else ()):
        if isinstance(entry, dict):
            yield index, entry


def _patterns(value: Any) -> tuple[str, ...]:
    """The patterns that a file which is not in order includes, as far as they can be told."""
    written = value.get("include") if isinstance(value, dict) else None
    listed = written if isinstance(written, list) else [written]
    return tuple(
        one for one in listed if isinstance(one, str) and one and not one.startswith(("/", ".", "~"))
    )


def _misplaced(document: Document) -> Iterator[Problem]:
    """Keys of the format that do not belong where they are."""
    for section in ("exceptions", "not_applicable"):
        for index, entry in entries(document.value, section):
            where = entry.get("where")
            for key in where if isinstance(where, dict) else ():
                if key in NOT_FOR_EXCUSES:
                    told = f"{section}.{index}.where: {NOT_FOR_EXCUSES[key]}"
                    yield document.problem(told, section, index, "where", key)


def _without_misplaced(document: Document) -> Document:
    """The document without what :func:`_misplaced` tells, so that the rest is checked too."""
    value = deepcopy(document.value)
    for section in ("exceptions", "not_applicable"):
        for _, entry in entries(value, section):
            where = entry.get("where")
            if isinstance(where, dict) and (wrong := where.keys() & NOT_FOR_EXCUSES.keys()):
                entry["where"] = {key: where[key] for key in where if key not in wrong}
                if not entry["where"]:
                    del entry["where"]
    return replace(document, value=value)
