from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from providers.aws.policies.trust import Organisation, RoleHome, trust
from scanner.model.evidence import Unknown

OWN, SISTER, MANAGEMENT, OUTSIDER = "111122223333", "444455556666", "555566667777", "999988887777"
ORG = "o-aa111bb222"
DENIED = Unknown.because("denied", "organizations:ListAccounts", "organizations:ListAccounts", "no")
HOME = RoleHome(OWN, Organisation(ORG, MANAGEMENT), frozenset({OWN, SISTER, MANAGEMENT}))
ALONE = RoleHome(OWN, None, DENIED)
MEMBER = RoleHome(OWN, Organisation(ORG, MANAGEMENT), DENIED)
BLIND = RoleHome(OWN, DENIED, DENIED)

GITHUB = f"arn:aws:iam::{OWN}:oidc-provider/token.actions.githubusercontent.com"
CLUSTER = f"arn:aws:iam::{OWN}:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/ABCDEF0123456789"
DIRECTORY = f"arn:aws:iam::{OWN}:saml-provider/AWSSSO_0a1b2c3d4e5f6071_DO_NOT_DELETE"
SAML = f"arn:aws:iam::{OWN}:saml-provider/sign-in"
ANYONE: Mapping[str, Any] = {"AWS": "*"}
CLAIM = "token.actions.githubusercontent.com"


def allow(
    principal: Any, condition: Mapping[str, Any] | None = None, action: Any = "sts:AssumeRole", **more: Any
) -> Mapping[str, Any]:
    found = {"Effect": "Allow", "Principal": principal, "Action": action, **more}
    return found if condition is None else {**found, "Condition": condition}


def deny(condition: Mapping[str, Any] | None = None, principal: Any = "*") -> Mapping[str, Any]:
    return {**allow(principal, condition, "sts:*"), "Effect": "Deny"}


