from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from providers.sandbox.aws.server import AwsSandbox
from scanner.model.evidence import Unknown
from scanner.model.inventory import Inventory
from scanner.model.resources.account import PasswordPolicy
from scanner.model.resources.base import Resource
from tests.providers.aws.aws_scan import EVERYTHING, WHOLE, Scan, named

IDENTITIES = {kind: EVERYTHING[kind] for kind in ("user", "access_key", "role")}
ACCOUNT = "111122223333"
QUIET = {
    "root": False,
    "enabled": True,
    "password": False,
    "mfa": False,
    "access_keys": 0,
    "last_used": None,
    "external": False,
    "administrator": False,
}


def at(*moment: int) -> datetime:
    return datetime(*moment, tzinfo=UTC)  # type: ignore[misc,arg-type]


USERS: dict[str, dict[str, object]] = {
    "root": {
        "root": True,
        "password": True,
        "access_keys": 1,
        "last_used": at(2026, 11, 13, 7, 15),
        "administrator": True,
    },
    "break-glass": {"password": True, "mfa": True, "administrator": True},
    # It may write policies.
    "contractor": {"password": True, "last_used": at(2025, 3, 3, 16, 45), "administrator": True},
    # It may change who has which permission set: the account is the organisation's management account.
    "deploy-bot": {"access_keys": 1, "last_used": at(2026, 11, 21, 23, 50), "administrator": True},
    "legacy-export": {"access_keys": 1, "administrator": True},
    "report-reader": {"enabled": False},
}
PLAIN = {
    "principal_type": "workload",
    "everything": False,
    "grants_rights": False,
    "external": False,
    "conditioned": False,
}
OWN = f"arn:aws:iam::{ACCOUNT}"
ROLES: dict[str, dict[str, object]] = {
    "payments-api": {"principal": "lambda.amazonaws.com"},
    "payments-batch": {"principal": "ec2.amazonaws.com"},
    "deploy": {
        "principal": f"{OWN}:oidc-provider/token.actions.githubusercontent.com",
        "principal_type": "account",
        "everything": True,
        "grants_rights": True,
        "external": True,
        "conditioned": True,
    },
    "vendor-monitoring": {
        "principal": "arn:aws:iam::999988887777:root",
        "principal_type": "account",
        "external": True,
    },
    "vendor-backup": {
        "principal": "999988887777",
        "principal_type": "account",
        "external": True,
        "conditioned": True,
    },
    "audit-read": {"principal": "arn:aws:iam::444455556666:role/auditor", "principal_type": "account"},
    "artifacts-read": {"principal": "*", "principal_type": "account", "conditioned": True},
    "support-old": {"principal": "*", "principal_type": "public", "external": True},
    "team-admin": {"principal": f"{OWN}:root", "principal_type": "group", "grants_rights": True},
    "AWSReservedSSO_AdministratorAccess_0a1b2c3d4e5f6071": {
        "principal": f"{OWN}:saml-provider/AWSSSO_0a1b2c3d4e5f6071_DO_NOT_DELETE",
        "principal_type": "group",
        "everything": True,
        "grants_rights": True,
    },
    "AdministratorAccess of administrators": {
        "principal": f"{OWN}:group/administrators",
        "principal_type": "group",
        "everything": True,
        "grants_rights": True,
    },
    "PowerUserAccess of developers": {
        "principal": f"{OWN}:group/developers",
        "principal_type": "group",
        "grants_rights": True,
    },
    "manage-identities of identity-admins": {
        "principal": f"{OWN}:group/identity-admins",
        "principal_type": "group",
        "grants_rights": True,
    },
    "AdministratorAccess of legacy-export": {
        "principal": f"{OWN}:user/service/legacy-export",
        "principal_type": "user",
        "everything": True,
        "grants_rights": True,
    },
}


@pytest.fixture(scope="module")
def kept() -> dict[str, Inventory]:
    return {}


@pytest.fixture
def whole(kept: dict[str, Inventory], scan: Scan) -> Inventory:
    if not kept:
        kept["whole"] = scan(wanted=IDENTITIES)
    return kept["whole"]


def facts(resource: Resource, names: dict[str, Any]) -> dict[str, Any]:
    return {name: getattr(resource, name) for name in names}


def test_users_are_as_the_company_created_them(whole: Inventory) -> None:
    users = named(whole, "user")
    assert users.keys() == USERS.keys()
    for name, expected in USERS.items():
        assert users[name].unknowns() == {}
        assert facts(users[name], QUIET) == {**QUIET, **expected}, name


def test_a_user_is_identified_by_its_arn(whole: Inventory) -> None:
    users = named(whole, "user")
    user, root = users["legacy-export"], users["root"]
    assert (user.id, user.type, user.region) == (f"{OWN}:user/service/legacy-export", "aws.iam.user", None)
    assert (root.id, root.type, root.tags) == (f"{OWN}:root", "aws.iam.root", {})


def test_the_id_of_a_key_is_not_recorded(whole: Inventory) -> None:
    assert named(whole, "user")["deploy-bot"].tags == {"owner": "product"}
    assert not any("AKIA" in str(resource.to_record()) for resource in whole.resources)


