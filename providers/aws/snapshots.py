"""Snapshots: EBS; RDS instances and clusters (Aurora, DocumentDB, Neptune); Redshift clusters."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from providers.aws.client.calls import AwsCall
from providers.aws.client.client import AwsChain, AwsQuestion
from providers.aws.encryption import by_aliases
from providers.aws.table import arn_of, as_answered, flag, header_of, tags_of
from scanner.collect.table import Answer, Facet, Item, Table, asked, from_list
from scanner.model.evidence import Observed, Unknown, lift
from scanner.model.resources.storage import Encryption, Snapshot

if TYPE_CHECKING:
    from providers.aws.client.client import AwsCaller

Header = Callable[[Item], Mapping[str, Any]]
_ACCOUNT = re.compile(r"[0-9]{12}|amazon-redshift-support")
_UNLESS_KMS = {"none": None, "sse-rds": Encryption(key="provider", key_id=None)}
"""``StorageEncryptionType`` of RDS where ``Encrypted`` is false: ``sse-rds`` is a key that AWS owns."""
_NEVER_SHARED = frozenset({"automated", "awsbackup"})
"""``SnapshotType`` of those that only a manual copy can share (RDS user guide, "Sharing a DB snapshot")."""
_BLOCKED = {"block-all-sharing": True, "block-new-sharing": False, "unblocked": False}
"""``State`` of GetSnapshotBlockPublicAccessState: whether it also covers what is already shared."""


_OWN = ("OwnerIds", ("self",))
_EBS = partial(AwsCall, "ec2", "DescribeSnapshots", pages="Snapshots", page_size=1000, regional=True)
EBS = _EBS(fixed=(_OWN,), root="DescribeSnapshotsResponse")
SHARED_WITH_ALL = _EBS(fixed=(_OWN, ("RestorableByUserIds", ("all",))), root="DescribeSnapshotsResponse")
BLOCK_STATE = AwsCall("ec2", "GetSnapshotBlockPublicAccessState", regional=True)
REDSHIFT = AwsCall(
    "redshift",
    "DescribeClusterSnapshots",
    pages="Snapshots",
    regional=True,
    root="DescribeClusterSnapshotsResponse",
)


def shared_with_all(caller: AwsCaller, item: Item) -> Observed[frozenset[str]]:
    """The IDs of the region's own EBS snapshots that anyone can restore: one more listing, and the block
    public access setting if there are any.

    ``block-all-sharing`` leaves the permissions in place, but nobody can use them (API reference,
    EnableSnapshotBlockPublicAccess).
    """
    shared = caller.whole(SHARED_WITH_ALL, item)
    if isinstance(shared, Unknown) or not shared:
        return shared if isinstance(shared, Unknown) else frozenset()
    found = frozenset(each["SnapshotId"] for each in shared)
    return lift(
        lambda state: frozenset() if _BLOCKED[state["State"]] else found, caller.answer(BLOCK_STATE, item)
    )


def restorable(kind: str, call: AwsCall, caller: AwsCaller, item: Item) -> Observed[bool]:
    """``restore`` of DescribeDBSnapshotAttributes: the accounts that may restore it, or ``all``.

    Asked only about manual snapshots without a KMS key: no other can be shared with ``all`` (API reference,
    ModifyDBSnapshotAttribute).
    """
    if item["SnapshotType"] in _NEVER_SHARED or (_encrypted(item) and item["KmsKeyId"]):
        return False

    def to_public(answer: Answer) -> bool:
        attributes = answer[f"{kind}SnapshotAttributesResult"][f"{kind}SnapshotAttributes"]
        return _anyone({each["AttributeName"]: each["AttributeValues"] for each in attributes}["restore"])

    return lift(to_public, caller.answer(call, item))


def _anyone(accounts: Collection[str]) -> bool:
    """Raises :class:`ValueError` for an entry that is neither ``all`` nor an account."""
    if "all" in accounts:
        return True
    if not all(_ACCOUNT.fullmatch(account) for account in accounts):
        raise ValueError("an unknown principal")
    return False


def _encrypted(item: Item) -> bool:
    return flag(item["StorageEncrypted" if "StorageEncrypted" in item else "Encrypted"])


def ebs_header(item: Item) -> Mapping[str, Any]:
    """``SnapshotId`` of DescribeSnapshots, and the tag ``Name``; the ARN has no account (Service
    Authorization Reference)."""
    arn = f"arn:{item['partition']}:ec2:{item['region']}::snapshot/{item['SnapshotId']}"
    return header_of(item, arn, tags_of(item).get("Name") or item["SnapshotId"], "aws.ec2.snapshot")


def redshift_header(item: Item) -> Mapping[str, Any]:
    """``ClusterIdentifier`` and ``SnapshotIdentifier`` of DescribeClusterSnapshots."""
    name = item["SnapshotIdentifier"]
    arn = arn_of(item, "redshift", f"snapshot:{item['ClusterIdentifier']}/{name}")
    return header_of(item, arn, name, "aws.redshift.snapshot")


def to_public(item: Item, shared: Answer) -> bool:
    """Whether it is one of the result of :func:`shared_with_all`."""
    return item["SnapshotId"] in shared


def to_shared(item: Item) -> bool:
    """``AccountsWithRestoreAccess`` of DescribeClusterSnapshots, missing if there are none (API reference).
    Only single accounts, and AWS Support, can be authorized (AuthorizeSnapshotAccess)."""
    accounts = item.get("AccountsWithRestoreAccess", ())
    return _anyone([each.get("AccountId") or each["AccountAlias"] for each in accounts])


def to_key(item: Item) -> Encryption | str | None:
    """``Encrypted`` or ``StorageEncrypted``, ``StorageEncryptionType`` (missing in responses from before RDS
    had keys that AWS owns), ``EncryptedWithHSM``, ``KmsKeyId``; the key if only KMS knows who manages it."""
    if not _encrypted(item):
        return _UNLESS_KMS[item.get("StorageEncryptionType", "none")]
    if item.get("EncryptedWithHSM") is True:
        return Encryption(key="customer", key_id=None)
    return str(item["KmsKeyId"])


def _rds(kind: str, type_: str) -> Table[AwsQuestion]:
    """All engines, also of other services. Without ``SnapshotType`` the API lists only the account's own."""
    name, arn = f"{kind}SnapshotIdentifier", f"{kind}SnapshotArn"
    attributes = AwsCall(
        "rds", f"Describe{kind}SnapshotAttributes", parameters=((name, name),), regional=True
    )
    public = AwsChain((attributes,), partial(restorable, kind, attributes), about=(name,), regional=True)
    operation = f"Describe{kind}Snapshots"
    return _table(
        AwsCall("rds", operation, pages=f"{kind}Snapshots", regional=True, root=f"{operation}Response"),
        lambda item: header_of(item, item[arn], item[name], type_),
        asked(public, as_answered),
    )


def _table(
    listed: AwsCall, header: Callable[[Item], Mapping[str, Any]], public: Facet[AwsQuestion]
) -> Table[AwsQuestion]:
    facets = {"tags": from_list(tags_of), "public": public, "encryption": by_aliases(to_key)}
    return Table(kind=Snapshot, list=listed, header=header, facets=facets)


SNAPSHOTS: tuple[Table[AwsQuestion], ...] = (
    _table(
        EBS,
        ebs_header,
        asked(AwsChain((SHARED_WITH_ALL, BLOCK_STATE), shared_with_all, regional=True), to_public),
    ),
    _rds("DB", "aws.rds.snapshot"),
    _rds("DBCluster", "aws.rds.cluster_snapshot"),
    _table(REDSHIFT, redshift_header, from_list(to_shared)),
)
