from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.aws.policies.escalations import ESCALATIONS, HARMLESS
from providers.aws.policies.patterns import narrowest, widest
from providers.aws.policies.privileges import PolicyHolder, ReadPolicy
from providers.aws.policies.rights import GRANTING_RIGHTS, KNOWN_SERVICES
from providers.aws.policies.services import WITHOUT_ROLES
from providers.aws.policies.statements import statements
from scanner.model.evidence import Unknown
from scanner.policy.patterns import intersect, matches

ACCOUNT = "111122223333"
UNREAD = Unknown.because("denied", "iam:GetAccountAuthorizationDetails", None, "not read")
Statement = Mapping[str, Any]


def policy(*found: Statement) -> ReadPolicy:
    return statements({"Version": "2012-10-17", "Statement": list(found)})


def allow(action: str | list[str] = "*", resource: str | list[str] = "*", **more: Any) -> Statement:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: str | list[str] = "*", resource: str | list[str] = "*", **more: Any) -> Statement:
    return {**allow(action, resource, **more), "Effect": "Deny"}


def rights(policies: Sequence[ReadPolicy], boundary: ReadPolicy | None = None) -> tuple[object, object]:
    """Whether it has administrator access and whether it may grant permissions; ``?`` for unknown."""
    identity = PolicyHolder(policies, boundary, "aws", ACCOUNT)
    found = (identity.everything, identity.grants_rights)
    return tuple("?" if isinstance(each, Unknown) else each for each in found)  # type: ignore[return-value]


OWN = f"arn:aws:iam::{ACCOUNT}"
POWER_USER = {"Effect": "Allow", "NotAction": ["iam:*", "organizations:*", "account:*"], "Resource": "*"}
WITH_MFA = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
UNSURE = {"StringEquals": {"aws:PrincipalTag/team": "platform"}}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([], (False, False)),
        ([allow()], (True, True)),
        ([allow("*:*")], (True, True)),
        ([allow(["s3:GetObject", "*"])], (True, True)),
        ([allow("*", ["arn:aws:s3:::b", "*"])], (True, True)),
        ([allow("*", "arn:aws:*")], (True, True)),
        ([allow("*", "arn:*:*:*:*:*")], (True, True)),
        ([allow("*", "arn:aws:s3:::*")], (False, False)),
        ([allow("*", f"{OWN}:*")], (False, True)),
        ([allow("*", "arn:aws:iam::444455556666:*")], (False, False)),
        ([allow("*", "arn:aws-cn:iam::*:*")], (False, False)),
        ([allow("s3:*")], (False, False)),
        ([allow("iam:*")], (False, True)),
        ([allow("IAM:PUT*POLICY")], (False, True)),
        ([allow("iam:Put?olePolicy")], (False, True)),
        ([allow("iam:Put*Policies")], (False, False)),
        ([allow(["iam:Get*", "iam:List*", "iam:Generate*", "iam:PassRole"])], (False, False)),
        ([allow("i*")], (False, True)),
        ([allow("*:Create*")], (False, True)),
        ([allow("iam:PutRolePolicy", f"{OWN}:role/payments-*")], (False, True)),
        ([allow("iam:PutRolePolicy", "arn:aws:iam::*:role/a")], (False, True)),
        ([allow("iam:PutRolePolicy", "arn:aws:s3:::a")], (False, False)),
        ([allow("iam:PutRolePolicy", f"{OWN}:user/a")], (False, False)),
        ([allow("iam:PutUserPolicy", f"{OWN}:user/${{aws:username}}")], (False, True)),
        ([allow("iam:*AccessKey*", f"{OWN}:user/${{aws:username}}")], (False, False)),
        ([allow("iam:*AccessKey*", f"{OWN}:user/${{AWS:UserName}}")], (False, False)),
        ([allow("iam:*AccessKey*", f"{OWN}:user/service/*")], (False, True)),
        ([allow("iam:CreateAccessKey")], (False, True)),
        ([allow("iam:CreateAccessKey", f"{OWN}:user/${{aws:PrincipalTag/owns}}")], (False, True)),
        ([allow("sts:AssumeRole")], (False, True)),
        ([allow("sts:AssumeRole", "arn:aws:iam::*:role/*")], (False, True)),
        ([allow("sts:AssumeRole", f"{OWN}:role/deploy")], (False, False)),
        ([allow("sts:AssumeRole", f"{OWN}:role/team-*")], (False, False)),
        ([allow("sts:AssumeRole", "arn:aws:iam::444455556666:role/*")], (False, False)),
        ([allow("sso:PutInlinePolicyToPermissionSet")], (False, True)),
        # It may assume every role that trusts the whole account.
        ([POWER_USER], (False, True)),
        ([POWER_USER, allow("iam:*")], (True, True)),
        ([{**POWER_USER, "NotAction": ["aws-portal:*"]}], (True, True)),
        ([{**POWER_USER, "NotAction": "*"}], (False, False)),
        ([{"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::audit-logs"}], (True, True)),
        ([{"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:iam::*"}], (False, True)),
        (
            [{"Effect": "Allow", "Action": "iam:*", "NotResource": ["arn:aws:iam::*:*"]}],
            (False, False),
        ),
        ([{"Effect": "Allow", "Action": "*", "NotResource": "*"}], (False, False)),
        ([allow(Condition=WITH_MFA)], (True, True)),
        ([allow(Condition=UNSURE)], ("?", "?")),
        ([allow("iam:*", Condition=UNSURE)], (False, "?")),
        ([allow(Condition=UNSURE), allow("iam:*")], ("?", True)),
        ([allow(Condition={**WITH_MFA, **UNSURE})], ("?", "?")),
        ([allow("s3:*", Condition=UNSURE)], (False, False)),
    ],
)
def test_what_is_allowed(found: Sequence[Statement], expected: tuple[object, object]) -> None:
    assert rights([policy(*found)]) == expected
    assert rights([policy(each) for each in found]) == expected


