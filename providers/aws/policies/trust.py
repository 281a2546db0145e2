"""Who may assume an IAM role, by its trust policy.

Evaluates the policy text alone. What the text leaves undecided is unknown.

Sources: "AWS JSON policy elements: Principal" and "IAM and AWS STS condition context keys" (IAM user guide).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

from providers.aws.policies.documents import OWN_ORGANISATION, parse
from providers.aws.policies.federation import IDENTITY_CENTER, Federation
from providers.aws.policies.identifiers import ACCOUNT
from providers.aws.policies.requesters import (
    WITH_CREDENTIALS,
    Stranger,
    account_named,
    anyone_named,
    hurdle,
    named_accounts,
    named_organisations,
    names_by_id,
    of_account,
    repeats,
    required_by,
)
from scanner.model.evidence import Observed, Unknown, all_of, any_of, lift
from scanner.policy.admission import CLOSED, Admission, Request, Statement, by_statement, first_of
from scanner.policy.conditions import Condition

PrincipalType = Literal["user", "group", "workload", "account", "public"]
WIDEST_FIRST: tuple[PrincipalType, ...] = ("public", "account", "group", "user", "workload")
ASSUME_ACTIONS = ("sts:assumerole", "sts:assumerolewithsaml", "sts:assumerolewithwebidentity")
"""Those with credentials use the first, the users of identity providers the others."""
NOBODY = "nobody"
"""The principal of a role that nobody may assume."""

ARN = re.compile(r"arn:[\w-]+:(?:iam|sts)::(\d{12}):([\w-]+)(?:/.*)?")
CLUSTER = re.compile(r"oidc-provider/oidc\.eks\.")
DELETED: dict[str, PrincipalType] = {"AIDA": "user", "AROA": "workload"}
"""Prefixes of the unique ids that replace a deleted user or role in a policy ("IAM identifiers")."""
OF_ARN: dict[str, PrincipalType] = {
    "root": "group",
    "user": "user",
    "federated-user": "user",
    "role": "workload",
    "assumed-role": "workload",
}


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

    def foreign(self, organisation: str) -> Observed[bool]:
        """Whether an organisation is not the account's own."""
        return lift(lambda own: own is None or own.id != organisation, self.organisation)


@dataclass(frozen=True)
class TrustedPrincipal:
    """One principal that a statement allows to assume the role."""

    type: PrincipalType
    name: str
    account: str | None
    """The account that it is in or stands for; ``None`` for a service, an identity provider and everyone."""
    access: _Access
    federation: Federation | None = None
    """For the users of an identity provider."""
    service: bool = False
    """It is an AWS service, which acts for the account."""

    def outside(self, home: RoleHome) -> Observed[bool]:
        """Whether it is outside the organisation."""
        if self.name[:4] in DELETED:
            return unknown_owner(f"a deleted principal ({self.name})")
        if self.service or IDENTITY_CENTER.search(self.name):
            return False
        if self.federation is not None:
            public = self.federation.ownership == "shared"
            return True if public else unknown_owner(f"the identity provider {self.name}")
        if self.account is not None:
            return all_of(home.outside(self.account), self._from_outside(self.account, home, strict=False))
        accounts = (
            all_of(home.outside(each), self._from_outside(each, home)) for each in self.access.accounts
        )
        return any_of(self._from_outside(None, home), *accounts, self._identified(home))

    def _identified(self, home: RoleHome) -> Observed[bool]:
        """Whether somebody whom conditions name by a unique id is outside, which no id tells."""
        let_in = any_of(
            decided(self.access.identified(None)),
            *(all_of(decided(self.access.identified(o)), home.foreign(o)) for o in self.access.organisations),
        )
        return unknown_owner("a principal that is named by its unique id") if let_in is True else let_in

    def _from_outside(self, account: str | None, home: RoleHome, strict: bool = True) -> Observed[bool]:
        """Whether somebody of an account is let in who is in no organisation, or in another than the role's.

        Unless ``strict``, whoever is named counts as let in where conditions leave it open.
        """

        def let_in(organisation: str | None) -> Observed[bool]:
            found = self.access.of(account, organisation)
            return True if found.let_in is None and not strict else decided(found)

        return any_of(
            let_in(None),
            *(all_of(let_in(each), home.foreign(each)) for each in self.access.organisations),
        )

    @cached_property
    def narrowed(self) -> Observed[bool]:
        """Whether a condition narrows who may assume the role."""
        if self.federation is not None:
            return self.federation.narrowed
        if self.name != "*":
            return self.access.narrowed(self.account, self.name)
        return True if self.type != "public" else lift(lambda let_in: not let_in, decided(self.access.anyone))


