"""Files that are put in place only when whole, and that only their owner may read."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


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


def replace_all(texts: Mapping[Path, str], check: Callable[[Mapping[Path, Path]], Any] | None = None) -> None:
    """Puts the texts in place, all or none of them; files that were there keep their modes.

    ``check`` gets the new files by the paths that they will have, and raises to leave everything as it was.
    Raises :class:`Unwritable`.
    """
    new: dict[Path, Path] = {}
    try:
        for path, text in texts.items():
            new[path] = beside(path)
            new[path].write_text(text, encoding="utf-8")
            if path.is_file() and new[path] != path:
                new[path].chmod(path.stat().st_mode & 0o777)
        if check is not None:
            check(new)
        for path, made in new.items():
            if made != path:
                made.replace(path)
    except OSError as error:
        raise Unwritable(f"{path}: cannot be written: {error.strerror or error}") from None
    finally:
        for path, made in new.items():
            if made != path:
                made.unlink(missing_ok=True)
