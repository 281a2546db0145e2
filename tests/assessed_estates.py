"""Generated estates with their ownership files, for laws that hold from the verdicts to every report."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import yaml
from hypothesis import strategies as st

from scanner.assess.assessment import assess
from scanner.assess.finding import Finding
from scanner.assess.reduce import Assessment
from scanner.exchange import oscal
from scanner.exchange.matrix import OwnershipMatrix, matrix
from scanner.model.evidence import Unknown
from scanner.model.inventory import Inventory, Listing, Target
from scanner.model.resources.audit import AuditTrail
from scanner.model.resources.base import HEADER, Resource
from scanner.model.resources.compute import ContainerCluster, Database, Function
from scanner.model.resources.identity import User
from scanner.model.resources.kinds import KINDS
from scanner.model.resources.network import Firewall
from scanner.ownership.file.file import OwnershipFile
from scanner.report.build import build
from scanner.report.formats import json as json_report
from scanner.report.model import Report
from scanner.run.scan import Collected
from tests.estate import (
    ACCOUNT,
    CATALOGUE,
    DENIED,
    EVERYTHING,
    NOW,
    account,
    bucket,
    other,
    region,
    requested,
)
from tests.ownership.build import load

HUB = "444455556666"
THROTTLED = Unknown.because("throttled", "ec2:DescribeRegions", None, "slow down")

OWNERS: tuple[Mapping[str, Any], ...] = (
    {"controls": ["data"], "where": {"tags": {"owner": "payments"}}, "accountable": "payments"},
    {"controls": ["data", "res"], "accountable": "platform"},
    {"controls": ["data.no-public-exposure"], "accountable": "payments"},
    {"controls": ["*"], "accountable": "platform"},
    {"controls": ["*"], "where": {"account": ACCOUNT}, "accountable": "platform"},
    {"controls": ["*"], "where": {"kind": "bucket"}, "accountable": "payments"},
    {"controls": ["log"], "accountable": "platform", "provided_by": {"provider": "aws", "account": HUB}},
    {"controls": ["iam.*"], "accountable": "gone"},
    {"controls": ["iam.*", "app"], "accountable": "platform"},
    {"controls": ["data.encryption-at-rest"], "claim": "provider", "accountable": "payments"},
    {"controls": ["compute", "gov"], "where": {"path": "/Root/Prod"}, "accountable": "platform"},
    {"controls": ["log.*"], "where": {"account": HUB}, "accountable": "payments"},
)
_WAIVED = {"owner": "payments", "approver": "platform", "reason": "r", "ticket": "T-1"}
_IN_FORCE, _OVER = {"expires": "2027-05-31", "created": "2026-11-01"}, {"expires": "2026-10-31"}
EXCEPTIONS: tuple[Mapping[str, Any], ...] = (
    {"id": "E1", "controls": ["data"], "where": {"account": ACCOUNT}, **_WAIVED, **_IN_FORCE},
    {"id": "E2", "controls": ["*"], "where": {"provider": "aws"}, **_WAIVED, **_IN_FORCE},
    {"id": "E3", "controls": ["*"], "where": {"provider": "aws"}, **_WAIVED, **_OVER},
)
WHOLE: tuple[Mapping[str, Any], ...] = (
    {"id": "N1", "controls": ["log", "app"], **_WAIVED, **_IN_FORCE},
    {"id": "N2", "controls": ["data", "iam"], "where": {"account": ACCOUNT}, **_WAIVED, **_IN_FORCE},
)
"""Declarations for whole scopes: that controls do not apply there, whatever is in them."""
DECLARATIONS: tuple[Mapping[str, Any], ...] = (
    *WHOLE,
    {"id": "N3", "controls": ["*"], "where": {"kind": "bucket"}, **_WAIVED, **_IN_FORCE},
    {"id": "N4", "controls": ["*"], "where": {"provider": "aws"}, **_WAIVED, **_OVER},
)
ATTESTATIONS: tuple[Mapping[str, Any], ...] = (
    {"controls": ["app", "log", "iam"], "by": "platform", "made": "2026-10-01", "expires": "2027-10-01"},
    {"controls": ["*"], "by": "platform", "made": "2025-10-01", "expires": "2026-10-01"},
    {
        "controls": ["*"],
        "where": {"account": HUB},
        "by": "platform",
        "made": "2026-10-01",
        "expires": "2027-10-01",
    },
)
CONTRACTS: tuple[Mapping[str, Any], ...] = (
    {"soc2": {"party": "aws", "type": "certificate", "covers": ["plat", "compute"], "expires": "2027-10-01"}},
    {"soc2": {"party": "aws", "type": "certificate", "covers": ["plat"], "expires": "2026-10-01"}},
)
TEAMS: Mapping[str, Any] = {
    "payments": {},
    "platform": {"aliases": ["plat-team"]},
    "gone": {"status": "disbanded", "disbanded_on": "2026-06-30"},
}


@dataclass(frozen=True)
class Case:
    """One generated estate."""

    resources: tuple[Resource, ...]
    blind: tuple[tuple[str, str, str | None, Unknown], ...]
    """Scope, kind, region and reason of each blind spot."""
    without: frozenset[tuple[str, str]]
    """Scope and kind of what no table lists."""
    ownership: Mapping[str, Any] | None

    @cached_property
    def inventory(self) -> Inventory:
        """What a scan of it found."""
        from scanner.model.evidence import BlindSpot

        scopes = sorted({one.scope for one in self.resources})
        return Inventory(
            resources=tuple(sorted(self.resources, key=lambda one: (one.scope, one.kind, one.id))),
            blind_spots=tuple(
                BlindSpot(provider="aws", scope=scope, region=place, kind=kind, cause=cause)
                for scope, kind, place, unknown in self.blind
                for cause in unknown.causes
            ),
            targets=tuple(Target("aws", scope, "reader", True, True, None) for scope in scopes),
            collected=EVERYTHING,
            listed=tuple(
                Listing("aws", scope, None, kind, kind)
                for scope in scopes
                for kind in KINDS
                if (scope, kind) not in self.without
            ),
        )

    @cached_property
    def file(self) -> OwnershipFile | None:
        """Its ownership file."""
        return (
            None if self.ownership is None else load(yaml.dump(dict(self.ownership), Dumper=yaml.CSafeDumper))
        )


@dataclass(frozen=True)
class Outcome:
    """What every report says of a case."""

    assessment: Assessment
    report: Report

    @cached_property
    def findings(self) -> Mapping[str, Finding]:
        """The findings of evidence, by uid; of those with the same uid, the last."""
        return {one.uid: one for one in self.assessment.coverage.findings if one.subject == "evidence"}

    @cached_property
    def document(self) -> Any:
        """The JSON report."""
        out = io.StringIO()
        json_report.render(self.report, out)
        return json.loads(out.getvalue())

    @cached_property
    def matrix(self) -> OwnershipMatrix:
        """The ownership matrix."""
        return matrix(self.report.head)

    @cached_property
    def plan(self) -> Mapping[tuple[str, str], Any]:
        """OSCAL's statement of each control in each scope."""
        out = io.StringIO()
        oscal.render(self.matrix, CATALOGUE, out)
        plan = json.loads(out.getvalue())["system-security-plan"]
        scopes = {
            component["uuid"]: next(prop["value"] for prop in component["props"] if prop["name"] == "scope")
            for component in plan["system-implementation"]["components"]
            if component["type"] == "system"
        }
        return {
            (requirement["control-id"], scopes[part["component-uuid"]]): part
            for requirement in plan["control-implementation"]["implemented-requirements"]
            for part in requirement["by-components"]
            if part["component-uuid"] in scopes
        }


