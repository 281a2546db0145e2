"""Rules on an inventory: every verdict, the unknown ones too. Pure; knows no clock."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime

from scanner.model.evidence import BlindSpot, Unknown, join
from scanner.model.inventory import Inventory
from scanner.model.resources.base import Resource
from scanner.rule.rule import Outcome, Rule


class NotCollected(Exception):
    """A rule needs a facet that the inventory was made without."""

    exit_code = 2


Verdict = tuple[Rule, Outcome, Unknown | None]
"""What a rule says of a resource, or of a place that could not be listed; and if it is unknown, why."""


def evaluate(
    rules: Iterable[Rule], inventory: Inventory, now: datetime
) -> Iterator[tuple[Resource | BlindSpot, list[Verdict]]]:
    """All verdicts, resource by resource: one for each rule of its kind; then one unknown for each rule of a
    kind that could not be listed somewhere.

    A region that is switched off (reason ``disabled``) is reported as a blind spot but has no verdicts:
    nothing can be changed there, and nobody can look. Raises :class:`NotCollected` before the first
    verdict if the inventory lacks a facet that a rule reads.
    """
    chosen: dict[tuple[str, str], list[Rule]] = defaultdict(list)
    for rule in rules:
        for provider in rule.text.providers:
            chosen[rule.text.for_, provider].append(rule)
        lacking = rule.facets - inventory.collected.get(rule.text.for_, frozenset()) - {"tags"}
        if lacking or rule.text.for_ not in inventory.collected:
            names = ", ".join(sorted(lacking)) or "anything"
            raise NotCollected(f"rule {rule.id} needs {names} of {rule.text.for_}, which was not collected")
    return _verdicts(chosen, inventory, now)


def _verdicts(
    chosen: dict[tuple[str, str], list[Rule]], inventory: Inventory, now: datetime
) -> Iterator[tuple[Resource | BlindSpot, list[Verdict]]]:
    for resource in inventory.resources:
        rules = chosen.get((resource.kind, resource.provider))
        if rules is not None:
            yield resource, [(rule, *rule.evaluate(resource, now)) for rule in rules]
    places: dict[tuple[str, str, str | None, str], list[BlindSpot]] = defaultdict(list)
    for spot in inventory.blind_spots:
        if spot.cause.reason != "disabled":
            places[spot.provider, spot.scope, spot.region, spot.kind].append(spot)
    for spots in places.values():
        # However many calls failed there, the kind is unseen in that place once.
        unseen = join(Unknown(causes=(spot.cause,)) for spot in spots)
        rules = chosen.get((spots[0].kind, spots[0].provider))
        if rules is not None:
            yield spots[0], [(rule, "unknown", unseen) for rule in rules]
