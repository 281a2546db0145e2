"""Google's CEL gives the same result: the value, or an error."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest
from cel_expr_python import cel
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from scanner.expression.errors import ExpressionError
from scanner.expression.predicate import compile_predicate
from scanner.expression.reference import reference
from scanner.model.evidence import Unknown
from tests.expression.model import FACETS, HEADER_VALUES, NOW, Thing, any_condition, any_values, thing

NAMES = [*FACETS, *HEADER_VALUES]
TYPES = {"created": cel.Type.TIMESTAMP, "age": cel.Type.DURATION}


def _environment() -> Any:
    variables = {f"thing_{name}": TYPES.get(name, cel.Type.DYN) for name in NAMES}
    return cel.NewEnv(variables={**variables, "now": cel.Type.TIMESTAMP})


ENVIRONMENT = _environment()


def _theirs(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return {name: _theirs(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, tuple):
        return [_theirs(item) for item in value]
    return value


@settings(max_examples=1200, derandomize=True)
@given(st.integers(0, 2**48))
def test_the_result_is_that_of_cel(seed: int) -> None:
    chance = random.Random(seed)
    source = any_condition(chance)
    ours = compile_predicate(source, "thing", Thing)
    program = ENVIRONMENT.compile(re.sub(r"\bthing\.", "thing_", source), disable_check=True)
    for _ in range(2):
        resource = thing(**any_values(chance))
        data = {f"thing_{name}": _theirs(getattr(resource, name)) for name in NAMES}
        answer = program.eval(data={**data, "now": NOW})
        expected = "error" if answer.type() == cel.Type.ERROR else answer.value()
        found = ours.evaluate(resource, NOW)
        if isinstance(found, Unknown):
            assert {(cause.reason, cause.call) for cause in found.causes} == {("error", "expression")}
        assert ("error" if isinstance(found, Unknown) else found) == expected, (source, str(answer), resource)


@pytest.mark.parametrize(
    "source",
    [
        "timestamp('9999-01-01T00:00:00Z') - timestamp('0001-01-01T00:00:00Z') > duration('1h')",
        "timestamp('0001-01-01T00:00:00Z') - now < duration('1h')",
        "timestamp('2292-04-10T00:00:00Z') - timestamp('2000-01-01T00:00:00Z') > duration('1h')",
        "timestamp('2292-04-12T00:00:00Z') - timestamp('2000-01-01T00:00:00Z') > duration('1h')",
        "duration('2562047h') + duration('2562047h') > duration('1h')",
        "duration('-2562047h') - duration('2562047h') < duration('1h')",
        "duration('87660000h') > duration('1h')",
        "now + duration('2562047h') + duration('2562047h') > now",
        "now + duration('87660000h') > now",
        "[].all(e, e == 1)",
        "[].exists(e, e == 'a')",
        "size([]) == 0 && !(1 in [])",
    ],
)
def test_the_ends_of_time_and_of_lists_are_those_of_cel(source: str) -> None:
    answer = ENVIRONMENT.compile(source, disable_check=True).eval(data={"now": NOW})
    expected = "error" if answer.type() == cel.Type.ERROR else answer.value()
    found = compile_predicate(source, "thing", Thing).evaluate(thing(), NOW)
    assert ("error" if isinstance(found, Unknown) else found) == expected


def test_the_reference_says_what_is_refused_of_an_empty_list() -> None:
    source = "[].all(e, e > 0)"
    with pytest.raises(ExpressionError):
        compile_predicate(source, "thing", Thing)
    assert source in reference()
