"""Who may assume an IAM role, by its trust policy.

Evaluates the policy text alone. What the text leaves undecided is unknown; a denial that is not understood is
ignored, which leaves the worse of the two results.

Sources: "AWS JSON policy elements: Principal" and "IAM and AWS STS condition context keys" (IAM user guide).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from providers.aws.policies.bucket_statements import NEGATED, POSITIVE, Condition
from providers.aws.policies.statements import IdentityStatement, statements
from scanner.model.evidence import Observed, Unknown, all_of, any_of

PrincipalType = Literal["user", "group", "workload", "account", "public"]
WIDEST_FIRST: tuple[PrincipalType, ...] = ("public", "account", "group", "user", "workload")
ASSUME_ACTIONS = ("sts:assumerole", "sts:assumerolewithsaml", "sts:assumerolewithwebidentity")
NOBODY = "nobody"
"""The principal of a role that nobody may assume."""

ARN = re.compile(r"arn:[\w-]+:(?:iam|sts)::(\d{12}):([\w-]+)(?:/.*)?")
IN_ACCOUNT = re.compile(r"arn:[\w-]+:[\w-]+:[^:]*:(\d{12}):.+")
ORGANISATION = re.compile(r"(o-[a-z0-9]{10,32})(?:/|$)")
IDENTITY_CENTER = re.compile(r"saml-provider/AWSSSO_[0-9a-f]+_DO_NOT_DELETE$")
CLUSTER = re.compile(r"oidc-provider/oidc\.eks\.")
PUBLIC_ISSUERS = frozenset(
    {
        "accounts.google.com",
        "agent.buildkite.com",
        "api.bitbucket.org",
        "api.pulumi.com",
        "app.terraform.io",
        "cognito-identity.amazonaws.com",
        "gitlab.com",
        "graph.facebook.com",
        "oidc.circleci.com",
        "oidc.vercel.com",
        "token.actions.githubusercontent.com",
        "www.amazon.com",
    }
)
"""Identity providers where anyone can get an identity."""
NARROWING = frozenset(
    {
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalorgid",
        "aws:principalorgpaths",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceip",
        "aws:sourceorgid",
        "aws:sourceorgpaths",
        "aws:sourceowner",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:userid",
        "aws:username",
        "sts:externalid",
    }
)
"""Condition keys whose value identifies who sends a request, for whom or from where."""
NOT_NARROWING = frozenset(
    {
        "aws:currenttime",
        "aws:epochtime",
        "aws:requestedregion",
        "aws:securetransport",
        "aws:tokenissuetime",
        "aws:useragent",
        "aws:viaawsservice",
        "saml:aud",
        "sts:rolesessionname",
        "sts:sourceidentity",
    }
)
"""Condition keys that anyone meets, or that the caller chooses. The SAML audience is always AWS's sign-in."""
ANY_AUDIENCE = frozenset({"sts.amazonaws.com", "sts.amazonaws.com.cn"})
"""The audiences that every token for AWS has."""


@dataclass(frozen=True)
class Organisation:
    """``Organization`` of DescribeOrganization."""

    id: str
    management_account: str


@dataclass(frozen=True)
class RoleHome:
    """The account of the role, and its organisation as far as it is known."""

    account: str
    organisation: Observed[Organisation | None]
    """``None`` if the account is in no organisation."""
    members: Observed[frozenset[str] | None]
    """All accounts of the organisation."""

    def outside(self, account: str) -> Observed[bool]:
        """Whether an account is outside the organisation, or, without one, is another account."""
        if account == self.account:
            return False
        if self.organisation is None:
            return True
        if not isinstance(self.members, Unknown):
            return self.members is None or account not in self.members
        if not isinstance(self.organisation, Unknown) and account == self.organisation.management_account:
            return False
        return self.members

    def foreign(self, organisations: frozenset[str]) -> Observed[bool]:
        """Whether any of these organisations is not the account's own."""
        if isinstance(self.organisation, Unknown):
            return self.organisation
        own = set() if self.organisation is None else {self.organisation.id}
        return bool(organisations - own)


