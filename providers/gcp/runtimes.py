"""Until when Google patches runtimes of Cloud Run functions. Data only.

Source: the columns "Runtime ID" and "Decommission" of
https://cloud.google.com/run/docs/runtimes/function-runtimes. A deprecated runtime is patched as its policy
says, and a decommissioned one not at all: https://cloud.google.com/functions/docs/runtime-support. Google may
move a date that is to come. Of languages other than Node.js and Python only runtimes that are gone are here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

READ_ON = datetime(2026, 11, 28, tzinfo=UTC)
"""When the table was last compared: what had ended by then has ended at the time of every scan."""

_ENDS = {
    "nodejs24": "2028-10-31", "nodejs22": "2027-10-31", "nodejs20": "2026-10-30", "nodejs18": "2025-10-30",
    "nodejs16": "2025-01-30", "nodejs14": "2025-01-30", "nodejs12": "2025-01-30", "nodejs10": "2025-01-30",
    "nodejs8": "2021-02-01", "nodejs6": "2020-08-01",
    "python314": "2031-04-10", "python313": "2030-04-10", "python312": "2029-04-02",
    "python311": "2028-04-24", "python310": "2027-04-04", "python39": "2026-04-05",
    "python38": "2025-10-14", "python37": "2025-01-30",
    "go111": "2025-01-30", "go113": "2025-01-30", "go116": "2025-01-30",
    "ruby26": "2025-01-30", "ruby27": "2025-01-30", "php74": "2025-01-30", "dotnet3": "2025-01-30",
}  # fmt: skip
ENDS: Mapping[str, datetime] = {
    runtime: datetime.fromisoformat(day).replace(tzinfo=UTC) for runtime, day in _ENDS.items()
}
"""By identifier: when the last fixes were applied, or will be."""


def has_ended(runtime: str, at: datetime) -> bool:
    """Whether Google no longer patches a runtime at a time; if that is earlier, when the table was read."""
    return runtime in ENDS and ENDS[runtime] <= max(at, READ_ON)


def is_newer(runtime: str) -> bool:
    """Whether it is a runtime of Node.js or Python that is newer than the table."""
    return runtime.startswith(("nodejs", "python")) and runtime not in ENDS
