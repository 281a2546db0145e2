"""Conditional Access: which enabled policies ask whom for a second factor, and which close old protocols.

https://learn.microsoft.com/graph/api/resources/conditionalaccesspolicy
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from scanner.model.evidence import Observed, Unknown, all_of, any_of, join, lift

Row = Mapping[str, Any]
Share = Literal["none", "some", "all"]
"""How many of the tenant's guests a policy names."""
Members = Mapping[str, Observed[frozenset[str]]]
"""The users in a group, directly or through other groups, by the group's id."""

GLOBAL_ADMINISTRATOR = "62e90394-69f5-4237-9190-012177145e10"
"""Template id of the role, the same in every tenant."""
DIRECTORY_SYNCHRONISATION = "d29b2b05-8046-44ba-8758-1e26182fcf32"
"""The role of the accounts that Entra Connect signs in with: machines, whatever a policy says of them."""
EMERGENCY_ACCOUNTS = 2
"""So many accounts may be left out of a policy, so that a broken second factor locks nobody out for good."""
CALL = "Microsoft.Graph/identity/conditionalAccess/policies"
_MODERN = frozenset({"browser", "mobileAppsAndDesktopClients"})
_LEGACY = frozenset({"exchangeActiveSync", "other"})
_IN_DIRECTORY = frozenset({"internalGuest", "b2bCollaborationGuest", "b2bCollaborationMember"})
"""The kinds of outsiders that have a user in the directory."""
_STRENGTHS = frozenset(f"00000000-0000-0000-0000-00000000000{number}" for number in (2, 3, 4))
"""The built-in strengths: second factor, without a password, resistant to phishing."""
_IMPOSSIBLE_FOR_LEGACY = frozenset({"mfa", "compliantDevice", "domainJoinedDevice", "block"})
"""What a protocol that knows a name and a password only can never satisfy."""


@dataclass(frozen=True)
class Holders:
    """Who holds a role of the directory now."""

    users: frozenset[str]
    groups: frozenset[str]
    unclear: frozenset[str]
    """Principals of whom it is not told what they are."""


@dataclass(frozen=True)
class People:
    """Whom a policy names, on one of its two sides."""

    everyone: bool
    users: frozenset[str]
    groups: frozenset[str]
    roles: frozenset[str]
    guests: Share


@dataclass(frozen=True)
class Policy:
    """An enabled policy, reduced to what it means here."""

    name: str
    included: People
    excluded: People
    second_factor: Observed[bool]
    """It asks for a second factor wherever and however one signs in, to whatever application."""
    closes_legacy: Observed[bool]
    """Nobody gets in by protocols that cannot ask for a second factor, to whatever application."""


def policies(rows: Iterable[Row]) -> tuple[Policy, ...]:
    """The enabled policies that ask for a second factor or close old protocols, or may do so.

    A policy that only reports does not count. Raises :class:`ValueError`, :class:`TypeError` or
    :class:`KeyError` for another form.
    """
    found = []
    for row in rows:
        state = row["state"]
        if state not in ("enabled", "disabled", "enabledForReportingButNotEnforced"):
            raise ValueError("state")
        if state == "enabled":
            policy = _policy(row)
            if policy.second_factor is not False or policy.closes_legacy is not False:
                found.append(policy)
    return tuple(found)


def named_groups(found: Observed[Sequence[Policy]], roles: Observed[Mapping[str, Holders]]) -> frozenset[str]:
    """The groups whose members decide what the policies mean: those that they name, and those that hold the
    roles that they name."""
    if isinstance(found, Unknown):
        return frozenset()
    sides = [side for policy in found for side in (policy.included, policy.excluded)]
    groups = frozenset(group for side in sides for group in side.groups)
    if isinstance(roles, Unknown):
        return groups
    held = (roles[role].groups for side in sides for role in side.roles if role in roles)
    return groups.union(*held)