@dataclass(frozen=True)
class TrustedPrincipal:
    """One principal that a statement allows to assume the role, and the conditions on it."""

    type: PrincipalType
    name: str
    account: str | None
    """The account that it is in or stands for; ``None`` for a service, an identity provider and everyone."""
    conditions: tuple[Condition, ...]
    restricted_to: frozenset[str] = frozenset()
    """The only organisations that a Deny statement exempts; empty without one."""
    service: bool = False
    """It is an AWS service, which acts for the account."""

    @property
    def organisations(self) -> frozenset[str]:
        """The organisations that it must be in; empty if not restricted."""
        found = set(self.restricted_to)
        for condition in self.conditions:
            if condition.key in ("aws:principalorgid", "aws:principalorgpaths") and _is_required(condition):
                named = [ORGANISATION.match(value) for value in condition.values]
                # A single pattern among the values allows more than the others name.
                if all(named):
                    found.update(each[1] for each in named if each)
        return frozenset(found)

    @property
    def accounts(self) -> frozenset[str]:
        """The accounts that it must be in, by its name or by conditions; empty if not restricted."""
        if self.account is not None:
            return frozenset({self.account})
        for condition in self.conditions:
            if condition.key in ("aws:principalaccount", "aws:principalarn") and _is_required(condition):
                found = [
                    ACCOUNT.fullmatch(value) or IN_ACCOUNT.fullmatch(value) for value in condition.values
                ]
                if all(found):
                    return frozenset(each[1] for each in found if each)
        return frozenset()

    def outside(self, home: RoleHome) -> Observed[bool]:
        """Whether it is outside the organisation."""
        if self.name[:4] in DELETED:
            return _unknown_owner(f"a deleted principal ({self.name})")
        if self.service or IDENTITY_CENTER.search(self.name):
            return False
        if self.account is None and self.name != "*":
            public = _issuer(self.name) in PUBLIC_ISSUERS
            return True if public else _unknown_owner(f"the identity provider {self.name}")
        facts = [home.outside(account) for account in sorted(self.accounts)]
        if self.organisations:
            facts = [all_of(home.foreign(self.organisations), any_of(*facts) if facts else True)]
        return any_of(*facts) if facts else True

    @property
    def narrowed(self) -> Observed[bool]:
        """Whether a condition narrows who may assume the role."""
        return any_of(bool(self.restricted_to), *(_narrows(condition) for condition in self.conditions))


@dataclass(frozen=True)
class Trust:
    """The principals that a trust policy allows to assume the role."""

    sources: tuple[TrustedPrincipal, ...]

    @property
    def principal(self) -> str:
        """Their names, sorted."""
        return ", ".join(sorted({source.name for source in self.sources})) or NOBODY

    @property
    def principal_type(self) -> PrincipalType:
        """The widest type among them; ``workload`` if nobody may assume the role."""
        types = {source.type for source in self.sources}
        return next((each for each in WIDEST_FIRST if each in types), "workload")

    def external(self, home: RoleHome) -> Observed[bool]:
        """Whether any of them is outside the organisation."""
        return any_of(*(source.outside(home) for source in self.sources))

    @property
    def conditioned(self) -> Observed[bool]:
        """Whether every principal from outside the account is narrowed; without any, whether all are."""
        outsiders = [s for s in self.sources if s.type in ("public", "account") or CLUSTER.search(s.name)]
        relevant = outsiders or self.sources
        return all_of(*(source.narrowed for source in relevant)) if relevant else False


def trust(document: Any, account: str) -> Trust:
    """Reads the trust policy of a role in the account. Raises :class:`ValueError` if it is not one."""
    found = statements(document, "trust")
    denials = [
        s for s in found if not s.allow and s.principals == (("aws", "*"),) and not s.all_but_principals
    ]
    sources: list[TrustedPrincipal] = []
    for statement in found:
        actions = [action for action in ASSUME_ACTIONS if statement.names(action)]
        if not statement.allow or not actions:
            continue
        denying = [d for d in denials if all(d.names(action) for action in actions)]
        if any(not denial.conditions for denial in denying):
            continue
        exempt = frozenset(org for denial in denying for org in _exempt(denial))
        sources.extend(_sources(statement, account, exempt))
    return Trust(tuple(sources))


ACCOUNT = re.compile(r"(\d{12})")
DELETED: dict[str, PrincipalType] = {"AIDA": "user", "AROA": "workload"}
"""Prefixes of the unique ids that replace a deleted user or role in a policy ("IAM identifiers")."""
OF_ARN: dict[str, PrincipalType] = {
    "root": "group",
    "user": "user",
    "federated-user": "user",
    "role": "workload",
    "assumed-role": "workload",
}


