"""The control-plane audit trail and the destinations of its records."""

from __future__ import annotations

from typing import ClassVar

from scanner.model.evidence import Observed
from scanner.model.resources.base import Resource


class AuditTrail(Resource):
    """A CloudTrail trail, a diagnostic setting of a subscription's activity log, a log sink of a project."""

    kind: ClassVar[str] = "audit_trail"

    logging: Observed[bool]
    """It currently delivers records: started, enabled, and the last delivery did not fail (where the cloud
    reports it)."""
    all_regions: Observed[bool]
    """It includes the records of every region of the scope."""
    organisation_wide: Observed[bool]
    """It is defined above the scope, for the whole organisation, a folder or a management group."""
    records_writes: Observed[bool]
    """It includes all control-plane writes: no selector, category or filter excludes any."""
    records_data_access: Observed[bool | None]
    """It also includes reads and writes of objects in all buckets of the scope; ``None`` where the cloud
    keeps such records elsewhere (Azure: per storage account)."""
    tamper_evident: Observed[bool | None]
    """Digests prove that delivered records are unchanged (CloudTrail log file validation); ``None`` where the
    cloud has no such setting."""
    customer_key: Observed[bool | None]
    """Records are encrypted with a key that the customer controls; ``None`` where that is a property of the
    destination alone."""
    destinations: Observed[tuple[str, ...]]
    """Canonical ids of the destinations of records, sorted: buckets, storage accounts, log buckets,
    workspaces, topics."""
    storage_public: Observed[bool | None]
    """A destination bucket can be read or written by anyone. ``None`` if no destination is object storage;
    unknown if a destination bucket is not in the inventory (it belongs to another account)."""
    storage_protected: Observed[bool | None]
    """Every destination bucket keeps previous versions and is not public. ``None`` and unknown as above."""

    derived: ClassVar[frozenset[str]] = frozenset({"storage_public", "storage_protected"})
