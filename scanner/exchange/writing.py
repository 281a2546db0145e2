"""A text file that is put in place only when it is whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from scanner.base.files import Unwritable, beside


@contextmanager
def writing(path: Path) -> Iterator[TextIO]:
    """A file to write to, UTF-8, with line ends as written; in place when the block ends well.

    Raises :class:`~scanner.base.files.Unwritable` and leaves nothing behind where that cannot be.
    """
    part = None
    try:
        part = beside(path)
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
