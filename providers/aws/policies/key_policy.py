"""Key policies: whether one allows principals outside the organisation to use or manage the key.

Evaluates the policy text alone, for each outside principal that it could allow: anyone that it does not name,
and each other account that it names. A condition that identifies a principal or a location excludes all
others; one on how the key is used (``kms:ViaService``, an encryption context) excludes nobody.

Sources: "Key policies in AWS KMS" and "Condition keys for AWS KMS" (KMS developer guide); "AWS global
condition context keys" and the evaluation of missing keys (IAM user guide).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from providers.aws.policies.bucket_statements import (
    NEGATED,
    POSITIVE,
    RESTRICTING,
    BucketStatement,
    Condition,
    matches,
    parse,
)
from scanner.model.evidence import Observed, Unknown, all_of, any_of, lift

ALWAYS_THERE = frozenset({"kms:calleraccount", "aws:principalaccount", "aws:principalarn"})
"""Condition keys that every request to KMS has, as none is anonymous."""
ACCOUNTS = ALWAYS_THERE | {
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceowner",
    "aws:vpceaccount",
}
"""Condition keys whose values contain accounts, by id or within an ARN."""
ORGANISATIONS = frozenset(
    {
        "aws:principalorgid",
        "aws:principalorgpaths",
        "aws:sourceorgid",
        "aws:sourceorgpaths",
        "aws:vpceorgid",
        "aws:vpceorgpaths",
    }
)
ONLY_SERVICES = frozenset({"aws:principalservicename", "aws:principalservicenameslist"})
"""Condition keys that only AWS services have."""
ANYONE_CAN = re.compile(
    r"kms:(?!calleraccount|recipientattestation).*"
    r"|aws:(securetransport|useragent|referer|multifactorauth(age|present)|principaltype|username"
    r"|viaawsservice|calledvia|calledviafirst|calledvialast|requestedregion|tagkeys|principaltag/.*"
    r"|requesttag/.*)"
)
"""Condition keys that do not identify the sender of a request, or whose value anyone can choose."""
READS = re.compile(r"kms:(describe|get|list)[\w*?]*")
"""Actions that neither use nor manage a key."""
ACCOUNT = re.compile(r"\d{12}")
DELETED = re.compile(r"A[A-Z]{3}[A-Z0-9]{12,}")
"""The id of a deleted principal, which replaces its ARN in a policy (IAM user guide, "Principal")."""


@dataclass(frozen=True)
class OutsideAccess:
    """The access that a key policy gives outside the organisation."""

    anyone: Observed[bool]
    """Whether anyone has access, or principals whose account is not part of their name in the policy."""
    accounts: tuple[tuple[str, Observed[bool]], ...]
    """Other accounts by id, and whether each has access if it is outside."""


@dataclass(frozen=True)
class _Outsider:
    """A principal outside the organisation, for evaluating a key policy."""

    account: str | None
    """The account, if the policy names it."""
    organisation: Observed[str | None]
    """The organisation that the principal is outside of."""

    def has_access(self, statements: Iterable[BucketStatement]) -> Observed[bool]:
        found = list(statements)
        denials = [each for each in found if not each.allow]
        return any_of(
            *(
                all_of(
                    self._is_principal(each),
                    *map(self._meets, each.conditions),
                    self._not_denied(each, denials),
                )
                for each in found
                if each.allow and _uses(each)
            )
        )

    def _is_principal(self, statement: BucketStatement) -> Observed[bool]:
        """Whether an Allow statement applies to the principal."""
        if statement.all_but_principals:
            return True
        return any_of(*(self._is_named(kind, name) for kind, name in statement.principals))

    def _is_named(self, kind: str, name: str) -> Observed[bool]:
        if kind == "service":
            return False
        if kind == "aws" and name == "*":
            return True
        account = account_of(name)
        if account is not None:
            return account == self.account
        if kind == "aws" and DELETED.fullmatch(name):
            return False
        return _undetermined(f"who the principal {name} is")

    def _meets(self, condition: Condition) -> Observed[bool]:
        """Whether the principal can meet a condition of an Allow statement."""
        key, values = condition.key, condition.values
        if ANYONE_CAN.fullmatch(key):
            return True
        if key == "aws:principalisawsservice" and condition.operator == "bool":
            return "true" not in values
        if condition.operator not in POSITIVE | NEGATED or any("${" in value for value in values):
            return _undetermined_condition(condition)
        positive = condition.operator in POSITIVE
        if positive and key not in ALWAYS_THERE and key != "aws:sourceip" and _may_be_missing(condition):
            return True
        if key in ORGANISATIONS:
            own = self._only_own_organisation(values)
            return lift(lambda only_own: not only_own, own) if positive else True
        if key in ACCOUNTS:
            return self._matched_by(values) if positive else not self._account_listed_in(values)
        if key in ONLY_SERVICES:
            return not positive
        if key in RESTRICTING:
            reach = condition.reach
            return _undetermined_condition(condition) if reach == "undecided" else reach == "everyone"
        return _undetermined_condition(condition)

    def _not_denied(self, statement: BucketStatement, denials: Iterable[BucketStatement]) -> Observed[bool]:
        denied = any_of(*(self._denied_by(deny) for deny in denials if _covers(deny, statement)))
        return lift(lambda is_denied: not is_denied, denied)

    def _denied_by(self, deny: BucketStatement) -> Observed[bool]:
        """Whether a Deny statement always applies to the principal."""
        here = [
            name
            for kind, name in deny.principals
            if kind == "aws" and self.account is not None and account_of(name) == self.account
        ]
        if deny.all_but_principals:
            applies = not here
        else:
            whole = [name for name in here if ACCOUNT.fullmatch(name) or name.endswith(":root")]
            applies = bool(whole) or ("aws", "*") in deny.principals
        return all_of(applies, *map(self._always_meets, deny.conditions))

    def _always_meets(self, condition: Condition) -> Observed[bool]:
        if condition.key == "aws:principalisawsservice" and condition.operator == "bool":
            return condition.values == ("false",)
        if (
            condition.operator not in NEGATED
            or condition.qualifier
            or any("${" in v for v in condition.values)
        ):
            return False
        if condition.key in ORGANISATIONS:
            return self._only_own_organisation(condition.values)
        if condition.key in ACCOUNTS:
            return not self._matched_by(condition.values)
        return condition.fixed

    def _only_own_organisation(self, values: Iterable[str]) -> Observed[bool]:
        """Whether the values name only the key's own organisation."""
        return lift(
            lambda own: own is not None and all(value.split("/")[0] == own for value in values),
            self.organisation,
        )

    def _matched_by(self, values: Iterable[str]) -> bool:
        """Whether a value contains the principal's account or is a pattern. An ARN without an account, such
        as a bucket's, does not match.
        """
        return any(
            account_of(value) == self.account if account_of(value) else bool(set(value) & set("*?"))
            for value in values
        )

    def _account_listed_in(self, values: Iterable[str]) -> bool:
        """Whether a value is the id of the principal's account."""
        return self.account is not None and self.account in values


