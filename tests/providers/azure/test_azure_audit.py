"""The activity log's diagnostic settings as audit trails."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from providers.azure.audit import AUDIT_TRAILS
from providers.sandbox.azure.audit import activity_log_setting
from providers.sandbox.azure.estate import SUBSCRIPTION
from providers.sandbox.azure.server import AzureSandbox
from scanner.collect.derived import derive
from scanner.collect.provider import ConnectionRequest
from scanner.model.evidence import Unknown
from scanner.model.inventory import Inventory
from scanner.model.resources.audit import AuditTrail
from scanner.model.resources.kinds import KINDS
from tests.providers.azure.azure_scan import WANTED, Scan, of_kind, unknown_facets

SHAPE = (KeyError, TypeError, ValueError, AttributeError)
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourcegroups/analytics-prod/providers"
WRITES = ("Administrative", "Security", "Policy", "Alert")
WORKSPACE = f"{GROUP}/Microsoft.OperationalInsights/workspaces/w"


@pytest.fixture
def scan(scan: Scan) -> Scan:
    """Only the kinds of this theme."""
    return partial(
        scan,
        wanted={
            kind: WANTED[kind]
            for kind in (
                "account",
                "bucket",
                "audit_trail",
            )
        },
    )


def trail(inventory: Inventory, name: str) -> AuditTrail:
    (found,) = (one for one in inventory.resources if isinstance(one, AuditTrail) and one.name == name)
    return found


def fact(name: str, item: Any) -> Any:
    (read,) = AUDIT_TRAILS.facets[name].reads
    return read.function(item)


def entry(*logs: dict[str, Any], **destinations: str | None) -> dict[str, Any]:
    return {"name": "s", "properties": {"logs": list(logs), **destinations}}


def log(category: str | None, enabled: Any = True, group: str | None = None) -> dict[str, Any]:
    return {"category": category, "categoryGroup": group, "enabled": enabled}


def test_a_trail_that_exports_everything(scan: Scan) -> None:
    found = trail(scan(), "activity-to-central-logs")
    assert found.id == (
        f"/subscriptions/{SUBSCRIPTION}/providers/microsoft.insights/diagnosticsettings"
        "/activity-to-central-logs"
    )
    assert (found.scope, found.region, found.type) == (SUBSCRIPTION, None, "azure.insights.diagnosticsetting")
    assert found.tags == {}
    assert found.logging is found.all_regions is found.records_writes is True
    assert found.organisation_wide is False
    assert found.records_data_access is found.tamper_evident is found.customer_key is None
    assert found.destinations == (
        f"{GROUP}/microsoft.operationalinsights/workspaces/central-logs",
        f"{GROUP}/microsoft.storage/storageaccounts/shopauditlogs",
    )


def test_a_trail_of_policy_events_only(scan: Scan) -> None:
    inventory = scan()
    found = trail(inventory, "policy-to-dashboard")
    assert (found.logging, found.records_writes) == (False, False)
    assert found.destinations == (f"{GROUP}/microsoft.eventhub/namespaces/shop-events",)
    assert [one.name for one in of_kind(inventory, "audit_trail")] == [
        "activity-to-central-logs",
        "policy-to-dashboard",
    ]


def test_a_destination_is_found_among_the_buckets(scan: Scan) -> None:
    inventory = derive(scan(), {name: cls.facets() for name, cls in KINDS.items()})
    central = trail(inventory, "activity-to-central-logs")
    assert (central.storage_public, central.storage_protected) == (False, True)
    assert trail(inventory, "policy-to-dashboard").storage_protected is None


def test_without_settings_there_is_no_trail_and_nothing_unknown(azure: AzureSandbox, scan: Scan) -> None:
    azure.estate.activity_log = []
    inventory = scan()
    assert of_kind(inventory, "audit_trail") == []
    assert inventory.complete("azure", SUBSCRIPTION, "audit_trail")


def test_requested_locations_do_not_exclude_trails(scan: Scan) -> None:
    assert len(of_kind(scan(ConnectionRequest("azure", regions=("northeurope",))), "audit_trail")) == 2


@pytest.mark.parametrize("name", ["a?b", "a/b", ""])
def test_a_setting_without_a_valid_id_is_a_blind_spot(azure: AzureSandbox, scan: Scan, name: str) -> None:
    azure.estate.activity_log[1]["id"] = (
        f"/subscriptions/{SUBSCRIPTION}/providers/microsoft.insights/diagnosticSettings/{name}"
    )
    inventory = scan()
    assert {(spot.kind, spot.cause.reason) for spot in inventory.blind_spots} == {("audit_trail", "error")}
    assert [one.name for one in of_kind(inventory, "audit_trail")] == ["activity-to-central-logs"]


def test_a_malformed_setting_affects_only_itself(azure: AzureSandbox, scan: Scan) -> None:
    broken = activity_log_setting(SUBSCRIPTION, "broken", WRITES, workspaceId=WORKSPACE)
    broken["properties"]["logs"][0]["enabled"] = None
    del broken["properties"]["logs"][1]["enabled"]
    azure.estate.activity_log.append(broken)
    inventory = scan()
    found = trail(inventory, "broken")
    assert isinstance(found.logging, Unknown)
    assert isinstance(found.records_writes, Unknown)
    assert found.destinations == (WORKSPACE.lower(),)
    assert trail(inventory, "activity-to-central-logs").logging is True
    # The subscription's trails cannot be determined either.
    assert ("account", "audit_trails") in unknown_facets(inventory)


@pytest.mark.parametrize(
    ("item", "logging", "writes"),
    [
        (entry(*map(log, WRITES), workspaceId=WORKSPACE), True, True),
        (entry(*map(log, map(str.upper, WRITES)), workspaceId=WORKSPACE), True, True),
        (entry(*map(log, WRITES[:3]), workspaceId=WORKSPACE), True, False),
        (entry(*map(log, WRITES[:3]), log("Alert", False), workspaceId=WORKSPACE), True, False),
        (entry(*map(log, WRITES[1:]), workspaceId=WORKSPACE), False, False),
        (entry(log(None, group="allLogs"), workspaceId=WORKSPACE), True, True),
        (entry(log(None, False, "allLogs"), workspaceId=WORKSPACE), False, False),
        (entry(*map(log, WRITES), workspaceId=None, storageAccountId=""), False, False),
        (entry(workspaceId=WORKSPACE), False, False),
    ],
)
def test_what_a_setting_records(item: dict[str, Any], logging: bool, writes: bool) -> None:
    assert (fact("logging", item), fact("records_writes", item)) == (logging, writes)


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (entry(), ()),
        (entry(workspaceId=None, storageAccountId=""), ()),
        (
            entry(storageAccountId="/B/x", workspaceId="/A/y", marketplacePartnerId="/C/z"),
            ("/a/y", "/b/x", "/c/z"),
        ),
        (
            entry(
                eventHubAuthorizationRuleId=f"{GROUP}/Microsoft.EventHub/namespaces/NS/authorizationrules/R"
            ),
            (f"{GROUP}/microsoft.eventhub/namespaces/ns",),
        ),
        (
            entry(
                serviceBusRuleId=f"{GROUP}/Microsoft.ServiceBus/namespaces/NS/eventhubs/e/authorizationRules/R"
            ),
            (f"{GROUP}/microsoft.servicebus/namespaces/ns",),
        ),
    ],
)
def test_destinations(item: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert fact("destinations", item) == expected


@pytest.mark.parametrize("name", ["logging", "records_writes", "destinations"])
@pytest.mark.parametrize("item", [{}, {"properties": None}])
def test_an_unreadable_setting_raises(name: str, item: Any) -> None:
    with pytest.raises(SHAPE):
        fact(name, item)


def test_recorded_settings(recordings: Callable[[str], list[dict[str, Any]]]) -> None:
    items = [
        item
        for answer in recordings("microsoft.insights.diagnosticsettings")
        for item in answer["body"]["value"]
    ]
    assert len(items) > 3
    for item in items:
        facts = {name: fact(name, item) for name in AUDIT_TRAILS.facets}
        assert facts["destinations"]
        assert facts["records_writes"] is False


def test_the_recorded_setting_of_a_subscription(recordings: Callable[[str], list[dict[str, Any]]]) -> None:
    (item,) = (
        item
        for answer in recordings("microsoft.insights.diagnosticsettings")
        for item in answer["body"]["value"]
        if item["id"].startswith("subscriptions/")
    )
    scope = "ea42f556-5106-4743-99b0-c129bfa71a47"
    header = AUDIT_TRAILS.header(item)
    assert (header["scope"], header["name"]) == (scope, "D5F8F41A-5AA9-49ED-8DE3-37A097699C3E-fail-all")
    assert header["id"] == (
        f"/subscriptions/{scope}/providers/microsoft.insights/diagnosticsettings"
        "/d5f8f41a-5aa9-49ed-8de3-37a097699c3e-fail-all"
    )
    assert fact("logging", item) is True
    assert fact("destinations", item) == (
        f"/subscriptions/{scope}/resourcegroups/cfb-tjmypwym/providers/microsoft.storage"
        "/storageaccounts/cfbtjmypwym",
    )
