"""The mapping functions by table: edge cases of Azure's answer formats."""

from __future__ import annotations

from typing import Any

import pytest

from providers.azure.account import to_path, to_security_contacts, to_tags
from providers.azure.audit import to_audit_trails
from providers.azure.storage import (
    anonymous_allowed,
    open_containers,
    public_read,
    public_via,
    reachable,
    to_access_logging,
    to_encryption,
    to_tls_only,
    to_uniform_access,
    to_versioning,
    website,
)
from providers.azure.storage import to_tags as to_bucket_tags
from scanner.model.evidence import Unknown
from scanner.model.resources.storage import Encryption

ALERTS = {"notificationsSources": [{"sourceType": "Alert", "minimalSeverity": "High"}]}
UNKNOWN = Unknown.because("denied", "x", "y", "z")
SHAPE = (KeyError, TypeError, ValueError, AttributeError)


def account(**properties: Any) -> dict[str, Any]:
    return {"properties": properties}


def deny(*ranges: str, six: tuple[str, ...] = ()) -> dict[str, Any]:
    return account(
        networkAcls={
            "defaultAction": "Deny",
            "ipRules": [{"action": "Allow", "value": one} for one in ranges],
            "ipv6Rules": [{"action": "Allow", "value": one} for one in six],
        }
    )


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (account(), True),
        (account(publicNetworkAccess=None, networkAcls=None), True),
        (account(publicNetworkAccess="Enabled", networkAcls={"defaultAction": "Allow"}), True),
        (account(publicNetworkAccess="Disabled", networkAcls={"defaultAction": "Allow"}), False),
        (deny(), False),
        (deny("203.0.113.7", "198.51.100.0/24"), False),
        (deny("0.0.0.0/1", "128.0.0.0/1"), True),
        (deny("16.0.0.0/4"), True),
        (deny("8.0.0.0/9"), False),
        (deny("8.0.0.0/8"), True),
        (deny("8.0.0.0/8", "9.0.0.0/8"), True),
        (deny(six=("2001:db8::/32",)), False),
        (deny(six=("2000::/3",)), True),
    ],
)
def test_reachable(item: dict[str, Any], expected: bool) -> None:
    assert reachable(item) is expected


def test_only_the_perimeter_admits_to_an_account_that_is_left_to_it() -> None:
    assert reachable(account(publicNetworkAccess="SecuredByPerimeter")) is False


@pytest.mark.parametrize(
    "item", [{}, account(publicNetworkAccess="?"), account(networkAcls={"defaultAction": "?"}), deny("x")]
)
def test_an_unreadable_network_raises(item: dict[str, Any]) -> None:
    with pytest.raises(SHAPE):
        reachable(item)


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (account(allowBlobPublicAccess=True), True),
        (account(allowBlobPublicAccess=False), False),
        (account(allowBlobPublicAccess=None, creationTime="2019-05-01T22:30:59.9865982Z"), True),
        (account(creationTime="2023-07-31T23:59:59.0000000Z"), True),
    ],
)
def test_anonymous_allowed(item: dict[str, Any], expected: bool) -> None:
    assert anonymous_allowed(item) is expected


@pytest.mark.parametrize("item", [account(), account(creationTime="2024-02-01T00:00:00.0000000Z")])
def test_a_missing_setting_on_a_newer_account_is_unknown(item: dict[str, Any]) -> None:
    assert isinstance(anonymous_allowed(item), Unknown)


def containers(**access: str | None) -> list[dict[str, Any]]:
    return [{"name": name, "properties": {"publicAccess": level}} for name, level in access.items()]


def test_open_containers() -> None:
    listed = containers(c="Container", b="Blob", n="None", missing=None)
    assert open_containers({}, listed) == ("b", "c")
    assert open_containers({}, []) == ()
    for broken in (containers(x="Everything"), [{"name": "x"}]):
        with pytest.raises(SHAPE):
            open_containers({}, broken)


def test_website() -> None:
    assert website({}, containers(images="None")) is False
    found = website({}, [{"name": "$web", "properties": {}}])
    assert isinstance(found, Unknown)
    assert found.causes[0].permission is None


