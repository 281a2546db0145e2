"""The ownership status of a control."""

from __future__ import annotations

from typing import Literal, get_args

OwnershipStatus = Literal["owned", "nobody", "contested", "misattributed"]
"""Who is accountable: one team; no one; several teams in a tie; the provider or a contract party, wrongly."""
OWNERSHIP_STATUSES: tuple[OwnershipStatus, ...] = get_args(OwnershipStatus)
