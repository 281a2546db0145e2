"""Regions that were asked for: one that is not there is refused.

Nothing is found in a region that does not exist, and nothing fails there: no control would seem to apply.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

from scanner.model.inventory import Inventory, ScopeKey, Selection, Target
from scanner.model.resources.account import Region


def refuse_absent_regions(inventory: Inventory) -> Inventory:
    """The inventory without what was read of scopes in which a requested region is not there.

    Their targets are not reached, and say which region it is.
    """
    if not any(target.regions for target in inventory.targets):
        return inventory
    seen = _seen(inventory)
    refused: dict[ScopeKey, Target] = {}
    for target in inventory.targets:
        if not target.reached or target.scope is None:
            continue
        there = seen[target.provider, target.scope]
        absent = [name for name in target.regions if None not in there and _folded(name) not in there]
        if absent:
            refused[target.provider, target.scope] = _refused(target, absent)
    if not refused:
        return inventory
    scopes = frozenset((provider, scope) for provider, scope, _, _ in inventory.numbers)
    return replace(
        inventory,
        resources=inventory.selectable.select(Selection(scopes=scopes - refused.keys())),
        blind_spots=tuple(one for one in inventory.blind_spots if (one.provider, one.scope) not in refused),
        listed=tuple(one for one in inventory.listed or () if (one.provider, one.scope) not in refused),
        targets=tuple(_target(one, refused) for one in inventory.targets),
    )


def without_kind(inventory: Inventory, kind: str) -> Inventory:
    """The inventory as if a kind had not been collected."""
    others = frozenset(other for _, _, other, _ in inventory.numbers)
    return replace(
        inventory,
        resources=inventory.selectable.select(Selection(kinds=others - {kind})),
        blind_spots=tuple(spot for spot in inventory.blind_spots if spot.kind != kind),
        listed=tuple(one for one in inventory.listed or () if one.kind != kind),
        collected={name: facets for name, facets in inventory.collected.items() if name != kind},
    )


def _seen(inventory: Inventory) -> Mapping[ScopeKey, set[str | None]]:
    """The regions that are known to be there, by scope; with ``None`` where they could not all be listed."""
    seen: dict[ScopeKey, set[str | None]] = defaultdict(set)
    for resource in inventory.resources:
        if resource.region is not None:
            seen[resource.provider, resource.scope].add(_folded(resource.region))
    for spot in inventory.blind_spots:
        if spot.region is not None:
            seen[spot.provider, spot.scope].add(_folded(spot.region))
        elif spot.kind == Region.kind:
            seen[spot.provider, spot.scope].add(None)
    for listing in inventory.listed or ():
        if listing.region is not None:
            seen[listing.provider, listing.scope].add(_folded(listing.region))
    return seen


def _folded(region: str) -> str:
    """Azure also takes the name that it shows to people."""
    return region.lower().replace(" ", "")


def _refused(target: Target, absent: list[str]) -> Target:
    names = " and ".join(absent)
    what = f"region {names} is" if len(absent) == 1 else f"regions {names} are"
    message = f"The {what} not there, or nothing in it can be seen: correct the name, or leave it out."
    return replace(target, reached=False, expected=True, message=message)


def _target(target: Target, refused: Mapping[ScopeKey, Target]) -> Target:
    return refused.get((target.provider, target.scope or ""), target) if target.reached else target
