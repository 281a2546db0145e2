"""The mapping of snapshots, on answers that the sample account does not produce."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from providers.aws.client.client import FORMAT_ERRORS
from providers.aws.snapshots import SNAPSHOTS
from scanner.model.evidence import Unknown
from scanner.model.resources.storage import Encryption
from tests.providers.aws.aws_scan import Scan, named

PLACE = {"account": "111122223333", "partition": "aws", "region": "eu-west-1"}
EBS, DB, CLUSTER, REDSHIFT = SNAPSHOTS
OWN = "1234abcd-12ab-34cd-56ef-1234567890ab"
KEY = f"arn:aws:kms:eu-west-1:111122223333:key/{OWN}"
OTHER = f"arn:aws:kms:eu-west-1:444455556666:key/{OWN}"
LOST = Unknown.because("denied", "kms:ListAliases", "kms:ListAliases", "denied")
PROVIDER = Encryption(key="provider", key_id=None)
AWS_KEY = Encryption(key="provider", key_id=KEY)
CUSTOMER = Encryption(key="customer", key_id=KEY)
MANUAL = {"SnapshotType": "manual", "DBSnapshotIdentifier": "s", "DBClusterSnapshotIdentifier": "s"}


@dataclass
class Answers:
    """A caller with fixed answers by operation."""

    answers: dict[str, Any]

    def whole(self, call: Any, item: Any) -> Any:
        return self.answers[call.operation]

    def answer(self, call: Any, item: Any) -> Any:
        return self.answers[call.operation]


def mapped(function: Any, *arguments: Any) -> Any:
    try:
        value = function(*arguments)
    except FORMAT_ERRORS:
        return "unknown"
    return "unknown" if isinstance(value, Unknown) else value


def encryption(item: dict[str, Any], aliases: Any) -> Any:
    key = mapped(EBS.facets["encryption"].reads[0].function, {**PLACE, **item})
    return key if key == "unknown" else mapped(EBS.facets["encryption"].combine, key, aliases)


def public(table: Any, item: dict[str, Any], answers: dict[str, Any]) -> Any:
    (read,) = table.facets["public"].reads
    if read.call is None:
        return mapped(read.function, {**PLACE, **item})
    answer = mapped(read.call.ask, Answers(answers), {**PLACE, **item})
    return answer if answer == "unknown" else mapped(read.function, item, answer)


@pytest.mark.parametrize(
    ("item", "aliases", "expected"),
    [
        ({"Encrypted": False}, LOST, None),
        ({"Encrypted": True, "KmsKeyId": KEY}, {OWN: ("alias/aws/ebs",)}, AWS_KEY),
        ({"Encrypted": True, "KmsKeyId": KEY}, {OWN: ("alias/data",)}, CUSTOMER),
        ({"StorageEncrypted": True, "KmsKeyId": KEY}, {}, CUSTOMER),
        ({"Encrypted": True, "KmsKeyId": KEY}, LOST, "unknown"),
        ({"Encrypted": True, "KmsKeyId": OTHER}, LOST, Encryption(key="customer", key_id=OTHER)),
        (
            {"Encrypted": True, "KmsKeyId": "alias/aws/rds"},
            LOST,
            Encryption(key="provider", key_id="alias/aws/rds"),
        ),
        ({"Encrypted": True, "KmsKeyId": "AWS_OWNED"}, {}, "unknown"),
        ({"Encrypted": True}, {}, "unknown"),
        ({"Encrypted": "yes"}, {}, "unknown"),
        ({}, {}, "unknown"),
        ({"Encrypted": False, "StorageEncryptionType": "none"}, LOST, None),
        ({"StorageEncrypted": False, "StorageEncryptionType": "sse-rds"}, LOST, PROVIDER),
        ({"Encrypted": False, "StorageEncryptionType": "sse-new"}, {}, "unknown"),
        ({"Encrypted": True, "EncryptedWithHSM": True}, LOST, Encryption(key="customer", key_id=None)),
    ],
)
def test_encryption(item: dict[str, Any], aliases: Any, expected: Any) -> None:
    assert encryption(item, aliases) == expected


def restore(kind: str, *accounts: Any) -> dict[str, Any]:
    attributes = [{"AttributeName": "restore", "AttributeValues": list(accounts)}]
    result = {f"{kind}SnapshotAttributesResult": {f"{kind}SnapshotAttributes": attributes}}
    return {f"Describe{kind}SnapshotAttributes": result}


def listed(*names: str, state: Any = LOST) -> dict[str, Any]:
    found = [{"SnapshotId": name} for name in names]
    return {"DescribeSnapshots": found, "GetSnapshotBlockPublicAccessState": state}


@pytest.mark.parametrize(
    ("table", "item", "answers", "expected"),
    [
        (EBS, {"SnapshotId": "s"}, listed(), False),
        (EBS, {"SnapshotId": "s"}, listed("s"), "unknown"),
        (EBS, {"SnapshotId": "s"}, listed("s", state={"State": "unblocked"}), True),
        (EBS, {"SnapshotId": "s"}, listed("s", state={"State": "block-new-sharing"}), True),
        (EBS, {"SnapshotId": "s"}, listed("s", state={"State": "block-all-sharing"}), False),
        (EBS, {"SnapshotId": "s"}, listed("s", state={"State": "other"}), "unknown"),
        (EBS, {"SnapshotId": "s"}, listed("t", state={"State": "unblocked"}), False),
        (EBS, {"SnapshotId": "s"}, {"DescribeSnapshots": LOST}, "unknown"),
        (DB, {**MANUAL, "Encrypted": False}, restore("DB", "all"), True),
        (DB, {**MANUAL, "Encrypted": False}, restore("DB", "444455556666", "all"), True),
        (DB, {**MANUAL, "Encrypted": False}, restore("DB", "444455556666"), False),
        (DB, {**MANUAL, "Encrypted": False}, restore("DB"), False),
        (DB, {**MANUAL, "Encrypted": False}, restore("DB", "everyone"), "unknown"),
        (DB, {**MANUAL, "Encrypted": False}, restore("Other"), "unknown"),
        (DB, {**MANUAL, "Encrypted": True, "KmsKeyId": KEY}, {}, False),
        (DB, {**MANUAL, "Encrypted": True}, restore("DB", "all"), "unknown"),
        (DB, {"SnapshotType": "automated"}, {}, False),
        (DB, {"SnapshotType": "awsbackup"}, {}, False),
        (DB, {**MANUAL, "SnapshotType": "new", "Encrypted": False}, restore("DB", "all"), True),
        (DB, {"Encrypted": False}, {}, "unknown"),
        (CLUSTER, {**MANUAL, "StorageEncrypted": False}, restore("DBCluster", "all"), True),
        (CLUSTER, {**MANUAL, "StorageEncrypted": False}, restore("DBCluster"), False),
        (REDSHIFT, {}, {}, False),
        (REDSHIFT, {"AccountsWithRestoreAccess": [{"AccountId": "444455556666"}]}, {}, False),
        (REDSHIFT, {"AccountsWithRestoreAccess": [{"AccountAlias": "amazon-redshift-support"}]}, {}, False),
        (REDSHIFT, {"AccountsWithRestoreAccess": [{"AccountId": "*"}]}, {}, "unknown"),
        (REDSHIFT, {"AccountsWithRestoreAccess": [{}]}, {}, "unknown"),
    ],
)
def test_public(table: Any, item: dict[str, Any], answers: dict[str, Any], expected: Any) -> None:
    assert public(table, item, answers) == expected


def test_the_sample_account(scan: Scan) -> None:
    found = named(scan(wanted={"snapshot": frozenset({"public", "encryption"})}), "snapshot")
    assert {name: (one.public, one.encryption is not None) for name, one in found.items()} == {  # type: ignore[attr-defined]
        "ledger-daily": (False, True),
        "migration-2021": (True, False),
        "reports-before-upgrade": (True, False),
        "rds:ledger-daily": (False, True),
        "sessions-2024": (False, False),
        "rs:warehouse-daily": (False, True),
    }
