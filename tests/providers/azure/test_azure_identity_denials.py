"""A failed read about identities makes exactly what depends on it unknown."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from providers.azure.scopes import connect
from providers.azure.tables import COLLECTORS
from providers.sandbox import Fault
from providers.sandbox.azure.server import AzureSandbox
from scanner.collect.collection import Collection
from scanner.collect.provider import ConnectionRequest
from scanner.collect.workers import Workers
from scanner.model.inventory import Inventory
from tests.providers.azure.azure_scan import LIMITS, WANTED, Scan, of_kind, reasons, unknown_facets

GRAPH = "Microsoft.Graph"
SIGN_IN = {
    ("tenant", "administrators_mfa"),
    ("tenant", "everyone_mfa"),
    ("tenant", "legacy_sign_in_blocked"),
    ("user", "mfa"),
}
FACETS: Mapping[str, set[tuple[str, str]]] = {
    f"{GRAPH}/users(signInActivity)": {("user", "last_used")},
    f"{GRAPH}/users(userType)": {("role", "external")},
    f"{GRAPH}/servicePrincipals": {("role", "external")},
    f"{GRAPH}/reports/authenticationMethods/userRegistrationDetails": {("user", "mfa")},
    f"{GRAPH}/domains": {("user", "password"), ("user", "mfa")},
    f"{GRAPH}/roleManagement/directory/roleAssignments": {
        ("tenant", "administrators"),
        ("user", "administrator"),
    },
    # That legacy authentication is allowed is known without the members: no policy blocks it.
    f"{GRAPH}/groups/transitiveMembers": {
        ("tenant", "administrators"),
        ("user", "administrator"),
        *(SIGN_IN - {("tenant", "legacy_sign_in_blocked")}),
    },
    # What a policy enforces is known; what no policy enforces, security defaults might.
    f"{GRAPH}/policies/identitySecurityDefaultsEnforcementPolicy": {
        ("tenant", "legacy_sign_in_blocked"),
        ("user", "mfa"),
    },
    f"{GRAPH}/identity/conditionalAccess/policies": SIGN_IN,
    f"{GRAPH}/policies/authorizationPolicy": {
        ("tenant", "guests_invited_by"),
        ("tenant", "users_register_apps"),
    },
    "Microsoft.Authorization/RoleDefinitions_List": {
        ("role", "everything"),
        ("role", "grants_rights"),
        ("user", "administrator"),
    },
    "Microsoft.Authorization/RoleAssignments_ListForSubscription": {("user", "administrator")},
}
BLIND: Mapping[str, set[str]] = {
    f"{GRAPH}/users": {"user"},
    f"{GRAPH}/applications": {"access_key"},
    f"{GRAPH}/organization": {"tenant"},
    "Microsoft.Authorization/RoleAssignments_ListForSubscription": {"role"},
}
REASONS: Mapping[Fault, str] = {
    "denied": "denied",
    "denied_by_organisation": "denied_by_organisation",
    "expired": "denied",
    "throttled": "throttled",
    "malformed": "error",
    "reset": "error",
    "failing": "error",
}


@pytest.fixture
def scan(azure: AzureSandbox) -> Scan:
    """Only identities."""
    wanted = {kind: WANTED[kind] for kind in ("user", "access_key", "role", "tenant")}

    def run() -> Inventory:
        provider = connect(ConnectionRequest("azure"), LIMITS, sleep=lambda seconds: None)
        workers = Workers(8)
        collection = Collection(workers)
        provider.collect(wanted, collection)
        workers.wait()
        return collection.inventory(provider.targets, wanted)

    return run


@pytest.fixture
def whole(scan: Scan) -> Inventory:
    return scan()


@pytest.mark.parametrize("fault", sorted(REASONS))
@pytest.mark.parametrize("call", sorted(set(FACETS) | set(BLIND)))
def test_exactly_what_depends_on_it_is_unknown(
    azure: AzureSandbox, scan: Scan, whole: Inventory, call: str, fault: Fault
) -> None:
    azure.fault = lambda operation: fault if operation == call else None
    inventory = scan()
    blind = BLIND.get(call, set())
    assert {spot.kind for spot in inventory.blind_spots} == blind
    assert unknown_facets(inventory) == FACETS.get(call, set())
    # Another identity provider might require MFA that is not known here.
    assert reasons(inventory) - {
        ("unsupported", f"{GRAPH}/reports/authenticationMethods/userRegistrationDetails")
    } == {(REASONS[fault], call)}
    listed = [one for one in whole.resources if one.kind not in blind]
    assert [one.id for one in inventory.resources] == [one.id for one in listed]
    for after, before in zip(inventory.resources, listed, strict=True):
        known = after.collected() - set(after.unknowns())
        assert {name: getattr(after, name) for name in known} == {
            name: getattr(before, name) for name in known
        }


@pytest.mark.parametrize("call", sorted(set(FACETS) | set(BLIND)))
def test_a_denial_names_the_missing_permission(azure: AzureSandbox, scan: Scan, call: str) -> None:
    azure.fault = lambda operation: "denied" if operation == call else None
    inventory = scan()
    facts = (one.unknowns().values() for one in inventory.resources)
    causes = {cause for unknowns in facts for unknown in unknowns for cause in unknown.causes}
    causes |= {spot.cause for spot in inventory.blind_spots}
    needed = {one.name: one.permission for table in COLLECTORS for one in table.calls(table.kind.facets())}
    assert {cause.permission for cause in causes if cause.reason == "denied"} == {needed[call]}


def test_an_interrupted_list_of_assignments_is_kept(azure: AzureSandbox, scan: Scan) -> None:
    name = "Microsoft.Authorization/RoleAssignments_ListForSubscription"
    azure.fault = lambda operation: "failing" if operation == name and azure.calls[name] > 1 else None
    inventory = scan()
    assert len(of_kind(inventory, "role")) == azure.estate.page
    assert {spot.kind for spot in inventory.blind_spots} == {"role"}
    assert ("user", "administrator") in unknown_facets(inventory)


@pytest.mark.parametrize("base", ["https://evil.example.com", "http://127.0.0.1:1"])
def test_a_next_page_at_another_host_is_not_followed(
    azure: AzureSandbox, scan: Scan, monkeypatch: pytest.MonkeyPatch, base: str
) -> None:
    """Otherwise the token would be sent there."""
    from providers.sandbox.azure import directory as azure_directory

    original = azure_directory.answer

    def redirected(*arguments: object) -> object:
        answer = original(*arguments)  # type: ignore[arg-type]
        if arguments[2] == "/v1.0/domains":
            return {**answer, "@odata.nextLink": f"{base}/v1.0/domains"}
        return answer

    monkeypatch.setattr(azure_directory, "answer", redirected)
    inventory = scan()
    assert unknown_facets(inventory) == FACETS[f"{GRAPH}/domains"]
    assert ("error", f"{GRAPH}/domains") in reasons(inventory)
