"""A failed read makes exactly what depends on it unknown; nothing disappears and nothing passes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

import pytest

from providers.azure.tables import COLLECTORS
from providers.sandbox import Fault
from providers.sandbox.azure.answers import Answers
from providers.sandbox.azure.estate import SUBSCRIPTION
from providers.sandbox.azure.server import AzureSandbox
from scanner.collect.provider import Limits
from scanner.model.inventory import Inventory
from tests.providers.azure import test_azure_compute_denials, test_azure_identity_denials
from tests.providers.azure.azure_scan import Scan, of_kind, reasons, unknown_facets

GRAPH = "Microsoft.ResourceGraph/Resources"
TRAILS = {("account", "audit_trails"), ("region", "audit_trails")}
# Facets of buckets without public network access stay known without the containers.
FACETS: Mapping[str, set[tuple[str, str]]] = {
    "Microsoft.Security/SecurityContacts_List": {("account", "security_contacts")},
    "Microsoft.Insights/SubscriptionDiagnosticSettings_List": TRAILS,
    "Microsoft.Storage/BlobServices_GetServiceProperties": {("bucket", "versioning")},
    "Microsoft.Storage/BlobContainers_List": {("bucket", "public_read"), ("bucket", "public_via")},
    "Microsoft.Insights/DiagnosticSettings_List": {("bucket", "access_logging")},
    f"{GRAPH}(managementGroups)": {("account", "path")},
    "Microsoft.KeyVault/Keys_Get": {("key", "rotates"), ("key", "rotation_days")},
}
LISTED = {"bucket", "region", "key", "firewall", "queue", *test_azure_compute_denials.KINDS}
BLIND: Mapping[str, set[str]] = {
    f"{GRAPH}(storageAccounts)": {"bucket"},
    f"{GRAPH}(locations)": {"region"},
    f"{GRAPH}(vaults)": {"key"},
    f"{GRAPH}(managedHsms)": {"key"},
    f"{GRAPH}(networkSecurityGroups)": {"firewall"},
    "Microsoft.KeyVault/Keys_List": {"key"},
    "Microsoft.Insights/SubscriptionDiagnosticSettings_List": {"audit_trail"},
    "Microsoft.Authorization/Permissions_ListForSubscription": LISTED,
    "Microsoft.Authorization/DenyAssignments_List": LISTED,
}
# The sample company has none, so the other keys remain.
NO_RESOURCES = {f"{GRAPH}(managedHsms)"}
# Tested with a managed HSM, in the tests of keys.
TESTED_ELSEWHERE = {
    *("Microsoft.KeyVault/ManagedHsmKeys_List", "Microsoft.KeyVault/ManagedHsmKeys_Get"),
    # Tested with identities.
    *test_azure_identity_denials.FACETS,
    *test_azure_identity_denials.BLIND,
    # Tested with machines, databases, functions and clusters.
    *test_azure_compute_denials.FACETS,
    *test_azure_compute_denials.BLIND,
    # Tested by the law over all tables, in test_table_law.py.
    f"{GRAPH}(serviceBusNamespaces)",
}
REASONS: Mapping[Fault, str] = {
    "denied": "denied",
    "denied_by_organisation": "denied_by_organisation",
    "throttled": "throttled",
    "malformed": "error",
    "reset": "error",
    "expired": "denied",
    "failing": "error",
}


def test_every_call_and_every_fault_is_tested() -> None:
    calls = {call.name for table in COLLECTORS for call in table.calls(table.kind.facets())}
    assert calls <= set(FACETS) | set(BLIND) | TESTED_ELSEWHERE
    assert set(REASONS) | {"hang"} == set(get_args(Fault))


@pytest.fixture
def whole(scan: Scan) -> Inventory:
    return scan()


@pytest.mark.parametrize("fault", sorted(REASONS))
@pytest.mark.parametrize("call", sorted(FACETS))
def test_exactly_the_facets_that_depend_on_it_are_unknown(
    azure: AzureSandbox, scan: Scan, whole: Inventory, call: str, fault: Fault
) -> None:
    azure.fault = lambda operation: fault if operation == call else None
    inventory = scan()
    blind = BLIND.get(call, set())
    assert {spot.kind for spot in inventory.blind_spots} == blind
    assert unknown_facets(inventory) == FACETS[call]
    assert reasons(inventory) == {(REASONS[fault], call)}
    listed = [one for one in whole.resources if one.kind not in blind]
    assert [one.id for one in inventory.resources] == [one.id for one in listed]
    for after, before in zip(inventory.resources, listed, strict=True):
        untouched = {name for name in before.collected() if (before.kind, name) not in FACETS[call]}
        assert {name: getattr(after, name) for name in untouched} == {
            name: getattr(before, name) for name in untouched
        }


@pytest.mark.parametrize("fault", sorted(REASONS))
@pytest.mark.parametrize("call", sorted(set(BLIND) - set(FACETS)))
def test_an_incomplete_listing_is_a_blind_spot(
    azure: AzureSandbox, scan: Scan, whole: Inventory, call: str, fault: Fault
) -> None:
    azure.fault = lambda operation: fault if operation == call else None
    inventory = scan()
    assert {spot.kind for spot in inventory.blind_spots} == BLIND[call]
    assert reasons(inventory) == {(REASONS[fault], call)}
    kept = call.startswith("Microsoft.Authorization/") or call in NO_RESOURCES
    for kind in ("account", "region", "bucket", "audit_trail", "key", "firewall"):
        missing = kind in BLIND[call] and not kept
        assert of_kind(inventory, kind) == ([] if missing else of_kind(whole, kind))


def test_an_interrupted_listing_keeps_its_first_pages(azure: AzureSandbox, scan: Scan) -> None:
    name = f"{GRAPH}(storageAccounts)"

    def second_page(operation: str) -> Fault | None:
        return "failing" if operation == name and azure.calls[name] > 1 else None

    azure.fault = second_page
    inventory = scan()
    assert len(of_kind(inventory, "bucket")) == azure.estate.page
    assert {spot.kind for spot in inventory.blind_spots} == {"bucket"}
    assert not inventory.complete("azure", SUBSCRIPTION, "bucket")


def test_an_interrupted_list_of_containers_is_unknown(azure: AzureSandbox, scan: Scan) -> None:
    """The public container might have been on the page that failed."""
    name = "Microsoft.Storage/BlobContainers_List"
    azure.estate.accounts = [one for one in azure.estate.accounts if one.name == "payreceipts"]
    azure.fault = lambda operation: "denied" if operation == name and azure.calls[name] > 1 else None
    assert unknown_facets(scan()) == FACETS[name]


@pytest.mark.parametrize(
    "call",
    [
        "Microsoft.Storage/BlobContainers_List",
        "Microsoft.Insights/SubscriptionDiagnosticSettings_List",
        "Microsoft.Security/SecurityContacts_List",
    ],
)
def test_a_denial_names_the_missing_action(azure: AzureSandbox, scan: Scan, call: str) -> None:
    azure.fault = lambda operation: "denied" if operation == call else None
    actions = {one.name: one.permission for table in COLLECTORS for one in table.calls(table.kind.facets())}
    causes = {
        cause.permission
        for one in scan().resources
        for fact in (getattr(one, name) for name in one.collected())
        for cause in getattr(fact, "causes", ())
    }
    assert causes == {actions[call]}


@pytest.mark.parametrize("fault", ["throttled", "failing", "reset"])
@pytest.mark.parametrize("call", [f"{GRAPH}(storageAccounts)", "Microsoft.Storage/BlobContainers_List"])
def test_transient_faults_are_retried(
    azure: AzureSandbox, scan: Scan, whole: Inventory, call: str, fault: Fault
) -> None:
    azure.calls.clear()
    azure.fault = lambda operation: fault if operation == call and azure.calls[call] == 1 else None
    assert scan().resources == whole.resources


def test_a_throttled_call_is_retried_up_to_the_limit(azure: AzureSandbox, scan: Scan) -> None:
    name = f"{GRAPH}(locations)"
    azure.fault = lambda operation: "throttled" if operation == name else None
    scan(limits=Limits(connect_seconds=5, read_seconds=10, attempts=3))
    assert azure.calls[name] == 3


def test_a_hanging_call_times_out(azure: AzureSandbox, scan: Scan) -> None:
    name = "Microsoft.Security/SecurityContacts_List"
    azure.fault = lambda operation: "hang" if operation == name else None
    inventory = scan(limits=Limits(connect_seconds=2, read_seconds=1.5, attempts=1))
    assert reasons(inventory) == {("error", name)}


def test_an_unlisted_404_is_not_absence(azure: AzureSandbox, scan: Scan) -> None:
    """An account that is deleted between the listing and the call is unknown, not unlogged."""
    name = "Microsoft.Insights/DiagnosticSettings_List"
    accounts = azure.estate.accounts

    def vanish(operation: str) -> None:
        if operation == name:
            azure.estate.accounts = []

    azure.fault = vanish
    try:
        inventory = scan()
    finally:
        azure.estate.accounts = accounts
    assert ("error", name) in reasons(inventory)


def test_a_malformed_row_affects_only_its_resource(azure: AzureSandbox, scan: Scan) -> None:
    azure.estate.accounts[0].properties = {"encryption": "?"}
    inventory = scan()
    assert {
        (one.name, name)
        for one in of_kind(inventory, "bucket")
        for name in one.collected()
        if hasattr(getattr(one, name), "causes")
    } == {
        ("payrollexport", "encryption"),
        ("payrollexport", "tls_only"),
        ("payrollexport", "public_read"),
        ("payrollexport", "public_via"),
    }


@pytest.mark.parametrize("name", ["", "x/../../y", "x?y=", "x#y"])
def test_a_row_without_a_valid_id_is_a_blind_spot(azure: AzureSandbox, scan: Scan, name: str) -> None:
    azure.estate.accounts[0].name = name
    inventory = scan()
    assert {(spot.kind, spot.cause.reason) for spot in inventory.blind_spots} == {("bucket", "error")}
    assert len(of_kind(inventory, "bucket")) == 7


def test_a_row_without_a_location_does_not_affect_others(azure: AzureSandbox, scan: Scan) -> None:
    nowhere: Any = None
    azure.estate.accounts[0].location = nowhere
    azure.estate.other_locations = ()
    name = f"{GRAPH}(locations)"
    azure.fault = lambda operation: "denied" if operation == name else None
    inventory = scan()
    assert {(spot.kind, spot.cause.reason) for spot in inventory.blind_spots} == {
        ("bucket", "error"),
        ("region", "denied"),
    }
    assert len(of_kind(inventory, "bucket")) == 7


@pytest.mark.parametrize("base", ["https://evil.example.com", "http://127.0.0.1:1"])
def test_a_next_page_at_another_host_is_not_followed(
    azure: AzureSandbox, scan: Scan, monkeypatch: pytest.MonkeyPatch, base: str
) -> None:
    """Otherwise the token would be sent there."""
    original = Answers._page

    def redirected(self: Answers, items: Any, path: str, parameters: Any) -> Any:
        answer = original(self, items, path, parameters)
        return {**answer, "nextLink": f"{base}{path}"} if path.endswith("/containers") else answer

    monkeypatch.setattr(Answers, "_page", redirected)
    inventory = scan()
    assert unknown_facets(inventory) == FACETS["Microsoft.Storage/BlobContainers_List"]
    assert reasons(inventory) == {("error", "Microsoft.Storage/BlobContainers_List")}