def outcome(case: Case) -> Outcome:
    """The case, assessed and reported."""
    request = replace(requested(), ownership=case.file)
    assessment = assess(case.inventory, request)
    collected = Collected(case.inventory, NOW, NOW, "0" * 32)
    return Outcome(assessment, build(collected, assessment, request))


def in_scope(scope: str, resource: Resource, **facets: Any) -> Resource:
    """The resource, in another scope and with other facets."""
    held = {name: getattr(resource, name) for name in resource.model_fields_set}
    return type(resource)(**{**held, "scope": scope, "id": f"{resource.id}/{scope}", **facets})


_TAGS = st.sampled_from(
    [
        {},
        {"owner": "payments"},
        {"owner": "nobody-known"},
        {"owner": "plat-team", "data-class": "pci"},
        DENIED,
    ]
)


@st.composite
def _resource(draw: st.DrawFn, scope: str, plain: Resource) -> Resource:
    """The resource with some facets changed or hidden."""
    facets: dict[str, Any] = {}
    for name in sorted(type(plain).facets() - {"tags"}):
        value = getattr(plain, name)
        choices = [value, value, value, DENIED]
        if isinstance(value, bool):
            choices.append(not value)
        facets[name] = draw(st.sampled_from(choices))
    return in_scope(scope, plain, tags=draw(_TAGS), **facets)


