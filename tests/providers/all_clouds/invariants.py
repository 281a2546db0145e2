"""Invariants under any fault: verdicts change only to unknown, nothing disappears without a blind spot."""

from __future__ import annotations

from scanner.assess.reduce import Assessment
from scanner.model.inventory import Inventory

Verdicts = dict[str, tuple[str | None, str | None]]


def verdicts(assessment: Assessment) -> Verdicts:
    """Verdict and state of every finding of a rule, by uid."""
    return {f.uid: (f.verdict, f.state) for f in assessment.coverage.findings if f.rule is not None}


def assert_only_unknown_added(
    clean: Verdicts, clean_inventory: Inventory, inventory: Inventory, assessment: Assessment
) -> None:
    """Each finding is unchanged or unknown, and each missing resource is of a kind with a blind spot."""
    after = verdicts(assessment)
    blind = {spot.kind for spot in inventory.blind_spots if spot.cause.reason != "disabled"}
    for uid, (verdict, state) in after.items():
        if uid not in clean:
            assert (verdict, state) == ("unknown", "unknown"), "a new finding stands for what was not listed"
        elif verdict != clean[uid][0]:
            assert (verdict, state) == ("unknown", "unknown")
    for kind in {resource.kind for resource in clean_inventory.resources} - blind:
        listed = {r.id for r in inventory.resources if r.kind == kind}
        expected = {r.id for r in clean_inventory.resources if r.kind == kind}
        assert listed == expected, f"{kind} disappeared"
