"""Unknowns that were acknowledged in advance, with a reason, an owner and an expiry date."""

from __future__ import annotations

from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from typing import Self

from pydantic import Field, model_validator

from scanner.base.models import FrozenModel


class ExpectedUnknown(FrozenModel):
    """One entry of ``expected_unknowns`` in gapscan.yaml. Every condition that it has must match."""

    call: str | None = None
    """The cloud's name for the operation, or a pattern: ``organizations:*``."""
    region: str | None = None
    """A region, or a pattern: ``ap-*``."""
    scope: str | None = None
    """The account, subscription or project, or a pattern; absent: all."""
    reason: str = Field(min_length=1)
    """Why it cannot be read, and why that is acceptable."""
    owner: str = Field(min_length=1)
    """Who is accountable for the acknowledgement."""
    expires: date
    """The last day (UTC) on which it is in force."""

    @model_validator(mode="after")
    def _narrow(self) -> Self:
        if self.call is None and self.region is None:
            raise ValueError("name a call or a region: an entry without either would match every unknown")
        if self.region is None and self.call is not None and not self.call.strip("*?:"):
            raise ValueError(f"call {self.call!r} would match every unknown: name a service or an operation")
        if self.call is None and self.region is not None and not self.region.strip("*?-"):
            raise ValueError(f"region {self.region!r} would match every unknown: name at least part of it")
        return self

    def in_force(self, now: datetime) -> bool:
        """Whether it has not expired."""
        return now.astimezone(UTC).date() <= self.expires

    def covers(self, scope: str, region: str | None, call: str) -> bool:
        """Whether it matches a cause of unknowns."""
        return (
            (self.call is None or fnmatchcase(call, self.call))
            and (self.region is None or (region is not None and fnmatchcase(region, self.region)))
            and (self.scope is None or fnmatchcase(scope, self.scope))
        )
