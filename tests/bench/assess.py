"""Assessing snapshots: CPU as a ratio to the floor, memory, how the cost grows, and several processes."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from tests.bench import floor
from tests.bench.figure import Figure
from tests.bench.process import ROOT, Used, gapscan, run

RESOURCES = 100_000
MANY = 1_000_000
SCOPES = 20
OWNERSHIP = """\
version: 1
teams: {platform: {contact: platform@example.com}, data: {contact: data@example.com}}
owners:
- {controls: [log, gov], accountable: platform}
- {controls: [data], where: {tags: {owner: team-1}}, accountable: data}
"""
SHORT = ("--report=text=text.out", "--report=json=json.out")
LONG = ("--findings=all", "--report=json=json.out", "--report=ocsf=ocsf.out")


def figures() -> Iterator[Figure]:
    """What an assessment costs."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "ownership.yaml").write_text(OWNERSHIP, encoding="utf-8")
        snapshot = _snapshot(place, "large.zst", RESOURCES)
        base = floor.of_snapshot(snapshot)
        short, long = _assess(place, snapshot, SHORT), _assess(place, snapshot, LONG)
        name = f"assess {RESOURCES // 1000}k"
        detail = f"{short.cpu:.1f} s of CPU; the floor is {base:.2f} s"
        yield Figure(f"{name}: text, JSON", short.cpu / base, 15, "×", detail)
        yield Figure(f"{name}: memory", short.memory, 120, "MiB")
        detail = f"{long.cpu:.1f} s of CPU, {long.memory:.0f} MiB"
        yield Figure(f"{name}: all, JSON, OCSF", long.cpu / base, 60, "×", detail)
        many = _assess(place, _snapshot(place, "many.zst", MANY), SHORT)
        detail = f"{many.cpu:.0f} s of CPU, {many.elapsed:.0f} s"
        yield Figure(f"assess {MANY // 1000}k: text, JSON", many.cpu / short.cpu, 11, "×", detail)
        yield Figure(f"assess {MANY // 1000}k: memory", many.memory / short.memory, 1.3, "×")
        yield from _growth(place)
        yield from _processes(place)


def _growth(place: Path) -> Iterator[Figure]:
    """The second half of the work, compared with the first: 1 is linear."""
    tiny = _snapshot(place, "tiny.zst", 100)
    resources = [
        _assess(place, _snapshot(place, "more.zst", share * RESOURCES // 2), SHORT).cpu for share in (1, 2, 4)
    ]
    yield _slope("resources", resources, RESOURCES // 2)
    many = _snapshot(place, "rules.zst", RESOURCES // 2)
    packs = [_copies(place / "pack", copies) for copies in (4, 8, 16)]
    rules = [
        _assess(place, many, (*SHORT, "--rules=builtin", f"--rules={pack}")).cpu
        - _assess(place, tiny, (*SHORT, "--rules=builtin", f"--rules={pack}")).cpu
        for pack in packs
    ]
    yield _slope("rules", rules, 4 * len(COPIED))
    scopes = [
        _assess(place, _snapshot(place, "wide.zst", 200 * number, number), (*SHORT, "--jobs=1")).cpu
        for number in (SCOPES * 5, SCOPES * 10, SCOPES * 20)
    ]
    yield _slope("scopes", scopes, SCOPES * 5)


def _slope(what: str, costs: Sequence[float], step: int) -> Figure:
    """Of twice as much again to as much again; 1 is linear."""
    first, second = costs[1] - costs[0], (costs[2] - costs[1]) / 2
    detail = f"{second / step * 1e6:,.0f} µs of CPU for each of {what} more"
    return Figure(f"growth with {what}", second / first, 1.2, "×", detail)


COPIED = ("bucket-encrypted", "bucket-tls-only", "bucket-not-public")
"""Rules of buckets that make up larger packs."""


def _copies(place: Path, number: int) -> Path:
    """A pack with copies of these rules."""
    for copy in range(number):
        for name in COPIED:
            rule = yaml.safe_load((ROOT / "rules" / "data" / f"{name}.yaml").read_text(encoding="utf-8"))
            rule.pop("aliases", None)
            path = place / f"x{number}" / f"copy{copy}" / f"{name}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(yaml.safe_dump(rule), encoding="utf-8")
    return place / f"x{number}"


def _processes(place: Path) -> Iterator[Figure]:
    folder = place / "scopes"
    folder.mkdir()
    _snapshot(place, "scopes", RESOURCES, SCOPES)
    one, two = (_assess(place, folder, (*SHORT, f"--jobs={jobs}")) for jobs in (1, 2))
    detail = f"{one.elapsed:.1f} s and {two.elapsed:.1f} s"
    yield Figure(f"{SCOPES} scopes, two processes", two.elapsed / one.elapsed, 0.6, "×", detail)


def _snapshot(place: Path, name: str, resources: int, scopes: int = 1) -> Path:
    arguments = [str(place / name), str(resources), str(scopes)]
    run([sys.executable, "-m", "tests.bench.large", *arguments], cwd=ROOT)
    return place / name


def _assess(place: Path, snapshot: Path, options: Sequence[str]) -> Used:
    given = ["--ownership=ownership.yaml", "--gate=none", "--allow-incomplete"]
    return gapscan("assess", str(snapshot), *given, *options, cwd=place)
