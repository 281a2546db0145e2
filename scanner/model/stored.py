"""Stored resources: their headers are read from their bytes, and the rest only of those that are wanted."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from scanner.model.inventory import Selection
from scanner.model.resources.base import first_bytes
from scanner.model.resources.kinds import KINDS


class StoredHeader(msgspec.Struct, frozen=True, gc=False):
    """The fields of a stored resource by which it is selected and counted."""

    kind: str
    provider: str
    scope: str
    id: str
    type: str


_HEADER = msgspec.json.Decoder(StoredHeader)


def header_of(stored: bytes) -> StoredHeader:
    """The header of a stored resource.

    Raises :class:`ValueError` if the bytes are not JSON, or do not begin with a known kind.
    """
    header = _HEADER.decode(stored)
    if header.kind not in KINDS:
        raise ValueError(f"unknown kind {header.kind}")
    if not stored.startswith(first_bytes(header.kind)):
        raise ValueError("a resource has to begin with its kind")
    return header


def selects(selection: Selection, ids: frozenset[str] | None = None) -> Callable[[bytes], bool]:
    """Whether a stored resource, whose header was read before, is selected; it is not validated.

    ``ids``: it also has to have one of these.
    """
    first, scopes = tuple(map(first_bytes, selection.kinds or ())), selection.scopes

    def selected(stored: bytes) -> bool:
        if selection.kinds is not None and not stored.startswith(first):
            return False
        if scopes is None and ids is None:
            return True
        header = _HEADER.decode(stored)
        return (scopes is None or (header.provider, header.scope) in scopes) and (
            ids is None or header.id in ids
        )

    return selected
