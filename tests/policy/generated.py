"""Policies of buckets, keys and roles that are made up, with conditions that are easily misread.

Each is made by a source of random numbers: hypothesis's own in the tests, so that it can make a policy
smaller, and Python's where there are many.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from hypothesis import strategies as st

from tests.policy.strangers import OWN, TENANT, TOKENS

ORG, OTHER = "o-exampleorg", "444455556666"
WHOLE = ["0.0.0.0/2", "64.0.0.0/2", "128.0.0.0/2", "192.0.0.0/2", "2000::/3"]
Element = dict[str, Any]
Policy = dict[str, Any]
Menu = list[tuple[tuple[str, ...], str, list[Any]]]

TEXT = ("StringEquals", "StringLike", "StringNotEquals", "StringNotLike", "StringEqualsIgnoreCase")
ARNS = ("ArnLike", "ArnEquals", "ArnNotLike", "StringLike", "StringEquals")
ADDRESS = ("IpAddress", "NotIpAddress")
COMMON: Menu = [
    (TEXT, "aws:PrincipalOrgID", [ORG, "o-*", "*", "${aws:ResourceOrgID}", [ORG, "o-*"]]),
    (TEXT, "aws:PrincipalOrgPaths", [f"{ORG}/*", f"{ORG}/r-ab12/*", "o-*/r-*", f"{ORG}*"]),
    (TEXT, "aws:PrincipalAccount", [OWN, OTHER, "1*", "9*", "*", [OWN, OTHER], "${aws:ResourceAccount}"]),
    (
        ARNS,
        "aws:PrincipalArn",
        [
            f"arn:aws:iam::{OWN}:role/ci",
            f"arn:aws:iam::{OWN}:*",
            "arn:aws:iam::*:role/ci",
            "*",
            "arn:aws:iam::9*",
        ],
    ),
    (TEXT, "aws:userid", ["AROAEXAMPLEID1234567:*", "*:alice", "AIDA*", "AIDAEXAMPLEID1234567"]),
    (TEXT, "aws:username", ["admin", "*"]),
    (TEXT, "aws:PrincipalTag/team", ["ops", "*"]),
    (TEXT, "aws:SourceVpc", ["vpc-0a1b2c3d", "vpc-*"]),
    (TEXT, "aws:SourceVpce", ["vpce-0a1b2c3d", "vpce-*", ["vpce-0a1b2c3d", "vpce-1*"]]),
    (
        ADDRESS,
        "aws:SourceIp",
        ["203.0.113.0/24", "0.0.0.0/0", ["0.0.0.0/1", "128.0.0.0/1"], WHOLE, "10.0.0.0/8"],
    ),
    (("Bool",), "aws:SecureTransport", ["true", "false"]),
    (("Bool",), "aws:MultiFactorAuthPresent", ["true", "false"]),
    (("Bool",), "aws:ViaAWSService", ["true", "false"]),
    (("Bool",), "aws:PrincipalIsAWSService", ["true", "false"]),
    (("NumericLessThan",), "aws:MultiFactorAuthAge", ["3600"]),
    (TEXT, "aws:Referer", ["https://www.example.com/*"]),
    (("ForAnyValue:StringEquals", "ForAllValues:StringEquals"), "aws:CalledVia", [["athena.amazonaws.com"]]),
    (("Null",), "aws:PrincipalOrgID", ["true", "false"]),
    (("Null",), "aws:SourceVpce", ["true", "false"]),
    (("Null",), "aws:PrincipalAccount", ["true", "false"]),
    (TEXT, "aws:UnheardOf", ["of"]),
]
OF_BUCKETS: Menu = [
    (TEXT, "s3:x-amz-acl", ["bucket-owner-full-control"]),
    (TEXT, "s3:ExistingObjectTag/public", ["yes"]),
    (TEXT, "s3:prefix", ["shared/*"]),
]
OF_KEYS: Menu = [
    (TEXT, "kms:CallerAccount", [OWN, OTHER, "1*", "*"]),
    (TEXT, "kms:ViaService", ["s3.eu-west-1.amazonaws.com", "s3.*.amazonaws.com"]),
    (TEXT, "kms:EncryptionContext:app", ["shop"]),
    (TEXT, "aws:ResourceTag/env", ["prod"]),
]
OF_ROLES: Menu = [
    (TEXT, "sts:ExternalId", ["shop-1", "*"]),
    (TEXT, "sts:RoleSessionName", ["deploy-*"]),
    (TEXT, "iam:ResourceTag/env", ["prod"]),
]
SUBJECTS = {
    "token.actions.githubusercontent.com": [
        f"repo:{TENANT}/*", f"repo:{TENANT}/api:ref:refs/heads/main", f"repo:{TENANT}*", "repo:*", "*",
        f"*{TENANT}/api*", "*:environment:prod",
        f"repo:{TENANT}-*/api:*", f"r*{TENANT}/*", f"repo?{TENANT}/*",
        f"repo:{TENANT}/*:environment:prod", f"repo:*/{TENANT}:*",
    ],
    "gitlab.com": [
        f"project_path:{TENANT}/*", f"project_path:{TENANT}*", "project_path:*:ref_type:branch:ref:main",
        "p*",
        f"project_path:*/{TENANT}/*",
    ],
    "app.terraform.io": [
        f"organization:{TENANT}:*", f"organization:{TENANT}*", "organization:*:project:p:*", f"*:{TENANT}:*",
    ],
}  # fmt: skip


def _conditions(random: Random, menu: Menu) -> dict[str, Any]:
    conditions: dict[str, Any] = {}
    for _ in range(random.randint(0, 3)):
        operators, key, values = random.choice(menu)
        operator = random.choice(operators)
        if operator != "Null" and ":" not in operator:
            if random.randint(0, 3) == 0:
                operator += "IfExists"
            if random.randint(0, 7) == 0:
                operator = random.choice(["ForAnyValue:", "ForAllValues:"]) + operator
        conditions.setdefault(operator, {})[key] = random.choice(values)
    return conditions


PRINCIPALS: list[Element] = (
    [
        {"Principal": "*"}, {"Principal": "*"}, {"Principal": {"AWS": "*"}},
        {"Principal": {"AWS": f"arn:aws:iam::{OTHER}:root"}}, {"Principal": {"AWS": [OTHER, "*"]}},
        {"Principal": {"Service": "cloudtrail.amazonaws.com"}}, {"NotPrincipal": {"AWS": OWN}},
        {"NotPrincipal": {"AWS": [f"arn:aws:iam::{OTHER}:root", f"arn:aws:iam::{OTHER}:role/x"]}},
    ]
)  # fmt: skip


def _made_of(
    principals: list[Element], actions: list[Element], resources: list[Element], menu: Menu
) -> Callable[[Random], Policy]:
    def statement(random: Random, effects: list[str]) -> Element:
        found = {"Effect": random.choice(effects), **random.choice(principals), **random.choice(actions)}
        found |= random.choice(resources)
        conditions = _conditions(random, menu)
        return {**found, "Condition": conditions} if conditions else found

    def policy(random: Random) -> Policy:
        others = [statement(random, ["Allow", "Deny", "Deny"]) for _ in range(random.randint(0, 2))]
        return {"Version": "2012-10-17", "Statement": [statement(random, ["Allow"]), *others]}

    return policy


ARN = "arn:aws:s3:::www"
bucket_policy = _made_of(
    PRINCIPALS,
    [
        {"Action": "s3:GetObject"}, {"Action": "s3:*"}, {"Action": "*"},
        {"Action": ["s3:GetObject", "s3:PutObject"]},
        {"Action": "s3:Get*"}, {"NotAction": "s3:ListBucket"}, {"NotAction": ["s3:Get*"]},
    ],
    [{"Resource": f"{ARN}/*"}, {"Resource": [ARN, f"{ARN}/*"]}, {"Resource": "*"}, {"Resource": f"{ARN}/a/*"},
     {"NotResource": f"{ARN}/a/*"}],
    COMMON + OF_BUCKETS,
)  # fmt: skip
key_policy = _made_of(
    PRINCIPALS,
    [
        {"Action": "kms:Decrypt"}, {"Action": "kms:*"}, {"Action": "*"},
        {"Action": ["kms:Encrypt", "kms:Decrypt"]},
        {"Action": "kms:De*"}, {"NotAction": "kms:Encrypt"}, {"NotAction": "kms:*"},
    ],
    [{"Resource": "*"}],
    COMMON + OF_KEYS,
)  # fmt: skip
trust_policy = _made_of(
    PRINCIPALS,
    [
        {"Action": "sts:AssumeRole"},
        {"Action": "sts:*"},
        {"Action": "sts:Assume*"},
        {"NotAction": "sts:TagSession"},
    ],
    [{}],
    COMMON + OF_ROLES,
)


def federated_policy(random: Random) -> tuple[str, Policy]:
    """An issuer, and a trust policy for the holders of its tokens."""
    issuer = random.choice(sorted(TOKENS))
    menu: Menu = [
        (TEXT, f"{issuer}:sub", SUBJECTS[issuer]),
        (TEXT, f"{issuer}:sub", SUBJECTS[issuer]),
        (TEXT, f"{issuer}:sub", [SUBJECTS[issuer]]),
        (TEXT, f"{issuer}:aud", ["sts.amazonaws.com", "https://example.com", "*"]),
        (ADDRESS, "aws:SourceIp", ["203.0.113.0/24", WHOLE]),
        (TEXT, "aws:PrincipalOrgID", [ORG]),
    ]
    if "github" in issuer:
        menu.append((TEXT, f"{issuer}:environment", ["prod"]))
    provider = {"Federated": f"arn:aws:iam::{OWN}:oidc-provider/{issuer}"}
    principals: list[Element] = [{"Principal": provider}] * 3 + [{"Principal": "*"}]
    actions: list[Element] = [{"Action": "sts:AssumeRoleWithWebIdentity"}, {"Action": "sts:*"}]
    policy = _made_of(principals, actions, [{}], menu)(random)
    policy["Statement"][0]["Principal"] = provider
    return issuer, policy


RANDOM = st.randoms(use_true_random=False)
BUCKETS = RANDOM.map(bucket_policy)
KEYS = RANDOM.map(key_policy)
TRUSTS = RANDOM.map(trust_policy)
FEDERATED = RANDOM.map(federated_policy)
