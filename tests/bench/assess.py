"""Assessing snapshots: CPU as a ratio to the floor, memory, how the cost grows, and several processes."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

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
    start = _assess(place, _snapshot(place, "tiny.zst", 100), SHORT).cpu
    half, whole = (
        _assess(place, _snapshot(place, f"{number}.zst", number), SHORT).cpu - start
        for number in (RESOURCES // 4, RESOURCES // 2)
    )
    yield Figure("growth with resources", (whole - half) / half, 1.2, "×", "the second half to the first")
    many = _snapshot(place, "rules.zst", RESOURCES // 4)
    few, all_ = (
        _assess(place, many, (*SHORT, *options)).cpu - start
        for options in (("--control=data.no-public-exposure", "--control=data.encryption-at-rest"), ())
    )
    yield Figure("growth with rules", all_ / few, 12, "×", "all rules of a kind to two of their controls")
    few_scopes, all_scopes = (
        _assess(place, _snapshot(place, f"scopes-{scopes}.zst", 200 * scopes, scopes), SHORT).cpu - start
        for scopes in (SCOPES * 5, SCOPES * 10)
    )
    growth = (all_scopes - few_scopes) / few_scopes
    detail = f"{all_scopes / (SCOPES * 10) * 1000:.1f} ms of CPU a scope of 200 resources"
    yield Figure("growth with scopes", growth, 1.2, "×", detail)


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