@dataclass(frozen=True)
class _Access:
    """One Allow statement of a trust policy, with whatever restricts it, for one of its principals."""

    allow: Statement
    statements: tuple[Statement, ...]
    actions: tuple[str, ...]
    """Those with which the principal may assume a role at all."""

    @property
    def requests(self) -> tuple[Request, ...]:
        return tuple(Request(action, "") for action in self.actions if self.allow.names(action))

    @property
    def accounts(self) -> tuple[str, ...]:
        """The accounts that conditions name."""
        return tuple(sorted(set(named_accounts(self._relevant))))

    @property
    def organisations(self) -> tuple[str, ...]:
        """The organisations that conditions name."""
        return tuple(sorted(set(named_organisations(self._relevant))))

    @property
    def _relevant(self) -> tuple[Statement, ...]:
        return (self.allow, *(each for each in self.statements if not each.allow))

    def of(self, account: str | None, organisation: str | None, anywhere: bool = True) -> Admission:
        """Whether somebody of an account and organisation is let in; without them, of nobody's that is
        named."""
        return self._let_in(of_account(account, organisation, anywhere), account)

    def identified(self, organisation: str | None) -> Admission:
        """Whether somebody of an organisation, or of none, is let in whom conditions name by a unique id."""
        if not names_by_id(self._relevant):
            return CLOSED
        strangers = of_account(None, organisation, anywhere=True)
        return self._let_in((replace(each, identified=True) for each in strangers), None)

    @property
    def anyone(self) -> Admission:
        """Whether anybody is let in, from anywhere."""
        return self._let_in(WITH_CREDENTIALS, None)

    def _let_in(self, strangers: Iterable[Stranger], account: str | None) -> Admission:
        named = anyone_named if account is None else account_named(account)
        return first_of(
            by_statement(each.requester(named), self.allow, self.statements, self.requests)
            for each in strangers
        )

    @property
    def nobody(self) -> bool:
        """Whether every request is denied, whoever sends it."""
        return all(
            any(each.names(request.action) for each in self.statements if denies_everybody(each))
            for request in self.requests
        )

    def narrowed(self, account: str | None, name: str) -> Observed[bool]:
        """Whether a condition, or a denial without it, narrows who of a named principal may assume the
        role."""
        named = anyone_named if account is None else account_named(account)

        def narrows(condition: Condition) -> Observed[bool]:
            return False if repeats(condition, name) else _observed(hurdle(condition, account))

        facts = [narrows(each) for each in self.allow.conditions]
        for denial in self.statements:
            if denial.allow or named(denial) is not True:
                continue
            if all(denial.names(request.action) for request in self.requests):
                # Whoever fails to meet one of its conditions comes through.
                required = [required_by(each) for each in denial.conditions]
                facts.append(
                    all_of(*(False if each is None else narrows(each) for each in required))
                    if required
                    else False
                )
        return any_of(*facts)


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
    found = parse(document, "trust", account)
    return Trust(
        tuple(
            source for statement in found if statement.allow for source in _sources(statement, found, account)
        )
    )


def _sources(
    statement: Statement, statements: tuple[Statement, ...], account: str
) -> Iterator[TrustedPrincipal]:
    if statement.all_but_principals:
        # NotPrincipal in an Allow statement gives access to everyone else.
        principals: Sequence[tuple[str, str]] = (("aws", "*"),)
    else:
        principals = statement.principals
    for kind, name in principals:
        access = _Access(statement, statements, _actions(kind, name))
        source = _source(kind, name, access, account)
        if source is not None and access.requests and not access.nobody:
            yield source


