"""Conditional Access: what a policy requires, of whom, and which conditions narrow it."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from providers.azure.conditional_access import (
    DIRECTORY_SYNCHRONISATION,
    GLOBAL_ADMINISTRATOR,
    Holders,
    Members,
    named_groups,
    policies,
)
from providers.azure.directory_users import GuestKind
from providers.azure.sign_in_requirements import Requirements
from providers.azure.tenant import sign_in_requirement
from providers.sandbox.azure.identity import grant, policy
from scanner.model.evidence import Observed, Unknown, all_of

Answer = Literal["yes", "no", "unknown"]
MFA = grant("OR", "mfa")
EVERYONE = {"includeUsers": ["All"]}
READERS = "5d6b6bb7-de71-4623-b4af-96380a352509"
LOST = Unknown.because("denied", "Microsoft.Graph/groups/transitiveMembers", "GroupMember.Read.All", "no")
MEMBERS: Members = {
    "pair": frozenset({"u1", "u2"}),
    "three": frozenset({"u1", "u2", "u3"}),
    "empty": frozenset(),
    "lost": LOST,
}
NOBODY: frozenset[str] = frozenset()
ROLES = {
    GLOBAL_ADMINISTRATOR: Holders(frozenset({"u1"}), frozenset({"pair"}), NOBODY),
    READERS: Holders(frozenset({"u7", "u8", "u9"}), NOBODY, NOBODY),
    DIRECTORY_SYNCHRONISATION: Holders(frozenset({"s1", "s2", "s3"}), NOBODY, NOBODY),
}


def guests(kinds: str, tenants: str = "all") -> dict[str, Any]:
    return {"guestOrExternalUserTypes": kinds, "externalTenants": {"membershipKind": tenants}}


ALL_GUESTS = guests("internalGuest,b2bCollaborationGuest,b2bCollaborationMember,otherExternalUser")


GUEST: GuestKind = "b2bCollaborationGuest"


def answer(fact: Observed[bool]) -> Answer:
    if isinstance(fact, Unknown):
        return "unknown"
    return "yes" if fact else "no"


def tenant(of: Literal["administrators", "everyone", "legacy"], *rows: dict[str, Any]) -> Answer:
    return answer(sign_in_requirement(of, False, policies(rows), ROLES, MEMBERS, {}))


def enabled(users: dict[str, Any], controls: Any = MFA, **conditions: Any) -> dict[str, Any]:
    return policy("one", "enabled", users, controls, **conditions)


@pytest.mark.parametrize(
    ("state", "expected"),
    [("enabled", "yes"), ("disabled", "no"), ("enabledForReportingButNotEnforced", "no")],
)
def test_only_an_enabled_policy_counts(state: str, expected: Answer) -> None:
    assert tenant("everyone", policy("one", state, EVERYONE, MFA)) == expected


@pytest.mark.parametrize(
    ("controls", "requires_mfa", "blocks_legacy"),
    [
        (MFA, "yes", "yes"),
        (grant("AND", "mfa"), "yes", "yes"),
        (grant("AND", "mfa", "compliantDevice"), "yes", "yes"),
        (grant("OR", "mfa", "compliantDevice"), "no", "yes"),
        (grant("OR", "mfa", "approvedApplication"), "no", "no"),
        (grant("AND", "compliantDevice"), "no", "yes"),
        (grant("OR", "block"), "no", "yes"),
        (grant("OR", "mfa", termsOfUse=["t"]), "no", "no"),
        (grant("AND", "mfa", termsOfUse=["t"]), "yes", "yes"),
        (grant("OR", "mfa", customAuthenticationFactors=["c"]), "no", "no"),
        (grant("OR"), "no", "no"),
        (None, "no", "no"),
        (grant("OR", authenticationStrength={"id": "x", "requirementsSatisfied": "mfa"}), "yes", "yes"),
        (grant("OR", authenticationStrength={"id": "x", "requirementsSatisfied": "none"}), "no", "no"),
        (grant("AND", "mfa", authenticationStrength={"id": "x"}), "yes", "yes"),
        (grant("OR", authenticationStrength={"id": "x"}), "unknown", "unknown"),
        (
            grant("OR", authenticationStrength={"id": "00000000-0000-0000-0000-000000000004"}),
            "yes",
            "yes",
        ),
    ],
)
def test_grant_controls(controls: Any, requires_mfa: Answer, blocks_legacy: Answer) -> None:
    assert tenant("everyone", enabled(EVERYONE, controls)) == requires_mfa
    assert tenant("legacy", enabled(EVERYONE, controls)) == blocks_legacy


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({"locations": {"includeLocations": ["All"], "excludeLocations": []}}, "yes"),
        ({"locations": {"includeLocations": ["All"], "excludeLocations": ["AllTrusted"]}}, "no"),
        ({"locations": {"includeLocations": ["00000000-0000-0000-0000-0000000000aa"]}}, "no"),
        ({"platforms": {"includePlatforms": ["all"], "excludePlatforms": []}}, "yes"),
        ({"platforms": {"includePlatforms": ["android", "iOS"]}}, "no"),
        ({"platforms": {"includePlatforms": ["all"], "excludePlatforms": ["linux"]}}, "no"),
        ({"signInRiskLevels": ["high"]}, "no"),
        ({"userRiskLevels": ["medium"]}, "no"),
        ({"devices": {"deviceFilter": {"mode": "exclude", "rule": "device.isCompliant -eq True"}}}, "no"),
        ({"clientAppTypes": ["browser"]}, "no"),
        ({"clientAppTypes": ["browser", "mobileAppsAndDesktopClients"]}, "yes"),
        ({"applications": {"includeApplications": ["Office365"]}}, "no"),
        ({"applications": {"includeApplications": ["All"], "excludeApplications": ["x"]}}, "no"),
        ({"applications": {"includeApplications": ["All"], "applicationFilter": {"mode": "exclude"}}}, "no"),
        ({"applications": {"includeApplications": [], "includeUserActions": ["urn:user:x"]}}, "no"),
        ({"authenticationFlows": {"transferMethods": "deviceCodeFlow"}}, "no"),
        ({"authenticationFlows": {"transferMethods": "none"}}, "yes"),
        ({"agentIdRiskLevels": "high"}, "unknown"),
        ({"insiderRiskLevels": None}, "yes"),
    ],
)
def test_conditions_narrow_it(conditions: dict[str, Any], expected: Answer) -> None:
    assert tenant("everyone", enabled(EVERYONE, **conditions)) == expected
    assert tenant("administrators", enabled(EVERYONE, **conditions)) == expected


@pytest.mark.parametrize(
    ("users", "administrators", "everyone"),
    [
        (EVERYONE, "yes", "yes"),
        ({"includeUsers": ["None"]}, "no", "no"),
        ({"includeRoles": [GLOBAL_ADMINISTRATOR.upper()]}, "yes", "no"),
        ({"includeRoles": [READERS]}, "no", "no"),
        ({"includeUsers": ["u1"]}, "no", "no"),
        ({**EVERYONE, "excludeUsers": ["u1"]}, "yes", "yes"),
        # Both administrators are excluded: nobody is left of whom MFA would be required.
        ({**EVERYONE, "excludeUsers": ["u1", "u2"]}, "no", "yes"),
        ({**EVERYONE, "excludeUsers": ["u1", "u2", "u3"]}, "no", "no"),
        ({**EVERYONE, "excludeGroups": ["pair"]}, "no", "yes"),
        ({**EVERYONE, "excludeGroups": ["empty"]}, "yes", "yes"),
        ({**EVERYONE, "excludeGroups": ["pair"], "excludeUsers": ["u2"]}, "no", "yes"),
        ({**EVERYONE, "excludeGroups": ["pair"], "excludeUsers": ["u3"]}, "no", "no"),
        ({**EVERYONE, "excludeGroups": ["three"]}, "no", "no"),
        ({**EVERYONE, "excludeGroups": ["lost"]}, "unknown", "unknown"),
        ({**EVERYONE, "excludeGroups": ["lost", "three"]}, "no", "no"),
        ({**EVERYONE, "excludeGroups": ["never read"]}, "unknown", "unknown"),
        ({**EVERYONE, "excludeRoles": [GLOBAL_ADMINISTRATOR]}, "no", "yes"),
        ({**EVERYONE, "excludeRoles": [READERS]}, "yes", "no"),
        ({**EVERYONE, "excludeRoles": [DIRECTORY_SYNCHRONISATION]}, "yes", "yes"),
        ({**EVERYONE, "excludeRoles": ["00000000-0000-0000-0000-0000000000ee"]}, "yes", "yes"),
        ({**EVERYONE, "excludeUsers": ["All"]}, "no", "no"),
        ({**EVERYONE, "excludeUsers": ["GuestsOrExternalUsers"]}, "yes", "no"),
        ({**EVERYONE, "excludeGuestsOrExternalUsers": ALL_GUESTS}, "yes", "no"),
        ({**EVERYONE, "excludeGuestsOrExternalUsers": guests("b2bCollaborationGuest")}, "yes", "no"),
        ({**EVERYONE, "excludeGuestsOrExternalUsers": guests("serviceProvider")}, "yes", "yes"),
    ],
)
def test_whom_it_applies_to(users: dict[str, Any], administrators: Answer, everyone: Answer) -> None:
    assert tenant("administrators", enabled(users)) == administrators
    assert tenant("everyone", enabled(users)) == everyone


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ({"includeUsers": ["GuestsOrExternalUsers"]}, "yes"),
        ({"includeGuestsOrExternalUsers": ALL_GUESTS}, "yes"),
        ({"includeGuestsOrExternalUsers": guests("internalGuest")}, "no"),
        (
            {
                "includeGuestsOrExternalUsers": {
                    **ALL_GUESTS,
                    "externalTenants": {"membershipKind": "enumerated"},
                }
            },
            "no",
        ),
        ({"includeUsers": ["u1"]}, "no"),
    ],
)
def test_guests_may_have_a_policy_of_their_own(other: dict[str, Any], expected: Answer) -> None:
    own = enabled({**EVERYONE, "excludeUsers": ["GuestsOrExternalUsers"]})
    assert tenant("everyone", own, enabled(other)) == expected


@pytest.mark.parametrize(
    ("apps", "controls", "expected"),
    [
        (["exchangeActiveSync", "other"], grant("OR", "block"), "yes"),
        (["other"], grant("OR", "block"), "no"),
        (["all"], MFA, "yes"),
        (["browser", "mobileAppsAndDesktopClients"], MFA, "no"),
    ],
)
def test_legacy_protocols(apps: list[str], controls: Any, expected: Answer) -> None:
    assert tenant("legacy", enabled(EVERYONE, controls, clientAppTypes=apps)) == expected


@pytest.mark.parametrize(
    ("users", "user", "guest", "expected"),
    [
        (EVERYONE, "u5", None, "yes"),
        ({"includeGroups": ["pair"]}, "u1", None, "yes"),
        ({"includeGroups": ["pair"]}, "u5", None, "no"),
        ({"includeGroups": ["lost"]}, "u5", None, "unknown"),
        ({"includeGroups": ["lost"], "includeUsers": ["u5"]}, "u5", None, "yes"),
        ({"includeRoles": [GLOBAL_ADMINISTRATOR]}, "u2", None, "yes"),
        ({"includeRoles": [GLOBAL_ADMINISTRATOR]}, "u5", None, "no"),
        ({**EVERYONE, "excludeGroups": ["pair"]}, "u2", None, "no"),
        ({**EVERYONE, "excludeGroups": ["lost"]}, "u2", None, "unknown"),
        ({**EVERYONE, "excludeRoles": [READERS]}, "u7", None, "no"),
        ({"includeUsers": ["GuestsOrExternalUsers"]}, "u5", GUEST, "yes"),
        ({"includeUsers": ["GuestsOrExternalUsers"]}, "u5", None, "no"),
        ({"includeGuestsOrExternalUsers": guests("internalGuest")}, "u5", GUEST, "no"),
        ({"includeGuestsOrExternalUsers": guests(GUEST, "enumerated")}, "u5", GUEST, "unknown"),
        ({"includeGuestsOrExternalUsers": guests(GUEST, "enumerated")}, "u5", None, "no"),
        ({**EVERYONE, "excludeGuestsOrExternalUsers": ALL_GUESTS}, "u5", GUEST, "no"),
    ],
)
def test_one_user(users: dict[str, Any], user: str, guest: GuestKind | None, expected: Answer) -> None:
    (found,) = policies([enabled(users)])
    assert answer(Requirements(ROLES, MEMBERS, {}).required_of(found, user, guest)) == expected


def test_groups_are_read_only_where_they_matter() -> None:
    rows = [
        enabled({"includeGroups": ["a"], "excludeRoles": [GLOBAL_ADMINISTRATOR]}),
        enabled({"includeGroups": ["b"]}, grant("OR", "approvedApplication")),
        policy("off", "disabled", {"includeGroups": ["c"]}, MFA),
    ]
    assert named_groups(policies(rows), ROLES) == {"a", "pair"}
    assert named_groups(policies(rows), LOST) == {"a"}
    assert named_groups(LOST, ROLES) == frozenset()


def test_unreadable_roles_matter_only_if_named() -> None:
    for users, expected in ((EVERYONE, "yes"), ({**EVERYONE, "excludeRoles": [READERS]}, "unknown")):
        found = policies([enabled(users)])
        assert answer(sign_in_requirement("everyone", False, found, LOST, MEMBERS, {})) == expected


def test_security_defaults_suffice() -> None:
    assert sign_in_requirement("everyone", True, LOST, LOST, LOST, LOST) is True
    assert isinstance(sign_in_requirement("everyone", False, LOST, ROLES, MEMBERS, {}), Unknown)
    undecided = sign_in_requirement("everyone", LOST, (), ROLES, MEMBERS, {})
    assert isinstance(all_of(True, undecided), Unknown)


@pytest.mark.parametrize(
    "broken",
    [
        {"state": "on"},
        {"conditions": {}},
        {"conditions": {"clientAppTypes": [], "applications": {"includeApplications": ["All"]}}},
        {"grantControls": {"operator": None, "builtInControls": ["mfa", "block"]}},
    ],
)
def test_another_format_raises(broken: dict[str, Any]) -> None:
    with pytest.raises((KeyError, ValueError, TypeError)):
        policies([{**enabled(EVERYONE), **broken}])
