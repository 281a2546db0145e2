"""The scope itself as a resource, and its regions: absence of something is a fact about them."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from scanner.model.evidence import Observed
from scanner.model.resources.base import Resource


class PasswordPolicy(BaseModel):
    """What the cloud itself demands of passwords."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    minimum_length: int
    """Characters."""
    reuse_prevention: int
    """Earlier passwords that may not come again; 0 for none."""
    maximum_age_days: int | None
    """``None`` when passwords never expire."""


class Account(Resource):
    """An AWS account, an Azure subscription or a Google Cloud project."""

    kind: ClassVar[str] = "account"

    organisation: Observed[str | None]
    """Id of the organisation (AWS Organizations, Entra tenant, Google Cloud organisation) that the scope
    belongs to and whose guardrails reach it; ``None`` when it stands alone."""
    path: Observed[str | None]
    """Place in the hierarchy by names from the root, without the scope itself: ``/Root/Workloads/Prod``
    (OUs), ``/mg-root/mg-prod`` (management groups), ``/org/prod`` (folders); ``None`` when it stands
    alone."""
    security_contacts: Observed[tuple[str, ...]]
    """Mail addresses registered to receive the provider's security notices for this scope, sorted."""
    public_access_block: Observed[bool | None]
    """True when a switch above the stores forbids public access to all object storage of the scope,
    whatever a store says; false when the switch exists and is not (fully) on; ``None`` where the cloud
    has no such switch."""
    password_policy: Observed[PasswordPolicy | None]
    """The account's own policy for passwords of its users; ``None`` when it has none (AWS: the default of AWS
    holds), and where accounts have no passwords of their own (Azure, Google Cloud)."""
    audit_trails: Observed[tuple[str, ...]]
    """Names, sorted, of what now carries the scope's control-plane writes in all regions to a store that
    the customer chose (beyond the history that the provider keeps by itself)."""


class Region(Resource):
    """A region that the scope can use (AWS: enabled) or uses (Azure, Google Cloud: holds resources)."""

    kind: ClassVar[str] = "region"

    audit_trails: Observed[tuple[str, ...]]
    """As :attr:`Account.audit_trails`, of what covers this region."""
