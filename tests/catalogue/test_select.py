"""What a selector in an ownership file or on the command line means."""

from __future__ import annotations

from pathlib import Path

import pytest

from scanner.catalogue.responsibility import Catalogue, UnknownControl, load_catalogue
from tests.catalogue.conftest import Edit


def test_an_id_means_itself(catalogue: Catalogue) -> None:
    assert catalogue.select("data.no-public-exposure") == {"data.no-public-exposure"}


def test_a_domain_means_all_its_controls(catalogue: Catalogue) -> None:
    assert catalogue.select("ir") == {
        "ir.plan-covers-cloud",
        "ir.provider-notices-watched",
        "ir.finding-triage",
    }


def test_a_glob_means_what_it_matches(catalogue: Catalogue) -> None:
    assert catalogue.select("plat.*") == catalogue.select("plat")
    assert catalogue.select("data.encryption-*") == {"data.encryption-at-rest", "data.encryption-in-transit"}


def test_a_star_means_everything(catalogue: Catalogue) -> None:
    assert catalogue.select("*") == set(catalogue.controls)


def test_a_misspelt_selector_is_answered_with_what_was_probably_meant(catalogue: Catalogue) -> None:
    with pytest.raises(UnknownControl) as told:
        catalogue.select("data.encryption-at-rst")
    assert told.value.selector == "data.encryption-at-rst"
    assert told.value.suggestion == "; did you mean data.encryption-at-rest?"
    assert str(told.value) == (
        "no control matches 'data.encryption-at-rst'; did you mean data.encryption-at-rest?"
    )


@pytest.mark.parametrize("selector", ["", "nothing.*", "IAM", "data.", "data.no-public"])
def test_what_matches_nothing_is_an_error(catalogue: Catalogue, selector: str) -> None:
    with pytest.raises(UnknownControl):
        catalogue.select(selector)


def test_former_ids_go_on_working(folder: Path, edit: Edit) -> None:
    edit(
        "controls/ir.yaml",
        "    evidence: statement\n",
        "    evidence: statement\n    aliases: [ir.first, ir.second]\n",
    )
    catalogue = load_catalogue(folder)
    control = catalogue.controls["ir.plan-covers-cloud"]
    assert catalogue.select("ir.second") == {control.id}
    assert catalogue.select("ir.fir*") == {control.id}
    assert control.first_id == "ir.first"
    assert catalogue.controls["ir.finding-triage"].first_id == "ir.finding-triage"


def test_a_domain_without_controls_exists(folder: Path, edit: Edit) -> None:
    edit("responsibility.yaml", "domains:\n", "domains:\n  zoo: Animals\n")
    assert load_catalogue(folder).select("zoo") == frozenset()
