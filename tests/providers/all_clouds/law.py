"""The law of every fault: verdicts only ever turn to unknown, and nothing vanishes without a trace."""

from __future__ import annotations

from scanner.model.inventory import Inventory
from scanner.run.scan import Assessment

Known = dict[str, tuple[str | None, str | None]]


def verdicts(assessment: Assessment) -> Known:
    """Verdict and state of every finding of a rule, by uid."""
    return {f.uid: (f.verdict, f.state) for f in assessment.coverage.findings if f.rule is not None}


def worse_only(whole: Known, before: Inventory, inventory: Inventory, assessment: Assessment) -> None:
    """The law: each finding is as it was, or unknown, or its kind's listing is a blind spot."""
    after = verdicts(assessment)
    blind = {spot.kind for spot in inventory.blind_spots if spot.cause.reason != "disabled"}
    for uid, (verdict, state) in after.items():
        if uid not in whole:
            assert (verdict, state) == ("unknown", "unknown"), "a new finding stands for what was not listed"
        elif verdict != whole[uid][0]:
            assert (verdict, state) == ("unknown", "unknown")
    for kind in {resource.kind for resource in before.resources} - blind:
        seen = {r.id for r in inventory.resources if r.kind == kind}
        assert seen == {r.id for r in before.resources if r.kind == kind}, f"{kind} vanished"
