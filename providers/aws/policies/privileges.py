"""The effective privileges of an IAM identity: administrator access, and permission to grant permissions.

Evaluates the policies' text alone, as IAM does: an action is allowed if a policy allows it, the permissions
boundary allows it too, and nothing denies it. The result is "no" only where the text proves it; what depends
on a condition that cannot be evaluated is unknown. Service control policies and resource-based policies are
not evaluated.

Sources: "Policy evaluation logic" and "Permissions boundaries for IAM entities" (IAM user guide); the
Service Authorization Reference for actions and their resource types.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from providers.aws.policies.patterns import narrowest, widest
from providers.aws.policies.statements import IdentityStatement
from scanner.model.evidence import Observed, Unknown, all_of, any_of, lift
from scanner.policy.patterns import intersect, matches

ReadPolicy = Observed[tuple[IdentityStatement, ...]]
"""The statements of a policy, or why it could not be read."""

ANY_NAME = ("\x01", "\x01\x05\x01\x05")
"""Names that no policy contains literally: a pattern that matches both matches every name."""
SELF_VARIABLES = ("${aws:username}", "${aws:userid}")
"""Policy variables that stand for the identity itself."""


@dataclass(frozen=True)
class Right:
    """An action, and its resource's ARN with ``{name}``, ``{partition}`` and ``{account}``."""

    action: str
    """In lower case."""
    arn: str
    whole: bool = False
    """It counts only if allowed on all resources; on specific ones it is ordinary use."""
    others: bool = False
    """It counts only if allowed on other identities than the holder itself."""

    @property
    def of_iam(self) -> bool:
        """Whether it is an IAM action."""
        return self.action.startswith("iam:")


def _iam(actions: str, of: str, others: bool = False) -> tuple[Right, ...]:
    arn = "arn:{partition}:iam::{account}:" + of + "/{name}"
    return tuple(Right(f"iam:{action}".lower(), arn, others=others) for action in actions.split())


GRANTING_RIGHTS = (
    *_iam("AttachUserPolicy PutUserPolicy DetachUserPolicy DeleteUserPolicy", "user"),
    *_iam("PutUserPermissionsBoundary DeleteUserPermissionsBoundary", "user"),
    *_iam("CreateAccessKey CreateLoginProfile UpdateLoginProfile", "user", others=True),
    *_iam("AttachRolePolicy PutRolePolicy DetachRolePolicy DeleteRolePolicy", "role"),
    *_iam("PutRolePermissionsBoundary DeleteRolePermissionsBoundary UpdateAssumeRolePolicy", "role"),
    *_iam("AttachGroupPolicy PutGroupPolicy DetachGroupPolicy DeleteGroupPolicy AddUserToGroup", "group"),
    *_iam("CreatePolicyVersion SetDefaultPolicyVersion", "policy"),
    Right("sts:assumerole", "arn:{partition}:iam::{account}:role/{name}", whole=True),
    Right("sso:createaccountassignment", "arn:{partition}:sso:::permissionSet/{name}"),
    Right("sso:attachmanagedpolicytopermissionset", "arn:{partition}:sso:::permissionSet/{name}"),
    Right("sso:putinlinepolicytopermissionset", "arn:{partition}:sso:::permissionSet/{name}"),
)
"""Rights that grant permissions, to others or to the identity itself. Assuming any role is one: it includes
every role that trusts the whole account. ``iam:PassRole`` is not: alone it grants nothing."""

_OF_SERVICES = (
    Right("\x01:\x01", "arn:{partition}:\x01:\x01:{account}:{name}"),
    Right("s3:getobject", "arn:{partition}:s3:::{name}/{name}"),
    Right("s3:deletebucket", "arn:{partition}:s3:::{name}"),
    Right("ec2:runinstances", "arn:{partition}:ec2:\x01:{account}:instance/{name}"),
    Right("ec2:terminateinstances", "arn:{partition}:ec2:\x01:{account}:instance/{name}"),
    Right("kms:decrypt", "arn:{partition}:kms:\x01:{account}:key/{name}"),
    Right("kms:schedulekeydeletion", "arn:{partition}:kms:\x01:{account}:key/{name}"),
    Right("lambda:updatefunctioncode", "arn:{partition}:lambda:\x01:{account}:function:{name}"),
    Right("rds:deletedbinstance", "arn:{partition}:rds:\x01:{account}:db:{name}"),
    Right("dynamodb:scan", "arn:{partition}:dynamodb:\x01:{account}:table/{name}"),
    Right("secretsmanager:getsecretvalue", "arn:{partition}:secretsmanager:\x01:{account}:secret:{name}"),
    Right("ssm:sendcommand", "arn:{partition}:ssm:\x01:{account}:document/{name}"),
    Right("cloudtrail:stoplogging", "arn:{partition}:cloudtrail:\x01:{account}:trail/{name}"),
    Right("cloudformation:createstack", "arn:{partition}:cloudformation:\x01:{account}:stack/{name}/{name}"),
    Right("iam:createuser", "arn:{partition}:iam::{account}:user/{name}"),
    Right("iam:createrole", "arn:{partition}:iam::{account}:role/{name}"),
    Right("iam:passrole", "arn:{partition}:iam::{account}:role/{name}"),
)
EVERYTHING = (*_OF_SERVICES, *(right for right in GRANTING_RIGHTS if right.of_iam))
"""An identity with all of these on all resources has administrator access: the first stands for every action
that no policy names. Billing and the organisation itself are excluded: an administrator may lack them."""

