"""The assessment of one inventory in one process. Pure: equal inputs give equal assessments."""

from __future__ import annotations

from dataclasses import replace

from scanner.assess.finding_store import FindingStore
from scanner.assess.map import assess_part
from scanner.assess.part import Part
from scanner.assess.reduce import Assessment, reduce
from scanner.assess.request import AssessmentRequest
from scanner.collect.derived import derive, gives, wants
from scanner.model.inventory import Inventory
from scanner.ownership.resolve.resolver import Resolver


def assess(inventory: Inventory, request: AssessmentRequest) -> Assessment:
    """Evaluates the rules and joins their verdicts with responsibility and ownership.

    The time of the request has to be fixed. Raises ``NotCollected`` if a chosen rule reads what was not
    collected.
    """
    others, wanted = request.common_control_inventories, inventory.collected
    if others:
        names, held = wants(inventory, wanted), inventory.scopes
        # What they tell of scopes that are assessed here does not count.
        beside = [other.within(other.scopes - held) for other in others]
        inventory = derive(
            inventory, wanted, (one for other in beside for one in gives(other, wanted, names))
        )
    resolver, findings = resolver_of(request), FindingStore()
    part = assess_part(inventory, request, resolver, findings)
    return reduce(part, request, resolver, inventory.targets, findings, providing(request, resolver))


def providing(request: AssessmentRequest, resolver: Resolver) -> list[Part]:
    """The parts of scopes that are not reported, but may provide common controls for those that are."""
    quiet = replace(request, narrowing=None, every_finding=False, common_control_inventories=())
    return [assess_part(other, quiet, resolver, None) for other in request.common_control_inventories]


def resolver_of(request: AssessmentRequest) -> Resolver:
    """The answers of the request's ownership file at its time."""
    return Resolver(request.ownership, request.catalogue, request.time)
