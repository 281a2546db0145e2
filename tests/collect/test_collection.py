"""The collection loop: every failure is recorded, and no call is made twice."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from scanner.collect.collection import Collection, CollectionPlace
from scanner.collect.table import Facet, FacetRead, Item, Table, asked, from_list
from scanner.collect.workers import Workers
from scanner.model.evidence import Observed, Unknown, any_of
from scanner.model.inventory import Inventory
from scanner.model.resources.storage import Bucket, Encryption


@dataclass(frozen=True)
class Ask:
    """A call of a fictitious cloud."""

    name: str
    shared: bool = False

    @property
    def permission(self) -> str | None:
        return f"{self.name}:read"


LIST, REGION, POLICY, BLOCK = Ask("list"), Ask("region"), Ask("policy"), Ask("block", shared=True)
DENIED = Unknown.because("denied", "policy", "policy:read", "no")


@dataclass
class MemoryCaller:
    """Answers from functions of the call and the item's name; counts the calls."""

    listed: Sequence[Observed[Sequence[Item]]]
    answers: dict[Ask, Callable[[str], Observed[Any]]]
    asked: Counter[tuple[str, str]] = field(default_factory=Counter)

    def pages(self, call: Ask) -> Iterator[Observed[Sequence[Item]]]:
        yield from self.listed

    def answer(self, call: Ask, item: Item) -> Observed[Any]:
        self.asked[call.name, "" if call.shared else item["name"]] += 1
        return self.answers[call](item["name"])

    def key(self, call: Ask, item: Item) -> Hashable | None:
        return "scope" if call.shared else None

    def read(self, call: Ask | None, function: Callable[..., Any], *arguments: Any) -> Observed[Any]:
        try:
            return function(*arguments)
        except (KeyError, TypeError):
            return Unknown.because("error", call.name if call else "list", None, "unreadable")


def header(item: Item) -> dict[str, Any]:
    name = item["name"]
    return {
        "provider": "aws",
        "partition": "aws",
        "scope": "111122223333",
        "region": item["region"],
        "id": name,
        "name": name,
        "type": "aws.s3.bucket",
    }


TABLE = Table(
    kind=Bucket,
    list=LIST,
    header=header,
    facets={
        "tags": from_list(lambda item: item.get("tags", {})),
        "versioning": asked(POLICY, lambda item, answer: answer["versioning"]),
        "public_read": Facet(
            (
                FacetRead(POLICY, lambda item, answer: answer["public"]),
                FacetRead(BLOCK, lambda item, answer: answer["open"]),
            ),
            any_of,
        ),
        "encryption": from_list(lambda item: Encryption(key="provider", key_id=None)),
    },
    enrich=asked(REGION, lambda item, answer: {"region": answer}),
)
WANTED = frozenset({"versioning", "public_read"})


def collected(caller: MemoryCaller, wanted: frozenset[str] = WANTED, table: Table[Ask] = TABLE) -> Inventory:
    workers = Workers(4)
    collection = Collection(workers)
    collection.run(table, caller, CollectionPlace("aws", "111122223333", None, "bucket"), wanted)
    workers.wait()
    assert collection.unfinished() == ()
    return collection.inventory((), {"bucket": wanted})


def caller(**changes: Any) -> MemoryCaller:
    answers: dict[Ask, Callable[[str], Observed[Any]]] = {
        REGION: lambda name: "eu-west-1",
        POLICY: lambda name: {"versioning": True, "public": False},
        BLOCK: lambda name: {"open": False},
    }
    listed = changes.pop("listed", [[{"name": "a"}, {"name": "b"}], [{"name": "c"}]])
    return MemoryCaller(listed, {**answers, **{Ask(k, k == "block"): v for k, v in changes.items()}})


def test_every_resource_has_only_the_wanted_facets() -> None:
    inventory = collected(caller())
    assert [bucket.name for bucket in inventory.resources] == ["a", "b", "c"]
    for bucket in inventory.resources:
        assert isinstance(bucket, Bucket)
        assert bucket.collected() == WANTED | {"tags"}
        assert (bucket.versioning, bucket.public_read, bucket.region) == (True, False, "eu-west-1")
    assert inventory.complete("aws", "111122223333", "bucket")


def test_each_call_is_made_once() -> None:
    counting = caller()
    collected(counting)
    assert counting.asked == {
        **{("policy", name): 1 for name in "abc"},
        **{("region", name): 1 for name in "abc"},
        ("block", ""): 1,
    }


def test_calls_that_no_wanted_facet_needs_are_not_made() -> None:
    counting = caller()
    collected(counting, frozenset({"encryption"}))
    assert {name for name, _ in counting.asked} == {"region"}
    assert TABLE.calls(frozenset({"encryption"})) == {LIST, REGION}
    assert TABLE.calls(WANTED) == {LIST, REGION, POLICY, BLOCK}


