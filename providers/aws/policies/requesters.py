"""The kinds of strangers that send requests to AWS, and what each can do about the condition keys of a
policy.

A stranger has AWS accounts, organisations, networks, names, tags, devices and services of his own, but none
that a policy names: whoever is named is somebody in particular.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

from providers.aws.policies.condition_keys import Form, Presence, condition_key
from providers.aws.policies.documents import OWN_ORGANISATION
from providers.aws.policies.identifiers import (
    DELETED,
    IdentifierReach,
    account_of,
    names_unique_id,
    organisation_of,
    reach_of_accounts,
    reach_of_arns,
    reach_of_named_users,
    reach_of_networks,
    reach_of_organisations,
    reach_of_paths,
    reach_of_users,
)
from scanner.policy.addresses import cover_world
from scanner.policy.admission import Requester, Statement
from scanner.policy.conditions import (
    Absent,
    Address,
    Anything,
    Condition,
    Identifier,
    OneOf,
    Possibilities,
    Possibility,
    Truth,
    Unclear,
    Value,
    narrowed,
)
from scanner.policy.patterns import is_pattern

IDENTIFIERS: Mapping[Form, Callable[[str | None], IdentifierReach]] = MappingProxyType(
    {
        "account": reach_of_accounts,
        "arn": reach_of_arns,
        "organisation": reach_of_organisations,
        "organisation path": reach_of_paths,
        "user id": reach_of_users,
        "network": lambda member: reach_of_networks,
    }
)
"""By the form of a condition key's value."""
ROLE_SESSION = re.compile(r"arn:([\w-]+):sts::(\d{12}):assumed-role/([^/]+)/.*")
"""Of a session, ``aws:PrincipalArn`` is the role ("AWS global condition context keys")."""
Named = Callable[[Statement], Truth]
ABSENT = Possibility(Absent())
ANONYMOUS: Mapping[str, Possibilities] = MappingProxyType(
    {"nothing": (Possibility(OneOf(("anonymous",))),), "token": (ABSENT,)}
)
"""What stands for the account and user id of those without credentials ("AWS global condition context
keys")."""


@dataclass(frozen=True)
class Stranger:
    """Somebody without any tie to the owner of a resource, and how his request reaches AWS."""

    proof: Literal["credentials", "nothing", "token"] = "credentials"
    """``credentials``: of any account but those that the policy names. ``token``: of an identity provider."""
    endpoint: bool = False
    """He comes through a VPC endpoint of his own."""
    forwarded: bool = False
    """An AWS service sends the request on his behalf, with his credentials."""
    member: bool = False
    """His account is in an organisation."""
    account: str | None = None
    """The account that he belongs to, if the policy names it."""
    organisation: str | None = None
    """The organisation that he belongs to, if the policy names it."""
    anywhere: bool = False
    """He may be in a network that the policy names."""
    identified: bool = False
    """He may be the user or role that the policy names by a unique id, which tells no account."""

    def attribute(self, key: str) -> Possibilities | None:
        """What a condition key can be in his requests; ``None`` for a key that is not understood."""
        row = condition_key(key)
        return None if row is None else self._present(row.present, Possibility(self._value(row.form)))

    def requester(self, named_by: Named) -> Requester:
        """He, as whom the statements' principals name."""
        return Requester(named_by, self.attribute)

    def _present(self, presence: Presence, value: Possibility) -> Possibilities:
        both, present, absent = (ABSENT, value), (value,), (ABSENT,)
        signed = self.proof == "credentials"
        return {
            "always": present,
            "signed": present if signed else absent,
            "signed or anonymous": present if signed else ANONYMOUS[self.proof],
            "signed or unsaid": present if signed else both,
            "caller's choice": both,
            "member": present if signed and self.member else absent,
            "internet": absent if self.endpoint else present,
            "endpoint": present if self.endpoint else absent,
            "endpoint of member": both if self.endpoint else absent,
            "forwarded": present if self.forwarded else absent,
            "for a resource": both,
            "services": absent,
        }[presence]

    def _value(self, form: Form) -> Value:
        if form == "network" and self.anywhere:
            return Anything()
        if form == "user id" and self.identified:
            return Identifier(reach_of_named_users)
        if form in IDENTIFIERS:
            ours = self.organisation if form.startswith("organisation") else self.account
            return Identifier(IDENTIFIERS[form](ours))
        others: dict[Form, Value] = {
            "anything": Anything(),
            "flag": OneOf(("true", "false")),
            "address": Address(somewhere=self.anywhere),
            "forwarded": OneOf(("true" if self.forwarded else "false",)),
            "no": OneOf(("false",)),
            "time": Unclear(),
            "key": Unclear(avoidable=True),
        }
        return others[form]


WITHOUT_CREDENTIALS = (
    Stranger("nothing"),
    Stranger("nothing", endpoint=True),
)
WITH_CREDENTIALS = tuple(
    Stranger(endpoint=endpoint, forwarded=forwarded, member=member)
    for endpoint in (False, True)
    for forwarded in (False, True)
    for member in (False, True)
)
WITH_A_TOKEN = (Stranger("token"), Stranger("token", endpoint=True))
"""Holders of a token of an identity provider: STS knows no account of theirs (IAM user guide, "Control access
to AWS STS with VPC endpoint policies")."""


