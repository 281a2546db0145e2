"""Precedence of lines."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from tests.ownership.build import ACCOUNT, CONTROL, resolver, target

# Most specific first.
SELECTORS = [CONTROL, "data.*", "data", "*"]
WHERES: list[dict[str, Any]] = [
    {"resource": "pay-receipts"},
    {"resource": "pay-*"},
    {"tags": {"env": "prod"}},
    {"account": ACCOUNT},
    {"account": "1111*"},
    {"path": "/Root/Workloads/Prod"},
    {"path": "/Root/Workloads"},
    {"path": "/Root"},
    {"kind": "bucket"},
    {"service": "s3"},
    {"region": "eu-central-1"},
    {"provider": "aws"},
]
BUCKET = target(tags={"env": "prod"})


def winner(*lines: dict[str, Any]) -> str | None:
    answers = {resolver(*order).resolve(CONTROL, BUCKET).owner for order in (lines, tuple(reversed(lines)))}
    assert len(answers) == 1, "the order of lines does not matter"
    return answers.pop()


@pytest.mark.parametrize(("better", "worse"), list(combinations(WHERES, 2)), ids=str)
def test_the_more_specific_where_wins(better: dict[str, Any], worse: dict[str, Any]) -> None:
    found = winner(
        {"controls": "data", "where": better, "accountable": "payments"},
        {"controls": "data", "where": worse, "accountable": "platform"},
    )
    assert found == "payments"


@pytest.mark.parametrize(("better", "worse"), list(combinations(SELECTORS, 2)), ids=str)
def test_the_more_specific_selector_wins_whatever_the_where(better: str, worse: str) -> None:
    found = winner(
        {"controls": better, "where": {"provider": "aws"}, "accountable": "payments"},
        {"controls": worse, "where": WHERES[0], "accountable": "platform"},
    )
    assert found == "payments"


def test_a_where_beats_none() -> None:
    found = winner(
        {"controls": "data", "where": {"provider": "aws"}, "accountable": "payments"},
        {"controls": "data", "accountable": "platform"},
    )
    assert found == "payments"


def test_a_higher_condition_outweighs_all_lower_ones() -> None:
    everything_below = {"account": ACCOUNT, "path": "/Root/Workloads/Prod", "kind": "bucket", "service": "s3"}
    found = winner(
        {"controls": "data", "where": {"tags": {"env": "prod"}}, "accountable": "payments"},
        {"controls": "data", "where": everything_below, "accountable": "platform"},
    )
    assert found == "payments"


def test_further_conditions_settle_a_tie() -> None:
    found = winner(
        {"controls": "data", "where": {"account": ACCOUNT, "kind": "bucket"}, "accountable": "payments"},
        {
            "controls": "data",
            "where": {"account": ACCOUNT, "region": "eu-central-1"},
            "accountable": "platform",
        },
    )
    assert found == "payments"


def test_only_the_fitting_values_of_a_list_count() -> None:
    """An exact account in a list of patterns is exact; only the depth of the fitting path counts."""
    found = winner(
        {"controls": "data", "where": {"account": ["9*", ACCOUNT]}, "accountable": "payments"},
        {"controls": "data", "where": {"account": ["1111*"], "kind": "bucket"}, "accountable": "platform"},
    )
    assert found == "payments"
    found = winner(
        {
            "controls": "data",
            "where": {"path": ["/Root/Other/Deep/Deeper", "/Root"]},
            "accountable": "platform",
        },
        {"controls": "data", "where": {"path": "/Root/Workloads"}, "accountable": "payments"},
    )
    assert found == "payments"


def test_the_most_specific_selector_of_a_line_counts() -> None:
    found = winner(
        {"controls": ["net", CONTROL], "accountable": "payments"},
        {"controls": "data.*", "accountable": "platform"},
    )
    assert found == "payments"


@pytest.mark.parametrize(
    "where",
    [
        {"provider": "gcp"},
        {"path": "/Root/Workloads/Pro"},
        {"path": "/Root/Workloads/Prod/Payments"},
        {"account": "444455556666"},
        {"account": "2*"},
        {"region": "us-east-1"},
        {"service": "ec2"},
        {"kind": "volume"},
        {"tags": {"env": "dev"}},
        {"tags": {"env": ["prod"], "team": ["web"]}},
        {"resource": "receipts"},
        {"resource": "x-*"},
        {"provider": "aws", "account": ACCOUNT, "kind": "volume"},
    ],
    ids=str,
)
def test_a_line_that_does_not_fit_assigns_no_owner(where: dict[str, Any]) -> None:
    found = resolver({"controls": "data", "where": where, "accountable": "payments"}).resolve(CONTROL, BUCKET)
    assert (found.status, found.owner, found.flags) == ("nobody", None, frozenset())


def test_tags_are_compared_without_regard_to_case() -> None:
    line = {"controls": "data", "where": {"tags": {"data-class": ["PCI"]}}, "accountable": "payments"}
    assert resolver(line).resolve(CONTROL, target(tags={"Data-Class": "pci"})).owner == "payments"


def test_a_named_scope_equals_its_selection() -> None:
    scopes = {"prod": {"any": [{"provider": "gcp"}, {"provider": "aws", "path": "/Root/Workloads"}]}}
    line = {"controls": "data", "where": "prod", "accountable": "payments"}
    answers = resolver(line, scopes=scopes)
    assert answers.resolve(CONTROL, BUCKET).owner == "payments"
    assert answers.resolve(CONTROL, target(provider="gcp", path=None)).owner == "payments"
    assert answers.resolve(CONTROL, target(path="/Root/Sandbox")).status == "nobody"
    assert answers.resolve(CONTROL, target(path=None)).status == "nobody"


def test_a_tie_between_teams_is_contested_and_names_both_lines() -> None:
    lines = [
        {"controls": "data", "where": {"kind": "bucket"}, "accountable": "payments"},
        {"controls": "data", "where": {"kind": "bucket"}, "accountable": "platform"},
    ]
    found = resolver(*lines).resolve(CONTROL, BUCKET)
    assert (found.status, found.owner) == ("contested", None)
    assert found.source is not None
    assert found.source.count("ownership.yaml:") == 2
    assert resolver(*reversed(lines)).resolve(CONTROL, BUCKET).status == "contested"


def test_two_names_of_the_same_team_do_not_tie() -> None:
    found = resolver(
        {"controls": "data", "accountable": "web"}, {"controls": "data", "accountable": "product"}
    ).resolve(CONTROL, BUCKET)
    assert (found.status, found.owner) == ("owned", "product")


def test_overrides_settle_a_tie_and_beat_the_more_specific() -> None:
    general = {"controls": "data", "accountable": "platform", "overrides": ["special"]}
    special = {"id": "special", "controls": CONTROL, "where": {"kind": "bucket"}, "accountable": "payments"}
    assert winner(special, general) == "platform"
    narrow = {**general, "where": {"provider": "gcp"}}
    assert winner(special, narrow) == "payments", "only where both fit"
    tie = {
        "controls": CONTROL,
        "where": {"kind": "bucket"},
        "accountable": "product",
        "overrides": ["special"],
    }
    assert winner(special, tie) == "product"


def test_the_source_names_file_line_and_reason() -> None:
    found = resolver({"controls": ["net", "data"], "accountable": "payments"}).resolve(CONTROL, BUCKET)
    assert found.source is not None
    assert found.source.startswith("ownership.yaml:")
    assert found.source.endswith("(domain data)")
    assert found.specificity == "domain"
    exact = {"controls": CONTROL, "where": {"path": "/Root/Workloads", "tags": {"env": "prod"}}}
    precise = resolver({**exact, "accountable": "payments"}).resolve(CONTROL, BUCKET)
    assert precise.source is not None
    assert precise.source.endswith(f"({CONTROL}, path /Root/Workloads, tag env=prod)")
    assert precise.specificity == "exact"


def test_azure_ids_ignore_case_and_others_do_not() -> None:
    id = "/subscriptions/0000/resourceGroups/Pay/providers/Microsoft.Storage/storageAccounts/Receipts"
    line = {"controls": "data", "where": {"resource": id}, "accountable": "payments"}
    there = target(provider="azure", service="storage", resource_id=id.lower(), name="receipts")
    assert resolver(line).resolve(CONTROL, there).owner == "payments"
    function = {"controls": "data", "where": {"resource": "Pay"}, "accountable": "payments"}
    lower = target(resource_id="arn:aws:lambda:eu-central-1:111122223333:function:pay", name="pay")
    assert resolver(function).resolve(CONTROL, lower).status == "nobody"
