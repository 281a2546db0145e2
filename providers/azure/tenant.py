"""The Entra tenant itself: its administrators, and what it demands of whoever signs in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal

from providers.azure.client.calls import IdentityCall
from providers.azure.conditional_access import (
    GLOBAL_ADMINISTRATOR,
    Holders,
    Members,
    Policy,
    PolicyDirectory,
    role_members,
)
from providers.azure.entra import (
    ADMINISTRATOR_GROUPS,
    AUTHORISATION,
    DEMANDED,
    DIRECTORY_ROLES,
    ORGANISATION,
    boolean,
    header,
    whole,
)
from scanner.collect.collection import Facet, FacetRead, Table, asked, from_list
from scanner.model.evidence import Observed, Unknown, all_of, any_of, lift
from scanner.model.resources.identity import Tenant

Row = Mapping[str, Any]
Invites = Literal["nobody", "administrators", "members", "everyone"]

_INVITES: Mapping[str, Invites] = {
    "none": "nobody",
    "adminsAndGuestInviters": "administrators",
    "adminsGuestInvitersAndAllMembers": "members",
    "everyone": "everyone",
}


def administrators(roles: Observed[Mapping[str, Holders]], members: Observed[Members]) -> Observed[int]:
    """How many users hold the role Global Administrator by an active assignment, also through groups."""
    if isinstance(members, Unknown):
        return members
    return lift(len, role_members(GLOBAL_ADMINISTRATOR, roles, members))


def demanded(
    of: Literal["administrators", "everyone", "legacy"],
    defaults: Observed[bool],
    found: Observed[Sequence[Policy]],
    roles: Observed[Mapping[str, Holders]],
    members: Observed[Members],
) -> Observed[bool]:
    """Security defaults, or one enabled policy for the tenant's own users and one for its guests."""
    if isinstance(found, Unknown) or isinstance(members, Unknown):
        unread = [one for one in (found, members) if isinstance(one, Unknown)]
        return any_of(defaults, *unread)
    directory = PolicyDirectory(roles, members)
    facts = [(policy, policy.closes_legacy if of == "legacy" else policy.second_factor) for policy in found]
    if of == "administrators":
        bound = any_of(*(all_of(fact, directory.reaches_administrators(policy)) for policy, fact in facts))
    else:
        bound = all_of(
            any_of(*(all_of(fact, directory.reaches_members(policy)) for policy, fact in facts)),
            any_of(*(all_of(fact, directory.reaches_guests(policy)) for policy, fact in facts)),
        )
    return any_of(defaults, bound)


def to_guests_invited_by(item: Row, policy: Row) -> Invites:
    """``allowInvitesFrom``.

    https://learn.microsoft.com/graph/api/resources/authorizationpolicy
    """
    return _INVITES[policy["allowInvitesFrom"]]


def to_users_register_apps(item: Row, policy: Row) -> bool:
    """``defaultUserRolePermissions.allowedToCreateApps``."""
    return boolean(policy["defaultUserRolePermissions"]["allowedToCreateApps"])


def tenant_header(partition: str, tenant: str, item: Row) -> Mapping[str, Any]:
    """The header from the organisation; another tenant's is not taken."""
    if item["id"].lower() != tenant:
        raise ValueError("id")
    return header(partition, tenant, "", item["displayName"], "tenant")


TENANT_FACETS: Mapping[str, Facet[IdentityCall]] = {
    "tags": from_list(lambda item: {}),
    "administrators": Facet(
        (FacetRead(DIRECTORY_ROLES, whole), FacetRead(ADMINISTRATOR_GROUPS, whole)), combine=administrators
    ),
    "administrators_mfa": Facet(DEMANDED, combine=partial(demanded, "administrators")),
    "everyone_mfa": Facet(DEMANDED, combine=partial(demanded, "everyone")),
    "legacy_sign_in_blocked": Facet(DEMANDED, combine=partial(demanded, "legacy")),
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
