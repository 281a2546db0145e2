"""The basic values of OSCAL documents: identifiers, properties, times and names."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime

from scanner.base.terminal import printable

VERSION = "1.1.3"
"""The version of OSCAL that documents conform to."""

NAMESPACE = "https://gapscan.example/ns/oscal"
"""The namespace of our own properties; a name, not an address."""


def identifier(*parts: str) -> str:
    """A UUID that is always the same for the same parts."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{NAMESPACE}#{json.dumps(parts)}"))


def prop(name: str, value: str) -> dict[str, str]:
    """A property in our namespace."""
    return {"name": name, "ns": NAMESPACE, "value": word(value)}


def word(text: str) -> str:
    """The text as OSCAL accepts it for a name: one line, without surrounding space, not empty."""
    return printable(text).strip() or "-"


def time(moment: datetime) -> str:
    """The time in UTC, ISO 8601."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
