"""The encryption keys of the sample project."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from providers.sandbox.gcp.asset import Asset, asset

_SERVICE = "cloudkms.googleapis.com"


def assets(identifier: str, above: Sequence[str]) -> list[Asset]:
    """Keys in every state, the versions of a key without a primary, and the key rings' policies."""
    here = f"projects/{identifier}/locations"
    team = {"members": ["group:data-team@example.com"], "role": "roles/cloudkms.admin"}
    partner = {"members": ["group:partner@example.net"], "role": "roles/cloudkms.cryptoKeyDecrypter"}
    signing = f"{here}/us-central1/keyRings/batch/cryptoKeys/release-signing"
    return [
        ring(f"{here}/us-central1/keyRings/batch", above, team),
        ring(f"{here}/europe-west1/keyRings/ledger", above),
        key(
            f"{here}/us-central1/keyRings/batch/cryptoKeys/storage",
            above,
            labels={"owner": "data", "env": "prod"},
            rotationPeriod="7776000s",
            nextRotationTime="2026-01-10T05:00:00Z",
        ),
        key(f"{here}/europe-west1/keyRings/ledger/cryptoKeys/ledger", above, labels={"owner": "pay"}),
        key(
            f"{here}/europe-west1/keyRings/ledger/cryptoKeys/partner-exchange",
            above,
            partner,
            rotationPeriod="34560000s",
        ),
        key(
            f"{here}/us-central1/keyRings/batch/cryptoKeys/exports-2019",
            above,
            state="DESTROY_SCHEDULED",
            rotationPeriod="7776000s",
        ),
        key(
            f"{here}/us-central1/keyRings/batch/cryptoKeys/supplier-import",
            above,
            importOnly=True,
            destroyScheduledDuration="0s",
            state="DISABLED",
        ),
        key(signing, above, purpose="ASYMMETRIC_SIGN", labels={"owner": "platform"}),
        version(f"{signing}/cryptoKeyVersions/1", above, "DESTROYED"),
        version(f"{signing}/cryptoKeyVersions/2", above, "ENABLED"),
    ]


def ring(name: str, above: Sequence[str], *bindings: Mapping[str, Any]) -> Asset:
    """A key ring; without bindings it has no policy."""
    return _asset("KeyRing", name, {"name": name, "createTime": "2022-03-14T10:00:00Z"}, above, *bindings)


def key(
    name: str,
    above: Sequence[str],
    *bindings: Mapping[str, Any],
    purpose: str = "ENCRYPT_DECRYPT",
    state: str = "ENABLED",
    **more: Any,
) -> Asset:
    """A crypto key; only a symmetric one has a primary version."""
    algorithm = "GOOGLE_SYMMETRIC_ENCRYPTION" if purpose == "ENCRYPT_DECRYPT" else "EC_SIGN_P256_SHA256"
    primary = {
        "name": f"{name}/cryptoKeyVersions/1",
        "state": state,
        "protectionLevel": "SOFTWARE",
        "algorithm": algorithm,
    }
    data = {
        "name": name,
        "purpose": purpose,
        "createTime": "2022-03-14T10:00:00.123456789Z",
        "versionTemplate": {"protectionLevel": "SOFTWARE", "algorithm": algorithm},
        "destroyScheduledDuration": "2592000s",
        **({"primary": primary} if purpose == "ENCRYPT_DECRYPT" else {}),
        **more,
    }
    return _asset("CryptoKey", name, data, above, *bindings)


def version(name: str, above: Sequence[str], state: str) -> Asset:
    """A version of a key."""
    data = {"name": name, "state": state, "protectionLevel": "SOFTWARE", "algorithm": "EC_SIGN_P256_SHA256"}
    return _asset("CryptoKeyVersion", name, data, above)


def _asset(
    kind: str, name: str, data: Mapping[str, Any], above: Sequence[str], *bindings: Mapping[str, Any]
) -> Asset:
    more = {"iamPolicy": {"etag": "BwXBLIgTepk=", "bindings": list(bindings)}} if bindings else {}
    location = name.split("/")[3]
    return asset(f"{_SERVICE}/{kind}", f"//{_SERVICE}/{name}", data, above, location=location, **more)
