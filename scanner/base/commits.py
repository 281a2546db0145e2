"""The commit that a file comes from, read from its git repository without running git.

git obeys the configuration of the repository that it reads: a repository can name programs to run
(``core.fsmonitor``, ``gpg.program``, filters, remote helpers), and a pull request can embed a bare repository
in an ordinary folder. gapscan runs with cloud credentials in the environment, so nothing in a checkout may
run. This module only reads objects, and only looks for ``.git``, which git does not allow to be committed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dulwich.objects import ObjectID, ShaFile
    from dulwich.repo import Repo

SECONDS = 5.0
"""Time limit for walking the history: the commit is context for a report and not worth a long wait."""

_Blobs = Mapping[bytes, bytes | None]
"""Blob ids of the files by path; ``None`` if the commit does not contain the file."""


def last_commit(files: Iterable[Path], clock: Callable[[], float] = time.monotonic) -> str | None:
    """The commit that last changed any of the files, as hexadecimal digits.

    ``None`` if it cannot be determined: no repository, a file with uncommitted changes, an unreadable
    repository, or a history that takes longer than :data:`SECONDS`. Like ``git log``, follows the first
    parent with the same contents. A shallow clone ends at its oldest commit.
    """
    paths = [path.resolve() for path in files]
    root = _root(paths[0].parent) if paths else None
    if root is None or not all(path.is_relative_to(root) for path in paths):
        return None
    names = {path.relative_to(root).as_posix().encode(): path for path in paths}
    try:
        from dulwich.repo import Repo

        # Never a bare repository: embedding one is the attack.
        with Repo(str(root), bare=False) as repo:
            return _last_change(repo, names, clock() + SECONDS, clock)
    except Exception:  # noqa: BLE001  (a damaged or hostile repository must not fail the scan)
        return None


def _root(folder: Path) -> Path | None:
    return next((found for found in (folder, *folder.parents) if (found / ".git").exists()), None)


def _last_change(
    repo: Repo, names: Mapping[bytes, Path], end: float, clock: Callable[[], float]
) -> str | None:
    head = repo.head()
    blobs = _blobs(repo, head, names)
    if any(not _unchanged(path, blobs[name]) for name, path in names.items()):
        return None
    while True:
        if clock() > end:
            return None
        same = [parent for parent in repo.get_parents(head) if _blobs(repo, parent, names) == blobs]
        if not same:
            return head.decode("ascii")
        head = same[0]


def _blobs(repo: Repo, commit: ObjectID, names: Iterable[bytes]) -> _Blobs:
    from dulwich.errors import NotTreeError
    from dulwich.objects import Commit, Tree

    def stored(id: ObjectID) -> ShaFile:
        try:
            return repo.object_store[id]
        except KeyError:
            # Partial clones lack objects; that must not look like a file missing from the commit.
            raise OSError(f"object {id!r} is not in the repository") from None

    found = stored(commit)
    tree = stored(found.tree) if isinstance(found, Commit) else None
    if not isinstance(tree, Tree):
        raise OSError(f"{commit!r} is not a commit")
    blobs: dict[bytes, bytes | None] = {}
    for name in names:
        try:
            _, blobs[name] = tree.lookup_path(stored, name)
        except (KeyError, NotTreeError):
            blobs[name] = None
    return blobs


def _unchanged(path: Path, blob: bytes | None) -> bool:
    """Whether the file has the committed contents, ignoring CRLF line endings."""
    from dulwich.objects import Blob

    content = path.read_bytes()
    return any(blob == Blob.from_string(text).id for text in (content, content.replace(b"\r\n", b"\n")))
