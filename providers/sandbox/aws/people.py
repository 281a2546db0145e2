"""The users, groups, roles and policies of the sample account, secure and insecure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Statements = Sequence[Mapping[str, Any]]
VENDOR = "999988887777"
"""An account that is not the sample company's."""


@dataclass(frozen=True)
class SampleKey:
    """An access key; ``last_used`` is ``None`` if it was never used."""

    created: str
    last_used: str | None = None
    active: bool = True


@dataclass(frozen=True)
class SampleUser:
    """One IAM user and its credentials and policies."""

    name: str
    created: str
    password: bool = False
    mfa: bool = False
    signed_in: str | None = None
    keys: tuple[SampleKey, ...] = ()
    path: str = "/"
    groups: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SampleGroup:
    """One group and its policies."""

    name: str
    policies: tuple[str, ...] = ()
    inline: Mapping[str, Statements] = field(default_factory=dict)


@dataclass(frozen=True)
class SampleRole:
    """One role, who may assume it and what it may do."""

    name: str
    trust: Statements
    policies: tuple[str, ...] = ()
    inline: Mapping[str, Statements] = field(default_factory=dict)
    boundary: str | None = None
    path: str = "/"
    last_used: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SamplePolicy:
    """One managed policy."""

    document: Statements
    of_aws: bool = True


def allow(action: str | list[str], resource: str = "*", **more: Any) -> Mapping[str, Any]:
    """A statement that allows something."""
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def _trust(
    principal: Any, action: str = "sts:AssumeRole", condition: Mapping[str, Any] | None = None
) -> Statements:
    statement = {"Effect": "Allow", "Principal": principal, "Action": action}
    return [statement if condition is None else {**statement, "Condition": condition}]


ROOT = SampleUser(
    "<root_account>",
    "2021-04-12T08:31:05+00:00",
    signed_in="2026-11-13T07:12:44+00:00",
    keys=(SampleKey("2021-04-12T08:40:10+00:00", "2026-11-13T07:15:00+00:00"),),
)
USERS = (
    SampleUser(
        "break-glass",
        "2024-05-06T10:00:00+00:00",
        password=True,
        mfa=True,
        groups=("administrators",),
        tags={"owner": "platform"},
    ),
    SampleUser(
        "contractor",
        "2025-01-20T09:30:00+00:00",
        password=True,
        signed_in="2025-03-03T16:45:00+00:00",
        groups=("identity-admins",),
        tags={"owner": "ghost"},
    ),
    SampleUser(
        "deploy-bot",
        "2023-09-14T11:00:00+00:00",
        keys=(
            SampleKey("2023-09-14T11:00:05+00:00", "2024-08-01T04:00:00+00:00", active=False),
            SampleKey("2026-10-30T08:00:00+00:00", "2026-11-21T23:50:00+00:00"),
        ),
        groups=("developers",),
        # The console stores the description of a key in a tag named by the key's id.
        tags={"owner": "product", "AKIAI44QH8DHBEXAMPLE": "pipeline"},
    ),
    SampleUser(
        "legacy-export",
        "2021-06-01T12:00:00+00:00",
        keys=(SampleKey("2021-06-01T12:00:07+00:00"),),
        path="/service/",
        policies=("AdministratorAccess",),
    ),
    SampleUser("report-reader", "2022-03-03T12:00:00+00:00", policies=("ReadOnlyAccess",)),
)
GROUPS = (
    SampleGroup("administrators", policies=("AdministratorAccess",)),
    SampleGroup("developers", policies=("PowerUserAccess",)),
    SampleGroup("identity-admins", inline={"manage-identities": [allow("iam:*")]}),
)
POLICIES = {
    "AdministratorAccess": SamplePolicy([allow("*")]),
    "PowerUserAccess": SamplePolicy(
        [
            {
                "Effect": "Allow",
                "NotAction": ["iam:*", "organizations:*", "account:*"],
                "Resource": "*",
            },
            allow(["iam:CreateServiceLinkedRole", "iam:ListRoles", "organizations:DescribeOrganization"]),
        ]
    ),
    "ReadOnlyAccess": SamplePolicy(
        [allow(["s3:Get*", "s3:List*", "ec2:Describe*", "iam:Get*", "iam:List*"])]
    ),
    "workload-boundary": SamplePolicy([allow(["s3:*", "sqs:*", "logs:*"])], of_aws=False),
}


