"""A kind that no table listed is unassessed, whatever rules and catalogue say of it."""

from __future__ import annotations

import pytest

from scanner.assess.assessment import assess
from scanner.assess.changes import AssessedSide, compare
from scanner.assess.reduce import Assessment
from scanner.model.resources.kinds import KINDS
from scanner.report.build import build
from scanner.run.scan import Collected
from tests.estate import CATALOGUE, NOW, MemoryCloud, account, bucket, inventory_of, region, requested

PLAIN = (account(), region())


def assessed_without(kind: str) -> Assessment:
    return assess(inventory_of(MemoryCloud(PLAIN, without=frozenset({kind}))), requested())


EXPECTED = sorted(
    {kind for one in CATALOGUE.controls.values() for kind in one.kinds.get("aws", ())} & set(KINDS)
)


@pytest.mark.parametrize("kind", [kind for kind in EXPECTED if kind != "account"])
def test_no_control_that_expects_the_kind_is_not_applicable_or_covered(kind: str) -> None:
    rows = [
        row
        for row in assessed_without(kind).coverage.rows
        if kind in CATALOGUE.controls[row.control].kinds.get("aws", ())
        and CATALOGUE.controls[row.control].evidence == "auto"
    ]
    assert rows
    for row in rows:
        assert row.state not in ("covered", "not_applicable"), row.control
        assert row.evidence != "n/a", row.control
        assert kind in row.kinds_expected, row.control


def test_a_finding_is_not_closed_because_its_kind_was_not_listed() -> None:
    cloud = MemoryCloud((*PLAIN, bucket("open", public_read=True, public_via=("bucket policy",))))
    earlier = list(assess(inventory_of(cloud), requested()).coverage.findings)
    rules = frozenset(finding.rule for finding in earlier if finding.rule)

    def kinds_of_change(without: frozenset[str]) -> set[str | None]:
        inventory = inventory_of(MemoryCloud(PLAIN, without=without))
        later = assess(inventory, requested())
        head = build(Collected(inventory, NOW, NOW, "0" * 32), later, requested()).head
        side = AssessedSide.of(head.model_dump(mode="json", by_alias=True))
        changes = compare(earlier, list(later.coverage.findings), rules, side)
        return {one.kind for one in changes if one.finding.resource and one.finding.resource.name == "open"}

    assert kinds_of_change(frozenset()) == {"closed"}
    assert kinds_of_change(frozenset({"bucket"})) == {"unseen"}
