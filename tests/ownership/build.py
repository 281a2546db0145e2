"""Ownership files and target resources for the tests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from scanner.base.yaml import DocumentError
from scanner.catalogue.responsibility import Catalogue, load_catalogue
from scanner.model.evidence import Unknown
from scanner.ownership.file.file import OwnershipFile
from scanner.ownership.file.load import load_ownership
from scanner.ownership.resolve.resolver import Resolver
from scanner.ownership.resolve.selection import OwnershipTarget

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DENIED = Unknown.because("denied", "s3:GetBucketTagging", "s3:GetBucketTagging", "access denied")
ACCOUNT = "111122223333"
CONTROL = "data.encryption-at-rest"

TEAMS: dict[str, Any] = {
    "platform": {},
    "product": {"aliases": ["web", "Web-Team"]},
    "payments": {},
    "gone": {"status": "disbanded", "disbanded_on": "2026-06-30"},
}


@cache
def catalogue() -> Catalogue:
    """The built-in catalogue."""
    return load_catalogue()


def load(text: str) -> OwnershipFile:
    """An ownership file loaded from this text."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "ownership.yaml"
        path.write_text(text, encoding="utf-8")
        return load_ownership(path, catalogue())


def mistakes(text: str) -> list[str]:
    """The mistakes that loading the text reports, without the folder."""
    try:
        load(text)
    except DocumentError as error:
        return [f"{Path(problem.file).name}:{problem.line}: {problem.message}" for problem in error.problems]
    return []


def file_of(*owners: Mapping[str, Any], **sections: Any) -> OwnershipFile:
    """An ownership file with these ``owners`` lines and other sections."""
    value = {"version": 1, "teams": TEAMS, "owners": list(owners), "reviewed": "2026-11-01", **sections}
    return load(yaml.dump(value, Dumper=yaml.CSafeDumper, sort_keys=False))


def resolver(*owners: Mapping[str, Any], now: datetime = NOW, **sections: Any) -> Resolver:
    """The resolver of such a file."""
    return Resolver(file_of(*owners, **sections), catalogue(), now)


def target(**changes: Any) -> OwnershipTarget:
    """A bucket, with these changes."""
    known: dict[str, Any] = {
        "provider": "aws",
        "scope": ACCOUNT,
        "path": "/Root/Workloads/Prod",
        "region": "eu-central-1",
        "service": "s3",
        "kind": "bucket",
        "tags": {},
        "account_tags": {},
        "resource_id": "arn:aws:s3:::pay-receipts",
        "name": "pay-receipts",
    }
    return OwnershipTarget(**{**known, **changes})
