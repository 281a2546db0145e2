"""Until when Azure Functions patches languages. Data only.

Source: the expected end-of-support dates of
https://learn.microsoft.com/azure/azure-functions/supported-languages and, for versions that are gone from it,
the languages' own. After that date apps "aren't eligible for new features, security patches, and performance
optimizations": https://learn.microsoft.com/azure/azure-functions/language-support-policy. Dates of Java are
not here: they depend on the build.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

READ_ON = datetime(2026, 11, 28, tzinfo=UTC)
"""When the table was last compared: what had ended by then has ended at the time of every scan."""

_ENDS = {
    "dotnet|10.0": "2028-11-14", "dotnet|9.0": "2026-11-10", "dotnet|8.0": "2026-11-10",
    "dotnet|7.0": "2024-05-14", "dotnet|6.0": "2024-11-12", "dotnet|5.0": "2022-05-10",
    "dotnet|3.1": "2022-12-13",
    "node|24": "2028-04-30", "node|22": "2027-04-30", "node|20": "2026-04-30", "node|18": "2025-04-30",
    "node|16": "2023-09-11", "node|14": "2023-04-30", "node|12": "2022-04-30", "node|10": "2021-04-30",
    "node|8": "2019-12-31",
    "powershell|7.4": "2026-11-10", "powershell|7.2": "2024-11-08", "powershell|7.0": "2022-12-03",
    "python|3.14": "2030-10-31", "python|3.13": "2029-10-31", "python|3.12": "2028-10-31",
    "python|3.11": "2027-10-31", "python|3.10": "2026-10-31", "python|3.9": "2025-10-31",
    "python|3.8": "2024-10-07", "python|3.7": "2023-06-27", "python|3.6": "2021-12-23",
}  # fmt: skip
ENDS: Mapping[str, datetime] = {
    runtime: datetime.fromisoformat(day).replace(tzinfo=UTC) for runtime, day in _ENDS.items()
}
"""By language and version: when the last fixes were applied, or will be."""


def has_ended(language: str, version: str, at: datetime) -> bool:
    """Whether Azure no longer patches a language at a time; if that is earlier, when the table was read."""
    runtime = _runtime(language, version)
    return runtime in ENDS and ENDS[runtime] <= max(at, READ_ON)


def is_newer(language: str, version: str) -> bool:
    """Whether the table has the language and not the version."""
    runtime = _runtime(language, version)
    return runtime not in ENDS and runtime.partition("|")[0] in _LANGUAGES


_LANGUAGES = frozenset(runtime.partition("|")[0] for runtime in _ENDS)


def _runtime(language: str, version: str) -> str:
    name = language.lower().removesuffix("-isolated")
    return f"{name}|{version.lower().removesuffix('-lts')}"
