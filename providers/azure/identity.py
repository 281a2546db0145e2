"""Users of the Entra tenant, and the credentials of its applications.

Once per tenant, however many subscriptions are scanned.
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
    DEMANDED,
    DIRECTORY_ROLES,
    DOMAINS,
    OWNER_GROUPS,
    REGISTRATIONS,
    SIGN_INS,
    USERS_LIST,
    boolean,
    header,
    whole,
)
from providers.azure.roles import (
    ASSIGNED,
    PERMITS,
    Assigned,
    Assignments,
    Permit,
    allow_everything,
    is_outsider,
)
from scanner.collect.collection import Facet, FacetRead, Table, asked, from_list
from scanner.model.evidence import Observed, Unknown, all_of, any_of, join, lift
from scanner.model.resources.identity import AccessKey, User

Row = Mapping[str, Any]


def user_header(partition: str, tenant: str, item: Row) -> Mapping[str, Any]:
    """The header of a user, who goes by the name that people sign in with."""
    return header(partition, tenant, f"/users/{item['id']}", item["userPrincipalName"], "user")


def key_header(partition: str, tenant: str, item: Row) -> Mapping[str, Any]:
    """The header of a credential, which goes by its id: its description might hold anything."""
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
    """The user's own domain is Managed: Entra checks the password itself. An outsider has none here.

    https://learn.microsoft.com/graph/api/resources/domain
    """
    if is_outsider(item):
        return False
    return not _federated(item, domains)


def _federated(item: Row, domains: Mapping[str, str]) -> bool:
    kind = domains[item["userPrincipalName"].rsplit("@", 1)[1].lower()]
    if kind not in ("Managed", "Federated"):
        raise ValueError("authenticationType")
    return kind == "Federated"


def signs_in_elsewhere(item: Row, domains: Mapping[str, str]) -> bool:
    """Whether another identity provider checks who it is, and may ask for a second factor by itself."""
    return is_outsider(item) or _federated(item, domains)


def registered(item: Row, details: Mapping[str, Row]) -> Observed[bool]:
    """``isMfaCapable``: a strong method is registered that the tenant lets the user sign in with.

    The report leaves out users who are switched off.
    https://learn.microsoft.com/graph/api/resources/userregistrationdetails
    """
    row = details.get(item["id"].lower())
    if row is None:
        return Unknown.because(
            "unsupported",
            REGISTRATIONS.name,
            None,
            "the report has no line for the user, as for those disabled",
        )
    return boolean(row["isMfaCapable"])


def second_factor(
    user: Observed[tuple[str, bool]],
    elsewhere: Observed[bool],
    has: Observed[bool],
    defaults: Observed[bool],
    found: Observed[Sequence[Policy]],
    roles: Observed[Mapping[str, Holders]],
    members: Observed[Members],
) -> Observed[bool]:
    """Registered, and asked for by security defaults or an enabled policy that binds the user.

    Where neither holds for someone who signs in elsewhere, that identity provider may ask: unknown. The
    older switch at each user (per-user multifactor authentication) does not count as asking.
    """
    here = all_of(has, any_of(defaults, _asked(user, found, roles, members)))
    if here is True:
        return True
    if isinstance(elsewhere, Unknown):
        return join([elsewhere, *(one for one in (here,) if isinstance(one, Unknown))])
    if elsewhere:
        message = "the user signs in at another identity provider, which may ask for a second factor"
        return Unknown.because("unsupported", REGISTRATIONS.name, None, message)
    return here


def _asked(
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
    asking = (policy for policy in found if policy.second_factor is not False)
    return any_of(*(directory.asks(policy, *user) for policy in asking))


def to_last_used(item: Row, rows: Mapping[str, Row]) -> datetime | None:
    """``lastSuccessfulSignInDateTime``; where it has none, as before December 2023, the last attempt.

    https://learn.microsoft.com/graph/api/resources/signinactivity
    """
    activity = rows[item["id"].lower()].get("signInActivity") or {}
    success = activity.get("lastSuccessfulSignInDateTime")
    if success:
        return _moment(success)
    attempts = [activity.get(name) for name in ("lastSignInDateTime", "lastNonInteractiveSignInDateTime")]
    return max((_moment(attempt) for attempt in attempts if attempt), default=None)


def _identity(item: Row) -> tuple[str, bool]:
    return item["id"].lower(), is_outsider(item)


def global_administrator(item: Row, roles: Mapping[str, Holders]) -> Observed[bool]:
    """Holds the role Global Administrator directly, by an active assignment."""
    holders = roles.get(GLOBAL_ADMINISTRATOR)
    if holders is None:
        return False
    if holders.unclear:
        return any_of(item["id"].lower() in holders.users, _unclear(roles))
    return item["id"].lower() in holders.users


def _unclear(roles: Mapping[str, Holders]) -> Observed[bool]:
    text = role_members(GLOBAL_ADMINISTRATOR, roles, {})
    return text if isinstance(text, Unknown) else False


def in_a_group(item: Row, members: Members) -> Observed[bool]:
    """Is in one of the groups, directly or through another group."""
    user = item["id"].lower()
    return any_of(*(lift(lambda users: user in users, each) for each in members.values()))


def held(item: Row, assignments: Assignments) -> Sequence[Observed[frozenset[str]]]:
    """The roles that the user holds directly at each whole subscription."""
    user = item["id"].lower()

    def of(one: Assigned) -> frozenset[str]:
        return one.users.get(user, frozenset())

    return [lift(of, one) for one in assignments]


def administrator(
    directly: Observed[bool],
    by_group: Observed[bool],
    roles: Observed[Sequence[Observed[frozenset[str]]]],
    known: Observed[Sequence[Observed[Mapping[str, Permit]]]],
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
    """Valid now, by ``startDateTime`` and ``endDateTime``, and Microsoft has not closed the application."""
    ends = to_expires(item)
    open_now = item["switched_off"] in (None, "NotDisabled")
    return open_now and _moment(item["startDateTime"]) <= now and (ends is None or now < ends)


def to_expires(item: Row) -> datetime | None:
    """``endDateTime``."""
    ends = item["endDateTime"]
    return None if ends is None else _moment(ends)


def never_kept(item: Row) -> Unknown:
    """Microsoft Graph 1.0 does not tell when a credential was last used."""
    return Unknown.because(
        "unsupported",
        APPLICATIONS.name,
        None,
        "Microsoft Graph does not tell when a credential was last used",
    )


USER_FACETS: Mapping[str, Facet[IdentityCall]] = {
    "tags": from_list(lambda item: {}),
    "root": from_list(lambda item: False),
    "enabled": from_list(to_enabled),
    "password": asked(DOMAINS, to_password),
    "mfa": Facet(
        (
            FacetRead(None, _identity),
            FacetRead(DOMAINS, signs_in_elsewhere),
            FacetRead(REGISTRATIONS, registered),
            *DEMANDED,
        ),
        combine=second_factor,
    ),
    "access_keys": from_list(lambda item: 0),
    "last_used": asked(SIGN_INS, to_last_used),
    "external": from_list(is_outsider),
    "administrator": Facet(
        (
            FacetRead(DIRECTORY_ROLES, global_administrator),
            FacetRead(ADMINISTRATOR_GROUPS, in_a_group),
            FacetRead(ASSIGNED, held),
            FacetRead(PERMITS, whole),
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
    """The table for the credentials of one tenant's applications, as they are at the time ``now``."""
    return Table(
        kind=AccessKey,
        list=APPLICATIONS,
        header=lambda item: key_header(partition, tenant, item),
        facets={
            "tags": from_list(lambda item: {}),
            "holder": from_list(lambda item: item["holder"]),
            "active": from_list(lambda item: to_active(item, now)),
            "created": from_list(lambda item: _moment(item["startDateTime"])),
            "last_used": from_list(never_kept),
            "expires": from_list(to_expires),
        },
    )


USERS = users("azure", "")
ACCESS_KEYS = access_keys("azure", "", datetime.min.replace(tzinfo=UTC))
