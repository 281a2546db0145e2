"""The scope itself and its regions as resources: the absence of something is a fact about them."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from scanner.model.evidence import Observed
from scanner.model.resources.base import Resource


class PasswordPolicy(BaseModel):
    """Password requirements enforced by the cloud itself."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    minimum_length: int
    """Characters."""
    reuse_prevention: int
    """Number of previous passwords that cannot be reused; 0 for none."""
    maximum_age_days: int | None
    """``None`` when passwords never expire."""


class Account(Resource):
    """An AWS account, an Azure subscription or a Google Cloud project."""

    kind: ClassVar[str] = "account"

    organisation: Observed[str | None]
    """Id of the organisation (AWS Organizations, Entra tenant, Google Cloud organisation) that the scope
    belongs to and whose guardrails apply to it; ``None`` for a standalone scope."""
    path: Observed[str | None]
    """Path in the hierarchy by names from the root, without the scope itself: ``/Root/Workloads/Prod``
    (OUs), ``/mg-root/mg-prod`` (management groups), ``/org/prod`` (folders); ``None`` for a standalone
    scope."""
    security_contacts: Observed[tuple[str, ...]]
    """Email addresses registered to receive the provider's security notices for this scope, sorted."""
    public_access_block: Observed[bool | None]
    """True if a setting above the buckets blocks public access to all object storage of the scope,
    regardless of the buckets' own settings; false if the setting exists and is not (fully) on; ``None`` where
    the cloud has no such setting."""
    password_policy: Observed[PasswordPolicy | None]
    """The account's own password policy for its users; ``None`` if it has none (AWS: the AWS default
    applies), and where accounts have no passwords of their own (Azure, Google Cloud)."""
    audit_trails: Observed[tuple[str, ...]]
    """Names, sorted, of the trails that currently deliver the scope's control-plane write events in all
    regions to a destination that the customer chose (beyond the provider's built-in history)."""


class Region(Resource):
    """A region that the scope can use (AWS: enabled) or uses (Azure, Google Cloud: holds resources)."""

    kind: ClassVar[str] = "region"

    audit_trails: Observed[tuple[str, ...]]
    """As :attr:`Account.audit_trails`, for the trails that cover this region."""
