"""The client secrets and certificates of applications and of service principals, without the hint of a secret
and the body of a certificate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]


def credentials_of_application(application: Row) -> Sequence[Row]:
    """Each credential of an application, with its holder."""
    return _credentials("applications", application, True)


def credentials_of_service_principal(principal: Row) -> Sequence[Row]:
    """Each credential that was added to a service principal itself, with its holder.

    Azure alone holds, and renews, those of managed identities. A certificate to sign tokens with, and what
    belongs to it, is not for signing in: Entra ID keeps its private key.
    https://learn.microsoft.com/graph/api/serviceprincipal-addpassword
    https://learn.microsoft.com/graph/api/serviceprincipal-addtokensigningcertificate
    """
    if principal.get("servicePrincipalType") == "ManagedIdentity":
        return ()
    enabled = principal.get("accountEnabled") is not False
    signing = {
        one["customKeyIdentifier"]
        for one in principal["keyCredentials"]
        if str(one.get("usage")).lower() == "sign" and one.get("customKeyIdentifier")
    }
    return [
        one
        for one in _credentials("servicePrincipals", principal, enabled)
        if one["usage"] != "sign" and one["custom_key"] not in signing
    ]


def _credentials(of: str, holder: Row, enabled: bool) -> Sequence[Row]:
    shared = {
        "path": f"/{of}/{holder['id']}",
        "holder": holder.get("displayName") or holder.get("appId") or holder["id"],
        "enabled": enabled,
        "disabled_status": holder.get("disabledByMicrosoftStatus"),
    }
    return [
        {
            **shared,
            "kind": kind,
            "usage": str(one.get("usage")).lower(),
            "custom_key": one.get("customKeyIdentifier"),
            **{name: one[name] for name in ("keyId", "startDateTime", "endDateTime")},
        }
        for kind in ("passwordCredentials", "keyCredentials")
        for one in holder[kind]
    ]
