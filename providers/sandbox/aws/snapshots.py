"""The sample account's snapshots of disks and databases, which moto lacks or returns differently."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

Json = dict[str, Any]
OWNER = {"owner": "payments", "env": "prod"}


def answer(name: str, body: bytes, account: str, region: str, main: str, key: str) -> bytes | None:
    """The response to an operation on snapshots; ``None`` for other operations."""
    form = parse_qs(body.decode())
    arn = f"arn:aws:rds:{region}:{account}"
    found: Mapping[str, list[Json]] = {
        "ec2:DescribeSnapshots": [
            _ebs("snap-0a1b2c3d4e5f60718", key, {"Name": "ledger-daily", **OWNER}),
            _ebs("snap-0c9d8e7f6a5b40312", None, {"Name": "migration-2021"}),
        ],
        "rds:DescribeDBSnapshots": [
            _rds("DBSnapshot", f"{arn}:snapshot:", "reports-before-upgrade", Encrypted=False),
            _rds("DBSnapshot", f"{arn}:snapshot:", "rds:ledger-daily", Encrypted=True, KmsKeyId=key),
        ],
        "rds:DescribeDBClusterSnapshots": [
            _rds("DBClusterSnapshot", f"{arn}:cluster-snapshot:", "sessions-2024", StorageEncrypted=False)
        ],
        "redshift:DescribeClusterSnapshots": [
            {
                "SnapshotIdentifier": "rs:warehouse-daily",
                "ClusterIdentifier": "warehouse",
                "Encrypted": True,
                "KmsKeyId": key,
                "Tags": [],
            }
        ],
    }
    service, _, operation = name.partition(":")
    if name in found:
        listed = found[name] if region == main else []
        if "RestorableBy.1" in form:
            listed = [each for each in listed if not each["Encrypted"]]
        member = operation.removeprefix("Describe").removeprefix("Cluster" if service == "redshift" else "")
        return _serialized(service, operation, {member: listed})
    if name == "ec2:GetSnapshotBlockPublicAccessState":
        return _serialized(service, operation, {"State": "unblocked"})
    if not operation.endswith("SnapshotAttributes"):
        return None
    kind = operation.removeprefix("Describe")
    identifier = kind.removesuffix("Attributes") + "Identifier"
    accounts = ["all"] if form[identifier] == ["reports-before-upgrade"] else []
    attributes = [{"AttributeName": "restore", "AttributeValues": accounts}]
    return _serialized(
        service, operation, {f"{kind}Result": {identifier: form[identifier][0], kind: attributes}}
    )


def _ebs(name: str, key: str | None, tags: Mapping[str, str]) -> Json:
    more = {"KmsKeyId": key} if key else {}
    return {"SnapshotId": name, "State": "completed", "Encrypted": bool(key), "Tags": _tags(tags), **more}


def _rds(kind: str, arn: str, name: str, **more: Any) -> Json:
    made = "automated" if name.startswith("rds:") else "manual"
    return {
        f"{kind}Identifier": name,
        f"{kind}Arn": arn + name,
        "SnapshotType": made,
        "TagList": _tags(OWNER if made == "automated" else {}),
        **more,
    }


def _tags(tags: Mapping[str, str]) -> list[Json]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _serialized(service: str, operation: str, result: Json) -> bytes:
    from moto.core.serialize import get_serializer_class
    from moto.core.utils import get_service_model

    model = get_service_model(service)
    serializer = get_serializer_class(service, str(model.protocol))
    body = serializer(operation_model=model.operation_model(operation)).serialize(result)["body"]
    return body if isinstance(body, bytes) else body.encode()
