"""The keys of key vaults and managed HSMs."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from providers.azure.key_access import to_access
from providers.azure.keys import KEYS, KEYS_OF_HSMS
from providers.azure.scopes import connect
from providers.sandbox.azure.answers import Answers
from providers.sandbox.azure.estate import SUBSCRIPTION, TENANT
from providers.sandbox.azure.keys import Vault, key_properties, rotation_policy
from providers.sandbox.azure.server import AzureSandbox
from scanner.collect.collection import Collection
from scanner.collect.provider import ConnectionRequest
from scanner.collect.workers import Workers
from scanner.model.evidence import Unknown
from scanner.model.inventory import Inventory
from scanner.model.resources.keys import Key
from tests.providers.azure.azure_scan import LIMITS, WANTED, Scan, of_kind, reasons, unknown_facets

SHAPE = (KeyError, TypeError, ValueError, AttributeError)
VAULTS = f"/subscriptions/{SUBSCRIPTION}/resourcegroups/analytics-prod/providers/microsoft.keyvault/vaults"
LIST = "Microsoft.KeyVault/Keys_List"
GET = "Microsoft.KeyVault/Keys_Get"


@pytest.fixture
def scan(scan: Scan) -> Scan:
    """Only the kinds of this theme."""
    return partial(scan, wanted={kind: WANTED[kind] for kind in ("key",)})


def key(inventory: Inventory, name: str) -> Key:
    (found,) = (one for one in inventory.resources if isinstance(one, Key) and one.name == name)
    return found


def names(inventory: Inventory) -> list[str]:
    return [one.name for one in of_kind(inventory, "key")]


def fact(name: str, *arguments: Any) -> Any:
    (read,) = KEYS.facets[name].reads
    return read.function(*arguments)


def within(**properties: Any) -> dict[str, Any]:
    """A key in a vault with these properties."""
    return {"id": f"{VAULTS}/v/keys/k", "parent": {"tenantId": TENANT, "properties": properties}}


def add_hsm(azure: AzureSandbox) -> None:
    """Adds a managed HSM with a key that rotates."""
    row = copy.deepcopy(azure.estate.vaults[0].row)
    row["id"] = row["id"].replace("/vaults/shop-analytics", "/managedHSMs/shop-hsm")
    row["name"] = "shop-hsm"
    keys = {"root": key_properties(policy=rotation_policy({"timeAfterCreate": "P2Y"}, None))}
    azure.estate.managed_hsms.append(Vault(row, keys))


def test_a_compliant_key(scan: Scan) -> None:
    found = key(scan(), "shop-analytics/receipts")
    assert found.id == f"{VAULTS}/shop-analytics/keys/receipts"
    assert (found.scope, found.region, found.type) == (SUBSCRIPTION, "westeurope", "azure.keyvault.key")
    assert found.tags == {"owner": "pay", "data-class": "pci"}
    assert (found.enabled, found.rotates, found.rotation_days) == (True, True, 90)
    assert (found.pending_deletion, found.deletion_delayed, found.open_to_others) == (False, True, False)


def test_a_key_that_rotates_before_it_expires(scan: Scan) -> None:
    found = key(scan(), "shop-analytics/logs")
    assert (found.rotates, found.rotation_days) == (True, 335)


def test_keys_of_a_neglected_vault(scan: Scan) -> None:
    inventory = scan()
    found = key(inventory, "shop-legacy/export-signing")
    assert (found.enabled, found.rotates, found.rotation_days) == (True, False, None)
    assert (found.pending_deletion, found.deletion_delayed, found.open_to_others) == (False, False, True)
    old = key(inventory, "shop-legacy/Wrap-2019")
    assert old.enabled is False
    assert old.id == f"{VAULTS}/shop-legacy/keys/wrap-2019"
    assert len(names(inventory)) == 4


def test_pages_of_every_size_give_the_same_keys(azure: AzureSandbox, scan: Scan) -> None:
    azure.estate.vaults[0].keys.update({f"k{number}": key_properties() for number in range(5)})
    azure.estate.page = 1
    single = scan()
    azure.estate.page = 100
    assert of_kind(single, "key") == of_kind(scan(), "key")
    assert len(names(single)) == 9


def test_a_denied_vault_does_not_affect_others(azure: AzureSandbox, scan: Scan) -> None:
    azure.fault = lambda operation: "denied" if operation == LIST and azure.calls[LIST] == 1 else None
    inventory = scan()
    assert len(names(inventory)) == 2
    assert {(spot.kind, spot.cause.permission) for spot in inventory.blind_spots} == {
        ("key", "Microsoft.KeyVault/vaults/keys/read")
    }
    assert not inventory.complete("azure", SUBSCRIPTION, "key")


def test_a_deleted_vault_is_not_an_empty_vault(azure: AzureSandbox, scan: Scan) -> None:
    def vanish(operation: str) -> None:
        if operation == LIST:
            azure.estate.vaults = []

    azure.fault = vanish
    inventory = scan()
    assert names(inventory) == []
    assert reasons(inventory) == {("error", LIST)}


def test_a_hidden_vault_is_a_blind_spot(azure: AzureSandbox, scan: Scan) -> None:
    azure.estate.hidden = {"shop-legacy"}
    azure.estate.permissions = [{"actions": ["Microsoft.KeyVault/vaults/keys/read"], "notActions": []}]
    inventory = scan()
    assert len(names(inventory)) == 2
    assert ("key", "denied", "Microsoft.KeyVault/vaults/read") in {
        (spot.kind, spot.cause.reason, spot.cause.permission) for spot in inventory.blind_spots
    }


def test_only_the_requested_locations(azure: AzureSandbox, scan: Scan) -> None:
    azure.estate.vaults[1].row["location"] = "NorthEurope"
    inventory = scan(ConnectionRequest("azure", regions=("northeurope",)))
    assert names(inventory) == ["shop-legacy/export-signing", "shop-legacy/Wrap-2019"]
    assert {one.region for one in of_kind(inventory, "key")} == {"northeurope"}


def test_keys_are_read_one_by_one_only_for_rotation(azure: AzureSandbox) -> None:
    provider = connect(ConnectionRequest("azure"), LIMITS)
    workers = Workers(4)
    collection = Collection(workers)
    wanted = {"key": frozenset({"enabled", "deletion_delayed"})}
    provider.collect(wanted, collection)
    workers.wait()
    inventory = collection.inventory(provider.targets, wanted)
    assert len(inventory.resources) == 4
    assert GET not in inventory.calls["azure"]
    table = {call.name for call in KEYS.calls(wanted["key"]) | KEYS_OF_HSMS.calls(wanted["key"])}
    assert {name for name in inventory.calls["azure"] if "Authorization" not in name} <= table


@pytest.mark.parametrize(
    "identity",
    [
        "",
        f"{VAULTS}/shop-legacy/keys/receipts",
        f"/subscriptions/{SUBSCRIPTION}/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/s",
        f"{VAULTS}/shop-analytics",
        f"{VAULTS}/shop-analytics/secrets/receipts",
        f"{VAULTS}/shop-analytics/keys/receipts?x=",
        f"{VAULTS}/shop-analytics/keys/../../x",
    ],
)
def test_a_key_of_another_vault_is_a_blind_spot(
    azure: AzureSandbox, scan: Scan, monkeypatch: pytest.MonkeyPatch, identity: str
) -> None:
    """And only key URLs are requested."""
    original = Answers._page

    def replaced(self: Answers, items: Any, path: str, parameters: Any) -> Any:
        answer = original(self, items, path, parameters)
        for one in answer["value"]:
            if str(one.get("id")).endswith("/keys/receipts"):
                one["id"] = identity
        return answer

    monkeypatch.setattr(Answers, "_page", replaced)
    inventory = scan()
    assert {(spot.kind, spot.cause.reason) for spot in inventory.blind_spots} == {("key", "error")}
    assert len(names(inventory)) == 3


@pytest.mark.parametrize("row", [{"id": "x"}, {"location": None}])
def test_an_unreadable_vault_is_a_blind_spot(azure: AzureSandbox, scan: Scan, row: dict[str, Any]) -> None:
    azure.estate.vaults[0].row.update(row)
    inventory = scan()
    assert {(spot.kind, spot.cause.reason) for spot in inventory.blind_spots} == {("key", "error")}
    assert len(names(inventory)) == 2


def test_malformed_vault_properties_make_their_facets_unknown(azure: AzureSandbox, scan: Scan) -> None:
    azure.estate.vaults[1].row["properties"] = "?"
    inventory = scan()
    assert unknown_facets(inventory) == {("key", "deletion_delayed"), ("key", "open_to_others")}
    assert key(inventory, "shop-analytics/logs").deletion_delayed is True


def test_the_keys_of_a_managed_hsm(azure: AzureSandbox, scan: Scan) -> None:
    add_hsm(azure)
    found = key(scan(), "shop-hsm/root")
    assert found.id == f"{VAULTS.replace('/vaults', '/managedhsms')}/shop-hsm/keys/root"
    assert (found.enabled, found.rotates, found.rotation_days) == (True, True, 730)
    assert found.deletion_delayed is True
    assert isinstance(found.open_to_others, Unknown)


def rotating(
    action: str = "rotate", expiry: str | None = None, exp: int | None = None, **trigger: str
) -> Any:
    policy: dict[str, Any] = {
        "lifetimeActions": [{"trigger": trigger, "action": {"type": action}}],
        "attributes": {} if expiry is None else {"expiryTime": expiry},
    }
    return {"properties": {"rotationPolicy": policy, "attributes": {} if exp is None else {"exp": exp}}}


@pytest.mark.parametrize(
    ("answer", "days"),
    [
        ({"properties": {}}, None),
        ({"properties": {"rotationPolicy": None}}, None),
        ({"properties": {"rotationPolicy": {"lifetimeActions": []}}}, None),
        (rotating("notify", timeBeforeExpiry="P30D"), None),
        (rotating(timeAfterCreate="P90D"), 90),
        (rotating("Rotate", timeAfterCreate="P1Y"), 365),
        (rotating(timeAfterCreate="P18M"), 548),
        (rotating(timeAfterCreate="P12M"), 365),
        (rotating(timeAfterCreate="P1Y2M3D"), 429),
        (rotating(timeAfterCreate="P8W"), 56),
        (rotating(expiry="P1Y", exp=1, timeBeforeExpiry="P30D"), 335),
        (rotating(expiry="P2Y", exp=1, timeBeforeExpiry="P1M"), 700),
        (rotating(expiry="P1Y", timeBeforeExpiry="P30D"), None),
        (rotating(exp=1, timeBeforeExpiry="P30D"), None),
    ],
)
def test_rotation(answer: Any, days: int | None) -> None:
    assert fact("rotation_days", {}, answer) == days
    assert fact("rotates", {}, answer) is (days is not None)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        rotating(timeAfterCreate="90"),
        rotating(timeAfterCreate="P"),
        rotating(timeAfterCreate="PT5M"),
        rotating(timeAfterCreate="P-90D"),
        rotating("revolve", timeAfterCreate="P90D"),
        rotating(expiry="P30D", exp=1, timeBeforeExpiry="P30D"),
        rotating(expiry="P30D", exp=1),
        {"properties": {"rotationPolicy": {"lifetimeActions": [{"action": {"type": "rotate"}}]}}},
    ],
)
def test_an_unreadable_rotation_raises(answer: Any) -> None:
    for name in ("rotates", "rotation_days"):
        with pytest.raises(SHAPE):
            fact(name, {}, answer)


@pytest.mark.parametrize(
    ("properties", "delayed"),
    [
        ({"enablePurgeProtection": True, "enableSoftDelete": True}, True),
        ({"enablePurgeProtection": True}, True),
        ({"enablePurgeProtection": True, "enableSoftDelete": None}, True),
        ({"enablePurgeProtection": True, "enableSoftDelete": False}, False),
        ({"enableSoftDelete": True}, False),
        ({"enablePurgeProtection": None}, False),
        ({"enablePurgeProtection": False}, False),
    ],
)
def test_deletion_delayed(properties: dict[str, Any], delayed: bool) -> None:
    assert fact("deletion_delayed", within(**properties)) is delayed


def policy(tenant: str, *keys: str) -> dict[str, Any]:
    return {"tenantId": tenant, "objectId": "o", "permissions": {"keys": list(keys), "secrets": ["Get"]}}


OTHER = "00000000-0000-0000-0000-0000000000f1"


@pytest.mark.parametrize(
    ("properties", "opened"),
    [
        ({"accessPolicies": []}, False),
        ({"accessPolicies": [policy(TENANT.upper(), "Get")]}, False),
        ({"accessPolicies": [policy(TENANT, "Get"), policy(OTHER, "Get")]}, True),
        ({"accessPolicies": [policy(OTHER)]}, False),
        ({"accessPolicies": [policy(OTHER, "Get")], "enableRbacAuthorization": None}, True),
        ({"accessPolicies": [policy(OTHER, "Get")], "enableRbacAuthorization": False}, True),
        ({"accessPolicies": [policy(OTHER, "Get")], "enableRbacAuthorization": True}, False),
    ],
)
def test_access_policies_of_another_tenant(properties: dict[str, Any], opened: bool) -> None:
    assert to_access(within(**properties))["foreign"] is opened


@pytest.mark.parametrize(
    "item",
    [
        {"parent": {"properties": {}}},
        within(accessPolicies=None),
        within(accessPolicies=[{"permissions": {"keys": ["Get"]}}]),
        within(accessPolicies=[{"tenantId": OTHER}]),
        within(enableRbacAuthorization="true"),
    ],
)
def test_access_policies_that_cannot_be_read_are_not_none(item: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        to_access(item)


@pytest.mark.parametrize(
    ("name", "item"),
    [
        ("deletion_delayed", within(enablePurgeProtection="true")),
        ("enabled", {"properties": {"attributes": {}}}),
        ("enabled", {"properties": {"attributes": {"enabled": "yes"}}}),
    ],
)
def test_unreadable_properties_raise(name: str, item: Any) -> None:
    with pytest.raises(SHAPE):
        fact(name, item)


def test_recorded_vaults(recordings: Callable[[str], list[dict[str, Any]]]) -> None:
    tenant = "00000000-0000-0000-0000-000000000003"
    bodies = [one["body"] for one in recordings("microsoft.keyvault.vaults")]
    vaults = [one for body in bodies for one in body.get("value", [body])]
    vaults = [one for one in vaults if one.get("type") == "Microsoft.KeyVault/vaults"]
    assert len(vaults) > 5
    for vault in vaults:
        row = {**vault, "tenantId": tenant, "subscriptionId": vault["id"].split("/")[2]}
        (parent,) = KEYS.parents.items(row)
        item = {"id": f"{vault['id']}/keys/k", "name": "k", "parent": parent}
        assert KEYS.header(item)["region"] == vault["location"]
        protected = vault["properties"].get("enablePurgeProtection") is True
        assert fact("deletion_delayed", item) is protected
        assert to_access(item)["foreign"] is False
        abroad = {**item, "parent": {**parent, "tenantId": OTHER}}
        policies = [one for one in vault["properties"]["accessPolicies"] if one["permissions"].get("keys")]
        assert to_access(abroad)["foreign"] is bool(policies)
