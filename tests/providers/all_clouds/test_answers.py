"""States of clouds as data: their answers, and the facets and verdicts that are right for them.

Those in ``tests/answers``, and those of the sample company.

Each is replayed as ``--replay`` does, without a server, through the clients, tables and rules of the product.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from providers.sandbox import recorded
from scanner.cli.connect import CLOUDS, connectors
from scanner.collect.answer_files import SHARED, State, read_states
from scanner.collect.answers import Replay
from scanner.collect.provider import ConnectionRequest
from scanner.model.inventory import Inventory
from scanner.model.resources.kinds import KINDS
from scanner.run.scan import CollectionRequest, collect
from tests.estate import NOW, PACK
from tests.providers.all_clouds.replayed_tables import TABLES

ANSWERS = Path(__file__).parents[2] / "answers"
FOLDERS = (ANSWERS, recorded.FOLDER)
RULES = PACK.rules


def states() -> Iterator[Any]:
    for path in sorted(path for folder in FOLDERS for path in folder.glob("*/*.yaml")):
        if path.stem.partition("-")[0] != SHARED:
            for state in read_states(path):
                yield pytest.param(state, id=f"{state.provider}-{state.kind}-{state.name}".replace(" ", "-"))


def collected(state: State) -> Inventory:
    """What the state's scope shows about its kind. Calls that every kind needs are in ``shared.yaml``."""
    own = {exchange.call for exchange in state.answers}
    shared = [
        State(
            each.provider,
            each.kind,
            each.name,
            each.scope,
            tuple(one for one in each.answers if one.call not in own),
        )
        for each in read_states(ANSWERS / state.provider / f"{SHARED}.yaml")
    ]
    replay = Replay([state, *shared])
    request = CollectionRequest(
        connections=(ConnectionRequest(state.provider, replay=replay),),  # type: ignore[arg-type]
        wanted={state.kind: KINDS[state.kind].facets()},
    )
    return collect(request, connectors(CLOUDS)).inventory


def value(found: Any, facet: str) -> Any:
    """A facet as a state writes it."""
    unknown = found.unknowns().get(facet)
    return found.to_record()[facet] if unknown is None else {"unknown": unknown.causes[0].reason}


def test_every_kind_of_every_cloud_has_states() -> None:
    kinds = {(cloud, table.kind.kind) for cloud, tables in TABLES.items() for table in tables}
    assert {(state.provider, state.kind) for (state,) in (each.values for each in states())} == kinds


@pytest.mark.parametrize("state", tuple(states()))
def test_a_state_has_its_facets_and_verdicts(state: State) -> None:
    inventory = collected(state)
    found = {one.name: one for one in inventory.resources if one.kind == state.kind}
    assert {spot.cause.message for spot in inventory.blind_spots if spot.kind == state.kind} == set()
    assert found.keys() == state.expected.keys() | state.verdicts.keys()
    facets: Mapping[str, Any] = {
        name: {facet: value(found[name], facet) for facet in expected}
        for name, expected in state.expected.items()
    }
    assert facets == state.expected
    verdicts = {
        name: {rule: RULES[rule].evaluate(found[name], NOW)[0] for rule in expected}
        for name, expected in state.verdicts.items()
    }
    assert verdicts == state.verdicts
