"""Each read about identities that goes wrong makes just what depends on it unknown."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from providers.azure.scopes import COLLECTORS, connect
from providers.sandbox import Fault
from providers.sandbox.azure.server import AzureSandbox
from scanner.collect.collection import Collection
from scanner.collect.provider import Request
from scanner.collect.workers import Workers
from scanner.model.inventory import Inventory
from tests.providers.azure.azure_scan import LIMITS, WANTED, Scan, of_kind, reasons, unknown_facets

GRAPH = "Microsoft.Graph"
ASKED = {
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
    # That old protocols stay open is known without the members: no policy closes them.
    f"{GRAPH}/groups/transitiveMembers": {
        ("tenant", "administrators"),
        ("user", "administrator"),
        *(ASKED - {("tenant", "legacy_sign_in_blocked")}),
    },
    # Whatever is on by a policy is on; what is off by all policies might be on by default.
    f"{GRAPH}/policies/identitySecurityDefaultsEnforcementPolicy": {
        ("tenant", "legacy_sign_in_blocked"),
        ("user", "mfa"),
    },
    f"{GRAPH}/identity/conditionalAccess/policies": ASKED,
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
    """Identities alone."""
    wanted = {kind: WANTED[kind] for kind in ("user", "access_key", "role", "tenant")}

    def run() -> Inventory:
        provider = connect(Request("azure"), LIMITS, sleep=lambda seconds: None)
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
def test_just_what_depends_on_it_is_unknown(
    azure: AzureSandbox, scan: Scan, whole: Inventory, call: str, fault: Fault
) -> None:
    azure.fault = lambda operation: fault if operation == call else None
    inventory = scan()
    blind = BLIND.get(call, set())
    assert {spot.kind for spot in inventory.blind_spots} == blind
    assert unknown_facets(inventory) == FACETS.get(call, set())
    # A factor that is not known here might be asked for elsewhere.
    assert reasons(inventory) - {
        ("unsupported", f"{GRAPH}/reports/authenticationMethods/userRegistrationDetails")
    } == {(REASONS[fault], call)}
    seen = [one for one in whole.resources if one.kind not in blind]
    assert [one.id for one in inventory.resources] == [one.id for one in seen]
    for after, before in zip(inventory.resources, seen, strict=True):
        known = after.collected() - set(after.unknowns())
        assert {name: getattr(after, name) for name in known} == {
            name: getattr(before, name) for name in known
        }


@pytest.mark.parametrize("call", sorted(set(FACETS) | set(BLIND)))
def test_a_denial_names_the_permission_that_would_settle_it(
    azure: AzureSandbox, scan: Scan, call: str
) -> None:
    azure.fault = lambda operation: "denied" if operation == call else None
    inventory = scan()
    facts = (one.unknowns().values() for one in inventory.resources)
    causes = {cause for unknowns in facts for unknown in unknowns for cause in unknown.causes}
    causes |= {spot.cause for spot in inventory.blind_spots}
    needed = {one.name: one.permission for table in COLLECTORS for one in table.calls(table.kind.facets())}
    assert {cause.permission for cause in causes if cause.reason == "denied"} == {needed[call]}


def test_half_the_assignments_are_kept(azure: AzureSandbox, scan: Scan) -> None:
    name = "Microsoft.Authorization/RoleAssignments_ListForSubscription"
    azure.fault = lambda operation: "failing" if operation == name and azure.calls[name] > 1 else None
    inventory = scan()
    assert len(of_kind(inventory, "role")) == azure.estate.page
    assert {spot.kind for spot in inventory.blind_spots} == {"role"}
    assert ("user", "administrator") in unknown_facets(inventory)


@pytest.mark.parametrize("base", ["https://evil.example.com", "http://127.0.0.1:1"])
def test_a_next_page_elsewhere_is_not_followed(
    azure: AzureSandbox, scan: Scan, monkeypatch: pytest.MonkeyPatch, base: str
) -> None:
    """Otherwise the token would go there too."""
    from providers.sandbox.azure import directory as azure_directory

    honest = azure_directory.answer

    def lure(*arguments: object) -> object:
        answer = honest(*arguments)  # type: ignore[arg-type]
        if arguments[2] == "/v1.0/domains":
            return {**answer, "@odata.nextLink": f"{base}/v1.0/domains"}
        return answer

    monkeypatch.setattr(azure_directory, "answer", lure)
    inventory = scan()
    assert unknown_facets(inventory) == FACETS[f"{GRAPH}/domains"]
    assert ("error", f"{GRAPH}/domains") in reasons(inventory)