def role_members(
    role: str, roles: Observed[Mapping[str, Holders]], members: Members
) -> Observed[frozenset[str]]:
    """The users who hold the role now, directly or through a group."""
    if isinstance(roles, Unknown):
        return roles
    holders = roles.get(role, Holders(frozenset(), frozenset(), frozenset()))
    if holders.unclear:
        return Unknown.because(
            "denied",
            "Microsoft.Graph/roleManagement/directory/roleAssignments",
            "Directory.Read.All",
            f"what kind of principal {min(holders.unclear)} is cannot be read",
        )
    within = [_members(group, members) for group in sorted(holders.groups)]
    return lift(holders.users.union, *within)


@dataclass(frozen=True)
class PolicyDirectory:
    """What the policies' words stand for in the tenant."""

    roles: Observed[Mapping[str, Holders]]
    members: Members

    def asks(self, policy: Policy, user: str, outsider: bool) -> Observed[bool]:
        """Whether the policy asks this user for a second factor."""
        return all_of(
            policy.second_factor,
            self._names(policy.included, user, outsider),
            lift(_not, self._names(policy.excluded, user, outsider)),
        )

    def reaches_administrators(self, policy: Policy) -> Observed[bool]:
        """Whether it binds every Global Administrator but for emergency accounts."""
        included = policy.included.everyone or GLOBAL_ADMINISTRATOR in policy.included.roles
        return all_of(
            included,
            not policy.excluded.everyone,
            GLOBAL_ADMINISTRATOR not in policy.excluded.roles,
            policy.excluded.guests == "none" or _unread("it leaves guests out, who may be administrators"),
            self._spares_few(policy),
        )

    def reaches_members(self, policy: Policy) -> Observed[bool]:
        """Whether it binds every user of the tenant's own but for emergency accounts."""
        return all_of(policy.included.everyone, not policy.excluded.everyone, self._spares_few(policy))

    def reaches_guests(self, policy: Policy) -> Observed[bool]:
        """Whether it binds every guest."""
        included = policy.included.everyone or policy.included.guests == "all"
        return all_of(
            included,
            not policy.excluded.everyone,
            policy.excluded.guests == "none",
            self._spares_few(policy),
        )

    def _spares_few(self, policy: Policy) -> Observed[bool]:
        """Whether no more than the emergency accounts are left out."""
        spared = [_members(group, self.members) for group in sorted(policy.excluded.groups)]
        spared += [
            role_members(role, self.roles, self.members)
            for role in sorted(policy.excluded.roles - {DIRECTORY_SYNCHRONISATION})
        ]
        known = policy.excluded.users.union(*(one for one in spared if not isinstance(one, Unknown)))
        unknown = [one for one in spared if isinstance(one, Unknown)]
        if len(known) > EMERGENCY_ACCOUNTS:
            return False
        return join(unknown) if unknown else True

    def _names(self, people: People, user: str, outsider: bool) -> Observed[bool]:
        facts: list[Observed[bool]] = [people.everyone, user in people.users]
        if outsider and people.guests != "none":
            facts.append(people.guests == "all" or _unread("it names some kinds or tenants of guests only"))
        sets = [_members(group, self.members) for group in sorted(people.groups)]
        sets += [role_members(role, self.roles, self.members) for role in sorted(people.roles)]
        return any_of(*facts, *(lift(lambda one: user in one, each) for each in sets))


def _not(fact: bool) -> bool:
    return not fact


def _members(group: str, members: Members) -> Observed[frozenset[str]]:
    if group in members:
        return members[group]
    return _unread(f"the members of group {group} were not read")


def _unread(message: str) -> Unknown:
    return Unknown.because("unsupported", CALL, None, message)


def _policy(row: Row) -> Policy:
    conditions = row["conditions"]
    users = conditions.get("users") or {}
    apps = frozenset(conditions["clientAppTypes"])
    if not apps:
        raise ValueError("clientAppTypes")
    always = _always(conditions)
    grant = row.get("grantControls")
    return Policy(
        name=str(row.get("displayName") or row["id"]),
        included=_people(users, "include"),
        excluded=_people(users, "exclude"),
        second_factor=all_of("all" in apps or apps >= _MODERN, always, _asks(grant)),
        closes_legacy=all_of("all" in apps or apps >= _LEGACY, always, _closes(grant)),
    )


