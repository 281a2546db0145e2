"""The sample company, through the real SDK and the simulated cloud."""

from __future__ import annotations

import pytest

from providers.azure.scopes import connect
from providers.sandbox.azure.estate import CLIENT, SUBSCRIPTION, TENANT
from providers.sandbox.azure.server import AzureSandbox
from scanner.collect.collection import Collection
from scanner.collect.provider import ConnectionRequest
from scanner.collect.workers import Workers
from scanner.model.evidence import Unknown
from scanner.model.inventory import Inventory
from scanner.model.resources.account import Account, Region
from scanner.model.resources.storage import Encryption
from tests.providers.azure.azure_scan import LIMITS, WANTED, Scan, bucket, of_kind, unknown_facets

BUCKETS = {"bucket": WANTED["bucket"]}
VAULT = "https://shop-analytics.vault.azure.net"


def test_every_kind_is_collected_completely(company: Inventory) -> None:
    assert company.blind_spots == ()
    assert unknown_facets(company) == set()
    assert len(of_kind(company, "account")) == 1
    assert [one.name for one in of_kind(company, "region")] == ["northeurope", "westeurope"]
    assert [one.name for one in of_kind(company, "bucket")] == [
        "appartifacts",
        "payreceipts",
        "payrollexport",
        "productimages",
        "reportsarchive",
        "shopauditlogs",
        "statuspage",
        "wwwold",
    ]


def test_the_subscription(company: Inventory) -> None:
    (account,) = of_kind(company, "account")
    assert isinstance(account, Account)
    assert (account.provider, account.partition, account.region) == ("azure", "azure", None)
    assert account.id == f"/subscriptions/{SUBSCRIPTION}"
    assert (account.scope, account.name) == (SUBSCRIPTION, "analytics-prod")
    assert (account.type, account.service) == ("azure.resources.subscription", "resources")
    assert account.tags == {"owner": "data", "env": "prod"}
    assert account.organisation == TENANT
    assert account.path == "/mg-root/mg-prod"
    assert account.security_contacts == ("oncall@example.com", "security@example.com")
    assert account.public_access_block is None
    assert account.audit_trails == ("activity-to-central-logs",)
    (target,) = company.targets
    assert (target.scope, target.identity, target.reached) == (SUBSCRIPTION, CLIENT, True)


def test_a_region(company: Inventory) -> None:
    region = of_kind(company, "region")[0]
    assert isinstance(region, Region)
    assert region.id == f"/subscriptions/{SUBSCRIPTION}/locations/northeurope"
    assert (region.region, region.tags) == ("northeurope", {})
    assert region.audit_trails == ("activity-to-central-logs",)


def test_a_compliant_bucket(company: Inventory) -> None:
    receipts = bucket(company, "payreceipts")
    assert receipts.id == (
        f"/subscriptions/{SUBSCRIPTION}/resourcegroups/analytics-prod"
        "/providers/microsoft.storage/storageaccounts/payreceipts"
    )
    assert (receipts.region, receipts.type) == ("westeurope", "azure.storage.account")
    assert receipts.tags == {"owner": "pay", "data-class": "pci", "env": "prod"}
    assert (receipts.public_read, receipts.public_write, receipts.public_via) == (False, False, ())
    assert receipts.encryption == Encryption(
        key="customer", key_id=f"{VAULT}/keys/receipts/0123456789abcdef0123456789abcdef"
    )
    assert receipts.versioning is receipts.access_logging is True
    assert receipts.tls_only is receipts.uniform_access is True


@pytest.mark.parametrize(
    ("name", "read", "via"),
    [
        ("payrollexport", True, ("container exports",)),
        ("wwwold", True, ("container assets", "container images")),
        ("productimages", True, ("container images",)),
        ("reportsarchive", False, ()),
        ("statuspage", False, ()),
        ("appartifacts", False, ()),
    ],
)
def test_public_access(company: Inventory, name: str, read: bool, via: tuple[str, ...]) -> None:
    found = bucket(company, name)
    assert (found.public_read, found.public_via) == (read, via)


def test_a_partly_configured_bucket(company: Inventory) -> None:
    artifacts = bucket(company, "appartifacts")
    assert artifacts.encryption == Encryption(key="provider", key_id=None)
    assert (artifacts.versioning, artifacts.access_logging, artifacts.uniform_access) == (False, False, False)
    assert bucket(company, "wwwold").tls_only is False


def test_a_website_container_on_an_open_network_is_unknown(azure: AzureSandbox, scan: Scan) -> None:
    for account in azure.estate.accounts:
        if account.name == "statuspage":
            account.properties["publicNetworkAccess"] = "Enabled"
    found = bucket(scan(wanted=BUCKETS), "statuspage")
    for fact in (found.public_read, found.public_via):
        assert isinstance(fact, Unknown)
        assert (fact.causes[0].reason, fact.causes[0].permission) == ("unsupported", None)
        assert "$web" in fact.causes[0].message


def test_pages_of_every_size_give_the_same(azure: AzureSandbox, scan: Scan) -> None:
    paged = scan()
    azure.estate.page = 1
    single = scan()
    azure.estate.page = 100
    whole = scan()
    assert paged.resources == single.resources == whole.resources
    assert single.calls["azure"]["Microsoft.ResourceGraph/Resources(storageAccounts)"] == 8
    assert whole.calls["azure"]["Microsoft.ResourceGraph/Resources(storageAccounts)"] == 1


