"""Examples of rules: resources, each with the verdict that the rule must reach on it.

They are built where they are run (``gapscan rules test``): most commands load rules and run no example.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from scanner.base.yaml import DocumentError, Problem, read
from scanner.model.resources.base import HEADER, Resource
from scanner.rule.rule import Outcome, Rule

EXAMPLE_TIME = datetime(2026, 1, 1, tzinfo=UTC)
"""What ``now`` is in examples."""


@dataclass(frozen=True)
class Example:
    """A resource made of an example, and the verdict that it must get."""

    line: int
    expected: Outcome
    resource: Resource


def examples_of(rule: Rule) -> tuple[Example, ...]:
    """The examples of a rule. Raises :class:`DocumentError` with every one that does not fit the rule."""
    document = read(rule.path, rule.file)
    found: list[Example] = []
    problems: list[Problem] = []
    for index, entry in enumerate(rule.text.examples):
        for outcome, given in entry.items():
            place = ("examples", index, outcome)
            stated = frozenset(given) - frozenset(HEADER)
            if stated != rule.facets:
                more = ", ".join(sorted(stated - rule.facets))
                less = ", ".join(sorted(rule.facets - stated))
                reason = "; ".join(
                    [f"lacks {less}"] * bool(less)
                    + [f"has {more}, which the rule does not read"] * bool(more)
                )
                problems.append(document.problem(f"example {index + 1} {reason}", *place))
                continue
            try:
                found.append(Example(document.line(*place), outcome, _resource(rule.model, given)))
            except (ValidationError, ValueError) as error:
                first = error.errors()[0] if isinstance(error, ValidationError) else None
                reason = f"{'.'.join(map(str, first['loc']))}: {first['msg']}" if first else str(error)
                problems.append(document.problem(f"example {index + 1}: {reason}", *place))
    if problems:
        raise DocumentError(problems)
    return tuple(found)


def _resource(model: type[Resource], given: Mapping[str, Any]) -> Resource:
    """The resource that an example describes; the header is made up where it is not stated."""
    record: dict[str, Any] = {
        "kind": model.kind,
        "provider": "aws",
        "partition": "aws",
        "scope": "111122223333",
        "region": None,
        "id": "example",
        "name": "example",
        "type": f"aws.example.{model.kind}",
        "tags": {},
        "unknown": {},
    }
    for name, value in given.items():
        if isinstance(value, Mapping) and set(value) == {"unknown"}:
            cause = {"reason": value["unknown"], "call": "example", "permission": None, "message": "example"}
            record["unknown"][name] = [cause]
            record.pop(name, None)
        else:
            record[name] = value
    return model.from_json(json.dumps(record).encode())


def run_examples(rule: Rule) -> Iterator[Problem]:
    """Every example whose verdict is not the one that it states. Raises as :func:`examples_of` does."""
    for example in examples_of(rule):
        outcome, unknown = rule.evaluate(example.resource, EXAMPLE_TIME)
        if outcome != example.expected:
            why = f" ({unknown.causes[0].message})" if unknown is not None else ""
            yield Problem(rule.file, example.line, f"expected {example.expected}, got {outcome}{why}")