def test_keys_are_those_that_exist(whole: Inventory) -> None:
    keys = named(whole, "access_key")
    found = {
        name: (key.holder, key.active, key.created, key.last_used, key.expires)  # type: ignore[attr-defined]
        for name, key in keys.items()
    }
    used = at(2026, 11, 13, 7, 15)
    assert found == {
        "root key 1": ("root", True, at(2021, 4, 12, 8, 40, 10), used, None),
        "deploy-bot key 1": ("deploy-bot", False, at(2023, 9, 14, 11, 0, 5), at(2024, 8, 1, 4), None),
        "deploy-bot key 2": ("deploy-bot", True, at(2026, 10, 30, 8), at(2026, 11, 21, 23, 50), None),
        "legacy-export key 1": ("legacy-export", True, at(2021, 6, 1, 12, 0, 7), None, None),
    }
    assert keys["deploy-bot key 2"].id == f"{OWN}:user/deploy-bot#access-key-2"
    assert all(key.unknowns() == {} for key in keys.values())


def test_roles_are_as_the_company_created_them(whole: Inventory) -> None:
    roles = named(whole, "role")
    assert roles.keys() == ROLES.keys()
    for name, expected in ROLES.items():
        assert facts(roles[name], {**PLAIN, "principal": ""}) == {**PLAIN, **expected}, name


def test_only_the_last_use_of_a_policy_is_unknown(whole: Inventory) -> None:
    hidden = {
        (resource.name, facet, unknown.causes[0].reason, unknown.causes[0].permission)
        for resource in whole.resources
        for facet, unknown in resource.unknowns().items()
    }
    assert hidden == {
        (name, "last_used", "unsupported", None)
        for name in (
            "AdministratorAccess of administrators",
            "AdministratorAccess of legacy-export",
            "PowerUserAccess of developers",
            "manage-identities of identity-admins",
        )
    }
    assert whole.blind_spots == ()


def test_the_last_use_of_a_role_is_kept_for_400_days(whole: Inventory) -> None:
    roles = named(whole, "role")
    assert roles["team-admin"].last_used == at(2026, 2, 10, 10)  # type: ignore[attr-defined]
    assert roles["support-old"].last_used is None  # type: ignore[attr-defined]


def test_the_password_policy(scan: Scan) -> None:
    (account,) = named(scan(wanted={"account": frozenset({"password_policy"})}), "account").values()
    assert account.password_policy == PasswordPolicy(  # type: ignore[attr-defined]
        minimum_length=8, reuse_prevention=0, maximum_age_days=None
    )


def test_many_small_pages_give_the_same_result(scan: Scan, sandbox: AwsSandbox, whole: Inventory) -> None:
    sandbox.page_size = 3
    inventory = scan(wanted=IDENTITIES)
    assert tuple(inventory.resources) == tuple(whole.resources)
    assert sandbox.calls["iam:GetAccountAuthorizationDetails"] == 8


def test_each_call_is_made_once_for_all_kinds(scan: Scan, sandbox: AwsSandbox, whole: Inventory) -> None:
    scan(wanted=IDENTITIES)
    assert sandbox.calls == {
        "sts:GetCallerIdentity": 1,
        "iam:GenerateCredentialReport": 1,
        "iam:GetCredentialReport": 1,
        "iam:GetAccountAuthorizationDetails": 1,
        "iam:GetAccountSummary": 1,
        "organizations:DescribeOrganization": 1,
        "organizations:ListAccounts": 1,
        "organizations:ListDelegatedAdministrators": 1,
    }


def test_keys_alone_need_the_report_and_all_users(scan: Scan, sandbox: AwsSandbox, whole: Inventory) -> None:
    scan(wanted={"access_key": IDENTITIES["access_key"]})
    assert sandbox.calls.keys() == {
        "sts:GetCallerIdentity",
        "iam:GenerateCredentialReport",
        "iam:GetCredentialReport",
        "iam:GetAccountAuthorizationDetails",
        "iam:GetAccountSummary",
    }


def test_a_new_report_is_waited_for(scan: Scan, sandbox: AwsSandbox) -> None:
    sandbox.identities.written = False
    assert len(named(scan(WHOLE, wanted={"access_key": IDENTITIES["access_key"]}), "access_key")) == 4
    assert sandbox.calls["iam:GetCredentialReport"] == 2


def test_partial_details_are_kept(scan: Scan, sandbox: AwsSandbox, whole: Inventory) -> None:
    """The managed policies are on the missing last page: what they allow and deny is unknown."""
    sandbox.page_size = 19
    call = "iam:GetAccountAuthorizationDetails"
    sandbox.fault = lambda name: "failing" if name == call and sandbox.calls[name] == 2 else None
    inventory = scan(wanted=IDENTITIES)
    kinds = ("access_key", "role", "user")
    assert [(spot.kind, spot.cause.call) for spot in inventory.blind_spots] == [
        (each, call) for each in kinds
    ]
    assert not inventory.complete("aws", ACCOUNT, "role")
    before, after = ({resource.id: resource for resource in each.resources} for each in (whole, inventory))
    assert before.keys() <= after.keys()
    for name in ("AdministratorAccess of legacy-export", "deploy"):
        assert isinstance(named(inventory, "role")[name].everything, Unknown)  # type: ignore[attr-defined]
    # A policy that was not read may give its holder administrator access.
    assert "ReadOnlyAccess of report-reader" in named(inventory, "role")
    for id_, resource in before.items():
        for facet in resource.collected():
            value = getattr(after[id_], facet)
            assert isinstance(value, Unknown) or value == getattr(resource, facet)
