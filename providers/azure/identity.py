"""Users of the Entra tenant, and the credentials of its applications.

Collected once per tenant, however many subscriptions are scanned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from providers.azure.administrators import administrations
from providers.azure.client.calls import DirectoryCall, IdentityCall
from providers.azure.conditional_access import (
    ADMINISTRATORS,
    Holders,
    Members,
    Policy,
    role_members,
)
from providers.azure.directory_users import GuestKind, guest_kind, is_external_user, signs_in_elsewhere
from providers.azure.eligibility import ELIGIBLE
from providers.azure.entra import (
    ADMINISTRATOR_GROUPS,
    APPLICATIONS,
    DIRECTORY_ROLES,
    DOMAINS,
    ELIGIBLE_DIRECTORY_ROLES,
    OWNER_GROUPS,
    PER_USER_MFA,
    REGISTRATIONS,
    SIGN_IN_REQUIREMENTS,
    SIGN_INS,
    USERS_LIST,
    boolean,
    entire_answer,
    header,
)
from providers.azure.privileged_workloads import GROUPED_WORKLOADS, POLICY_IDENTITIES, Workloads
from providers.azure.role_assignments import ASSIGNED_ROLES, SERVICE_PRINCIPALS, Assignments
from providers.azure.role_definitions import PERMISSIONS_BY_ROLE, KnownRoles
from providers.azure.sign_in_requirements import Requirements
from providers.azure.workload_identities import USES, Owners, Use
from scanner.collect.table import Facet, FacetRead, Table, asked, from_list
from scanner.model.evidence import Observed, Unknown, all_of, any_of, join, lift
from scanner.model.resources.identity import AccessKey, User

Row = Mapping[str, Any]


def user_header(partition: str, tenant: str, item: Row) -> Mapping[str, Any]:
    """The header of a user, named by the user principal name."""
    return header(partition, tenant, f"/users/{item['id']}", item["userPrincipalName"], "user")


def key_header(partition: str, tenant: str, item: Row) -> Mapping[str, Any]:
    """The header of a credential, named by its key ID: its description could contain anything."""
    path = f"{item['path']}/{item['kind']}/{item['keyId']}"
    kind = "application" if item["path"].startswith("/applications/") else "serviceprincipal"
    return header(partition, tenant, path, item["keyId"], kind)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("no time zone")
    return moment


def to_enabled(item: Row) -> bool:
    """``accountEnabled``."""
    return boolean(item["accountEnabled"])


def to_password(item: Row, domains: Mapping[str, str]) -> bool:
    """Whether the user's domain is Managed: Entra verifies the password. One who signs in elsewhere has none
    here; an internal guest has.

    https://learn.microsoft.com/graph/api/resources/domain
    """
    if signs_in_elsewhere(item):
        return False
    return not _federated(item, domains)


def _federated(item: Row, domains: Mapping[str, str]) -> bool:
    kind = domains[item["userPrincipalName"].rsplit("@", 1)[1].lower()]
    if kind not in ("Managed", "Federated"):
        raise ValueError("authenticationType")
    return kind == "Federated"


def uses_other_identity_provider(item: Row, domains: Mapping[str, str]) -> bool:
    """Whether another identity provider authenticates the user, and may require MFA itself."""
    return signs_in_elsewhere(item) or _federated(item, domains)


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
    user: Observed[tuple[str, GuestKind | None]],
    other_provider: Observed[bool],
    is_registered: Observed[bool],
    defaults: Observed[bool],
    found: Observed[Sequence[Policy]],
    roles: Observed[Mapping[str, Holders]],
    members: Observed[Members],
    settings: Observed[Mapping[str, Observed[str]]],
) -> Observed[bool]:
    """Whether MFA is registered, and required by security defaults, an enabled policy for the user, or the
    setting of the user.

    Otherwise unknown for a user of another identity provider, which may require MFA.
    """
    required = any_of(defaults, _required(user, found, roles, members))
    if required is False and other_provider is False and is_registered is True:
        required = _by_setting(user, settings)
    enforced = all_of(is_registered, required)
    if enforced is True:
        return True
    if isinstance(other_provider, Unknown):
        return join([other_provider, *(one for one in (enforced,) if isinstance(one, Unknown))])
    if other_provider and not isinstance(enforced, Unknown):
        message = "the user signs in with another identity provider, which may require MFA"
        return Unknown.because("unsupported", REGISTRATIONS.name, None, message)
    return enforced


def _by_setting(
    user: Observed[tuple[str, GuestKind | None]], settings: Observed[Mapping[str, Observed[str]]]
) -> Observed[bool]:
    """Whether per-user MFA is enforced. ``enabled`` means that the user has not registered yet.

    https://learn.microsoft.com/entra/identity/authentication/howto-mfa-userstates
    """
    if isinstance(user, Unknown) or isinstance(settings, Unknown):
        return join([one for one in (user, settings) if isinstance(one, Unknown)])
    state = settings.get(user[0])
    if state is None or state == "enabled":
        message = "whether per-user MFA is enforced for the user was not read, or is not definite"
        return Unknown.because("unsupported", PER_USER_MFA.name, None, message)
    return lift(lambda one: one == "enforced", state)


def _required(
    user: Observed[tuple[str, GuestKind | None]],
    found: Observed[Sequence[Policy]],
    roles: Observed[Mapping[str, Holders]],
    members: Observed[Members],
) -> Observed[bool]:
    for needed in (user, found, members):
        if isinstance(needed, Unknown):
            return needed
    assert not isinstance(user, Unknown) and not isinstance(found, Unknown)
    assert not isinstance(members, Unknown)
    requirements = Requirements(roles, members, {})
    candidates = [policy for policy in found if policy.requires_mfa is not False]
    return any_of(
        *(all_of(policy.requires_mfa, requirements.required_of(policy, *user)) for policy in candidates)
    )


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


def _identity(item: Row) -> tuple[str, GuestKind | None]:
    return item["id"].lower(), guest_kind(item)


def directory_administrator(item: Row, roles: Mapping[str, Holders]) -> Observed[bool]:
    """Whether the user has a direct assignment, or eligibility, for one of :data:`ADMINISTRATORS`."""
    user = item["id"].lower()
    return any_of(*(_holds(user, role, roles) for role in sorted(ADMINISTRATORS & roles.keys())))


def _holds(user: str, role: str, roles: Mapping[str, Holders]) -> Observed[bool]:
    holders = roles[role]
    if user in holders.users or not holders.unknown_type:
        return user in holders.users
    members = role_members(role, roles, {})
    return members if isinstance(members, Unknown) else False


def in_a_group(item: Row, members: Members) -> Observed[bool]:
    """Whether the user is a direct or transitive member of one of the groups."""
    user = item["id"].lower()
    return any_of(*(lift(lambda users: user in users, each) for each in members.values()))


def administrator(
    user: Observed[tuple[str, GuestKind | None]],
    directly: Observed[bool],
    by_group: Observed[bool],
    eligibly: Observed[bool],
    assignments: Observed[Assignments],
    eligible: Observed[Assignments],
    known: Observed[Sequence[Observed[KnownRoles]]],
    members: Observed[Members],
    used: Observed[Sequence[Observed[Sequence[Use]]]],
    policies: Observed[Sequence[Observed[Sequence[Use]]]],
    workloads: Observed[Workloads],
    owners: Observed[Owners],
) -> Observed[bool]:
    """Global Administrator, or who can make himself one; or a role, of the user or of a group, that allows
    everything in a scanned subscription, assigning oneself one that does, or signing in as a managed identity
    that has one. Roles that the user may activate count: so can he make himself one."""
    facts = [directly, by_group, eligibly]
    needed = (user, assignments, eligible, known, members, used, policies)
    if any(isinstance(one, Unknown) for one in needed):
        return any_of(*facts, *(one for one in needed if isinstance(one, Unknown)))
    assert not isinstance(user, Unknown) and not isinstance(assignments, Unknown)
    assert not isinstance(known, Unknown) and not isinstance(members, Unknown)
    assert not isinstance(used, Unknown) and not isinstance(eligible, Unknown)
    assert not isinstance(policies, Unknown)
    belongs = {group: lift(lambda found: user[0] in found, users) for group, users in members.items()}
    unsure = {group: fact for group, fact in belongs.items() if isinstance(fact, Unknown)}
    for one in administrations(assignments, eligible, known, used, policies, workloads, owners):
        if isinstance(one, Unknown):
            facts.append(one)
            continue
        groups = one.assigned.groups
        grants = list(one.assigned.users.get(user[0], ()))
        grants += [each for group, fact in belongs.items() if fact is True for each in groups.get(group, ())]
        facts.append(one.of(grants))
        more = [each for group in unsure for each in groups.get(group, ())]
        if more:
            reasons = join([fact for group, fact in unsure.items() if group in groups])
            facts.append(all_of(reasons, one.of([*grants, *more])))
    return any_of(*facts)


def to_active(item: Row, now: datetime) -> bool:
    """Within ``startDateTime`` and ``endDateTime``, and neither the holder is disabled nor has Microsoft
    disabled it."""
    ends = to_expires(item)
    app_enabled = item["enabled"] and item["disabled_status"] in (None, "NotDisabled")
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


def to_created(item: Row) -> datetime | None:
    """``createdDateTime``: null for some users from before June 2018.

    https://learn.microsoft.com/graph/api/resources/user
    """
    created = item.get("createdDateTime")
    return None if created is None else _moment(created)


USER_FACETS: Mapping[str, Facet[IdentityCall]] = {
    "tags": from_list(lambda item: {}),
    "root": from_list(lambda item: False),
    "created": from_list(to_created),
    "enabled": from_list(to_enabled),
    "password": asked(DOMAINS, to_password),
    "mfa": Facet(
        (
            FacetRead(None, _identity),
            FacetRead(DOMAINS, uses_other_identity_provider),
            FacetRead(REGISTRATIONS, registered),
            *SIGN_IN_REQUIREMENTS,
            FacetRead(PER_USER_MFA, entire_answer),
        ),
        combine=mfa_enforced,
    ),
    "access_keys": from_list(lambda item: 0),
    "last_used": asked(SIGN_INS, to_last_used),
    "external": from_list(is_external_user),
    "administrator": Facet(
        (
            FacetRead(None, _identity),
            FacetRead(DIRECTORY_ROLES, directory_administrator),
            FacetRead(ADMINISTRATOR_GROUPS, in_a_group),
            FacetRead(ELIGIBLE_DIRECTORY_ROLES, directory_administrator),
            FacetRead(ASSIGNED_ROLES, entire_answer),
            FacetRead(ELIGIBLE, entire_answer),
            FacetRead(PERMISSIONS_BY_ROLE, entire_answer),
            FacetRead(OWNER_GROUPS, entire_answer),
            FacetRead(USES, entire_answer),
            FacetRead(POLICY_IDENTITIES, entire_answer),
            FacetRead(GROUPED_WORKLOADS, entire_answer),
            FacetRead(SERVICE_PRINCIPALS, entire_answer),
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
    return _access_keys(APPLICATIONS, partition, tenant, now)


def access_keys_of_service_principals(partition: str, tenant: str, now: datetime) -> Table[IdentityCall]:
    """The table for the credentials of one tenant's service principals, also of foreign applications."""
    return _access_keys(SERVICE_PRINCIPALS, partition, tenant, now)


def _access_keys(listing: DirectoryCall, partition: str, tenant: str, now: datetime) -> Table[IdentityCall]:
    return Table(
        kind=AccessKey,
        list=listing,
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
ACCESS_KEYS_OF_SERVICE_PRINCIPALS = access_keys_of_service_principals(
    "azure", "", datetime.min.replace(tzinfo=UTC)
)
