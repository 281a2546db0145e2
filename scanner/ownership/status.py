"""Whether a control has an owner, in one word."""

from __future__ import annotations

from typing import Literal, get_args

OwnershipStatus = Literal["owned", "nobody", "contested", "misattributed"]
"""Who is accountable: one team, nobody, several by a tie, or wrongly the provider or a contract."""
OWNERSHIP_STATUSES: tuple[OwnershipStatus, ...] = get_args(OwnershipStatus)
