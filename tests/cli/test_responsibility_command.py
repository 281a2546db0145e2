"""``gapscan responsibility``."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.command_line import gapscan


def lines(*arguments: str) -> list[str]:
    done = gapscan("responsibility", *arguments)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout.splitlines()


def record(*arguments: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads("\n".join(lines(*arguments, "--format", "json")))
    return document


def test_the_overview_shows_layers_models_and_boundary_shifts() -> None:
    output = lines()
    (patching,) = (line for line in output if line.startswith("os "))
    assert patching.split()[1:7] == ["you", "you", "both", "provider", "provider", "provider"]
    (shift,) = (number for number, line in enumerate(output) if "function-runtime-kept-up" in line)
    assert "runtime → provider" in output[shift]
    assert any("https://docs.aws.amazon.com/lambda/" in line for line in output[shift:])


@pytest.mark.parametrize(
    "arguments",
    [(), ("--service-model", "paas"), ("--compare", "azure"), ("--compare", "google")],
    ids=" ".join,
)
def test_lines_without_a_url_fit_the_width(arguments: tuple[str, ...]) -> None:
    assert [line for line in lines(*arguments) if len(line) > 100 and "https://" not in line] == []


def test_one_service_model_shows_the_parts_of_both_parties() -> None:
    output = lines("--service-model", "iaas")
    assert output[0] == "iaas: Virtual machines, disks and networks"
    alone, shared, theirs = (output.index(head) for head in ("YOURS ALONE", "BOTH PARTIES", "THE PROVIDER'S"))
    place = next(number for number, line in enumerate(output) if line.startswith("  compute.os-patching "))
    assert alone < place < shared < theirs
    assert "Install security updates on the guests" in output[place + 1]
    physical = next(
        number for number, line in enumerate(output) if line.startswith("  plat.physical-security ")
    )
    assert physical > theirs
    assert output[physical + 1].split()[0] == "provider"


def test_each_control_is_listed_once_under_a_model() -> None:
    controls = record("--service-model", "faas")["controls"]
    assert len({control["id"] for control in controls}) == len(controls) == 70
    parties = {control["id"]: control["party"] for control in controls}
    assert parties["compute.os-patching"] == "provider"
    assert parties["compute.cluster-config"] == "none"
    assert parties["data.no-public-exposure"] == "customer"


def test_a_published_matrix_is_shown_with_source_date_and_reasons() -> None:
    output = lines("--compare", "google")
    assert output[0] == "Google Cloud: Shared responsibilities and shared fate on Google Cloud (2023-08-21)"
    assert output[1].startswith("https://cloud.google.com/")
    (identity,) = (line for line in output if line.startswith("Identity  "))
    assert identity.split("  ")[-1].strip() == "provider (ours: you)"
    assert any(line.startswith("  Identity, paas, saas") for line in output)
    assert "14 of 48 cells differ from ours." in output


def test_the_comparison_as_data() -> None:
    comparison = record("--compare", "azure", "--service-model", "saas")["comparison"]
    differing = {
        cell["row"]: (cell["published"], cell["ours"]) for cell in comparison["cells"] if cell["differs"]
    }
    assert differing == {"Client devices": ("both", "customer"), "Applications": ("both", "provider")}
    assert {cell["service_model"] for cell in comparison["cells"]} == {"saas"}
    assert all(cell["why"] for cell in comparison["cells"] if cell["differs"])


def test_the_overview_as_data_names_every_shift_with_its_source() -> None:
    document = record()
    assert document["schema"] == "gapscan.responsibility/v1"
    assert len(document["layers"]) == 11
    assert all(shift["reason"] and shift["sources"] for shift in document["shifts"])
    assert "controls" not in document
    assert "comparison" not in document


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--compare", "azur"], "expected one of azure, google; did you mean azure?"),
        (["--compare", "gcp"], "did you mean google?"),
        (["--compare", "aws"], "AWS publishes no matrix of service models"),
        (
            ["--compare", "azure", "--service-model", "faas"],
            "has no column faas, only on_prem, iaas, paas, saas",
        ),
        (["--service-model", "xaas"], "xaas"),
        (["--format", "yaml"], "--format yaml: expected text or json"),
    ],
)
def test_bad_options_exit_with_2(arguments: list[str], message: str) -> None:
    done = gapscan("responsibility", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
