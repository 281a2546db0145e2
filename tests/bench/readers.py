"""Readers of reports: one finding of a million, and the difference of two such reports."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench import floor
from tests.bench.figure import Figure
from tests.bench.process import ROOT, gapscan, run

RESOURCES = 100_000
"""With ten findings each, where all are listed."""


def figures() -> Iterator[Figure]:
    """What reading a large report costs."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        tiny, before, after = (
            _report(place, name, number, shift)
            for name, number, shift in (("tiny", 100, 0), ("before", RESOURCES, 0), ("after", RESOURCES, 1))
        )
        uid = _uid(before)
        start = gapscan("explain", _uid(tiny), "--report", str(tiny))
        one = gapscan("explain", uid, "--report", str(before))
        yield Figure("explain one of a million", one.cpu - start.cpu, 0.3, "s", "of CPU beyond start-up")
        yield Figure("explain: memory", one.memory, 100, "MiB")
        read = floor.of_findings(before) + floor.of_findings(after)
        changes = gapscan("diff", str(before), str(after))
        detail = f"{changes.cpu:.1f} s of CPU; reading both takes {read:.1f} s"
        yield Figure("diff of two millions", changes.cpu / read, 6, "×", detail)
        yield Figure("diff: memory", changes.memory, 120, "MiB")


def _report(place: Path, name: str, resources: int, shift: int) -> Path:
    """A report of everything in an estate."""
    snapshot, report = place / f"{name}.zst", place / f"{name}.json"
    arguments = [str(snapshot), str(resources), "1", str(shift)]
    run([sys.executable, "-m", "tests.bench.large", *arguments], cwd=ROOT)
    options = ["--gate=none", "--allow-incomplete", "--findings=all", f"--report=json={report}"]
    gapscan("assess", str(snapshot), *options)
    snapshot.unlink()
    return report


def _uid(report: Path) -> str:
    """The uid of a finding in the middle of a report."""
    with report.open("rb") as file:
        file.seek(report.stat().st_size // 2)
        file.readline()
        for line in file:
            if line.startswith(b'  {"uid":"'):
                return line[10:42].decode()
    with report.open("rb") as file:
        return next(line[10:42].decode() for line in file if line.startswith(b'  {"uid":"'))
