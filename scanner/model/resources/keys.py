"""Customer-managed encryption keys."""

from __future__ import annotations

from typing import ClassVar

from scanner.model.evidence import Observed
from scanner.model.resources.base import Resource


class Key(Resource):
    """A customer-managed KMS key, Key Vault key or Cloud KMS crypto key; not the provider's own keys."""

    kind: ClassVar[str] = "key"

    enabled: Observed[bool]
    """It can be used now."""
    rotates: Observed[bool | None]
    """Automatic rotation is enabled; ``None`` where it is not supported (asymmetric, imported or external
    keys)."""
    rotation_days: Observed[int | None]
    """Days between automatic rotations; ``None`` if there are none."""
    pending_deletion: Observed[bool]
    """It is scheduled for deletion (Key Vault: the key is soft-deleted; Cloud KMS: its primary version)."""
    deletion_delayed: Observed[bool]
    """It cannot be destroyed immediately: a waiting period or purge protection applies."""
    open_to_others: Observed[bool]
    """Its policy, bindings or grants allow anyone, or a principal outside the organisation, to use or manage
    it without a condition that restricts who."""
