"""The SDK clients of the Resource Manager and Microsoft Graph. Imported lazily: the import is slow.

Their pipeline has no retry policy and follows no redirects: the caller retries, including throttled
queries, which azure-core does not retry; and a token is never sent to another host.
"""

from __future__ import annotations

from typing import Any

import requests
from azure.core import PipelineClient
from azure.core.pipeline import PipelineRequest
from azure.core.pipeline.policies import (
    BearerTokenCredentialPolicy,
    RequestIdPolicy,
    SansIOHTTPPolicy,
    UserAgentPolicy,
)
from azure.core.pipeline.transport import RequestsTransport
from azure.mgmt.resource.resources import ResourceManagementClient
from requests.adapters import HTTPAdapter

from providers.azure.client.guard import RequestGuard
from scanner.collect.provider import Limits

CONNECTIONS = 32
"""As many as workers, so that none waits for a connection."""


class _ReadOnly(SansIOHTTPPolicy[Any, Any]):
    def __init__(self, guard: RequestGuard) -> None:
        super().__init__()
        self._guard = guard

    def on_request(self, request: PipelineRequest[Any]) -> None:
        self._guard.check(request.http_request.method, request.http_request.url)


def graph_client(base: str, audience: str, credential: Any, guard: RequestGuard, limits: Limits) -> Any:
    """A Microsoft Graph client. ``send_request`` authenticates requests and allows only known reads."""
    return PipelineClient(base, policies=_policies(audience, credential, guard), transport=_transport(limits))


def arm_client(manager: str, audience: str, credential: Any, guard: RequestGuard, limits: Limits) -> Any:
    """A client whose ``send_request`` authenticates requests and allows only known reads.

    It serves all subscriptions, so its subscription ID is a placeholder: requests have their own paths.
    """
    return ResourceManagementClient(
        credential,
        "00000000-0000-0000-0000-000000000000",
        base_url=manager,
        credential_scopes=[audience],
        policies=_policies(audience, credential, guard),
        transport=_transport(limits),
    )


def _policies(audience: str, credential: Any, guard: RequestGuard) -> list[Any]:
    return [
        _ReadOnly(guard),
        RequestIdPolicy(),
        UserAgentPolicy("gapscan"),
        BearerTokenCredentialPolicy(credential, audience),
    ]


def _transport(limits: Limits) -> Any:
    session = requests.Session()
    session.mount("https://", HTTPAdapter(pool_maxsize=CONNECTIONS, max_retries=0))
    return RequestsTransport(
        session=session, connection_timeout=limits.connect_seconds, read_timeout=limits.read_seconds
    )
