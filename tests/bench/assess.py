"""Assessing a large snapshot: the largest memory of the process, with three kinds of report."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench.figure import Figure
from tests.bench.process import ROOT, gapscan, run

RESOURCES = 100_000
OWNERSHIP = """\
version: 1
teams: {platform: {contact: platform@example.com}, data: {contact: data@example.com}}
owners:
- {controls: [log, gov], accountable: platform}
- {controls: [data], where: {tags: {owner: team-1}}, accountable: data}
"""


def figures() -> Iterator[Figure]:
    """The memory, on an estate whose every finding is reported."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        run([sys.executable, "-m", "tests.bench.large", str(place / "large.zst"), str(RESOURCES)], cwd=ROOT)
        (place / "ownership.yaml").write_text(OWNERSHIP, encoding="utf-8")
        options = ["--ownership", "ownership.yaml", "--gate", "none", "--allow-incomplete"]
        reports = [f"--report={form}={form}.out" for form in ("text", "json", "ocsf")]
        used = gapscan("assess", "large.zst", *options, *reports, cwd=place)
        with (place / "ocsf.out").open("rb") as events:
            findings = sum(1 for _ in events)
    detail = f"{findings:,} findings in three reports, {used.cpu:.0f} s of CPU in {used.elapsed:.0f} s"
    yield Figure(f"assess {RESOURCES:,} resources", used.memory, 190, "MiB", detail)
