"""Conditional Access: which enabled policies require MFA of whom, and which block legacy authentication.

https://learn.microsoft.com/graph/api/resources/conditionalaccesspolicy
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from providers.azure.directory_users import GUEST_KINDS
from scanner.model.evidence import Observed, Unknown, all_of, any_of, join, lift

Row = Mapping[str, Any]
Members = Mapping[str, Observed[frozenset[str]]]
"""The direct and transitive user members of each group, by group ID."""

GLOBAL_ADMINISTRATOR = "62e90394-69f5-4237-9190-012177145e10"
"""Template ID of the role, the same in every tenant."""
PRIVILEGED_ROLE_ADMINISTRATOR = "e8611ab8-c189-46e8-94e1-60213ab1f814"
PRIVILEGED_AUTHENTICATION_ADMINISTRATOR = "7be44c8a-adaf-4e2a-84d6-ab2649e08a13"
ADMINISTRATORS = frozenset(
    {GLOBAL_ADMINISTRATOR, PRIVILEGED_ROLE_ADMINISTRATOR, PRIVILEGED_AUTHENTICATION_ADMINISTRATOR}
)
"""The roles whose holders have full rights in the tenant, can assign themselves Global Administrator, or can
set the password and methods of those who hold it:
https://learn.microsoft.com/entra/identity/role-based-access-control/permissions-reference."""
DIRECTORY_SYNCHRONISATION = "d29b2b05-8046-44ba-8758-1e26182fcf32"
"""The role of the Entra Connect accounts: workloads, so excluding them from a policy is ignored."""
EMERGENCY_ACCOUNTS = 2
"""The number of emergency access accounts that a policy may exclude, against a lockout if MFA fails."""
CALL = "Microsoft.Graph/identity/conditionalAccess/policies"
_MODERN = frozenset({"browser", "mobileAppsAndDesktopClients"})
_LEGACY = frozenset({"exchangeActiveSync", "other"})
_BUILT_IN_STRENGTHS = frozenset(f"00000000-0000-0000-0000-00000000000{number}" for number in (2, 3, 4))
"""The built-in authentication strengths: MFA, passwordless MFA, phishing-resistant MFA."""
_IMPOSSIBLE_FOR_LEGACY = frozenset({"mfa", "compliantDevice", "domainJoinedDevice", "block"})
"""The controls that a protocol with only user name and password can never satisfy."""


@dataclass(frozen=True)
class Holders:
    """The current holders of a directory role."""

    users: frozenset[str]
    groups: frozenset[str]
    unknown_type: frozenset[str]
    """Principals whose type is not reported."""


_NOBODY = Holders(frozenset(), frozenset(), frozenset())


@dataclass(frozen=True)
class PolicyUsers:
    """The users that a policy includes or excludes."""

    everyone: bool
    users: frozenset[str]
    groups: frozenset[str]
    roles: frozenset[str]
    guests: frozenset[str]
    """The kinds of guests, of whatever tenant."""
    guests_of_some_tenants: frozenset[str]
    """The kinds of guests of which only those of some tenants are named."""


@dataclass(frozen=True)
class Policy:
    """An enabled policy, reduced to what is evaluated here."""

    name: str
    included: PolicyUsers
    excluded: PolicyUsers
    requires_mfa: Observed[bool]
    """It requires MFA for every sign-in with modern authentication, to every application."""
    blocks_legacy: Observed[bool]
    """It blocks legacy authentication protocols, which do not support MFA, for every application."""


def policies(rows: Iterable[Row]) -> tuple[Policy, ...]:
    """The enabled policies that require MFA or block legacy authentication, or may do so.

    A report-only policy does not count. Raises :class:`ValueError`, :class:`TypeError` or
    :class:`KeyError` for another format.
    """
    found = []
    for row in rows:
        state = row["state"]
        if state not in ("enabled", "disabled", "enabledForReportingButNotEnforced"):
            raise ValueError("state")
        if state == "enabled":
            found.append(_of_some_apps(row))
    every = (_policy(one, found) for one in found)
    return tuple(
        policy for policy in every if policy.requires_mfa is not False or policy.blocks_legacy is not False
    )


def named_groups(
    found: Observed[Sequence[Policy]],
    roles: Observed[Mapping[str, Holders]],
    eligible: Observed[Mapping[str, Holders]] = MappingProxyType({}),
) -> frozenset[str]:
    """The groups whose members determine whom the policies apply to: those that the policies name, and those
    that hold roles that the policies name, or may activate them, or Global Administrator, of whom most is
    required."""
    if isinstance(found, Unknown) or not found:
        return frozenset()
    sides = [side for policy in found for side in (policy.included, policy.excluded)]
    groups = frozenset(group for side in sides for group in side.groups)
    named = {GLOBAL_ADMINISTRATOR}.union(*(side.roles for side in sides))
    listed = [each for each in (roles, eligible) if not isinstance(each, Unknown)]
    return groups.union(*(each[role].groups for each in listed for role in named if role in each))