@pytest.mark.parametrize(
    ("denial", "expected"),
    [
        (deny(), (False, False)),
        (deny("iam:*"), (False, True)),
        # It may run code in the workloads of other identities, and change the groups of Identity Center.
        (deny(["iam:*", "sts:*", "sso:*"]), (False, True)),
        # What other actions grant is unknown.
        (deny(["iam:*", "sts:*", "sso*", "identitystore:*", "lambda:*"]), (False, "?")),
        # Who may still change policies can remove the denial.
        (deny("organizations:LeaveOrganization"), (True, True)),
        (deny("s3:*"), (True, True)),
        (deny("iam:CreateUser"), (True, True)),
        (deny("*", "arn:aws:s3:::audit-logs"), (True, True)),
        (deny("iam:*", f"{OWN}:role/audit"), (True, True)),
        (deny("*", Condition={"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}), (True, True)),
        (deny("*", Condition={"StringNotEquals": {"aws:RequestedRegion": "eu-west-1"}}), (True, True)),
        (deny("*", Condition={"DateLessThan": {"aws:TokenIssueTime": "2026-01-01T00:00:00Z"}}), (True, True)),
        (deny("*", Condition=UNSURE), ("?", "?")),
        (deny("*", Condition={**WITH_MFA, **UNSURE}), ("?", "?")),
        ({"Effect": "Deny", "NotAction": "s3:*", "Resource": "*"}, (False, False)),
        ({"Effect": "Deny", "NotAction": "iam:*", "Resource": "*"}, (True, True)),
        ({"Effect": "Deny", "Action": "*", "NotResource": "arn:aws:s3:::b"}, (False, False)),
        ({"Effect": "Deny", "Action": "*", "NotResource": f"{OWN}:role/own"}, (True, True)),
    ],
)
def test_a_denial_counts_unless_the_identity_can_remove_it(
    denial: Statement, expected: tuple[object, object]
) -> None:
    assert rights([policy(allow(), denial)]) == expected
    assert rights([policy(allow()), policy(denial)]) == expected
    assert rights([policy(allow())], policy(allow(), denial)) == expected


def test_without_iam_actions_permissions_are_granted_by_assuming_roles() -> None:
    assert rights([policy(allow("iam:*"), deny("iam:*"), allow("sts:AssumeRole"))]) == (False, True)
    assert rights([policy(allow("iam:*"), deny("iam:*"))]) == (False, False)


@pytest.mark.parametrize(
    ("boundary", "expected"),
    [
        (policy(allow()), (True, True)),
        (policy(), (False, False)),
        (policy(allow(["s3:*", "sqs:*"])), (False, False)),
        (policy(allow("iam:*")), (False, True)),
        (policy(POWER_USER), (False, True)),
        (policy(allow(Condition=UNSURE)), ("?", "?")),
        (UNREAD, ("?", "?")),
    ],
)
def test_a_boundary_must_allow_it_too(boundary: ReadPolicy, expected: tuple[object, object]) -> None:
    assert rights([policy(allow())], boundary) == expected


def test_a_policy_that_was_not_read_hides_what_it_could_change() -> None:
    assert rights([UNREAD]) == ("?", "?")
    assert rights([policy(allow("s3:*")), UNREAD]) == ("?", "?")
    # It could contain a Deny.
    assert rights([policy(allow()), UNREAD]) == ("?", "?")
    assert rights([UNREAD], policy(allow("s3:*"))) == (False, False)


@given(st.data())
def test_hiding_a_policy_only_makes_the_result_unknown(data: st.DataObject) -> None:
    texts = st.sampled_from(
        [
            allow(),
            allow("iam:*"),
            allow("s3:*"),
            POWER_USER,
            allow(Condition=UNSURE),
            deny(),
            deny("iam:*"),
            deny(Condition=UNSURE),
        ]
    )
    found: list[ReadPolicy] = [
        policy(*each) for each in data.draw(st.lists(st.lists(texts), min_size=1, max_size=3))
    ]
    hidden = data.draw(st.integers(0, len(found) - 1))
    full = rights(found)
    partly = rights([UNREAD if at == hidden else each for at, each in enumerate(found)])
    for before, after in zip(full, partly, strict=True):
        assert after in (before, "?")


@pytest.mark.parametrize(
    "document",
    [
        None,
        "",
        "{",
        [],
        {},
        {"Statement": [1]},
        {"Statement": {"Effect": "Allow"}},
        {"Statement": {**allow(), "Effect": "allow"}},
        {"Statement": {**allow(), "NotAction": "s3:*"}},
        {"Statement": {**allow(), "Principal": "*"}},
        {"Statement": {**allow(), "action": "s3:*"}},
        {"Statement": {**allow(), "Condition": []}},
        {"Statement": allow(action=[1])},  # type: ignore[list-item]
    ],
)
def test_what_is_not_a_policy_of_an_identity_is_an_error(document: Any) -> None:
    with pytest.raises(ValueError):
        statements(document)


def test_case_of_elements_does_not_matter() -> None:
    found = {"statement": {"EFFECT": "Allow", "action": "*", "RESOURCE": "*"}}
    assert rights([statements(found)]) == (True, True)


CLIENTS = {
    "airflow": ["mwaa"],
    "airflow-serverless": ["mwaa-serverless"],
    "bedrock-agentcore": ["bedrock-agentcore", "bedrock-agentcore-control"],
    "elasticmapreduce": ["emr"],
    "kinesisanalytics": ["kinesisanalytics", "kinesisanalyticsv2"],
    "lambda": ["lambda", "lambda-microvms"],
    "s3": ["s3", "s3control"],
    "sso": ["sso-admin"],
    "states": ["stepfunctions"],
}
"""The SDK's names of a service where its actions have another."""
WITHOUT_CLIENT = {"codestar", "opsworks", "sso-directory"}
"""Services whose actions the SDK does not have, or no longer."""
PERMISSIONS_ONLY = {
    "bedrock-agentcore:connectbrowserautomationstream",
    "apigateway:patch",
    "apigateway:post",
    "apigateway:put",
    "cloudformation:createresource",
    "cloudformation:updateresource",
    "iam:passrole",
    "lambda:invokefunction",
    "lambda:invokefunctionurl",
    "sso:associateprofile",
    "sso:updatetrust",
}
"""Actions that no operation of the same client has (Service Authorization Reference)."""
READING = ("get", "list", "generate", "simulate", "tag", "untag")


def operations(service: str) -> set[str]:
    import botocore.session

    session = botocore.session.get_session()
    models = map(session.get_service_model, CLIENTS.get(service, [service]))
    return {each.lower() for model in models for each in model.operation_names}


def test_every_escalation_is_an_action_of_its_service() -> None:
    actions = {right.action for escalation in ESCALATIONS for right in escalation.rights}
    services = {action.partition(":")[0] for action in actions} - WITHOUT_CLIENT
    known = {f"{service}:{name}" for service in services for name in operations(service)}
    wrong = {action for action in actions - known - PERMISSIONS_ONLY if action.partition(":")[0] in services}
    assert wrong == set()


def test_every_write_of_iam_is_judged() -> None:
    """An operation that is new in IAM must be entered in the data: as an escalation, or as harmless."""
    actions = {right.action for escalation in ESCALATIONS for right in escalation.rights}
    judged = {f"iam:{name}".lower() for name in HARMLESS} | actions
    writes = {f"iam:{name}" for name in operations("iam") if not name.startswith(READING)}
    assert writes <= judged
    assert not {f"iam:{name}".lower() for name in HARMLESS} & {each.action for each in GRANTING_RIGHTS}


NEW_SERVICES = {
    *("account-access", "aidevops", "cloudwatch-omni", "connecthealth", "continuum", "rtbfabric", "s3files"),
    *("securityagent", "agent-registry"),
}
"""Services of the SDK that are too new to tell what they do with roles: what uses them stays unknown."""
PREFIXES = {
    "amp": "aps",
    "cloudcontrol": "cloudformation",
    "cloudwatchomni": "cloudwatch-omni",
    "devops-agent": "aidevops",
    "emr": "elasticmapreduce",
    "mwaa": "airflow",
    "opensearch": "es",
    "opensearchserverless": "aoss",
    "stepfunctions": "states",
    "timestream-query": "timestream",
    "cloudwatch": "cloudwatch",
    "mailmanager": "ses",
    "sso-admin": "sso",
}
"""The prefix of a service's actions where the SDK's model does not tell it."""


def takes_role(shape: Any, depth: int = 4) -> bool:
    """Whether the ARN of a role is part of the input."""
    if shape.type_name == "list":
        return depth > 0 and takes_role(shape.member, depth - 1)
    return shape.type_name == "structure" and any(
        (name.lower().endswith("rolearn") and member.type_name == "string")
        or (depth > 0 and takes_role(member, depth - 1))
        for name, member in shape.members.items()
    )


def test_every_service_that_takes_roles_is_judged() -> None:
    """A service that is new in the SDK must be entered in the data, or it makes rights unknown."""
    import botocore.session

    session = botocore.session.get_session()
    found = set()
    for name in session.get_available_services():
        model = session.get_service_model(name)
        inputs = (model.operation_model(each).input_shape for each in model.operation_names)
        if any(shape is not None and takes_role(shape) for shape in inputs):
            prefix = model.metadata.get("signingName") or model.metadata["endpointPrefix"]
            found.add(PREFIXES.get(name, prefix))
    assert found - KNOWN_SERVICES <= NEW_SERVICES
    assert not found & WITHOUT_ROLES


PASSING = allow("iam:PassRole")
TO_STATES = {"StringEquals": {"iam:PassedToService": "states.eu-west-1.amazonaws.com"}}
TO_STATES_ANYWHERE = {"StringLike": {"iam:PassedToService": "states.*.amazonaws.com"}}
TO_LAMBDA = {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
STATES = allow(["states:CreateStateMachine", "states:StartExecution"])
USING = allow("newservice:*")


def passed_to(service: str, operator: str = "StringEquals") -> Mapping[str, Mapping[str, str]]:
    return {operator: {"iam:PassedToService": service}}


def but(service: str, operator: str = "StringNotEquals") -> Mapping[str, Mapping[str, str]]:
    return passed_to(service, operator)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        *(
            ([PASSING, allow(actions)], True)
            for actions in (
                ["dms:CreateEndpoint", "dms:StartReplicationTask"],
                ["transfer:CreateUser"],
                ["config:PutRemediationConfigurations"],
                ["servicecatalog:CreateConstraint", "servicecatalog:ProvisionProduct"],
                ["appstream:CreateFleet", "appstream:CreateStreamingURL"],
                ["events:PutTargets"],
                ["pipes:CreatePipe"],
                ["budgets:CreateBudgetAction"],
                ["fis:CreateExperimentTemplate", "fis:StartExperiment"],
                ["appsync:CreateDataSource", "appsync:CreateResolver"],
                ["ssm:RegisterTaskWithMaintenanceWindow"],
                ["codebuild:StartBuild"],
                ["airflow-serverless:*"],
            )
        ),
        ([PASSING, allow("apigateway:PUT", "arn:aws:apigateway:*::/restapis/*")], True),
        # One action of two, or roles for another service.
        ([PASSING, allow("appstream:CreateFleet")], False),
        ([PASSING, allow("servicecatalog:ProvisionProduct")], False),
        ([allow("iam:PassRole", Condition=TO_LAMBDA), allow("events:PutTargets")], False),
        ([allow("iam:PassRole", Condition=TO_STATES), STATES], True),
        ([allow("iam:PassRole", Condition=TO_STATES_ANYWHERE), STATES], True),
        ([allow("iam:PassRole", Condition=passed_to("states.eusc-de-east-1.amazonaws.com")), STATES], True),
        ([allow("iam:PassRole", Condition=TO_STATES), allow("events:PutTargets")], False),
        # Services that use a role for their own purpose, that take none, and that are not known.
        ([PASSING, allow(["lex:*", "textract:*", "transcribe:*", "sqs:*", "cloudwatch:*"])], False),
        ([PASSING, allow("newservice:*")], "?"),
        ([PASSING, allow("newservice:Create*")], "?"),
        ([PASSING, allow("newserv*:*")], "?"),
        ([PASSING, allow("textr*:*")], False),
        ([PASSING, allow(["newservice:Get*", "newservice:ListThings"])], False),
        ([allow("newservice:*")], False),
        ([allow("iam:PassRole", Condition=TO_LAMBDA), allow("newservice:*")], False),
        ([allow("iam:PassRole", f"{OWN}:role/app"), allow("newservice:*")], False),
        # The condition names that service, or one of its principals.
        (
            [allow("iam:PassRole", Condition=passed_to("newservice.amazonaws.com")), allow("newservice:*")],
            "?",
        ),
        ([allow("iam:PassRole", Condition=passed_to("tasks.newservice.amazonaws.com")), USING], "?"),
        ([allow("iam:PassRole", Condition=passed_to("newservice.*", "StringLike")), USING], "?"),
        # All but one region, or a denial of one, leaves the service's other principals.
        ([allow("iam:PassRole", Condition=but("states.eu-west-1.amazonaws.com")), STATES], True),
        ([allow("iam:PassRole", Condition=but("states.*.amazonaws.com", "StringNotLike")), STATES], True),
        ([allow("iam:PassRole", Condition=but("states.amazonaws.com")), STATES], False),
        ([allow("iam:PassRole", Condition=but("states.*", "StringNotLike")), STATES], False),
        ([PASSING, deny("iam:PassRole", Condition=TO_STATES), STATES], True),
        ([PASSING, deny("iam:PassRole", Condition=passed_to("states.amazonaws.com")), STATES], False),
        ([PASSING, deny("iam:PassRole", Condition=but("states.eu-west-1.amazonaws.com")), STATES], True),
        ([PASSING, deny("iam:PassRole", Condition=but("lambda.amazonaws.com")), STATES], False),
        # An asterisk is a wildcard in patterns only.
        ([PASSING, deny("iam:PassRole", Condition=passed_to("states.*")), STATES], True),
        # A region of the partition in China.
        (
            [allow("iam:PassRole", Condition=passed_to("states.*.amazonaws.com.cn", "StringLike")), STATES],
            True,
        ),
    ],
)
def test_roles_that_services_take(found: Sequence[Statement], expected: object) -> None:
    assert rights([policy(*found)])[1] == expected


TEXTS = ["".join(each) for size in range(11) for each in itertools.product("ab", repeat=size)]


@given(st.text(alphabet="ab*?", max_size=5), st.text(alphabet="ab*?", max_size=5))
def test_patterns_intersect_if_a_text_matches_both(first: str, second: str) -> None:
    both = any(matches(first, text) and matches(second, text) for text in TEXTS)
    assert intersect(first, second) is both
    assert intersect(second, first) is both


def test_policy_variables() -> None:
    assert widest("a/${aws:username}/${*}${?}${$}b") == "a/*/\x02\x03$b"
    assert not matches(narrowest("a/${aws:username}"), "a/b")
    assert matches(widest("a/${aws:username}"), "a/b")
    assert not matches(widest("a/${*}"), "a/b")
