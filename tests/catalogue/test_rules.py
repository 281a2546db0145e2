"""The built-in rules as a whole: consistency with the kinds, the clouds and the controls."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

import pytest

from scanner.catalogue.responsibility import Catalogue
from scanner.model.resources.kinds import KINDS
from scanner.rule.examples import EXAMPLE_TIME, examples_of, run_examples
from scanner.rule.packs import BUILTIN, Pack, load_packs
from scanner.rule.rule import PROVIDERS


@pytest.fixture(scope="module")
def pack(catalogue: Catalogue) -> Pack:
    return load_packs([BUILTIN], catalogue)


def test_every_example_has_its_verdict(pack: Pack) -> None:
    assert [problem for rule in pack.rules.values() for problem in run_examples(rule)] == []


def test_every_rule_has_pass_fail_and_unknown_examples(pack: Pack) -> None:
    for rule in pack.rules.values():
        shown = {example.expected for example in examples_of(rule)}
        wanted = {"pass", "fail", "unknown"} | ({"n/a"} if rule.applies is not None else set())
        assert wanted - shown == set(), rule.id


def test_an_unknown_facet_keeps_the_verdict_or_makes_it_unknown(pack: Pack) -> None:
    for rule in pack.rules.values():
        for example in examples_of(rule):
            before, _ = rule.evaluate(example.resource, EXAMPLE_TIME)
            for facet in rule.facets:
                record = example.resource.to_record()
                cause = {"reason": "denied", "call": "call", "permission": None, "message": "hidden"}
                record.pop(facet, None)
                record["unknown"][facet] = [cause]
                hidden = type(example.resource).from_json(json.dumps(record).encode())
                after, _ = rule.evaluate(hidden, EXAMPLE_TIME)
                assert after in (before, "unknown"), (rule.id, example.line, facet)


def test_every_facet_is_read_by_a_rule_or_a_shift(pack: Pack, catalogue: Catalogue) -> None:
    read: dict[str, set[str]] = defaultdict(set)
    for rule in pack.rules.values():
        read[rule.text.for_] |= rule.wanted
    for kind, model in KINDS.items():
        assert model.facets() - read[kind] - catalogue.facets(kind) - {"tags"} == set(), kind


def test_every_rule_is_for_a_kind_that_its_control_expects(pack: Pack, catalogue: Catalogue) -> None:
    for rule in pack.rules.values():
        for provider in rule.text.providers:
            assert rule.text.for_ in catalogue.controls[rule.text.control].kinds[provider], (
                rule.id,
                provider,
            )


def test_every_cloud_that_a_rule_excludes_has_a_note(pack: Pack) -> None:
    for rule in pack.rules.values():
        left_out = set(PROVIDERS) - set(rule.text.providers)
        assert left_out - set(rule.text.notes) == set(), rule.id


def test_remediation_exists_for_exactly_the_clouds_of_the_rule(pack: Pack) -> None:
    for rule in pack.rules.values():
        assert set(rule.text.remediation) == set(rule.text.providers), rule.id


LONG_AGO = EXAMPLE_TIME - timedelta(days=999)


@pytest.mark.parametrize(
    ("rule", "facets", "field", "limit"),
    [
        ("key.access-key-rotated", {"active": True}, "created", timedelta(days=90)),
        (
            "iam.user-unused",
            {"enabled": True, "root": False, "created": LONG_AGO},
            "last_used",
            timedelta(days=90),
        ),
        (
            "iam.access-key-unused",
            {"active": True, "created": LONG_AGO},
            "last_used",
            timedelta(days=45),
        ),
        (
            "iam.user-unused",
            {"enabled": True, "root": False, "last_used": None},
            "created",
            timedelta(days=90),
        ),
        ("iam.role-unused", {"type": "aws.iam.role", "created": LONG_AGO}, "last_used", timedelta(days=90)),
    ],
)
def test_age_limits_are_exact(
    pack: Pack, rule: str, facets: dict[str, object], field: str, limit: timedelta
) -> None:
    chosen = pack.rules[rule]
    second = timedelta(seconds=1)

    def verdict(moment: datetime) -> str:
        header: dict[str, Any] = {
            "provider": "aws",
            "partition": "aws",
            "scope": "111122223333",
            "region": None,
            "id": "example",
            "name": "example",
            "type": "aws.example.thing",
            "tags": {},
        }
        resource = chosen.model.observe(chosen.facets, {**header, **facets, field: moment})
        return chosen.evaluate(resource, EXAMPLE_TIME)[0]

    assert verdict(EXAMPLE_TIME - limit + second) == "pass"
    assert verdict(EXAMPLE_TIME - limit - second) == "fail"
