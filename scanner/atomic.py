"""Files that are put in place only when whole, and that only their owner may read."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


class Unwritable(Exception):
    """A file cannot be written where it was to go."""

    exit_code = 74


def beside(path: Path) -> Path:
    """A new, empty file in the folder of ``path`` to write to, with mode 0600.

    A device or a pipe is given back as it is: nothing can be put in its place. Raises :class:`OSError`
    where ``path`` could not be replaced later.
    """
    if path.is_dir():
        raise IsADirectoryError(0, "is a folder")
    if path.exists() and not path.is_file():
        return path
    if path.exists() and not os.access(path, os.W_OK):
        raise PermissionError(0, "permission denied")
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    os.close(handle)
    return Path(name)
