"""The control-plane audit trail and where its records go."""

from __future__ import annotations

from typing import ClassVar

from scanner.model.evidence import Observed
from scanner.model.resources.base import Resource


class AuditTrail(Resource):
    """A CloudTrail trail, a diagnostic setting of a subscription's activity log, a log sink of a project."""

    kind: ClassVar[str] = "audit_trail"

    logging: Observed[bool]
    """It delivers records now: started, enabled, and its last delivery did not fail where the cloud tells."""
    all_regions: Observed[bool]
    """It carries the records of every region of the scope."""
    organisation_wide: Observed[bool]
    """It is made above the scope, for all scopes of the organisation or of a folder or management group."""
    records_writes: Observed[bool]
    """All control-plane writes are in it: no selector, category or filter leaves some out."""
    records_data_access: Observed[bool | None]
    """Reads and writes of stored objects, across all stores of the scope, are in it too; ``None`` where the
    cloud keeps such records elsewhere (Azure: per storage account)."""
    tamper_evident: Observed[bool | None]
    """Digests prove that delivered records are unchanged (CloudTrail log file validation); ``None`` where the
    cloud has no such switch."""
    customer_key: Observed[bool | None]
    """Records are encrypted with a key that the customer controls; ``None`` where that is a property of the
    destination alone."""
    destinations: Observed[tuple[str, ...]]
    """Canonical ids of the stores that records go to, sorted: buckets, storage accounts, log buckets,
    workspaces, topics."""
    storage_public: Observed[bool | None]
    """A bucket that records go to can be read or written by anyone. ``None`` when none of the destinations is
    object storage; unknown where one is that the inventory does not hold (another account keeps it)."""
    storage_protected: Observed[bool | None]
    """Every bucket that records go to keeps earlier versions and is not public. ``None`` and unknown as
    above."""

    derived: ClassVar[frozenset[str]] = frozenset({"storage_public", "storage_protected"})
