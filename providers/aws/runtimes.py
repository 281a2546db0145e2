"""Until when Lambda patches each managed runtime. Data only.

Source: "Lambda runtimes" (Lambda developer guide), the columns "Identifier" and "Deprecation date" of its
tables of supported and deprecated runtimes: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html.
After that date Lambda applies no more fixes, whatever the function's setting. AWS may move a date that is to
come, but has not reopened a runtime. A runtime that is not here is newer than the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

READ_ON = datetime(2026, 11, 28, tzinfo=UTC)
"""When the table was last compared: what had ended by then has ended at the time of every scan."""

_ENDS = {
    "dotnet10": "2028-11-14", "dotnet8": "2026-11-10", "dotnet7": "2024-05-14", "dotnet6": "2024-12-20",
    "dotnet5.0": "2022-05-10", "dotnetcore3.1": "2023-04-03", "dotnetcore2.1": "2022-01-05",
    "dotnetcore2.0": "2019-05-30", "dotnetcore1.0": "2019-06-27",
    "go1.x": "2024-01-08",
    "java25": "2029-06-30", "java21": "2029-06-30", "java17": "2027-06-30", "java17.al2023": "2029-06-30",
    "java11": "2027-06-30", "java11.al2023": "2029-06-30", "java8": "2024-01-08", "java8.al2": "2027-06-30",
    "java8.al2023": "2029-06-30",
    "nodejs24.x": "2028-04-30", "nodejs22.x": "2027-04-30", "nodejs20.x": "2026-04-30",
    "nodejs18.x": "2025-09-01", "nodejs16.x": "2024-06-12", "nodejs14.x": "2023-12-04",
    "nodejs12.x": "2023-03-31", "nodejs10.x": "2021-07-30", "nodejs8.10": "2020-03-06",
    "nodejs6.10": "2019-08-12", "nodejs4.3": "2020-03-05", "nodejs4.3-edge": "2019-04-30",
    "nodejs": "2016-08-30",
    "provided": "2024-01-08", "provided.al2": "2026-07-31", "provided.al2023": "2029-06-30",
    "python3.14": "2029-06-30", "python3.13": "2029-06-30", "python3.12": "2028-10-31",
    "python3.11": "2027-06-30", "python3.10": "2026-10-31", "python3.9": "2025-12-15",
    "python3.8": "2024-10-14", "python3.7": "2023-12-04", "python3.6": "2022-07-18",
    "python2.7": "2021-07-15",
    "ruby4.0": "2029-03-31", "ruby3.4": "2028-03-31", "ruby3.3": "2027-03-31", "ruby3.2": "2026-03-31",
    "ruby2.7": "2023-12-07", "ruby2.5": "2021-07-30",
}  # fmt: skip
ENDS: Mapping[str, datetime] = {
    runtime: datetime.fromisoformat(day).replace(tzinfo=UTC) for runtime, day in _ENDS.items()
}
"""By identifier: when the last fixes were applied, or will be."""


def has_ended(runtime: str, at: datetime) -> bool:
    """Whether Lambda no longer patches a runtime at a time; if that is earlier, when the table was read."""
    return runtime in ENDS and ENDS[runtime] <= max(at, READ_ON)
