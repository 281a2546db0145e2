"""States of clouds as data: their answers, and the facets and verdicts that are right for them.

Those in ``tests/answers``, and those of the sample company.

Each is replayed as ``--replay`` does, without a server, through the clients, tables and rules of the product.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from providers.sandbox import recorded
from providers.sandbox.aws.recorded import RecordedAnswers
from scanner.cli.connect import CLOUDS, connectors
from scanner.collect.answer_files import SHARED, State, read_states
from scanner.collect.answers import Replay
from scanner.collect.provider import ConnectionRequest, Limits
from scanner.model.inventory import Inventory
from scanner.model.resources.kinds import KINDS
from scanner.run.scan import CollectionRequest, collect
from tests.estate import NOW, PACK
from tests.providers.all_clouds.replayed_tables import TABLES

ANSWERS = Path(__file__).parents[2] / "answers"
FOLDERS = (ANSWERS, recorded.FOLDER)
RULES = PACK.rules


def read() -> Iterator[State]:
    for path in sorted(path for folder in FOLDERS for path in folder.glob("*/*.yaml")):
        if path.stem.partition("-")[0] != SHARED:
            yield from read_states(path)


STATES = tuple(read())


def named(state: State) -> str:
    return f"{state.provider}-{state.kind}-{state.name}".replace(" ", "-")


@cache
def shared(provider: str) -> tuple[State, ...]:
    """The calls that every kind needs, from ``shared.yaml``."""
    return tuple(read_states(ANSWERS / provider / f"{SHARED}.yaml"))


def answered(state: State) -> tuple[State, ...]:
    """The state, with the shared calls."""
    own = {exchange.call for exchange in state.answers}
    others = [
        State(
            each.provider,
            each.kind,
            each.name,
            each.scope,
            tuple(one for one in each.answers if one.call not in own),
        )
        for each in shared(state.provider)
    ]
    return (state, *others)


def collected(state: State, replay: Replay | None) -> Inventory:
    """What the state's scope shows about its kind; without a replay, over the wire."""
    request = CollectionRequest(
        connections=(ConnectionRequest(state.provider, replay=replay),),  # type: ignore[arg-type]
        wanted={state.kind: KINDS[state.kind].facets()},
        limits=Limits(attempts=1),
    )
    return collect(request, connectors(CLOUDS)).inventory


def value(found: Any, facet: str) -> Any:
    """A facet as a state writes it."""
    unknown = found.unknowns().get(facet)
    return found.to_record()[facet] if unknown is None else {"unknown": unknown.causes[0].reason}


def test_every_kind_of_every_cloud_has_states() -> None:
    kinds = {(cloud, table.kind.kind) for cloud, tables in TABLES.items() for table in tables}
    assert {(state.provider, state.kind) for state in STATES} == kinds


@pytest.mark.parametrize("state", STATES, ids=named)
def test_a_state_has_its_facets_and_verdicts(state: State) -> None:
    inventory = collected(state, Replay(answered(state)))
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


@pytest.fixture
def wire(running: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[State], None]]:
    """Makes a simulated cloud answer as a state does."""

    def answer(state: State) -> None:
        server, found = running[state.provider], answered(state)
        for name, text in server.environment.items():
            monkeypatch.setenv(name, text)
        monkeypatch.setattr(
            server,
            "states",
            RecordedAnswers(found, complete=False) if state.provider == "aws" else Replay(found),
        )

    yield answer


def kind_of(state: State) -> tuple[str, str]:
    """Cloud and kind of a state."""
    return state.provider, state.kind


FIRST = [next(some) for _, some in groupby(STATES, kind_of)]


@pytest.mark.parametrize("state", FIRST, ids=named)
def test_the_simulated_cloud_sends_what_a_state_says(state: State, wire: Callable[[State], None]) -> None:
    """The real client reads the same from its cloud's own protocol as from the state itself."""
    wire(state)
    replayed, read = collected(state, Replay(answered(state))), collected(state, None)
    records = [{one.id: one.to_record() for one in found.resources} for found in (read, replayed)]
    assert records[0] == records[1]
    assert {spot.kind for spot in read.blind_spots} == {spot.kind for spot in replayed.blind_spots}
