"""The responsibility boundary on a resource as configured: examples, laws and errors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations, product
from pathlib import Path
from typing import Any, get_args

import pytest

from scanner.catalogue.control import Control, Party, ServiceModel
from scanner.catalogue.responsibility import Catalogue, load_catalogue
from scanner.model.evidence import Unknown
from scanner.model.resources.base import Resource
from scanner.model.resources.kinds import KINDS
from scanner.rule.packs import BUILTIN, load_packs
from scanner.run.scan import wanted_by
from tests.catalogue.conftest import Edit
from tests.catalogue.resources import configured, resource
from tests.catalogue.test_bad_catalogue import line_of, problems

HIDDEN = Unknown.because("denied", "call", "permission", "not allowed")

PATCHING, RUNTIME, BACKUPS = "compute.os-patching", "compute.runtime-supported", "res.backups"

MANAGED = {"minor_upgrades": True, "serverless": False, "os_access": False}
"""A typical managed database."""


@pytest.mark.parametrize(
    ("control", "kind", "type_", "facets", "party", "model"),
    [
        # The customer patches a machine, and still has a part in a node of a managed cluster.
        (PATCHING, "virtual_machine", "aws.ec2.instance", {"node_of": None}, "customer", "iaas"),
        (PATCHING, "virtual_machine", "aws.ec2.instance", {"node_of": "shop"}, "customer", "caas"),
        (PATCHING, "virtual_machine", "gcp.compute.instance", {"node_of": "shop"}, "customer", "caas"),
        # The provider patches a managed database, unless the customer has OS access.
        (PATCHING, "database", "aws.rds.instance", MANAGED, "provider", "paas"),
        (PATCHING, "database", "aws.rds.instance", {**MANAGED, "os_access": True}, "customer", "iaas"),
        (
            PATCHING,
            "database",
            "azure.sqlvirtualmachine.instance",
            {**MANAGED, "os_access": True},
            "customer",
            "iaas",
        ),
        (PATCHING, "database", "gcp.sqladmin.instance", MANAGED, "provider", "paas"),
        # The customer chooses the engine version, unless there is nothing to choose.
        (RUNTIME, "database", "aws.rds.instance", MANAGED, "customer", "paas"),
        (RUNTIME, "database", "aws.rds.instance", {**MANAGED, "minor_upgrades": False}, "customer", "paas"),
        (RUNTIME, "database", "aws.rds.cluster", {**MANAGED, "serverless": True}, "provider", "paas"),
        (
            RUNTIME,
            "database",
            "aws.rds.cluster",
            {**MANAGED, "serverless": True, "minor_upgrades": False},
            "customer",
            "paas",
        ),
        (BACKUPS, "database", "aws.rds.cluster", {**MANAGED, "serverless": True}, "customer", "paas"),
        # Functions.
        (RUNTIME, "function", "aws.lambda.function", {"runtime_updates": "automatic"}, "provider", "faas"),
        (RUNTIME, "function", "aws.lambda.function", {"runtime_updates": "manual"}, "customer", "faas"),
        (RUNTIME, "function", "aws.lambda.function", {"runtime_updates": "on_update"}, "customer", "faas"),
        (RUNTIME, "function", "azure.web.functionapp", {"runtime_updates": "own_image"}, "customer", "faas"),
        # Nodes of clusters.
        (PATCHING, "container_cluster", "aws.eks.cluster", {"nodes": ("provider",)}, "provider", "caas"),
        (PATCHING, "container_cluster", "gcp.container.cluster", {"nodes": ("managed",)}, "customer", "caas"),
        (
            PATCHING,
            "container_cluster",
            "azure.containerservice.managedcluster",
            {"nodes": ("managed", "provider")},
            "customer",
            "caas",
        ),
        (
            PATCHING,
            "container_cluster",
            "aws.eks.cluster",
            {"nodes": ("provider", "self_managed")},
            "customer",
            "caas",
        ),
        (PATCHING, "container_cluster", "aws.eks.cluster", {"nodes": ()}, "customer", "caas"),
    ],
)
def test_configuration_shifts_the_boundary(
    catalogue: Catalogue,
    control: str,
    kind: str,
    type_: str,
    facets: dict[str, Any],
    party: Party,
    model: ServiceModel,
) -> None:
    target = configured(kind, type_, **facets)
    found = catalogue.boundary(catalogue.controls[control], target)
    assert (found.party, found.model, found.flags) == (party, model, frozenset())
    assert catalogue.service_model(target) == model
    assert catalogue.models_in_use(target) == {model}


def test_the_deciding_shift_is_reported_with_the_providers_page(catalogue: Catalogue) -> None:
    updated = configured("function", "aws.lambda.function", runtime_updates="automatic")
    found = catalogue.boundary(catalogue.controls[RUNTIME], updated)
    assert found.shifts == ("function-runtime-kept-up",)
    assert "automatically" in found.reason
    assert found.source is not None
    assert found.source.url.startswith("https://docs.aws.amazon.com/lambda/")


def test_without_a_shift_the_service_model_is_the_reason(catalogue: Catalogue) -> None:
    found = catalogue.boundary(catalogue.controls["data.no-public-exposure"], resource("aws.s3.bucket"))
    assert (found.party, found.shifts, found.source) == ("customer", (), None)
    assert "Managed service (paas)" in found.reason


@pytest.mark.parametrize(
    ("control", "kind", "type_", "facets", "named"),
    [
        (RUNTIME, "function", "aws.lambda.function", {"runtime_updates": HIDDEN}, "runtime_updates"),
        (PATCHING, "container_cluster", "aws.eks.cluster", {"nodes": HIDDEN}, "nodes"),
        (PATCHING, "database", "aws.rds.instance", {**MANAGED, "os_access": HIDDEN}, "os_access"),
        (RUNTIME, "database", "aws.rds.cluster", {**MANAGED, "serverless": HIDDEN}, "serverless"),
        # A facet that was not collected is also unknown.
        (RUNTIME, "function", "aws.lambda.function", {}, "runtime_updates"),
    ],
)
def test_an_unknown_deciding_facet_makes_the_customer_responsible_and_is_flagged(
    catalogue: Catalogue, control: str, kind: str, type_: str, facets: dict[str, Any], named: str
) -> None:
    found = catalogue.boundary(catalogue.controls[control], configured(kind, type_, **facets))
    assert found.party == "customer"
    assert found.flags == {"boundary_uncertain"}
    assert named in found.reason


def test_an_unknown_facet_that_changes_nothing_is_not_flagged(catalogue: Catalogue) -> None:
    hidden = configured("virtual_machine", "aws.ec2.instance", node_of=HIDDEN)
    found = catalogue.boundary(catalogue.controls[PATCHING], hidden)
    assert (found.party, found.flags) == ("customer", frozenset())
    assert catalogue.models_in_use(hidden) == {"iaas", "caas"}


def test_an_unresolved_service_model_is_flagged_regardless_of_configuration(catalogue: Catalogue) -> None:
    stranger = configured("function", "aws.braket.function", runtime_updates="automatic")
    for control in catalogue.controls.values():
        found = catalogue.boundary(control, stranger)
        assert (found.party, found.model) == ("customer", None)
        assert found.flags == {"model_unresolved"}
    assert catalogue.service_model(stranger) is None
    assert catalogue.models_in_use(stranger) == {"iaas"}


def test_a_visible_failure_of_a_provider_side_control_is_the_customers(
    catalogue: Catalogue,
) -> None:
    cluster = configured("container_cluster", "aws.eks.cluster", nodes=("provider",))
    before = catalogue.boundary(catalogue.controls[PATCHING], cluster)
    after = before.promoted()
    assert (before.party, after.party) == ("provider", "customer")
    assert after.flags == {"promoted"}
    assert after.reason.startswith(before.reason)
    assert "if you can set it, it is your responsibility" in after.reason
    assert after.promoted() == after


VALUES: dict[str, dict[str, tuple[Any, ...]]] = {
    "virtual_machine": {"node_of": (None, "shop")},
    "database": dict.fromkeys(("minor_upgrades", "serverless", "os_access"), (True, False)),
    "function": {"runtime_updates": ("automatic", "on_update", "manual", "own_image")},
    "container_cluster": {
        "nodes": ((), ("provider",), ("managed",), ("self_managed",), ("managed", "provider", "self_managed"))
    },
}
TYPES = {
    "virtual_machine": ("aws.ec2.instance", "azure.compute.virtualmachine", "gcp.compute.instance"),
    "database": ("aws.rds.instance", "azure.sql.server", "azure.sqlvirtualmachine.instance"),
    "function": ("aws.lambda.function", "azure.web.functionapp", "gcp.cloudfunctions.function"),
    "container_cluster": ("aws.eks.cluster", "azure.containerservice.managedcluster"),
}


def configurations(kind: str) -> Iterator[dict[str, Any]]:
    """Every combination of values of the facets that shift the boundary."""
    names = list(VALUES[kind])
    for values in product(*VALUES[kind].values()):
        yield dict(zip(names, values, strict=True))


def kinds_of_controls(catalogue: Catalogue) -> list[Control]:
    """One control for each layer and row: the boundary of the others is the same."""
    return list(
        {(one.layer, *one.responsibility.values()): one for one in catalogue.controls.values()}.values()
    )


def test_the_combinations_include_all_facets_that_shift_the_boundary(catalogue: Catalogue) -> None:
    assert {kind: catalogue.facets(kind) for kind in KINDS if catalogue.facets(kind)} == {
        kind: frozenset(facets) for kind, facets in VALUES.items()
    }


@pytest.mark.parametrize("kind", VALUES)
def test_an_unknown_facet_never_makes_the_provider_responsible(catalogue: Catalogue, kind: str) -> None:
    controls = kinds_of_controls(catalogue)
    for type_, facets in product(TYPES[kind], configurations(kind)):
        seen = configured(kind, type_, **facets)
        for size in range(1, 2 ** len(facets)):
            hidden = {name for bit, name in enumerate(facets) if size >> bit & 1}
            unseen = configured(kind, type_, **{**facets, **dict.fromkeys(hidden, HIDDEN)})
            assert catalogue.service_model(seen) in catalogue.models_in_use(unseen)
            for control in controls:
                before, after = catalogue.boundary(control, seen), catalogue.boundary(control, unseen)
                assert after.party == "customer" or before.party == "provider", (control.id, facets, hidden)
                assert (after.party == before.party) or after.flags == {"boundary_uncertain"}


@pytest.mark.parametrize("kind", VALUES)
def test_the_order_of_shifts_does_not_matter(catalogue: Catalogue, kind: str) -> None:
    ours = [shift for shift in catalogue.shifts if shift.kind == kind]
    controls = kinds_of_controls(catalogue)
    orders = [replace(catalogue, shifts=order) for order in permutations(ours)]
    for type_, facets in product(TYPES[kind], configurations(kind)):
        for hidden in ({}, dict.fromkeys(facets, HIDDEN)):
            target = configured(kind, type_, **{**facets, **hidden})
            for control in controls:
                assert len({repr(order.boundary(control, target)) for order in orders}) == 1


def test_if_two_shifts_disagree_the_customer_is_responsible(folder: Path, edit: Edit) -> None:
    edit(
        "responsibility.yaml",
        "shifts:\n",
        "shifts:\n  - id: engine-is-theirs\n    kind: database\n    when: database.backed_up\n"
        "    layers: {runtime: provider}\n    reason: Somebody says so.\n"
        "    sources: {aws: {title: A page, url: 'https://example.com/page'}}\n",
    )
    changed = load_catalogue(folder)
    facets = {**MANAGED, "minor_upgrades": False, "backed_up": True}
    found = changed.boundary(changed.controls[RUNTIME], configured("database", "aws.rds.instance", **facets))
    assert (found.party, found.shifts) == ("customer", ("database-without-minor-upgrades",))


def test_a_shift_does_not_apply_on_a_cloud_without_a_source(catalogue: Catalogue) -> None:
    assert all("gcp" not in shift.sources for shift in catalogue.shifts if shift.kind == "database")
    serverless = configured("database", "gcp.sqladmin.instance", **{**MANAGED, "serverless": True})
    found = catalogue.boundary(catalogue.controls[RUNTIME], serverless)
    assert (found.party, found.shifts) == ("customer", ())


def test_every_shift_affects_a_control_of_its_kind_and_cites_the_provider(
    catalogue: Catalogue,
) -> None:
    for shift in catalogue.shifts:
        layers = set(shift.layers)
        affected = [
            control
            for control in catalogue.controls.values()
            if shift.model is not None or control.layer in layers
        ]
        expected = {kind for one in affected for kinds in one.kinds.values() for kind in kinds}
        assert shift.kind in expected, shift.id
        assert shift.reason.endswith("."), shift.id
        for provider, source in shift.sources.items():
            owner = {"aws": "aws.amazon.com", "azure": "learn.microsoft.com", "gcp": "cloud.google.com"}
            assert owner[provider] in source.url, (shift.id, provider)


def test_facets_that_shift_the_boundary_are_collected_with_every_rule_for_the_kind(
    catalogue: Catalogue,
) -> None:
    for rule in load_packs([BUILTIN], catalogue).rules.values():
        wanted = wanted_by([rule], path=False, catalogue=catalogue)
        assert catalogue.facets(rule.text.for_) <= wanted[rule.text.for_], rule.id


@pytest.mark.parametrize(
    ("old", "new", "at", "message"),
    [
        (
            "    kind: virtual_machine\n",
            "    kind: virtual_machin\n",
            "kind: virtual_machin",
            "node-of-managed-cluster: unknown kind 'virtual_machin'; did you mean virtual_machine?",
        ),
        (
            "    when: database.os_access\n",
            "    when: database.os_acess\n",
            "database.os_acess",
            "when: no facet 'os_acess'; did you mean 'os_access'?",
        ),
        (
            "    when: database.os_access\n",
            "    when: |-\n      database.os_access &&\n      database.os_acess\n",
            "      database.os_acess",
            "when: no facet 'os_acess'",
        ),
        (
            "    when: database.os_access\n",
            "    when: now > timestamp('2026-01-01T00:00:00Z') && database.os_access\n",
            "when: now",
            "database-with-os-access: a shift cannot use 'now'",
        ),
        (
            "    layers: {os: provider}\n",
            "    layers: {oss: provider}\n",
            "{oss: provider}",
            "cluster-of-provider-nodes: unknown layer 'oss'; did you mean os?",
        ),
        (
            "    layers: {os: provider}\n",
            "    layers: {os: both}\n",
            "{os: both}",
            "'both' is not one of customer, provider",
        ),
        (
            "    model: caas\n    reason",
            "    model: caaas\n    reason",
            "model: caaas",
            "did you mean caas?",
        ),
        (
            "    model: caas\n    reason",
            "    model: caas\n    layers: {os: provider}\n    reason",
            "id: node-of-managed-cluster",
            "node-of-managed-cluster: must set either model or layers",
        ),
        (
            "  - id: cluster-of-own-nodes\n",
            "  - id: database-with-os-access # again\n",
            "# again",
            "database-with-os-access: already used on line ",
        ),
        (
            "url: https://docs.aws.amazon.com/lambda",
            "url: http://lambda",
            "url: http://lambda",
            "sources.aws.url",
        ),
        ("    sources: *function_runtimes\n", "    sources: {}\n", "sources: {}", "sources"),
    ],
)
def test_errors_in_a_shift_name_their_location(
    folder: Path, edit: Edit, old: str, new: str, at: str, message: str
) -> None:
    edit("responsibility.yaml", old, new)
    path = folder / "responsibility.yaml"
    found = [problem for problem in problems(folder) if message in problem.message]
    assert {(problem.file, problem.line) for problem in found} == {(str(path), line_of(path, at))}


def test_every_service_model_has_a_default_boundary_with_a_reason(catalogue: Catalogue) -> None:
    models: tuple[ServiceModel, ...] = get_args(ServiceModel)
    for control in catalogue.controls.values():
        for model in models:
            found = catalogue.default_boundary(control, model)
            cell = control.responsibility[model]
            assert found.party == ("provider" if cell == "provider" else "customer")
            assert catalogue.service_models[model] in found.reason


def test_the_party_is_that_of_the_boundary(catalogue: Catalogue) -> None:
    target: Resource = configured("container_cluster", "aws.eks.cluster", nodes=("provider",))
    assert catalogue.party(catalogue.controls[PATCHING], target) == "provider"
