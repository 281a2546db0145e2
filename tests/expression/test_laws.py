"""Properties of random conditions and values."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.expression.check import check
from scanner.expression.compile import compiled
from scanner.expression.exact import exact
from scanner.expression.parse import parse
from scanner.expression.predicate import compile_predicate, facets_of
from scanner.expression.typed import Loop, walk
from scanner.model.evidence import Unknown
from tests.expression.model import FACETS, NOW, Thing, any_condition, any_values, hidden, thing

SEEDS = st.integers(0, 2**48)


@settings(max_examples=1500, derandomize=True)
@given(SEEDS)
def test_unknown_facets_never_give_the_opposite_verdict(seed: int) -> None:
    chance = random.Random(seed)
    source = any_condition(chance)
    predicate = compile_predicate(source, "thing", Thing)
    for _ in range(3):
        values = any_values(chance)
        whole = predicate.evaluate(thing(**values), NOW)
        dark = set(chance.sample(FACETS, chance.choice([1, 1, 2, 5, len(FACETS)])))
        dark |= {facet for facet in predicate.facets if chance.random() < 0.3}
        partly = predicate.evaluate(thing(**values) if not dark else _without(values, dark), NOW)
        if isinstance(partly, Unknown):
            calls = {cause.call for cause in partly.causes}
            assert calls <= {"expression", *(f"read:{facet}" for facet in dark & predicate.facets)}, source
        else:
            assert partly is whole, source


def _without(values: dict[str, Any], dark: set[str]) -> Thing:
    return thing(**{**values, **{facet: hidden(facet) for facet in dark}})


@settings(max_examples=600, derandomize=True)
@given(SEEDS)
def test_both_evaluators_agree_when_everything_is_known(seed: int) -> None:
    chance = random.Random(seed)
    source = any_condition(chance)
    root = check(parse(source), "thing", Thing)
    slow = exact(root)
    plain = compiled(root, lambda resource, now: "fallback")
    for _ in range(2):
        resource = thing(**any_values(chance))
        known, answer = plain(resource, NOW), slow(resource, NOW)
        if known == "fallback":
            assert "expression" in _error_calls(root, resource), source
        else:
            assert known is answer, source


def _error_calls(root: Any, resource: Thing) -> set[str]:
    """The compiled function only falls back on a run-time error in some node."""
    calls: set[str] = set()
    if any(isinstance(node, Loop) for node in walk(root)):
        return {"expression"}  # an error may occur for an item of a macro
    for node in walk(root):
        value = exact(node)(resource, NOW)
        if isinstance(value, Unknown):
            calls |= {cause.call for cause in value.causes}
    return calls


@settings(max_examples=200, derandomize=True)
@given(SEEDS)
def test_facets_that_are_not_read_do_not_matter(seed: int) -> None:
    chance = random.Random(seed)
    source = any_condition(chance)
    predicate = compile_predicate(source, "thing", Thing)
    values = any_values(chance)
    unread = set(FACETS) - predicate.facets
    assert predicate.evaluate(_without(values, unread), NOW) == predicate.evaluate(thing(**values), NOW)
    assert predicate.facets == facets_of(check(parse(source), "thing", Thing))
    assert all(f"thing.{facet}" in source for facet in predicate.facets)
