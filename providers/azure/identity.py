"""Users of the Entra tenant, and the credentials of its applications.

Collected once per tenant, however many subscriptions are scanned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

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
    APPLICATIONS,
    DIRECTORY_ROLES,
    DOMAINS,
    OWNER_GROUPS,
    REGISTRATIONS,
    SIGN_IN_REQUIREMENTS,
    SIGN_INS,
    USERS_LIST,
    boolean,
    entire_answer,
    header,
)
from providers.azure.roles import (
    ASSIGNED_ROLES,
    PERMISSIONS_BY_ROLE,
    AssignedRoles,
    Assignments,
    RolePermissions,
    allow_everything,
    is_external_user,
)
from scanner.collect.table import Facet, FacetRead, Table, asked, from_list
from scanner.model.evidence import Observed, Unknown, all_of, any_of, join, lift
from scanner.model.resources.identity import AccessKey, User

Row = Mapping[str, Any]


def user_header(partition: str, tenant: str, item: Row) -> Mapping[str, Any]:
    """The header of a user, named by the user principal name."""
    return header(partition, tenant, f"/users/{item['id']}", item["userPrincipalName"], "user")


def key_header(partition: str, tenant: str, item: Row) -> Mapping[str, Any]:
    """The header of a credential, named by its key ID: its description could contain anything."""
    path = f"/applications/{item['application']}/{item['kind']}/{item['keyId']}"
    return header(partition, tenant, path, item["keyId"], "application")


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("no time zone")
    return moment


def to_enabled(item: Row) -> bool:
    """``accountEnabled``."""
    return boolean(item["accountEnabled"])


def to_password(item: Row, domains: Mapping[str, str]) -> bool:
    """Whether the user's domain is Managed: Entra verifies the password. An external user has none here.

    https://learn.microsoft.com/graph/api/resources/domain
    """
    if is_external_user(item):
        return False
    return not _federated(item, domains)


def _federated(item: Row, domains: Mapping[str, str]) -> bool:
    kind = domains[item["userPrincipalName"].rsplit("@", 1)[1].lower()]
    if kind not in ("Managed", "Federated"):
        raise ValueError("authenticationType")
    return kind == "Federated"


def uses_other_identity_provider(item: Row, domains: Mapping[str, str]) -> bool:
    """Whether another identity provider authenticates the user, and may require MFA itself."""
    return is_external_user(item) or _federated(item, domains)


def registered(item: Row, details: Mapping[str, Row]) -> Observed[bool]:
    """``isMfaCapable``: a strong method is registered, and the tenant allows the user to use it.

    The report omits disabled users.
    https://learn.microsoft.com/graph/api/resources/userregistrationdetails
    """
    row = details.get(item["id"].lower())
    if row is None:
        return Unknown.because(
            "unsupported",
            REGISTRATIONS.name,
            None,
            "the report has no entry for the user; it omits disabled users",
        )
    return boolean(row["isMfaCapable"])


def mfa_enforced(
    user: Observed[tuple[str, bool]],
    other_provider: Observed[bool],
    is_registered: Observed[bool],
    defaults: Observed[bool],
    found: Observed[Sequence[Policy]],
    roles: Observed[Mapping[str, Holders]],
    members: Observed[Members],
) -> Observed[bool]:
    """Whether MFA is registered, and required by security defaults or an enabled policy for the user.

    Otherwise unknown for a user of another identity provider, which may require MFA. The legacy per-user
    MFA setting does not count.
    """
    enforced = all_of(is_registered, any_of(defaults, _required(user, found, roles, members)))
    if enforced is True:
        return True
    if isinstance(other_provider, Unknown):
        return join([other_provider, *(one for one in (enforced,) if isinstance(one, Unknown))])
    if other_provider and not isinstance(enforced, Unknown):
        message = "the user signs in with another identity provider, which may require MFA"
        return Unknown.because("unsupported", REGISTRATIONS.name, None, message)
    return enforced


def _required(
    user: Observed[tuple[str, bool]],
    found: Observed[Sequence[Policy]],
    roles: Observed[Mapping[str, Holders]],
    members: Observed[Members],
) -> Observed[bool]:
    for needed in (user, found, members):
        if isinstance(needed, Unknown):
            return needed
    assert not isinstance(user, Unknown) and not isinstance(found, Unknown)
    assert not isinstance(members, Unknown)
    directory = PolicyDirectory(roles, members)
    candidates = (policy for policy in found if policy.requires_mfa is not False)
    return any_of(*(directory.requires_mfa(policy, *user) for policy in candidates))


def to_last_used(item: Row, rows: Mapping[str, Row]) -> datetime | None:
    """``lastSuccessfulSignInDateTime``; without it, as before December 2023, the last attempt.

    https://learn.microsoft.com/graph/api/resources/signinactivity
    """
    activity = rows[item["id"].lower()].get("signInActivity") or {}
    success = activity.get("lastSuccessfulSignInDateTime")
    if success:
        return _moment(success)
    attempts = [activity.get(name) for name in ("lastSignInDateTime", "lastNonInteractiveSignInDateTime")]
    return max((_moment(attempt) for attempt in attempts if attempt), default=None)


def _identity(item: Row) -> tuple[str, bool]:
    return item["id"].lower(), is_external_user(item)


def global_administrator(item: Row, roles: Mapping[str, Holders]) -> Observed[bool]:
    """Whether the user has a direct active assignment of Global Administrator."""
    holders = roles.get(GLOBAL_ADMINISTRATOR)
    if holders is None:
        return False
    if holders.unknown_type:
        return any_of(item["id"].lower() in holders.users, _unknown_holders(roles))
    return item["id"].lower() in holders.users


def _unknown_holders(roles: Mapping[str, Holders]) -> Observed[bool]:
    members = role_members(GLOBAL_ADMINISTRATOR, roles, {})
    return members if isinstance(members, Unknown) else False


def in_a_group(item: Row, members: Members) -> Observed[bool]:
    """Whether the user is a direct or transitive member of one of the groups."""
    user = item["id"].lower()
    return any_of(*(lift(lambda users: user in users, each) for each in members.values()))


def directly_assigned_roles(item: Row, assignments: Assignments) -> Sequence[Observed[frozenset[str]]]:
    """The roles assigned directly to the user, for each subscription as a whole."""
    user = item["id"].lower()

    def of(one: AssignedRoles) -> frozenset[str]:
        return one.users.get(user, frozenset())

    return [lift(of, one) for one in assignments]


def administrator(
    directly: Observed[bool],
    by_group: Observed[bool],
    roles: Observed[Sequence[Observed[frozenset[str]]]],
    known: Observed[Sequence[Observed[Mapping[str, RolePermissions]]]],
    owner_by_group: Observed[bool],
) -> Observed[bool]:
    """Global Administrator, or a role that allows everything in a scanned subscription."""
    facts = [directly, by_group, owner_by_group]
    if isinstance(roles, Unknown) or isinstance(known, Unknown):
        facts += [one for one in (roles, known) if isinstance(one, Unknown)]
    else:
        facts += [lift(allow_everything, *pair) for pair in zip(roles, known, strict=True)]
    return any_of(*facts)


def to_active(item: Row, now: datetime) -> bool:
    """Within ``startDateTime`` and ``endDateTime``, and Microsoft has not disabled the application."""
    ends = to_expires(item)
    app_enabled = item["disabled_status"] in (None, "NotDisabled")
    return app_enabled and _moment(item["startDateTime"]) <= now and (ends is None or now < ends)


def to_expires(item: Row) -> datetime | None:
    """``endDateTime``."""
    ends = item["endDateTime"]
    return None if ends is None else _moment(ends)


def last_used_unknown(item: Row) -> Unknown:
    """Microsoft Graph 1.0 does not report when a credential was last used."""
    return Unknown.because(
        "unsupported",
        APPLICATIONS.name,
        None,
        "Microsoft Graph does not report when a credential was last used",
    )


USER_FACETS: Mapping[str, Facet[IdentityCall]] = {
    "tags": from_list(lambda item: {}),
    "root": from_list(lambda item: False),
    "enabled": from_list(to_enabled),
    "password": asked(DOMAINS, to_password),
    "mfa": Facet(
        (
            FacetRead(None, _identity),
            FacetRead(DOMAINS, uses_other_identity_provider),
            FacetRead(REGISTRATIONS, registered),
            *SIGN_IN_REQUIREMENTS,
        ),
        combine=mfa_enforced,
    ),
    "access_keys": from_list(lambda item: 0),
    "last_used": asked(SIGN_INS, to_last_used),
    "external": from_list(is_external_user),
    "administrator": Facet(
        (
            FacetRead(DIRECTORY_ROLES, global_administrator),
            FacetRead(ADMINISTRATOR_GROUPS, in_a_group),
            FacetRead(ASSIGNED_ROLES, directly_assigned_roles),
            FacetRead(PERMISSIONS_BY_ROLE, entire_answer),
            FacetRead(OWNER_GROUPS, in_a_group),
        ),
        combine=administrator,
    ),
}


def users(partition: str, tenant: str) -> Table[IdentityCall]:
    """The table for the users of one tenant."""
    return Table(
        kind=User,
        list=USERS_LIST,
        header=lambda item: user_header(partition, tenant, item),
        facets=USER_FACETS,
    )


def access_keys(partition: str, tenant: str, now: datetime) -> Table[IdentityCall]:
    """The table for the credentials of one tenant's applications; ``now`` decides whether they are active."""
    return Table(
        kind=AccessKey,
        list=APPLICATIONS,
        header=lambda item: key_header(partition, tenant, item),
        facets={
            "tags": from_list(lambda item: {}),
            "holder": from_list(lambda item: item["holder"]),
            "active": from_list(lambda item: to_active(item, now)),
            "created": from_list(lambda item: _moment(item["startDateTime"])),
            "last_used": from_list(last_used_unknown),
            "expires": from_list(to_expires),
        },
    )


USERS = users("azure", "")
ACCESS_KEYS = access_keys("azure", "", datetime.min.replace(tzinfo=UTC))