def outside_access(policy: str, account: str, organisation: Observed[str | None]) -> OutsideAccess:
    """The access that a key policy gives outside the organisation. Raises :class:`ValueError` if the policy
    cannot be read."""
    statements = parse(policy)
    others = sorted(set(_accounts(statements)) - {account})
    return OutsideAccess(
        anyone=_Outsider(None, organisation).has_access(statements),
        accounts=tuple((each, _Outsider(each, organisation).has_access(statements)) for each in others),
    )


def account_of(name: str) -> str | None:
    """The account in an ARN, or the account id itself; ``None`` if there is none or it is a pattern."""
    parts = name.split(":")
    number = parts[4] if name.startswith("arn:") and len(parts) > 5 else name
    return number if ACCOUNT.fullmatch(number) else None


def _accounts(statements: Iterable[BucketStatement]) -> Iterator[str]:
    for statement in statements:
        names = [name for _, name in statement.principals]
        names += [v for c in statement.conditions if c.key in ACCOUNTS for v in c.values]
        for name in names:
            account = account_of(name)
            if account is not None:
                yield account


def _uses(statement: BucketStatement) -> bool:
    """Whether an Allow statement allows an action that uses or manages the key."""
    if statement.all_but:
        return not {"*", "kms:*"} & set(statement.actions)
    return any(
        READS.fullmatch(action) is None and (action.startswith("kms:") or matches(action, "kms:decrypt"))
        for action in statement.actions
    )


def _covers(deny: BucketStatement, allow: BucketStatement) -> bool:
    """Whether a Deny statement covers every action of an Allow statement."""
    if deny.all_but:
        return False
    if {"*", "kms:*"} & set(deny.actions):
        return True
    return not allow.all_but and all(
        any(matches(pattern, action) for pattern in deny.actions) for action in allow.actions
    )


def _may_be_missing(condition: Condition) -> bool:
    """Whether the condition also holds for a request without the key."""
    return condition.if_exists or condition.qualifier == "forallvalues"


def _undetermined_condition(condition: Condition) -> Unknown:
    return _undetermined(f"who meets the condition on {condition.key}")


def _undetermined(what: str) -> Unknown:
    message = f"{what} cannot be determined from the key policy"
    return Unknown.because("error", "kms:GetKeyPolicy", None, message)
