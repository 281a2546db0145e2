"""Errors in a catalogue are reported with file, line and a suggestion."""

from __future__ import annotations

from pathlib import Path

import pytest

from scanner.base.yaml import DocumentError, Problem
from scanner.catalogue.responsibility import load_catalogue
from tests.catalogue.conftest import Edit


def problems(folder: Path) -> tuple[Problem, ...]:
    with pytest.raises(DocumentError) as caught:
        load_catalogue(folder)
    return caught.value.problems


def line_of(path: Path, text: str) -> int:
    lines = path.read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (
            "controls/log.yaml",
            "layer: operations",
            "layer: operation",
            "log.audit-trail-enabled: unknown layer 'operation'; did you mean operations?",
        ),
        (
            "controls/log.yaml",
            "[account, region, audit_trail]",
            "[account, region, audit_trial]",
            "log.audit-trail-enabled: unknown kind 'audit_trial'; did you mean audit_trail?",
        ),
        (
            "controls/ir.yaml",
            "id: ir.finding-triage",
            "id: iam.finding-triage",
            "iam.finding-triage: control ids in this file must start with 'ir.'",
        ),
        (
            "controls/ir.yaml",
            "severity: medium",
            "severity: middling",
            "controls.0.severity: 'middling' is not one of low, medium, high, critical",
        ),
        (
            "controls/ir.yaml",
            "evidence: attestation",
            "evidences: attestation",
            "controls.0.evidences: unknown key; did you mean evidence?",
        ),
        (
            "controls/net.yaml",
            'cis_controls_8_1: ["13.6"]',
            "cis_controls_8_1: [13.60]",
            'expected text: write it in quotes: "13.60"',
        ),
        (
            "controls/net.yaml",
            "responsibility: {faas: none, saas: none}",
            "responsibility: {fass: none, saas: none}",
            "did you mean faas?",
        ),
        (
            "controls/compute.yaml",
            "      provider: Run and patch the managed control plane.\n",
            "",
            "compute.cluster-config: obligations.provider is missing",
        ),
        ("responsibility.yaml", "  saas: Software as a service\n", "", "service_models: saas is missing"),
        (
            "responsibility.yaml",
            "    default:\n      {on_prem: customer, ",
            "    default:\n      {",
            "layers.physical.default: on_prem is missing",
        ),
        ("responsibility.yaml", "layers:", "layer:", "layer: unknown key; did you mean layers?"),
    ],
)
def test_errors_name_their_location(
    folder: Path, edit: Edit, file: str, old: str, new: str, message: str
) -> None:
    edit(file, old, new)
    found = [problem for problem in problems(folder) if message in problem.message]
    assert [problem.file for problem in found] == [str(folder / file)]
    if new:
        assert found[0].line == line_of(folder / file, new.splitlines()[0])


def test_an_id_is_unique_across_files(folder: Path) -> None:
    path = folder / "controls" / "ir.yaml"
    control = path.read_text().split("\n\n")[1]
    path.write_text(f"{path.read_text()}\n{control}\n")
    (problem,) = problems(folder)
    first = line_of(path, "id: ir.provider-notices-watched")
    assert problem.message == f"ir.provider-notices-watched: already used in {path}:{first}"
    assert problem.line > first


def test_an_alias_cannot_be_the_id_of_another_control(folder: Path, edit: Edit) -> None:
    edit("controls/res.yaml", "    evidence: auto\n", "    evidence: auto\n    aliases: [log.reviewed]\n")
    (problem,) = problems(folder)
    assert problem.message.startswith("log.reviewed: already used in ")
    assert "log.yaml:" in problem.message
    assert problem.line == line_of(folder / "controls" / "res.yaml", "aliases")


def test_a_file_is_named_after_its_domain(folder: Path) -> None:
    (folder / "controls" / "net.yaml").rename(folder / "controls" / "nets.yaml")
    (problem,) = problems(folder)
    assert problem.message == "the file name 'nets' is not a domain; did you mean net?"


def test_an_unreachable_line_of_the_type_table_is_reported(folder: Path, edit: Edit) -> None:
    edit("responsibility.yaml", "  # Containers\n", "  - {match: gcp.compute.vpn, model: paas}\n")
    (problem,) = problems(folder)
    earlier = line_of(folder / "responsibility.yaml", '"gcp.compute.*"')
    assert problem.line == earlier + 1
    assert problem.message == (
        f"types: gcp.compute.vpn is never reached: line {earlier} (gcp.compute.*) matches first"
    )


def test_all_errors_of_all_files_are_reported_together(folder: Path, edit: Edit) -> None:
    edit("controls/app.yaml", "layer: application", "layer: applications")
    edit("controls/ext.yaml", "severity: medium", "severity: medum")
    edit("responsibility.yaml", "  iaas: Virtual machines, disks and networks\n", "")
    assert {Path(problem.file).name for problem in problems(folder)} == {
        "app.yaml",
        "ext.yaml",
        "responsibility.yaml",
    }


def test_a_folder_without_a_catalogue(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path)
    assert (problem.file, problem.message) == (str(tmp_path / "responsibility.yaml"), "no such file")


def test_a_folder_without_controls(folder: Path) -> None:
    for path in (folder / "controls").iterdir():
        path.unlink()
    (problem,) = problems(folder)
    assert problem.message == "contains no controls (*.yaml)"