@pytest.mark.parametrize(
    ("reached", "allowed", "opened", "site", "expected"),
    [
        (True, True, True, False, True),
        (True, True, True, UNKNOWN, True),
        (True, False, True, False, False),
        (True, False, True, UNKNOWN, UNKNOWN),
        (True, True, False, False, False),
        (True, UNKNOWN, False, False, False),
        (True, UNKNOWN, True, False, UNKNOWN),
        (False, True, True, UNKNOWN, False),
        (False, UNKNOWN, UNKNOWN, UNKNOWN, False),
        (UNKNOWN, True, True, False, UNKNOWN),
        (UNKNOWN, False, True, False, False),
        (True, True, UNKNOWN, UNKNOWN, UNKNOWN),
        (True, False, UNKNOWN, UNKNOWN, UNKNOWN),
    ],
)
def test_public_read_and_via_agree(reached: Any, allowed: Any, opened: Any, site: Any, expected: Any) -> None:
    assert public_read(reached, None, allowed, opened, site) == expected
    names = opened if isinstance(opened, Unknown) else (("exports",) if opened else ())
    via = public_via(reached, None, allowed, names, site)
    if expected is True:
        assert isinstance(via, tuple)
        assert "container exports" in via
    else:
        assert via == (UNKNOWN if expected is UNKNOWN else ())


def test_an_unknown_website_is_listed_next_to_a_public_container() -> None:
    assert public_via(True, None, True, ("a",), UNKNOWN) == (
        "container a",
        "static website $web, if it is on",
    )


def keyvault(**vault: str | None) -> dict[str, Any]:
    return account(encryption={"keySource": "Microsoft.Keyvault", "keyvaultproperties": vault})


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (account(encryption={"keySource": "Microsoft.Storage"}), Encryption(key="provider", key_id=None)),
        (account(encryption={"keySource": "microsoft.storage"}), Encryption(key="provider", key_id=None)),
        (
            account(
                encryption={"keySource": "Microsoft.Storage", "services": {"blob": {"enabled": False}}},
            ),
            None,
        ),
        (
            keyvault(currentVersionedKeyIdentifier="https://v.example.com/keys/k/1", keyname="k"),
            Encryption(key="customer", key_id="https://v.example.com/keys/k/1"),
        ),
        (
            keyvault(keyvaulturi="https://v.example.com/", keyname="k", keyversion=""),
            Encryption(key="customer", key_id="https://v.example.com/keys/k"),
        ),
        (
            account(
                encryption={
                    "keySource": "Microsoft.KeyVault",
                    "keyVaultProperties": {
                        "keyVaultUri": "https://v.example.com",
                        "keyName": "k",
                        "keyVersion": "2",
                    },
                }
            ),
            Encryption(key="customer", key_id="https://v.example.com/keys/k/2"),
        ),
        (keyvault(), Encryption(key="customer", key_id=None)),
    ],
)
def test_encryption(item: dict[str, Any], expected: Encryption | None) -> None:
    assert to_encryption(item) == expected


@pytest.mark.parametrize(
    "item", [account(), account(encryption=None), account(encryption={"keySource": "Elsewhere"})]
)
def test_unreadable_encryption_is_not_absent(item: dict[str, Any]) -> None:
    with pytest.raises(SHAPE):
        to_encryption(item)


@pytest.mark.parametrize(
    ("value", "expected"), [({"allowSharedKeyAccess": False}, True), ({"allowSharedKeyAccess": True}, False)]
)
def test_uniform_access(value: dict[str, Any], expected: bool) -> None:
    assert to_uniform_access(account(**value)) is expected
    assert to_uniform_access(account()) is to_uniform_access(account(allowSharedKeyAccess=None)) is False


def test_settings_that_are_not_booleans_raise() -> None:
    with pytest.raises(SHAPE):
        to_uniform_access(account(allowSharedKeyAccess="false"))
    with pytest.raises(SHAPE):
        to_tls_only(account())
    with pytest.raises(SHAPE):
        to_tls_only(account(supportsHttpsTrafficOnly="true"))
    with pytest.raises(SHAPE):
        to_versioning({}, {})


def test_versioning() -> None:
    assert to_versioning({}, account(isVersioningEnabled=True)) is True
    assert to_versioning({}, account(isVersioningEnabled=False)) is False
    assert to_versioning({}, account(deleteRetentionPolicy={"enabled": True})) is False


