"""Reads the root ownership file and the files it includes, and merges them.

Each section of the merged file is the concatenation of the files' sections; :class:`SourceFiles` maps each
position back to its file and line.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from scanner.base.yaml import Document, DocumentError, Problem, parse_bytes, read_bytes
from scanner.ownership.file.schema import IncludedText, OwnershipText

MAX_FILES = 5_000
"""More files than this indicate a wrong pattern."""

_LISTS = ("owners", "documents", "attestations", "exceptions", "not_applicable")
_RENAMED = {"statements": "attestations"}
"""Keys of earlier versions of the format, and their new names."""
_NAMED = {"teams": "team", "scopes": "scope", "contracts": "contract"}
NOT_FOR_WAIVERS = {
    "tags": "cannot select by tags: anyone who can set tags could waive a control",
    "region": "cannot select by region: use provider, path, account, kind or resource",
    "service": "cannot select by service: use provider, path, account, kind or resource",
}


@dataclass(frozen=True)
class SourceFile:
    """A file that was read."""

    name: str
    """Its name in findings: relative to the root file's folder."""
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
    """By section: the merged position at which each file's entries begin."""
    _holder: dict[tuple[str, str], SourceFile] = field(default_factory=dict)
    """By section and name: the file that defines the entry."""

    @property
    def digest(self) -> str:
        """SHA-256 of the content of a single file, or of the names and contents of all files."""
        if len(self.files) == 1:
            return self.files[0].digest
        names = "\n".join(f"{file.digest} {file.name}" for file in sorted(self.files, key=lambda f: f.name))
        return hashlib.sha256(names.encode()).hexdigest()

    def problem(self, message: str, *loc: str | int) -> None:
        """Records a mistake at a merged place; the message starts with the place in its own file."""
        file, own = self.place(*loc)
        named = own[:-1] if len(own) > 2 and isinstance(own[-1], int) else own
        self.problems.append(file.document.problem(f"{'.'.join(map(str, named))}: {message}", *own))

    def line(self, *loc: str | int) -> int:
        """The line of a merged place in its own file."""
        file, own = self.place(*loc)
        return file.document.line(*own)

    def raw(self, section: str, position: int) -> Mapping[str, Any]:
        """An entry of a section as written in its file."""
        file, own = self.place(section, position)
        return dict(file.document.value[section][own[1]])

    def place(self, *loc: str | int) -> tuple[SourceFile, tuple[str | int, ...]]:
        """The file that contains a place of the merged file, and the place in that file."""
        section = str(loc[0]) if loc else ""
        if len(loc) > 1 and section in _LISTS and isinstance(loc[1], int):
            starts = self._starts[section]
            number = max(index for index, start in enumerate(starts) if start <= loc[1])
            return self.files[number], (section, loc[1] - starts[number], *loc[2:])
        if len(loc) > 1 and section in _NAMED:
            return self._holder[section, str(loc[1])], loc
        return self.files[0], loc

    def merge(self) -> OwnershipText:
        """All files as one text. A name that two files define is recorded as a mistake."""
        merged: dict[str, Any] = {}
        for section in _LISTS:
            entries: list[Any] = []
            starts = self._starts[section] = []
            for file in self.files:
                starts.append(len(entries))
                entries.extend(getattr(file.text, section))
            merged[section] = tuple(entries)
        for section, label in _NAMED.items():
            named: dict[str, Any] = {}
            for file in self.files:
                for name, entry in getattr(file.text, section).items():
                    other = self._holder.setdefault((section, name), file)
                    if other is not file:
                        message = f"{section}.{name}: {label} {name} is already defined in {other.name}"
                        self.problems.append(file.document.problem(message, section, name))
                    named.setdefault(name, entry)
            merged[section] = named
        root = self.files[0].text
        assert isinstance(root, OwnershipText)
        return root.model_copy(update=merged)


def read_sources(path: Path) -> SourceFiles:
    """The root file and all files that it includes. Raises :class:`~scanner.base.yaml.DocumentError`."""
    sources = SourceFiles(path.absolute().parent)
    valid = _Reader(sources).add(path, path.name, ())
    if not valid:
        raise DocumentError(sources.problems)
    return sources


@dataclass
class _Reader:
    """Reads files and collects their mistakes, so that one run reports all of them."""

    sources: SourceFiles
    _known: set[Path] = field(default_factory=set)

    def add(self, path: Path, name: str, chain: tuple[str, ...]) -> bool:
        """Reads a file and the files it includes; returns whether the file itself is valid."""
        self._known.add(path.resolve())
        try:
            content = read_bytes(path, str(path))
            document = parse_bytes(content, str(path))
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
            # Its includes are still read, so that one run reports every mistake.
            text, valid = model.model_construct(include=_patterns(document.value)), False
        digest = hashlib.sha256(content).hexdigest()
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
            message = f"include: {pattern}: {str(error).lower()}"
            self.sources.problems.append(document.problem(message, *place))
            return
        if not found:
            self.sources.problems.append(document.problem(f"include: {pattern} matches no file", *place))
        for path in found:
            resolved = path.resolve()
            if not resolved.is_relative_to(self.sources.folder.resolve()):
                message = f"include: {pattern} matches a file outside the ownership file's folder"
                self.sources.problems.append(document.problem(message, *place))
                continue
            name = path.absolute().relative_to(self.sources.folder).as_posix()
            if name in chain:
                message = f"include: circular: {' → '.join((*chain[chain.index(name) :], name))}"
                self.sources.problems.append(document.problem(message, *place))
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
    """The include patterns of an invalid file, as far as they are valid."""
    written = value.get("include") if isinstance(value, dict) else None
    listed = written if isinstance(written, list) else [written]
    return tuple(
        one for one in listed if isinstance(one, str) and one and not one.startswith(("/", ".", "~"))
    )


def _misplaced(document: Document) -> Iterator[Problem]:
    """Renamed keys, and known keys that are not allowed where they are."""
    for old, new in _RENAMED.items():
        if isinstance(document.value, dict) and old in document.value:
            yield document.problem(f"{old}: is called {new} now: rename the key", old)
    for section in ("exceptions", "not_applicable"):
        for index, entry in entries(document.value, section):
            where = entry.get("where")
            for key in where if isinstance(where, dict) else ():
                if key in NOT_FOR_WAIVERS:
                    message = f"{section}.{index}.where: {NOT_FOR_WAIVERS[key]}"
                    yield document.problem(message, section, index, "where", key)


def _without_misplaced(document: Document) -> Document:
    """The document without what :func:`_misplaced` reports, so that the rest is checked too."""
    value = deepcopy(document.value)
    if isinstance(value, dict):
        value = {key: entry for key, entry in value.items() if key not in _RENAMED}
    for section in ("exceptions", "not_applicable"):
        for _, entry in entries(value, section):
            where = entry.get("where")
            if isinstance(where, dict) and (wrong := where.keys() & NOT_FOR_WAIVERS.keys()):
                entry["where"] = {key: where[key] for key in where if key not in wrong}
                if not entry["where"]:
                    del entry["where"]
    return replace(document, value=value)
