"""Object storage, and copies of disks and databases."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from scanner.model.evidence import Observed
from scanner.model.resources.base import Resource


class Encryption(BaseModel):
    """Encryption at rest (the default one of a bucket), and who controls the key."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    key: Literal["provider", "customer"]
    """``customer``: a customer-managed key in the cloud's key service. The provider's own service keys
    (SSE-S3, ``aws/s3``, Microsoft-managed, Google default) are ``provider``."""
    key_id: str | None
    """The key's id, if configured; never key material."""


class Bucket(Resource):
    """An S3 bucket, an Azure storage account (its blob service and containers) or a Cloud Storage bucket."""

    kind: ClassVar[str] = "bucket"

    public_read: Observed[bool]
    """Anyone on the internet, or anyone with any account at the cloud, can list or read objects: as
    effectively granted by ACL, policy or IAM binding, after every public access block on and above the
    bucket."""
    public_write: Observed[bool]
    """The same for creating, changing or deleting objects, or changing their permissions."""
    public_via: Observed[tuple[str, ...]]
    """Descriptions of the grants that make it public, sorted: ``bucket policy``, ``ACL``, ``IAM binding
    roles/storage.objectViewer to allUsers``, ``container exports``; empty if it is not public."""
    encryption: Observed[Encryption | None]
    """Default encryption at rest; ``None`` if new objects can be stored unencrypted."""
    versioning: Observed[bool]
    """Overwritten and deleted objects are kept as previous versions, for all clients by default."""
    access_logging: Observed[bool]
    """The bucket's own setting logs object requests to a destination that the customer chose."""
    tls_only: Observed[bool]
    """Requests without TLS are rejected for the whole bucket."""
    uniform_access: Observed[bool]
    """Access is controlled by identity and bucket policies alone: no object ACLs (S3, Cloud Storage), no
    account-wide shared key (Azure)."""


class Snapshot(Resource):
    """A copy of a disk or database at one moment, made by hand or automatically: an EBS, RDS, Aurora,
    DocumentDB, Neptune or Redshift snapshot, or one of an Azure managed disk or a Compute Engine disk."""

    kind: ClassVar[str] = "snapshot"

    public: Observed[bool]
    """Anyone with an account at the cloud can restore it, or anyone on the internet can download it through
    an active link: as effectively granted, after every public access block on and above it."""
    encryption: Observed[Encryption | None]
    """Encryption at rest; ``None`` if it is not encrypted."""
