"""Files that are written atomically and readable only by their owner."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO


class Unwritable(Exception):
    """A file cannot be written at its destination."""

    exit_code = 74


def temporary_file(path: Path) -> Path:
    """A new, empty temporary file in the folder of ``path``, with mode 0600.

    Returns ``path`` itself for a device or a pipe, which cannot be replaced. Raises :class:`OSError` if
    ``path`` could not be replaced later.
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


def temporary_folder() -> str:
    """The folder for temporary files, chosen as SQLite chooses it: ``/tmp`` may be a disk in memory.

    https://www.sqlite.org/tempfiles.html, section 5
    """
    named = (os.environ.get("SQLITE_TMPDIR"), os.environ.get("TMPDIR"))
    usual = ("/var/tmp", "/usr/tmp", "/tmp")
    return next((one for one in (*named, *usual) if one and os.access(one, os.W_OK | os.X_OK)), ".")


def open_file(path: Path) -> BinaryIO:
    """Opens a regular file for reading. Raises :class:`OSError`, also for pipes and devices.

    A pipe that nobody writes to would hang, and a device such as ``/dev/zero`` has no end.
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    try:
        mode = os.fstat(handle).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "it is a pipe or a device, not a file")
        return os.fdopen(handle, "rb")
    except OSError:
        os.close(handle)
        raise


def read_at_most(path: Path, limit: int) -> bytes | None:
    """The content of a file or a pipe; ``None`` if it has more than ``limit`` bytes.

    Raises :class:`OSError`, also for devices, which may have no end.
    """
    with path.open("rb") as file:
        if stat.S_ISCHR(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is a device, not a file")
        content = file.read(limit + 1)
    return None if len(content) > limit else content


def replace_all(texts: Mapping[Path, str], check: Callable[[Mapping[Path, Path]], Any] | None = None) -> None:
    """Writes all texts or none of them; existing files keep their modes.

    ``check`` receives the temporary files by their final paths, and raises to cancel. Raises
    :class:`Unwritable`.
    """
    new: dict[Path, Path] = {}
    try:
        for path, text in texts.items():
            new[path] = temporary_file(path)
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
