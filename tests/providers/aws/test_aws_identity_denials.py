from __future__ import annotations

from typing import Any

import pytest

from providers.aws.tables import all_calls
from providers.sandbox import Fault
from providers.sandbox.aws.server import AwsSandbox
from scanner.model.evidence import Unknown
from scanner.model.inventory import Inventory
from tests.providers.aws.aws_scan import EVERYTHING, Scan, named

IDENTITIES = {kind: EVERYTHING[kind] for kind in ("user", "access_key", "role")}
ROOT = "arn:aws:iam::111122223333:root"
OF_REPORT = {"enabled", "password", "mfa", "access_keys", "last_used"}
OF_ROOT_IN_REPORT = OF_REPORT - {"enabled", "password", "mfa"} | {"created"}
OF_DETAILS = {"administrator", "tags"}
PERMISSIONS = {call.name: call.permission for call in all_calls()}
DETAILS = "iam:GetAccountAuthorizationDetails"


@pytest.fixture(scope="module")
def kept() -> dict[str, Inventory]:
    return {}


@pytest.fixture
def healthy(kept: dict[str, Inventory], scan: Scan) -> Inventory:
    if not kept:
        kept["healthy"] = scan(wanted=IDENTITIES)
    return kept["healthy"]


def broken(sandbox: AwsSandbox, calls: set[str], fault: Fault) -> None:
    sandbox.identities.written = False
    sandbox.identities.polls = 0
    sandbox.fault = lambda name: fault if name in calls else None


def compared(healthy: Inventory, inventory: Inventory) -> dict[tuple[str, str], set[str]]:
    """The facets that became unknown, by kind and name; any other change fails the test."""
    before = {resource.id: resource for resource in healthy.resources}
    hidden: dict[tuple[str, str], set[str]] = {}
    for resource in inventory.resources:
        for facet in resource.collected():
            value, expected = getattr(resource, facet), getattr(before[resource.id], facet)
            if isinstance(value, Unknown) and not isinstance(expected, Unknown):
                hidden.setdefault((resource.kind, resource.name), set()).add(facet)
            else:
                assert value == expected, (resource.name, facet)
    missing = before.keys() - {resource.id for resource in inventory.resources}
    unlisted = {spot.kind for spot in inventory.blind_spots}
    assert {before[id_].kind for id_ in missing} <= unlisted
    return hidden


def causes(inventory: Inventory) -> set[tuple[str, str, Any]]:
    found = [spot.cause for spot in inventory.blind_spots]
    found += [c for r in inventory.resources for unknown in r.unknowns().values() for c in unknown.causes]
    return {(cause.reason, cause.call, cause.permission) for cause in found if cause.reason != "unsupported"}


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        ("iam:GenerateCredentialReport", "denied"),
        ("iam:GetCredentialReport", "denied"),
        ("iam:GetCredentialReport", "malformed"),
    ],
)
def test_without_a_report_users_are_still_listed(
    scan: Scan, sandbox: AwsSandbox, healthy: Inventory, call: str, fault: Fault
) -> None:
    broken(sandbox, {call}, fault)
    inventory = scan(wanted=IDENTITIES)
    hidden = compared(healthy, inventory)
    users = named(healthy, "user").keys()
    assert hidden == {("user", name): OF_REPORT if name != "root" else OF_ROOT_IN_REPORT for name in users}
    assert [spot.kind for spot in inventory.blind_spots] == ["access_key"]
    reason = "denied" if fault == "denied" else "error"
    assert causes(inventory) == {(reason, call, PERMISSIONS[call] if fault == "denied" else None)}


def test_a_report_that_someone_else_generated_is_used(
    scan: Scan, sandbox: AwsSandbox, healthy: Inventory
) -> None:
    broken(sandbox, {"iam:GenerateCredentialReport"}, "denied")
    sandbox.identities.written = True
    assert tuple(scan(wanted=IDENTITIES).resources) == tuple(healthy.resources)


def test_without_details_users_and_keys_newer_than_the_report_are_a_blind_spot(
    scan: Scan, sandbox: AwsSandbox, healthy: Inventory
) -> None:
    broken(sandbox, {DETAILS}, "denied")
    inventory = scan(wanted=IDENTITIES)
    hidden = compared(healthy, inventory)
    users = named(healthy, "user").keys() - {"root"}
    assert hidden == {("user", name): OF_DETAILS for name in users}
    # The users and keys of the report are kept.
    assert [spot.kind for spot in inventory.blind_spots] == ["access_key", "role", "user"]
    assert causes(inventory) == {("denied", DETAILS, DETAILS)}


def test_without_both_there_are_only_blind_spots(scan: Scan, sandbox: AwsSandbox, healthy: Inventory) -> None:
    broken(sandbox, {"iam:GenerateCredentialReport", DETAILS}, "denied")
    inventory = scan(wanted=IDENTITIES)
    assert tuple(inventory.resources) == ()
    assert {(spot.kind, spot.cause.permission) for spot in inventory.blind_spots} == {
        ("user", "iam:GenerateCredentialReport"),
        ("user", DETAILS),
        ("access_key", "iam:GenerateCredentialReport"),
        ("role", DETAILS),
    }


def test_without_the_summary_only_the_root_user_is_unknown(
    scan: Scan, sandbox: AwsSandbox, healthy: Inventory
) -> None:
    broken(sandbox, {"iam:GetAccountSummary"}, "denied")
    inventory = scan(wanted=IDENTITIES)
    assert compared(healthy, inventory) == {("user", "root"): {"enabled", "password", "mfa", "access_keys"}}
    # It may have a key that is newer than the report.
    assert [spot.kind for spot in inventory.blind_spots] == ["access_key"]


def test_without_the_accounts_of_the_organisation_other_accounts_may_be_outside(
    scan: Scan, sandbox: AwsSandbox, healthy: Inventory
) -> None:
    broken(sandbox, {"organizations:ListAccounts"}, "denied")
    inventory = scan(wanted=IDENTITIES)
    others = ("audit-read", "vendor-backup", "vendor-monitoring")
    assert compared(healthy, inventory) == {("role", name): {"external"} for name in others}


def test_without_the_organisation_a_condition_on_it_is_unknown(
    scan: Scan, sandbox: AwsSandbox, healthy: Inventory
) -> None:
    broken(sandbox, {"organizations:DescribeOrganization"}, "denied")
    inventory = scan(wanted=IDENTITIES)
    # Only the management account of an organisation manages Identity Center.
    hidden = {("role", "artifacts-read"): {"external"}, ("user", "deploy-bot"): {"administrator"}}
    assert compared(healthy, inventory) == hidden
    assert causes(inventory) == {
        ("denied", "organizations:DescribeOrganization", "organizations:DescribeOrganization")
    }


def test_with_all_calls_denied_there_are_only_blind_spots(
    scan: Scan, sandbox: AwsSandbox, healthy: Inventory
) -> None:
    broken(sandbox, {name for name in PERMISSIONS if name != "sts:GetCallerIdentity"}, "denied")
    inventory = scan(wanted=IDENTITIES)
    assert tuple(inventory.resources) == ()
    assert {spot.kind for spot in inventory.blind_spots} == IDENTITIES.keys()
