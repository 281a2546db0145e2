"""OSCAL: valid for the reference implementation, and never better than the evidence."""

from __future__ import annotations

import base64
import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trestle.oscal import OSCAL_VERSION
from trestle.oscal.catalog import Catalog
from trestle.oscal.ssp import SystemSecurityPlan

from scanner.assess.coverage_rows import CoverageRow
from scanner.exchange import oscal
from scanner.exchange.matrix import IncompleteReport, matrix
from scanner.report.model import Head
from tests.exchange.heads import ACCOUNT, ENCRYPTION, OTHER, TEAMS, assessed_rows, catalogue, head, row
from tests.report.test_report import report

PHYSICAL = "plat.physical-security"

INHERITED = row(
    control=PHYSICAL,
    owner=None,
    party="provider",
    ownership="nobody",
    evidence="unassessed",
    state="inherited",
    counts={"pass": 0},
)


def written(found: Head) -> str:
    out = io.StringIO()
    oscal.render(matrix(found), catalogue(), out)
    return out.getvalue()


def plan(found: Head) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(written(found))["system-security-plan"]
    return made


def by_scope(made: dict[str, Any], control: str, scope: str = ACCOUNT) -> dict[str, Any]:
    """The entry of a control for a scope."""
    names = {one["uuid"]: one for one in made["system-implementation"]["components"]}
    (found,) = (
        entry
        for requirement in made["control-implementation"]["implemented-requirements"]
        if requirement["control-id"] == control
        for entry in requirement["by-components"]
        if {"name": "scope", "value": scope}
        in [{k: p[k] for k in ("name", "value")} for p in names[entry["component-uuid"]].get("props", [])]
    )
    entry: dict[str, Any] = found
    return entry


def walk(value: Any) -> Iterator[tuple[str, Any]]:
    """Every key with its value, at any depth."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key, inner
            yield from walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from walk(inner)


def parse(made: dict[str, Any]) -> SystemSecurityPlan:
    """The plan, parsed by the reference implementation."""
    return SystemSecurityPlan.parse_obj(made)


@pytest.fixture
def scanned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Head:
    """A whole report with an ownership file."""
    monkeypatch.chdir(tmp_path)
    Path("ownership.yaml").write_text(
        """
version: 1
teams: {payments: {}, vendor: {}}
owners:
- {controls: [data, iam], accountable: payments}
- {controls: ["plat.*"], claim: provider, contract: soc2, accountable: vendor}
contracts:
  soc2: {party: aws, type: certificate, covers: [plat], expires: 2027-05-31}
