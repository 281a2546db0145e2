"""Findings of one assessment, kept on disk: as many as there are, in little memory, sorted by uid."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from scanner.finding import Finding

_BATCH = 500
_CACHE_KIB = 8192


class Spool:
    """Takes findings in any order and gives them back sorted by uid, as often as needed.

    They lie in a private database of SQLite without a name: it stays in memory while it is small, goes to
    the folder for temporary files when it grows, can be opened by nobody else, and ends with the process.
    """

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        for setting in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{_CACHE_KIB}"):
            self._database.execute(f"PRAGMA {setting}")
        # Findings of a place that could not be listed for two reasons have the same uid: keep their order.
        self._database.execute(
            "CREATE TABLE finding (uid TEXT, number INTEGER, record BLOB, PRIMARY KEY (uid, number))"
            " WITHOUT ROWID"
        )
        self._waiting: list[tuple[str, int, bytes]] = []
        self._number = 0

    def add(self, finding: Finding) -> None:
        """Keeps a finding."""
        self._waiting.append((finding.uid, self._number, finding.model_dump_json().encode()))
        self._number += 1
        if len(self._waiting) >= _BATCH:
            self._store()

    def __len__(self) -> int:
        return self._number

    def __iter__(self) -> Iterator[Finding]:
        self._store()
        rows = self._database.execute("SELECT record FROM finding ORDER BY uid, number")
        return (Finding.model_validate_json(record) for (record,) in rows)

    def _store(self) -> None:
        if self._waiting:
            self._database.execute("BEGIN")
            self._database.executemany("INSERT INTO finding VALUES (?, ?, ?)", self._waiting)
            self._database.execute("COMMIT")
            self._waiting.clear()