def when_activated(
    roles: Observed[Mapping[str, Holders]], eligible: Observed[Mapping[str, Holders]]
) -> Observed[Mapping[str, Holders]]:
    """The holders of each role, once all who may activate it have done so."""
    if isinstance(roles, Unknown) or isinstance(eligible, Unknown):
        return join([one for one in (roles, eligible) if isinstance(one, Unknown)])
    return {
        role: Holders(
            *(
                getattr(roles.get(role, _NOBODY), name) | getattr(eligible.get(role, _NOBODY), name)
                for name in ("users", "groups", "unknown_type")
            )
        )
        for role in (*roles, *eligible)
    }


def role_members(
    role: str, roles: Observed[Mapping[str, Holders]], members: Members
) -> Observed[frozenset[str]]:
    """The current holders of the role, directly or through a group."""
    if isinstance(roles, Unknown):
        return roles
    holders = roles.get(role, _NOBODY)
    if holders.unknown_type:
        return Unknown.because(
            "denied",
            "Microsoft.Graph/roleManagement/directory/roleAssignments",
            "Directory.Read.All",
            f"the type of principal {min(holders.unknown_type)} cannot be read",
        )
    by_group = [members_of(group, members) for group in sorted(holders.groups)]
    return lift(holders.users.union, *by_group)


def members_of(group: str, members: Members) -> Observed[frozenset[str]]:
    """The user members of a group that a policy or role names."""
    if group in members:
        return members[group]
    return _undetermined(f"the members of group {group} were not read")


def _undetermined(message: str) -> Unknown:
    return Unknown.because("unsupported", CALL, None, message)


@dataclass(frozen=True)
class _OfSomeApps:
    """A policy for some or all types of client apps."""

    name: str
    included: PolicyUsers
    excluded: PolicyUsers
    apps: frozenset[str]
    requires_mfa: Observed[bool]
    blocks_legacy: Observed[bool]


def _of_some_apps(row: Row) -> _OfSomeApps:
    conditions = row["conditions"]
    users = conditions.get("users") or {}
    apps = frozenset(conditions["clientAppTypes"])
    if not apps:
        raise ValueError("clientAppTypes")
    unconditional = _unconditional(conditions)
    grant = row.get("grantControls")
    return _OfSomeApps(
        name=str(row.get("displayName") or row["id"]),
        included=_policy_users(users, "include"),
        excluded=_policy_users(users, "exclude"),
        apps=_MODERN | _LEGACY if "all" in apps else apps,
        requires_mfa=all_of(unconditional, _requires_mfa(grant)),
        blocks_legacy=all_of(unconditional, _blocks_legacy(grant)),
    )


def _policy(one: _OfSomeApps, every: Sequence[_OfSomeApps]) -> Policy:
    """The policy, together with those that require the same of the same users for other types of apps."""
    same = [each for each in every if (each.included, each.excluded) == (one.included, one.excluded)]
    modern = one.apps.union(*(each.apps for each in same if each.requires_mfa is True))
    legacy = one.apps.union(*(each.apps for each in same if each.blocks_legacy is True))
    return Policy(
        name=one.name,
        included=one.included,
        excluded=one.excluded,
        requires_mfa=all_of(modern >= _MODERN, one.requires_mfa),
        blocks_legacy=all_of(legacy >= _LEGACY, one.blocks_legacy),
    )


def _policy_users(users: Row, side: str) -> PolicyUsers:
    named = frozenset(users.get(f"{side}Users") or ())
    guests, of_some_tenants = _guests(users.get(f"{side}GuestsOrExternalUsers"))
    return PolicyUsers(
        everyone="All" in named,
        users=_ids(named - {"All", "None", "GuestsOrExternalUsers"}),
        groups=_ids(users.get(f"{side}Groups") or ()),
        roles=_ids(users.get(f"{side}Roles") or ()),
        guests=GUEST_KINDS if "GuestsOrExternalUsers" in named else guests,
        guests_of_some_tenants=of_some_tenants,
    )


def _ids(names: Iterable[str]) -> frozenset[str]:
    return frozenset(name.lower() for name in names)


