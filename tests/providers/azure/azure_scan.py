"""Scan settings of the tests, and helpers that find things in an inventory."""

from __future__ import annotations

from collections.abc import Callable

from scanner.collect.derived import collectable
from scanner.collect.provider import Limits
from scanner.model.evidence import Unknown
from scanner.model.inventory import Inventory
from scanner.model.resources.base import Resource
from scanner.model.resources.kinds import KINDS
from scanner.model.resources.storage import Bucket

ALWAYS_UNKNOWN = {("role", "last_used"), ("access_key", "last_used")}
"""Azure records neither, so they are unknown in every scan. Only an identity test collects them."""
WANTED = {
    kind: facets - {name for of, name in ALWAYS_UNKNOWN if of == kind}
    for kind, facets in collectable({cls.kind: cls.facets() for cls in KINDS.values()}).items()
}
LIMITS = Limits(connect_seconds=5, read_seconds=10, attempts=2)
Scan = Callable[..., Inventory]


def bucket(inventory: Inventory, name: str) -> Bucket:
    (found,) = (one for one in inventory.resources if isinstance(one, Bucket) and one.name == name)
    return found


def of_kind(inventory: Inventory, kind: str) -> list[Resource]:
    return [one for one in inventory.resources if one.kind == kind]


def unknown_facets(inventory: Inventory) -> set[tuple[str, str]]:
    return {
        (one.kind, name)
        for one in inventory.resources
        for name in one.collected()
        if isinstance(getattr(one, name), Unknown)
    }


def reasons(inventory: Inventory) -> set[tuple[str, str]]:
    """Reason and call of every unknown facet and blind spot."""
    facets = (getattr(one, name) for one in inventory.resources for name in one.collected())
    causes = [cause for fact in facets if isinstance(fact, Unknown) for cause in fact.causes]
    causes += [spot.cause for spot in inventory.blind_spots]
    return {(cause.reason, cause.call) for cause in causes}
