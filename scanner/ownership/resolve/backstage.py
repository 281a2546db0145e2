"""Owners from a Backstage catalog: the entity that names a resource, and its owner.

Descriptor format: https://backstage.io/docs/features/software-catalog/descriptor-format
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from scanner.base.yaml import Document, DocumentError, read_all
from scanner.ownership.file.schema import InferenceSource, Settings
from scanner.ownership.file.sources import SourceFiles

MAX_FILES = 20_000
"""More files than this indicate a wrong pattern."""


def read_catalogs(sources: SourceFiles, settings: Settings) -> Mapping[str, tuple[str, str]]:
    """Owner and place (file:line) by resource id or name, in lower case; the first entity that names it wins.

    Mistakes are recorded in ``sources``; two entities with different owners that name one resource are one.
    """
    owners: dict[str, tuple[str, str]] = {}
    for index, source in enumerate(settings.inferred):
        if source.from_ != "backstage":
            continue
        for number, pattern in enumerate(source.files):
            place = ("settings", "inferred", index, "files", number)
            paths = _files(sources, pattern, place)
            for path in paths:
                for resource, owner, document, line in _entities(sources, source, path):
                    name = path.absolute().relative_to(sources.folder).as_posix()
                    known = owners.setdefault(resource, (owner, f"{name}:{line}"))
                    if known[0] != owner:
                        message = f"{resource}: owned by {owner} here, but by {known[0]} in {known[1]}"
                        sources.problems.append(document.problem(message, *_at(document, line)))
    return owners


def _files(sources: SourceFiles, pattern: str, place: tuple[str | int, ...]) -> list[Path]:
    try:
        found = sorted(one for one in sources.folder.glob(pattern) if one.is_file())
    except ValueError as error:
        sources.problem(f"{pattern}: {str(error).lower()}", *place)
        return []
    if not found:
        sources.problem(f"{pattern} matches no file", *place)
    elif len(found) > MAX_FILES:
        sources.problem(f"{pattern} matches more than {MAX_FILES} files", *place)
        return []
    root = sources.folder.resolve()
    return [one for one in found if one.resolve().is_relative_to(root)]


def _entities(
    sources: SourceFiles, source: InferenceSource, path: Path
) -> Iterator[tuple[str, str, Document, int]]:
    """Every resource that an entity of the file names, with the owner and place of the entity."""
    try:
        documents = read_all(path)
    except DocumentError as error:
        sources.problems.extend(error.problems)
        return
    for document in documents:
        named = _text(document.value, "metadata", "annotations", source.annotation)
        if named is None:
            continue
        line = document.line("metadata", "annotations", source.annotation)
        owner = _text(document.value, "spec", "owner")
        if owner is None:
            message = f"an entity with resources ({source.annotation}) needs a spec.owner"
            sources.problems.append(document.problem(message, "metadata", "annotations", source.annotation))
            continue
        for resource in named.split(","):
            if resource.strip():
                yield resource.strip().lower(), team_name(owner), document, line


def team_name(reference: str) -> str:
    """The name in an entity reference: ``group:default/payments`` is ``payments``."""
    return reference.rpartition("/")[2].rpartition(":")[2].strip()


def _text(value: Any, *keys: str) -> str | None:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) and value.strip() else None


def _at(document: Document, line: int) -> tuple[str | int, ...]:
    return next((loc for loc, number in document.lines.items() if number == line), ())
