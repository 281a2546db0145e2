"""Parts of an inventory: by kind, by scope, in numbers."""

from __future__ import annotations

import pickle
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.model.evidence import BlindSpot
from scanner.model.inventory import Inventory, Listing, Target
from scanner.model.resources.base import Resource
from scanner.run.new_snapshot import NewSnapshot
from scanner.run.scan import Collected
from scanner.run.snapshot import read_snapshot
from tests.estate import DENIED, EVERYTHING, NOW, account, bucket, region
from tests.model.stored_resources import resources

OTHER = "444455556666"
HELD: tuple[Resource, ...] = (
    account(),
    bucket("a"),
    bucket("b", versioning=DENIED),
    region(),
    account().model_copy(update={"scope": OTHER}),
    bucket("c").model_copy(update={"scope": OTHER}),
    bucket("d").model_copy(update={"provider": "gcp", "scope": OTHER, "type": "gcp.storage.bucket"}),
)


def spot(provider: str, scope: str) -> BlindSpot:
    return BlindSpot(provider=provider, scope=scope, region=None, kind="key", cause=DENIED.causes[0])


WHOLE = Inventory(
    HELD,
    (spot("aws", OTHER), spot("gcp", OTHER)),
    (
        Target("aws", OTHER, None, True, True, None),
        Target("gcp", OTHER, None, True, True, None),
        Target("aws", None, None, True, False, "no credentials"),
    ),
    EVERYTHING,
    {"aws": {"s3:ListBuckets": 2}},
    (Listing("aws", OTHER, None, "bucket", "Bucket"), Listing("gcp", OTHER, None, "bucket", "Bucket")),
)


@pytest.fixture(params=["in memory", "in a file", "pickled"])
def inventory(request: pytest.FixtureRequest, tmp_path: Path) -> Inventory:
    if request.param == "in memory":
        return WHOLE
    with NewSnapshot(tmp_path / "s.zst") as new:
        new.write(Collected(WHOLE, NOW, NOW, "0" * 32), "0.1.0")
    read = read_snapshot(tmp_path / "s.zst").inventory
    if request.param == "pickled":
        packed = pickle.dumps(read.within([("aws", OTHER), *((one.provider, one.scope) for one in HELD)]))
        assert b"example" not in packed, "the contents stay in the file"
        read = pickle.loads(packed)
    return read


def test_resources_of_some_kinds(inventory: Inventory) -> None:
    assert tuple(inventory.of("bucket")) == tuple(one for one in HELD if one.kind == "bucket")
    assert tuple(inventory.of("region", "account")) == tuple(one for one in HELD if one.kind != "bucket")
    assert tuple(inventory.of("bucket", "key")) == tuple(inventory.of("bucket"))
    assert tuple(inventory.of()) == tuple(inventory.of("bouquet")) == ()


def test_numbers(inventory: Inventory) -> None:
    assert inventory.numbers == Counter((one.provider, one.scope, one.kind, one.type) for one in HELD)
    assert sum(inventory.numbers.values()) == len(inventory.resources)


def test_within_some_scopes(inventory: Inventory) -> None:
    part = inventory.within([("aws", OTHER), ("azure", OTHER)])
    kept = tuple(one for one in HELD if (one.provider, one.scope) == ("aws", OTHER))
    assert tuple(part.resources) == kept
    assert len(part.resources) == len(kept) == sum(part.numbers.values()) == 2
    assert tuple(part.of("bucket")) == kept[1:]
    assert part.blind_spots == (spot("aws", OTHER),)
    assert part.targets == WHOLE.targets[:1]
    assert part.listed == WHOLE.listed[:1] if WHOLE.listed else False
    assert (part.collected, part.calls) == (inventory.collected, inventory.calls)
    assert part.looked("aws", OTHER, "bucket")
    assert not part.looked("gcp", OTHER, "bucket")
    assert tuple(part.within([("gcp", OTHER)]).resources) == ()
    nothing = inventory.within([])
    assert (tuple(nothing.resources), nothing.targets) == ((), ())


@given(st.lists(resources(), max_size=8), st.data())
def test_the_parts_are_the_whole(
    tmp_path_factory: pytest.TempPathFactory, held: list[Resource], data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("parts") / "s.zst"
    with NewSnapshot(path) as new:
        new.write(Collected(Inventory(tuple(held), (), (), {}), NOW, NOW, "0" * 32), "0.1.0")
    whole = read_snapshot(path).inventory
    scopes = sorted({(one.provider, one.scope) for one in held})
    chosen = data.draw(st.sets(st.sampled_from(scopes)) if scopes else st.just(set()))
    part, rest = whole.within(chosen), whole.within(set(scopes) - chosen)
    assert list(part.resources) == [one for one in held if (one.provider, one.scope) in chosen]
    assert Counter(part.numbers) + Counter(rest.numbers) == Counter(whole.numbers)
