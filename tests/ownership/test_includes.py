"""Ownership files with includes."""

from __future__ import annotations

from pathlib import Path

import pytest

from scanner.base.yaml import MAX_BYTES, DocumentError
from scanner.ownership.file.file import OwnershipFile
from scanner.ownership.file.load import load_ownership
from scanner.ownership.resolve.resolver import Resolver
from tests.ownership.build import NOW, catalogue, target

ROOT = """\
version: 1
include: [teams/*.yaml, owners.d/**/*.yaml]
settings: {review_every: 90d}
reviewed: 2026-11-01
"""
TEAMS = "teams:\n  platform: {}\n  payments: {aliases: [pay]}\n"
PAY = """\
owners:
- {id: pay, controls: [data], where: prod, accountable: payments}
scopes:
  prod: {provider: aws, account: "111122223333"}
reviewed: 2025-01-01
"""
LOGS = "owners:\n- {id: logs, controls: [log], accountable: platform}\n"


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder / "ownership.yaml"


def whole(**changes: str) -> dict[str, str]:
    files = {"ownership": ROOT, "teams/all": TEAMS, "owners.d/pay": PAY, "owners.d/more/logs": LOGS}
    return {f"{name}.yaml": text for name, text in {**files, **changes}.items()}


def load(folder: Path, **changes: str) -> OwnershipFile:
    return load_ownership(write(folder, whole(**changes)), catalogue())


def mistakes(folder: Path, **changes: str) -> list[str]:
    with pytest.raises(DocumentError) as caught:
        load(folder, **changes)
    return [str(problem).replace(f"{folder}/", "") for problem in caught.value.problems]


def test_all_parts_are_one_file(tmp_path: Path) -> None:
    file = load(tmp_path)
    assert [(line.id, line.file, line.number) for line in file.owners] == [
        ("logs", "owners.d/more/logs.yaml", 2),
        ("pay", "owners.d/pay.yaml", 2),
    ]
    answers = Resolver(file, catalogue(), NOW)
    found = answers.resolve("data.encryption-at-rest", target())
    assert (found.owner, found.source) == ("payments", "owners.d/pay.yaml:2 (domain data, scope prod)")
    assert answers.resolve("log.reviewed", target()).owner == "platform"


def test_a_review_date_is_that_of_its_own_file_else_of_the_root(tmp_path: Path) -> None:
    answers = Resolver(load(tmp_path), catalogue(), NOW)
    assert "stale" in answers.resolve("data.encryption-at-rest", target()).flags
    assert "stale" not in answers.resolve("log.reviewed", target()).flags
    (stale,) = (defect for defect in answers.defects() if defect.code == "stale")
    assert (stale.file, stale.line) == ("owners.d/pay.yaml", 5)


def test_the_digest_changes_with_every_part(tmp_path: Path) -> None:
    before = load(tmp_path / "a").digest
    assert load(tmp_path / "b").digest == before
    assert load(tmp_path / "c", **{"owners.d/pay": PAY + "# more\n"}).digest != before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"owners.d/pay": PAY.replace("accountable: payments", "acountable: payments")},
            "owners.d/pay.yaml:2: owners.0.acountable: unknown key; did you mean accountable?",
        ),
        (
            {"owners.d/pay": PAY.replace("where: prod", "where: prd")},
            "owners.d/pay.yaml:2: owners.0.where: no entry 'prd' in scopes; did you mean prod?",
        ),
        (
            {"owners.d/two": "teams: {payments: {}}\n"},
            "owners.d/two.yaml:1: teams.payments: team payments is already defined in teams/all.yaml",
        ),
        (
            {"owners.d/two": "owners:\n- {id: pay, controls: [iam], accountable: platform}\n"},
            "owners.d/two.yaml:2: owners.0.id: 'pay' is already used",
        ),
        (
            {"owners.d/two": "settings: {review_every: 1d}\n"},
            "owners.d/two.yaml:1: settings: unknown key",
        ),
        (
            {"owners.d/two": "include: [../teams/*.yaml]\n"},
            "owners.d/two.yaml:1: include.0: expected files below this one, such as owners.d/*.yaml, "
            "not ../teams/*.yaml",
        ),
        (
            {"owners.d/two": "include: [more/three.yaml]\n", "owners.d/more/three": "include: ['*/../x']\n"},
            "owners.d/more/three.yaml:1: include.0: expected files below this one, such as "
            "owners.d/*.yaml, not */../x",
        ),
        (
            {"ownership": ROOT.replace("teams/", "team/")},
            "ownership.yaml:2: include: team/*.yaml matches no file",
        ),
        ({"owners.d/two": ""}, "owners.d/two.yaml:1: is empty"),
        (
            {"owners.d/two": "a: [\n"},
            "owners.d/two.yaml:2: not valid YAML: did not find expected node content",
        ),
    ],
)
def test_a_mistake_is_reported_in_its_own_file(changes: dict[str, str], message: str, tmp_path: Path) -> None:
    assert message in mistakes(tmp_path, **changes)


