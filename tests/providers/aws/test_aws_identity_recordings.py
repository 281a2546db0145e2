"""The mappings with real responses of IAM, recorded by other projects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from providers.aws.account import GET_PASSWORD_POLICY, to_password_policy
from providers.aws.iam import credential_report as report
from providers.aws.iam.authorization import Details
from providers.aws.iam.principals import PrincipalListing, list_roles
from providers.aws.identity import to_organisation
from providers.aws.policies.statements import statements
from providers.aws.policies.trust import RoleHome, trust
from scanner.model.evidence import Unknown
from scanner.model.resources.account import PasswordPolicy

ITEM = {"account": "644160558196", "partition": "aws", "region": "us-east-1"}
HOME = RoleHome("644160558196", None, Unknown.because("denied", "c", None, "m"))


def recorded(recordings: Path, operation: str, service: str = "iam") -> list[dict[str, Any]]:
    lines = (recordings / f"{service}.jsonl").read_text(encoding="utf-8").splitlines()
    return [row for row in map(json.loads, lines) if row["operation"] == operation]


def answered(recordings: Path, operation: str) -> Iterator[dict[str, Any]]:
    found = [row["response"] for row in recorded(recordings, operation) if row["status"] < 300]
    assert found
    yield from found


def document(text: str) -> Any:
    """As the SDK decodes it."""
    return json.loads(unquote(text))


def test_every_credential_report_is_understood(recordings: Path) -> None:
    functions = (report.mfa, report.last_used, report.active_keys, report.certificate)
    users = 0
    for answer in answered(recordings, "GetCredentialReport"):
        for row in report.rows(answer["Content"]):
            users += 1
            assert not any(isinstance(function(row), Unknown) for function in functions)
            assert isinstance(report.password(row), Unknown) is (row["user"] == report.ROOT)
            for number in report.KEYS:
                assert not isinstance(report.created(row, number), Unknown)
    assert users > 30


def test_every_recorded_error_of_the_report_is_waited_for(recordings: Path) -> None:
    rows = recorded(recordings, "GetCredentialReport")
    codes = {row["response"]["Error"]["Code"] for row in rows if row["status"] >= 300}
    assert codes <= report.GET_REPORT.absent


def test_facts_of_a_recorded_report(recordings: Path) -> None:
    rows = {
        row["arn"]: row
        for answer in answered(recordings, "GetCredentialReport")
        for row in report.rows(answer["Content"])
    }
    old_root = rows["arn:aws:iam::619193117841:root"]
    assert report.active_keys(old_root) == 1
    assert report.mfa(old_root) is False
    assert report.certificate(old_root) is True
    assert report.last_used(old_root) == datetime(2016, 11, 25, 14, 19, 48, tzinfo=UTC)
    # The second key exists, but is not active.
    assert report.created(old_root, 2) == datetime(2007, 10, 13, 16, 49, 50, tzinfo=UTC)
    assert report.active(old_root, 2) is False
    never = rows["arn:aws:iam::644160558196:user/jeff"]
    assert (report.password(never), report.last_used(never)) == (True, None)
    capitals = rows["arn:aws:iam::123456789012:user/zscholl"]
    assert (report.password(capitals), report.active_keys(capitals)) == (False, 2)


def test_every_password_policy_is_understood(recordings: Path) -> None:
    found = {to_password_policy(ITEM, answer) for answer in answered(recordings, "GetAccountPasswordPolicy")}
    assert {policy.minimum_length for policy in found if policy} == {10, 12}
    assert PasswordPolicy(minimum_length=12, reuse_prevention=0, maximum_age_days=None) in found
    missing = [
        row["response"]["Error"]["Code"]
        for row in recorded(recordings, "GetAccountPasswordPolicy")
        if row["status"] >= 300
    ]
    assert set(missing) <= GET_PASSWORD_POLICY.absent


class Answering:
    """A caller with fixed details."""

    def __init__(self, details: Details) -> None:
        self.details = details

    def answer(self, call: Any, item: Any) -> Details:
        return self.details

    def read(self, call: Any, function: Any, *arguments: Any) -> Any:
        return function(*arguments)


def roles(recordings: Path) -> Iterator[dict[str, Any]]:
    listed = [role for answer in answered(recordings, "ListRoles") for role in answer["Roles"]]
    for role in [*listed, *(answer["Role"] for answer in answered(recordings, "GetRole"))]:
        if "AssumeRolePolicyDocument" in role:
            yield {**role, "AssumeRolePolicyDocument": document(role["AssumeRolePolicyDocument"])}


def test_every_recorded_role_is_understood(recordings: Path) -> None:
    found = list(roles(recordings))
    details = Details("aws", ITEM["account"], {}, {}, found, {})
    listing = list_roles(Answering(details), ITEM)  # type: ignore[arg-type]
    assert isinstance(listing, PrincipalListing)
    linked = [role for role in found if role["Path"].startswith("/aws-service-role/")]
    assert linked
    assert len(listing.items) == len(found) - len(linked)
    for item in listing.items:
        assert item["trust"].external(HOME) is False
        assert item["trust"].conditioned is False


def test_facts_of_recorded_roles(recordings: Path) -> None:
    trusts = {
        role["RoleName"]: trust(role["AssumeRolePolicyDocument"], ITEM["account"])
        for role in roles(recordings)
    }
    custodian = trusts["CloudCustodianRole"]
    assert custodian.principal_type == "group"
    assert "arn:aws:iam::644160558196:root" in custodian.principal
    assert "lambda.amazonaws.com" in custodian.principal
    assert trusts["c7n-pratyush-test"].principal == "nobody"
    assert (trusts["app1"].principal, trusts["app1"].principal_type) == ("ec2.amazonaws.com", "workload")


def test_recorded_policies(recordings: Path) -> None:
    found = [
        statements(document(answer["PolicyVersion"]["Document"]))
        for answer in answered(recordings, "GetPolicyVersion")
    ]
    privileges = []
    for policy in found:
        details = Details("aws", ITEM["account"], {}, {}, [], {"arn": policy})
        holder = {"AttachedManagedPolicies": [{"PolicyName": "p", "PolicyArn": "arn"}]}
        identity = details.identity(holder)
        privileges.append((identity.everything, identity.grants_rights))
    assert sorted(privileges, key=str) == [(False, False), (True, True)]


@pytest.mark.parametrize("field", ["id", "management_account"])
def test_the_organisation(recordings: Path, field: str) -> None:
    found = [
        to_organisation(ITEM, row["response"])
        for row in recorded(recordings, "DescribeOrganization", "organizations")
        if row["status"] < 300
    ]
    assert all(organisation and getattr(organisation, field) for organisation in found)
    assert found