def _actions(kind: str, name: str) -> tuple[str, ...]:
    if kind == "federated":
        return ASSUME_ACTIONS[1:2] if ":saml-provider/" in name else ASSUME_ACTIONS[2:]
    return ASSUME_ACTIONS if name == "*" else ASSUME_ACTIONS[:1]


def _source(kind: str, name: str, access: _Access, account: str) -> TrustedPrincipal | None:
    if kind == "service":
        return TrustedPrincipal("workload", name, None, access, service=True)
    if kind == "federated":
        federation = Federation(name, access.allow, access.statements, access.requests)
        return TrustedPrincipal(_federated(federation), name, None, access, federation)
    if kind != "aws":
        raise ValueError(f"a principal of type {kind}")
    return _everyone(access, account) if name == "*" else _aws_principal(name, account, access)


def _everyone(access: _Access, account: str) -> TrustedPrincipal | None:
    """Everyone, or those that conditions leave of everyone; ``None`` if they leave nobody."""
    if access.of(None, None).let_in is not False:
        return TrustedPrincipal("public", "*", None, access)
    organisations = (*access.organisations, OWN_ORGANISATION)
    if any(access.of(None, each).let_in is not False for each in organisations):
        return TrustedPrincipal("account", "*", None, access)
    accounts = {
        each
        for each in access.accounts
        if any(access.of(each, of).let_in is not False for of in (None, *organisations))
    }
    if any(access.identified(each).let_in is not False for each in (None, *organisations)):
        return TrustedPrincipal("account", "*", None, access)
    if not accounts:
        return None
    return TrustedPrincipal("group" if accounts == {account} else "account", "*", None, access)


def _aws_principal(name: str, account: str, access: _Access) -> TrustedPrincipal:
    """An AWS principal. The whole account stands for every principal in it that a policy allows: a group."""
    if name[:4] in DELETED:
        return TrustedPrincipal(DELETED[name[:4]], name, None, access)
    if ACCOUNT.fullmatch(name):
        return TrustedPrincipal("group" if name == account else "account", name, name, access)
    arn = ARN.fullmatch(name)
    if arn is None or arn[2] not in OF_ARN:
        raise ValueError(f"a principal with an unknown format: {name}")
    own_type = OF_ARN[arn[2]]
    return TrustedPrincipal(own_type if arn[1] == account else "account", name, arn[1], access)


def _federated(federation: Federation) -> PrincipalType:
    """Users of the organisation's own directory (IAM Identity Center) are a group, pods of a cluster a
    workload; guests, who need not sign in, are the public. Any other identity provider counts as an
    account."""
    if federation.guests:
        return "public"
    if IDENTITY_CENTER.search(federation.provider):
        return "group"
    return "workload" if CLUSTER.search(federation.provider) else "account"


def denies_everybody(statement: Statement) -> bool:
    """Whether it denies its actions to everyone, whatever they send."""
    everyone = ("aws", "*") in statement.principals and not statement.all_but_principals
    return not statement.allow and everyone and not statement.conditions


def decided(found: Admission) -> Observed[bool]:
    """Whether somebody is let in."""
    if found.let_in is not None:
        return found.let_in
    message = f"who may assume the role cannot be determined from its trust policy: {found.reason}"
    return Unknown.because("error", "iam:GetAccountAuthorizationDetails", None, message)


def _observed(truth: bool | None) -> Observed[bool]:
    return UNDECIDED if truth is None else truth


def unknown_owner(what: str) -> Unknown:
    """No API shows whose a principal is."""
    message = f"no API shows to which organisation {what} belongs"
    return Unknown.because("unsupported", "iam:GetAccountAuthorizationDetails", None, message)


UNDECIDED = Unknown.because(
    "error",
    "iam:GetAccountAuthorizationDetails",
    None,
    "whether a condition of the trust policy narrows who may assume the role cannot be determined",
)
