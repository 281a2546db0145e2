# ruff: noqa: E501  (tables read better unbroken)
"""Snapshots: what was written is what is read, and anything else is refused."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import zstandard

from scanner.assess.assessment import assess
from scanner.base.files import Unwritable
from scanner.model.evidence import Unknown
from scanner.model.inventory import Inventory
from scanner.report.build import build
from scanner.report.formats import json as json_report
from scanner.rule.evaluate import NotCollected, evaluate
from scanner.run.new_snapshot import NewSnapshot
from scanner.run.scan import Collected, collect
from scanner.run.snapshot import SnapshotError, read_head, read_snapshot
from tests.estate import (
    DENIED,
    EVERYTHING,
    NOW,
    PACK,
    MemoryCloud,
    account,
    bucket,
    inventory_of,
    reading,
    region,
    requested,
)

OFF = Unknown.because("disabled", "ec2:DescribeRegions", None, "not enabled for the account")
NOT_LISTED = Unknown.because("denied", "ec2:DescribeSecurityGroups", "ec2:DescribeSecurityGroups", "no")
CLOUD = MemoryCloud(
    (
        account(tags={}, path=DENIED),
        region(),
        bucket("open", public_read=True, public_via=("ACL",), tags={"team": "größe"}),
        bucket("hidden", public_read=DENIED, versioning=DENIED, encryption=None),
        bucket("fine"),
    ),
    (("region", "af-south-1", OFF), ("firewall", "eu-west-1", NOT_LISTED)),
)


def gathered(cloud: MemoryCloud = CLOUD, wanted: Any = EVERYTHING) -> Collected:
    found = collect(reading(wanted), {"aws": lambda request, limits: cloud})
    inventory = replace(found.inventory, calls={"aws": {"s3:GetBucketPolicy": 3}})
    return Collected(inventory, NOW - timedelta(seconds=14), NOW, "0" * 32)


def written(path: Path, collected: Collected) -> Path:
    with NewSnapshot(path) as snapshot:
        snapshot.write(collected, "0.1.0")
    return path


def report(collected: Collected) -> str:
    given = requested()
    out = io.StringIO()
    json_report.render(build(collected, assess(collected.inventory, given), given), out)
    return out.getvalue()


def lines(path: Path) -> list[bytes]:
    return zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read().splitlines(keepends=True)


def packed(*parts: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(b"".join(parts))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return written(tmp_path / "snapshot.ndjson.zst", gathered())


def test_what_is_read_is_what_was_written(path: Path) -> None:
    before, after = gathered(), read_snapshot(path)
    assert tuple(after.inventory.resources) == tuple(before.inventory.resources)
    assert len(after.inventory.resources) == len(before.inventory.resources)
    text = ("blind_spots", "targets", "collected", "calls")
    assert [getattr(after.inventory, name) for name in text] == [
        getattr(before.inventory, name) for name in text
    ]
    assert (after.id, after.started, after.finished) == (before.id, before.started, before.finished)


def test_the_resources_can_be_read_again(path: Path) -> None:
    resources = read_snapshot(path).inventory.resources
    assert list(zip(resources, resources, strict=True))
    assert list(resources) == list(resources)


def test_a_snapshot_is_judged_as_the_scan_was(path: Path) -> None:
    assert report(read_snapshot(path)) == report(gathered())


def test_the_same_inventory_gives_the_same_file(path: Path, tmp_path: Path) -> None:
    again = written(tmp_path / "again.zst", read_snapshot(path))
    assert again.read_bytes() == path.read_bytes()


def test_only_its_owner_may_read_it(path: Path) -> None:
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_snapshot_replaces_its_file_only_when_it_is_whole(path: Path) -> None:
    before = path.read_bytes()

    class Broken:
        def __len__(self) -> int:
            return 1

        def __iter__(self) -> Any:
            yield bucket("b")
            raise RuntimeError

    collected = gathered()
    with pytest.raises(RuntimeError), NewSnapshot(path) as snapshot:
        snapshot.write(replace(collected, inventory=replace(collected.inventory, resources=Broken())), "0")
    with NewSnapshot(path):
        pass
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_path_that_cannot_be_written_is_found_beforehand(tmp_path: Path) -> None:
    for path in (tmp_path / "absent" / "snapshot.zst", tmp_path):
        with pytest.raises(Unwritable, match="cannot be written"), NewSnapshot(path):
            pytest.fail("the collection must not begin")


def test_every_truncation_is_refused(path: Path) -> None:
    whole = path.read_bytes()
    checksum = 4  # of the compression, at the very end: without it, all lines are still there and digested
    for length in range(len(whole) - checksum):
        path.write_bytes(whole[:length])
        with pytest.raises(SnapshotError, match=r"truncated|damaged|is not a gapscan snapshot"):
            read_snapshot(path)


def test_every_flipped_byte_is_refused_or_makes_no_difference(path: Path) -> None:
    whole, text = path.read_bytes(), report(gathered())
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            read = report(read_snapshot(path))
        except SnapshotError:
            continue
        assert read == text


def edited(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[Path], bytes]:
    return lambda path: packed(*change(lines(path)))


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (lambda path: b"", "is not a gapscan snapshot"),
        (lambda path: b'{"schema": "gapscan.report/v1"}\n', "is not a gapscan snapshot"),
        (lambda path: packed(b'{"schema":"gapscan.report/v1"}\n'), "is not a gapscan snapshot but 'gapscan.rep"),
        (lambda path: packed(b"some other text\n"), "is not a gapscan snapshot"),
        (lambda path: packed(b"\x00" * 100), "is not a gapscan snapshot"),
        (lambda path: packed(b'{"schema":[]}\n'), "is not a gapscan snapshot"),
        (lambda path: packed(), "is truncated"),
        (edited(lambda own: [own[0].replace(b"/v1", b"/v2"), *own[1:]]), "written by a newer gapscan: gapscan.sn"),
        (edited(lambda own: [own[0].replace(b'"bucket":', b'"bouquet":'), *own[1:]]), "newer gapscan .0.1.0.: unknown kind bouquet"),
        (edited(lambda own: [own[0].replace(b'"versioning"', b'"vigour"'), *own[1:]]), "newer gapscan .0.1.0.: unknown facets of bucket: vigour"),
        (edited(lambda own: [own[0].replace(b'"id":', b'"idea":'), *own[1:]]), "is damaged: line 1"),
        (edited(lambda own: own[:-1]), "is truncated: its end is missing"),
        (edited(lambda own: own[:-2] + own[-1:]), "is damaged: its content does not match"),
        (edited(lambda own: [*own, own[-2]]), "is damaged: there is data after its end"),
        (edited(lambda own: [own[0], own[-2], *own[1:-2], own[-1]]), "is damaged: its content does not match"),
        (edited(lambda own: [*own[:-1], own[-1].replace(b"resources", b"things")]), "is damaged: its end"),
        (edited(lambda own: [own[0], b'{"blind_spot":{}}\n', *own[1:]]), "is damaged: line 2"),
        (edited(lambda own: [own[0], b"[]\n", *own[1:]]), "is damaged: line 2"),
        (lambda path: path.read_bytes() + b"more", "is truncated or damaged"),
        (lambda path: path.read_bytes() * 2, "is damaged: there is data after"),
    ],
)  # fmt: skip
def test_what_is_no_snapshot_is_refused(content: Callable[[Path], bytes], text: str, path: Path) -> None:
    path.write_bytes(content(path))
    with pytest.raises(SnapshotError, match=text) as refused:
        read_snapshot(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert refused.value.exit_code == 2


def test_a_line_without_an_end_is_not_held_in_memory(path: Path) -> None:
    path.write_bytes(packed(lines(path)[0], b'{"resource":"' + b"x" * (1 << 26)))
    with pytest.raises(SnapshotError, match="a line is too long"):
        read_snapshot(path)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match=r"absent.zst: cannot be read: No such file"):
        read_snapshot(tmp_path / "absent.zst")


def test_a_file_that_changes_while_it_is_judged_is_refused(path: Path) -> None:
    resources = read_snapshot(path).inventory.resources
    own = lines(path)
    path.write_bytes(packed(*own[:-2], own[-1]))
    with pytest.raises(SnapshotError, match="is damaged"):
        list(resources)


def test_a_narrowed_snapshot_says_what_a_rule_lacks(tmp_path: Path) -> None:
    wanted = {"account": frozenset({"tags"}), "bucket": frozenset({"public_read", "tags"})}
    path = written(tmp_path / "narrow.zst", Collected(inventory_of(CLOUD, wanted), NOW, NOW, "0" * 32))
    inventory: Inventory = read_snapshot(path).inventory
    with pytest.raises(NotCollected, match=r"data.bucket-encrypted needs encryption of bucket"):
        evaluate([PACK.rules["data.bucket-encrypted"]], inventory, NOW)
    assert list(evaluate([PACK.rules["data.bucket-not-public"]], inventory, NOW))


def test_the_first_line_says_what_it_is(path: Path) -> None:
    head = json.loads(lines(path)[0])
    assert next(iter(head)) == "schema"
    assert head["schema"] == "gapscan.snapshot/v1"
    assert head["collected"]["bucket"] == sorted(EVERYTHING["bucket"])
    assert json.loads(lines(path)[-1])["end"]["resources"] == 5


def test_a_small_file_that_expands_without_end_is_refused(path: Path, tmp_path: Path) -> None:
    head, *_ = lines(path)
    spot = json.dumps(
        {
            "blind_spot": {
                "provider": "aws",
                "scope": "111122223333",
                "region": None,
                "kind": "bucket",
                "cause": {"reason": "error", "call": "c", "permission": None, "message": "m" * 10_000},
            }
        },
        separators=(",", ":"),
    ).encode()
    bomb = tmp_path / "bomb.zst"
    bomb.write_bytes(packed(head, *[spot + b"\n"] * 4_000))
    assert bomb.stat().st_size < 100_000
    with pytest.raises(SnapshotError, match="holds more than gapscan writes"):
        read_snapshot(bomb)


def test_a_line_that_is_nested_too_deeply_is_damaged(path: Path, tmp_path: Path) -> None:
    head, *_ = lines(path)
    deep = tmp_path / "deep.zst"
    deep.write_bytes(packed(head, b'{"blind_spot":' + b"[" * 20_000 + b"]" * 20_000 + b"}\n"))
    with pytest.raises(SnapshotError, match="is damaged"):
        read_snapshot(deep)
    deep.write_bytes(packed(b'{"schema":' + b"[" * 20_000 + b"\n"))
    with pytest.raises(SnapshotError, match="is not a gapscan snapshot"):
        read_snapshot(deep)


def test_the_head_is_read_alone(path: Path) -> None:
    whole = path.read_bytes()
    head, collected = read_head(path), gathered()
    assert (head.id, head.started, head.finished) == (collected.id, collected.started, collected.finished)
    assert head.targets == collected.inventory.targets
    assert head.collected["bucket"] == tuple(sorted(EVERYTHING["bucket"]))
    own = lines(path)
    path.write_bytes(packed(own[0], b"\x00" * 1000 + b"\n", own[-1]))
    assert read_head(path) == head
    for length in range(8):
        path.write_bytes(whole[:length])
        with pytest.raises(SnapshotError, match=r"is not a gapscan snapshot|is truncated"):
            read_head(path)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda line: line.replace(b"/v1", b"/v2"), "written by a newer gapscan: gapscan.snapshot/v2"),
        (lambda line: line.replace(b'"bucket":', b'"bouquet":'), "newer gapscan .0.1.0.: unknown kind bouquet"),
        (lambda line: line.replace(b'"id":', b'"idea":'), "is damaged: line 1"),
        (lambda line: line.rstrip(b"\n"), "is truncated"),
        (lambda line: b'{"schema":"' + b"x" * (1 << 26), "a line is too long"),
    ],
)  # fmt: skip
def test_a_head_that_cannot_be_read_is_refused_alike(
    change: Callable[[bytes], bytes], text: str, path: Path
) -> None:
    path.write_bytes(packed(change(lines(path)[0])))
    for read in (read_head, read_snapshot):
        with pytest.raises(SnapshotError, match=text) as refused:
            read(path)
        assert str(refused.value).startswith(f"{path}: ")


def sealed(*body: bytes) -> bytes:
    """A whole snapshot of these lines."""
    end = {
        "resources": sum(one.startswith(b'{"resource"') for one in body),
        "blind_spots": sum(one.startswith(b'{"blind_spot"') for one in body),
        "sha256": hashlib.sha256(b"".join(body)).hexdigest(),
    }
    return packed(*body, json.dumps({"end": end}, separators=(",", ":")).encode() + b"\n")


@pytest.mark.parametrize(
    "change",
    [
        lambda line: line.replace(b'"kind":"bucket"', b'"kind":"bouquet"'),
        lambda line: line.replace(b'"kind":"bucket",', b""),
        lambda line: line.replace(b'"type":', b'"sort":'),
        lambda line: line.replace(b"}}\n", b"}]\n"),
        lambda line: line.replace(b"}}\n", b'},"x":{}}\n'),
        lambda line: line.replace(b'"tls_only":true', b'"tls_only":' + b"[" * 20_000),
    ],
)
def test_a_header_that_cannot_be_read_is_refused_beforehand(
    change: Callable[[bytes], bytes], path: Path
) -> None:
    own = lines(path)[:-2]  # the last one is of a bucket
    path.write_bytes(sealed(*own))
    assert len(read_snapshot(path).inventory.resources) == 4
    assert change(own[-1]) != own[-1]
    path.write_bytes(sealed(*own[:-1], change(own[-1])))
    with pytest.raises(SnapshotError, match=f"is damaged: line {len(own)}: "):
        read_snapshot(path)


def test_a_facet_of_the_wrong_type_is_refused_when_it_is_read(path: Path) -> None:
    own = lines(path)[:-2]
    path.write_bytes(sealed(*own[:-1], own[-1].replace(b'"versioning":true', b'"versioning":"on"')))
    inventory = read_snapshot(path).inventory
    assert list(inventory.of("account")), "lines of other kinds are not validated"
    with pytest.raises(SnapshotError, match=f"is damaged: line {len(own)}: 1 validation error for Bucket"):
        list(inventory.resources)


def test_another_snapshot_in_its_place_is_refused(path: Path) -> None:
    resources = read_snapshot(path).inventory.resources
    written(path, replace(gathered(), id="1" * 32))
    with pytest.raises(SnapshotError, match="has been replaced since it was checked"):
        list(resources)
