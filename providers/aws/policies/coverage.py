"""Whether a statement of an identity policy covers a right: its resources, and its conditions.

Source: the Service Authorization Reference for actions and their resource types.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from providers.aws.policies.escalation import ANY_RESOURCE, Right
from providers.aws.policies.patterns import VARIABLE, narrowest, widest
from providers.aws.policies.statements import IdentityStatement
from scanner.model.evidence import Observed, Unknown
from scanner.policy.conditions import Condition
from scanner.policy.patterns import intersect, matches

ANY_NAME = ("\x01", "\x01\x05\x01\x05")
"""Names that no policy contains literally: a pattern that matches both matches every name."""
SELF_VARIABLES = ("${aws:username}", "${aws:userid}")
"""Policy variables that stand for the identity itself."""
REGIONAL = re.compile(r"^([a-z0-9.-]+)\.[a-z]{2,}(?:-[a-z]+)+-[0-9]\.(amazonaws\.com(?:\.cn)?)$")
"""A service principal of one region."""
LITERAL = re.compile(r"[^*?$]*")
PASSED_TO = "iam:passedtoservice"
"""The condition key that names the service that a role may be passed to."""

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


UNDECIDED = Unknown.because(
    "error",
    "iam:GetAccountAuthorizationDetails",
    None,
    "whether a condition of the policies holds cannot be determined from their text",
)


@dataclass(frozen=True)
class Home:
    """Where an identity is at home."""

    partition: str
    account: str


def reaches(statement: IdentityStatement, right: Right, wholly: bool, home: Home) -> bool:
    """Whether the statement covers the right's resources: all of them (``wholly``), or some."""
    if "*" in statement.resources:
        return not statement.all_but_resources
    if "{" not in right.arn and right.arn != ANY_RESOURCE and not statement.all_but_resources:
        # One resource.
        pattern_of = widest if statement.allow else narrowest
        return any(_covers(pattern, pattern_of, right.arn) for pattern in statement.resources)
    every = [_arn(right, home, name) for name in ANY_NAME]
    some = _arn(right, home, "*")
    if statement.all_but_resources and not statement.allow:
        # A denial that excludes any of the resources does not deny the right on all of them.
        return not any(intersect(widest(pattern), some) for pattern in statement.resources)
    if statement.all_but_resources or wholly:
        wide = any(all(matches(narrowest(p), arn) for arn in every) for p in statement.resources)
        return wide != statement.all_but_resources
    return any(
        intersect(widest(pattern), some)
        for pattern in statement.resources
        if not (right.others and _is_self(pattern))
    )


def _covers(pattern: str, pattern_of: Callable[[str], str], arn: str) -> bool:
    """Whether a pattern matches an ARN; most differ in the text before the first wildcard or variable."""
    start = LITERAL.match(pattern)
    assert start is not None
    if not arn.startswith(start[0]):
        return False
    return start[0] == arn if start[0] == pattern else matches(pattern_of(pattern), arn)


def _is_self(pattern: str) -> bool:
    """Whether the pattern matches the identity itself only: its last part is its name, and no more."""
    return pattern.lower().rpartition("/")[2] in SELF_VARIABLES


def names_service(statement: IdentityStatement, right: Right) -> bool:
    """Whether the statement names the service of the right's action, and not only a pattern for all."""
    service = right.action.partition(":")[0]
    return not statement.all_but and any(each.partition(":")[0] == service for each in statement.actions)


@lru_cache(maxsize=65536)
def _arn(right: Right, home: Home, name: str) -> str:
    return right.arn.format(partition=home.partition, account=home.account, name=name)


def in_force(statement: IdentityStatement, right: Right) -> Observed[bool]:
    """Whether the conditions can hold for the identity (Allow), or always do (Deny)."""
    conditions = statement.conditions
    if right.service is not None:
        passed = [condition for condition in conditions if condition.key == PASSED_TO]
        if any(_is_passed(condition, right.service, statement.allow) is False for condition in passed):
            return False
        conditions = tuple(each for each in conditions if each not in passed or not _is_decided(each))
    if not conditions:
        return True
    if all(condition.key in REQUEST_CONTEXT for condition in conditions):
        return statement.allow
    return UNDECIDED


def _is_decided(condition: Condition) -> bool:
    return condition.operator in ("stringequals", "stringlike", "stringequalsignorecase") or (
        condition.operator in ("stringnotequals", "stringnotlike", "stringnotequalsignorecase")
    )


def _is_passed(condition: Condition, service: str, allow: bool) -> bool | None:
    """Whether a condition on the service that a role is passed to holds for one; ``None`` if undecided.

    A service may have a principal for each region as well. To pass a role to any of them is enough for the
    right: an Allow counts that names one region, and so does an Allow for all but one, or a Deny of one.
    """
    if not _is_decided(condition) or any(map(VARIABLE.search, condition.values)):
        return None
    names = [service, f"{service}.cn"]
    values: Iterable[str] = map(str.lower, condition.values)
    if allow != condition.negated:
        names += [_in_a_region(name) for name in names]
        values = map(of_all_regions, values)
    by_pattern = condition.test == "like"
    named = any(matches(value, name) if by_pattern else value == name for value in values for name in names)
    return named != condition.negated


def of_all_regions(service: str) -> str:
    """A service principal without the region that it may name, in lower case.

    "AWS service principals" (IAM user guide): some services have one for each region, beside the other.
    """
    return REGIONAL.sub(r"\1.\2", service.lower())


def _in_a_region(service: str) -> str:
    """A service principal with a region that no policy names: only a pattern for all regions matches it."""
    first, _, rest = service.partition(".amazonaws.com")
    return f"{first}.\x01.amazonaws.com{rest}"
