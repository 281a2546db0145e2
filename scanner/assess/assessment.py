"""The assessment of one inventory in one process. Pure: equal inputs give equal assessments."""

from __future__ import annotations

from dataclasses import replace

from scanner.assess.finding_store import FindingStore
from scanner.assess.map import assess_part
from scanner.assess.reduce import Assessment, reduce
from scanner.assess.request import AssessmentRequest
from scanner.collect.derived import derive
from scanner.model.inventory import Inventory
from scanner.ownership.resolve.resolver import Resolver


def assess(inventory: Inventory, request: AssessmentRequest) -> Assessment:
    """Evaluates the rules and joins their verdicts with responsibility and ownership.

    The time of the request has to be fixed. Raises ``NotCollected`` if a chosen rule reads what was not
    collected.
    """
    others = request.common_control_inventories
    if others:
        inventory = derive(inventory, inventory.collected, others)
    resolver, findings = Resolver(request.ownership, request.catalogue, request.time), FindingStore()
    part = assess_part(inventory, request, resolver, findings)
    quiet = replace(request, narrowing=None, every_finding=False)
    providing = [assess_part(other, quiet, resolver, None) for other in others]
    return reduce(part, request, resolver, inventory.targets, findings, providing)