def _guests(row: Row | None) -> tuple[frozenset[str], frozenset[str]]:
    """The kinds of guests, and those of only some tenants.

    https://learn.microsoft.com/graph/api/resources/conditionalaccessguestsorexternalusers
    """
    if not row:
        return frozenset(), frozenset()
    kinds = GUEST_KINDS & {kind.strip() for kind in row["guestOrExternalUserTypes"].split(",")}
    if (row.get("externalTenants") or {}).get("membershipKind", "all") == "all":
        return kinds, frozenset()
    # An internal guest is of no other tenant.
    return kinds & {"internalGuest"}, kinds - {"internalGuest"}


def _unconditional(conditions: Row) -> Observed[bool]:
    """Whether no condition narrows the policy: all applications, locations, devices, risk levels and flows.

    https://learn.microsoft.com/graph/api/resources/conditionalaccessconditionset
    """
    applications = conditions["applications"]
    platforms = conditions.get("platforms") or {}
    locations = conditions.get("locations") or {}
    flows = conditions.get("authenticationFlows") or {}
    facts: list[Observed[bool]] = [
        "All" in (applications.get("includeApplications") or ()),
        not applications.get("excludeApplications"),
        not applications.get("applicationFilter"),
        not platforms or ("all" in (platforms.get("includePlatforms") or ())),
        not platforms.get("excludePlatforms"),
        not locations or ("All" in (locations.get("includeLocations") or ())),
        not locations.get("excludeLocations"),
        not conditions.get("signInRiskLevels"),
        not conditions.get("userRiskLevels"),
        not conditions.get("devices"),
        not conditions.get("insiderRiskLevels"),
        flows.get("transferMethods") in (None, "", "none"),
    ]
    known = {
        *("applications", "platforms", "locations", "signInRiskLevels", "userRiskLevels", "devices"),
        *("users", "clientAppTypes", "clientApplications", "servicePrincipalRiskLevels"),
        *("insiderRiskLevels", "authenticationFlows"),
    }
    facts += _unsupported("condition", conditions, known)
    facts += _unsupported("application condition", applications, _APPLICATIONS)
    facts += _unsupported("user condition", conditions.get("users") or {}, _USERS)
    return all_of(*facts)


def _unsupported(what: str, given: Row, known: AbstractSet[str]) -> list[Observed[bool]]:
    """A field that is not known may narrow the policy."""
    others = sorted(
        name for name, value in given.items() if value and name not in known and "@odata." not in name
    )
    return [_undetermined(f"the policy {what} {name} is not supported") for name in others]


_APPLICATIONS = frozenset(
    {
        *("includeApplications", "excludeApplications", "applicationFilter"),
        # They only add to the applications.
        *("includeUserActions", "includeAuthenticationContextClassReferences"),
    }
)
_USERS = frozenset(
    f"{side}{what}"
    for side in ("include", "exclude")
    for what in ("Users", "Groups", "Roles", "GuestsOrExternalUsers")
)


def _requires_mfa(grant: Row | None) -> Observed[bool]:
    """Whether access always requires MFA: with AND one control must require it, with OR all.

    https://learn.microsoft.com/graph/api/resources/conditionalaccessgrantcontrols
    """
    facts: list[Observed[bool]] = [name == "mfa" for name in _controls(grant)]
    return _combined(grant, facts)


def _blocks_legacy(grant: Row | None) -> Observed[bool]:
    """Whether legacy protocols cannot satisfy it: blocked, or required to meet controls that they cannot.

    https://learn.microsoft.com/entra/identity/conditional-access/policy-block-legacy-authentication
    """
    facts: list[Observed[bool]] = [name in _IMPOSSIBLE_FOR_LEGACY for name in _controls(grant)]
    return _combined(grant, facts)


def _controls(grant: Row | None) -> Sequence[str]:
    return tuple((grant or {}).get("builtInControls") or ())


def _combined(grant: Row | None, facts: list[Observed[bool]]) -> Observed[bool]:
    if grant is None:
        return False
    strength = grant.get("authenticationStrength")
    if strength:
        facts = [*facts, _strength_requires_mfa(strength)]
    other_controls = [*(grant.get("customAuthenticationFactors") or ()), *(grant.get("termsOfUse") or ())]
    facts = [*facts, *(False for _ in other_controls)]
    if not facts:
        return False
    operator = grant.get("operator")
    if operator not in ("AND", "OR") and len(facts) > 1:
        raise ValueError("operator")
    return any_of(*facts) if operator == "AND" else all_of(*facts)


def _strength_requires_mfa(strength: Row) -> Observed[bool]:
    """https://learn.microsoft.com/graph/api/resources/authenticationstrengthpolicy"""
    satisfied = strength.get("requirementsSatisfied")
    if satisfied is not None:
        return "mfa" in satisfied.split(",")
    if str(strength.get("id")).lower() in _BUILT_IN_STRENGTHS:
        return True
    return _undetermined("the requirements of the authentication strength are not reported")
