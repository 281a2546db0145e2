"""gapscan as a process, and what it used."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.figure import CannotBeMeasured

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Used:
    """What a process used: seconds of CPU (user and system), seconds that passed, its largest memory in MiB.

    The memory is at least that of the process that started it.
    """

    cpu: float
    elapsed: float
    memory: float


def gapscan(*arguments: str, cwd: Path | None = None, environment: Mapping[str, str] | None = None) -> Used:
    """Runs a command to its end."""
    return run([sys.executable, "-m", "scanner", *arguments], cwd, environment)


def run(
    command: Sequence[str], cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> Used:
    """Runs a program to its end. Raises ``CannotBeMeasured`` where that is not a success."""
    with tempfile.TemporaryFile() as output:
        begin = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        _, status, used = os.wait4(process.pid, 0)
        elapsed = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            output.seek(0)
            said = output.read().decode(errors="replace")[-2000:]
            raise CannotBeMeasured(f"{' '.join(command)} ended with {process.returncode}:\n{said}")
    # macOS counts bytes, Linux KiB.
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return Used(used.ru_utime + used.ru_stime, elapsed, used.ru_maxrss / unit)
