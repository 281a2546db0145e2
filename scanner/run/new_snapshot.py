"""Writing snapshots."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from zstandard import ZstdCompressor

from scanner.base.files import Unwritable, temporary_file
from scanner.model.inventory import Inventory
from scanner.run.scan import Collected
from scanner.run.snapshot_format import RESOURCE, SnapshotEnd, SnapshotHead


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
    head = SnapshotHead(
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
        resources += line.startswith(RESOURCE)
        yield line
    end = SnapshotEnd(resources=resources, blind_spots=len(inventory.blind_spots), sha256=digest.hexdigest())
    yield _line({"end": end.model_dump(mode="json")})


def _body(head: SnapshotHead, inventory: Inventory) -> Iterator[bytes]:
    yield _line(head.model_dump(mode="json", by_alias=True))
    for spot in inventory.blind_spots:
        yield _line({"blind_spot": spot.model_dump(mode="json")})
    for resource in inventory.resources:
        yield b"%b%b}\n" % (RESOURCE, resource.to_json())


def _line(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
