"""Key policies: whether one lets somebody outside the organisation use or manage the key.

Pure reasoning over the policy's text. Each principal that the policy could let in is tried: a stranger, whom
it does not name, and each other account that it names. A condition that names who or where keeps out all
others; one on how a key is used (``kms:ViaService``, an encryption context) keeps out nobody.

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
"""Condition keys that every request to KMS has: there are no anonymous ones."""
ACCOUNTS = ALWAYS_THERE | {
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceowner",
    "aws:vpceaccount",
}
"""Condition keys whose values name accounts, by their number or within an ARN."""
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
"""Condition keys that say nothing about who sends the request, or that a stranger can choose."""
READS = re.compile(r"kms:(describe|get|list)[\w*?]*")
"""Actions that neither use nor manage a key."""
ACCOUNT = re.compile(r"\d{12}")
DELETED = re.compile(r"A[A-Z]{3}[A-Z0-9]{12,}")
"""The id of a principal that was deleted stands where its ARN was (IAM user guide, "Principal")."""


@dataclass(frozen=True)
class Openings:
    """Whom outside the organisation a key policy lets in."""

    strangers: Observed[bool]
    """Anyone, or principals that the policy names in a way that does not tell their account."""
    accounts: tuple[tuple[str, Observed[bool]], ...]
    """Other accounts by number, and whether they are let in, if they are outside."""


@dataclass(frozen=True)
class _Outsider:
    """Somebody outside the organisation who tries a key policy."""

    account: str | None
    """The account, if the policy names it."""
    organisation: Observed[str | None]
    """The organisation that they are outside of."""

    def let_in(self, statements: Iterable[BucketStatement]) -> Observed[bool]:
        found = list(statements)
        denials = [each for each in found if not each.allow]
        return any_of(
            *(
                all_of(self._meant(each), *map(self._meets, each.conditions), self._not_denied(each, denials))
                for each in found
                if each.allow and _uses(each)
            )
        )

    def _meant(self, statement: BucketStatement) -> Observed[bool]:
        """Whether an Allow statement is for them."""
        if statement.all_but_principals:
            return True
        return any_of(*(self._is(kind, name) for kind, name in statement.principals))

    def _is(self, kind: str, name: str) -> Observed[bool]:
        if kind == "service":
            return False
        if kind == "aws" and name == "*":
            return True
        account = account_of(name)
        if account is not None:
            return account == self.account
        if kind == "aws" and DELETED.fullmatch(name):
            return False
        return _unsure(f"who the principal {name} is")

    def _meets(self, condition: Condition) -> Observed[bool]:
        """Whether they can meet a condition of an Allow statement."""
        key, values = condition.key, condition.values
        if ANYONE_CAN.fullmatch(key):
            return True
        if key == "aws:principalisawsservice" and condition.operator == "bool":
            return "true" not in values
        if condition.operator not in POSITIVE | NEGATED or any("${" in value for value in values):
            return self._unsure_of(condition)
        positive = condition.operator in POSITIVE
        if positive and key not in ALWAYS_THERE and key != "aws:sourceip" and _may_be_missing(condition):
            return True
        if key in ORGANISATIONS:
            ours = self._all_ours(values)
            return lift(lambda ours: not ours, ours) if positive else True
        if key in ACCOUNTS:
            return self._named_by(values) if positive else not self._surely_named_by(values)
        if key in ONLY_SERVICES:
            return not positive
        if key in RESTRICTING:
            reach = condition.reach
            return self._unsure_of(condition) if reach == "undecided" else reach == "everyone"
        return self._unsure_of(condition)

    def _not_denied(self, statement: BucketStatement, denials: Iterable[BucketStatement]) -> Observed[bool]:
        denied = any_of(*(self._shut_out(deny) for deny in denials if _covers(deny, statement)))
        return lift(lambda shut: not shut, denied)

    def _shut_out(self, deny: BucketStatement) -> Observed[bool]:
        """Whether a Deny statement always holds for them."""
        here = [
            name
            for kind, name in deny.principals
            if kind == "aws" and self.account is not None and account_of(name) == self.account
        ]
        if deny.all_but_principals:
            meant = not here
        else:
            whole = [name for name in here if ACCOUNT.fullmatch(name) or name.endswith(":root")]
            meant = bool(whole) or ("aws", "*") in deny.principals
        return all_of(meant, *map(self._always_meets, deny.conditions))

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
            return self._all_ours(condition.values)
        if condition.key in ACCOUNTS:
            return not self._named_by(condition.values)
        return condition.fixed

    def _all_ours(self, values: Iterable[str]) -> Observed[bool]:
        """Whether the values name our organisation alone."""
        return lift(
            lambda ours: ours is not None and all(value.split("/")[0] == ours for value in values),
            self.organisation,
        )

    def _named_by(self, values: Iterable[str]) -> bool:
        """Whether a value names their account, or is a pattern that fits any. An ARN without an account,
        as of a bucket, does neither.
        """
        return any(
            account_of(value) == self.account if account_of(value) else bool(set(value) & set("*?"))
            for value in values
        )

    def _surely_named_by(self, values: Iterable[str]) -> bool:
        """Whether a value names their whole account."""
        return self.account is not None and self.account in values

    def _unsure_of(self, condition: Condition) -> Unknown:
        return _unsure(f"who meets the condition on {condition.key}")


def openings(policy: str, account: str, organisation: Observed[str | None]) -> Openings:
    """Whom of outside a key policy lets in. Raises :class:`ValueError` if it cannot be read."""
    statements = parse(policy)
    others = sorted(set(_accounts(statements)) - {account})
    return Openings(
        strangers=_Outsider(None, organisation).let_in(statements),
        accounts=tuple((each, _Outsider(each, organisation).let_in(statements)) for each in others),
    )


def account_of(name: str) -> str | None:
    """The account in an ARN, or the number itself; ``None`` if there is none or it is a pattern."""
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
    """Whether an Allow statement gives something that uses or manages the key."""
    if statement.all_but:
        return not {"*", "kms:*"} & set(statement.actions)
    return any(
        READS.fullmatch(action) is None and (action.startswith("kms:") or matches(action, "kms:decrypt"))
        for action in statement.actions
    )


def _covers(deny: BucketStatement, allow: BucketStatement) -> bool:
    """Whether a Deny statement is about everything that an Allow statement gives."""
    if deny.all_but:
        return False
    if {"*", "kms:*"} & set(deny.actions):
        return True
    return not allow.all_but and all(
        any(matches(pattern, action) for pattern in deny.actions) for action in allow.actions
    )


def _may_be_missing(condition: Condition) -> bool:
    """Whether the condition also holds for a request that lacks the key."""
    return condition.if_exists or condition.qualifier == "forallvalues"


def _unsure(what: str) -> Unknown:
    return Unknown.because("error", "kms:GetKeyPolicy", None, f"{what} cannot be told from the key policy")
