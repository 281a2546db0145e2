"""Of whom Conditional Access policies together require something: judged by who is left out of all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from providers.azure.conditional_access import (
    CALL,
    DIRECTORY_SYNCHRONISATION,
    EMERGENCY_ACCOUNTS,
    GLOBAL_ADMINISTRATOR,
    Holders,
    Members,
    Policy,
    PolicyUsers,
    members_of,
    role_members,
)
from providers.azure.directory_users import GUEST_KINDS, DirectoryUsers, GuestKind, known_user
from scanner.model.evidence import Observed, Unknown, all_of, any_of, join, lift

Of = Literal["administrators", "everyone"]
Fact = Callable[[Policy], Observed[bool]]
"""Whether a policy requires it of those whom it applies to."""


@dataclass(frozen=True)
class _Left:
    """Users of whom nothing is required."""

    surely: int
    perhaps: tuple[Unknown, ...]
    """One for each whose case is unknown: why."""

    def few(self) -> Observed[bool]:
        """Whether there are no more than the permitted number of emergency accounts."""
        if self.surely > EMERGENCY_ACCOUNTS:
            return False
        if self.surely + len(self.perhaps) > EMERGENCY_ACCOUNTS:
            return join(self.perhaps)
        return True


@dataclass(frozen=True)
class Requirements:
    """The tenant's policies, with what resolves the users that they name."""

    roles: Observed[Mapping[str, Holders]]
    members: Members
    users: Observed[DirectoryUsers]

    def required_of(self, policy: Policy, user: str, guest: Observed[GuestKind | None]) -> Observed[bool]:
        """Whether the policy applies to this user."""
        return all_of(
            self._names(policy.included, user, guest),
            lift(_not, self._names(policy.excluded, user, guest)),
        )

    def required(self, of: Of, fact: Fact, policies: Iterable[Policy]) -> Observed[bool]:
        """Whether it is required of administrators, or of members and guests alike, except as many emergency
        accounts as are permitted: by all policies together."""
        facts = [(policy, fact(policy)) for policy in policies]
        surely = [policy for policy, given in facts if given is True]
        doubts = [given for _, given in facts if isinstance(given, Unknown)]
        decide = self._of_administrators if of == "administrators" else self._of_everyone
        result = decide(surely)
        if result is True or not doubts:
            return result
        at_best = decide([policy for policy, given in facts if given is not False])
        if at_best is False:
            return False
        return join([*(one for one in (result, at_best) if isinstance(one, Unknown)), *doubts])

    def _of_everyone(self, policies: Sequence[Policy]) -> Observed[bool]:
        """One policy at least must apply to members, and one to each kind of guest: new users included."""
        spared: set[str] = set()
        causes: list[Unknown] = []
        for kind in (None, *sorted(GUEST_KINDS)):
            left_out = [self._left_out(policy) for policy in policies if _applies_to(policy, kind)]
            if not left_out:
                return False
            complete = [known for known, unknown in left_out if not unknown]
            if complete:
                spared |= frozenset.intersection(*complete)
            else:
                spared |= frozenset.intersection(*(known for known, _ in left_out))
                causes += [cause for _, unknown in left_out for cause in unknown]
        few = self._left(sorted(spared), policies).few()
        if few is False or not causes:
            return few
        return join([*([few] if isinstance(few, Unknown) else []), *causes])

    def _of_administrators(self, policies: Sequence[Policy]) -> Observed[bool]:
        """One policy at least must apply to the role: new administrators included."""
        general = [policy for policy in policies if _applies_to_administrators(policy)]
        if not general:
            return False
        holders = role_members(GLOBAL_ADMINISTRATOR, self.roles, self.members)
        if isinstance(holders, Unknown):
            return True if any(_spares_nobody(policy) for policy in general) else holders
        users = {user: known_user(user, self.users) for user in sorted(holders)}
        active = [user for user, known in users.items() if isinstance(known, Unknown) or known.enabled]
        left = self._left(active, policies)
        few = left.few()
        if few is True and active and left.surely + len(left.perhaps) == len(active):
            # It is required of no administrator at all.
            return join(left.perhaps) if left.perhaps else False
        return few

    def _left(self, candidates: Iterable[str], policies: Sequence[Policy]) -> _Left:
        """The enabled users among the candidates to whom none of the policies applies."""
        surely = 0
        perhaps: list[Unknown] = []
        for user in candidates:
            known = known_user(user, self.users)
            if not isinstance(known, Unknown) and not known.enabled:
                continue
            guest = lift(lambda one: one.guest, known)
            asked = any_of(*(self.required_of(policy, user, guest) for policy in policies))
            if isinstance(asked, Unknown):
                perhaps.append(asked)
            elif not asked and isinstance(known, Unknown):
                perhaps.append(known)
            elif not asked:
                surely += 1
        return _Left(surely, tuple(perhaps))

    def _left_out(self, policy: Policy) -> tuple[frozenset[str], list[Unknown]]:
        """The users that the policy excludes by name, group or role, as far as they are known."""
        groups = [members_of(group, self.members) for group in sorted(policy.excluded.groups)]
        groups += [
            role_members(role, self.roles, self.members)
            for role in sorted(policy.excluded.roles - {DIRECTORY_SYNCHRONISATION})
        ]
        known = policy.excluded.users.union(*(one for one in groups if not isinstance(one, Unknown)))
        return known, [one for one in groups if isinstance(one, Unknown)]

    def _names(self, users: PolicyUsers, user: str, guest: Observed[GuestKind | None]) -> Observed[bool]:
        facts: list[Observed[bool]] = [users.everyone, user in users.users, _names_guest(users, guest)]
        sets = [members_of(group, self.members) for group in sorted(users.groups)]
        sets += [role_members(role, self.roles, self.members) for role in sorted(users.roles)]
        return any_of(*facts, *(lift(lambda one: user in one, each) for each in sets))


def _names_guest(users: PolicyUsers, guest: Observed[GuestKind | None]) -> Observed[bool]:
    if not users.guests and not users.guests_of_some_tenants:
        return False
    if isinstance(guest, Unknown):
        return guest
    if guest in users.guests:
        return True
    if guest in users.guests_of_some_tenants:
        return _undetermined("the policy names guests of only some tenants")
    return False


def _applies_to(policy: Policy, kind: GuestKind | None) -> bool:
    """Whether the policy applies to the members, or to all guests of the kind, but for those it excludes by
    name, group or role."""
    if policy.excluded.everyone:
        return False
    if kind is None:
        return policy.included.everyone
    excluded = policy.excluded.guests | policy.excluded.guests_of_some_tenants
    return kind not in excluded and (policy.included.everyone or kind in policy.included.guests)


def _applies_to_administrators(policy: Policy) -> bool:
    included = policy.included.everyone or GLOBAL_ADMINISTRATOR in policy.included.roles
    return included and not policy.excluded.everyone and GLOBAL_ADMINISTRATOR not in policy.excluded.roles


def _spares_nobody(policy: Policy) -> bool:
    excluded = policy.excluded
    roles = excluded.roles - {DIRECTORY_SYNCHRONISATION}
    return not (
        excluded.users or excluded.groups or roles or excluded.guests or excluded.guests_of_some_tenants
    )


def _not(fact: bool) -> bool:
    return not fact


def _undetermined(message: str) -> Unknown:
    return Unknown.because("unsupported", CALL, None, message)
