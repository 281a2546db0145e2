"""The built-in catalogue is complete and consistent."""

from __future__ import annotations

import re
from collections import Counter
from typing import get_args

import pytest

from scanner.catalogue.control import ResponsibilityCell, ServiceModel
from scanner.catalogue.responsibility import Catalogue
from scanner.model.resources.base import ProviderName
from scanner.model.resources.kinds import KINDS

PROVIDERS: tuple[ProviderName, ...] = get_args(ProviderName)
MODELS: tuple[ServiceModel, ...] = get_args(ServiceModel)

FORMS = {
    "nist_800_53r5": r"[A-Z]{2}-\d{1,2}(\(\d{1,2}\))?",
    "csa_ccm_4_0": r"(A&A|AIS|BCR|CCC|CEK|DCS|DSP|GRC|HRS|IAM|IPY|IVS|LOG|SEF|STA|TVM|UEM)-\d\d",
    "iso_27001_2022": r"A\.[5-8]\.\d{1,2}",
    "cis_controls_8_1": r"([1-9]|1[0-8])\.\d{1,2}",
    "pci_dss_4_0": r"([1-9]|1[0-2])(\.\d{1,2}){2,3}",
}


def test_it_has_seventy_controls_in_twelve_domains(catalogue: Catalogue) -> None:
    assert len(catalogue.controls) == 70
    assert {control.domain for control in catalogue.controls.values()} == set(catalogue.domains)
    assert len(catalogue.domains) == 12


def test_a_control_is_named_after_its_domain(catalogue: Catalogue) -> None:
    for name, control in catalogue.controls.items():
        assert name == control.id
        assert control.id.split(".")[0] == control.domain


def test_titles_and_obligations_are_unique(catalogue: Catalogue) -> None:
    titles = Counter(control.title.lower() for control in catalogue.controls.values())
    obligations = Counter(
        text for control in catalogue.controls.values() for text in control.obligations.values() if text
    )
    assert max(titles.values()) == 1
    assert [text for text, times in obligations.items() if times > 1 or not text.endswith(".")] == []


def test_every_responsible_party_has_an_obligation(catalogue: Catalogue) -> None:
    for control in catalogue.controls.values():
        cells = set(control.responsibility.values())
        assert set(control.responsibility) == set(MODELS)
        if cells & {"customer", "both"}:
            assert control.obligations["customer"], control.id
        if cells & {"provider", "both"}:
            assert control.obligations["provider"], control.id


def test_customer_side_controls_have_evidence(catalogue: Catalogue) -> None:
    for control in catalogue.controls.values():
        if set(control.responsibility.values()) & {"customer", "both"} and control.evidence == "auto":
            assert any(control.kinds.values()), control.id


def test_automatic_controls_have_kinds_on_every_cloud(
    catalogue: Catalogue,
) -> None:
    for control in catalogue.controls.values():
        expected = [provider for provider in PROVIDERS if control.kinds.get(provider)]
        if control.evidence == "auto" and control.level != "tenant":
            assert expected == list(PROVIDERS), control.id
        if control.evidence == "attestation":
            assert expected == [], control.id


def test_kinds_are_unique_and_known(catalogue: Catalogue) -> None:
    for control in catalogue.controls.values():
        for kinds in control.kinds.values():
            assert len(set(kinds)) == len(kinds)
            assert set(kinds) <= set(catalogue.kinds)


def test_every_listed_kind_is_expected_by_a_control(catalogue: Catalogue) -> None:
    expected = {
        kind for control in catalogue.controls.values() for kinds in control.kinds.values() for kind in kinds
    }
    assert set(catalogue.kinds) - expected == set()


def test_every_collected_kind_is_listed(catalogue: Catalogue) -> None:
    assert set(KINDS) <= set(catalogue.kinds)


