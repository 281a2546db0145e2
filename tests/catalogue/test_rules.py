"""The rules that come with gapscan, as a whole: against the nouns, the clouds and the controls."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

import pytest

from scanner.catalogue.responsibility import Catalogue
from scanner.model.resources.kinds import KINDS
from scanner.rule.rules import BUILTIN, EXAMPLE_TIME, PROVIDERS, Pack, load_packs, run_examples


@pytest.fixture(scope="module")
def pack(catalogue: Catalogue) -> Pack:
    return load_packs([BUILTIN], catalogue)


def test_every_example_has_its_verdict(pack: Pack) -> None:
    assert [problem for rule in pack.rules.values() for problem in run_examples(rule)] == []


def test_every_rule_shows_a_pass_a_failure_and_what_it_cannot_tell(pack: Pack) -> None:
    for rule in pack.rules.values():
        shown = {example.expected for example in rule.examples}
        wanted = {"pass", "fail", "unknown"} | ({"n/a"} if rule.applies is not None else set())
        assert wanted - shown == set(), rule.id


def test_hiding_a_facet_of_an_example_leaves_its_verdict_or_makes_it_unknown(pack: Pack) -> None:
    for rule in pack.rules.values():
        for example in rule.examples:
            before, _ = rule.evaluate(example.resource, EXAMPLE_TIME)
            for facet in rule.facets:
                record = example.resource.to_record()
                cause = {"reason": "denied", "call": "call", "permission": None, "message": "hidden"}
                record.pop(facet, None)
                record["unknown"][facet] = [cause]
                after, _ = rule.evaluate(type(example.resource).from_record(record), EXAMPLE_TIME)
                assert after in (before, "unknown"), (rule.id, example.line, facet)


def test_every_facet_is_read_by_some_rule_or_tells_whose_a_control_is(
    pack: Pack, catalogue: Catalogue
) -> None:
    read: dict[str, set[str]] = defaultdict(set)
    for rule in pack.rules.values():
        read[rule.text.for_] |= rule.wanted
    for kind, model in KINDS.items():
        assert model.facets() - read[kind] - catalogue.facets(kind) - {"tags"} == set(), kind


def test_a_rule_looks_at_a_kind_that_its_control_expects(pack: Pack, catalogue: Catalogue) -> None:
    for rule in pack.rules.values():
        for provider in rule.text.providers:
            assert rule.text.for_ in catalogue.controls[rule.text.control].kinds[provider], (
                rule.id,
                provider,
            )


def test_a_cloud_that_a_rule_leaves_out_is_told_why(pack: Pack) -> None:
    for rule in pack.rules.values():
        left_out = set(PROVIDERS) - set(rule.text.providers)
        assert left_out - set(rule.text.notes) == set(), rule.id


def test_what_ends_a_failure_is_told_only_where_the_rule_is_for(pack: Pack) -> None:
    for rule in pack.rules.values():
        assert set(rule.text.remediation) == set(rule.text.providers), rule.id


@pytest.mark.parametrize(
    ("rule", "facets", "field", "limit"),
    [
        ("key.access-key-rotated", {"active": True}, "created", timedelta(days=90)),
        ("iam.user-unused", {"enabled": True, "root": False}, "last_used", timedelta(days=90)),
        (
            "iam.access-key-unused",
            {"active": True, "created": EXAMPLE_TIME - timedelta(days=999)},
            "last_used",
            timedelta(days=45),
        ),
        ("iam.role-unused", {"type": "aws.iam.role"}, "last_used", timedelta(days=90)),
    ],
)
def test_ages_turn_at_their_limit(
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
