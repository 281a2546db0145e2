"""Keys of Cloud KMS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from providers.gcp.client.calls import Item, Project
from providers.gcp.client.client import Client
from providers.gcp.keys import (
    KEYS,
    to_deletion_delayed,
    to_enabled,
    to_grants_above,
    to_open,
    to_own_grants,
    to_pending,
    to_primary_state,
    to_project_grants,
    to_rotates,
    to_rotation_days,
    to_states,
)
from scanner.collect.provider import ConnectionRequest, Limits
from scanner.model.evidence import Unknown
from scanner.model.resources.base import HEADER

HERE = Project("batch-prod", "12", "Batch", {}, ("folders/2", "organizations/3"), "3")
LOST = Unknown.because("denied", "a call", "a.permission", "denied")
NAME = "projects/batch-prod/locations/us-central1/keyRings/r/cryptoKeys/k"
FULL = f"//cloudkms.googleapis.com/{NAME}"
KNOWLEDGE: tuple[Any, ...] = ({}, {}, "example.com", frozenset({"batch-prod", "12"}))


def item(**data: Any) -> Item:
    key = {"name": NAME, "purpose": "ENCRYPT_DECRYPT", **data}
    return Item(HERE, {"name": FULL, "resource": {"data": key}})


def test_the_keys_of_the_sample_company(scan: Callable[..., Any]) -> None:
    found = scan()
    keys = {
        k.name: (k.enabled, k.rotates, k.rotation_days, k.pending_deletion, k.open_to_others)
        for k in found.inventory.resources
        if k.kind == "key"
    }
    assert keys == {
        "exports-2019": (False, True, 90, True, False),
        "ledger": (True, False, None, False, False),
        "partner-exchange": (True, True, 400, False, True),
        "release-signing": (True, None, None, False, False),
        "storage": (True, True, 90, False, False),
        "supplier-import": (False, None, None, False, False),
    }
    delayed = {k.name for k in found.inventory.resources if k.kind == "key" and k.deletion_delayed}
    assert set(keys) - delayed == {"supplier-import"}
    storage = found.one("key", "storage")
    assert (storage.region, storage.tags) == ("us-central1", {"owner": "data", "env": "prod"})
    assert storage.id.endswith(found.one("bucket", "batch-results").encryption.key_id)


def test_named_regions_exclude_keys_of_others(scan: Callable[..., Any]) -> None:
    found = scan(ConnectionRequest("gcp", regions=("europe-west1",)))
    assert found.names("key") == ["ledger", "partner-exchange"]


@pytest.mark.parametrize(
    ("key", "rotates", "days"),
    [
        ({"rotationPeriod": "7776000s"}, True, 90),
        ({"rotationPeriod": "86401s"}, True, 2),
        ({}, False, None),
        ({"purpose": "ASYMMETRIC_SIGN"}, None, None),
        ({"purpose": "MAC"}, None, None),
        ({"importOnly": True}, None, None),
        ({"versionTemplate": {"protectionLevel": "EXTERNAL"}}, None, None),
        ({"primary": {"state": "ENABLED", "protectionLevel": "EXTERNAL_VPC"}}, None, None),
        (
            {"versionTemplate": {"protectionLevel": "EXTERNAL_VPC"}, "rotationPeriod": "864000s"},
            True,
            10,
        ),
        ({"versionTemplate": {"protectionLevel": "HSM"}}, False, None),
    ],
)
def test_rotation(key: dict[str, Any], rotates: bool | None, days: int | None) -> None:
    assert (to_rotates(item(**key)), to_rotation_days(item(**key))) == (rotates, days)


def test_an_unknown_purpose_or_duration_is_an_error() -> None:
    with pytest.raises(ValueError, match="purpose"):
        to_rotates(item(purpose="QUANTUM"))
    with pytest.raises(ValueError, match="duration"):
        to_rotation_days(item(rotationPeriod="90 days"))


def test_deletion_is_delayed_unless_configured_otherwise() -> None:
    assert to_deletion_delayed(item()) is True
    assert to_deletion_delayed(item(destroyScheduledDuration="86400s")) is True
    assert to_deletion_delayed(item(importOnly=True, destroyScheduledDuration="0s")) is False


@pytest.mark.parametrize(
    ("state", "enabled", "pending"),
    [
        ("ENABLED", True, False),
        ("DISABLED", False, False),
        ("DESTROY_SCHEDULED", False, True),
        ("DESTROYED", False, False),
    ],
)
def test_a_symmetric_key_has_the_state_of_its_primary_version(
    state: str, enabled: bool, pending: bool
) -> None:
    primary = to_primary_state(item(primary={"state": state}))
    assert (to_enabled(primary, LOST), to_pending(primary, LOST)) == (enabled, pending)


def test_a_symmetric_key_without_a_primary_version_is_not_usable() -> None:
    primary = to_primary_state(item())
    assert (to_enabled(primary, LOST), to_pending(primary, LOST)) == (False, False)


@pytest.mark.parametrize(
    ("states", "enabled", "pending"),
    [
        (["ENABLED", "DESTROY_SCHEDULED"], True, False),
        (["DESTROYED", "DESTROY_SCHEDULED"], False, True),
        (["DESTROYED"], False, False),
        (["DISABLED", "DESTROY_SCHEDULED"], False, False),
        ([], False, False),
    ],
)
def test_other_keys_have_the_state_of_all_their_versions(
    states: list[str], enabled: bool, pending: bool
) -> None:
    signing = item(purpose="ASYMMETRIC_SIGN")
    versions = {
        f"{FULL}/cryptoKeyVersions/{number}": {"resource": {"data": {"state": state}}}
        for number, state in enumerate(states)
    }
    versions[f"{FULL}-2/cryptoKeyVersions/1"] = {"resource": {"data": {"state": "ENABLED"}}}
    primary, found = to_primary_state(signing), to_states(signing, versions)
    assert (to_enabled(primary, found), to_pending(primary, found)) == (enabled, pending)
    assert to_enabled(primary, LOST) == LOST


def policy(name: str, role: str, member: str, **more: Any) -> dict[str, Any]:
    return {name: {"iamPolicy": {"bindings": [{"role": role, "members": [member], **more}]}}}


OUTSIDER, INSIDER = "group:partner@example.net", "group:team@example.com"
RING = FULL.partition("/cryptoKeys/")[0]
PROJECT = "//cloudresourcemanager.googleapis.com/projects/12"
FOLDER = "//cloudresourcemanager.googleapis.com/folders/2"


@pytest.mark.parametrize(
    ("place", "role", "member", "expected"),
    [
        (FULL, "roles/cloudkms.cryptoKeyDecrypter", OUTSIDER, True),
        (FULL, "roles/cloudkms.cryptoKeyDecrypter", "allUsers", True),
        (FULL, "roles/cloudkms.cryptoKeyDecrypter", INSIDER, False),
        (FULL, "roles/cloudkms.viewer", OUTSIDER, False),
        (RING, "roles/editor", "allAuthenticatedUsers", True),
        (f"{RING}2", "roles/editor", "allAuthenticatedUsers", False),
        (PROJECT, "roles/cloudkms.admin", OUTSIDER, True),
        (PROJECT, "roles/owner", OUTSIDER, True),
        (PROJECT, "roles/storage.admin", OUTSIDER, False),
        (PROJECT, "roles/viewer", OUTSIDER, False),
        (FOLDER, "roles/cloudkms.admin", OUTSIDER, True),
        (FOLDER, "roles/cloudkms.admin", INSIDER, False),
        (FULL, "roles/cloudkms.cryptoKeyDecrypter", "serviceAccount:a@strange.iam.gserviceaccount.com", True),
        (
            FULL,
            "roles/cloudkms.cryptoKeyEncrypterDecrypter",
            "serviceAccount:service-12@gs-project-accounts.iam.gserviceaccount.com",
            False,
        ),
    ],
)
def test_who_may_use_a_key(place: str, role: str, member: str, expected: bool) -> None:
    policies = policy(place, role, member)
    own, project, above = to_own_grants(item(), policies), to_project_grants(item(), policies), LOST
    if not expected or place == FOLDER:
        above = to_grants_above(item(), policies)  # type: ignore[assignment]
    assert to_open(own, project, above, *KNOWLEDGE) is expected


def test_a_conditional_grant_to_an_outsider_is_unknown() -> None:
    policies = policy(FULL, "roles/cloudkms.admin", OUTSIDER, condition={"expression": "true"})
    assert isinstance(to_open(to_own_grants(item(), policies), (), (), *KNOWLEDGE), Unknown)
    policies = policy(FULL, "roles/cloudkms.admin", INSIDER, condition={"expression": "true"})
    assert to_open(to_own_grants(item(), policies), (), (), *KNOWLEDGE) is False


@pytest.mark.parametrize(
    ("permissions", "expected"),
    [
        (["cloudkms.cryptoKeyVersions.useToDecrypt"], True),
        (["cloudkms.cryptoKeys.setIamPolicy"], True),
        (["cloudkms.cryptoKeys.get", "cloudkms.cryptoKeyVersions.viewPublicKey"], False),
        (["storage.objects.create"], False),
    ],
)
def test_custom_roles_count_by_their_permissions(permissions: list[str], expected: bool) -> None:
    policies = policy(PROJECT, "projects/batch-prod/roles/x", OUTSIDER)
    grants = to_project_grants(item(), policies)
    roles = {"projects/batch-prod/roles/x": frozenset(permissions)}
    assert to_open((), grants, (), roles, LOST, "example.com", LOST) is expected
    assert isinstance(to_open((), grants, (), {}, {}, "example.com", LOST), Unknown)
    assert to_open((), grants, (), LOST, {}, "example.net", LOST) is False


def values(data: dict[str, Any]) -> dict[str, Any]:
    client = Client(None, None, Limits())
    key = Item(HERE, {"name": f"//cloudkms.googleapis.com/{data['name']}", "resource": {"data": data}})
    found = {"header": client.read(None, KEYS.header, key)}
    for name, facet in KEYS.facets.items():
        if facet.reads[0].call is None:
            piece = client.read(None, facet.reads[0].function, key)
            found[name] = facet.combine(piece, LOST) if len(facet.reads) > 1 else piece
    return found


def test_every_recorded_key_is_understood(recorded: Callable[[str], list[dict[str, Any]]]) -> None:
    data = [
        line["asset"]["resource"]["data"]
        for line in recorded("gcp-cai/cloudkms.jsonl")
        if line["asset"]["asset_type"].endswith("/CryptoKey")
    ]
    for line in recorded("gcp-rest/untyped.jsonl"):
        data += line["body"].get("cryptoKeys", ()) if isinstance(line["body"], dict) else ()
    found = {each["name"].rpartition("/")[2]: values(each) for each in data}
    assert len(data) > 16
    for each, facts in zip(data, map(values, data), strict=True):
        unknown = {name for name, value in facts.items() if isinstance(value, Unknown)}
        assert unknown <= ({"enabled", "pending_deletion"} if each["purpose"] != "ENCRYPT_DECRYPT" else set())
        assert set(facts["header"]) == set(HEADER)
    assert found["rotation-30-days"]["rotation_days"] == 30
    assert found["rotation-never"]["rotates"] is False
    assert found["test-1"]["header"]["region"] is None
    assert found["c7n-dataproc-key-8f5962e0"]["pending_deletion"] is True
    assert found["c7n-dataproc-key-8f5962e0"]["enabled"] is False
    assert found["c7n-dataproc-key-8f5962e0"]["deletion_delayed"] is True


def test_recorded_versions(recorded: Callable[[str], list[dict[str, Any]]]) -> None:
    versions = {
        line["asset"]["name"]: line["asset"]
        for line in recorded("gcp-cai/cloudkms.jsonl")
        if line["asset"]["asset_type"].endswith("/CryptoKeyVersion")
    }
    name = "//cloudkms.googleapis.com/projects/project2/locations/us/keyRings/test-kr/cryptoKeys/test-key"
    assert to_states(Item(HERE, {"name": name}), versions) == {"ENABLED"}


def test_recorded_policies_of_key_rings(recorded: Callable[[str], list[dict[str, Any]]]) -> None:
    found = {}
    for line in recorded("gcp-rest/untyped.jsonl"):
        if line["source"].startswith("kms-keyring-filter-iam/") and "bindings" in line["body"]:
            grants = to_own_grants(item(), {RING: {"iamPolicy": line["body"]}})
            found[line["source"].split("keyRings-")[1]] = to_open(grants, (), (), *KNOWLEDGE)
    assert found["custodian-test-keyring-getIamPolicy_1.json"] is True
    assert found["gcs-key-getIamPolicy_1.json"] is True
