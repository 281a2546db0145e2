"""Resources stored on disk: sorted, each once, and gone with the process."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scanner.base.files import Unwritable
from scanner.collect import resource_store
from scanner.collect.collection import Collection, CollectionPlace
from scanner.collect.provider import ConnectionRequest, Limits
from scanner.collect.resource_store import ResourceStore
from scanner.collect.workers import Workers
from scanner.model.inventory import Selection, Wanted
from scanner.model.resources.base import Resource
from scanner.run.scan import collect
from tests.command_line import ROOT
from tests.estate import DENIED, EVERYTHING, MemoryCloud, account, bucket, reading
from tests.model.stored_resources import resources

OPEN_FILES = Path("/proc/self/fd")


def key(resource: Resource) -> tuple[str, str, str, str]:
    return resource.provider, resource.scope, resource.kind, resource.id


def once(added: list[Resource]) -> list[Resource]:
    """What has to come out, by the definition: of equals, the first with the most unknown facets."""
    groups = groupby(sorted(added, key=key), key=key)
    return [max(same, key=lambda one: len(one.unknowns())) for _, same in groups]


def put(store: ResourceStore, added: Sequence[Resource]) -> ResourceStore:
    for resource in added:
        store.add(resource, resource.to_json())
    return store


@pytest.fixture(params=["in memory", "in runs"])
def run(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where resources are stored: whether the limits for memory are passed."""
    if request.param == "in runs":
        monkeypatch.setattr(resource_store, "_RUN", 1500)
        monkeypatch.setattr(resource_store, "_BLOCK", 64)
        monkeypatch.setattr(resource_store, "_BLOCKS", 64)
    return str(request.param)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(added=st.lists(resources(), max_size=12), data=st.data())
def test_they_come_back_sorted_and_once(run: str, added: list[Resource], data: st.DataObject) -> None:
    more = data.draw(st.lists(st.sampled_from(added), max_size=6)) if added else []
    hidden = [type(one).model_copy(one, update={"tags": DENIED}) for one in more]
    everything = data.draw(st.permutations([*added, *hidden]))
    found = put(ResourceStore(), everything).resources()
    expected = once(everything)
    assert list(found) == list(found) == expected
    assert len(found) == len(expected)
    assert found.numbers == Counter((one.provider, one.scope, one.kind, one.type) for one in expected)
    chosen = Selection(kinds=frozenset({"bucket", "user"}))
    assert list(found.select(chosen)) == [one for one in expected if one.kind in ("bucket", "user")]
    ids = frozenset(one.id for one in more)
    named = [one for one in expected if one.kind == "bucket" and one.id in ids]
    assert list(found.named("bucket", ids)) == named


def test_of_many_the_order_is_the_same(run: str) -> None:
    names = [f"b-{number * 7919 % 1000:04}" for number in range(1000)]
    sizes = {name: "y" * (number % 900) for number, name in enumerate(names)}
    store = put(ResourceStore(), [bucket(name, tags={"x": sizes[name]}) for name in names])
    assert [one.name for one in store.resources()] == sorted(names)
    store.add(account(), account().to_json())
    assert [one.name for one in store.resources()] == ["payments-prod", *sorted(names)], "later ones too"


def test_the_one_with_more_unknown_facets_is_kept(run: str) -> None:
    seen, hidden = bucket("b"), bucket("b", versioning=DENIED)
    filler = [bucket(f"c-{number}") for number in range(8)]
    for added in ([seen, *filler, hidden], [hidden, *filler, seen], [seen, hidden], [hidden, seen]):
        assert next(iter(put(ResourceStore(), added).resources())) == hidden


def open_files() -> int:
    return len(list(OPEN_FILES.iterdir()))


def stored_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource_store, "_RUN", 2000)
    monkeypatch.setenv("SQLITE_TMPDIR", str(folder))


