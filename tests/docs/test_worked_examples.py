"""The worked examples of the documentation come out as they say."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from scanner.assess.assessment import assess
from scanner.assess.reduce import Assessment
from scanner.model.evidence import Unknown
from scanner.model.inventory import Inventory, Target
from scanner.model.resources.base import Resource
from scanner.model.resources.kinds import KINDS
from tests.estate import ACCOUNT, EVERYTHING, account, bucket, other, region, requested

PAGE = Path(__file__).parents[2] / "docs" / "worked-examples.md"
TENANT = "11111111-2222-3333-4444-555555555555"
TYPES = {
    "virtual_machine": "aws.ec2.instance",
    "database": "aws.rds.instance",
    "audit_trail": "aws.cloudtrail.trail",
    "user": "aws.iam.user",
}
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


@dataclass(frozen=True)
class Example:
    title: str
    estate: tuple[Resource, ...]
    ownership: str | None
    rows: tuple[dict[str, str], ...]
    defects: tuple[tuple[str, str, str], ...]


def resource(entry: dict[str, Any]) -> Resource:
    """A resource in order, but for what is written."""
    facets = {name: value for name, value in entry.items() if name not in ("kind", "scope", "name", "type")}
    for name, value in facets.items():
        if isinstance(value, list):
            facets[name] = tuple(value)
        elif isinstance(value, dict) and "unknown" in value:
            facets[name] = Unknown.because(value["unknown"], "example:Call", None, "")
    kind = KINDS[entry["kind"]]
    builder = {"account": account, "region": region}.get(entry["kind"])
    if builder is not None:
        made: Resource = builder(**facets)
    elif entry["kind"] == "bucket":
        made = bucket(entry["name"], **facets)
    else:
        made = other(kind, **facets)
    header: dict[str, Any] = {name: entry[name] for name in ("scope", "name", "type") if name in entry}
    header |= {"type": TYPES[entry["kind"]]} if entry["kind"] in TYPES and "type" not in entry else {}
    if entry["kind"] == "tenant":
        header = {"provider": "azure", "partition": "azure", "scope": TENANT, "region": None, **header}
        header["type"] = "azure.entra.tenant"
    held = {name: getattr(made, name) for name in made.model_fields_set}
    names = {"id": f"{made.id}/{entry.get('scope', ACCOUNT)}/{entry.get('name', '')}"}
    return type(made)(**{**held, **names, **header})


def table(text: str) -> tuple[dict[str, str], ...]:
    head, *lines = (re.split(r"\s{2,}", line.strip()) for line in text.strip().splitlines())
    return tuple(dict(zip(head, cells, strict=False)) for cells in lines)


def examples() -> list[Example]:
    found = []
    for section in PAGE.read_text(encoding="utf-8").split("\n## ")[1:]:
        blocks = BLOCK.findall(section)
        (estate,) = (text for kind, text in blocks if kind == "yaml" and text.startswith("# estate"))
        files = [text for kind, text in blocks if kind == "yaml" and text.startswith("version:")]
        (rows,) = (text for kind, text in blocks if kind == "text")
        defects = [line for kind, text in blocks if kind == "defects" for line in text.strip().splitlines()]
        found.append(
            Example(
                title=section.splitlines()[0],
                estate=tuple(map(resource, yaml.safe_load(estate))),
                ownership=files[0] if files else None,
                rows=table(rows),
                defects=tuple(tuple(re.split(r"\s{2,}", line.strip())) for line in defects),  # type: ignore[misc]
            )
        )
    return found


def run(example: Example, folder: Path) -> Assessment:
    ownership = None
    if example.ownership is not None:
        ownership = folder / "ownership.yaml"
        ownership.write_text(example.ownership, encoding="utf-8")
    scopes = {(one.provider, one.scope) for one in example.estate}
    inventory = Inventory(
        resources=example.estate,
        blind_spots=(),
        targets=tuple(
            Target(provider, scope, "reader", True, True, None) for provider, scope in sorted(scopes)
        ),
        collected=EVERYTHING,
    )
    return assess(inventory, requested(ownership))


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.title)
def test_the_rows_are_those_of_the_page(example: Example, tmp_path: Path) -> None:
    assessment = run(example, tmp_path)
    assert example.rows
    place = "resource" if "resource" in example.rows[0] else "scope"
    text = _findings(assessment) if place == "resource" else _rows(assessment)
    for at in {(row["control"], row[place]) for row in example.rows}:
        wanted = {
            (row["owner"], row["evidence"], row["state"])
            for row in example.rows
            if (row["control"], row[place]) == at
        }
        assert text[at] == wanted, at


Told = dict[tuple[str, str], set[tuple[str, str, str]]]


def _findings(assessment: Assessment) -> Told:
    text: Told = defaultdict(set)
    for one in assessment.coverage.findings:
        if one.resource is not None:
            text[one.control, one.resource.name].add((one.owner or "-", str(one.evidence), str(one.state)))
    return text


def _rows(assessment: Assessment) -> Told:
    text: Told = defaultdict(set)
    for row in assessment.coverage.rows:
        text[row.control, row.scope].add((row.owner or "-", row.evidence, row.state))
    return text


@pytest.mark.parametrize(
    "example", [one for one in examples() if one.defects], ids=lambda example: example.title
)
def test_what_is_wrong_with_the_file_is_told(example: Example, tmp_path: Path) -> None:
    findings = run(example, tmp_path).coverage.findings
    text = {(one.flags[0], one.control, one.message) for one in findings if one.subject == "ownership"}
    assert set(example.defects) <= text


def test_no_example_is_covered_without_a_named_owner(tmp_path: Path) -> None:
    for example in examples():
        for row in run(example, tmp_path).coverage.rows:
            assert row.state != "covered" or (row.ownership == "owned" and row.evidence == "pass")