def test_framework_ids_have_the_format_of_their_framework(catalogue: Catalogue) -> None:
    for control in catalogue.controls.values():
        assert control.refs, control.id
        for framework, ids in control.refs.items():
            wrong = [name for name in ids if not re.fullmatch(FORMS[framework], name)]
            assert (control.id, wrong) == (control.id, [])
            assert len(set(ids)) == len(ids), control.id


SAFEGUARDS = (5, 7, 14, 12, 6, 8, 7, 12, 7, 7, 5, 8, 11, 9, 7, 14, 9, 5)
"""Number of safeguards of each of the 18 CIS Controls 8.1."""

CLAUSES = {"5": 37, "6": 8, "7": 14, "8": 34}
"""Number of controls of each clause of ISO/IEC 27001:2022 annex A."""

CCM = {
    "A&A": 6,
    "AIS": 7,
    "BCR": 11,
    "CCC": 9,
    "CEK": 21,
    "DCS": 15,
    "DSP": 19,
    "GRC": 8,
    "HRS": 13,
    "IAM": 16,
    "IPY": 4,
    "IVS": 9,
    "LOG": 13,
    "SEF": 8,
    "STA": 14,
    "TVM": 10,
    "UEM": 14,
}
"""Number of controls of each domain of CSA CCM 4.0."""


def test_framework_ids_exist(catalogue: Catalogue) -> None:
    for control in catalogue.controls.values():
        for name in control.refs.get("cis_controls_8_1", ()):
            group, _, number = name.partition(".")
            assert 1 <= int(number) <= SAFEGUARDS[int(group) - 1], (control.id, name)
        for name in control.refs.get("iso_27001_2022", ()):
            _, clause, number = name.split(".")
            assert 1 <= int(number) <= CLAUSES[clause], (control.id, name)
        for name in control.refs.get("csa_ccm_4_0", ()):
            domain, _, number = name.rpartition("-")
            assert 1 <= int(number) <= CCM[domain], (control.id, name)


def test_every_control_is_related_to_nist_800_53(catalogue: Catalogue) -> None:
    assert [
        control.id for control in catalogue.controls.values() if "nist_800_53r5" not in control.refs
    ] == []


def test_every_layer_is_used(catalogue: Catalogue) -> None:
    assert {control.layer for control in catalogue.controls.values()} == set(catalogue.layers)


def test_on_premises_the_provider_is_responsible_for_nothing(catalogue: Catalogue) -> None:
    for control in catalogue.controls.values():
        assert control.responsibility["on_prem"] in ("customer", "none"), control.id


@pytest.mark.parametrize(
    ("control", "row"),
    [
        ("plat.physical-security", ("customer", "provider", "provider", "provider", "provider", "provider")),
        ("compute.os-patching", ("customer", "customer", "both", "provider", "provider", "provider")),
        ("data.encryption-at-rest", ("customer", "both", "both", "both", "both", "both")),
        ("data.no-public-exposure", ("customer",) * 6),
        ("iam.saas-conditional-access", ("none",) * 5 + ("customer",)),
        ("compute.self-hosted-database", ("customer", "customer", "customer", "none", "none", "none")),
        ("log.audit-trail-enabled", ("customer",) * 6),
    ],
)
def test_well_known_splits(catalogue: Catalogue, control: str, row: tuple[ResponsibilityCell, ...]) -> None:
    assert tuple(catalogue.controls[control].responsibility[model] for model in MODELS) == row


@pytest.mark.parametrize(
    ("control", "level"),
    [
        ("gov.responsibility-matrix", "organisation"),
        ("gov.org-guardrails", "organisation"),
        ("ir.plan-covers-cloud", "organisation"),
        ("iam.saas-conditional-access", "tenant"),
        ("data.sharing-settings", "tenant"),
        ("log.audit-trail-enabled", "scope"),
        ("gov.account-security-contact", "scope"),
        ("data.no-public-exposure", "resource"),
        ("compute.os-patching", "resource"),
    ],
)
def test_levels(catalogue: Catalogue, control: str, level: str) -> None:
    assert catalogue.controls[control].level == level
