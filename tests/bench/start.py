"""How long help and version take to start, in CPU time: a busy machine does not change it much."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from tests.bench.figure import Figure
from tests.bench.process import gapscan, run

RUNS = 20
BOUND = 150
"""Milliseconds."""


def figures() -> Iterator[Figure]:
    """The least of several runs of each."""
    bare = 1000 * min(run([sys.executable, "-c", "pass"]).cpu for _ in range(RUNS))
    for arguments in (("--help",), ("--version",), ("scan", "--help")):
        taken = 1000 * min(gapscan(*arguments).cpu for _ in range(RUNS))
        name = f"gapscan {' '.join(arguments)}"
        yield Figure(name, taken, BOUND, "ms", f"of CPU, the least of {RUNS}; bare Python {bare:.0f} ms")
