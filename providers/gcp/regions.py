"""The regions of Google Cloud, to recognise one that was asked for and does not exist."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from scanner.model.evidence import Unknown

_NAMES: Mapping[str, str] = {
    "africa": "south1",
    "asia": "east1 east2 northeast1 northeast2 northeast3 south1 south2 southeast1 southeast2 southeast3",
    "australia": "southeast1 southeast2",
    "europe": "central2 north1 north2 southwest1 west1 west10 west12 west2 west3 west4 west6 west8 west9",
    "me": "central1 central2 west1",
    "northamerica": "northeast1 northeast2 south1",
    "southamerica": "east1 west1",
    "us": "central1 central2 east1 east4 east5 south1 west1 west2 west3 west4",
}
REGIONS = frozenset(f"{area}-{name}" for area, names in _NAMES.items() for name in names.split())
"""https://cloud.google.com/compute/docs/regions-zones#available, as of October 2026. No call of the tables
lists them: Cloud Asset Inventory shows only regions that hold resources."""


def not_there(asked: Iterable[str]) -> Mapping[str, Unknown]:
    """Why nothing can be said about those of the regions that are not in the list: misspelt ones, zones and
    multi-regions, and ones that Google has opened since."""
    return {
        region: Unknown.because(
            "error",
            "cloudasset:ListAssets",
            None,
            f"{region} is not a known region of Google Cloud; a region is named like europe-west1",
        )
        for region in sorted(set(asked) - REGIONS)
    }
