"""The assessment of an inventory. Pure: the same inventory and request give the same assessment."""

from __future__ import annotations

from dataclasses import dataclass

from scanner.assess.coverage_rows import CoverageRow
from scanner.assess.gate import Decision, Tally
from scanner.assess.join import Coverage, join
from scanner.assess.metrics import Meter, Metrics
from scanner.assess.request import AssessmentRequest
from scanner.assess.targets import OwnershipTargets
from scanner.collect.derived import derive
from scanner.model.inventory import Inventory, Target
from scanner.ownership.resolve.resolver import Resolver


@dataclass(frozen=True)
class Assessment:
    """An inventory, assessed."""

    coverage: Coverage
    decision: Decision
    metrics: Metrics

    @property
    def exit(self) -> int:
        """The exit code of the command that asked for it."""
        return self.decision.exit


def assess(inventory: Inventory, request: AssessmentRequest) -> Assessment:
    """Evaluates the rules and joins their verdicts with responsibility and ownership.

    The time of the request has to be fixed. Raises ``NotCollected`` if a chosen rule reads what was not
    collected.
    """
    others = request.common_control_inventories
    if others:
        inventory = derive(inventory, inventory.collected, others)
    targets = OwnershipTargets(inventory, request.catalogue, request.stated_scopes)
    resolver = Resolver(request.ownership, request.catalogue, request.time)
    tally, meter = Tally(request.terms, request.time), Meter()
    coverage = join(
        inventory,
        request,
        targets,
        resolver,
        narrowing=request.narrowing,
        observers=(tally, meter),
        elsewhere=_rows_elsewhere(request, resolver, targets),
    )
    nothing = request.narrowing is not None and not (coverage.rows or coverage.blind_spots)
    decision = tally.decide(
        coverage.blind_spots,
        _within(inventory.targets, request, targets),
        nothing=nothing,
        evaluates=bool(request.chosen),
    )
    return Assessment(coverage, decision, meter.metrics(resolver, request.narrowing))


def _rows_elsewhere(
    request: AssessmentRequest, resolver: Resolver, assessed: OwnershipTargets
) -> tuple[CoverageRow, ...]:
    """Rows of scopes that may provide common controls, without those that are assessed anyway."""
    rows: list[CoverageRow] = []
    for other in request.common_control_inventories:
        targets = OwnershipTargets(other, request.catalogue, request.stated_scopes)
        coverage = join(other, request, targets, resolver)
        rows += [row for row in coverage.rows if (row.provider, row.scope) not in assessed.scopes]
    return tuple(rows)


def _within(
    scanned: tuple[Target, ...], request: AssessmentRequest, targets: OwnershipTargets
) -> tuple[Target, ...]:
    """The scan's targets that may hold something of what the request is narrowed to."""
    narrowing = request.narrowing
    if narrowing is None:
        return scanned
    return tuple(
        target
        for target in scanned
        if target.reached
        or target.scope is None
        or narrowing.may_hold(targets.unseen(target.provider, target.scope))
    )
