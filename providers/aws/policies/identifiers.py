"""Accounts, ARNs, organisations and other identifiers of AWS, and which requesters a value of a condition
means.

Each function of this module answers for one kind of identifier: whether a value means nobody but somebody in
particular, some of all strangers, or every one. With an account or organisation, it answers for the members
of that one.

Sources: "IAM identifiers" and "Condition operators" (IAM user guide): ``ArnLike`` compares the six parts of
an ARN one by one, ``StringLike`` the whole text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, partial

from scanner.policy.conditions import Condition, Reach, has_variable, literal
from scanner.policy.patterns import is_pattern, matches

ACCOUNT = re.compile(r"\d{12}")
ORGANISATION = re.compile(r"o-[a-z0-9]{1,32}")
DELETED = re.compile(r"A[A-Z]{3}[A-Z0-9]{12,}")
"""The unique id of a principal, which replaces the ARN of a deleted one in a policy (IAM user guide,
"Principal")."""
UNIQUE = re.compile(r"[A-Z0-9]{12,}")
"""The first part of ``aws:userid``: the unique id of a user or role, or an account id."""

IdentifierReach = Callable[[Condition, str], Reach]


def account_of(name: str) -> str | None:
    """The account in an ARN, or the account id itself; ``None`` if there is none or it is a pattern."""
    parts = name.split(":")
    number = parts[4] if name.startswith("arn:") and len(parts) > 5 else name
    return number if ACCOUNT.fullmatch(number) else None


def organisation_of(value: str) -> str | None:
    """The organisation in a path of one, or its id itself; ``None`` if it is a pattern."""
    name = value.split("/")[0]
    return name if ORGANISATION.fullmatch(name) else None


@cache
def reach_of_accounts(member: str | None) -> IdentifierReach:
    """For account ids."""
    return partial(_account, member)


def _account(member: str | None, condition: Condition, value: str) -> Reach:
    if has_variable(value):
        return "unclear"
    if literal(condition, value):
        return "everyone" if value == member else "nobody else"
    if member is not None:
        return "everyone" if matches(value, member) else "nobody else"
    return "some" if value.strip("*") else "everyone"


@cache
def reach_of_organisations(member: str | None) -> IdentifierReach:
    """For ids of organisations."""
    return partial(_organisation, member)


def _organisation(member: str | None, condition: Condition, value: str) -> Reach:
    if has_variable(value):
        return "unclear"
    if literal(condition, value):
        return "everyone" if value == member else "nobody else"
    if member is not None:
        return "everyone" if matches(value, member) else "nobody else"
    return "everyone" if value in ("*", "o-*") else "some"


@cache
def reach_of_paths(member: str | None) -> IdentifierReach:
    """For paths of accounts in an organisation: ``o-…/r-…/ou-…/``."""
    return partial(_path, member)


def _path(member: str | None, condition: Condition, value: str) -> Reach:
    organisation, slash, below = value.partition("/")
    if has_variable(organisation):
        return "unclear"
    if literal(condition, organisation) and slash:
        if organisation != member:
            return "nobody else"
        return "everyone" if condition.test == "like" and below == "*" else "some"
    if literal(condition, value):
        return "nobody else"
    return "some" if value.strip("*") else "everyone"


@cache
def reach_of_arns(member: str | None) -> IdentifierReach:
    """For ARNs of principals and resources."""
    return partial(_arn, member)


def _arn(member: str | None, condition: Condition, value: str) -> Reach:
    if condition.test == "like" and not value.strip("*"):
        return "everyone"
    parts = value.split(":", 5)
    if len(parts) < 6:
        if has_variable(value):
            return "unclear"
        return "nobody else" if literal(condition, value) else "some"
    service, account, resource = parts[2], parts[4], parts[5]
    if has_variable(account):
        return "unclear"
    if literal(condition, account) and account:
        if account != member:
            # The stars of StringLike reach over colons, which paths of users and roles may contain.
            crafted = condition.operator.startswith("string") and "*" in "".join(parts[:4])
            return "unclear" if crafted and condition.test == "like" else "nobody else"
        return "everyone" if condition.test == "like" and resource == "*" else "some"
    if not account or service == "s3":
        # A bucket's ARN has no account: its name is unique in the world.
        name = resource.partition("/")[0]
        if has_variable(name):
            return "unclear"
        return "nobody else" if name and (condition.test != "like" or not is_pattern(name)) else "some"
    if member is not None and not matches(account, member):
        return "nobody else"
    return "some"


@cache
def reach_of_users(member: str | None) -> IdentifierReach:
    """For ``aws:userid``: ``AIDA…`` for a user, ``AROA…:session name`` for a role, an account id for root."""
    return partial(_user, member)


def _user(member: str | None, condition: Condition, value: str) -> Reach:
    first = value.partition(":")[0]
    if has_variable(first):
        return "unclear"
    if literal(condition, value) or (not is_pattern(first) and UNIQUE.fullmatch(first) and ":" in value):
        if member is None or (ACCOUNT.fullmatch(first) and first != member):
            return "nobody else"
        return "some"
    return "some" if value.strip("*:") else "everyone"


def reach_of_named_users(condition: Condition, value: str) -> Reach:
    """For ``aws:userid`` of somebody who has a unique id that the value names: no id tells its account."""
    return "some" if names_unique_id(value) else _user(None, condition, value)


def names_unique_id(value: str) -> bool:
    """Whether a value of ``aws:userid`` names a user or role by its unique id."""
    first = value.partition(":")[0]
    return UNIQUE.fullmatch(first) is not None and ACCOUNT.fullmatch(first) is None


def reach_of_networks(condition: Condition, value: str) -> Reach:
    """For VPCs and VPC endpoints, and other ids that AWS assigns."""
    if has_variable(value):
        return "unclear"
    if literal(condition, value):
        return "nobody else"
    return "some" if value.strip("*") not in ("", "vpc-", "vpce-") else "everyone"
