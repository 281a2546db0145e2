"""Kinds that were not listed or not collected are never assumed to be absent, or the provider's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from scanner.assess.assessment import assess
from scanner.assess.coverage_rows import ROW_ORDER, CoverageRow
from scanner.assess.targets import OwnershipTargets
from scanner.collect.derived import derive, gives, wants
from scanner.model.evidence import Unknown
from scanner.model.inventory import Inventory
from scanner.model.resources.account import Account
from scanner.model.resources.audit import AuditTrail
from scanner.model.resources.base import Resource
from scanner.model.resources.compute import VirtualMachine
from scanner.model.resources.storage import Bucket
from scanner.rule.evaluate import NotCollected
from tests.estate import (
    CATALOGUE,
    DENIED,
    EVERYTHING,
    MemoryCloud,
    account,
    assessed,
    bucket,
    inventory_of,
    other,
    region,
    requested,
)

ABOUT_MACHINES = (
    "compute.malware-protection",
    "compute.os-hardening",
    "compute.os-patching",
    "compute.self-hosted-database",
)
OWNERSHIP = """
version: 1
reviewed: 2026-11-01
teams: {platform: {}}
owners:
- {controls: ["*"], where: {provider: aws}, accountable: platform}
contracts:
  soc: {party: aws, type: certificate, covers: ["*"], expires: 2027-11-01}
"""


def machine() -> Resource:
    made = other(VirtualMachine)
    return type(made)(**{**{n: getattr(made, n) for n in made.model_fields_set}, "type": "aws.ec2.instance"})


@pytest.mark.parametrize("control", ABOUT_MACHINES)
def test_unlisted_machines_may_exist(control: str, tmp_path: Path) -> None:
    path = tmp_path / "ownership.yaml"
    path.write_text(OWNERSHIP, encoding="utf-8")

    def row(more: Sequence[Resource], unlisted: Unknown | None) -> CoverageRow:
        blind = [] if unlisted is None else [("virtual_machine", "eu-west-1", unlisted)]
        found = assessed([account(), region(), *more], blind, ownership=path).coverage.rows
        (one,) = (one for one in found if one.control == control)
        return one

    listed, hidden, none = row([machine()], None), row([], DENIED), row([], None)
    assert (hidden.party, hidden.state) == (listed.party, listed.state)
    assert hidden.party == "customer"
    assert ROW_ORDER.index(hidden.state) < ROW_ORDER.index("assumed") < ROW_ORDER.index(none.state)
    closed = Unknown.because("disabled", "ec2:DescribeRegions", None, "switched off")
    assert row([], closed).party == none.party


def test_uncollected_machines_may_exist() -> None:
    wanted = {kind: facets for kind, facets in EVERYTHING.items() if kind != VirtualMachine.kind}
    cloud = MemoryCloud((account(), region(), machine()))
    control = "compute.os-hardening"
    narrowed = replace(requested(), chosen=(), controls=frozenset({control}))
    (row,) = assess(inventory_of(cloud, wanted), narrowed).coverage.rows
    (seen,) = assess(inventory_of(cloud), narrowed).coverage.rows
    assert (row.party, row.state) == (seen.party, seen.state) == ("customer", "unclaimed")


def _without(resource: Resource, *facets: str) -> Resource:
    known = {name: getattr(resource, name) for name in resource.model_fields_set if name not in facets}
    return type(resource).observe(resource.collected() - set(facets), known)


def test_a_bucket_of_another_snapshot_without_the_facets_decides_nothing() -> None:
    store = bucket("audit-logs", public_read=True)
    trail = other(AuditTrail, destinations=(store.id,))
    here = inventory_of(MemoryCloud((account(), trail)))

    def public(beside: Resource) -> object:
        others = replace(here, resources=(beside,))
        given = gives(others, EVERYTHING, wants(here, EVERYTHING))
        found = derive(here, EVERYTHING, given).resources
        (one,) = (one for one in found if isinstance(one, AuditTrail))
        return one.storage_public

    assert public(store) is True
    assert isinstance(public(_without(store, "public_read", "versioning")), Unknown)


def test_another_snapshot_without_the_facets_of_the_rules_is_refused() -> None:
    thin = _without(bucket("audit-logs"), *(Bucket.facets() - {"tags"}))
    here = inventory_of(MemoryCloud((account(), region(), other(AuditTrail, destinations=(thin.id,)))))
    beside = replace(here, resources=(thin,), collected={"bucket": frozenset({"tags"})})
    with pytest.raises(NotCollected):
        assess(here, replace(requested(), common_control_inventories=(beside,)))


@pytest.mark.parametrize("collected", [True, False])
def test_a_path_that_was_not_collected_is_unknown(collected: bool) -> None:
    home = account(path=None)
    seen = home if collected else _without(home, "path")
    assert isinstance(seen, Account)
    inventory = Inventory(resources=(seen,), blind_spots=(), targets=(), collected=EVERYTHING)
    path = OwnershipTargets(inventory, CATALOGUE).of(seen).path
    assert path is None if collected else isinstance(path, Unknown)
