"""Boundary shifts are reflected in findings: party, service model, state and flags."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scanner.assess.assessment import assess
from scanner.assess.finding import Finding
from scanner.assess.reduce import Assessment
from scanner.model.evidence import Unknown
from scanner.model.inventory import Inventory, Target
from scanner.model.resources.base import Resource
from scanner.model.resources.kinds import KINDS
from tests.catalogue.resources import configured
from tests.estate import CATALOGUE, account, requested

HIDDEN = Unknown.because("denied", "call", "permission", "not allowed")


def row(*others: Resource) -> tuple[str, str, str]:
    """Party, evidence and state of OS patching, in an account with only these resources."""
    home = account()
    inventory = Inventory(
        resources=(home, *others),
        blind_spots=(),
        targets=(Target("aws", home.scope, None, True, True, None),),
        collected={kind: model.facets() for kind, model in KINDS.items()},
    )
    rows = assess(inventory, requested()).coverage.rows
    (one,) = (one for one in rows if one.control == "compute.os-patching")
    return one.party, one.evidence, one.state


def assessed(resource: Resource, rule: str, ownership: Path | None = None) -> Assessment:
    """The assessment of one rule on an account with one resource."""
    home = account()
    inventory = Inventory(
        resources=(home, resource),
        blind_spots=(),
        targets=(Target("aws", home.scope, None, True, True, None),),
        collected={one.kind: one.collected() for one in (home, resource)},
    )
    return assess(inventory, requested(ownership, rules=[rule]))


def finding(resource: Resource, rule: str, ownership: Path | None = None) -> Finding:
    """The finding of the rule on the resource."""
    found = assessed(resource, rule, ownership).coverage.findings
    (one,) = (one for one in found if one.rule == rule)
    return one


def function(updates: object) -> Resource:
    return configured("function", "aws.lambda.function", runtime_updates=updates)


def cluster(nodes: object, *, upgrades: object) -> Resource:
    return configured("container_cluster", "aws.eks.cluster", nodes=nodes, node_upgrades=upgrades)


RUNTIME = "compute.function-runtime-updates"
NODES = "compute.cluster-node-upgrades"


@pytest.mark.parametrize(
    ("resource", "rule", "expected"),
    [
        (function("automatic"), RUNTIME, ("provider", "pass", "assumed", ())),
        (function("manual"), RUNTIME, ("customer", "fail", "unowned", ())),
        (function(HIDDEN), RUNTIME, ("customer", "unknown", "unknown", ("boundary_uncertain",))),
        (cluster(("provider",), upgrades=True), NODES, ("provider", "pass", "assumed", ())),
        (cluster(("provider",), upgrades=False), NODES, ("customer", "fail", "unowned", ("promoted",))),
        (cluster(("managed",), upgrades=True), NODES, ("customer", "pass", "unclaimed", ())),
        (cluster(HIDDEN, upgrades=True), NODES, ("customer", "unknown", "unknown", ("boundary_uncertain",))),
        # The customer is responsible for a failure, regardless of who operates the nodes.
        (cluster(HIDDEN, upgrades=False), NODES, ("customer", "fail", "unowned", ("boundary_uncertain",))),
    ],
)
def test_the_party_and_its_flags_are_in_the_finding(
    resource: Resource, rule: str, expected: tuple[Any, ...]
) -> None:
    found = finding(resource, rule)
    assert (found.party, found.evidence, found.state, found.flags) == expected


def test_an_unknown_boundary_is_reported_and_makes_the_scan_incomplete() -> None:
    hidden = cluster(HIDDEN, upgrades=True)
    found = finding(hidden, NODES)
    assert [(unknown.facet, unknown.permission) for unknown in found.unknowns] == [("nodes", "permission")]
    assert "the responsible party could not be determined" in found.message
    assert not assessed(hidden, NODES).decision.complete
    assert assessed(cluster(("provider",), upgrades=True), NODES).decision.complete


def test_an_unknown_boundary_never_improves_a_state(tmp_path: Path) -> None:
    file = tmp_path / "ownership.yaml"
    file.write_text(
        "version: 1\nteams:\n  platform: {contact: platform@example.com}\n"
        "owners:\n- {controls: [compute], accountable: platform}\n"
    )
    seen = finding(cluster(("provider",), upgrades=True), NODES, file)
    unseen = finding(cluster(HIDDEN, upgrades=True), NODES, file)
    assert (seen.state, unseen.state) == ("assumed", "unknown")
    assert finding(cluster(("managed",), upgrades=True), NODES, file).state == "covered"


def test_the_service_model_follows_the_configuration() -> None:
    facets = {"minor_upgrades": True, "serverless": False, "os_access": True}
    custom = configured("database", "aws.rds.instance", **facets)
    assert finding(custom, "compute.database-minor-upgrades").service_model == "iaas"


def test_a_resource_of_an_unknown_type_is_flagged() -> None:
    stranger = configured("function", "aws.braket.function", runtime_updates="automatic")
    found = finding(stranger, RUNTIME)
    assert (found.party, found.service_model) == ("customer", None)
    assert found.flags == ("model_unresolved",)


def database(*, os_access: object) -> Resource:
    facets = {"minor_upgrades": True, "serverless": False, "open_to_world": False, "backed_up": True}
    return configured("database", "aws.rds.instance", os_access=os_access, **facets)


def test_the_os_of_a_managed_database_is_the_providers_at_its_account_too() -> None:
    assert row(database(os_access=False)) == ("provider", "unassessed", "assumed")
    assert row(database(os_access=True)) == ("customer", "unassessed", "unclaimed")
    assert row(database(os_access=HIDDEN)) == ("customer", "unassessed", "unclaimed")
    assert row() == ("provider", "n/a", "not_applicable")


def test_a_kind_that_the_provider_operates_entirely_leaves_nothing_unassessed() -> None:
    nodes = configured(
        "container_cluster", "aws.eks.cluster", nodes=("managed",), node_upgrades=True, endpoint_open=False
    )
    assert row(nodes, database(os_access=False)) == ("customer", "pass", "unclaimed")
    assert row(nodes, database(os_access=True)) == ("customer", "unassessed", "unclaimed")
    assert row(nodes, database(os_access=HIDDEN)) == ("customer", "unassessed", "unclaimed")


def test_a_service_model_in_use_by_configuration_makes_the_customer_responsible_at_the_scope() -> None:
    control = CATALOGUE.controls["compute.self-hosted-database"]
    managed = {"minor_upgrades": True, "serverless": False, "os_access": False}

    def party(**facets: Any) -> str | None:
        database = configured("database", "aws.rds.instance", **{**managed, **facets})
        return CATALOGUE.party_at_scope(control, "aws", CATALOGUE.models_in_use(database))

    assert party() is None
    assert party(os_access=True) == "customer"
    assert party(os_access=HIDDEN) == "customer"
