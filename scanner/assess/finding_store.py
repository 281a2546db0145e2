"""The findings of one assessment, stored on disk and sorted by uid; memory use is bounded."""

from __future__ import annotations

import heapq
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from scanner.assess.finding import Finding
from scanner.base.files import Unwritable

_RUN = 10_000
_CACHE_KIB = 8192

_Row = tuple[str, int, bytes]


class FindingStore:
    """Takes findings in any order and yields them sorted by uid, as often as needed.

    Raises :class:`~scanner.base.files.Unwritable` if the folder for temporary files has no room for them.

    They are stored in a private, unnamed SQLite database: it stays in memory while it is small, moves to the
    folder for temporary files as it grows, cannot be opened by others, and is deleted with the process.
    Every 10,000 findings are sorted and appended as a run, and the runs are merged when read: one index over
    random uids would rewrite most of its pages for each finding.
    """

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        for setting in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{_CACHE_KIB}"):
            self._database.execute(f"PRAGMA {setting}")
        self._database.execute("CREATE TABLE finding (place INTEGER PRIMARY KEY, uid TEXT, record BLOB)")
        self._waiting: list[_Row] = []
        self._runs: list[range] = []
        self._number = 0

    def add(self, finding: Finding) -> None:
        """Stores a finding."""
        # A kind that could not be listed for two reasons has two findings of one uid: keep their order.
        self._waiting.append((finding.uid, self._number, finding.model_dump_json().encode()))
        self._number += 1
        if len(self._waiting) >= _RUN:
            self._store()

    def __len__(self) -> int:
        return self._number

    def __iter__(self) -> Iterator[Finding]:
        self._store()
        runs = [self._run(run) for run in self._runs]
        # The runs are in order of insertion and merging is stable: equal uids keep their order.
        for _, record in heapq.merge(*runs, key=lambda row: row[0]):
            yield Finding.model_validate_json(record)

    def _run(self, run: range) -> Iterator[tuple[str, bytes]]:
        with _in_temporary_folder():
            yield from self._database.execute(
                "SELECT uid, record FROM finding WHERE place BETWEEN ? AND ? ORDER BY place",
                (run.start, run.stop - 1),
            )

    def _store(self) -> None:
        if not self._waiting:
            return
        self._waiting.sort()
        run = range(self._number - len(self._waiting), self._number)
        with _in_temporary_folder():
            self._database.execute("BEGIN")
            self._database.executemany(
                "INSERT INTO finding VALUES (?, ?, ?)",
                ((place, uid, record) for place, (uid, _, record) in zip(run, self._waiting, strict=True)),
            )
            self._database.execute("COMMIT")
        self._runs.append(run)
        self._waiting.clear()


@contextmanager
def _in_temporary_folder() -> Iterator[None]:
    """Names the folder if SQLite cannot use it."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise Unwritable(f"{_folder()}: findings cannot be stored there meanwhile: {error}") from None


def _folder() -> str:
    """The folder that SQLite takes for temporary files. https://www.sqlite.org/tempfiles.html, section 5"""
    named = (os.environ.get("SQLITE_TMPDIR"), os.environ.get("TMPDIR"))
    usual = ("/var/tmp", "/usr/tmp", "/tmp")
    return next((one for one in (*named, *usual) if one and os.access(one, os.W_OK | os.X_OK)), ".")
