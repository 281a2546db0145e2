"""With moto's IAM enforced: without a part of the printed policy, facets are unknown; with the policy that
``--missing`` prints, they are known again."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.command_line import Done, gapscan

REGION = "us-east-1"
THEMES = ("--control", "log", "--control", "net", "--control", "key")
"""Controls for whose calls moto checks the real IAM action names."""
LACKING = {
    "cloudtrail:GetEventSelectors",
    "cloudtrail:GetTrailStatus",
    "ec2:DescribeSecurityGroups",
    "kms:GetKeyRotationStatus",
    "s3:GetBucketVersioning",
}


@pytest.fixture
def endpoint() -> Iterator[str]:
    """moto's server in a separate process, since its IAM enforcement is global."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


class Reader:
    """An IAM user, and gapscan running with its access key."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.iam = self.administrator("iam")
        self.iam.create_user(UserName="reader")
        self.key = self.iam.create_access_key(UserName="reader")["AccessKey"]

    def administrator(self, service: str, key: str = "AKIAIOSFODNN7EXAMPLE", secret: str = "made-up") -> Any:
        of_any_service: Any = boto3.client
        return of_any_service(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
        )

    def grant(self, name: str, document: str) -> None:
        """Adds a policy; only possible while moto does not enforce IAM."""
        self.iam.put_user_policy(UserName="reader", PolicyName=name, PolicyDocument=document)

    def enforce(self, free: int) -> None:
        """Makes moto enforce IAM after ``free`` more requests."""
        urllib.request.urlopen(
            urllib.request.Request(
                f"{self.endpoint}/moto-api/reset-auth",
                data=str(free).encode(),
                headers={"Content-Type": "text/plain"},
                method="POST",
            )
        ).close()

    def gapscan(self, *arguments: str) -> Done:
        return gapscan(
            *arguments,
            AWS_ENDPOINT_URL=self.endpoint,
            AWS_ACCESS_KEY_ID=self.key["AccessKeyId"],
            AWS_SECRET_ACCESS_KEY=self.key["SecretAccessKey"],
            AWS_DEFAULT_REGION=REGION,
            AWS_SHARED_CREDENTIALS_FILE=os.devnull,
        )

    def scan(self, report: Path) -> tuple[int, dict[str, Any]]:
        done = self.gapscan(
            "scan", "aws", "--region", REGION, *THEMES, "--gate", "none", "--report", f"json={report}"
        )
        assert done.returncode in (0, 3), done.stderr
        return done.returncode, json.loads(report.read_text(encoding="utf-8"))


def unseen(report: dict[str, Any]) -> set[str]:
    """The permissions that the report lists as missing."""
    causes = [cause for finding in report["findings"] for cause in finding["unknowns"]]
    return {cause["permission"] for cause in [*causes, *report["blind_spots"]]}


def test_the_policy_printed_by_missing_resolves_the_unknowns(endpoint: str, tmp_path: Path) -> None:
    reader = Reader(endpoint)
    reader.administrator("s3").create_bucket(Bucket="example-logs")
    trails = reader.administrator("cloudtrail")
    trails.create_trail(Name="example", S3BucketName="example-logs")
    # CloudTrail gives a new trail these selectors, moto none.
    selectors = [{"ReadWriteType": "All", "IncludeManagementEvents": True, "DataResources": []}]
    trails.put_event_selectors(TrailName="example", EventSelectors=selectors)
    reader.administrator("kms").create_key()

    needed = json.loads(reader.gapscan("permissions", "aws").stdout)
    (statement,) = needed["Statement"]
    assert set(statement["Action"]) > LACKING
    statement["Action"] = [action for action in statement["Action"] if action not in LACKING]
    reader.grant("narrow", json.dumps(needed))

    reader.enforce(0)
    code, before = reader.scan(tmp_path / "before.json")
    assert code == 3
    assert unseen(before) == LACKING
    seen = {f["uid"]: f["verdict"] for f in before["findings"] if f["verdict"] not in ("unknown", None)}

    missing = reader.gapscan("permissions", "aws", "--missing", str(tmp_path / "before.json"))
    assert set(json.loads(missing.stdout)["Statement"][0]["Action"]) == LACKING
    reader.enforce(1)
    reader.grant("missing", missing.stdout)

    code, after = reader.scan(tmp_path / "after.json")
    assert unseen(after) == set()
    assert code == 0
    verdicts = {finding["uid"]: finding["verdict"] for finding in after["findings"]}
    assert "unknown" not in verdicts.values()
    assert all(verdicts[uid] == verdict for uid, verdict in seen.items())