_INSIDE: tuple[Resource, ...] = (
    bucket("one"),
    bucket("two"),
    other(AuditTrail),
    other(Function),
    other(User),
    other(Database),
    other(Firewall),
    other(ContainerCluster),
)
_BLIND = ("bucket", "audit_trail", "user", "firewall", "function")


@st.composite
def ownership_files(draw: st.DrawFn) -> Mapping[str, Any]:
    """An ownership file of the lines above; some of its owners may be proposals."""

    def some(pool: tuple[Mapping[str, Any], ...], most: int = 2) -> list[Mapping[str, Any]]:
        places = draw(st.lists(st.sampled_from(range(len(pool))), max_size=most, unique=True))
        return [pool[place] for place in places]

    owners = [
        {**line, "proposed": "a guess"} if draw(st.integers(0, 4)) == 0 else line for line in some(OWNERS, 4)
    ]
    file: dict[str, Any] = {"version": 1, "teams": dict(TEAMS), "owners": owners, "reviewed": "2026-11-01"}
    for name, pool in (
        ("exceptions", EXCEPTIONS),
        ("not_applicable", DECLARATIONS),
        ("attestations", ATTESTATIONS),
    ):
        file[name] = some(pool)
    for contracts in some(CONTRACTS, 1):
        file["contracts"] = contracts
    return file


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """One or two accounts, a few resources, blind spots, and an ownership file or none."""
    resources: list[Resource] = []
    scopes = draw(st.sampled_from([(ACCOUNT,), (ACCOUNT, HUB)]))
    blind: list[tuple[str, str, str | None, Unknown]] = []
    without: set[tuple[str, str]] = set()
    for scope in scopes:
        resources.append(draw(_resource(scope, account())))
        resources.append(draw(_resource(scope, region())))
        inside = draw(st.lists(st.sampled_from(range(len(_INSIDE))), max_size=3, unique=True))
        resources += [draw(_resource(scope, _INSIDE[place])) for place in inside]
        if draw(st.integers(0, 2)) == 0:
            blind.append(
                (scope, draw(st.sampled_from(_BLIND)), None, draw(st.sampled_from([DENIED, THROTTLED])))
            )
        if draw(st.integers(0, 3)) == 0:
            kind = draw(st.sampled_from(_BLIND))
            without.add((scope, kind))
            resources = [one for one in resources if (one.scope, one.kind) not in without]
    file = draw(st.none() | ownership_files())
    return Case(tuple(resources), tuple(blind), frozenset(without), file)


def hideable(case: Case) -> list[tuple[int, str]]:
    """Every known facet of every resource but its tags, as a place and a name."""
    return [
        (place, name)
        for place, one in enumerate(case.resources)
        for name in sorted(one.collected() - {"tags"})
        if name not in HEADER and name not in one.unknowns()
    ]


def hidden(case: Case, place: int, name: str) -> Case:
    """The case in which one facet of a resource could not be read."""
    one = case.resources[place]
    held = {field: getattr(one, field) for field in one.model_fields_set}
    resources = list(case.resources)
    resources[place] = type(one)(**{**held, name: DENIED})
    return replace(case, resources=tuple(resources))


def unlisted(case: Case, scope: str, kind: str) -> Case:
    """The case in which a kind could not be listed in a scope."""
    return replace(
        case,
        resources=tuple(one for one in case.resources if (one.scope, one.kind) != (scope, kind)),
        blind=(*case.blind, (scope, kind, None, DENIED)),
    )


def without_table(case: Case, scope: str, kind: str) -> Case:
    """The case in which no table lists a kind in a scope."""
    return replace(
        case,
        resources=tuple(one for one in case.resources if (one.scope, one.kind) != (scope, kind)),
        blind=tuple(one for one in case.blind if one[:2] != (scope, kind)),
        without=case.without | {(scope, kind)},
    )