ATTESTED = "- {controls: [log.reviewed], by: platform, made: 2026-01-01, expires: 2027-01-01}\n"


@pytest.mark.parametrize(
    ("changes", "file", "line"),
    [
        ({"ownership": ROOT + "statements:\n" + ATTESTED}, "ownership.yaml", 5),
        ({"owners.d/pay": PAY + "statements:\n" + ATTESTED}, "owners.d/pay.yaml", 6),
        ({"owners.d/two": "statements: []\nattestations:\n" + ATTESTED}, "owners.d/two.yaml", 1),
    ],
)
def test_the_old_key_of_attestations_is_refused_once(
    changes: dict[str, str], file: str, line: int, tmp_path: Path
) -> None:
    message = f"{file}:{line}: statements: is called attestations now: rename the key"
    assert mistakes(tmp_path, **changes) == [message]


def test_attestations_of_all_files_count(tmp_path: Path) -> None:
    other = ATTESTED.replace("log.reviewed", "ir.plan-covers-cloud")
    file = load(
        tmp_path, ownership=ROOT + "attestations:\n" + ATTESTED, **{"owners.d/two": "attestations:\n" + other}
    )
    assert [(line.file, line.number) for line in file.attestations] == [
        ("ownership.yaml", 6),
        ("owners.d/two.yaml", 2),
    ]


def test_files_that_include_each_other(tmp_path: Path) -> None:
    files = {"owners.d/one": "include: [two.yaml]\n", "owners.d/two": "include: ['o*.yaml', pay.yaml]\n"}
    assert (
        "owners.d/two.yaml:1: include: circular: owners.d/one.yaml → owners.d/two.yaml → owners.d/one.yaml"
    ) in mistakes(tmp_path, **files)


def test_a_file_matched_by_two_patterns_counts_once(tmp_path: Path) -> None:
    file = load(tmp_path, ownership=ROOT.replace("[teams", "[owners.d/pay.yaml, teams"))
    assert sorted(line.id for line in file.owners) == ["logs", "pay"]


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere.yaml").write_text(LOGS, encoding="utf-8")
    path = write(tmp_path / "in", whole())
    (tmp_path / "in/owners.d/link.yaml").symlink_to(tmp_path / "elsewhere.yaml")
    with pytest.raises(DocumentError, match="matches a file outside the ownership file's folder"):
        load_ownership(path, catalogue())


def test_a_huge_file_is_refused_at_once(tmp_path: Path) -> None:
    path = write(tmp_path, whole())
    with path.open("a", encoding="utf-8") as out:
        out.write("# " + "x" * MAX_BYTES * 5)
    with pytest.raises(
        DocumentError, match=r"ownership\.yaml:1: is 50 MB; the limit is 10 MB: split the file"
    ):
        load_ownership(path, catalogue())


CATALOG = """\
kind: Component
metadata:
  name: pay
  annotations: {gapscan/resource: "arn:aws:s3:::pay-receipts, pay-db"}
spec: {owner: group:default/pay}
---
kind: System
metadata: {name: shop}
"""
INFERRED = ROOT.replace(
    "{review_every: 90d}", "{inferred: [{from: backstage, files: ['catalog/**/catalog-info.yaml']}]}"
)


def test_a_catalog_names_owners_of_resources(tmp_path: Path) -> None:
    file = load(tmp_path, **{"ownership": INFERRED, "catalog/pay/catalog-info": CATALOG})
    assert file.catalog == {
        "arn:aws:s3:::pay-receipts": ("pay", "catalog/pay/catalog-info.yaml:4"),
        "pay-db": ("pay", "catalog/pay/catalog-info.yaml:4"),
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            CATALOG.replace("spec: {owner: group:default/pay}", "spec: {}"),
            "catalog/b/catalog-info.yaml:4: an entity with resources (gapscan/resource) needs a spec.owner",
        ),
        (
            CATALOG.replace("default/pay", "default/platform"),
            "catalog/b/catalog-info.yaml:4: arn:aws:s3:::pay-receipts: owned by platform here, but by pay in "
            "catalog/a/catalog-info.yaml:4",
        ),
        ("a: {", "catalog/b/catalog-info.yaml:2: not valid YAML"),
    ],
)
def test_a_mistake_in_a_catalog(text: str, message: str, tmp_path: Path) -> None:
    changes = {"ownership": INFERRED, "catalog/a/catalog-info": CATALOG, "catalog/b/catalog-info": text}
    assert any(one.startswith(message) for one in mistakes(tmp_path, **changes))
