"""A provider's CAIQ: its claims are compared with the model, and move no responsibility alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from scanner.catalogue.control import ServiceModel
from scanner.exchange.caiq import draft_of
from scanner.exchange.draft import Draft, render
from scanner.exchange.sheet import TableError
from scanner.exchange.table import read_tables
from scanner.model.resources.base import ProviderName
from tests.exchange.heads import catalogue
from tests.exchange.workbooks import CAIQ_HEADER, caiq, workbook
from tests.ownership.build import load

DISPOSAL, ENCRYPTION, PATCHING = "data.media-disposal", "data.encryption-at-rest", "compute.os-patching"
"""The provider's, both parties', and by service model. Their CCM ids are DSP-02, CEK-03 and TVM-03."""

OWNED = "CSP-owned"


def draft(
    path: Path,
    *rows: tuple[str, str] | tuple[str, str, str],
    provider: ProviderName | None = "aws",
    model: ServiceModel | None = None,
) -> Draft:
    book = caiq(path / "caiq.xlsx", *rows)
    return draft_of(read_tables(book), catalogue(), Path("caiq.xlsx"), provider, model)


def claims(made: Draft) -> list[str]:
    """The controls of the lines that are in force, once the file is loaded."""
    file = load(render(made))
    assert all(line.text.claim == "provider" for line in file.owners)
    return [control for line in file.owners for control in line.text.controls]


def test_a_control_that_both_call_the_providers_is_claimed(tmp_path: Path) -> None:
    made = draft(tmp_path, ("DSP-02.1", OWNED), ("DSP-02.2", "CSP-Owned "))
    assert claims(made) == [DISPOSAL]
    assert made.warnings == ()
    assert "- {controls: [data.media-disposal], where: {provider: aws}, claim: provider}" in render(made)


def test_a_control_of_the_customer_is_reported_and_not_claimed(tmp_path: Path) -> None:
    made = draft(tmp_path, ("CEK-03.1", OWNED))
    assert claims(made) == []
    messages = [problem.message for problem in made.warnings]
    assert any(
        message.startswith(f"{ENCRYPTION} is the customer's: such a claim would be misattributed")
        for message in messages
    )
    assert f"# - {{controls: [{ENCRYPTION}], where: {{provider: aws}}, claim: provider}}" in render(made)


def test_the_service_model_decides_where_it_matters(tmp_path: Path) -> None:
    unsaid = draft(tmp_path, ("TVM-03.1", OWNED))
    assert PATCHING not in claims(unsaid)
    assert any("say which with --service-model" in problem.message for problem in unsaid.warnings)
    assert PATCHING in claims(draft(tmp_path, ("TVM-03.1", OWNED), model="paas"))
    on_machines = draft(tmp_path, ("TVM-03.1", OWNED), model="iaas")
    assert claims(on_machines) == []
    assert any("misattributed" in problem.message for problem in on_machines.warnings)


@pytest.mark.parametrize(
    "ownership",
    ["CSC-owned", "3rd-party outsourced", "Shared CSP and CSC", "Shared CSP and third-party", "NA", "N/A"],
)
def test_only_csp_owned_is_a_claim(ownership: str, tmp_path: Path) -> None:
    made = draft(tmp_path, ("DSP-02.1", ownership))
    assert claims(made) == []
    assert made.left_out == ()
    mixed = draft(tmp_path, ("DSP-02.1", OWNED), ("DSP-02.2", ownership))
    assert claims(mixed) == []


def test_a_control_that_the_provider_assigns_against_the_model_is_reported(tmp_path: Path) -> None:
    made = draft(tmp_path, ("DSP-02.1", "CSC-owned"))
    (problem,) = made.warnings
    assert f"{DISPOSAL} is the provider's in our model; the CAIQ says DSP-02 CSC-owned" in problem.message


@pytest.mark.parametrize("answer", ["No", "NA", ""])
def test_a_control_not_answered_with_yes_is_not_claimed(answer: str, tmp_path: Path) -> None:
    made = draft(tmp_path, ("DSP-02.1", OWNED), ("DSP-02.2", OWNED, answer))
    assert claims(made) == []
    assert "Not claimed: DSP-02 is not answered with yes." in render(made)


def test_all_requirements_of_a_control_must_be_the_providers(tmp_path: Path) -> None:
    both = ("plat.service-availability", "IVS-02", "BCR-11")
    assert catalogue().controls[both[0]].refs["csa_ccm_4_0"] == both[1:]
    assert both[0] in claims(draft(tmp_path, ("IVS-02.1", OWNED), ("BCR-11.1", OWNED)))
    assert claims(draft(tmp_path, ("IVS-02.1", OWNED), ("BCR-11.1", "Shared CSP and CSC"))) == []
    assert "Not in the CAIQ: BCR-11." in render(draft(tmp_path, ("IVS-02.1", OWNED)))


def test_unusable_rows_are_reported_without_their_text(tmp_path: Path) -> None:
    made = draft(
        tmp_path,
        ("DSP-02.1", OWNED),
        ("A section title", ""),
        ("DSP-02.2", ""),
        ("DSP-02.3", "the provider, mostly"),
    )
    assert [str(problem).removeprefix(f"{tmp_path}/") for problem in made.left_out] == [
        "caiq.xlsx:CAIQ:5: the column Question ID has no id such as IAM-02.1",
        "caiq.xlsx:CAIQ:6: DSP-02.2: the ownership is empty",
        "caiq.xlsx:CAIQ:7: DSP-02.3: the ownership is not a value of the CAIQ",
    ]
    assert "mostly" not in render(made)
    assert "Is it so?" not in render(made)


def test_requirements_without_a_related_control_are_reported(tmp_path: Path) -> None:
    made = draft(tmp_path, ("DSP-02.1", OWNED), ("A&A-01.1", OWNED))
    related = {ref for one in catalogue().controls.values() for ref in one.refs.get("csa_ccm_4_0", ())}
    assert "A&A-01" not in related
    assert "# No control is related to A&A-01." in render(made)


def test_without_a_provider_the_draft_says_so(tmp_path: Path) -> None:
    made = draft(tmp_path, ("DSP-02.1", OWNED), provider=None)
    assert claims(made) == [DISPOSAL]
    assert "so the lines apply to every cloud" in render(made)


def test_a_control_not_applicable_to_the_service_is_not_claimed(tmp_path: Path) -> None:
    made = draft(tmp_path, ("TVM-03.1", OWNED), model="faas")
    assert "compute.self-hosted-database" not in claims(made)
    assert "Not applicable to this service model." in render(made)


def test_another_workbook_is_refused(tmp_path: Path) -> None:
    path = workbook(tmp_path / "it.xlsx", One=[("Question ID", "Answer"), ("IAM-02.1", "Yes")])
    with pytest.raises(TableError, match=r"it\.xlsx: has no table with the columns 'Question ID' and"):
        draft_of(read_tables(path), catalogue(), path, None, None)
    empty = workbook(tmp_path / "it.xlsx", One=[CAIQ_HEADER])
    with pytest.raises(TableError, match="no row says who owns a control"):
        draft_of(read_tables(empty), catalogue(), empty, None, None)
