"""The sample company's tenant: users, credentials, the tenant itself and roles, through Microsoft Graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from providers.azure.client.calls import DirectoryCall
from providers.azure.client.guard import NotReadOnly, RequestGuard
from providers.azure.entra import GROUP_MEMBERS, USERS_LIST
from providers.azure.scopes import AzureProvider, connect
from providers.sandbox.azure.directory import error
from providers.sandbox.azure.estate import OTHER_SUBSCRIPTION, SUBSCRIPTION, TENANT
from providers.sandbox.azure.identity import (
    ADMINISTRATORS,
    EMERGENCY,
    GLOBAL_ADMINISTRATOR,
    group,
    holds,
    member,
    person,
    user,
)
from providers.sandbox.azure.server import AzureSandbox
from scanner.collect.collection import Collection
from scanner.collect.provider import ConnectionRequest
from scanner.collect.workers import Workers
from scanner.model.evidence import Unknown
from scanner.model.inventory import Inventory
from scanner.model.resources.identity import AccessKey, Role, Tenant, User
from scanner.model.resources.kinds import KINDS
from tests.providers.azure.azure_scan import (
    ALWAYS_UNKNOWN,
    LIMITS,
    WANTED,
    Scan,
    of_kind,
    reasons,
    unknown_facets,
)

IDENTITIES = {kind: WANTED[kind] for kind in ("access_key", "role", "tenant", "user")}
FOREIGN = "00000000-0000-0000-0000-0000000000f1"


@pytest.fixture
def scan(scan: Scan) -> Scan:
    """Of users, credentials, tenants and roles, unless a test wants others."""
    return partial(scan, wanted=IDENTITIES)


def users(inventory: Inventory) -> Mapping[str, User]:
    return {one.name.split("@")[0]: one for one in inventory.resources if isinstance(one, User)}


def tenant_of(inventory: Inventory) -> Tenant:
    (found,) = (one for one in inventory.resources if isinstance(one, Tenant))
    return found


def collect(provider: AzureProvider, **wanted: frozenset[str]) -> Inventory:
    workers = Workers(8)
    collection = Collection(workers)
    facets = wanted or {kind: KINDS[kind].facets() for kind in ("user", "access_key", "role", "tenant")}
    provider.collect(facets, collection)
    workers.wait()
    return collection.inventory(provider.targets, facets)


def sample(azure: AzureSandbox, number: int) -> dict[str, Any]:
    (found,) = (one for one in azure.estate.tenant.users if one["id"] == person(number))
    return found


def test_the_tenant(company: Inventory) -> None:
    found = tenant_of(company)
    assert (found.scope, found.region, found.partition) == (TENANT, None, "azure")
    assert (found.id, found.name, found.type) == (f"/tenants/{TENANT}", "Example Shop", "azure.entra.tenant")
    assert (found.tags, found.administrators) == ({}, 3)
    assert (found.administrators_mfa, found.everyone_mfa, found.legacy_sign_in_blocked) == (True, True, False)
    assert (found.guests_invited_by, found.users_register_apps) == ("everyone", True)


def test_users(company: Inventory) -> None:
    found = users(company)
    assert len(found) == 7
    assert {name for name, one in found.items() if one.administrator} == {
        "platform-admin",
        "emergency-1",
        "emergency-2",
        "data-lead",
    }
    assert {name for name, one in found.items() if one.external} == {"auditor_example.org#EXT#"}
    assert {name for name, one in found.items() if not one.password} == {
        "auditor_example.org#EXT#",
        "payments-lead",
    }
    # Emergency accounts have MFA registered, but nothing requires it; the operator has none.
    assert {name for name, one in found.items() if not one.mfa} == {
        "emergency-1",
        "emergency-2",
        "shop-operator",
    }
    assert {(one.scope, one.type, one.root, one.enabled, one.access_keys) for one in found.values()} == {
        (TENANT, "azure.entra.user", False, True, 0)
    }
    assert found["platform-admin"].id == f"/tenants/{TENANT}/users/{person(1)}"
    assert found["emergency-1"].last_used is None
    seen = found["shop-operator"].last_used
    assert isinstance(seen, datetime)
    assert timedelta(days=199) < datetime.now(UTC) - seen < timedelta(days=201)


def test_credentials_of_applications(company: Inventory) -> None:
    found = [one for one in of_kind(company, "access_key") if isinstance(one, AccessKey)]
    assert [(one.holder, one.id.split("/")[-2], one.active) for one in found] == [
        ("scanner", "keycredentials", True),
        ("billing-export", "passwordcredentials", True),
        ("billing-export", "passwordcredentials", False),
        ("status-page", "keycredentials", True),
    ]
    assert found[1].created == datetime(2023, 2, 1, 8, 30, tzinfo=UTC)
    assert found[1].expires == datetime(2299, 12, 30, 23, tzinfo=UTC)
    assert {one.scope for one in found} == {TENANT}


def test_no_secret_or_hint_in_a_resource(company: Inventory) -> None:
    for one in of_kind(company, "access_key"):
        assert "s3c" not in str(one.to_record())


def test_roles(company: Inventory) -> None:
    found = {one.name: one for one in of_kind(company, "role") if isinstance(one, Role)}
    assert {one.scope for one in found.values()} == {SUBSCRIPTION}
    assert len(found) == 10
    assert [one.name for one in found.values() if not one.standing] == [
        f"Contributor for {person(3)} (eligible)",
        f"Reader for {group(31)}",
    ]
    facts = {
        (one.name.split(" for ")[0], one.principal_type): (
            one.everything,
            one.grants_rights,
            one.external,
            one.conditioned,
        )
        for one in found.values()
        if "b1" not in str(one.principal) and not str(one.principal).startswith("0c0c0c0c")
    }
    assert facts == {
        ("Owner", "group"): (True, True, False, False),
        ("Reader", "user"): (False, False, True, False),
        ("User Access Administrator", "user"): (False, True, False, False),
        # A condition forbids it to use what Microsoft.Authorization offers.
        ("Owner", "user"): (False, False, False, False),
        # It must be activated.
        ("Contributor", "user"): (False, False, False, False),
        # Delegated to another tenant.
        ("Reader", "account"): (False, False, True, True),
    }
    workloads = {one.principal: one for one in found.values() if one.principal_type == "workload"}
    assert {name for name, one in workloads.items() if one.external} == {
        "0c0c0c0c-1111-4222-8333-000000000002"
    }
    assert not any(one.everything or one.grants_rights for one in workloads.values())


def test_what_azure_does_not_record_is_unknown(azure: AzureSandbox) -> None:
    inventory = collect(connect(ConnectionRequest("azure"), LIMITS))
    assert unknown_facets(inventory) == ALWAYS_UNKNOWN
    assert {reason for reason, _ in reasons(inventory)} == {"unsupported"}


def test_a_missing_licence_is_unsupported(
    azure: AzureSandbox, scan: Scan, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "Authentication_RequestFromNonPremiumTenantOrB2CTenant"
    text = "Neither tenant is B2C or tenant doesn't have premium license"
    monkeypatch.setattr(
        "providers.sandbox.azure.directory.refused", lambda *arguments: error(403, code, text)
    )
    azure.fault = lambda name: "denied" if "signInActivity" in name else None
    fact = users(scan())["data-lead"].last_used
    assert isinstance(fact, Unknown)
    assert (fact.causes[0].reason, fact.causes[0].permission) == ("unsupported", None)


@pytest.mark.parametrize(
    ("activity", "expected"),
    [
        (None, None),
        ({}, None),
        ({"lastSignInDateTime": None}, None),
        (
            {
                "lastSignInDateTime": "2026-02-02T00:00:00Z",
                "lastSuccessfulSignInDateTime": "2025-01-01T00:00:00Z",
            },
            datetime(2025, 1, 1, tzinfo=UTC),
        ),
        (
            {
                "lastSignInDateTime": "2022-02-02T00:00:00Z",
                "lastNonInteractiveSignInDateTime": "2022-03-03T00:00:00Z",
            },
            datetime(2022, 3, 3, tzinfo=UTC),
        ),
    ],
)
def test_the_last_sign_in(azure: AzureSandbox, scan: Scan, activity: Any, expected: Any) -> None:
    sample(azure, 4)["signInActivity"] = activity
    assert users(scan())["data-lead"].last_used == expected


def test_a_guest_without_mfa_here_may_have_it_at_home(azure: AzureSandbox, scan: Scan) -> None:
    for row in azure.estate.tenant.registrations:
        row["isMfaCapable"] = False
    found = users(scan())
    for name in ("auditor_example.org#EXT#", "payments-lead"):
        fact = found[name].mfa
        assert isinstance(fact, Unknown)
        assert fact.causes[0].reason == "unsupported"
    assert found["data-lead"].mfa is False


def test_security_defaults_apply_to_everyone(azure: AzureSandbox, scan: Scan) -> None:
    azure.estate.tenant.policies = []
    azure.estate.tenant.defaults["isEnabled"] = True
    inventory = scan()
    found = tenant_of(inventory)
    assert found.administrators_mfa is found.everyone_mfa is found.legacy_sign_in_blocked is True
    assert users(inventory)["emergency-1"].mfa is True
    assert users(inventory)["shop-operator"].mfa is False


def test_without_policies_nothing_is_required(azure: AzureSandbox, scan: Scan) -> None:
    azure.estate.tenant.policies = []
    inventory = scan()
    found = tenant_of(inventory)
    assert (found.administrators_mfa, found.everyone_mfa, found.legacy_sign_in_blocked) == (False,) * 3
    assert users(inventory)["platform-admin"].mfa is False


def test_a_disabled_user_is_not_in_the_report(azure: AzureSandbox, scan: Scan) -> None:
    sample(azure, 5)["accountEnabled"] = False
    azure.estate.tenant.registrations = [
        row for row in azure.estate.tenant.registrations if row["id"] != person(5)
    ]
    found = users(scan())["shop-operator"]
    assert found.enabled is False
    assert isinstance(found.mfa, Unknown)


def test_more_than_two_excluded_accounts(azure: AzureSandbox, scan: Scan) -> None:
    azure.estate.tenant.members[EMERGENCY].append(member(4))
    inventory = scan()
    assert tenant_of(inventory).everyone_mfa is False
    # The third is no administrator.
    assert tenant_of(inventory).administrators_mfa is True
    assert users(inventory)["data-lead"].mfa is False


def test_an_excluded_group_of_unknown_size(azure: AzureSandbox, scan: Scan) -> None:
    del azure.estate.tenant.members[EMERGENCY]
    inventory = scan()
    assert isinstance(tenant_of(inventory).everyone_mfa, Unknown)
    assert isinstance(users(inventory)["data-lead"].mfa, Unknown)
    assert users(inventory)["shop-operator"].mfa is False
    assert tenant_of(inventory).administrators == 3


def test_a_group_of_administrators_that_cannot_be_read(azure: AzureSandbox, scan: Scan) -> None:
    del azure.estate.tenant.members[ADMINISTRATORS]
    inventory = scan()
    assert isinstance(tenant_of(inventory).administrators, Unknown)
    found = users(inventory)
    assert found["emergency-1"].administrator is True
    assert isinstance(found["shop-operator"].administrator, Unknown)


def test_an_administrator_of_unknown_type_makes_the_count_unknown(azure: AzureSandbox, scan: Scan) -> None:
    azure.estate.tenant.role_assignments.append(
        {**holds(GLOBAL_ADMINISTRATOR, "user", person(5)), "principal": None}
    )
    inventory = scan()
    assert isinstance(tenant_of(inventory).administrators, Unknown)
    assert isinstance(users(inventory)["shop-operator"].administrator, Unknown)


def test_an_administrator_assigned_twice_counts_once(azure: AzureSandbox, scan: Scan) -> None:
    azure.estate.tenant.members[ADMINISTRATORS] = [member(1), member(2)]
    assert tenant_of(scan()).administrators == 3


def test_the_tenant_is_read_once_for_many_subscriptions(azure: AzureSandbox) -> None:
    provider = connect(ConnectionRequest("azure"), LIMITS)
    (one,) = provider.subscriptions
    azure.estate.page = 100
    both = replace(provider, subscriptions=(one, {**one, "subscriptionId": OTHER_SUBSCRIPTION}))
    inventory = collect(both)
    assert len(users(inventory)) == 7
    requests = {name: times for name, times in inventory.calls["azure"].items() if "Graph/" in name}
    assert requests.pop("Microsoft.Graph/groups/transitiveMembers") == 3
    # The setting of each user counts for those who are left out of the policies.
    assert requests.pop("Microsoft.Graph/users/authentication/requirements") == 2
    assert set(requests.values()) == {1}
    # The owners of the other one are unknown, so any other user may be an administrator.
    found = users(inventory)
    assert found["data-lead"].administrator is True
    assert isinstance(found["shop-operator"].administrator, Unknown)
    assert {(spot.scope, spot.kind) for spot in inventory.blind_spots} == {(OTHER_SUBSCRIPTION, "role")}


def test_another_tenant_is_a_blind_spot(azure: AzureSandbox) -> None:
    provider = connect(ConnectionRequest("azure"), LIMITS)
    (one,) = provider.subscriptions
    inventory = collect(replace(provider, subscriptions=({**one, "tenantId": FOREIGN},)))
    assert {(spot.scope, spot.kind, spot.cause.permission) for spot in inventory.blind_spots} == {
        (FOREIGN, kind, None) for kind in ("user", "access_key", "tenant")
    }
    assert not [name for name in azure.calls if name.startswith("Microsoft.Graph/")]
    guest = next(one for one in of_kind(inventory, "role") if one.name.startswith("Reader for 0d"))
    assert isinstance(guest, Role)
    assert isinstance(guest.external, Unknown)
    assert guest.everything is False


def test_another_organisation_is_rejected(azure: AzureSandbox, scan: Scan) -> None:
    azure.estate.tenant.organisation["id"] = FOREIGN
    inventory = scan()
    assert {spot.kind for spot in inventory.blind_spots} == {"tenant"}
    assert of_kind(inventory, "tenant") == []


def test_only_calls_for_the_wanted_facets_are_made(azure: AzureSandbox) -> None:
    provider = connect(ConnectionRequest("azure"), LIMITS)
    inventory = collect(provider, user=frozenset({"external", "enabled"}))
    assert set(inventory.calls["azure"]) == {"Microsoft.Graph/users"}


def test_no_graph_calls_without_wanted_identities(azure: AzureSandbox) -> None:
    inventory = collect(connect(ConnectionRequest("azure"), LIMITS), account=frozenset({"tags"}))
    assert not [name for name in inventory.calls.get("azure", ()) if name.startswith("Microsoft.Graph/")]


def test_a_malformed_user_affects_only_that_user(azure: AzureSandbox, scan: Scan) -> None:
    sample(azure, 5)["accountEnabled"] = "yes"
    inventory = scan()
    assert unknown_facets(inventory) == {("user", "enabled")}


def test_a_user_without_a_name_is_a_blind_spot(azure: AzureSandbox, scan: Scan) -> None:
    del sample(azure, 5)["userPrincipalName"]
    inventory = scan()
    assert len(users(inventory)) == 6
    assert {spot.kind for spot in inventory.blind_spots} == {"user"}


def test_a_domain_that_is_not_the_tenants(azure: AzureSandbox, scan: Scan) -> None:
    azure.estate.tenant.users.append(user(8, "lost@gone.example.com", None))
    assert isinstance(users(scan())["lost"].password, Unknown)


def test_a_deleted_principal_is_neither_internal_nor_external(azure: AzureSandbox, scan: Scan) -> None:
    azure.estate.role_assignments[1]["properties"]["principalId"] = person(99)
    guest = next(one for one in of_kind(scan(), "role") if one.name.endswith(person(99)))
    assert isinstance(guest, Role)
    assert isinstance(guest.external, Unknown)


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("POST", "https://graph.microsoft.com/v1.0/users"),
        ("POST", "https://graph.microsoft.com/providers/Microsoft.ResourceGraph/resources"),
        ("PATCH", "https://graph.microsoft.com/v1.0/users"),
        ("GET", "https://graph.microsoft.com/beta/users"),
        ("GET", "https://graph.microsoft.com/v1.0/users/x/messages"),
        ("GET", "https://graph.microsoft.com/v1.0/groups/../users/transitiveMembers"),
        ("GET", f"https://graph.microsoft.com/v1.0/groups/{group(1)}/members"),
        ("GET", "https://graph.example.com/v1.0/users"),
    ],
)
def test_the_guard_stops_requests_that_are_in_no_table(method: str, url: str) -> None:
    calls: list[DirectoryCall] = [USERS_LIST, GROUP_MEMBERS]
    guard = RequestGuard("graph.microsoft.com", calls)
    guard.check("GET", f"https://graph.microsoft.com/v1.0/groups/{group(1)}/transitiveMembers?$select=id")
    guard.check("GET", "https://graph.microsoft.com/v1.0/users?$skiptoken=x")
    with pytest.raises(NotReadOnly):
        guard.check(method, url)
