"""The endpoints of Google's APIs: hosts, and the variables of gcloud that override them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from urllib.parse import urlsplit

from scanner.collect.provider import Unreachable, is_loopback

ASSETS = ("CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDASSET", "cloudasset.googleapis.com")
POLICIES = ("CLOUDSDK_API_ENDPOINT_OVERRIDES_ORGPOLICY", "orgpolicy.googleapis.com")
STORAGE = ("CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE", "storage.googleapis.com")
"""The variables of gcloud that override an endpoint, and the default hosts."""


class ReadOnlyViolation(RuntimeError):
    """The program was about to call a method that is not in the tables: always a bug."""


@dataclass(frozen=True)
class Endpoint:
    """A host and port, and whether it is a plaintext endpoint on this machine."""

    address: str
    plaintext: bool


def endpoint(variable: str, host: str) -> Endpoint:
    """The endpoint in the variable, or else the default host.

    Plaintext is allowed for loopback addresses only; anything else raises ``Unreachable``.
    """
    value = os.environ.get(variable, "").strip()
    if not value:
        return Endpoint(f"{host}:443", plaintext=False)
    try:
        url = urlsplit(value)
        name, port = url.hostname or "", url.port
    except ValueError as error:
        raise Unreachable(
            "gcp", f"{variable} is not a valid address: {error}.", f"Correct or unset {variable}."
        ) from None
    shown = f"[{name}]" if ":" in name else name
    if url.scheme == "https" and name:
        return Endpoint(f"{shown}:{port or 443}", plaintext=False)
    if url.scheme == "http" and name and is_loopback(name):
        return Endpoint(f"{shown}:{port or 80}", plaintext=True)
    why = "would send credentials in plaintext" if url.scheme == "http" else "is not an https:// address"
    raise Unreachable("gcp", f"{variable} {why}.", f"Use https://, or unset {variable}.")
