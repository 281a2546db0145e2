"""Credentials, and channels that can only read."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from typing import Any

from providers.gcp.client.calls import METHODS
from providers.gcp.client.endpoints import ASSETS, POLICIES, STORAGE, Endpoint, ReadOnlyViolation, endpoint
from providers.gcp.client.failures import one_line
from providers.gcp.client.json_api import JsonApi
from scanner.collect.provider import Limits, Unreachable

_OPTIONS = (("grpc.max_receive_message_length", -1), ("grpc.initial_reconnect_backoff_ms", 200))
_LOGIN = "Run gcloud auth application-default login, or set GOOGLE_APPLICATION_CREDENTIALS to a key file."


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
class SignedIn:
    """The API clients, and the identity they use."""

    assets: Any
    policies: Any
    storage: JsonApi
    project: str | None
    """The default project of the credentials or of the environment."""
    identity: str | None
    """The address of a service account or user; ``None`` if the credentials do not contain it."""


def sign_in(limits: Limits) -> SignedIn:
    """The clients, over channels that reject everything but the calls in the tables.

    Credentials are loaded only if an endpoint needs them: a loopback one never receives any. Raises
    ``Unreachable`` without credentials, with expired ones, and if the endpoint does not answer.
    """
    assets, policies, storage = endpoint(*ASSETS), endpoint(*POLICIES), endpoint(*STORAGE)
    credentials, project = None, os.environ.get("GOOGLE_CLOUD_PROJECT") or None
    if not (assets.plaintext and policies.plaintext and storage.plaintext):
        credentials, project = _credentials(limits)
    return SignedIn(
        assets=_assets(_connected(_channel(assets, credentials), assets, limits)),
        policies=_policies(_channel(policies, credentials)),
        storage=JsonApi(storage, credentials, limits),
        project=project,
        identity=_identity(credentials),
    )


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
