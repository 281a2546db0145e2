"""The Entra tenant itself: its administrators and its sign-in requirements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, Literal

from providers.azure.client.calls import IdentityCall
from providers.azure.conditional_access import (
    GLOBAL_ADMINISTRATOR,
    Holders,
    Members,
    Policy,
    role_members,
    when_activated,
)
from providers.azure.directory_users import DirectoryUser, DirectoryUsers, known_user
from providers.azure.entra import (
    ADMINISTRATOR_GROUPS,
    AUTHORISATION,
    DIRECTORY_ROLES,
    ELIGIBLE_DIRECTORY_ROLES,
    ORGANISATION,
    SIGN_IN_REQUIREMENTS,
    USERS_LIST,
    boolean,
    entire_answer,
    header,
)
from providers.azure.sign_in_requirements import Requirements
from scanner.collect.table import Facet, FacetRead, Table, asked, from_list
from scanner.model.evidence import Observed, Unknown, any_of, join, lift
from scanner.model.resources.identity import Tenant

Row = Mapping[str, Any]
Invites = Literal["nobody", "administrators", "members", "everyone"]

_INVITES: Mapping[str, Invites] = {
    "none": "nobody",
    "adminsAndGuestInviters": "administrators",
    "adminsGuestInvitersAndAllMembers": "members",
    "everyone": "everyone",
}


def administrators(
    roles: Observed[Mapping[str, Holders]], members: Observed[Members], users: Observed[DirectoryUsers]
) -> Observed[int]:
    """How many enabled users actively are Global Administrators, directly or through groups."""
    if isinstance(members, Unknown):
        return members
    holders = role_members(GLOBAL_ADMINISTRATOR, roles, members)
    if isinstance(holders, Unknown) or isinstance(users, Unknown):
        return join([one for one in (holders, users) if isinstance(one, Unknown)])
    return lift(_enabled, *(known_user(user, users) for user in sorted(holders)))


def _enabled(*users: DirectoryUser) -> int:
    return sum(1 for user in users if user.enabled)


def sign_in_requirement(
    of: Literal["administrators", "everyone", "legacy"],
    defaults: Observed[bool],
    found: Observed[Sequence[Policy]],
    roles: Observed[Mapping[str, Holders]],
    members: Observed[Members],
    users: Observed[DirectoryUsers],
    eligible: Observed[Mapping[str, Holders]] = MappingProxyType({}),
) -> Observed[bool]:
    """Whether security defaults or the enabled policies together enforce the requirement named by ``of``: MFA
    for administrators, MFA for everyone, or blocked legacy authentication. Administrators are also those who
    may activate the role."""
    if isinstance(found, Unknown) or isinstance(members, Unknown):
        unknown = [one for one in (found, members) if isinstance(one, Unknown)]
        return any_of(defaults, *unknown)
    requirements = Requirements(when_activated(roles, eligible), members, users)
    enforced = requirements.required(
        "administrators" if of == "administrators" else "everyone",
        lambda policy: policy.blocks_legacy if of == "legacy" else policy.requires_mfa,
        found,
    )
    return any_of(defaults, enforced)


def to_guests_invited_by(item: Row, policy: Row) -> Invites:
    """``allowInvitesFrom``.

    https://learn.microsoft.com/graph/api/resources/authorizationpolicy
    """
    return _INVITES[policy["allowInvitesFrom"]]


def to_users_register_apps(item: Row, policy: Row) -> bool:
    """``defaultUserRolePermissions.allowedToCreateApps``."""
    return boolean(policy["defaultUserRolePermissions"]["allowedToCreateApps"])


def tenant_header(partition: str, tenant: str, item: Row) -> Mapping[str, Any]:
    """The header from the organisation. Raises :class:`ValueError` for another tenant's."""
    if item["id"].lower() != tenant:
        raise ValueError("id")
    return header(partition, tenant, "", item["displayName"], "tenant")


_REQUIREMENTS: tuple[FacetRead[IdentityCall], ...] = (
    *SIGN_IN_REQUIREMENTS,
    FacetRead(USERS_LIST, entire_answer),
)
_REQUIREMENTS_OF_ADMINISTRATORS: tuple[FacetRead[IdentityCall], ...] = (
    *_REQUIREMENTS,
    FacetRead(ELIGIBLE_DIRECTORY_ROLES, entire_answer),
)

TENANT_FACETS: Mapping[str, Facet[IdentityCall]] = {
    "tags": from_list(lambda item: {}),
    "administrators": Facet(
        (
            FacetRead(DIRECTORY_ROLES, entire_answer),
            FacetRead(ADMINISTRATOR_GROUPS, entire_answer),
            FacetRead(USERS_LIST, entire_answer),
        ),
        combine=administrators,
    ),
    "administrators_mfa": Facet(
        _REQUIREMENTS_OF_ADMINISTRATORS, combine=partial(sign_in_requirement, "administrators")
    ),
    "everyone_mfa": Facet(_REQUIREMENTS, combine=partial(sign_in_requirement, "everyone")),
    "legacy_sign_in_blocked": Facet(_REQUIREMENTS, combine=partial(sign_in_requirement, "legacy")),
    "guests_invited_by": asked(AUTHORISATION, to_guests_invited_by),
    "users_register_apps": asked(AUTHORISATION, to_users_register_apps),
}


def tenants(partition: str, tenant: str) -> Table[IdentityCall]:
    """The table for the tenant itself."""
    return Table(
        kind=Tenant,
        list=ORGANISATION,
        header=lambda item: tenant_header(partition, tenant, item),
        facets=TENANT_FACETS,
    )


TENANTS = tenants("azure", "")