def _people(users: Row, side: str) -> People:
    named = frozenset(users.get(f"{side}Users") or ())
    guests = _guests(users.get(f"{side}GuestsOrExternalUsers"))
    return People(
        everyone="All" in named,
        users=_ids(named - {"All", "None", "GuestsOrExternalUsers"}),
        groups=_ids(users.get(f"{side}Groups") or ()),
        roles=_ids(users.get(f"{side}Roles") or ()),
        guests="all" if "GuestsOrExternalUsers" in named else guests,
    )


def _ids(names: Iterable[str]) -> frozenset[str]:
    return frozenset(name.lower() for name in names)


def _guests(row: Row | None) -> Share:
    """https://learn.microsoft.com/graph/api/resources/conditionalaccessguestsorexternalusers"""
    if not row:
        return "none"
    kinds = frozenset(kind.strip() for kind in row["guestOrExternalUserTypes"].split(","))
    if not kinds & _IN_DIRECTORY:
        return "none"
    tenants = row.get("externalTenants") or {}
    whole = kinds >= _IN_DIRECTORY and tenants.get("membershipKind", "all") == "all"
    return "all" if whole else "some"


def _always(conditions: Row) -> Observed[bool]:
    """Whether no condition narrows the policy: all applications, from anywhere, on any device, at any risk.

    https://learn.microsoft.com/graph/api/resources/conditionalaccessconditionset
    """
    applications = conditions["applications"]
    platforms = conditions.get("platforms") or {}
    places = conditions.get("locations") or {}
    facts: list[Observed[bool]] = [
        "All" in (applications.get("includeApplications") or ()),
        not applications.get("excludeApplications"),
        not applications.get("applicationFilter"),
        not platforms or ("all" in (platforms.get("includePlatforms") or ())),
        not platforms.get("excludePlatforms"),
        not places or ("All" in (places.get("includeLocations") or ())),
        not places.get("excludeLocations"),
        not conditions.get("signInRiskLevels"),
        not conditions.get("userRiskLevels"),
        not conditions.get("devices"),
    ]
    known = {
        *("applications", "platforms", "locations", "signInRiskLevels", "userRiskLevels", "devices"),
        *("users", "clientAppTypes", "clientApplications", "servicePrincipalRiskLevels"),
    }
    others = sorted(name for name, value in conditions.items() if value and name not in known)
    facts += [_unread(f"what its condition {name} means is not known here") for name in others]
    return all_of(*facts)


def _asks(grant: Row | None) -> Observed[bool]:
    """Whether nobody gets in without a second factor: with AND one control must ask for it, with OR all.

    https://learn.microsoft.com/graph/api/resources/conditionalaccessgrantcontrols
    """
    facts: list[Observed[bool]] = [name == "mfa" for name in _controls(grant)]
    return _combined(grant, facts)


def _closes(grant: Row | None) -> Observed[bool]:
    """Whether old protocols cannot satisfy it: blocked, or asked for what they cannot give.

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
        facts = [*facts, _strong(strength)]
    others = [*(grant.get("customAuthenticationFactors") or ()), *(grant.get("termsOfUse") or ())]
    facts = [*facts, *(False for _ in others)]
    if not facts:
        return False
    operator = grant.get("operator")
    if operator not in ("AND", "OR") and len(facts) > 1:
        raise ValueError("operator")
    return any_of(*facts) if operator == "AND" else all_of(*facts)


def _strong(strength: Row) -> Observed[bool]:
    """https://learn.microsoft.com/graph/api/resources/authenticationstrengthpolicy"""
    satisfied = strength.get("requirementsSatisfied")
    if satisfied is not None:
        return "mfa" in satisfied.split(",")
    if str(strength.get("id")).lower() in _STRENGTHS:
        return True
    return _unread("what its authentication strength asks for is not told")
