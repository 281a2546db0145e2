"""The findings of one assessment as lines, sorted by uid, on disk; memory use is bounded."""

from __future__ import annotations

import heapq
import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from scanner.assess.finding import Finding
from scanner.assess.pairs import Entry
from scanner.base.files import Unwritable, temporary_folder

_RUN = 1 << 23
"""Bytes of findings that are sorted in memory at a time."""
_READ = 1 << 16
"""Bytes of a run that are read at a time."""
_UID = slice(len('{"uid":"'), len('{"uid":"') + 32)
"""Where a line has its uid."""


class FindingStore:
    """Takes findings as lines of JSON in any order and yields them sorted, as often as needed.

    Raises :class:`~scanner.base.files.Unwritable` if the folder for temporary files has no room for them.

    A line begins with the finding's uid, so that lines sort by uid, and equal uids in an order of their own
    whatever order they came in. Every 8 MB are sorted and written as a run, and the runs are merged when
    read. A run is a file without a name: it cannot be opened by others, and is deleted with the process.
    """

    def __init__(self) -> None:
        self._waiting: list[bytes] = []
        self._size = 0
        self._runs: list[IO[bytes]] = []
        self._number = 0

    def add(self, line: bytes) -> None:
        """Stores a finding: see :meth:`Finding.encoded`."""
        self._waiting.append(line)
        self._number += 1
        self._size += len(line)
        if self._size >= _RUN:
            self._store()

    def __len__(self) -> int:
        return self._number

    def __iter__(self) -> Iterator[Finding]:
        """The findings, sorted by uid."""
        return map(Finding.decoded, self.lines())

    def lines(self) -> Iterator[bytes]:
        """The same as lines, without their ends."""
        self._waiting.sort()
        runs = [_lines(run) for run in self._runs]
        return heapq.merge(*runs, iter(tuple(self._waiting)))

    def entries(self) -> Iterator[Entry]:
        """The same, each with its uid."""
        return ((line[_UID], line, 0) for line in self.lines())

    def decoded(self, entry: Entry) -> Finding:
        """The finding of an entry."""
        return Finding.decoded(entry[1])

    def save(self, path: Path) -> None:
        """Writes all lines, sorted, to a file that only its owner can read."""
        with _room(), os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.writelines(line + b"\n" for line in self.lines())

    def take(self, path: Path, number: int) -> None:
        """Takes over the lines of a file that :meth:`save` wrote, and removes its name."""
        run = path.open("rb")
        path.unlink()
        self._runs.append(run)
        self._number += number

    def _store(self) -> None:
        self._waiting.sort()
        with _room():
            run = tempfile.TemporaryFile(dir=temporary_folder())  # noqa: SIM115  (it lives as long as the store)
            self._runs.append(run)
            run.writelines(line + b"\n" for line in self._waiting)
            run.flush()
        self._waiting.clear()
        self._size = 0


class _Run(io.RawIOBase):
    """Reads a file from its beginning, whoever else reads it at the same time."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._at = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed's Buffer is newer
        data = os.pread(self._file.fileno(), len(buffer), self._at)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def _lines(run: IO[bytes]) -> Iterator[bytes]:
    for line in io.BufferedReader(_Run(run), _READ):
        yield line[:-1]


@contextmanager
def _room() -> Iterator[None]:
    """Names the folder if findings cannot be stored in it."""
    try:
        yield
    except OSError as error:
        folder = temporary_folder()
        reason = error.strerror or str(error)
        raise Unwritable(f"{folder}: findings cannot be stored there meanwhile: {reason}") from None