def log(name: str | None, enabled: bool = True, group: str | None = None) -> dict[str, Any]:
    return {"category": name, "categoryGroup": group, "enabled": enabled}


def setting(*logs: dict[str, Any], name: str = "s", **destination: str | None) -> dict[str, Any]:
    return {"name": name, "properties": {"logs": list(logs), **(destination or {"workspaceId": "w"})}}


ALL = (log("StorageRead"), log("StorageWrite"), log("StorageDelete"))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ([], False),
        ([setting(*ALL)], True),
        ([setting(*ALL[:2])], False),
        ([setting(*ALL[:2]), setting(ALL[2], storageAccountId="a")], True),
        ([setting(*ALL, workspaceId=None)], False),
        ([setting(*ALL[:2], log("StorageDelete", enabled=False))], False),
        ([setting(log(None, group="allLogs"))], True),
        ([setting(log(None, group="audit"))], True),
        ([setting(log(None, enabled=False, group="allLogs"))], False),
        ([setting(log(None, group="other"))], False),
        ([setting(*ALL, eventHubAuthorizationRuleId="e")], True),
        ([setting(*ALL, marketplacePartnerId="m")], True),
    ],
)
def test_access_logging(settings: list[dict[str, Any]], expected: bool) -> None:
    assert to_access_logging({}, settings) is expected


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ([], ()),
        ([setting(log("Administrative"), name="b"), setting(log("Administrative"), name="a")], ("a", "b")),
        ([setting(log("Administrative", enabled=False))], ()),
        ([setting(log("Security"))], ()),
        ([setting(log("Administrative"), workspaceId=None, storageAccountId=None)], ()),
        ([setting(log(None, group="allLogs"))], ("s",)),
    ],
)
def test_audit_trails(settings: list[dict[str, Any]], expected: tuple[str, ...]) -> None:
    assert to_audit_trails({}, settings) == expected


@pytest.mark.parametrize(
    ("contacts", "expected"),
    [
        (None, ()),
        ([], ()),
        ([account(emails="")], ()),
        ([account(emails=None, notificationsByRole={"state": "On", "roles": ["Owner"]})], ()),
        ([account(emails="b@example.com; a@example.com;", **ALERTS)], ("a@example.com", "b@example.com")),
        ([account(emails="b@example.com,a@example.com", **ALERTS)], ("a@example.com", "b@example.com")),
        ([account(email="a@example.com", alertNotifications="On")], ("a@example.com",)),
        ([account(email="a@example.com", alertNotifications="Off")], ()),
        ([account(emails="a@example.com", alertNotifications={"state": "Off"})], ()),
        ([account(emails="a@example.com", isEnabled=False)], ()),
        ([account(emails="a@example.com", **ALERTS)] * 2, ("a@example.com",)),
    ],
)
def test_security_contacts(contacts: Any, expected: tuple[str, ...]) -> None:
    assert to_security_contacts({}, contacts) == expected


def chain(*groups: tuple[str | None, str]) -> list[dict[str, Any]]:
    return [{"ancestors": [{"displayName": shown, "name": name} for shown, name in groups]}]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (chain(), None),
        (chain(("Tenant Root Group", "t")), "/Tenant Root Group"),
        (chain(("Prod", "p"), ("Landing Zones", "l"), ("Root", "t")), "/Root/Landing Zones/Prod"),
        (chain(("Prod/EU", "mg-prod-eu"), (None, "t")), "/t/mg-prod-eu"),
    ],
)
def test_path(rows: Any, expected: str | None) -> None:
    assert to_path({}, rows) == expected


@pytest.mark.parametrize("rows", [[], [{"ancestors": None}], [{}], chain((None, "")), [{}, {}]])
def test_a_missing_path_is_not_an_empty_path(rows: Any) -> None:
    with pytest.raises(SHAPE):
        to_path({}, rows)


def test_tags() -> None:
    assert to_tags({}) == to_tags({"tags": None}) == to_bucket_tags({"tags": None}) == {}
    assert to_tags({"tags": {"a": "b"}}) == {"a": "b"}
    with pytest.raises(SHAPE):
        to_bucket_tags({})
