"""The AWS scan of many buckets with a delay added to every call, replayed by a separate, cheap process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from providers.sandbox.aws.server import AwsSandbox
from tests.bench.figure import Figure
from tests.bench.process import Used, gapscan, run

BUCKETS = 40
DELAY = 0.05
"""Seconds that each call takes."""
WORKERS = 32
CHAIN = 5
"""The longest chain of calls that each need the previous one: identity, regions, trails, status."""
RUNS = 3


def figures() -> Iterator[Figure]:
    """The scan beside half again as long as its calls take, were they spread evenly over the workers."""
    sandbox = AwsSandbox()
    sandbox.start()
    upstream = sandbox.environment["AWS_ENDPOINT_URL"].rsplit(":", 1)[1]
    replay = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("replay.py")), upstream, str(DELAY)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert replay.stdin is not None and replay.stdout is not None
    try:
        endpoint = f"http://127.0.0.1:{int(replay.stdout.readline())}"
        _fill(sandbox.environment)
        environment = {**sandbox.environment, "AWS_ENDPOINT_URL": endpoint}
        _scan(environment)
        # That run's answers are replayed from here on.
        print("replay", file=replay.stdin, flush=True)
        scans = [_scan(environment) for _ in range(RUNS)]
    finally:
        replay.terminate()
        replay.wait()
        sandbox.stop()
    took, calls, used = min(scans, key=lambda scan: scan[0])
    chain = CHAIN * DELAY
    detail = (
        f"{calls} calls × {DELAY * 1000:.0f} ms on {WORKERS} workers, chain {chain:.2f} s; "
        f"whole process {used.elapsed:.2f} s, of CPU {used.cpu:.2f} s on {os.cpu_count()} cores"
    )
    yield Figure(f"scan aws, {BUCKETS} buckets", took, 1.5 * (calls * DELAY / WORKERS + chain), "s", detail)


def _scan(environment: Mapping[str, str]) -> tuple[float, int, Used]:
    """Seconds from the scan's start to its end, the number of its calls, and what the process used."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        options = ("--gate", "none", "--allow-incomplete", "--report", f"json={report}")
        used = gapscan("scan", "aws", *options, environment=environment)
        scan = json.loads(report.read_text(encoding="utf-8"))["scan"]
    begin, end = (datetime.fromisoformat(scan[name]) for name in ("started", "finished"))
    return (end - begin).total_seconds(), sum(scan["calls"]["aws"].values()), used


def _fill(environment: Mapping[str, str]) -> None:
    """Creates the buckets."""
    script = (
        "import boto3\n"
        "s3 = boto3.client('s3', region_name='us-east-1')\n"
        f"for n in range({BUCKETS} - len(s3.list_buckets()['Buckets'])):\n"
        "    s3.create_bucket(Bucket=f'bench-{n:03}')\n"
    )
    run([sys.executable, "-c", script], environment=environment)
