"""Encryption keys that the customer made."""

from __future__ import annotations

from typing import ClassVar

from scanner.model.evidence import Observed
from scanner.model.resources.base import Resource


class Key(Resource):
    """A customer-managed KMS key, a Key Vault key, a Cloud KMS crypto key; none of the provider's own."""

    kind: ClassVar[str] = "key"

    enabled: Observed[bool]
    """It can be used now."""
    rotates: Observed[bool | None]
    """New key material comes by itself; ``None`` where it cannot (asymmetric, imported or external keys)."""
    rotation_days: Observed[int | None]
    """Days between rotations; ``None`` when it does not rotate by itself."""
    pending_deletion: Observed[bool]
    """It is scheduled to be destroyed (Key Vault: the key is soft-deleted; Cloud KMS: its primary
    version)."""
    deletion_delayed: Observed[bool]
    """Nobody can destroy it at once: a waiting period or purge protection stands before it."""
    open_to_others: Observed[bool]
    """Its policy or bindings let anyone, or a principal outside the organisation, use or manage it without a
    condition that narrows who."""
