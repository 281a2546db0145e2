"""Writes snapshots of a large estate: ``python -m tests.bench.large PATH RESOURCES [SCOPES [SHIFT]]``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from scanner.model.inventory import Inventory, Target
from scanner.model.resources.base import Resource
from scanner.run.new_snapshot import NewSnapshot
from scanner.run.scan import Collected, all_facets
from tests.estate import DENIED, NOW, account, bucket, region

PUBLIC = {"public_read": True, "public_via": ("bucket policy",), "tags": {}}


@dataclass(frozen=True)
class Large:
    """Accounts with many buckets each: a tenth are public, every hundredth has an unknown facet."""

    number: int
    scopes: tuple[str, ...]
    shift: int = 0
    """By how many buckets the public ones are moved."""

    def __len__(self) -> int:
        return self.number

    def __iter__(self) -> Iterator[Resource]:
        each = self.number // len(self.scopes)
        for scope in self.scopes:
            yield _in(scope, account())
            for index in range(each - 2):
                tags = {
                    "owner": f"team-{index % 40}",
                    "data-class": "internal",
                    "service": f"service-{index % 900}",
                }
                facets = {"tags": tags, **(PUBLIC if (index + self.shift) % 10 == 0 else {})}
                unknown = {"tls_only": DENIED} if index % 100 == 1 else {}
                yield _in(scope, bucket(f"example-bucket-{index:07}", **{**facets, **unknown}))
            yield _in(scope, region())


def _in(scope: str, resource: Resource) -> Resource:
    return resource.model_copy(update={"scope": scope, "id": f"{resource.id}-{scope}"})


def write(path: Path, number: int, scopes: int = 1, shift: int = 0) -> None:
    """Writes a snapshot; a folder gets one snapshot for each scope."""
    names = tuple(f"{111122223333 + place}" for place in range(scopes))
    if path.is_dir():
        for name in names:
            _write(path / f"{name}.zst", Large(number // scopes, (name,), shift))
    else:
        _write(path, Large(number, names, shift))


def _write(path: Path, resources: Large) -> None:
    inventory = Inventory(
        resources=resources,
        blind_spots=(),
        targets=tuple(
            Target("aws", scope, "arn:aws:iam::111122223333:role/reader", True, True, None)
            for scope in resources.scopes
        ),
        collected=all_facets(),
    )
    with NewSnapshot(path) as snapshot:
        snapshot.write(Collected(inventory, NOW - timedelta(minutes=9), NOW, f"{path.stem:0>32}"), "0.1.0")


if __name__ == "__main__":
    write(Path(sys.argv[1]), *map(int, sys.argv[2:]))
