"""Reading snapshots: a file is checked as a whole, and its resources are read when they are needed."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from pydantic import ValidationError
from zstandard import ZstdDecompressor, ZstdError

from scanner.base.files import open_file
from scanner.model.evidence import BlindSpot
from scanner.model.inventory import Inventory, ResourceNumbers, SelectableResources, Selection
from scanner.model.resources.base import Resource
from scanner.model.resources.kinds import KINDS, resource_of
from scanner.run.scan import Collected
from scanner.run.snapshot_format import END, RESOURCE, SCHEMA, SPOT, SnapshotEnd, SnapshotHead

_FAMILY = SCHEMA.rpartition("/v")[0]
_MAGIC = b"\x28\xb5\x2f\xfd"
_LONGEST = 1 << 26
"""The maximum length of a line in bytes; a longer one is never held in memory."""
_WINDOW = 1 << 23
"""The maximum compression window in bytes; a file that needs more was not written by gapscan."""
_SPOTS = 1 << 25
"""The maximum length of all blind spots in bytes, some 100,000 of them: they are held in memory."""
_SMALL, _RATIO = 1 << 28, 5_000
"""A snapshot may hold so many bytes, or so many times its own size: JSON compresses to a hundredth."""


class SnapshotError(Exception):
    """A file that is not a snapshot, or is damaged. The message names the file."""

    exit_code = 2


def read_head(path: Path) -> SnapshotHead:
    """The head of a snapshot; the rest is neither read nor checked. Raises :class:`SnapshotError`."""
    with closing(iter(_Lines(path))) as lines:
        return _head(path, next(lines))


def read_snapshot(path: Path) -> Collected:
    """The inventory of a snapshot; its resources are read from the file at each iteration.

    Checks the whole file first: its end, numbers, digest, and the headers of its resources. Raises
    :class:`SnapshotError` if the file is truncated, damaged, no snapshot, or written by a newer gapscan.
    Iterating the resources raises it too if one of them is invalid, or the file has changed since.
    """
    from scanner.model.stored import header_of  # loads msgspec, which other commands do without

    checked = _Lines(path)
    lines = iter(checked)
    head = _head(path, next(lines))
    spots: list[BlindSpot] = []
    numbers: Counter[tuple[str, str, str, str]] = Counter()
    for number, line in enumerate(lines, 2):
        try:
            if line.startswith(RESOURCE):
                header = header_of(_resource(line))
                numbers[header.provider, header.scope, header.kind, header.type] += 1
            else:
                spots.append(_spot(line))
        except (ValueError, RecursionError) as error:
            raise _damaged(path, number, error) from None
    inventory = Inventory(
        resources=_StoredResources(path, checked.digest, dict(numbers), Selection()),
        blind_spots=tuple(spots),
        targets=head.targets,
        collected={kind: frozenset(facets) for kind, facets in head.collected.items()},
        calls=head.calls,
        listed=head.listed,
    )
    return Collected(inventory, head.started, head.finished, head.id)


@dataclass(frozen=True, eq=False)
class _StoredResources(SelectableResources):
    """Resources of a snapshot, in file order. Pickled, it is a path and numbers."""

    path: Path
    digest: str
    counted: ResourceNumbers
    selection: Selection

    @property
    def numbers(self) -> ResourceNumbers:
        return self.counted

    def select(self, selection: Selection) -> SelectableResources:
        return replace(self, counted=selection.of(self.counted), selection=self.selection & selection)

    def named(self, kind: str, ids: frozenset[str]) -> Iterator[Resource]:
        return self._read(self.selection & Selection(kinds=frozenset({kind})), ids)

    def __iter__(self) -> Iterator[Resource]:
        return self._read(self.selection)

    def _read(self, selection: Selection, ids: frozenset[str] | None = None) -> Iterator[Resource]:
        from scanner.model.stored import selects

        if not selection.of(self.counted):
            return
        selected = selects(selection, ids)
        for number, line in enumerate(_Lines(self.path, self.digest), 1):
            if line.startswith(RESOURCE):
                try:
                    stored = _resource(line)
                    resource = resource_of(stored) if selected(stored) else None
                except (ValueError, RecursionError) as error:
                    raise _damaged(self.path, number, error) from None
                if resource is not None:
                    yield resource


def _resource(line: bytes) -> bytes:
    """The stored resource of a line."""
    if not line.endswith(b"}}\n"):
        raise ValueError("it does not end with its resource")
    return line[len(RESOURCE) : -2]


def _spot(line: bytes) -> BlindSpot:
    if not line.startswith(SPOT) or not line.endswith(b"}}\n"):
        raise ValueError("it is neither a resource nor a blind spot")
    return BlindSpot.model_validate_json(line[len(SPOT) : -2])


def _head(path: Path, line: bytes) -> SnapshotHead:
    try:
        value = json.loads(line)
        schema = str(value["schema"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise SnapshotError(f"{path}: is not a gapscan snapshot") from None
    if schema != SCHEMA:
        if schema.rpartition("/v")[0] != _FAMILY:
            raise SnapshotError(f"{path}: is not a gapscan snapshot but {schema[:60]!r}")
        raise SnapshotError(f"{path}: was written by a newer gapscan: {schema}, this one reads {SCHEMA}")
    try:
        head = SnapshotHead.model_validate_json(line)
    except ValidationError as error:
        raise _damaged(path, 1, error) from None
    for kind, facets in head.collected.items():
        foreign = set(facets) - KINDS[kind].facets() if kind in KINDS else {kind}
        if foreign:
            reason = (
                f"unknown facets of {kind}: {', '.join(sorted(foreign))}"
                if kind in KINDS
                else f"unknown kind {kind}"
            )
            raise SnapshotError(f"{path}: was written by a newer gapscan ({head.version}): {reason}")
    return head


def _damaged(path: Path, number: int, error: Exception) -> SnapshotError:
    return SnapshotError(f"{path}: is damaged: line {number}: {str(error).splitlines()[0]}")


class _Lines:
    """All lines of a snapshot but the end, which is checked last; ``digest`` is known then."""

    def __init__(self, path: Path, digest: str | None = None) -> None:
        """``digest``: what the lines' digest has to be, for a file that was read before."""
        self.path = path
        self.digest = digest or ""

    def __iter__(self) -> Generator[bytes, None, None]:
        path, digest = self.path, hashlib.sha256()
        resources = spots = 0
        try:
            with open_file(path) as file:
                end = b""
                for line in _decompressed(path, file):
                    if end:
                        raise SnapshotError(f"{path}: is damaged: there is data after its end")
                    if line.startswith(END):
                        end = line
                        continue
                    digest.update(line)
                    resources += line.startswith(RESOURCE)
                    spots += line.startswith(SPOT)
                    yield line
        except ZstdError:
            reason = "it cannot be decompressed completely"
            raise SnapshotError(f"{path}: is truncated or damaged: {reason}") from None
        except OSError as error:
            raise SnapshotError(f"{path}: cannot be read: {error.strerror or error}") from None
        if not end:
            raise SnapshotError(f"{path}: is truncated: its end is missing")
        try:
            stated = SnapshotEnd.model_validate(json.loads(end)["end"])
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise SnapshotError(f"{path}: is damaged: its end: {str(error).splitlines()[0]}") from None
        if stated != SnapshotEnd(resources=resources, blind_spots=spots, sha256=digest.hexdigest()):
            raise SnapshotError(f"{path}: is damaged: its content does not match its end")
        if self.digest not in ("", stated.sha256):
            raise SnapshotError(f"{path}: has been replaced since it was checked")
        self.digest = stated.sha256


def _decompressed(path: Path, file: BinaryIO) -> Iterator[bytes]:
    if file.read(4) != _MAGIC:
        raise SnapshotError(f"{path}: is not a gapscan snapshot")
    file.seek(0)
    most = max(_SMALL, os.fstat(file.fileno()).st_size * _RATIO)
    read = spots = 0
    decompressor = ZstdDecompressor(max_window_size=_WINDOW)
    stream = decompressor.stream_reader(file, read_across_frames=True, closefd=False)
    with io.BufferedReader(stream, 1 << 16) as reader:
        first = True
        while line := reader.readline(_LONGEST):
            if first and not line.startswith(b'{"schema":'):
                raise SnapshotError(f"{path}: is not a gapscan snapshot")
            first = False
            if not line.endswith(b"\n"):
                reason = "is damaged: a line is too long" if len(line) == _LONGEST else "is truncated"
                raise SnapshotError(f"{path}: {reason}")
            read += len(line)
            spots += len(line) if line.startswith(SPOT) else 0
            if read > most or spots > _SPOTS:
                raise SnapshotError(f"{path}: is damaged: it holds more than gapscan writes")
            yield line
