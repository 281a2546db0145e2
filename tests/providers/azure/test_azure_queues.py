"""Raw settings of Service Bus namespaces, and the facets that they give; ``?`` is unknown."""

from __future__ import annotations

from typing import Any

import pytest

from providers.azure.queues import queues
from scanner.model.evidence import Unknown
from scanner.model.resources.storage import Encryption

QUEUES = queues("azure")
OURS = Encryption(key="customer", key_id="https://v.vault.azure.net/keys/bus")
KEY = {"keyVaultUri": "https://v.vault.azure.net/", "keyName": "bus"}


def vault(*keys: Any, source: Any = "Microsoft.KeyVault") -> dict[str, Any]:
    return {"encryption": {"keySource": source, "keyVaultProperties": list(keys)}}


def found(facet: str, properties: Any) -> Any:
    (read,) = QUEUES.facets[facet].reads
    try:
        value = read.function({"tags": None, "properties": properties})
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        return "?"
    return "?" if isinstance(value, Unknown) else value


@pytest.mark.parametrize(
    ("properties", "encryption"),
    [
        ({}, Encryption(key="provider", key_id=None)),
        ({"disableLocalAuth": False, "encryption": None}, Encryption(key="provider", key_id=None)),
        (vault({**KEY, "keyVersion": ""}), OURS),
        (vault(KEY, {**KEY, "keyName": "second"}), OURS),
        (vault({**KEY, "keyVersion": "7"}), Encryption(key="customer", key_id=f"{OURS.key_id}/7")),
        (vault(KEY, source="Elsewhere"), "?"),
        (vault(KEY, source=None), "?"),
        (vault(), "?"),
        ({"encryption": {}}, "?"),
        (None, "?"),
    ],
)
def test_namespace(properties: Any, encryption: Any) -> None:
    facets = {name: found(name, properties) for name in QUEUES.facets}
    assert facets == {"tags": {}, "public": False, "encryption": encryption, "tls_only": True}
