from __future__ import annotations

from typing import Any

import pytest

from providers.gcp.client.calls import Item, Project
from providers.gcp.policies.policies import CUSTOM_ROLES
from providers.gcp.snapshots import RESTRICTION, SNAPSHOTS
from scanner.model.evidence import Unknown
from scanner.model.resources.storage import Encryption

MANAGER = "//cloudresourcemanager.googleapis.com/"
NAME = "//compute.googleapis.com/projects/batch-prod/global/snapshots/s"
HERE = Project("batch-prod", "1", "Batch", {}, ("organizations/3",), "3")
ADMIN, ANYONE = "roles/compute.storageAdmin", "allAuthenticatedUsers"
ALL = {"allowAll": True}
ASSET = {"name": NAME, "assetType": "compute.googleapis.com/Snapshot"}


def read(function: Any, *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        return Unknown.because("error", "call", None, str(error))


def binding(role: str, *members: str, **more: Any) -> dict[str, Any]:
    return {"iamPolicy": {"bindings": [{"role": role, "members": list(members), **more}]}}


def fact(
    name: str, data: dict[str, Any], policies: Any = (), rules: Any = (ALL,), held: list[str] | None = None
) -> Any:
    item = Item(
        HERE,
        {
            "name": NAME,
            "assetType": "compute.googleapis.com/Snapshot",
            "resource": {"data": {"name": "s", **data}},
        },
    )
    every = {MANAGER + "organizations/3": {"iamPolicy": {"etag": "x"}}, **dict(policies)}
    facet = SNAPSHOTS.facets[name]
    role = {"name": "projects/p/roles/custom", "includedPermissions": held}
    answers = {
        RESTRICTION: {"spec": {"rules": list(rules)}},
        CUSTOM_ROLES: {} if held is None else {"role": {"resource": {"data": role}}},
    }
    pieces = [
        read(one.function, item)
        if one.call is None
        else read(one.function, item, answers.get(one.call, every))
        for one in facet.reads
    ]
    value = facet.combine(*pieces)
    return "unknown" if isinstance(value, Unknown) else value


@pytest.mark.parametrize(
    ("policies", "rules", "expected"),
    [
        ({}, [ALL], False),
        ({}, [], False),
        ({NAME: binding(ADMIN, "user:a@example.com")}, [ALL], False),
        ({NAME: binding(ADMIN, ANYONE)}, [ALL], True),
        ({NAME: binding("roles/owner", "allUsers")}, [ALL], True),
        ({NAME: binding("roles/compute.viewer", ANYONE)}, [ALL], False),
        ({NAME: binding("roles/viewer", ANYONE)}, [ALL], "unknown"),
        ({NAME: binding("projects/p/roles/custom", ANYONE)}, [ALL], "unknown"),
        ({NAME: binding(ADMIN, ANYONE, condition={"expression": "x"})}, [ALL], "unknown"),
        ({NAME: {}}, [ALL], "unknown"),
        ({NAME: {"iamPolicy": {}}}, [ALL], "unknown"),
        ({NAME: {"iamPolicy": {"etag": "x"}}}, [ALL], False),
        ({MANAGER + "projects/1": binding(ADMIN, ANYONE)}, [ALL], True),
        ({MANAGER + "organizations/3": binding(ADMIN, ANYONE)}, [ALL], True),
        ({NAME: binding(ADMIN, ANYONE)}, [{"values": {"allowedValues": ["projects/a"]}}], False),
        ({NAME: binding(ADMIN, ANYONE)}, [{"values": {"deniedValues": ["projects/a"]}}], True),
        ({NAME: binding(ADMIN, ANYONE)}, [{"denyAll": True}], False),
        ({NAME: binding(ADMIN, ANYONE)}, [], "unknown"),
        ({NAME: binding(ADMIN, ANYONE)}, [{"enforce": True}], "unknown"),
        ({NAME: binding(ADMIN, ANYONE)}, [{**ALL, "condition": {"expression": "x"}}], "unknown"),
    ],
)
def test_public(policies: Any, rules: Any, expected: Any) -> None:
    assert fact("public", {}, policies, rules) == expected


@pytest.mark.parametrize(
    ("permission", "expected"),
    [
        ("compute.snapshots.useReadOnly", True),
        ("compute.snapshots.delete", False),
        ("compute.snapshots.get", False),
        ("compute.disks.create", False),
        ("compute.snapshots.teleport", "unknown"),
        ("iam.serviceAccounts.actAs", "unknown"),
    ],
)
def test_a_custom_role_for_anyone(permission: str, expected: Any) -> None:
    policies = {NAME: binding("projects/p/roles/custom", ANYONE)}
    assert fact("public", {}, policies, held=[permission]) == expected


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ({}, Encryption(key="provider", key_id=None)),
        ({"snapshotEncryptionKey": {"kmsKeyName": "k"}}, Encryption(key="customer", key_id="k")),
        ({"snapshotEncryptionKey": {"sha256": "x="}}, Encryption(key="customer", key_id=None)),
        ({"snapshotEncryptionKey": {}}, "unknown"),
        ({"snapshotEncryptionKey": "k"}, "unknown"),
    ],
)
def test_encryption(key: dict[str, Any], expected: Any) -> None:
    assert fact("encryption", key) == expected


@pytest.mark.parametrize(("location", "region"), [("global", None), ("europe-west1", "europe-west1")])
def test_the_header(location: str, region: str | None) -> None:
    asset = {
        "name": NAME,
        "assetType": "compute.googleapis.com/Snapshot",
        "resource": {"location": location, "data": {"name": "s"}},
    }
    header = SNAPSHOTS.header(Item(HERE, asset))
    assert (header["region"], header["type"]) == (region, "gcp.compute.snapshot")