def of_account(account: str | None, organisation: str | None, anywhere: bool) -> tuple[Stranger, ...]:
    """Those with credentials of an account and organisation, where the policy names them."""
    return tuple(
        replace(
            each,
            account=account,
            organisation=organisation,
            member=each.member or organisation is not None,
            anywhere=anywhere,
        )
        for each in WITH_CREDENTIALS
        if organisation is None or each.member
    )


def anyone_named(statement: Statement) -> Truth:
    """Whether a statement's principals include anybody at all. For a denial, only if they certainly do."""
    if statement.all_but_principals:
        if ("aws", "*") in statement.principals:
            return False
        return None if not statement.allow and any(map(_unclear, statement.principals)) else True
    if ("aws", "*") in statement.principals:
        return True
    return None if any(map(_unclear, statement.principals)) else False


def _unclear(principal: tuple[str, str]) -> bool:
    """Whether it may mean strangers: a pattern, or an identity provider that is nobody's own."""
    kind, name = principal
    if kind in ("service", "canonicaluser"):
        return False
    if kind == "federated":
        return account_of(name) is None
    return kind != "aws" or is_pattern(name)


def account_named(account: str) -> Named:
    """Whether a statement's principals include somebody of the account. For a denial, only if they include
    whoever an Allow statement names of it."""

    def named(statement: Statement) -> Truth:
        here = [name for kind, name in statement.principals if kind == "aws" and account_of(name) == account]
        everyone = ("aws", "*") in statement.principals
        if statement.allow:
            if statement.all_but_principals or everyone or here:
                return True
            return None if any(map(_unclear_in_account, statement.principals)) else False
        if statement.all_but_principals:
            return not here and not everyone and not any(is_pattern(n) for _, n in statement.principals)
        return everyone or any(name == account or name.endswith(":root") for name in here)

    return named


def _unclear_in_account(principal: tuple[str, str]) -> bool:
    return _unclear(principal) and not DELETED.fullmatch(principal[1])


def named_accounts(statements: Iterable[Statement]) -> Iterator[str]:
    """The accounts that principals and conditions name."""
    for statement in statements:
        names = [name for _, name in statement.principals]
        for condition in statement.conditions:
            row = condition_key(condition.key)
            if row is not None and row.form in ("account", "arn", "user id"):
                names += [
                    value.partition(":")[0] if row.form == "user id" else value for value in condition.values
                ]
        for name in names:
            account = account_of(name)
            if account is not None:
                yield account


def named_organisations(statements: Iterable[Statement]) -> Iterator[str]:
    """The organisations that conditions name, without the resource's own where it is not named by its id."""
    for statement in statements:
        for condition in statement.conditions:
            row = condition_key(condition.key)
            if row is not None and row.form in ("organisation", "organisation path"):
                for value in condition.values:
                    organisation = organisation_of(value)
                    if organisation is not None and value != OWN_ORGANISATION:
                        yield organisation


def names_by_id(statements: Iterable[Statement]) -> bool:
    """Whether conditions name users or roles by their unique ids."""
    return any(
        names_unique_id(value)
        for statement in statements
        for condition in statement.conditions
        if (row := condition_key(condition.key)) is not None and row.form == "user id"
        for value in condition.values
    )


def required_by(denied: Condition) -> Condition | None:
    """What a request must meet so that a condition of a Deny statement does not hold, as a condition of an
    Allow statement; ``None`` if that is not one key with certain values."""
    if denied.test == "flag" and denied.if_exists and denied.values == ("false",):
        return replace(denied, if_exists=False, values=("true",))
    if denied.negated and not denied.qualifier:
        return replace(denied, negated=False, if_exists=False)
    return None


def hurdle(condition: Condition, account: str | None) -> Truth:
    """Whether a condition of an Allow statement restricts who of a named principal's account, or by what
    proof: an external id, a second factor, a place.

    A condition that repeats the principal, or that the caller meets as he likes, is none.
    """
    if condition.test == "present":
        # Only requests with a second factor have its age.
        return condition.key == "aws:multifactorauthage" and "true" not in condition.values
    if not condition.required:
        return False
    row = condition_key(condition.key)
    if row is None or condition.test == "other":
        return None if row is None or row.hurdle else False
    if not row.hurdle:
        return False
    restricts = [_restricts(condition, row.form, value, account) for value in condition.values]
    if False in restricts:
        return False
    if row.form == "address" and condition.test == "address":
        return not cover_world(condition.values)
    return None if None in restricts else True


def repeats(condition: Condition, name: str) -> bool:
    """Whether a condition of an Allow statement only says again which user or role its principal is."""
    arn = ROLE_SESSION.sub(r"arn:\1:iam::\2:role/\3", name)
    of_user = arn.rpartition("/")[2] if ":user/" in arn else None
    itself = {"aws:principalarn": arn, "aws:username": of_user}.get(condition.key)
    return itself is not None and narrowed((Possibility(OneOf((itself,))),), condition, True) != ()


def _restricts(condition: Condition, form: Form, value: str, account: str | None) -> Truth:
    """Whether a value excludes somebody of the account."""
    if form == "flag":
        return value.lower() == "true"
    if form in ("anything", "address"):
        return condition.test != "like" or bool(value.strip("*?:/"))
    strangers = IDENTIFIERS[form](None)(condition, value)
    if strangers == "unclear":
        return None
    return strangers == "nobody else" and IDENTIFIERS[form](account)(condition, value) != "everyone"
