"""The Entra tenant itself: its administrators and its sign-in requirements."""

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
    DIRECTORY_ROLES,
    ORGANISATION,
    SIGN_IN_REQUIREMENTS,
    boolean,
    entire_answer,
    header,
)
from scanner.collect.table import Facet, FacetRead, Table, asked, from_list
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
    """How many users have an active assignment of Global Administrator, directly or through groups."""
    if isinstance(members, Unknown):
        return members
    return lift(len, role_members(GLOBAL_ADMINISTRATOR, roles, members))


def sign_in_requirement(
    of: Literal["administrators", "everyone", "legacy"],
    defaults: Observed[bool],
    found: Observed[Sequence[Policy]],
    roles: Observed[Mapping[str, Holders]],
    members: Observed[Members],
) -> Observed[bool]:
    """Whether security defaults or enabled policies enforce the requirement named by ``of``: MFA for
    administrators, MFA for everyone, or blocked legacy authentication. The last two need one policy that
    applies to members and one (the same or another) that applies to guests."""
    if isinstance(found, Unknown) or isinstance(members, Unknown):
        unknown = [one for one in (found, members) if isinstance(one, Unknown)]
        return any_of(defaults, *unknown)
    directory = PolicyDirectory(roles, members)
    facts = [(policy, policy.blocks_legacy if of == "legacy" else policy.requires_mfa) for policy in found]
    if of == "administrators":
        enforced = any_of(
            *(all_of(fact, directory.applies_to_administrators(policy)) for policy, fact in facts)
        )
    else:
        enforced = all_of(
            any_of(*(all_of(fact, directory.applies_to_members(policy)) for policy, fact in facts)),
            any_of(*(all_of(fact, directory.applies_to_guests(policy)) for policy, fact in facts)),
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


TENANT_FACETS: Mapping[str, Facet[IdentityCall]] = {
    "tags": from_list(lambda item: {}),
    "administrators": Facet(
        (FacetRead(DIRECTORY_ROLES, entire_answer), FacetRead(ADMINISTRATOR_GROUPS, entire_answer)),
        combine=administrators,
    ),
    "administrators_mfa": Facet(SIGN_IN_REQUIREMENTS, combine=partial(sign_in_requirement, "administrators")),
    "everyone_mfa": Facet(SIGN_IN_REQUIREMENTS, combine=partial(sign_in_requirement, "everyone")),
    "legacy_sign_in_blocked": Facet(SIGN_IN_REQUIREMENTS, combine=partial(sign_in_requirement, "legacy")),
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
