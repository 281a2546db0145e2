"""Google's CEL gives the same result: the value, or an error."""

from __future__ import annotations

import random
import re
from typing import Any

from cel_expr_python import cel
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from scanner.expression.predicate import compile_predicate
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


@settings(max_examples=3000, derandomize=True)
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
