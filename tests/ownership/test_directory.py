"""Selecting the directory behind Azure subscriptions by ``where``."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.ownership.build import resolver, target

SUBSCRIPTION = replace(target(), provider="azure")
DIRECTORY = replace(SUBSCRIPTION, kind="tenant", directory=True)
CONTROL = "iam.saas-conditional-access"


@pytest.mark.parametrize(
    ("provider", "subscription", "directory"),
    [
        ("azure", "platform", None),
        ("entra", None, "platform"),
        (["azure", "entra"], "platform", "platform"),
        ("aws", None, None),
    ],
)
def test_a_directory_is_not_a_subscription(
    provider: object, subscription: str | None, directory: str | None
) -> None:
    answers = resolver({"controls": "iam", "where": {"provider": provider}, "accountable": "platform"})
    assert answers.resolve(CONTROL, SUBSCRIPTION).owner == subscription
    assert answers.resolve(CONTROL, DIRECTORY).owner == directory


def test_a_certificate_of_azure_covers_its_directory() -> None:
    line = {"controls": "plat.*", "claim": "provider", "contract": "soc2", "accountable": "platform"}
    contract = {"party": "azure", "type": "certificate", "covers": ["plat"], "expires": "2026-11-01"}
    answers = resolver(line, contracts={"soc2": contract})
    assert "contract_expired" in answers.resolve("plat.physical-security", DIRECTORY, "provider").flags