@pytest.mark.skipif(not OPEN_FILES.exists(), reason="counts open files in /proc")
def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored_in(tmp_path, monkeypatch)
    before = open_files()
    store = put(ResourceStore(), [bucket(f"b-{number}") for number in range(50)])
    found = store.resources()
    assert open_files() == before + 2
    assert list(tmp_path.iterdir()) == []
    reading: Iterator[Resource] = iter(found)
    next(reading)
    del store, found
    assert next(reading).name == "b-1", "it is there as long as somebody reads it"
    del reading
    gc.collect()
    assert open_files() == before


FULL = """
import resource, signal
from scanner.collect import resource_store
from tests.estate import bucket
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
resource_store._RUN = 2000
store = resource_store.ResourceStore()
try:
    for number in range(100):
        store.add(bucket(f"b-{number}"), bucket(f"b-{number}").to_json())
except resource_store.Unwritable as error:
    print(error)
"""


def test_no_room_is_one_message(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", FULL],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)},
    )
    message = f"{tmp_path}: resources cannot be stored there meanwhile: File too large\n"
    assert (done.stdout, done.stderr) == (message, "")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_used_ends_the_collection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored_in(tmp_path, monkeypatch)

    def refused(**options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("scanner.collect.resource_store.tempfile.TemporaryFile", refused)
    cloud = MemoryCloud(tuple(bucket(f"b-{number}") for number in range(50)))

    def connect(request: ConnectionRequest, limits: Limits) -> MemoryCloud:
        return cloud

    with pytest.raises(Unwritable, match=rf"^{tmp_path}: resources .* No space left on device$") as raised:
        collect(reading(), {"aws": connect})
    assert raised.value.exit_code == 74


class Endless(MemoryCloud):
    """A cloud whose listing goes on until it is stopped."""

    def collect(self, wanted: Wanted, collection: Collection) -> None:
        super().collect(wanted, collection)
        place = CollectionPlace("aws", "111122223333", None, "bucket")
        collection.begin(place)
        collection.workers.submit(lambda: self.collect(wanted, collection))


def test_no_room_ends_a_collection_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored_in(tmp_path / "absent", monkeypatch)
    monkeypatch.setattr("scanner.collect.resource_store.temporary_folder", lambda: str(tmp_path / "absent"))
    cloud = Endless(tuple(bucket(f"b-{number}") for number in range(50)))
    with pytest.raises(Unwritable, match="No such file or directory"):
        collect(reading(), {"aws": lambda request, limits: cloud})


def test_the_whole_inventory_is_the_same_from_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = MemoryCloud((account(), *(bucket(f"b-{number}") for number in range(50))))
    whole = collect(reading(EVERYTHING), {"aws": lambda request, limits: cloud}).inventory
    stored_in(tmp_path, monkeypatch)
    again = collect(reading(EVERYTHING), {"aws": lambda request, limits: cloud}).inventory
    assert again == whole
    assert list(again.of("account")) == [account()]
    assert len(list(again.within([("aws", "111122223333")]).resources)) == 51


def test_an_answer_is_let_go_with_its_scope() -> None:
    workers = Workers(2)
    collection = Collection(workers)
    asked: Counter[str] = Counter()

    def ask(name: str, scope: tuple[str, str] | None) -> None:
        def question() -> str:
            asked[name] += 1
            return name

        assert collection.ask(name, question, scope).result(timeout=30) == name

    places = [CollectionPlace("aws", scope, None, "bucket") for scope in ("a", "b")]
    for place in places:
        collection.begin(place)
    ask("of a", ("aws", "a"))
    ask("of b", ("aws", "b"))
    ask("of both", None)
    collection.end(places[0])
    ask("of a", ("aws", "a"))
    assert asked["of a"] == 1, "more of the scope may be to come"
    collection.all_started()
    for name, scope in (("of a", ("aws", "a")), ("of b", ("aws", "b")), ("of both", None)):
        ask(name, scope)
    assert asked == {"of a": 2, "of b": 1, "of both": 1}
    collection.end(places[1])
    ask("of b", ("aws", "b"))
    assert asked == {"of a": 2, "of b": 2, "of both": 1}
    assert collection.places() == (2, 2)
    workers.wait()