def web(principal: str, condition: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    of = "SAML" if ":saml-provider/" in principal else "WebIdentity"
    return allow({"Federated": principal}, condition, f"sts:AssumeRoleWith{of}")


def external(*found: Mapping[str, Any], home: RoleHome = HOME) -> object:
    value = trust({"Statement": list(found)}, OWN).external(home)
    return "?" if isinstance(value, Unknown) else value


def conditioned(*found: Mapping[str, Any]) -> object:
    value = trust({"Statement": list(found)}, OWN).conditioned
    return "?" if isinstance(value, Unknown) else value


@pytest.mark.parametrize(
    ("principal", "expected", "type_"),
    [
        ({"Service": "ec2.amazonaws.com"}, "ec2.amazonaws.com", "workload"),
        (
            {"Service": ["lambda.amazonaws.com", "ec2.amazonaws.com"]},
            "ec2.amazonaws.com, lambda.amazonaws.com",
            "workload",
        ),
        ({"AWS": OWN}, OWN, "group"),
        ({"AWS": f"arn:aws:iam::{OWN}:root"}, f"arn:aws:iam::{OWN}:root", "group"),
        ({"AWS": f"arn:aws:iam::{OWN}:user/a/b"}, f"arn:aws:iam::{OWN}:user/a/b", "user"),
        ({"AWS": f"arn:aws:iam::{OWN}:role/r"}, f"arn:aws:iam::{OWN}:role/r", "workload"),
        (
            {"AWS": f"arn:aws:sts::{OWN}:assumed-role/r/s"},
            f"arn:aws:sts::{OWN}:assumed-role/r/s",
            "workload",
        ),
        ({"AWS": OUTSIDER}, OUTSIDER, "account"),
        ({"AWS": f"arn:aws:iam::{OUTSIDER}:user/u"}, f"arn:aws:iam::{OUTSIDER}:user/u", "account"),
        ({"AWS": "*"}, "*", "public"),
        ("*", "*", "public"),
        ({"AWS": "AIDAIOSFODNN7EXAMPLE"}, "AIDAIOSFODNN7EXAMPLE", "user"),
        ({"AWS": "AROAIOSFODNN7EXAMPLE"}, "AROAIOSFODNN7EXAMPLE", "workload"),
        ({"Service": "ec2.amazonaws.com", "AWS": OWN}, f"{OWN}, ec2.amazonaws.com", "group"),
        ({"Service": "ec2.amazonaws.com", "AWS": OUTSIDER}, f"{OUTSIDER}, ec2.amazonaws.com", "account"),
    ],
)
def test_principals(principal: Any, expected: str, type_: str) -> None:
    found = trust({"Statement": [allow(principal)]}, OWN)
    assert (found.principal, found.principal_type) == (expected, type_)


@pytest.mark.parametrize(
    ("provider", "type_", "outside"),
    [
        (GITHUB, "account", True),
        (f"{GITHUB}/example-shop", "account", "?"),
        ("cognito-identity.amazonaws.com", "account", True),
        ("accounts.google.com", "account", True),
        (CLUSTER, "workload", "?"),
        (DIRECTORY, "group", False),
        (SAML, "account", "?"),
        (f"arn:aws:iam::{OWN}:oidc-provider/login.example.com", "account", "?"),
    ],
)
def test_identity_providers(provider: str, type_: str, outside: object) -> None:
    assert trust({"Statement": [web(provider)]}, OWN).principal_type == type_
    assert external(web(provider)) == outside


@pytest.mark.parametrize(
    ("statement", "with_all", "as_member", "alone", "blind"),
    [
        (allow({"Service": "ec2.amazonaws.com"}), False, False, False, False),
        (allow({"AWS": OWN}), False, False, False, False),
        (allow({"AWS": SISTER}), False, "?", True, "?"),
        (allow({"AWS": MANAGEMENT}), False, False, True, "?"),
        (allow({"AWS": OUTSIDER}), True, "?", True, "?"),
        (allow({"AWS": [SISTER, OUTSIDER]}), True, "?", True, "?"),
        (allow(ANYONE), True, True, True, True),
        (allow({"AWS": "AIDAIOSFODNN7EXAMPLE"}), "?", "?", "?", "?"),
        (allow(ANYONE, {"StringEquals": {"aws:PrincipalOrgID": ORG}}), False, False, True, "?"),
        (allow(ANYONE, {"StringLike": {"aws:PrincipalOrgPaths": f"{ORG}/*"}}), False, False, True, "?"),
        (allow(ANYONE, {"StringEquals": {"aws:PrincipalOrgID": "o-other12345"}}), True, True, True, "?"),
        (
            allow(ANYONE, {"StringEquals": {"aws:PrincipalOrgID": [ORG, "o-other12345"]}}),
            True,
            True,
            True,
            "?",
        ),
        (allow(ANYONE, {"StringLike": {"aws:PrincipalOrgID": "o-*"}}), True, True, True, True),
        (allow(ANYONE, {"StringLike": {"aws:PrincipalOrgID": "*"}}), True, True, True, True),
        (allow(ANYONE, {"StringLike": {"aws:PrincipalOrgID": [ORG, "*"]}}), True, True, True, True),
        (
            allow(ANYONE, {"StringLike": {"aws:PrincipalOrgPaths": [f"{ORG}/*", "o-*/r-*"]}}),
            True,
            True,
            True,
            True,
        ),
        (allow(ANYONE, {"StringEqualsIfExists": {"aws:PrincipalOrgID": ORG}}), True, True, True, True),
        (allow(ANYONE, {"StringNotEquals": {"aws:PrincipalOrgID": ORG}}), True, True, True, True),
        (allow({"AWS": OUTSIDER}, {"StringEquals": {"aws:PrincipalOrgID": ORG}}), False, False, True, "?"),
        (allow(ANYONE, {"StringEquals": {"aws:PrincipalAccount": OWN}}), False, False, False, False),
        (allow(ANYONE, {"StringEquals": {"aws:PrincipalAccount": SISTER}}), False, "?", True, "?"),
        (
            allow(ANYONE, {"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{SISTER}:role/ci-*"}}),
            False,
            "?",
            True,
            "?",
        ),
        (allow(ANYONE, {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/ci"}}), True, True, True, True),
        (allow(ANYONE, {"StringEquals": {"sts:ExternalId": "x"}}), True, True, True, True),
    ],
)
def test_outside(
    statement: Mapping[str, Any], with_all: object, as_member: object, alone: object, blind: object
) -> None:
    homes = (HOME, MEMBER, ALONE, BLIND)
    assert [external(statement, home=home) for home in homes] == [with_all, as_member, alone, blind]


def test_the_list_of_accounts_is_enough_without_the_organisation() -> None:
    listed = RoleHome(OWN, DENIED, frozenset({OWN, SISTER}))
    assert external(allow({"AWS": SISTER}), home=listed) is False
    assert external(allow({"AWS": OUTSIDER}), home=listed) is True


def test_an_unknown_names_the_call_that_would_resolve_it() -> None:
    found = trust({"Statement": [allow({"AWS": OUTSIDER})]}, OWN).external(MEMBER)
    assert found == DENIED


@pytest.mark.parametrize(
    ("condition", "type_"),
    [
        ({"StringEquals": {"aws:PrincipalOrgID": ORG}}, "account"),
        ({"StringEquals": {"aws:PrincipalAccount": OWN}}, "group"),
        ({"StringEquals": {"aws:PrincipalAccount": [OWN, SISTER]}}, "account"),
        ({"StringEquals": {"sts:ExternalId": "x"}}, "public"),
        ({"StringEquals": {"aws:PrincipalTag/team": "x"}}, "public"),
        ({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, "public"),
    ],
)
def test_everyone_within_a_condition(condition: Mapping[str, Any], type_: str) -> None:
    assert trust({"Statement": [allow(ANYONE, condition)]}, OWN).principal_type == type_


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (None, False),
        ({}, False),
        ({"StringEquals": {"sts:ExternalId": "shop-1"}}, True),
        ({"StringLike": {"sts:ExternalId": "shop-*"}}, True),
        ({"StringLike": {"sts:ExternalId": "*"}}, False),
        ({"StringEqualsIfExists": {"sts:ExternalId": "shop-1"}}, False),
        ({"StringNotEquals": {"sts:ExternalId": "shop-1"}}, False),
        ({"ForAllValues:StringEquals": {"sts:ExternalId": "shop-1"}}, False),
        ({"Null": {"sts:ExternalId": "false"}}, False),
        ({"stringequals": {"STS:EXTERNALID": "shop-1"}}, True),
        ({"Bool": {"aws:MultiFactorAuthPresent": "true"}}, True),
        ({"Bool": {"aws:MultiFactorAuthPresent": "false"}}, False),
        ({"BoolIfExists": {"aws:MultiFactorAuthPresent": "true"}}, False),
        ({"NumericLessThan": {"aws:MultiFactorAuthAge": "3600"}}, True),
        ({"StringEquals": {"aws:PrincipalOrgID": ORG}}, True),
        ({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, True),
        ({"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}, False),
        ({"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{OUTSIDER}:role/*"}}, True),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/*"}}, False),
        ({"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}, False),
        ({"DateLessThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}}, False),
        ({"StringEquals": {"sts:TransitiveTagKeys": "team"}}, False),
        ({"NumericLessThan": {"sts:DurationSeconds": "3600"}}, False),
        ({"StringEquals": {"sts:Unheard": "of"}}, "?"),
        ({"StringEquals": {"sts:ExternalId": "x", "sts:Unheard": "of"}}, True),
    ],
)
def test_a_condition_that_narrows_who_may_assume_the_role(condition: Any, expected: object) -> None:
    assert conditioned(allow({"AWS": OUTSIDER}, condition)) == expected


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"StringEquals": {f"{CLAIM}:aud": "sts.amazonaws.com"}}, False),
        ({"StringLike": {f"{CLAIM}:sub": "repo:example-shop/*"}}, True),
        ({"StringEquals": {f"{CLAIM}:sub": "repo:example-shop/api:ref:refs/heads/main"}}, True),
        ({"StringLike": {f"{CLAIM}:sub": "repo:example-shop*"}}, False),
        ({"StringLike": {f"{CLAIM}:sub": "repo:*/api:*"}}, False),
        ({"StringLike": {f"{CLAIM}:sub": "*"}}, False),
        ({"StringLike": {f"{CLAIM}:sub": ["repo:example-shop/*", "*"]}}, False),
        ({"StringEquals": {f"{CLAIM}:repository_id": "123456"}}, True),
    ],
)
def test_claims_of_workflows(claims: Mapping[str, Any], expected: object) -> None:
    assert conditioned(web(GITHUB, claims)) == expected


def test_claims_of_other_identity_providers() -> None:
    pool = {"StringEquals": {"cognito-identity.amazonaws.com:aud": "eu-west-1:0a1b2c3d"}}
    guests = {"ForAnyValue:StringLike": {"cognito-identity.amazonaws.com:amr": "unauthenticated"}}
    users = {"ForAnyValue:StringLike": {"cognito-identity.amazonaws.com:amr": "authenticated"}}
    assert conditioned(web("cognito-identity.amazonaws.com", {**pool, **users})) is True
    # Whether the pool has guests is not read.
    assert conditioned(web("cognito-identity.amazonaws.com", pool)) == "?"
    assert conditioned(web("cognito-identity.amazonaws.com", guests)) is False
    audience = {"StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml"}}
    assert conditioned(web(SAML, audience)) is False
    assert conditioned(web(SAML, {"StringEquals": {"SAML:eduPersonAffiliation": "staff"}})) is True
    pod = {"StringEquals": {f"{CLUSTER.partition('provider/')[2]}:sub": "system:serviceaccount:shop:api"}}
    assert conditioned(web(CLUSTER, pod)) is True


def test_only_outsiders_need_to_be_narrowed() -> None:
    service = allow({"Service": "ec2.amazonaws.com"})
    narrowed = allow({"AWS": OUTSIDER}, {"StringEquals": {"sts:ExternalId": "shop-1"}})
    assert conditioned(service, narrowed) is True
    assert conditioned(narrowed, allow({"AWS": OUTSIDER})) is False
    assert conditioned(service) is False
    sourced = {"StringEquals": {"aws:SourceAccount": OWN}}
    assert conditioned(allow({"Service": "s3.amazonaws.com"}, sourced)) is True


def test_a_denial_to_all_other_organisations() -> None:
    closing = deny(
        {
            "StringNotEquals": {"aws:PrincipalOrgID": ORG},
            "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
        }
    )
    found = trust({"Statement": [allow(ANYONE), closing]}, OWN)
    assert (found.principal_type, found.external(HOME), found.conditioned) == ("account", False, True)
    assert external(allow({"AWS": OUTSIDER}), closing, home=MEMBER) is False
    # A denial that is not understood is ignored.
    odd = deny({"StringNotLike": {"aws:PrincipalOrgID": "o-*"}})
    assert external(allow(ANYONE), odd) is True


def test_a_role_denied_to_everyone_has_no_principal() -> None:
    found = trust({"Statement": [allow(ANYONE), deny()]}, OWN)
    assert (found.principal, found.external(HOME), found.conditioned) == ("nobody", False, False)
    assert trust({"Statement": [deny()]}, OWN).principal_type == "workload"


def test_not_principal_is_everyone() -> None:
    found = trust({"Statement": {"Effect": "Allow", "NotPrincipal": {"AWS": OWN}, "Action": "sts:*"}}, OWN)
    assert (found.principal_type, found.external(HOME)) == ("public", True)


def test_users_of_an_identity_provider_do_not_call_assume_role() -> None:
    assert trust({"Statement": [allow({"Federated": GITHUB})]}, OWN).sources == ()
    saml = allow({"AWS": OUTSIDER}, action="sts:AssumeRoleWithSAML")
    assert trust({"Statement": [saml]}, OWN).sources == ()


def test_tagging_a_session_assumes_no_role() -> None:
    assert trust({"Statement": [allow({"AWS": OUTSIDER}, action="sts:TagSession")]}, OWN).sources == ()
    assert trust({"Statement": [allow({"AWS": OUTSIDER}, action="sts:Assume*")]}, OWN).sources


def test_a_policy_may_be_json_text() -> None:
    assert trust(json.dumps({"Statement": [allow(ANYONE)]}), OWN).principal_type == "public"


@pytest.mark.parametrize(
    "document",
    [
        None,
        "",
        {},
        {"Statement": [allow({})]},
        {"Statement": [allow({"AWS": "someone"})]},
        {"Statement": [allow({"AWS": f"arn:aws:s3:::{OWN}"})]},
        {"Statement": [allow({"CanonicalUser": "79a59df900b949e5"})]},
        {"Statement": [allow("everyone")]},
        {"Statement": [{**allow(ANYONE), "Resource": "*"}]},
    ],
)
def test_what_is_not_a_trust_policy_is_an_error(document: Any) -> None:
    with pytest.raises(ValueError):
        trust(document, OWN)
