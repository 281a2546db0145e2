"""Signing in, and who is signed in."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from providers.azure.client.endpoints import Endpoints
from providers.azure.client.recorded_sign_in import SIGN_IN, SignIn, record_sign_in, replayed_sign_in
from providers.azure.client.senders import NotRecorded, Recordings
from providers.azure.client.sign_in import NO_CREDENTIALS, refusal
from scanner.collect.provider import Limits, Unreachable

_NEITHER = Recordings()


@dataclass(frozen=True)
class TokenIdentity:
    """The signed-in identity, from the claims of the token."""

    credential: Any = field(repr=False)
    """``None`` if the sign-in is a recorded one."""
    principal: str | None
    """Object ID of the user or service principal, in lower case."""
    name: str | None
    """Display name: the application ID or the user name, else the object ID."""
    tenant: str | None
    time: datetime
    """When it signed in."""


def sign_in(where: Endpoints, limits: Limits, recordings: Recordings = _NEITHER) -> TokenIdentity:
    """Signs in with the default credential chain of azure-identity, never interactively.

    Raises :class:`~scanner.collect.provider.Unreachable` with advice.
    """
    from azure.core.exceptions import AzureError

    credential: Any = None
    try:
        if recordings.replay is not None:
            signed_in = replayed_sign_in(recordings.replay)
        else:
            credential, token = _token(where, limits)
            signed_in = SignIn(_claims(token), datetime.now(UTC))
    except NotRecorded as error:
        raise Unreachable(
            "azure", f"{error}: {SIGN_IN}.", "Record again, or add the sign-in to azure/shared.yaml."
        ) from error
    except (AzureError, ValueError) as error:
        record_sign_in(recordings.recorder, where, error)
        message, advice = refusal(str(error), where.authority)
        raise Unreachable("azure", message, advice, no_credentials=message == NO_CREDENTIALS) from error
    record_sign_in(recordings.recorder, where, signed_in)
    claims = signed_in.claims
    principal = claims.get("oid")
    shown = claims.get("appid") or claims.get("azp") or claims.get("upn") or principal
    return TokenIdentity(
        credential=credential,
        principal=principal.lower() if isinstance(principal, str) else None,
        name=shown if isinstance(shown, str) else None,
        tenant=claims.get("tid") if isinstance(claims.get("tid"), str) else None,
        time=signed_in.time,
    )


def _token(where: Endpoints, limits: Limits) -> tuple[Any, str]:
    """A credential, and its first token."""
    from azure.identity import DefaultAzureCredential

    credential = DefaultAzureCredential(
        authority=where.authority,
        disable_instance_discovery=not where.known,
        connection_timeout=limits.connect_seconds,
        read_timeout=limits.read_seconds,
        retry_total=limits.attempts - 1,
        retry_backoff_factor=0.2,
        process_timeout=max(1, round(limits.read_seconds)),
    )
    return credential, credential.get_token(where.audience).token


def _claims(token: str) -> Mapping[str, Any]:
    """The token's claims; empty if it is not a JSON Web Token (the format is up to the issuer)."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return {}
    return claims if isinstance(claims, dict) else {}