def test_ids_that_differ_in_case_are_the_same_resource(
    azure: AzureSandbox, company: Inventory, scan: Scan
) -> None:
    before = {one.id for one in company.resources}
    for account in azure.estate.accounts:
        account.location = account.location.upper()
    after = scan()
    assert {one.id for one in after.resources} == before
    assert {one.region for one in of_kind(after, "bucket")} == {"westeurope", "northeurope"}


def test_only_the_requested_locations(scan: Scan) -> None:
    inventory = scan(ConnectionRequest("azure", regions=("North Europe",)))
    assert [one.name for one in of_kind(inventory, "region")] == ["northeurope"]
    assert [one.name for one in of_kind(inventory, "bucket")] == ["reportsarchive", "shopauditlogs"]
    assert len(of_kind(inventory, "account")) == 1


def test_the_snapshot_counts_every_request(azure: AzureSandbox, scan: Scan) -> None:
    inventory = scan()
    received = {name: times for name, times in azure.calls.items() if not name.startswith("Microsoft.Entra/")}
    del received["Microsoft.Resources/Subscriptions_List"]
    assert inventory.calls == {"azure": received}
    assert received["Microsoft.Insights/SubscriptionDiagnosticSettings_List"] == 1


def test_only_the_wanted_facets_are_asked_for(azure: AzureSandbox) -> None:
    provider = connect(ConnectionRequest("azure"), LIMITS)
    workers = Workers(4)
    collection = Collection(workers)
    wanted = {"bucket": frozenset({"encryption"})}
    provider.collect(wanted, collection)
    workers.wait()
    inventory = collection.inventory(provider.targets, wanted)
    assert {one.kind for one in inventory.resources} == {"bucket"}
    assert next(iter(inventory.resources)).collected() == {"encryption", "tags"}
    assert not [name for name in inventory.calls["azure"] if name.startswith("Microsoft.Storage/")]


def test_resources_without_read_permission_are_a_blind_spot(azure: AzureSandbox, scan: Scan) -> None:
    """Resource Graph silently omits rows: a narrower role must show up as a blind spot."""
    azure.estate.hidden = {"payrollexport"}
    azure.estate.permissions = [{"actions": ["Microsoft.Insights/*"], "notActions": []}]
    inventory = scan()
    assert len(of_kind(inventory, "bucket")) == 7
    assert {(spot.kind, spot.cause.reason, spot.cause.permission) for spot in inventory.blind_spots} == {
        ("virtual_machine", "denied", "Microsoft.Compute/virtualMachines/read"),
        ("database", "denied", "Microsoft.Sql/servers/read"),
        ("database", "denied", "Microsoft.Sql/managedInstances/read"),
        ("database", "denied", "Microsoft.DBforPostgreSQL/flexibleServers/read"),
        ("database", "denied", "Microsoft.DBforMySQL/flexibleServers/read"),
        ("database", "denied", "Microsoft.SqlVirtualMachine/sqlVirtualMachines/read"),
        ("function", "denied", "Microsoft.Web/sites/read"),
        ("container_cluster", "denied", "Microsoft.ContainerService/managedClusters/read"),
        ("queue", "denied", "Microsoft.ServiceBus/namespaces/read"),
        ("snapshot", "denied", "Microsoft.Compute/snapshots/read"),
        ("bucket", "denied", "Microsoft.Storage/storageAccounts/read"),
        ("region", "denied", "*/read"),
        ("key", "denied", "Microsoft.KeyVault/vaults/read"),
        ("key", "denied", "Microsoft.KeyVault/managedHSMs/read"),
        ("firewall", "denied", "Microsoft.Network/networkSecurityGroups/read"),
    }
    assert not inventory.complete("azure", SUBSCRIPTION, "bucket")


def test_a_deny_assignment_makes_a_blind_spot(azure: AzureSandbox, scan: Scan) -> None:
    azure.estate.deny_assignments = [
        {
            "properties": {
                "permissions": [{"actions": ["Microsoft.Storage/*"], "notActions": []}],
                "principals": [
                    {"id": "00000000-0000-0000-0000-000000000000", "type": "SystemDefined"},
                ],
                "excludePrincipals": [],
            }
        }
    ]
    inventory = scan()
    assert {(spot.kind, spot.cause.reason) for spot in inventory.blind_spots} == {
        ("bucket", "denied_by_organisation"),
        ("region", "denied_by_organisation"),
    }


def test_a_subscription_without_a_role_is_an_unreached_target(scan: Scan) -> None:
    other = "0b0b0b0b-1111-4222-8333-444455556666"
    inventory = scan(ConnectionRequest("azure", scopes=(SUBSCRIPTION.upper(), other)))
    assert {one.scope for one in inventory.resources} == {SUBSCRIPTION, TENANT}
    assert [(one.scope, one.reached) for one in inventory.targets] == [(SUBSCRIPTION, True), (other, False)]
    assert "AuthorizationFailed" in (inventory.targets[1].message or "")