def _sources(
    statement: IdentityStatement, account: str, exempt: frozenset[str]
) -> Iterable[TrustedPrincipal]:
    if statement.all_but_principals:
        # NotPrincipal in an Allow statement gives access to everyone else.
        yield TrustedPrincipal("public", "*", None, statement.conditions, exempt)
        return
    for kind, name in statement.principals:
        if kind == "service":
            yield TrustedPrincipal("workload", name, None, statement.conditions, service=True)
        elif kind == "federated":
            yield TrustedPrincipal(_federated(name), name, None, statement.conditions)
        elif kind == "aws":
            yield _aws_principal(name, account, statement.conditions, exempt)
        else:
            raise ValueError(f"a principal of type {kind}")


def _aws_principal(
    name: str, account: str, conditions: tuple[Condition, ...], exempt: frozenset[str]
) -> TrustedPrincipal:
    """An AWS principal. The whole account stands for every principal in it that a policy allows: a group."""
    if name == "*":
        source = TrustedPrincipal("public", name, None, conditions, exempt)
        if not source.organisations and not source.accounts:
            return source
        own = source.accounts == {account}
        return TrustedPrincipal("group" if own else "account", name, None, conditions, exempt)
    if name[:4] in DELETED:
        return TrustedPrincipal(DELETED[name[:4]], name, None, conditions, exempt)
    if ACCOUNT.fullmatch(name):
        return TrustedPrincipal("group" if name == account else "account", name, name, conditions, exempt)
    arn = ARN.fullmatch(name)
    if arn is None or arn[2] not in OF_ARN:
        raise ValueError(f"a principal with an unknown format: {name}")
    own_type = OF_ARN[arn[2]]
    return TrustedPrincipal(own_type if arn[1] == account else "account", name, arn[1], conditions, exempt)


def _federated(name: str) -> PrincipalType:
    """Users of the organisation's own directory (IAM Identity Center) are a group, pods of a cluster a
    workload; any other identity provider counts as an account."""
    if IDENTITY_CENTER.search(name):
        return "group"
    return "workload" if CLUSTER.search(name) else "account"


def _issuer(name: str) -> str:
    """The host of an OIDC identity provider."""
    return name.rpartition(":oidc-provider/")[2].partition("/")[0]


def _unknown_owner(what: str) -> Unknown:
    message = f"no API shows to which organisation {what} belongs"
    return Unknown.because("unsupported", "iam:GetAccountAuthorizationDetails", None, message)


def _exempt(denial: IdentityStatement) -> frozenset[str]:
    """The organisations that a denial to everyone else exempts; empty for any other denial."""
    if not all(condition.met_by_public for condition in denial.conditions):
        return frozenset()
    return frozenset(value for c in denial.conditions if c.key == "aws:principalorgid" for value in c.values)


def _is_required(condition: Condition) -> bool:
    """Whether a request without the key, or with another value, fails the condition."""
    return (
        condition.operator in POSITIVE and not condition.if_exists and condition.qualifier != "forallvalues"
    )


def _narrows(condition: Condition) -> Observed[bool]:
    key = condition.key
    if key in ("aws:multifactorauthpresent", "aws:multifactorauthage"):
        return not condition.if_exists and condition.operator != "null" and condition.values != ("false",)
    if key in NOT_NARROWING or condition.operator in NEGATED or condition.operator == "null":
        return False
    if condition.if_exists or condition.qualifier == "forallvalues":
        return False
    if condition.operator not in POSITIVE:
        return UNDECIDED
    claim = key.rpartition(":")[2]
    if key in NARROWING or key.startswith(("aws:principaltag/", "saml:")):
        return all(_is_specific(key, value) for value in condition.values)
    if not key.startswith(("aws:", "sts:")):
        # A claim of an identity provider: "issuer:claim".
        if claim == "amr":
            return False
        if claim == "aud":
            return not ANY_AUDIENCE & set(condition.values)
        return all(_is_specific(key, value) for value in condition.values)
    return UNDECIDED


def _is_specific(key: str, value: str) -> bool:
    """Whether a condition's value excludes someone, i.e. is not a pattern that matches all."""
    if key == "aws:sourceip":
        return value not in ("0.0.0.0/0", "::/0")
    if key in ("aws:principalarn", "aws:sourcearn"):
        return IN_ACCOUNT.fullmatch(value) is not None or not set(value) & set("*?")
    if key.startswith("aws:") and "org" in key:
        return ORGANISATION.match(value) is not None
    if key.endswith(":sub") and value.startswith("repo:"):
        # GitHub: a pattern that does not fix the owner of the repository matches other owners' too.
        return re.match(r"repo:[^/*?]+/", value) is not None
    return bool(value.strip("*?:/"))


UNDECIDED = Unknown.because(
    "error",
    "iam:GetAccountAuthorizationDetails",
    None,
    "whether a condition of the trust policy narrows who may assume the role cannot be determined",
)
