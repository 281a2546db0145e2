"""The format of snapshots: an inventory in a file, to be assessed later, elsewhere or again.

A snapshot is lines of JSON, compressed with Zstandard: a head, one line for each blind spot and resource,
and an end with their numbers and the SHA-256 of all lines before it. It is read and written as a stream, with
one resource in memory at a time. It lists weaknesses, so only its owner may read the file.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from scanner.base.models import FrozenModel
from scanner.model.inventory import Listing, Target

SCHEMA: Literal["gapscan.snapshot/v1"] = "gapscan.snapshot/v1"
"""The schema that the first line of a snapshot names."""

RESOURCE = b'{"resource":'
"""What the line of a resource begins with."""
SPOT = b'{"blind_spot":'
"""What the line of a blind spot begins with."""
END = b'{"end":'
"""What the last line begins with."""


class SnapshotHead(FrozenModel):
    """The first line: what was collected, where and when."""

    schema_: Literal["gapscan.snapshot/v1"] = Field(default=SCHEMA, alias="schema")
    id: str
    started: datetime
    finished: datetime
    version: str
    """The version of gapscan that collected it."""
    collected: dict[str, tuple[str, ...]]
    """The facets that were requested, by kind."""
    targets: tuple[Target, ...]
    calls: dict[str, dict[str, int]]
    listed: tuple[Listing, ...] | None = None


class SnapshotEnd(FrozenModel):
    """The last line: by it, the lines before it are known to be all there, and as they were written."""

    resources: int
    blind_spots: int
    sha256: str
