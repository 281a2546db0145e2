"""Common controls: controls that another account provides according to the ownership file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.assess.assessment import assess
from scanner.assess.coverage_rows import ROW_ORDER, CoverageRow
from scanner.assess.reduce import Assessment
from scanner.assess.states import State
from scanner.model.evidence import Unknown
from scanner.model.inventory import Inventory, Target
from scanner.model.resources.audit import AuditTrail
from scanner.model.resources.base import Resource
from tests.estate import ACCOUNT, CATALOGUE, EVERYTHING, account, bucket, other, region, requested

HUB = "444455556666"
MIDDLE = "777788889999"
STORED = "log.storage-protected"
LINE = (
    "version: 1\nreviewed: 2026-11-01\nteams: {{secops: {{}}, net: {{}}}}\nowners:\n"
    "- {{controls: [log], accountable: secops, provided_by: {{provider: aws, account: '{by}'}}}}\n{more}"
)
HIDDEN = Unknown.because("denied", "s3:GetBucketVersioning", "s3:GetBucketVersioning", "")


def at(scope: str, resource: Resource) -> Resource:
    held = {name: getattr(resource, name) for name in resource.model_fields_set}
    return type(resource)(**{**held, "scope": scope, "id": f"{resource.id}/{scope}"})


def trail(**facets: Any) -> Resource:
    return other(AuditTrail, **facets)


def estate(scope: str, *resources: Resource) -> Inventory:
    held = tuple(at(scope, one) for one in (account(), region(), *resources))
    return inventory(held)


def inventory(resources: Sequence[Resource]) -> Inventory:
    scopes = sorted({one.scope for one in resources})
    targets = tuple(Target("aws", scope, "reader", True, True, None) for scope in scopes)
    return Inventory(resources=tuple(resources), blind_spots=(), targets=targets, collected=EVERYTHING)


def together(*inventories: Inventory) -> Inventory:
    return inventory([resource for one in inventories for resource in one.resources])


def assessed(
    seen: Inventory,
    folder: Path,
    by: str = HUB,
    more: str = "",
    common_control_inventories: Sequence[Inventory] = (),
) -> Assessment:
    path = folder / "ownership.yaml"
    path.write_text(LINE.format(by=by, more=more), encoding="utf-8")
    return assess(
        seen, replace(requested(path), common_control_inventories=tuple(common_control_inventories))
    )


def state(assessment: Assessment, scope: str = ACCOUNT, control: str = STORED) -> State:
    """The worst state of a control in a scope."""
    rows = [row.state for row in assessment.coverage.rows if (row.control, row.scope) == (control, scope)]
    return min(rows, key=ROW_ORDER.index)


@pytest.mark.parametrize(
    ("protected", "expected"), [(True, "unassessed"), (False, "failing"), (HIDDEN, "unknown")]
)
def test_the_control_has_the_state_of_the_providing_scope(
    protected: Any, expected: State, tmp_path: Path
) -> None:
    # The kinds of the control that no rule covers leave it unassessed at best.
    hub = estate(HUB, trail(storage_protected=protected))
    both = assessed(together(hub, estate(ACCOUNT)), tmp_path)
    assert state(both) == state(both, HUB) == expected
    apart = assessed(estate(ACCOUNT), tmp_path, common_control_inventories=[hub])
    assert state(apart) == expected
    assert {row.scope for row in apart.coverage.rows} == {ACCOUNT}
    (row,) = (row for row in apart.coverage.rows if row.control == STORED)
    assert row.provided_by == f"aws {HUB}"


@pytest.mark.parametrize(("protected", "expected"), [(False, "failing"), (HIDDEN, "unknown")])
def test_failing_and_unknown_evidence_in_the_scope_itself_counts(
    protected: Any, expected: State, tmp_path: Path
) -> None:
    hub = estate(HUB, trail())
    found = assessed(together(hub, estate(ACCOUNT, trail(storage_protected=protected))), tmp_path)
    assert state(found) == expected


def test_an_account_that_was_not_assessed_provides_nothing(tmp_path: Path) -> None:
    assert state(assessed(estate(ACCOUNT), tmp_path)) == "unassessed"


def test_an_attestation_is_required_only_in_the_providing_scope(tmp_path: Path) -> None:
    both = assessed(together(estate(HUB), estate(ACCOUNT)), tmp_path)
    required = {one.scope for one in both.coverage.findings if one.control == "log.reviewed"}
    assert required == {HUB}
    assert state(both, control="log.reviewed") == state(both, HUB, "log.reviewed") == "unattested"


def test_a_providing_scope_may_have_one_itself(tmp_path: Path) -> None:
    more = (
        f"- {{controls: [log], where: {{account: '{MIDDLE}'}}, accountable: net, "
        f"provided_by: {{provider: aws, account: '{HUB}'}}}}\n"
    )
    hub = estate(HUB, trail(storage_protected=False))
    found = assessed(together(hub, estate(MIDDLE), estate(ACCOUNT)), tmp_path, by=MIDDLE, more=more)
    assert state(found) == "failing"


def test_accounts_that_provide_for_each_other_are_unassessed(tmp_path: Path) -> None:
    more = (
        f"- {{controls: [log], where: {{account: '{HUB}'}}, accountable: net, "
        f"provided_by: {{provider: aws, account: '{ACCOUNT}'}}}}\n"
    )
    found = assessed(together(estate(HUB), estate(ACCOUNT)), tmp_path, more=more)
    assert state(found) == state(found, HUB) == "unassessed"


def rows(assessment: Assessment, control: str) -> dict[tuple[str | None, str], CoverageRow]:
    """The rows of a control in the account, by owner and ownership."""
    return {
        (row.owner, row.ownership): row
        for row in assessment.coverage.rows
        if (row.control, row.scope) == (control, ACCOUNT)
    }


def test_rows_of_other_teams_are_not_complete_because_of_a_common_control(tmp_path: Path) -> None:
    more = "- {controls: [log], where: {kind: audit_trail}, accountable: net}\n"
    found = rows(assessed(estate(ACCOUNT, trail()), tmp_path, more=more), STORED)
    alone = rows(assessed(estate(ACCOUNT, trail()), tmp_path, by=ACCOUNT, more=more), STORED)
    # A bucket and a log group are also expected, and no rule of this control covers them.
    assert found["net", "owned"].state == alone["net", "owned"].state == "unassessed"
    assert found["net", "owned"].provided_by is None
    assert found["secops", "owned"].provided_by == f"aws {HUB}"
    assert found["secops", "owned"].state == "unassessed"


def test_rows_that_are_only_routed_take_no_state_from_elsewhere(tmp_path: Path) -> None:
    control = "gov.resource-ownership-tag"
    path = tmp_path / "ownership.yaml"
    path.write_text(
        "version: 1\nreviewed: 2026-11-01\nteams: {secops: {}}\nowners:\n"
        "- {controls: ['*'], accountable: secops}\n"
        "- {controls: [gov], where: {kind: account}, accountable: secops,"
        f" provided_by: {{provider: aws, account: '{HUB}'}}}}\n",
        encoding="utf-8",
    )
    seen = together(estate(HUB), estate(ACCOUNT, bucket("www")))
    found = rows(assess(seen, replace(requested(path), common_control_inventories=())), control)
    assert found["secops", "nobody"].state == "unclaimed"
    assert found["secops", "nobody"].provided_by is None
    assert found["secops", "owned"].provided_by == f"aws {HUB}"


def test_a_line_for_some_resources_does_not_replace_the_attestation_of_the_scope(tmp_path: Path) -> None:
    # No other scope provides the control for the account itself, so its own evidence counts.
    path = tmp_path / "ownership.yaml"
    path.write_text(
        "version: 1\nreviewed: 2026-11-01\nteams: {secops: {}}\nowners:\n"
        "- {controls: [log], where: {kind: account}, accountable: secops}\n"
        "- {controls: [log], where: {kind: audit_trail}, accountable: secops,"
        f" provided_by: {{provider: aws, account: '{HUB}'}}}}\n",
        encoding="utf-8",
    )
    wanted = CATALOGUE.controls[STORED].model_copy(update={"evidence": "hybrid"})
    catalogue = replace(CATALOGUE, controls={**CATALOGUE.controls, STORED: wanted})
    asked = replace(requested(path), catalogue=catalogue)
    found = assess(estate(ACCOUNT, trail()), asked).coverage.findings
    evidence = {one.evidence for one in found if one.control == STORED}
    assert evidence == {"missing"}


def test_metrics_do_not_count_unassessed_common_controls_as_covered(tmp_path: Path) -> None:
    with_hub = assessed(estate(ACCOUNT, trail()), tmp_path)
    logs = [row for row in with_hub.coverage.rows if row.provided_by is not None]
    assert logs and {row.state for row in logs} == {"unassessed"}
    assert with_hub.metrics.visibility.covered == 0
    alone = assessed(estate(ACCOUNT, trail()), tmp_path, by=ACCOUNT)
    assert alone.metrics.visibility.covered > 0


def test_metrics_count_common_controls_that_are_covered_there(tmp_path: Path) -> None:
    enabled = "log.audit-trail-enabled"
    both = assessed(together(estate(HUB, trail()), estate(ACCOUNT)), tmp_path)
    assert state(both, control=enabled) == state(both, HUB, enabled) == "covered"
    hub_alone = assessed(estate(HUB, trail()), tmp_path, by=HUB)
    assert both.metrics.visibility.covered == 2 * hub_alone.metrics.visibility.covered


def test_another_snapshot_has_the_facets_of_a_trails_bucket(tmp_path: Path) -> None:
    store = at(HUB, bucket("central-logs", versioning=False))
    here = estate(ACCOUNT, trail(destinations=(store.id,), storage_protected=HIDDEN, storage_public=HIDDEN))
    alone = assessed(here, tmp_path, by=ACCOUNT)
    assert state(alone) == "unknown"
    both = assessed(
        here, tmp_path, by=ACCOUNT, common_control_inventories=[together(estate(HUB), inventory([store]))]
    )
    assert state(both) == "failing"


FACTS = st.sampled_from([True, False, HIDDEN])


@given(here=FACTS, there=FACTS)
def test_a_providing_scope_closes_nothing_and_hiding_never_helps(
    here: Any, there: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("provided")

    def state_with(here: Any, there: Any, by: str = HUB) -> State:
        seen = together(
            estate(HUB, trail(storage_protected=there)), estate(ACCOUNT, trail(storage_protected=here))
        )
        return state(assessed(seen, folder, by=by))

    found = state_with(here, there)
    if here is False:
        assert found == "failing"
    assert state_with(HIDDEN, there) in (found, "unknown") or found == "unassessed"
    assert state_with(here, HIDDEN) in (found, "unknown") or found == "unassessed"
    assert ROW_ORDER.index(found) <= ROW_ORDER.index(state_with(here, there, by=ACCOUNT))


def test_a_whole_organisation_has_the_state_of_its_log_account(tmp_path: Path) -> None:
    members = [f"{number:012d}" for number in range(1, 391)]
    hub = estate(HUB, trail(storage_protected=False))
    found = assessed(together(hub, *(estate(member) for member in members)), tmp_path)
    rows = [row for row in found.coverage.rows if row.control == STORED]
    assert {row.scope for row in rows} == {HUB, *members}
    assert {(row.owner, row.state) for row in rows} == {("secops", "failing")}
    failures = {
        one.scope for one in found.coverage.findings if one.control == STORED and one.verdict == "fail"
    }
    assert failures == {HUB}, "one failure is reported once"