def test_a_denied_call_only_hides_its_own_facets() -> None:
    inventory = collected(
        caller(policy=lambda name: DENIED if name == "b" else {"versioning": True, "public": False})
    )
    a, b, _ = inventory.resources
    assert isinstance(a, Bucket)
    assert isinstance(b, Bucket)
    assert a.versioning is True
    assert b.versioning == DENIED
    assert b.public_read == DENIED


def test_a_decisive_answer_needs_no_other() -> None:
    inventory = collected(caller(policy=lambda name: DENIED, block=lambda name: {"open": True}))
    assert all(isinstance(bucket, Bucket) and bucket.public_read is True for bucket in inventory.resources)


def test_a_partial_listing_keeps_its_items_and_adds_a_blind_spot() -> None:
    inventory = collected(caller(listed=[[{"name": "a"}], DENIED]))
    assert [bucket.name for bucket in inventory.resources] == ["a"]
    assert [(spot.kind, spot.cause) for spot in inventory.blind_spots] == [("bucket", DENIED.causes[0])]
    assert not inventory.complete("aws", "111122223333", "bucket")


@pytest.mark.parametrize(
    "broken",
    [
        {"listed": [[{"name": "a"}, {"nom": "b"}]]},
        {
            "region": lambda name: 7 if name == "b" else "eu-west-1",
            "listed": [[{"name": "a"}, {"name": "b"}]],
        },
        {
            "region": lambda name: DENIED if name == "b" else "eu-west-1",
            "listed": [[{"name": "a"}, {"name": "b"}]],
        },
    ],
    ids=["unreadable", "of the wrong type", "denied"],
)
def test_a_resource_that_cannot_be_identified_leaves_a_blind_spot(broken: dict[str, Any]) -> None:
    if "region" not in broken:
        broken = {**broken, "region": lambda name: "eu-west-1"}
    inventory = collected(caller(**broken))
    assert [bucket.name for bucket in inventory.resources] == ["a"]
    assert len(inventory.blind_spots) == 1


def test_a_facet_of_the_wrong_type_is_unknown() -> None:
    inventory = collected(caller(policy=lambda name: {"versioning": "Enabled", "public": False}))
    for bucket in inventory.resources:
        assert isinstance(bucket, Bucket)
        assert isinstance(bucket.versioning, Unknown)
        assert bucket.versioning.causes[0].reason == "error"
        assert bucket.public_read is False


def test_an_answer_that_only_fails_when_combined_is_unknown() -> None:
    def either(one: Any, other: Any) -> Any:
        return one["open"] or other

    facets = {**TABLE.facets, "public_read": replace(TABLE.facets["public_read"], combine=either)}
    inventory = collected(caller(), table=replace(TABLE, facets=facets))
    assert len(inventory.resources) == 3
    for bucket in inventory.resources:
        assert isinstance(bucket, Bucket)
        assert isinstance(bucket.public_read, Unknown)
        assert (bucket.public_read.causes[0].reason, bucket.public_read.causes[0].call) == ("error", "policy")
        assert bucket.versioning is True


@pytest.mark.parametrize("item", [None, "b", ["b"]])
def test_an_item_of_the_wrong_type_leaves_a_blind_spot(item: Any) -> None:
    named = Facet[Ask]((FacetRead(None, lambda item: None),), lambda nothing: {"region": "eu-west-1"})
    inventory = collected(caller(listed=[[{"name": "a"}, item]]), table=replace(TABLE, enrich=named))
    assert [bucket.name for bucket in inventory.resources] == ["a"]
    assert [(spot.kind, spot.cause.reason) for spot in inventory.blind_spots] == [("bucket", "error")]


def test_an_answer_without_the_field_is_unknown() -> None:
    inventory = collected(caller(policy=lambda name: {"public": False}))
    assert all(isinstance(b, Bucket) and isinstance(b.versioning, Unknown) for b in inventory.resources)


def test_a_facet_that_the_table_lacks_is_rejected() -> None:
    with pytest.raises(ValueError, match="tls_only"):
        collected(caller(), frozenset({"tls_only"}))


def test_a_hanging_call_does_not_block_an_interrupt() -> None:
    workers = Workers(2)
    never = threading.Event()
    for _ in range(8):
        workers.submit(never.wait)

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        workers.wait(interrupt)
    workers.stop()
    never.set()


def test_all_workers_run_concurrently() -> None:
    workers = Workers(8)
    together = threading.Barrier(8, timeout=10)
    for _ in range(8):
        workers.submit(together.wait)
    workers.wait()
    assert not together.broken


def test_no_task_starts_after_a_stop() -> None:
    workers = Workers(1)
    workers.stop()
    begun = threading.Event()
    workers.submit(begun.set)
    time.sleep(0.05)
    assert not begun.is_set()


def test_threads_end_after_each_scan() -> None:
    before = threading.active_count()
    for _ in range(20):
        collected(caller())
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= before
