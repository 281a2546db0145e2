"""Object storage."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from scanner.model.evidence import Observed
from scanner.model.resources.base import Resource


class Encryption(BaseModel):
    """How data at rest is encrypted by default, and whose key it is."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    key: Literal["provider", "customer"]
    """``customer``: a key that the customer made and controls in the cloud's key service. The provider's
    own service keys (SSE-S3, ``aws/s3``, Microsoft-managed, Google default) are ``provider``."""
    key_id: str | None
    """The key's id where it is named; never key material."""


class Bucket(Resource):
    """An S3 bucket, an Azure storage account (its blob service and containers), a Cloud Storage bucket."""

    kind: ClassVar[str] = "bucket"

    public_read: Observed[bool]
    """Anyone on the internet, or anyone with any account at the cloud, can list or read objects: as
    effectively granted by ACL, policy or IAM binding, after every block above and on the store."""
    public_write: Observed[bool]
    """The same for creating, changing or deleting objects, or changing who may."""
    public_via: Observed[tuple[str, ...]]
    """The grants that make it public, in words and sorted: ``bucket policy``, ``ACL``, ``IAM binding
    roles/storage.objectViewer to allUsers``, ``container exports``; empty when it is not public."""
    encryption: Observed[Encryption | None]
    """Default encryption at rest; ``None`` when new objects can be stored unencrypted."""
    versioning: Observed[bool]
    """Overwritten and deleted objects are kept as earlier versions, for everyone and by default."""
    access_logging: Observed[bool]
    """Requests for the objects are logged by the store's own setting to a place that the customer chose."""
    tls_only: Observed[bool]
    """Requests without TLS are refused for the whole store."""
    uniform_access: Observed[bool]
    """Access is decided by identity and store policies alone: no ACLs on objects (S3, Cloud Storage), no
    account-wide shared key (Azure)."""
