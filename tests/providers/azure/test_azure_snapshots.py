from __future__ import annotations

from typing import Any

import pytest

from providers.azure.snapshots import snapshots
from scanner.model.evidence import Unknown
from scanner.model.resources.storage import Encryption

SNAPSHOTS = snapshots("azure")

OPEN = {"diskState": "ActiveSAS", "networkAccessPolicy": "AllowAll", "publicNetworkAccess": "Enabled"}
SET = "/subscriptions/0a/resourcegroups/g/providers/microsoft.compute/diskencryptionsets/s"
CUSTOMER = Encryption(key="customer", key_id=SET)


def read(function: Any, item: Any) -> Any:
    try:
        return function(item)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return Unknown.because("error", "call", None, str(error))


def fact(name: str, properties: dict[str, Any]) -> Any:
    facet = SNAPSHOTS.facets[name]
    value = facet.combine(*(read(one.function, {"properties": properties}) for one in facet.reads))
    return "unknown" if isinstance(value, Unknown) else value


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"diskState": "ActiveSASFrozen"}, True),
        ({"diskState": "Unattached"}, False),
        ({"diskState": "ActiveUpload"}, "unknown"),
        ({"diskState": None}, "unknown"),
        ({"diskState": None, "networkAccessPolicy": "DenyAll"}, False),
        ({"networkAccessPolicy": "AllowPrivate"}, False),
        ({"networkAccessPolicy": None}, "unknown"),
        ({"networkAccessPolicy": None, "diskState": "Unattached"}, False),
        ({"publicNetworkAccess": "Disabled"}, False),
        ({"publicNetworkAccess": None}, "unknown"),
        ({"publicNetworkAccess": "SecuredByPerimeter"}, "unknown"),
        ({"dataAccessAuthMode": "None"}, True),
        ({"dataAccessAuthMode": "AzureActiveDirectory"}, False),
        ({"dataAccessAuthMode": "Other"}, "unknown"),
    ],
)
def test_public(changes: dict[str, Any], expected: Any) -> None:
    properties = {name: value for name, value in {**OPEN, **changes}.items() if value is not None}
    assert fact("public", properties) == expected


@pytest.mark.parametrize(
    ("encryption", "expected"),
    [
        ({"type": "EncryptionAtRestWithPlatformKey"}, Encryption(key="provider", key_id=None)),
        ({"type": "EncryptionAtRestWithCustomerKey", "diskEncryptionSetId": SET.upper()}, CUSTOMER),
        ({"type": "EncryptionAtRestWithPlatformAndCustomerKeys", "diskEncryptionSetId": SET}, CUSTOMER),
        ({"type": "EncryptionAtRestWithCustomerKey"}, "unknown"),
        ({"type": "Other"}, "unknown"),
        ({}, "unknown"),
        (None, "unknown"),
    ],
)
def test_encryption(encryption: Any, expected: Any) -> None:
    assert fact("encryption", {"encryption": encryption}) == expected
