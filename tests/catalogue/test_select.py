"""The controls that a selector in an ownership file or on the command line matches."""

from __future__ import annotations

from pathlib import Path

import pytest

from scanner.catalogue.responsibility import Catalogue, UnknownControl, load_catalogue
from tests.catalogue.conftest import Edit


def test_an_id_selects_itself(catalogue: Catalogue) -> None:
    assert catalogue.select("data.no-public-exposure") == {"data.no-public-exposure"}


def test_a_domain_selects_all_its_controls(catalogue: Catalogue) -> None:
    assert catalogue.select("ir") == {
        "ir.plan-covers-cloud",
        "ir.provider-notices-watched",
        "ir.finding-triage",
    }


def test_a_glob_selects_its_matches(catalogue: Catalogue) -> None:
    assert catalogue.select("plat.*") == catalogue.select("plat")
    assert catalogue.select("data.encryption-*") == {"data.encryption-at-rest", "data.encryption-in-transit"}


def test_a_star_selects_everything(catalogue: Catalogue) -> None:
    assert catalogue.select("*") == set(catalogue.controls)


def test_a_misspelt_selector_gets_a_suggestion(catalogue: Catalogue) -> None:
    with pytest.raises(UnknownControl) as caught:
        catalogue.select("data.encryption-at-rst")
    assert caught.value.selector == "data.encryption-at-rst"
    assert caught.value.suggestion == "; did you mean data.encryption-at-rest?"
    assert str(caught.value) == (
        "no control matches 'data.encryption-at-rst'; did you mean data.encryption-at-rest?"
    )


@pytest.mark.parametrize("selector", ["", "nothing.*", "IAM", "data.", "data.no-public"])
def test_a_selector_without_matches_is_an_error(catalogue: Catalogue, selector: str) -> None:
    with pytest.raises(UnknownControl):
        catalogue.select(selector)


def test_former_ids_remain_valid(folder: Path, edit: Edit) -> None:
    edit(
        "controls/ir.yaml",
        "    evidence: attestation\n",
        "    evidence: attestation\n    aliases: [ir.first, ir.second]\n",
    )
    catalogue = load_catalogue(folder)
    control = catalogue.controls["ir.plan-covers-cloud"]
    assert catalogue.select("ir.second") == {control.id}
    assert catalogue.select("ir.fir*") == {control.id}
    assert control.first_id == "ir.first"
    assert catalogue.controls["ir.finding-triage"].first_id == "ir.finding-triage"


def test_a_domain_without_controls_is_valid(folder: Path, edit: Edit) -> None:
    edit("responsibility.yaml", "domains:\n", "domains:\n  zoo: Animals\n")
    assert load_catalogue(folder).select("zoo") == frozenset()
