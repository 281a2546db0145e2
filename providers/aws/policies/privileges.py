"""The effective privileges of an IAM identity: administrator access, and permission to grant permissions.

Evaluates the policies' text alone, as IAM does: an action is allowed if a policy allows it, the permissions
boundary allows it too, and nothing denies it. The result is "no" only where the text proves it; what depends
on a condition that cannot be evaluated is unknown. Service control policies and resource-based policies are
not evaluated.

Sources: "Policy evaluation logic" and "Permissions boundaries for IAM entities" (IAM user guide); the
Service Authorization Reference for actions and their resource types. The escalations are data, in
:mod:`providers.aws.policies.escalations`.
"""

from __future__ import annotations

import re
import string
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import chain

from providers.aws.policies.escalations import ANY_RESOURCE, ESCALATIONS, Escalation, Right
from providers.aws.policies.patterns import VARIABLE, narrowest, widest, within
from providers.aws.policies.statements import IdentityStatement
from scanner.model.evidence import Observed, Unknown, all_of, any_of, lift
from scanner.policy.conditions import Condition
from scanner.policy.patterns import intersect, matches

ReadPolicy = Observed[tuple[IdentityStatement, ...]]
"""The statements of a policy, or why it could not be read."""

ANY_NAME = ("\x01", "\x01\x05\x01\x05")
"""Names that no policy contains literally: a pattern that matches both matches every name."""
SELF_VARIABLES = ("${aws:username}", "${aws:userid}")
"""Policy variables that stand for the identity itself."""
LITERAL = re.compile(r"[^*?$]*")
PASSED_TO = "iam:passedtoservice"
"""The condition key that names the service that a role may be passed to."""

GRANTING_RIGHTS = tuple(
    dict.fromkeys(each.rights[0] for each in ESCALATIONS if each.kind not in ("pass", "workload"))
)
"""Rights that alone grant permissions, to others or to the identity itself. Assuming any role is one: it
includes every role that trusts the whole account. ``iam:PassRole`` is not: alone it grants nothing."""

