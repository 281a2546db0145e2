"""Writes a text file atomically."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from scanner.base.files import Unwritable, temporary_file


@contextmanager
def writing(path: Path) -> Iterator[TextIO]:
    """A UTF-8 file to write to, with line ends as written; it replaces ``path`` when the block succeeds.

    Raises :class:`~scanner.base.files.Unwritable`, and leaves nothing behind, if it cannot be written.
    """
    part = None
    try:
        part = temporary_file(path)
        with part.open("w", encoding="utf-8", newline="") as out:
            yield out
            out.flush()
            if part != path:
                os.fsync(out.fileno())
        if part != path:
            part.replace(path)
            part = None
    except OSError as error:
        raise Unwritable(f"{path}: cannot be written: {error.strerror or error}") from None
    finally:
        if part is not None and part != path:
            part.unlink(missing_ok=True)
