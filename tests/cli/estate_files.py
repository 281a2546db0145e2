"""A snapshot, reports and ownership files of a small estate, for the commands that explain and compare."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scanner.collect.provider import ConnectionRequest, Limits, Provider
from scanner.model.evidence import Unknown
from scanner.model.resources.identity import User
from scanner.run.new_snapshot import NewSnapshot
from scanner.run.scan import collect
from tests.command_line import gapscan
from tests.estate import MemoryCloud, account, bucket, other, reading

HOSTILE = "web\x1b[2J\r\nall is well"
"""A hostile tag value."""

OLD = """\
version: 1
teams:
  platform: {contact: platform@example.com}
  payments: {contact: payments@example.com, aliases: [pay]}
  web: {contact: web@example.com}
owners:
- {controls: [data], accountable: platform}
- {id: pay, controls: [data.no-public-exposure], where: {tags: {owner: payments}}, accountable: payments}
- {controls: [log], where: {path: /Root/Prod}, accountable: platform}
- {controls: ["*"], accountable: web}
exceptions:
- {id: EX-9, controls: [data.no-public-exposure], where: {provider: aws}, owner: web, approver: platform,
   reason: Known, ticket: SEC-1, expires: 2026-11-01}
reviewed: 2026-11-01
"""
NEW = (
    OLD.replace("{controls: [data], accountable: platform}", "{controls: [data, iam], accountable: web}")
    .replace("- {controls: [log], where: {path: /Root/Prod}, accountable: platform}\n", "")
    .replace("expires: 2026-11-01", "expires: 2027-01-31")
)


def rewrite(path: Path, document: Mapping[str, Any]) -> None:
    """Writes a changed report, laid out as gapscan writes it: one finding a line."""
    head = {name: value for name, value in document.items() if name != "findings"}
    lines = ",".join(f"\n  {json.dumps(one, separators=(',', ':'))}" for one in document["findings"])
    text = json.dumps(head, indent=1).removesuffix("\n}")
    path.write_text(f'{text},\n "findings": [{lines}\n ]\n}}\n', encoding="utf-8")


def write(folder: Path) -> Path:
    """The snapshot, both files, and the report by the older one."""
    denied = Unknown.because("denied", "s3:GetBucketTagging", "s3:GetBucketTagging", "not allowed")
    public: dict[str, Any] = {"public_read": True, "public_via": ("bucket policy",)}
    unread = Unknown.because("denied", "s3:GetBucketPolicyStatus", "s3:GetBucketPolicyStatus", "not allowed")
    resources = (
        account(),
        bucket("pay-receipts", **public),
        bucket("www", **public, tags={}),
        bucket("www-old", tags={"team": HOSTILE}),
        bucket("hidden", public_read=unread, tags=denied),
        other(User),
    )
    cloud = MemoryCloud(resources, (("bucket", "eu-north-1", denied),))

    def connect(request: ConnectionRequest, limits: Limits) -> Provider:
        return cloud

    with NewSnapshot(folder / "snapshot.zst") as snapshot:
        snapshot.write(collect(reading(), {"aws": connect}), "0.1.0")
    (folder / "old.yaml").write_text(OLD, encoding="utf-8")
    (folder / "new.yaml").write_text(NEW, encoding="utf-8")
    for name in ("old", "new"):
        options = ("--ownership", f"{name}.yaml", "--gate", "none", "--now", "2026-11-22T06:00:00Z")
        done = gapscan("assess", "snapshot.zst", *options, "--report", f"json={name}.json", cwd=folder)
        assert (folder / f"{name}.json").exists(), done.stderr
    done = gapscan("assess", "snapshot.zst", "--gate", "none", "--report", "json=none.json", cwd=folder)
    assert (folder / "none.json").exists(), done.stderr
    return folder
