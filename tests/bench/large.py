"""Writes a snapshot of a large estate: ``python -m tests.bench.large PATH RESOURCES``."""

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
from tests.estate import ACCOUNT, DENIED, NOW, account, bucket, region

PUBLIC = {"public_read": True, "public_via": ("bucket policy",), "tags": {}}


@dataclass(frozen=True)
class Large:
    """One account with many buckets: a tenth are public, every hundredth has an unknown facet."""

    number: int

    def __len__(self) -> int:
        return self.number

    def __iter__(self) -> Iterator[Resource]:
        yield account()
        for index in range(self.number - 2):
            tags = {
                "owner": f"team-{index % 40}",
                "data-class": "internal",
                "service": f"service-{index % 900}",
            }
            facets = {"tags": tags, **(PUBLIC if index % 10 == 0 else {})}
            unknown = {"tls_only": DENIED} if index % 100 == 1 else {}
            yield bucket(f"example-bucket-{index:07}", **{**facets, **unknown})
        yield region()


def main(path: Path, number: int) -> None:
    """Writes the snapshot."""
    inventory = Inventory(
        resources=Large(number),
        blind_spots=(),
        targets=(Target("aws", ACCOUNT, "arn:aws:iam::111122223333:role/reader", True, True, None),),
        collected=all_facets(),
    )
    with NewSnapshot(path) as snapshot:
        snapshot.write(Collected(inventory, NOW - timedelta(minutes=9), NOW, "0" * 32), "0.1.0")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
