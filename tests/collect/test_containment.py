"""Whatever an odd answer raises costs its facet, or the rest of a list, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from scanner.collect.collection import Collection, CollectionPlace
from scanner.collect.listings import ListingLimits
from scanner.collect.provider import ConnectionRequest, Limits, Provider, Unreachable
from scanner.collect.table import Facet, FacetRead, Item, asked, from_list
from scanner.collect.workers import Workers
from scanner.model.evidence import Observed, Unknown
from scanner.model.inventory import Inventory, Target, Wanted
from scanner.model.resources.storage import Bucket
from scanner.run.new_snapshot import NewSnapshot
from scanner.run.scan import Collected, collect
from scanner.run.snapshot import read_snapshot
from tests.collect.test_collection import LIST, POLICY, TABLE, WANTED, Ask, MemoryCaller, caller, collected
from tests.estate import ACCOUNT, EVERYTHING, NOW, MemoryCloud, account, bucket, reading, region

PLACE = CollectionPlace("aws", "111122223333", None, "bucket")
ODD = (
    SyntaxError("not well-formed"),
    RecursionError("maximum recursion depth exceeded"),
    OSError(24, "Too many open files"),
    ZeroDivisionError(),
    LookupError("?"),
    AttributeError("'NoneType' object has no attribute 'get'"),
)
odd = pytest.mark.parametrize("error", ODD, ids=lambda error: type(error).__name__)


def raising(error: Exception, only: str) -> Callable[[str], Any]:
    def answer(name: str) -> Any:
        if name == only:
            raise error
        return {"versioning": True, "public": False}

    return answer


def versioning(inventory: Inventory) -> dict[str, Any]:
    return {one.name: one.versioning for one in inventory.resources if isinstance(one, Bucket)}


@odd
def test_what_a_call_raises_costs_its_facets(error: Exception) -> None:
    inventory = collected(caller(policy=raising(error, "b")))
    known = versioning(inventory)
    assert (known["a"], known["c"]) == (True, True)
    assert isinstance(known["b"], Unknown)
    assert (known["b"].causes[0].call, known["b"].causes[0].reason) == ("policy", "error")
    assert not inventory.blind_spots


@odd
def test_what_a_mapping_raises_costs_its_facet(error: Exception) -> None:
    def mapping(item: Item, answer: Any) -> Any:
        raise error

    table = replace(TABLE, facets={**TABLE.facets, "versioning": asked(POLICY, mapping)})
    for one in collected(caller(), table=table).resources:
        assert isinstance(one, Bucket)
        assert isinstance(one.versioning, Unknown)
        assert one.public_read is False


@odd
def test_what_combining_raises_costs_its_facet(error: Exception) -> None:
    def combine(*pieces: Any) -> Any:
        raise error

    table = replace(TABLE, facets={**TABLE.facets, "versioning": Facet((FacetRead(None, len),), combine)})
    found = collected(caller(), table=table)
    assert len(found.resources) == 3
    assert all(isinstance(value, Unknown) for value in versioning(found).values())


@odd
def test_what_identifying_raises_leaves_a_blind_spot(error: Exception) -> None:
    def header(item: Item) -> Any:
        if item["name"] == "b":
            raise error
        return TABLE.header(item)

    inventory = collected(caller(), table=replace(TABLE, header=header))
    assert [one.name for one in inventory.resources] == ["a", "c"]
    assert [(spot.kind, spot.cause.reason) for spot in inventory.blind_spots] == [("bucket", "error")]


@odd
def test_what_a_listing_raises_leaves_a_blind_spot_beside_what_came(error: Exception) -> None:
    class Broken(MemoryCaller):
        def pages(self, call: Ask) -> Iterator[Observed[Sequence[Item]]]:
            yield [{"name": "a"}]
            raise error

    inventory = collected(Broken((), caller().answers))
    assert [one.name for one in inventory.resources] == ["a"]
    assert [spot.cause.call for spot in inventory.blind_spots] == [LIST.name]
    assert not inventory.complete("aws", "111122223333", "bucket")


def test_a_page_that_is_no_list_leaves_a_blind_spot() -> None:
    inventory = collected(caller(listed=[[{"name": "a"}], None]))
    assert [one.name for one in inventory.resources] == ["a"]
    assert not inventory.complete("aws", "111122223333", "bucket")


@odd
def test_a_task_of_a_cloud_that_fails_leaves_a_blind_spot_in_its_place(error: Exception) -> None:
    workers = Workers(4)
    collection = Collection(workers)
    collection.run(TABLE, caller(), PLACE, WANTED)
    trails = replace(PLACE, kind="audit_trail")
    collection.begin(trails)

    def task() -> None:
        raise error

    workers.submit(task)
    workers.wait()
    inventory = collection.inventory((), {"bucket": WANTED, "audit_trail": frozenset()})
    assert len(inventory.resources) == 3
    assert [(spot.kind, spot.cause.reason) for spot in inventory.blind_spots] == [("audit_trail", "error")]
    assert type(error).__name__ in inventory.blind_spots[0].cause.message


LONE = "caf\udce9"
"""Text that is no Unicode, as a file system or an old program may have written it."""


def test_text_that_is_no_unicode_costs_its_facet(tmp_path: Any) -> None:
    table = replace(
        TABLE,
        facets={
            "tags": from_list(lambda item: {"owner": LONE} if item["name"] == "b" else {LONE: "x"}),
            "versioning": TABLE.facets["versioning"],
        },
    )
    rows = [[{"name": "a"}, {"name": "b"}, {"name": LONE}]]
    inventory = collected(caller(listed=rows), frozenset({"versioning"}), table)
    assert versioning(inventory) == {"a": True, "b": True}
    assert all(isinstance(one.tags, Unknown) for one in inventory.resources)
    assert [spot.kind for spot in inventory.blind_spots] == ["bucket"]
    with NewSnapshot(tmp_path / "snapshot") as snapshot:
        snapshot.write(Collected(inventory, NOW, NOW, "1"), "0")
    assert len(read_snapshot(tmp_path / "snapshot").inventory.resources) == 2


def test_a_message_of_a_cloud_that_is_no_unicode_can_be_stored() -> None:
    cause = Unknown.because("denied", "policy", None, f"{LONE} is not authorised").causes[0]
    assert cause.model_dump_json().encode()


class Endless(MemoryCaller):
    """A listing whose page token changes for ever."""

    def pages(self, call: Ask) -> Iterator[Observed[Sequence[Item]]]:
        return ([{"name": f"b{number}"}] for number in count())


def listed(limits: ListingLimits) -> Inventory:
    workers = Workers(4)
    collection = Collection(workers, limits)
    collection.run(TABLE, Endless((), caller().answers), PLACE, WANTED)
    workers.wait()
    return collection.inventory((), {"bucket": WANTED})


def test_a_listing_without_end_ends_at_a_number_of_pages() -> None:
    inventory = listed(ListingLimits(pages=5))
    assert len(inventory.resources) == 5
    (spot,) = inventory.blind_spots
    assert (spot.kind, spot.cause.call, spot.cause.reason) == ("bucket", LIST.name, "error")
    assert not inventory.complete("aws", "111122223333", "bucket")


def test_a_listing_without_end_ends_at_its_deadline() -> None:
    ticks = count()
    inventory = listed(ListingLimits(seconds=7, clock=lambda: float(next(ticks))))
    assert len(inventory.resources) == 8
    assert [spot.cause.reason for spot in inventory.blind_spots] == ["error"]


def test_a_listing_within_its_limits_is_complete() -> None:
    workers = Workers(4)
    collection = Collection(workers, ListingLimits(pages=2))
    collection.run(TABLE, caller(), PLACE, WANTED)
    workers.wait()
    inventory = collection.inventory((), {"bucket": WANTED})
    assert not inventory.blind_spots
    assert inventory.complete("aws", "111122223333", "bucket")


class Failing(MemoryCloud):
    """A cloud whose collection ends early."""

    def collect(self, wanted: Wanted, collection: Collection) -> None:
        super().collect({"account": wanted["account"]}, collection)
        raise OSError(24, "Too many open files")


def test_a_scope_whose_collection_fails_is_not_taken_for_empty() -> None:
    inventory = collect(
        reading(), {"aws": lambda request, limits: Failing((account(), bucket("b")))}
    ).inventory
    assert [one.kind for one in inventory.resources] == ["account"]
    assert {spot.kind for spot in inventory.blind_spots} == set(EVERYTHING)


@odd
def test_a_connection_that_fails_costs_no_other_scope(error: Exception) -> None:
    def connect(request: ConnectionRequest, limits: Limits) -> Provider:
        if request.profile == "broken":
            raise error
        return MemoryCloud((account(), region(), bucket("b")))

    broken = ConnectionRequest("aws", ("444455556666",), profile="broken", expected=False)
    asked_for = replace(reading(), connections=(broken, ConnectionRequest("aws")))
    inventory = collect(asked_for, {"aws": connect}).inventory
    assert len(inventory.resources) == 3
    missed = [target for target in inventory.targets if not target.reached]
    assert [(target.scope, target.expected) for target in missed] == [("444455556666", True)]
    assert type(error).__name__ in str(missed[0].message)


def connected(regions: tuple[str, ...], cloud: MemoryCloud) -> Inventory:
    return collect(reading(regions=regions), {"aws": lambda request, limits: cloud}).inventory


@pytest.mark.parametrize("regions", [("eu-wset-1",), ("eu-west-1", "cn-north-1")])
def test_a_region_that_is_not_there_is_refused_by_name(regions: tuple[str, ...]) -> None:
    inventory = connected(regions, MemoryCloud((account(), region(), bucket("b"))))
    (target,) = inventory.targets
    assert (target.reached, target.expected) == (False, True)
    assert regions[-1] in str(target.message)
    assert not len(inventory.resources)
    assert not inventory.looked("aws", ACCOUNT, "bucket")


DISABLED = Unknown.because("disabled", "ec2:DescribeRegions", None, "not enabled for the account")
UNLISTED = Unknown.because("denied", "ec2:DescribeRegions", "ec2:DescribeRegions", "not allowed")


@pytest.mark.parametrize(
    ("regions", "blind"),
    [
        (("eu-west-1",), ()),
        (("EU-West-1",), ()),
        (("eu-west-1", "af-south-1"), (("region", "af-south-1", DISABLED),)),
        (("eu-west-9",), (("region", None, UNLISTED),)),
    ],
    ids=["there", "in another form", "disabled", "regions could not be listed"],
)
def test_other_regions_are_not_refused(
    regions: tuple[str, ...], blind: tuple[tuple[str, str | None, Unknown], ...]
) -> None:
    inventory = connected(regions, MemoryCloud((account(), region()), blind))
    assert [target.reached for target in inventory.targets] == [True]
    assert [one.kind for one in inventory.resources] == ["account", "region"]


def test_regions_are_read_where_some_were_asked_for() -> None:
    wanted = {"account": EVERYTHING["account"]}
    asked_for = replace(reading(wanted), connections=(ConnectionRequest("aws", regions=("eu-wset-1",)),))
    cloud = MemoryCloud((account(), region()))
    inventory = collect(asked_for, {"aws": lambda request, limits: cloud}).inventory
    assert [target.reached for target in inventory.targets] == [False]
    there = replace(asked_for, connections=(ConnectionRequest("aws", regions=("eu-west-1",)),))
    inventory = collect(there, {"aws": lambda request, limits: cloud}).inventory
    assert [one.kind for one in inventory.resources] == ["account"], "no rule reads regions"
    assert set(inventory.collected) == {"account"}


def test_a_cloud_that_is_not_reached_says_so_without_an_exception() -> None:
    def connect(request: ConnectionRequest, limits: Limits) -> Provider:
        raise Unreachable("aws", "no credentials", "log in", no_credentials=True)

    inventory = collect(reading(), {"aws": connect}).inventory
    assert inventory.targets == (Target("aws", None, None, True, False, "No credentials log in"),)
