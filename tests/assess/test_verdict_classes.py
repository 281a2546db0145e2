"""What is decided once for all resources that look alike is what would be decided of each alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.assess.assessment import assess
from scanner.assess.finding import Finding
from scanner.assess.gate import ScopeGate, Terms
from scanner.assess.narrowing import Narrowing, Selector, parse_where
from scanner.assess.reduce import Assessment
from scanner.assess.request import AssessmentRequest
from scanner.assess.states import GATES
from scanner.model.inventory import Inventory
from scanner.model.resources.base import Resource
from scanner.model.resources.compute import Database
from scanner.ownership.resolve.selection import compile_selection
from tests.assessed_estates import HUB, TEAMS, Case
from tests.estate import ACCOUNT, DENIED, PACK, account, bucket, other, region, requested
from tests.ownership.build import load

WAIVED = {
    "owner": "payments",
    "approver": "platform",
    "reason": "r",
    "ticket": "T-1",
    "created": "2026-11-01",
    "expires": "2027-05-31",
}
WHERE: tuple[Mapping[str, Any], ...] = (
    {"tags": {"Owner": "Payments"}},
    {"tags": {"owner": ["payments", "platform"], "env": "prod"}},
    {"resource": "arn:aws:s3:::one"},
    {"resource": "two"},
    {"resource": "t*"},
    {"region": "EU-west-1"},
    {"service": "s3"},
    {"kind": "database"},
    {"account": "1111*"},
    {"path": "/Root/Prod"},
)
PLAIN = tuple(one for one in WHERE if one.keys() & {"account", "path", "kind"} or WHERE[2] == one)
"""What waivers may select by."""
RULES = tuple(id for id, rule in PACK.rules.items() if rule.text.for_ in ("bucket", "database"))
LINES: tuple[dict[str, Any], ...] = (
    {"accountable": "platform"},
    {"accountable": "payments"},
    {"accountable": "payments", "claim": "provider"},
    {"accountable": "platform", "provided_by": {"provider": "aws", "account": HUB}},
    {"accountable": "payments", "proposed": "a guess"},
    {"accountable": "payments", "proposed": "a guess"},
)
CONTROLS = (["*"], ["data"], ["data.no-public-exposure"], ["data.*", "res"])
SOURCES: tuple[Mapping[str, Any], ...] = (
    {"from": "resource_tag", "keys": ["Team", "owner"], "domains": ["data"]},
    {"from": "resource_tag", "keys": ["squad"]},
    {"from": "account_tag", "keys": ["owner"], "domains": ["data", "res"]},
)
SELECTED = (
    "tags.ENV=prod",
    "resource=two",
    "tags.owner=payments,region=eu-west-1",
    "kind=bucket",
    "service=rds",
)
TYPES = ["aws.rds.instance", "aws.rds.instance", "aws.rds.cluster", "aws.example.database"]
FLAGS = st.sampled_from([True, False, DENIED])
TAGS = st.sampled_from(
    [
        {},
        {"other": "prod"},
        {"owner": "payments"},
        {"Owner": "payments"},
        {"OWNER": "Payments", "owner": "plat-team"},
        {"owner": "plat-team"},
        {"owner": "payments", "ENV": "prod"},
        {"Env": "prod"},
        {"Team": "guild"},
        {"squad": "payments"},
        {"squad": "gone"},
        {"class": "pci"},
        {"Class": "PCI", "owner": "payments"},
        DENIED,
    ]
)
"""Tags that differ in details, some of which decide."""


@st.composite
def resources(draw: st.DrawFn, number: int) -> Resource:
    """A bucket or a database that looks like most of the others."""
    name = draw(st.sampled_from(["one", "one", "one", "two", "Two"]))
    held: dict[str, Any] = {"name": name, "tags": draw(TAGS)}
    if draw(st.integers(0, 9)) == 0:
        held |= {"scope": HUB, "region": "us-east-1"}
    if draw(st.booleans()):
        made: Resource = bucket(
            name, public_read=True, encryption=draw(st.sampled_from([None, None, DENIED]))
        )
        held["id"] = f"arn:aws:s3:::{number}/{name}" if number else "arn:aws:s3:::one"
    else:
        shifts = ("os_access", "serverless", "minor_upgrades")
        made = other(Database, open_to_world=True, **{facet: draw(FLAGS) for facet in shifts})
        held |= {"id": f"arn:aws:rds:{number}/{name}", "type": draw(st.sampled_from(TYPES))}
    return type(made)(**{field: getattr(made, field) for field in made.model_fields_set} | held)


@st.composite
def estates(draw: st.DrawFn) -> tuple[Inventory, AssessmentRequest]:
    """A dozen resources of two kinds, and a file and gates that may tell them apart."""
    held: list[Resource] = []
    for scope in (ACCOUNT, HUB):
        path, tags = draw(st.sampled_from(["/Root/Prod", "/Other", DENIED])), draw(TAGS)
        for one in (account(path=path, tags=tags), region()):
            fields = {field: getattr(one, field) for field in one.model_fields_set}
            held.append(type(one)(**{**fields, "scope": scope, "id": f"{one.id}/{scope}"}))
    held += {one.id: one for one in (draw(resources(number)) for number in range(14))}.values()

    # Few of them: what one line tells apart, no other shall.
    chosen = draw(st.lists(st.sampled_from((*WHERE, *WHERE[:2] * 4)), min_size=1, max_size=2))

    def lines(number: int, of: Callable[[int], Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        return [
            {"controls": draw(st.sampled_from(CONTROLS)), "where": draw(st.sampled_from(chosen)), **of(line)}
            for line in range(draw(st.integers(0, number)))
        ]

    waived = draw(st.lists(st.sampled_from(PLAIN), max_size=1))
    file = {
        "version": 1,
        "reviewed": "2026-11-01",
        "teams": {**TEAMS, "guild": {"proposed": "a guess"}},
        "owners": lines(3, lambda line: LINES[draw(st.integers(0, len(LINES) - 1))] | {"id": f"O{line}"}),
        "exceptions": [{"controls": ["*"], "where": one, "id": "E1", **WAIVED} for one in waived],
        "settings": {
            "inferred": draw(st.lists(st.sampled_from(SOURCES), max_size=1)),
            **draw(st.sampled_from([{}, {"sensitive": {"tags": {"Class": ["PCI"]}}}])),
        },
    }
    ownership = load(yaml.safe_dump(file)) if draw(st.integers(0, 5)) else None
    text = (
        "tags.ENV=prod",
        "resource=two",
        "tags.owner=payments,region=eu-west-1",
        "kind=bucket",
        "service=rds",
    )
    selectors = [Selector(compile_selection(parse_where(one))) for one in text]
    gates = draw(st.lists(st.sampled_from(selectors), max_size=2))
    team = draw(st.sampled_from([None, None, "payments"])) if ownership is not None else None
    where = draw(st.sampled_from([*[None] * 10, *selectors]))
    case = Case(tuple(held), (), frozenset(), None)
    request = replace(
        requested(rules=RULES),
        ownership=ownership,
        terms=Terms(
            GATES["none"],
            scopes=tuple(ScopeGate(f"g{n}", one, GATES["strict"]) for n, one in enumerate(gates)),
        ),
        narrowing=Narrowing(ownership, team, where) if team is not None or where is not None else None,
    )
    return case.inventory, request


def of(assessment: Assessment, resource: Resource) -> list[Finding]:
    """The findings of a resource."""
    return [
        one
        for one in assessment.coverage.findings
        if one.resource is not None and (one.scope, one.resource.id) == (resource.scope, resource.id)
    ]


@settings(max_examples=80, deadline=None)
@given(estates())
def test_each_resource_is_decided_as_if_it_were_alone(estate: tuple[Inventory, AssessmentRequest]) -> None:
    inventory, request = estate
    together = assess(inventory, request)
    around = [one for one in inventory.resources if one.kind in ("account", "region")]
    for resource in inventory.resources:
        if resource.kind not in ("account", "region"):
            alone = assess(replace(inventory, resources=(*around, resource)), request)
            assert of(together, resource) == of(alone, resource)
    counts(together)
    short = assess(inventory, replace(request, every_finding=False))
    assert short.coverage.states == together.coverage.states
    assert short.decision == together.decision
    assert short.metrics == together.metrics
    assert short.coverage.failing == together.coverage.failing
    assert short.coverage.unseen == together.coverage.unseen
    assert set(short.coverage.findings.lines()) <= set(together.coverage.findings.lines())


def counts(assessment: Assessment) -> None:
    """What is counted is what is listed, where everything is."""
    findings = list(assessment.coverage.findings)
    assert Counter(one.state for one in findings if one.state is not None) == assessment.coverage.states
    assert Counter(one.severity for one in findings if one.at_gate) == assessment.decision.by_severity
    groups = [group for _, group in assessment.decision.by_scope.values()]
    assert sum(group.evaluated for group in groups) == sum(assessment.coverage.states.values())
    assert sum(group.at_gate for group in groups) == assessment.decision.at_gate
    failing = {
        (one.scope, one.resource.id)
        for one in findings
        if one.resource is not None and one.evidence == "fail" and one.state == "unowned" and one.rule
    }
    assert len(failing) == assessment.coverage.failing.get("unowned", 0)
