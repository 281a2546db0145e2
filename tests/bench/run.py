"""``make bench``: measures and prints figures with their limits; writes nothing to the repository."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import expressions
import owners

from providers.sandbox.aws.server import AwsSandbox

BUCKETS = 40
DELAY = 0.05
WORKERS = 32


def command(*arguments: str) -> list[str]:
    """gapscan as a process."""
    return [sys.executable, "-m", "scanner", *arguments]


def help_time(runs: int = 9) -> None:
    """Start-up: ``gapscan --help``, best of nine."""
    best = min(_seconds(command("--help"), dict(os.environ)) for _ in range(runs))
    bare = min(_seconds([sys.executable, "-c", ""], dict(os.environ)) for _ in range(runs))
    print(
        f"gapscan --help           {best * 1000:6.0f} ms   limit  150 ms   bare Python {bare * 1000:.0f} ms"
    )


def aws_scan(runs: int = 3) -> None:
    """The AWS scan of 40 buckets with 50 ms added to every call, replayed by a separate, cheap process."""
    sandbox = AwsSandbox()
    sandbox.start()
    upstream = int(sandbox.environment["AWS_ENDPOINT_URL"].rsplit(":", 1)[1])
    replay = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("replay.py")), str(upstream), str(DELAY)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert replay.stdin is not None and replay.stdout is not None
    try:
        endpoint = f"http://127.0.0.1:{int(replay.stdout.readline())}"
        _fill({**os.environ, **sandbox.environment})
        environment = {**os.environ, **sandbox.environment, "AWS_ENDPOINT_URL": endpoint}
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "report.json"
            scan = command(
                "scan", "aws", "--gate", "none", "--allow-incomplete", "--report", f"json={report}"
            )
            took, whole, calls = [], [], 0
            for run in range(runs + 1):
                seconds = _seconds(scan, environment)
                if run == 0:  # the run that records the answers
                    print("replay", file=replay.stdin, flush=True)
                    continue
                metadata = json.loads(report.read_text(encoding="utf-8"))["scan"]
                calls = sum(metadata["calls"]["aws"].values())
                took.append(_elapsed(metadata["started"], metadata["finished"]))
                whole.append(seconds)
    finally:
        replay.terminate()
        replay.wait()
        sandbox.stop()
    chain = CHAIN * DELAY
    limit = 1.5 * (calls * DELAY / WORKERS + chain)
    print(
        f"aws scan, {BUCKETS} buckets     {min(took):6.2f} s    limit {limit:5.2f} s    "
        f"{calls} calls × {DELAY * 1000:.0f} ms on {WORKERS} workers, chain {chain:.2f} s, "
        f"ratio {min(took) / limit:.2f}; whole process {min(whole):.2f} s"
    )


def rules() -> None:
    """Rules: evaluation without unknown facets, compared with handwritten Python; and loading."""
    ours, hand, worst = expressions.speed()
    print(
        f"expressions              {ours / hand:6.2f} ×    limit  1.30 ×    of the same predicates by hand; "
        f"worst single {worst:.2f} ×"
    )
    print(f"loading 350 rules        {expressions.loading():6.2f} s    limit  0.40 s    of CPU")


def owned() -> None:
    """Owners: ten controls on every resource of a large estate, resolved by a large file."""
    for hidden in (False, True):
        taken, loading = owners.resolving(hidden=hidden)
        name = "unread tags" if hidden else "resolve owners"
        print(
            f"{name:24} {taken:6.2f} s    limit 10.00 s    {owners.CONTROLS} controls × {owners.RESOURCES:,} "
            f"resources in {owners.ACCOUNTS:,} accounts by {owners.LINES} lines, loaded in {loading:.2f} s"
        )


CHAIN = 5
"""The longest chain of calls that each need the previous one: identity, regions, trails, status."""


def _fill(environment: dict[str, str]) -> None:
    """Creates the buckets."""
    script = (
        "import boto3\n"
        "s3 = boto3.client('s3', region_name='us-east-1')\n"
        f"for n in range({BUCKETS} - len(s3.list_buckets()['Buckets'])):\n"
        "    s3.create_bucket(Bucket=f'bench-{n:03}')\n"
    )
    subprocess.run([sys.executable, "-c", script], env=environment, check=True)


RESOURCES = 100_000
OWNERSHIP = """\
version: 1
teams: {platform: {contact: platform@example.com}, data: {contact: data@example.com}}
owners:
- {controls: [log, gov], accountable: platform}
- {controls: [data], where: {tags: {owner: team-1}}, accountable: data}
"""


def assess_snapshot() -> None:
    """Assessing a large snapshot: the peak memory of the process, with three kinds of report."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        make = [sys.executable, "-m", "tests.bench.large", str(place / "large.zst"), str(RESOURCES)]
        subprocess.run(make, check=True, cwd=Path(__file__).parents[2])
        (place / "ownership.yaml").write_text(OWNERSHIP, encoding="utf-8")
        options = ["--ownership", "ownership.yaml", "--gate", "none", "--allow-incomplete"]
        reports = [f"--report={form}={form}.out" for form in ("text", "json", "ocsf")]
        begin = time.perf_counter()
        assess = subprocess.Popen(command("assess", "large.zst", *options, *reports), cwd=place)
        _, status, used = os.wait4(assess.pid, 0)
        taken = time.perf_counter() - begin
        if status != 0:
            raise SystemExit(f"gapscan assess ended with {os.waitstatus_to_exitcode(status)}")
        findings = sum(1 for _ in (place / "ocsf.out").open(encoding="utf-8"))
    # macOS reports bytes, Linux KiB.
    most = used.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    print(
        f"assess, {RESOURCES:,} resources {most:5.0f} MiB  limit  190 MiB   "
        f"{findings:,} findings in three reports, {taken:.0f} s"
    )


def _seconds(arguments: list[str], environment: dict[str, str]) -> float:
    begin = time.perf_counter()
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False)
    taken = time.perf_counter() - begin
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stderr}")
    return taken


def _elapsed(begin: str, end: str) -> float:
    from datetime import datetime

    return (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds()


if __name__ == "__main__":
    help_time()
    # Before this process grows: a child's peak includes what its parent held when it was created.
    assess_snapshot()
    rules()
    owned()
    aws_scan()