REQUEST_CONTEXT = frozenset(
    {
        "aws:calledvia",
        "aws:calledviafirst",
        "aws:calledvialast",
        "aws:multifactorauthage",
        "aws:multifactorauthpresent",
        "aws:referer",
        "aws:requestedregion",
        "aws:securetransport",
        "aws:sourceip",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:tokenissuetime",
        "aws:useragent",
        "aws:viaawsservice",
        "aws:vpcsourceip",
    }
)
"""Condition keys on how or from where a request is sent, not by whom: the identity can meet the condition and
then has the right."""


@dataclass(frozen=True)
class PolicyHolder:
    """The policies that apply to one identity."""

    policies: Sequence[ReadPolicy]
    boundary: ReadPolicy | None
    """Its permissions boundary; ``None`` without one."""
    partition: str
    account: str

    @property
    def everything(self) -> Observed[bool]:
        """Whether it has administrator access.

        A denial counts only if it also denies granting permissions: who may change policies can remove the
        denial.
        """
        allowed = _every(self._allowed(right, wholly=True) for right in EVERYTHING)
        if allowed is False:
            return False
        return all_of(allowed, _some(_not(self._denied(right)) for right in GRANTING_RIGHTS if right.of_iam))

    @property
    def grants_rights(self) -> Observed[bool]:
        """Whether it may grant permissions, to others or to itself."""
        return _some(
            all_of(self._allowed(right, wholly=right.whole), _not(self._denied(right)))
            for right in GRANTING_RIGHTS
        )

    def _allowed(self, right: Right, wholly: bool) -> Observed[bool]:
        by_policy = _some(self._applies(self.policies, True, right, wholly))
        if self.boundary is None or by_policy is False:
            return by_policy
        return all_of(by_policy, _some(self._applies([self.boundary], True, right, wholly)))

    def _denied(self, right: Right) -> Observed[bool]:
        """Whether it is denied on all resources. The denials of a boundary count like any other."""
        bounds = [] if self.boundary is None else [self.boundary]
        return _some(self._applies([*self.policies, *bounds], False, right, True))

    def _applies(
        self, policies: Iterable[ReadPolicy], allow: bool, right: Right, wholly: bool
    ) -> Iterator[Observed[bool]]:
        for policy in policies:
            if isinstance(policy, Unknown):
                yield policy
                continue
            for statement in policy:
                if (
                    statement.allow == allow
                    and statement.names(right.action)
                    and self._reaches(statement, right, wholly)
                ):
                    yield _in_force(statement)

    def _reaches(self, statement: IdentityStatement, right: Right, wholly: bool) -> bool:
        """Whether the statement covers the right's resources: all of them (``wholly``), or some."""
        if "*" in statement.resources:
            return not statement.all_but_resources
        every = [_arn(right, self.partition, self.account, name) for name in ANY_NAME]
        some = _arn(right, self.partition, self.account, "*")
        if statement.all_but_resources and not statement.allow:
            # A denial that excludes any of the resources does not deny the right on all of them.
            return not any(intersect(widest(pattern), some) for pattern in statement.resources)
        if statement.all_but_resources or wholly:
            wide = any(all(matches(narrowest(p), arn) for arn in every) for p in statement.resources)
            return wide != statement.all_but_resources
        return any(
            intersect(widest(pattern), some)
            for pattern in statement.resources
            if not (right.others and any(own in pattern.lower() for own in SELF_VARIABLES))
        )


@lru_cache(maxsize=1024)
def _arn(right: Right, partition: str, account: str, name: str) -> str:
    return right.arn.format(partition=partition, account=account, name=name)


def _in_force(statement: IdentityStatement) -> Observed[bool]:
    """Whether the conditions can hold for the identity (Allow), or always do (Deny)."""
    if not statement.conditions:
        return True
    if all(condition.key in REQUEST_CONTEXT for condition in statement.conditions):
        return statement.allow
    return UNDECIDED


UNDECIDED = Unknown.because(
    "error",
    "iam:GetAccountAuthorizationDetails",
    None,
    "whether a condition of the policies holds cannot be determined from their text",
)


def _some(facts: Iterable[Observed[bool]]) -> Observed[bool]:
    """Like ``any_of``, but stops at the first true fact."""
    unknowns: list[Observed[bool]] = []
    for fact in facts:
        if isinstance(fact, Unknown):
            unknowns.append(fact)
        elif fact:
            return True
    return any_of(*unknowns)


def _every(facts: Iterable[Observed[bool]]) -> Observed[bool]:
    """Like ``all_of``, but stops at the first false fact."""
    unknowns: list[Observed[bool]] = []
    for fact in facts:
        if isinstance(fact, Unknown):
            unknowns.append(fact)
        elif not fact:
            return False
    return all_of(*unknowns)


def _not(fact: Observed[bool]) -> Observed[bool]:
    return lift(lambda value: not value, fact)
