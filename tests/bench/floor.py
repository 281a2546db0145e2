"""The floor that figures are compared with: reading a file line by line with the standard library."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path

from zstandard import ZstdDecompressor


def of_snapshot(path: Path) -> float:
    """Seconds of CPU to decompress a snapshot and to parse each of its lines."""
    begin = time.process_time()
    with path.open("rb") as file:
        for line in io.BufferedReader(ZstdDecompressor().stream_reader(file), 1 << 16):
            json.loads(line)
    return time.process_time() - begin


def of_findings(path: Path) -> float:
    """Seconds of CPU to parse each finding of a JSON report."""
    begin = time.process_time()
    with path.open("rb") as file:
        for line in file:
            if line.startswith(b'  {"uid"'):
                json.loads(line.rstrip(b",\n"))
    return time.process_time() - begin
