"""Listings of one region, made once and shared by all kinds of resources that are read from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from providers.aws.client.calls import AwsCall
from providers.aws.client.client import AwsChain, AwsQuestion
from scanner.collect.collection import Collection, CollectionPlace
from scanner.collect.table import Item, Table
from scanner.model.evidence import Observed, Unknown

if TYPE_CHECKING:
    from providers.aws.client.client import AwsCaller


@dataclass(frozen=True)
class RegionListing:
    """A list, or the part of it that could be read."""

    items: tuple[Item, ...]
    missing: Unknown | None
    """Why the rest could not be read."""


def listing(call: AwsCall, keep: Callable[[Item], Item | None]) -> AwsChain:
    """A chain that answers with the :class:`RegionListing` of the item's region.

    ``keep`` reduces each entry to the needed fields, or returns ``None`` to skip it.
    """
    return AwsChain((call,), partial(_listed, call, keep), regional=True)


def _listed(
    call: AwsCall, keep: Callable[[Item], Item | None], caller: AwsCaller, item: Item
) -> Observed[RegionListing]:
    found: list[Item] = []
    for page in caller.within(item["region"]).pages(call):
        if isinstance(page, Unknown):
            return RegionListing(tuple(found), page)
        found.extend(kept for entry in page if (kept := keep(entry)) is not None)
    return RegionListing(tuple(found), None)


def run(
    collector: Table[AwsQuestion],
    listed: AwsChain,
    caller: AwsCaller,
    place: CollectionPlace,
    wanted: frozenset[str],
    collection: Collection,
) -> None:
    """Starts collecting the items of the region's :class:`RegionListing`; a missing rest is a blind spot."""
    here = caller.within(str(place.region))
    found = here.answer(listed, caller.item(place.region))
    missing = found if isinstance(found, Unknown) else found.missing
    if missing is not None:
        collection.blind_spot(place, missing)
    if not isinstance(found, Unknown):
        collection.run(collector, here, place, wanted, found.items)
