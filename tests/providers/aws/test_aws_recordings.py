"""The mappings with real responses, recorded by other projects."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from providers.aws import account, audit, storage
from providers.aws.scopes import to_statuses
from providers.aws.tables import all_calls
from scanner.model.evidence import Unknown
from scanner.model.resources.storage import Bucket, Encryption

ITEM = {"Name": "recorded", "account": "644160558196", "partition": "aws", "region": "us-east-1"}


def first(function: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda item, answer: function(answer)


def trails(item: Any, answer: Any) -> set[str]:
    """The required fields of DescribeTrails."""
    return {
        trail["Name"] + trail["TrailARN"] + trail["HomeRegion"] + str(trail["IsMultiRegionTrail"])
        for trail in answer["trailList"]
    }


def encryption(item: Any, answer: Any) -> Encryption | None:
    """All keys of the recorded buckets are customer managed, by the recorded responses of DescribeKey."""
    return storage.to_encryption(item, answer and {**answer, "KeyMetadata": {"KeyManager": "CUSTOMER"}})


MAPPINGS: dict[str, tuple[str, list[Callable[[Any, Any], Any]]]] = {
    "s3:GetBucketAcl": ("s3", [storage.to_acl_grants]),
    "s3:GetBucketEncryption": ("s3", [encryption]),
    "s3:GetBucketLogging": ("s3", [storage.to_access_logging]),
    "s3:GetBucketOwnershipControls": ("s3", [storage.to_uniform_access]),
    "s3:GetBucketPolicy": ("s3", [storage.to_openness, storage.to_tls_only]),
    "s3:GetBucketTagging": ("s3", [storage.to_tags]),
    "s3:GetBucketVersioning": ("s3", [storage.to_versioning]),
    "s3:GetPublicAccessBlock": ("s3", [storage.to_ignores_acls, storage.to_restricts_policies]),
    "cloudtrail:DescribeTrails": ("cloudtrail", [trails]),
    "cloudtrail:GetTrailStatus": ("cloudtrail", [first(audit.is_delivering)]),
    "cloudtrail:GetEventSelectors": ("cloudtrail", [first(audit.records_writes)]),
    "organizations:DescribeOrganization": ("organizations", [account.to_organisation]),
    "iam:ListAccountAliases": ("iam", [account.to_alias]),
    "ec2:DescribeRegions": ("ec2", [first(to_statuses)]),
}
CALLS = {call.name: call for call in all_calls()}


def recorded(recordings: Path, name: str) -> list[dict[str, Any]]:
    service, operation = MAPPINGS[name][0], name.partition(":")[2]
    lines = (recordings / f"{service}.jsonl").read_text(encoding="utf-8").splitlines()
    return [row for row in map(json.loads, lines) if row["operation"] == operation]


def answers(recordings: Path, name: str) -> list[Any]:
    """The caller's answers: the response, or ``None`` for an error code in ``absent``."""
    found: list[Any] = []
    for row in recorded(recordings, name):
        if row["status"] < 300:
            found.append(row["response"])
        elif row["response"]["Error"]["Code"] in CALLS[name].absent:
            found.append(None)
    return found


@pytest.mark.parametrize("name", sorted(MAPPINGS))
def test_every_recorded_answer_is_understood(recordings: Path, name: str) -> None:
    found = answers(recordings, name)
    assert found
    for answer in found:
        for mapping in MAPPINGS[name][1]:
            mapping(ITEM, answer)


@pytest.mark.parametrize("name", sorted(MAPPINGS))
def test_every_recorded_error_is_listed_as_absent_or_a_denial(recordings: Path, name: str) -> None:
    codes = {row["response"]["Error"]["Code"] for row in recorded(recordings, name) if row["status"] >= 300}
    assert codes - CALLS[name].absent <= {"AccessDenied", "AccessDeniedException"}


def test_listed_buckets_have_the_fields_of_the_header(recordings: Path) -> None:
    lines = (recordings / "s3.jsonl").read_text(encoding="utf-8").splitlines()
    names = {
        bucket["Name"]
        for row in map(json.loads, lines)
        if row["operation"] == "ListBuckets"
        for bucket in row["response"]["Buckets"]
    }
    assert names
    for name in names:
        header = storage.header({**ITEM, "Name": name})
        assert header.keys() == set(Bucket.model_fields) - Bucket.facets()


def test_recorded_facts(recordings: Path) -> None:
    encryptions = [encryption(ITEM, a) for a in answers(recordings, "s3:GetBucketEncryption")]
    key = "arn:aws:kms:us-east-1:644160558196:key/5d8168d1-8e77-4495-97f5-0ef5f7b4753a"
    assert Encryption(key="customer", key_id=key) in encryptions
    assert Encryption(key="provider", key_id=None) in encryptions
    assert None in encryptions
    acls = [storage.to_acl_grants(ITEM, a) for a in answers(recordings, "s3:GetBucketAcl")]
    assert {"read"} in acls
    assert {"write"} in acls
    assert frozenset() in acls
    selectors = [audit.records_writes(a) for a in answers(recordings, "cloudtrail:GetEventSelectors")]
    assert sorted(selectors) == [False] * 5 + [True] * 6
    delivering = [audit.is_delivering(a) for a in answers(recordings, "cloudtrail:GetTrailStatus")]
    assert delivering.count(False) == 2
    policies = [storage.to_openness(ITEM, a) for a in answers(recordings, "s3:GetBucketPolicy")]
    # Two buckets delegate reading to access points.
    reads = [policy.by_text("read") for policy in policies]
    assert sum(isinstance(read, Unknown) for read in reads) == 2
    assert all(read is False for read in reads if not isinstance(read, Unknown))
    assert all(policy.by_text("write") is False for policy in policies)
    assert not any(storage.to_tls_only(ITEM, a) for a in answers(recordings, "s3:GetBucketPolicy"))
