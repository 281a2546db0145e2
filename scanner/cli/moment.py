"""The time of ``--now``."""

from __future__ import annotations

from datetime import UTC, datetime

from scanner.cli.exits import Usage


def moment(text: str | None) -> datetime | None:
    """The time in UTC; UTC is assumed if it names no zone. Raises :class:`Usage`."""
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise Usage(f"--now {text}: expected a time such as 2026-11-22T06:00:00Z") from None
    try:
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except OverflowError:
        raise Usage(f"--now {text}: is out of range") from None
