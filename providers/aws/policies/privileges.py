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
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import chain

from providers.aws.policies.coverage import PASSED_TO, Home, in_force, names_service, reaches
from providers.aws.policies.escalation import Escalation, Right
from providers.aws.policies.escalations import ESCALATIONS
from providers.aws.policies.patterns import within
from providers.aws.policies.rights import (
    ACTIONS,
    EVERYTHING,
    GRANTING_RIGHTS,
    KNOWN_SERVICES,
    PASSING_TO_ANY,
    READING,
    UNNAMED,
)
from providers.aws.policies.statements import IdentityStatement
from scanner.model.evidence import Observed, Unknown, all_of, any_of, lift
from scanner.policy.patterns import matches

ReadPolicy = Observed[tuple[IdentityStatement, ...]]
"""The statements of a policy, or why it could not be read."""


@dataclass(frozen=True)
class Privileged:
    """An identity of the account that has administrator access or may grant permissions."""

    arn: str
    more: Observed[bool]
    """Whether it has; never ``False``."""
    services: Observed[frozenset[str]]
    """The service principals that a role trusts, without their regions; empty for users and groups."""

    def trusts(self, service: str) -> Observed[bool]:
        """Whether it is a role that the service may use."""
        if isinstance(self.services, Unknown):
            return self.services
        return service in self.services or f"{service}.cn" in self.services


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
    def _home(self) -> Home:
        return Home(self.partition, self.account)

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
        unknown: one of them may. Likewise where any role may be passed, and used in a service of which the
        data do not tell what it does with roles.
        """
        found = _some(self._works(escalation, self._granting) for escalation in self._possible)
        if found is not False:
            return found
        if any(self._has(right, wholly=True) is not False for right in self._to_unknown_services):
            return UNDECIDED_SERVICE
        unnamed = (self._has(right, wholly=True) for right in UNNAMED)
        return UNDECIDED_ACTION if any(each is not False for each in unnamed) else False

    @cached_property
    def _to_unknown_services(self) -> tuple[Right, ...]:
        """The rights to pass roles to the services that it may use, by their names, and that
        :data:`KNOWN_SERVICES` does not have.

        Their principals have their names, or are those that the conditions of the policies name.
        """
        statements = [each for policy in self.policies if not isinstance(policy, Unknown) for each in policy]
        services = {
            pattern.partition(":")[0]
            for each in statements
            if each.allow and not each.all_but
            for pattern in each.actions
            if _of_unknown_service(pattern)
        }
        named = {
            value.lower()
            for each in statements
            for condition in each.conditions
            if condition.key == PASSED_TO
            for value in condition.values
        }
        principals = {f"{service}.amazonaws.com" for service in services}
        principals.update(one for one in named if any(service in one for service in services))
        rights = [replace(PASSING_TO_ANY, service=one) for one in sorted(principals)]
        return (PASSING_TO_ANY, *rights) if rights else ()

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
        more = self._more_by_service.get(escalation.service)
        if more is None:
            more = _some(all_of(each.more, each.trusts(escalation.service)) for each in self.privileged)
            self._more_by_service[escalation.service] = more
        if more is False:
            return False
        some = _every(self._has(right) for right in escalation.rights)
        return all_of(more, some, True if all_ is True else UNDECIDED_WORKLOAD)

    @cached_property
    def _more_by_service(self) -> dict[str, Observed[bool]]:
        """Whether a privileged role trusts the service, by service."""
        return {}

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
            if (not named or names_service(statement, right)) and reaches(
                statement, right, wholly, self._home
            ):
                yield in_force(statement, right)
        yield from (policy for policy in self.policies if isinstance(policy, Unknown))

    def _bounds(self, allow: bool, right: Right, wholly: bool) -> Iterator[Observed[bool]]:
        if isinstance(self._boundary, Unknown):
            yield self._boundary
            return
        for statement in self._boundary or ():
            if (
                statement.allow == allow
                and right.action in _named(statement.actions, statement.all_but)
                and reaches(statement, right, wholly, self._home)
            ):
                yield in_force(statement, right)


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


@lru_cache(maxsize=65536)
def _of_unknown_service(pattern: str) -> bool:
    """Whether it names actions, other than reads, of a service that is not known."""
    service, _, action = pattern.partition(":")
    if not action or action.startswith(READING):
        return False
    if "*" in service or "?" in service:
        # Which services it names depends on what there is: those that are known, if there are any.
        return not any(matches(service, known) for known in KNOWN_SERVICES)
    return service not in KNOWN_SERVICES


def _starting_with(prefix: str) -> Sequence[str]:
    return ACTIONS[bisect_left(ACTIONS, prefix) : bisect_right(ACTIONS, prefix + "\uffff")]


def _undecided(message: str) -> Unknown:
    return Unknown.because("error", "iam:GetAccountAuthorizationDetails", None, message)


UNDECIDED_ACTION = _undecided(
    "the policies allow actions that they do not name; whether one of them grants permissions is unknown"
)
UNDECIDED_SERVICE = _undecided(
    "the policies allow passing any role, and actions of a service that may use it for anything"
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
