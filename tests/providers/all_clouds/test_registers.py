"""Absence needs a look: a kind that no table listed is never absent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any

import pytest

from providers.aws import tables as aws
from providers.azure import tables as azure
from providers.gcp import tables as gcp
from scanner.collect.derived import collectable
from scanner.collect.register import Register
from scanner.collect.table import Table
from scanner.model.inventory import Inventory
from scanner.model.resources.kinds import KINDS
from tests.providers.all_clouds.replayed_tables import TABLES, ReplayedCloud

REGISTERS: dict[str, tuple[Register, ...]] = {
    "aws": (aws.REGISTER,),
    "azure": (azure.SUBSCRIPTION, azure.TENANT),
    "gcp": (gcp.REGISTER,),
}


def names(tables: Iterable[Table[Any]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for table in tables:
        found[table.kind.kind].add(table.name)
    return dict(found)


@pytest.mark.parametrize("name", TABLES)
def test_the_register_names_every_table(name: str) -> None:
    registered: dict[str, set[str]] = {}
    for register in REGISTERS[name]:
        registered |= {kind: set(tables) for kind, tables in register.sources.items()}
    assert registered == names(TABLES[name])


@pytest.mark.parametrize("register", [one for some in REGISTERS.values() for one in some], ids=str)
def test_every_kind_has_a_table_or_a_reason(register: Register) -> None:
    parts = (register.sources, register.not_there, register.without_table)
    assert sorted(kind for part in parts for kind in part) == sorted(KINDS)


@pytest.mark.parametrize("name", TABLES)
def test_every_facet_has_a_source_and_every_call_a_permission_or_a_reason(name: str) -> None:
    for table in TABLES[name]:
        derived = {"audit_trail": {"storage_public", "storage_protected"}}.get(table.kind.kind, set())
        assert set(table.facets) == table.kind.facets() - derived, table.name
        for call in table.calls(frozenset(table.facets)):
            assert call.name
            assert call.permission is None or call.permission.strip()


def without(cloud: str, table: Table[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes a table out of its cloud's register."""
    module = import_module(f"providers.{cloud}.scopes")
    left = tuple(one for one in TABLES[cloud] if one is not table)
    monkeypatch.setattr(module, "COLLECTORS", left)


def collected(answers: ReplayedCloud, kind: str) -> Inventory:
    """A collection of one kind and the account, from recorded answers."""
    with answers.installed():
        return answers.collect(collectable({one: KINDS[one].facets() for one in ("account", kind)})).inventory


@pytest.mark.parametrize("cloud_name", TABLES)
def test_a_table_that_is_taken_out_leaves_a_blind_spot(
    recorded: Callable[[str], ReplayedCloud], cloud_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = recorded(cloud_name)
    for table in TABLES[cloud_name]:
        kind = table.kind.kind
        with monkeypatch.context() as patched:
            without(cloud_name, table, patched)
            inventory = collected(answers, kind)
        assert all(one.table != table.name for one in inventory.listed or () if one.kind == kind)
        spots = [
            spot for spot in inventory.blind_spots if spot.kind == kind and spot.cause.call == table.name
        ]
        assert spots, table.name
        assert {spot.cause.reason for spot in spots} == {"error"}