""",
        encoding="utf-8",
    )
    return report(ownership=Path("ownership.yaml")).head


def test_a_whole_report_is_valid(scanned: Head) -> None:
    made = plan(scanned)
    assert OSCAL_VERSION.startswith("1.1.")
    assert made["metadata"]["oscal-version"].startswith("1.1.")
    found = parse(made)
    controls = {one.control_id for one in found.control_implementation.implemented_requirements}
    assert controls == {one.control for one in scanned.coverage}


def test_every_reference_resolves_and_every_uuid_is_unique(scanned: Head) -> None:
    made = plan(scanned)
    defined = [value for key, value in walk(made) if key == "uuid"]
    assert [uuid for uuid, times in Counter(defined).items() if times > 1] == []
    for key, value in walk(made):
        if key in ("component-uuid", "provided-uuid", "responsibility-uuid"):
            assert value in defined, key
        if key == "party-uuids":
            assert set(value) <= set(defined)
        if key == "href" and value.startswith("#"):
            assert value[1:] in defined


def test_the_catalog_within_is_valid_and_has_every_control(scanned: Head) -> None:
    made = plan(scanned)
    (resource,) = (
        one for one in made["back-matter"]["resources"] if f"#{one['uuid']}" == made["import-profile"]["href"]
    )
    inner = json.loads(base64.b64decode(resource["base64"]["value"]))
    assert Catalog.parse_obj(inner["catalog"])
    ids = {value for key, value in walk(inner) if key == "id" and "_" not in value and "." in value}
    assert ids == {one.control for one in scanned.coverage}


def test_related_nist_controls_have_their_oscal_form() -> None:
    made = plan(head([row()]))
    (requirement,) = made["control-implementation"]["implemented-requirements"]
    links = {link["text"]: link["resource-fragment"] for link in requirement["links"]}
    assert links == {"SC-28": "sc-28", "SC-28(1)": "sc-28.1"}
    assert [p["value"] for p in requirement["props"] if p["name"] == "nist-800-53r5"] == ["sc-28", "sc-28.1"]
    every = plan(head([row(control=id) for id in catalogue().controls]))
    forms = [value for key, value in walk(every) if key == "resource-fragment"]
    assert len(forms) > 70
    assert all(re.fullmatch(r"[a-z]{2}-\d+(\.\d+)?", form) for form in forms)


def test_an_owned_control_that_passes_satisfies_the_responsibility() -> None:
    made = plan(head([row()]))
    (satisfied,) = by_scope(made, ENCRYPTION)["satisfied"]
    (owed,) = (
        one
        for key, value in walk(made)
        if key == "responsibilities"
        for one in value
        if one["uuid"] == satisfied["responsibility-uuid"]
    )
    assert owed["description"] == catalogue().controls[ENCRYPTION].obligations["customer"]
    parties = {one["uuid"]: one["name"] for one in made["metadata"]["parties"]}
    assert [parties[uuid] for uuid in satisfied["responsible-roles"][0]["party-uuids"]] == ["payments"]


def test_one_part_that_fails_leaves_nothing_satisfied() -> None:
    failing = row(owner="platform", state="failing", evidence="fail")
    made = plan(head([row(), failing, row(scope=OTHER)]))
    assert "satisfied" not in by_scope(made, ENCRYPTION)
    assert by_scope(made, ENCRYPTION)["implementation-status"] == {"state": "partial"}
    assert "satisfied" in by_scope(made, ENCRYPTION, OTHER), "another scope is not touched by it"


def test_the_providers_part_is_inherited_from_what_it_provides() -> None:
    made = plan(head([INHERITED]))
    (inherited,) = by_scope(made, PHYSICAL)["inherited"]
    provided = [one for key, value in walk(made) if key == "provided" for one in value]
    assert [one["uuid"] for one in provided] == [inherited["provided-uuid"]]
    assert "satisfied" not in by_scope(made, PHYSICAL)


def test_without_a_certificate_nothing_is_inherited() -> None:
    assumed = INHERITED.model_copy(update={"state": "assumed"})
    entry = by_scope(plan(head([assumed])), PHYSICAL)
    assert "inherited" not in entry
    assert "implementation-status" not in entry


@settings(deadline=None, max_examples=300)
@given(st.lists(assessed_rows(), min_size=1, max_size=4))
def test_satisfied_needs_an_owner_and_evidence_for_all_that_is_owed(rows: list[CoverageRow]) -> None:
    made = plan(head(rows))
    parse(made)
    for scope in {one.scope for one in rows}:
        entry = by_scope(made, ENCRYPTION, scope)
        here = [one for one in rows if one.scope == scope]
        if "satisfied" in entry:
            assert any(one.state == "covered" for one in here)
            for one in here:
                assert one.state in ("covered", "not_applicable", "inherited")
                if one.state == "covered":
                    assert (one.ownership, one.evidence) == ("owned", "pass")
        else:
            assert {one.state for one in here} != {"covered"}
        if "inherited" in entry:
            assert any(one.party == "provider" and one.state == "inherited" for one in here)
        if entry.get("implementation-status") == {"state": "implemented"}:
            assert {one.state for one in here} <= {"covered", "inherited", "not_applicable"}
        if entry.get("implementation-status") == {"state": "not-applicable"}:
            assert {one.state for one in here} == {"not_applicable"}


def test_identifiers_stay_from_scan_to_scan() -> None:
    one, other = head([row()]), head([row(state="failing", evidence="fail")])
    later = other.model_copy(update={"scan": other.scan.model_copy(update={"id": "f" * 32})})
    before, after = plan(one), plan(later)
    assert by_scope(before, ENCRYPTION)["uuid"] == by_scope(after, ENCRYPTION)["uuid"]
    assert before["uuid"] != after["uuid"], "another scan is another document"
    assert written(one) == written(one)


def test_times_are_the_reports() -> None:
    found = head([row()])
    assert plan(found)["metadata"]["last-modified"] == found.scan.finished.isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize("option", ["--region eu-west-1", "--team payments", "--where kind=bucket"])
def test_a_report_that_left_resources_out_is_refused(option: str) -> None:
    with pytest.raises(IncompleteReport, match=f"{option}.*satisfied"):
        written(head([row()], narrowed=[option]))


def test_a_report_of_some_controls_is_enough() -> None:
    assert parse(plan(head([row()], narrowed=["--control data"])))


def test_a_control_that_is_not_in_the_catalogue_is_refused() -> None:
    with pytest.raises(
        IncompleteReport, match=r"data\.encrypted-at-rest.*did you mean data\.encryption-at-rest"
    ):
        written(head([row(control="data.encrypted-at-rest")]))


def test_names_are_adapted_to_oscal() -> None:
    rows = [row(scope=f"{n:012}", owner=name) for n, name in enumerate((*TEAMS, " \n ", "\u202eevil"))]
    made = plan(head(rows, names={f"{0:012}": "two\nlines"}))
    parse(made)
    assert all("\n" not in party["name"] for party in made["metadata"]["parties"])