UNNAMED = tuple(
    Right(f"{letter}\x01:\x01", "arn:{partition}:\x01:\x01:{account}:{name}")
    for letter in string.ascii_lowercase
)
"""Actions that no policy names, of services by their first letter: only patterns for all of them match."""
_OF_SERVICES = (
    *UNNAMED,
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
"""An identity with all of these on all resources has administrator access: the first stand for all actions
that no policy names. Billing and the organisation itself are excluded: an administrator may lack them."""

ACTIONS = tuple(
    sorted({right.action for right in (*EVERYTHING, *(r for each in ESCALATIONS for r in each.rights))})
)
"""Every action that is evaluated here."""

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
class Privileged:
    """An identity of the account that has administrator access or may grant permissions."""

    arn: str
    more: Observed[bool]
    """Whether it has; never ``False``."""
    services: Observed[frozenset[str]]
    """The service principals that a role trusts; empty for users and groups."""

    def trusts(self, service: str) -> Observed[bool]:
        """Whether it is a role that the service may use."""
        return lift(lambda found: bool(found & {service, f"{service}.cn"}), self.services)


@dataclass(frozen=True)
class PolicyHolder:
    """The policies that apply to one identity."""

    policies: Sequence[ReadPolicy]
    boundary: ReadPolicy | None
    """Its permissions boundary; ``None`` without one."""
    partition: str
    account: str
    own: tuple[str, ...] = ()
    """The ARNs of the user itself, its groups, and the managed policies of both; of a role likewise."""
    privileged: tuple[Privileged, ...] = ()
    """The privileged identities of the account: what it takes over with one of them, it has."""

    @cached_property
    def _statements(self) -> Mapping[tuple[str, bool], Sequence[IdentityStatement]]:
        """The statements of the policies that apply to an action, by action and whether they allow it."""
        found: dict[tuple[str, bool], list[IdentityStatement]] = {}
        for policy in self.policies:
            for statement in () if isinstance(policy, Unknown) else map(self._within, policy):
                for action in _named(statement.actions, statement.all_but):
                    found.setdefault((action, statement.allow), []).append(statement)
        return found

    @cached_property
    def _boundary(self) -> ReadPolicy | None:
        if self.boundary is None or isinstance(self.boundary, Unknown):
            return self.boundary
        return tuple(map(self._within, self.boundary))

    def _within(self, statement: IdentityStatement) -> IdentityStatement:
        """The statement with the account in place of variables that stand for it."""
        resources = tuple(within(self.account, each) for each in statement.resources)
        return statement if resources == statement.resources else replace(statement, resources=resources)

    @cached_property
    def _possible(self) -> tuple[Escalation, ...]:
        """The escalations all of whose actions the policies name; all if a policy could not be read."""
        if any(isinstance(policy, Unknown) for policy in self.policies):
            return ESCALATIONS
        return tuple(
            escalation
            for escalation in ESCALATIONS
            if all((right.action, True) in self._statements for right in escalation.rights)
        )

    @cached_property
    def everything(self) -> Observed[bool]:
        """Whether it has administrator access.

        A denial counts only if it also denies granting permissions: who may change policies can remove the
        denial.
        """
        allowed = _every(self._allowed(right, wholly=True) for right in EVERYTHING)
        if allowed is False:
            return False
        return all_of(allowed, _some(_not(self._denied(right)) for right in GRANTING_RIGHTS if right.of_iam))

    @cached_property
    def grants_rights(self) -> Observed[bool]:
        """Whether it may grant permissions, to others or to itself.

        Where all actions are allowed that no policy names, and none that is known to grant permissions, it is
        unknown: one of them may.
        """
        found = _some(self._works(escalation, self._granting) for escalation in self._possible)
        if found is not False:
            return found
        unnamed = (self._has(right, wholly=True) for right in UNNAMED)
        return UNDECIDED_ACTION if any(each is not False for each in unnamed) else False

    @property
    def has_more(self) -> Observed[bool]:
        """Whether it has administrator access or may grant permissions."""
        everything = self.everything
        return True if everything is True else any_of(everything, self.grants_rights)

    @property
    def administrator(self) -> Observed[bool]:
        """Whether it has administrator access, or can give it to itself.

        It can with an escalation on all resources, on what is its own, or on an identity that has more. Those
        of IAM Identity Center: see :attr:`identity_center`.
        """
        if self.everything is True:
            return True
        return any_of(
            self.everything,
            _some(
                self._works(escalation, self._taking_over)
                for escalation in self._possible
                if escalation.administrator and escalation.kind != "identity_center"
            ),
            self._over_identity_center(named=True),
        )

    @property
    def identity_center(self) -> Observed[bool]:
        """Whether it may change who has which permission set, where that is managed from this account.

        Policies for everything but IAM, such as PowerUserAccess, allow it in every account; it has an effect
        in the organisation's management account only, or in one that Identity Center is delegated to.
        """
        return self._over_identity_center(named=False)

    def _over_identity_center(self, named: bool) -> Observed[bool]:
        return _some(
            self._has(right, wholly=True, named=named)
            for escalation in self._possible
            if escalation.kind == "identity_center" and escalation.administrator
            for right in escalation.rights
        )

    def _works(self, escalation: Escalation, single: Callable[[Right], Observed[bool]]) -> Observed[bool]:
        """Whether the holder has all that the escalation takes."""
        if escalation.kind == "workload":
            return self._of_workloads(escalation, single == self._taking_over)
        if escalation.kind != "pass":
            return _every(single(right) for right in escalation.rights)
        passing, *running = escalation.rights
        passes = self._passes.get(str(escalation.service))
        if passes is None:
            passes = self._passes[str(escalation.service)] = self._may_pass(passing)
        return passes if passes is False else all_of(passes, _every(self._has(right) for right in running))

    def _granting(self, right: Right) -> Observed[bool]:
        return self._has(right, wholly=right.whole)

    def _taking_over(self, right: Right) -> Observed[bool]:
        """Whether it has the right to all resources, to its own ones, or to an identity that has more."""
        if self._allowed(right, wholly=False) is False:
            return False
        kind = right.arn.partition("{name}")[0].rpartition(":")[2]

        def ways() -> Iterator[Observed[bool]]:
            yield self._has(right, wholly=True)
            for arn in () if right.others else self.own:
                yield self._has(replace(right, arn=arn))
            for each in self.privileged:
                if each.arn not in self.own and each.arn.rpartition(":")[2].startswith(kind):
                    yield all_of(each.more, self._has(replace(right, arn=each.arn)))

        return _some(ways())

    def _of_workloads(self, escalation: Escalation, taking_over: bool) -> Observed[bool]:
        """Whether it runs code in workloads, and there may be one whose role has more.

        Which workload has which role is not read: with some of them only, it is unknown.
        """
        assert escalation.service is not None
        if _every(self._has(right) for right in escalation.rights) is False:
            return False
        all_ = _every(self._has(right, wholly=True) for right in escalation.rights)
        if escalation.certain and not taking_over and all_ is True:
            return True
        more = _some(all_of(each.more, each.trusts(escalation.service)) for each in self.privileged)
        if more is False:
            return False
        some = _every(self._has(right) for right in escalation.rights)
        return all_of(more, some, True if all_ is True else UNDECIDED_WORKLOAD)

    @cached_property
    def _passes(self) -> dict[str, Observed[bool]]:
        """What :meth:`_may_pass` found, by service."""
        return {}

    def _may_pass(self, right: Right) -> Observed[bool]:
        """Whether it may pass any role to the service, or one that has more and that the service may use."""

        def ways() -> Iterator[Observed[bool]]:
            yield self._has(right, wholly=True)
            for each in self.privileged:
                trusted = each.trusts(str(right.service))
                if trusted is not False and ":role/" in each.arn:
                    yield all_of(each.more, trusted, self._has(replace(right, arn=each.arn)))

        return False if self._allowed(right, wholly=False) is False else _some(ways())

    def _has(self, right: Right, wholly: bool = False, named: bool = False) -> Observed[bool]:
        allowed = self._allowed(right, wholly, named)
        return False if allowed is False else all_of(allowed, _not(self._denied(right)))

    def _allowed(self, right: Right, wholly: bool, named: bool = False) -> Observed[bool]:
        by_policy = _some(self._applies(True, right, wholly, named))
        if self.boundary is None or by_policy is False:
            return by_policy
        return all_of(by_policy, _some(self._bounds(True, right, wholly)))

    def _denied(self, right: Right) -> Observed[bool]:
        """Whether it is denied on all resources. The denials of a boundary count like any other."""
        return _some(chain(self._applies(False, right, True), self._bounds(False, right, True)))

    def _applies(
        self, allow: bool, right: Right, wholly: bool, named: bool = False
    ) -> Iterator[Observed[bool]]:
        """With ``named``, only statements that name the action's service."""
        for statement in self._statements.get((right.action, allow), ()):
            if (not named or _names_service(statement, right)) and self._reaches(statement, right, wholly):
                yield _in_force(statement, right)
        yield from (policy for policy in self.policies if isinstance(policy, Unknown))

    def _bounds(self, allow: bool, right: Right, wholly: bool) -> Iterator[Observed[bool]]:
        if isinstance(self._boundary, Unknown):
            yield self._boundary
            return
        for statement in self._boundary or ():
            if (
                statement.allow == allow
                and right.action in _named(statement.actions, statement.all_but)
                and self._reaches(statement, right, wholly)
            ):
                yield _in_force(statement, right)

    def _reaches(self, statement: IdentityStatement, right: Right, wholly: bool) -> bool:
        """Whether the statement covers the right's resources: all of them (``wholly``), or some."""
        if "*" in statement.resources:
            return not statement.all_but_resources
        if "{" not in right.arn and right.arn != ANY_RESOURCE and not statement.all_but_resources:
            # One resource.
            pattern_of = widest if statement.allow else narrowest
            return any(_covers(pattern, pattern_of, right.arn) for pattern in statement.resources)
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


def _names_service(statement: IdentityStatement, right: Right) -> bool:
    service = right.action.partition(":")[0]
    return not statement.all_but and any(each.partition(":")[0] == service for each in statement.actions)


@lru_cache(maxsize=65536)
def _named(patterns: tuple[str, ...], all_but: bool) -> frozenset[str]:
    """The actions that are evaluated here and that a statement names."""
    found = {
        action
        for pattern in patterns
        for action in _starting_with(re.split(r"[*?]", pattern, maxsplit=1)[0])
        if matches(pattern, action)
    }
    return frozenset(ACTIONS) - found if all_but else frozenset(found)


def _starting_with(prefix: str) -> Sequence[str]:
    return ACTIONS[bisect_left(ACTIONS, prefix) : bisect_right(ACTIONS, prefix + "\uffff")]


@lru_cache(maxsize=65536)
def _arn(right: Right, partition: str, account: str, name: str) -> str:
    return right.arn.format(partition=partition, account=account, name=name)


def _in_force(statement: IdentityStatement, right: Right) -> Observed[bool]:
    """Whether the conditions can hold for the identity (Allow), or always do (Deny)."""
    conditions = statement.conditions
    if right.service is not None:
        passed = [condition for condition in conditions if condition.key == PASSED_TO]
        if any(_is_passed(condition, right.service) is False for condition in passed):
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


def _is_passed(condition: Condition, service: str) -> bool | None:
    """Whether a condition on the service that a role is passed to holds for one; ``None`` if undecided."""
    if not _is_decided(condition) or any(map(VARIABLE.search, condition.values)):
        return None
    names = (service, f"{service}.cn")
    named = any(matches(value.lower(), name) for value in condition.values for name in names)
    return named != condition.operator.startswith("stringnot")


def _undecided(message: str) -> Unknown:
    return Unknown.because("error", "iam:GetAccountAuthorizationDetails", None, message)


UNDECIDED = _undecided("whether a condition of the policies holds cannot be determined from their text")
UNDECIDED_ACTION = _undecided(
    "the policies allow actions that they do not name; whether one of them grants permissions is unknown"
)
UNDECIDED_WORKLOAD = _undecided(
    "it may run code in some workloads of a service; whether one has a privileged role is not read"
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
