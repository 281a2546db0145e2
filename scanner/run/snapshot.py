"""Snapshots: an inventory in a file, to be assessed later, elsewhere or again.

A snapshot is lines of JSON, compressed with Zstandard: a head, one line for each blind spot and resource,
and an end with their numbers and the SHA-256 of all lines before it. It is read and written as a stream, with
one resource in memory at a time. It lists weaknesses, so only its owner may read the file.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Literal, Self

from pydantic import Field, ValidationError
from zstandard import ZstdCompressor, ZstdDecompressor, ZstdError

from scanner.base.files import Unwritable, open_file, temporary_file
from scanner.base.models import FrozenModel
from scanner.model.evidence import BlindSpot
from scanner.model.inventory import Inventory, Listing, Target
from scanner.model.resources.base import Resource
from scanner.model.resources.kinds import KINDS
from scanner.run.scan import Collected

SCHEMA: Literal["gapscan.snapshot/v1"] = "gapscan.snapshot/v1"
"""The schema that the first line of a snapshot names."""

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


class _Head(FrozenModel):
    schema_: Literal["gapscan.snapshot/v1"] = Field(default=SCHEMA, alias="schema")
    id: str
    started: datetime
    finished: datetime
    version: str
    """The version of gapscan that collected it."""
    collected: dict[str, tuple[str, ...]]
    targets: tuple[Target, ...]
    calls: dict[str, dict[str, int]]
    listed: tuple[Listing, ...] | None = None


class _End(FrozenModel):
    resources: int
    blind_spots: int
    sha256: str


class NewSnapshot:
    """A snapshot to be written: opened before the collection, renamed into place when complete.

    Entering and writing raise :class:`~scanner.base.files.Unwritable`; leaving without a write leaves nothing
    behind.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part: Path | None = None

    def __enter__(self) -> Self:
        try:
            self._part = temporary_file(self._path)
        except OSError as error:
            reason = error.strerror or str(error)
            raise Unwritable(f"{self._path}: cannot be written: {reason}") from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._part is not None and self._part != self._path:
            self._part.unlink(missing_ok=True)

    def write(self, collected: Collected, version: str) -> None:
        """Writes the inventory; ``version`` is that of gapscan."""
        assert self._part is not None, "write is for within the with statement"
        try:
            with self._part.open("wb") as file:
                compressor = ZstdCompressor(level=3, write_checksum=True)
                with compressor.stream_writer(file, closefd=False) as out:
                    for line in _written(collected, version):
                        out.write(line)
                file.flush()
                if self._part != self._path:
                    os.fsync(file.fileno())
            if self._part != self._path:
                self._part.replace(self._path)
        except OSError as error:
            reason = error.strerror or str(error)
            raise Unwritable(f"{self._path}: could not be written: {reason}") from None
        self._part = None


def _written(collected: Collected, version: str) -> Iterator[bytes]:
    """The lines of a snapshot."""
    inventory = collected.inventory
    head = _Head(
        id=collected.id,
        started=collected.started,
        finished=collected.finished,
        version=version,
        collected={kind: tuple(sorted(facets)) for kind, facets in sorted(inventory.collected.items())},
        targets=inventory.targets,
        calls={name: dict(counts) for name, counts in inventory.calls.items()},
        listed=inventory.listed,
    )
    digest = hashlib.sha256()
    resources = 0
    for line in _body(head, inventory):
        digest.update(line)
        resources += line.startswith(_RESOURCE)
        yield line
    end = _End(resources=resources, blind_spots=len(inventory.blind_spots), sha256=digest.hexdigest())
    yield _line({"end": end.model_dump(mode="json")})


def _body(head: _Head, inventory: Inventory) -> Iterator[bytes]:
    yield _line(head.model_dump(mode="json", by_alias=True))
    for spot in inventory.blind_spots:
        yield _line({"blind_spot": spot.model_dump(mode="json")})
    for resource in inventory.resources:
        yield _line({"resource": resource.to_record()})


def _line(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


_RESOURCE = b'{"resource":'
_SPOT = b'{"blind_spot":'
_END = b'{"end":'


def read_snapshot(path: Path) -> Collected:
    """The inventory of a snapshot; its resources are read from the file at each iteration.

    Checks the whole file first: its end, numbers and digest. Raises :class:`SnapshotError` if the file is
    truncated, damaged, no snapshot, or written by a newer gapscan. Iterating the resources raises it too if
    the file has changed since.
    """
    lines = _lines(path)
    head = _head(path, next(lines, b""))
    spots, resources = [], 0
    for number, line in enumerate(lines, 2):
        if line.startswith(_RESOURCE):
            resources += 1
        else:
            spots.append(_spot(path, number, line))
    inventory = Inventory(
        resources=_Stored(path, resources),
        blind_spots=tuple(spots),
        targets=head.targets,
        collected={kind: frozenset(facets) for kind, facets in head.collected.items()},
        calls=head.calls,
        listed=head.listed,
    )
    return Collected(inventory, head.started, head.finished, head.id)


@dataclass(frozen=True)
class _Stored:
    """The resources of a snapshot, in file order."""

    path: Path
    number: int

    def __len__(self) -> int:
        return self.number

    def __iter__(self) -> Iterator[Resource]:
        for number, line in enumerate(_lines(self.path), 1):
            if line.startswith(_RESOURCE):
                try:
                    record = json.loads(line)["resource"]
                    resource = KINDS[record["kind"]].from_record(record)
                except (ValueError, KeyError, TypeError, RecursionError) as error:
                    raise _damaged(self.path, number, error) from None
                yield resource


def _head(path: Path, line: bytes) -> _Head:
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
        head = _Head.model_validate_json(line)
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


def _spot(path: Path, number: int, line: bytes) -> BlindSpot:
    try:
        return BlindSpot.model_validate_json(json.dumps(json.loads(line)["blind_spot"]))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(path, number, error) from None


def _damaged(path: Path, number: int, error: Exception) -> SnapshotError:
    return SnapshotError(f"{path}: is damaged: line {number}: {str(error).splitlines()[0]}")


def _lines(path: Path) -> Iterator[bytes]:
    """All lines but the end, which is checked last."""
    digest = hashlib.sha256()
    resources = spots = 0
    try:
        with open_file(path) as file:
            end = b""
            for line in _decompressed(path, file):
                if end:
                    raise SnapshotError(f"{path}: is damaged: there is data after its end")
                if line.startswith(_END):
                    end = line
                    continue
                digest.update(line)
                resources += line.startswith(_RESOURCE)
                spots += line.startswith(_SPOT)
                yield line
    except ZstdError:
        raise SnapshotError(
            f"{path}: is truncated or damaged: it cannot be decompressed completely"
        ) from None
    except OSError as error:
        raise SnapshotError(f"{path}: cannot be read: {error.strerror or error}") from None
    if not end:
        raise SnapshotError(f"{path}: is truncated: its end is missing")
    try:
        reason = _End.model_validate(json.loads(end)["end"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise SnapshotError(f"{path}: is damaged: its end: {str(error).splitlines()[0]}") from None
    if reason != _End(resources=resources, blind_spots=spots, sha256=digest.hexdigest()):
        raise SnapshotError(f"{path}: is damaged: its content does not match its end")


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
            spots += len(line) if line.startswith(_SPOT) else 0
            if read > most or spots > _SPOTS:
                raise SnapshotError(f"{path}: is damaged: it holds more than gapscan writes")
            yield line
