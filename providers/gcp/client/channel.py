"""Endpoints, credentials, and channels that can only read."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from providers.gcp.client.calls import METHODS
from providers.gcp.client.failures import one_line
from scanner.collect.provider import Limits, Unreachable, is_loopback

ASSETS = ("CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDASSET", "cloudasset.googleapis.com")
POLICIES = ("CLOUDSDK_API_ENDPOINT_OVERRIDES_ORGPOLICY", "orgpolicy.googleapis.com")
"""The variables of gcloud that override an endpoint, and the default hosts."""

_OPTIONS = (("grpc.max_receive_message_length", -1), ("grpc.initial_reconnect_backoff_ms", 200))
_LOGIN = "Run gcloud auth application-default login, or set GOOGLE_APPLICATION_CREDENTIALS to a key file."


class ReadOnlyViolation(RuntimeError):
    """The program was about to call a method that is not in the tables: always a bug."""


def guarded(channel: Any) -> Any:
    """The channel, restricted to the methods in the tables. Any other call raises :class:`ReadOnlyViolation`
    before anything leaves the machine."""
    import grpc

    allowed = frozenset(METHODS.values())

    def refuse(details: Any) -> None:
        if details.method not in allowed:
            raise ReadOnlyViolation(f"{details.method} is not one of gapscan's read-only calls")

    class ChannelGuard(
        grpc.UnaryUnaryClientInterceptor,  # type: ignore[misc]
        grpc.UnaryStreamClientInterceptor,  # type: ignore[misc]
        grpc.StreamUnaryClientInterceptor,  # type: ignore[misc]
        grpc.StreamStreamClientInterceptor,  # type: ignore[misc]
    ):
        def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
            refuse(details)
            return continuation(details, request)

        intercept_unary_stream = intercept_unary_unary
        intercept_stream_unary = intercept_unary_unary
        intercept_stream_stream = intercept_unary_unary

    return grpc.intercept_channel(channel, ChannelGuard())


@dataclass(frozen=True)
class Endpoint:
    """A host and port, and whether it is a plaintext endpoint on this machine."""

    address: str
    plaintext: bool


@dataclass(frozen=True)
class SignedIn:
    """The two API clients, and the identity they use."""

    assets: Any
    policies: Any
    project: str | None
    """The default project of the credentials or of the environment."""
    identity: str | None
    """The address of a service account or user; ``None`` if the credentials do not contain it."""


def sign_in(limits: Limits) -> SignedIn:
    """Both clients, over channels that reject everything but the calls in the tables.

    Credentials are loaded only if an endpoint needs them: a loopback one never receives any. Raises
    ``Unreachable`` without credentials, with expired ones, and if the endpoint does not answer.
    """
    assets, policies = endpoint(*ASSETS), endpoint(*POLICIES)
    credentials, project = None, os.environ.get("GOOGLE_CLOUD_PROJECT") or None
    if not (assets.plaintext and policies.plaintext):
        credentials, project = _credentials(limits)
    return SignedIn(
        assets=_assets(_connected(_channel(assets, credentials), assets, limits)),
        policies=_policies(_channel(policies, credentials)),
        project=project,
        identity=_identity(credentials),
    )


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


def _credentials(limits: Limits) -> tuple[Any, str | None]:
    import google.auth
    import google.auth.transport.requests
    from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, TransportError

    try:
        credentials, project = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
        request = partial(google.auth.transport.requests.Request(), timeout=limits.connect_seconds)
        refresh: Any = credentials.refresh
        refresh(request)
    except TransportError as error:
        message = f"Google's sign-in endpoint could not be reached: {one_line(str(error))}"
        raise Unreachable("gcp", message, "Check the network and the proxy settings.") from None
    except (DefaultCredentialsError, OSError, ValueError) as error:
        message = f"No Google Cloud credentials: {one_line(str(error))}"
        missing = str(error).startswith("Your default credentials were not found")
        raise Unreachable("gcp", message, _LOGIN, no_credentials=missing) from None
    except GoogleAuthError as error:
        message = f"The Google Cloud credentials were not accepted: {one_line(str(error))}"
        raise Unreachable("gcp", message, _LOGIN) from None
    return credentials, project or None


def _identity(credentials: Any) -> str | None:
    for name in ("service_account_email", "account"):
        value = getattr(credentials, name, None)
        if isinstance(value, str) and value:
            return value
    return None


def _channel(target: Endpoint, credentials: Any) -> Any:
    import grpc
    from google.api_core import grpc_helpers

    if target.plaintext:
        options = (*_OPTIONS, ("grpc.enable_http_proxy", 0))
        return guarded(grpc.insecure_channel(target.address, options=options))
    channel = grpc_helpers.create_channel(
        target.address,
        credentials=credentials,
        quota_project_id=getattr(credentials, "quota_project_id", None),
        options=_OPTIONS,
    )
    return guarded(channel)


def _connected(channel: Any, target: Endpoint, limits: Limits) -> Any:
    import grpc

    ready = grpc.channel_ready_future(channel)
    try:
        ready.result(timeout=limits.connect_seconds)
    except grpc.FutureTimeoutError:
        ready.cancel()
        message = f"{target.address} did not answer within {limits.connect_seconds:g} s."
        raise Unreachable(
            "gcp", message, "Check the network, the proxy and the endpoint variables."
        ) from None
    return channel


def _assets(channel: Any) -> Any:
    from google.cloud.asset_v1 import AssetServiceClient
    from google.cloud.asset_v1.services.asset_service.transports import AssetServiceGrpcTransport

    return AssetServiceClient(transport=AssetServiceGrpcTransport(channel=channel))


def _policies(channel: Any) -> Any:
    from google.cloud.orgpolicy_v2 import OrgPolicyClient
    from google.cloud.orgpolicy_v2.services.org_policy.transports import OrgPolicyGrpcTransport

    return OrgPolicyClient(transport=OrgPolicyGrpcTransport(channel=channel))
