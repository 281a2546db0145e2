"""Who administers a project: alone, through a group, or through a service account that he can act as."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers.gcp.client.calls import Item
from providers.gcp.policies.policies import (
    PROJECT_POLICY,
    Permissions,
    grants,
    is_custom,
    permissions_of,
    policies_above,
    project_policy,
)
from providers.gcp.policies.roles import (
    GRANTING_ROLES,
    HARMLESS_ROLES,
    IMPERSONATING_ROLES,
    IMPERSONATION,
    SET_POLICY,
    SET_POLICY_ROLES,
)
from scanner.model.evidence import Observed, Unknown, all_of, any_of, lift

_SINGLE_MEMBERS = ("user:", "serviceAccount:", "principal:", "principalSet://iam.googleapis.com/")
"""Prefixes of members that contain no other Google accounts."""
_GROUP_MEMBERSHIP = "cloudidentity:memberships.checkTransitiveMembership"

Held = tuple[tuple[str, str], ...]
"""Roles and members of policies."""


def to_held(item: Item, policies: Mapping[str, Any]) -> Held:
    """From the project's own policy."""
    return tuple((role, member) for role, member, _ in grants(project_policy(item, policies)))


def to_held_above(item: Item, policies: Mapping[str, Any]) -> Observed[Held]:
    """From the policies of the folders and the organisation above."""
    above = policies_above(item, policies)
    if isinstance(above, Unknown):
        return above
    return tuple((role, member) for policy in above.values() for role, member, _ in grants(policy))


def to_own_accounts(item: Item) -> tuple[str, tuple[str, ...]]:
    """The member, and what the addresses of the project's service accounts end with: those that users
    create, and the default ones of Compute Engine and App Engine."""
    project = item.project
    identifier = ".".join(reversed(project.id.split(":")))
    return item.asset["member"], (
        f"@{identifier}.iam.gserviceaccount.com",
        f":{project.number}-compute@developer.gserviceaccount.com",
        f":{identifier}@appspot.gserviceaccount.com",
    )


def to_administrator(
    person: Observed[tuple[str, tuple[str, ...]]],
    own: Observed[Held],
    above: Observed[Held],
    roles: Observed[Permissions],
    roles_above: Observed[Permissions],
) -> Observed[bool]:
    """Whether the person can do everything in the project, or give himself the right to: owns it, may change
    its policy or one above it, or may act as a service account of the project that can.

    If only a group, a domain or a pool holds such a role, the person may be a member of it, which no asset
    shows.
    """
    if isinstance(person, Unknown):
        return person
    member, accounts = person

    def sets_policy(role: str) -> Observed[bool]:
        return _allows(role, SET_POLICY_ROLES, SET_POLICY, roles, roles_above)

    def impersonates(role: str) -> Observed[bool]:
        return _allows(role, IMPERSONATING_ROLES, IMPERSONATION, roles, roles_above)

    def level(held: Observed[Held]) -> Observed[bool]:
        if isinstance(held, Unknown):
            return held
        return any_of(*(_held_by(member, role, holder, sets_policy(role)) for role, holder in held))

    def administrating_account(held: Observed[Held]) -> Observed[bool]:
        if isinstance(held, Unknown):
            return held
        return any_of(*(sets_policy(role) for role, holder in held if holder.endswith(accounts)))

    def acts_as_accounts(held: Observed[Held]) -> Observed[bool]:
        if isinstance(held, Unknown):
            return held
        return any_of(*(_held_by(member, role, holder, impersonates(role)) for role, holder in held))

    return any_of(
        *map(level, (own, above)),
        all_of(
            any_of(*map(administrating_account, (own, above))), any_of(*map(acts_as_accounts, (own, above)))
        ),
    )


def _allows(
    role: str,
    predefined: frozenset[str],
    permissions: frozenset[str],
    roles: Observed[Permissions],
    roles_above: Observed[Permissions],
) -> Observed[bool]:
    if not is_custom(role):
        return role in predefined
    return lift(lambda held: bool(held & permissions), permissions_of(role, roles, roles_above))


def _held_by(member: str, role: str, holder: str, allows: Observed[bool]) -> Observed[bool]:
    """Whether a person has what a role allows that somebody holds. A role of Google's that is not known may
    allow it to whoever holds it himself."""
    if holder.lower() == member:
        known = is_custom(role) or role in GRANTING_ROLES or role in HARMLESS_ROLES
        why = f"it is not known whether {role} allows granting rights"
        return allows if known else Unknown.because("unsupported", PROJECT_POLICY.name, None, why)
    if holder.startswith(_SINGLE_MEMBERS):
        return False
    why = f"no asset shows whether {member} is in {holder}, which holds {role}"
    belongs = Unknown.because("unsupported", _GROUP_MEMBERSHIP, None, why)
    return belongs if allows is True else allows
