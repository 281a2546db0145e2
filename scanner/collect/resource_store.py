"""The resources of one collection, stored on disk as they come and sorted at its end."""

from __future__ import annotations

import errno
import heapq
import os
import tempfile
import weakref
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter

from scanner.base.files import Unwritable, temporary_folder
from scanner.model.inventory import ResourceNumbers, SelectableResources, Selection
from scanner.model.resources.base import Resource
from scanner.model.resources.kinds import resource_of
from scanner.model.stored import header_of, selects

_RUN = 1 << 22
"""The bytes of resources that are sorted in memory."""
_BLOCK, _BLOCKS = 1 << 16, 1 << 22
"""How many bytes are read at a time: of one run, and of all."""

_Row = tuple[tuple[str, str, str, str], bytes]
"""Provider, scope, kind and id; and the stored resource."""


class ResourceStore:
    """Takes resources in any order; gives each of them once, sorted by provider, scope, kind and id.

    Raises :class:`~scanner.base.files.Unwritable` if the folder for temporary files has no room for them.

    A few thousand resources stay in memory. Beyond, they are sorted, appended to a temporary file as a run,
    and the runs are merged at the end. The file has no name: it cannot be opened by others, and is gone with
    the process, however that ends. Not safe to use from several threads at once.
    """

    def __init__(self) -> None:
        self._waiting: list[_Row] = []
        self._size = 0
        self._file: _UnnamedFile | None = None
        self._runs: list[range] = []

    def add(self, resource: Resource, stored: bytes) -> None:
        """Adds a resource; ``stored`` is its :meth:`~Resource.to_json`."""
        self._waiting.append(((resource.provider, resource.scope, resource.kind, resource.id), stored))
        self._size += len(stored)
        if self._size >= _RUN:
            self._file = self._file or _UnnamedFile()
            self._runs.append(self._file.append(stored for _, stored in self._sorted()))
            self._waiting, self._size = [], 0

    def resources(self) -> SelectableResources:
        """All that were added so far."""
        numbers: Counter[tuple[str, str, str, str]] = Counter()
        stored = self._once(numbers)
        lines: Iterable[bytes]
        if self._file is None:
            lines = tuple(stored)
        else:
            sorted_file = _UnnamedFile()
            lines = _Lines(sorted_file, sorted_file.append(stored), _BLOCK)
        return _CollectedResources(lines, dict(numbers), Selection())

    def _sorted(self) -> list[_Row]:
        self._waiting.sort(key=itemgetter(0))  # stable, as merging is: equals stay in the order they came in
        return self._waiting

    def _once(self, numbers: Counter[tuple[str, str, str, str]]) -> Iterator[bytes]:
        """Every resource once; of one that two targets reach, that with more unknown facets."""
        for (provider, scope, kind, _), rows in groupby(self._merged(), key=itemgetter(0)):
            (_, stored), *others = rows
            if others:
                stored = max((stored, *(other for _, other in others)), key=_unknowns)
            numbers[provider, scope, kind, header_of(stored).type] += 1
            yield stored

    def _merged(self) -> Iterator[_Row]:
        block = max(1 << 12, min(_BLOCK, _BLOCKS // (len(self._runs) or 1)))
        runs = [self._run(_Lines(self._file, run, block)) for run in self._runs if self._file is not None]
        return heapq.merge(*runs, self._sorted(), key=itemgetter(0))

    @staticmethod
    def _run(lines: Iterable[bytes]) -> Iterator[_Row]:
        for stored in lines:
            header = header_of(stored)
            yield (header.provider, header.scope, header.kind, header.id), stored


def _unknowns(stored: bytes) -> int:
    return len(resource_of(stored).unknowns())


@dataclass(frozen=True, eq=False)
class _CollectedResources(SelectableResources):
    """Stored resources, in memory or in a file; each is made a model when it is iterated."""

    lines: Iterable[bytes]
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
        if selection.of(self.counted):
            yield from map(resource_of, filter(selects(selection, ids), self.lines))


class _UnnamedFile:
    """Lines in a temporary file that has no name."""

    def __init__(self) -> None:
        with _in_temporary_folder():
            # Without a buffer: what could not be written would be written again when it is closed.
            self._file = tempfile.TemporaryFile(buffering=0, dir=temporary_folder())  # noqa: SIM115
        weakref.finalize(self, self._file.close)
        self._size = 0

    def append(self, stored: Iterable[bytes]) -> range:
        """Appends lines; returns their place in the file."""
        start, block = self._size, bytearray()
        for line in stored:
            block += line + b"\n"
            if len(block) >= _BLOCK:
                self._write(bytes(block))
                block.clear()
        self._write(bytes(block))
        return range(start, self._size)

    def _write(self, block: bytes) -> None:
        while block:
            with _in_temporary_folder():
                written = os.pwrite(self._file.fileno(), block, self._size)
            self._size += written
            block = block[written:]

    def read(self, place: int, size: int) -> bytes:
        """Some bytes of the file; any number of readers can read at the same time, also after a fork."""
        with _in_temporary_folder():
            found = os.pread(self._file.fileno(), size, place)
            if not found:
                raise OSError(errno.EIO, "it has lost what was stored")
        return found


@dataclass(frozen=True)
class _Lines:
    """A part of the lines of a file."""

    file: _UnnamedFile
    part: range
    block: int

    def __iter__(self) -> Iterator[bytes]:
        place, block, rest = self.part.start, self.block, b""
        while place < self.part.stop:
            read = self.file.read(place, min(block, self.part.stop - place))
            place += len(read)
            *whole, rest = (rest + read).split(b"\n")
            yield from whole
            block = self.block if whole else 2 * block  # a long line is not joined from many pieces


@contextmanager
def _in_temporary_folder() -> Iterator[None]:
    """Names the folder if it cannot be used."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise Unwritable(
            f"{temporary_folder()}: resources cannot be stored there meanwhile: {reason}"
        ) from None
