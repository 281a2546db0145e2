"""What recorded answers omit of people: all that no fact is read from.

The recorder replaces secrets and e-mail addresses; names, telephone numbers and postal addresses have no form
that it could recognise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_KEPT = frozenset(
    {
        "@odata.type",
        "accountEnabled",
        "createdDateTime",
        "defaultMfaMethod",
        "externalUserState",
        "id",
        "identities",
        "isAdmin",
        "isMfaCapable",
        "isMfaRegistered",
        "lastUpdatedDateTime",
        "methodsRegistered",
        "signInActivity",
        "userPrincipalName",
        "userType",
    }
)
"""All that is recorded of a user; a directory role assignment includes the whole user."""


def without_personal_data(value: Any) -> Any:
    """The JSON value without names, telephone numbers and postal addresses of people."""
    if isinstance(value, list):
        return [without_personal_data(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {name: without_personal_data(one) for name, one in value.items() if not _is_omitted(name, value)}


def _is_omitted(name: str, row: Mapping[str, Any]) -> bool:
    if "userPrincipalName" in row or row.get("@odata.type") == "#microsoft.graph.user":
        return name not in _KEPT
    return (
        (name == "phone" and ("emails" in row or "email" in row))  # of a security contact
        or (name == "issuerAssignedId" and "signInType" in row)  # a user's name at another issuer
        or (name == "hint" and "keyId" in row)  # the first characters of a client secret
    )
