"""One asset of Cloud Asset Inventory, in the JSON form of the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Asset = Mapping[str, Any]


def asset(
    kind: str,
    name: str,
    data: Mapping[str, Any],
    above: Sequence[str],
    *,
    location: str | None = None,
    **more: Any,
) -> Asset:
    """An asset with a resource. ``above``: its ancestors, nearest first."""
    return {
        "name": name,
        "assetType": kind,
        "resource": {
            "version": "v1",
            "discoveryName": kind.rpartition("/")[2],
            "parent": f"//cloudresourcemanager.googleapis.com/{above[0]}",
            "data": data,
            "location": (location or data.get("location", "global")).lower(),
        },
        "ancestors": list(above),
        **more,
    }