def roles(account: str, organisation: str) -> tuple[SampleRole, ...]:
    """The roles, whose policies refer to the account and its organisation."""
    github = f"arn:aws:iam::{account}:oidc-provider/token.actions.githubusercontent.com"
    directory = f"arn:aws:iam::{account}:saml-provider/AWSSSO_0a1b2c3d4e5f6071_DO_NOT_DELETE"
    return (
        SampleRole(
            "payments-api",
            _trust({"Service": "lambda.amazonaws.com"}),
            inline={"receipts": [allow(["s3:GetObject", "s3:PutObject"], "arn:aws:s3:::pay-receipts/*")]},
            last_used="2026-11-22T05:10:00Z",
            tags={"owner": "payments"},
        ),
        SampleRole(
            "payments-batch",
            _trust({"Service": "ec2.amazonaws.com"}),
            policies=("AdministratorAccess",),
            boundary="workload-boundary",
            last_used="2026-11-20T01:00:00Z",
            tags={"owner": "payments"},
        ),
        SampleRole(
            "deploy",
            _trust(
                {"Federated": github},
                "sts:AssumeRoleWithWebIdentity",
                {
                    "StringEquals": {"token.actions.githubusercontent.com:aud": "sts.amazonaws.com"},
                    "StringLike": {"token.actions.githubusercontent.com:sub": "repo:example-shop/*"},
                },
            ),
            policies=("AdministratorAccess",),
            last_used="2026-11-21T18:00:00Z",
            tags={"owner": "platform"},
        ),
        SampleRole(
            "vendor-monitoring",
            _trust({"AWS": f"arn:aws:iam::{VENDOR}:root"}),
            policies=("ReadOnlyAccess",),
            last_used="2026-11-22T05:55:00Z",
        ),
        SampleRole(
            "vendor-backup",
            _trust({"AWS": VENDOR}, condition={"StringEquals": {"sts:ExternalId": "example-shop-7f3a"}}),
            policies=("ReadOnlyAccess",),
            last_used="2026-11-22T02:00:00Z",
            tags={"owner": "platform"},
        ),
        SampleRole(
            "audit-read",
            _trust({"AWS": "arn:aws:iam::444455556666:role/auditor"}),
            policies=("ReadOnlyAccess",),
            tags={"owner": "platform"},
        ),
        SampleRole(
            "artifacts-read",
            _trust({"AWS": "*"}, condition={"StringEquals": {"aws:PrincipalOrgID": organisation}}),
            inline={"read": [allow("s3:GetObject", "arn:aws:s3:::app-artifacts/*")]},
            last_used="2026-11-19T10:00:00Z",
            tags={"owner": "product"},
        ),
        SampleRole("support-old", _trust({"AWS": "*"}), inline={"all-s3": [allow("s3:*")]}),
        SampleRole(
            "team-admin",
            _trust({"AWS": f"arn:aws:iam::{account}:root"}),
            inline={"policies": [allow(["iam:Put*Policy", "iam:Attach*Policy"])]},
            last_used="2026-02-10T10:00:00Z",
            tags={"owner": "product"},
        ),
        SampleRole(
            "AWSReservedSSO_AdministratorAccess_0a1b2c3d4e5f6071",
            _trust(
                {"Federated": directory},
                "sts:AssumeRoleWithSAML",
                {"StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml"}},
            ),
            policies=("AdministratorAccess",),
            path="/aws-reserved/sso.amazonaws.com/eu-west-1/",
            last_used="2026-11-21T09:00:00Z",
        ),
        SampleRole(
            "AWSServiceRoleForSupport",
            _trust({"Service": "support.amazonaws.com"}),
            path="/aws-service-role/support.amazonaws.com/",
        ),
    )
