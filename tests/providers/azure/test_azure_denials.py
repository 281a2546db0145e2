"""A failed read makes what depends on it unknown; nothing disappears and nothing passes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, get_args

import pytest

from providers.azure.tables import COLLECTORS
from providers.sandbox import Fault
from providers.sandbox.azure import directory
from providers.sandbox.azure.answers import Answers
from providers.sandbox.azure.estate import SUBSCRIPTION
from providers.sandbox.azure.server import AzureSandbox
from scanner.collect.provider import Limits
from scanner.model.inventory import Inventory
from tests.providers.azure.azure_scan import WANTED, Scan, of_kind, reasons, unknown_facets

GRAPH = "Microsoft.ResourceGraph/Resources"
BUCKETS = {"bucket": WANTED["bucket"]}
CONTAINERS = "Microsoft.Storage/BlobContainers_List"
# A call of each API, and a facet that depends on it.
OF_APIS: Mapping[str, tuple[str, str]] = {
    "Microsoft.Security/SecurityContacts_List": ("account", "security_contacts"),
    f"{GRAPH}(managementGroups)": ("account", "path"),
    "Microsoft.Graph/domains": ("user", "password"),
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


def test_every_fault_is_tried() -> None:
    assert set(REASONS) | {"hang"} == set(get_args(Fault))


@pytest.mark.parametrize("fault", sorted(REASONS))
@pytest.mark.parametrize("call", sorted(OF_APIS))
def test_no_failure_becomes_an_answer(azure: AzureSandbox, scan: Scan, call: str, fault: Fault) -> None:
    azure.fault = lambda operation: fault if operation == call else None
    kind, facet = OF_APIS[call]
    inventory = scan(wanted={kind: frozenset({facet})})
    assert unknown_facets(inventory) == {(kind, facet)}
    needed = {one.name: one.permission for table in COLLECTORS for one in table.calls(table.kind.facets())}
    reason = REASONS[fault]
    facts = [fact for one in inventory.resources for fact in one.unknowns().values()]
    assert {(cause.reason, cause.call, cause.permission) for fact in facts for cause in fact.causes} == {
        (reason, call, needed[call] if reason == "denied" else None)
    }


def test_an_interrupted_listing_keeps_its_first_pages(azure: AzureSandbox, scan: Scan) -> None:
    name = f"{GRAPH}(storageAccounts)"

    def second_page(operation: str) -> Fault | None:
        return "failing" if operation == name and azure.calls[name] > 1 else None

    azure.fault = second_page
    inventory = scan(wanted=BUCKETS)
    assert len(of_kind(inventory, "bucket")) == azure.estate.page
    assert {spot.kind for spot in inventory.blind_spots} == {"bucket"}
    assert not inventory.complete("azure", SUBSCRIPTION, "bucket")


@pytest.mark.parametrize("fault", ["throttled", "failing", "reset"])
@pytest.mark.parametrize("call", [f"{GRAPH}(storageAccounts)", CONTAINERS])
def test_transient_faults_are_retried(
    azure: AzureSandbox, scan: Scan, company: Inventory, call: str, fault: Fault
) -> None:
    azure.calls.clear()
    azure.fault = lambda operation: fault if operation == call and azure.calls[call] == 1 else None
    found = scan(wanted=BUCKETS)
    assert azure.calls[call] > 1
    assert list(found.resources) == of_kind(company, "bucket")


def test_a_throttled_call_is_retried_up_to_the_limit(azure: AzureSandbox, scan: Scan) -> None:
    name = f"{GRAPH}(locations)"
    azure.fault = lambda operation: "throttled" if operation == name else None
    scan(limits=Limits(connect_seconds=5, read_seconds=10, attempts=3), wanted={"region": WANTED["region"]})
    assert azure.calls[name] == 3


def test_a_hanging_call_times_out(azure: AzureSandbox, scan: Scan) -> None:
    name = "Microsoft.Security/SecurityContacts_List"
    azure.fault = lambda operation: "hang" if operation == name else None
    limits = Limits(connect_seconds=2, read_seconds=1.5, attempts=1)
    inventory = scan(limits=limits, wanted={"account": WANTED["account"]})
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
    inventory = scan(wanted=BUCKETS)
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
    inventory = scan(wanted=BUCKETS)
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
    inventory = scan(wanted=BUCKETS)
    assert unknown_facets(inventory) == {("bucket", "public_read"), ("bucket", "public_via")}
    assert reasons(inventory) == {("error", CONTAINERS)}


@pytest.mark.parametrize("base", ["https://evil.example.com", "http://127.0.0.1:1"])
def test_a_next_page_of_microsoft_graph_at_another_host_is_not_followed(
    azure: AzureSandbox, scan: Scan, monkeypatch: pytest.MonkeyPatch, base: str
) -> None:
    original = directory.answer

    def redirected(*arguments: Any) -> Any:
        answer = original(*arguments)
        if arguments[2] == "/v1.0/domains":
            return {**answer, "@odata.nextLink": f"{base}/v1.0/domains"}
        return answer

    monkeypatch.setattr(directory, "answer", redirected)
    inventory = scan(wanted={"user": frozenset({"password", "mfa"})})
    assert unknown_facets(inventory) == {("user", "password"), ("user", "mfa")}
    assert ("error", "Microsoft.Graph/domains") in reasons(inventory)


@pytest.mark.parametrize(
    ("hidden", "lacking", "kind", "facet"),
    [
        ("jumphost-nic", "Microsoft.Network/networkInterfaces/read", "virtual_machine", "public_address"),
        ("shop", "Microsoft.ContainerService/managedClusters/read", "virtual_machine", "node_of"),
        ("crm", "Microsoft.Sql/servers/databases/read", "database", "serverless"),
    ],
)
def test_facets_from_silently_omitted_rows_are_unknown(
    azure: AzureSandbox, scan: Scan, hidden: str, lacking: str, kind: str, facet: str
) -> None:
    """Without the cluster its node would count as a stand-alone machine; without the provisioned database,
    the server as serverless."""
    azure.estate.hidden = {hidden}
    azure.estate.permissions = [{"actions": ["*/read"], "notActions": [lacking]}]
    joined = [one.unknowns().get(facet) for one in of_kind(scan(wanted={kind: WANTED[kind]}), kind)]
    assert {cause.permission for fact in joined if fact is not None for cause in fact.causes} == {lacking}


@pytest.mark.parametrize("entry", ["[" * 20_000 + "]" * 20_000, '{"a":' * 20_000 + "1" + "}" * 20_000])
def test_an_answer_that_is_nested_too_deeply_costs_only_its_facet(
    azure: AzureSandbox, scan: Scan, monkeypatch: pytest.MonkeyPatch, entry: str
) -> None:
    whole = azure.reply

    def reply(method: str, target: str, authorization: str, body: bytes) -> Any:
        if "securityContacts" in target:
            return (200, {}, f'{{"value": [{entry}]}}'.encode())
        return whole(method, target, authorization, body)

    monkeypatch.setattr(azure, "reply", reply)
    inventory = scan(wanted={"account": WANTED["account"]})
    assert unknown_facets(inventory) == {("account", "security_contacts")}
    assert {reason for reason, _ in reasons(inventory)} == {"error"}


def test_a_later_page_that_is_refused_is_not_the_end_of_a_list(
    azure: AzureSandbox, scan: Scan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though the first page with this code would mean that there is nothing."""
    whole = azure.reply

    def reply(method: str, target: str, authorization: str, body: bytes) -> Any:
        if "securityContacts" not in target:
            return whole(method, target, authorization, body)
        if "skiptoken" in target:
            return (404, {}, b'{"error": {"code": "Subscription Not Registered"}}')
        return (200, {}, json.dumps({"value": [], "nextLink": f"{azure.base}{target}&skiptoken=2"}).encode())

    monkeypatch.setattr(azure, "reply", reply)
    inventory = scan(wanted={"account": WANTED["account"]})
    assert unknown_facets(inventory) == {("account", "security_contacts")}


def test_a_page_that_comes_again_ends_a_listing(
    azure: AzureSandbox, scan: Scan, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = azure.reply

    def reply(method: str, target: str, authorization: str, body: bytes) -> Any:
        if "securityContacts" in target:
            again = json.dumps({"value": [], "nextLink": f"{azure.base}{target}"})
            return (200, {}, again.encode())
        return whole(method, target, authorization, body)

    monkeypatch.setattr(azure, "reply", reply)
    inventory = scan(wanted={"account": WANTED["account"]})
    assert unknown_facets(inventory) == {("account", "security_contacts")}
