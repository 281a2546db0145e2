"""The Azure cloud that the environment selects: sign-in host, Resource Manager, partition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

AUTHORITY_VARIABLE = "AZURE_AUTHORITY_HOST"
"""The sign-in host, a variable of azure-identity itself."""
MANAGER_VARIABLE = "AZURE_RESOURCE_MANAGER_URL"
"""The Resource Manager, if not the default for the sign-in host."""
GRAPH_VARIABLE = "AZURE_GRAPH_URL"
"""Microsoft Graph, if not the default for the sign-in host."""


@dataclass(frozen=True)
class Endpoints:
    """The addresses of one Azure cloud."""

    authority: str
    """``https://`` and the sign-in host."""
    manager: str
    """``https://`` and the host of the Resource Manager, without a trailing slash."""
    audience: str
    """The scope of tokens for the Resource Manager."""
    graph: str
    """``https://`` and the host of Microsoft Graph, without a trailing slash."""
    partition: str
    """``azure``, ``azure-us-gov``, ``azure-china``, or ``azure-`` and the host of a private cloud."""
    known: bool
    """The sign-in host is one of Microsoft's, so public instance discovery may look it up."""

    @property
    def host(self) -> str:
        """Host and port of the Resource Manager, in lower case."""
        return urlsplit(self.manager).netloc.lower()

    @property
    def graph_host(self) -> str:
        """Host and port of Microsoft Graph, in lower case."""
        return urlsplit(self.graph).netloc.lower()

    @property
    def graph_audience(self) -> str:
        """The scope of tokens for Microsoft Graph."""
        return f"{self.graph}/.default"


_CLOUDS = {
    "login.microsoftonline.com": ("management.azure.com", "azure"),
    "login.microsoftonline.us": ("management.usgovcloudapi.net", "azure-us-gov"),
    "login.chinacloudapi.cn": ("management.chinacloudapi.cn", "azure-china"),
    "login.partner.microsoftonline.cn": ("management.chinacloudapi.cn", "azure-china"),
}
_PARTITIONS = dict(_CLOUDS.values())
_GRAPHS = {
    "azure-us-gov": "graph.microsoft.us",
    "azure-china": "microsoftgraph.chinacloudapi.cn",
}
"""The host of Microsoft Graph where it differs from the public cloud.

https://learn.microsoft.com/graph/deployments
"""


def endpoints(environment: Mapping[str, str]) -> Endpoints:
    """The addresses that the environment sets; by default those of the public cloud.

    Raises :class:`ValueError` for one that is not https: a token would be sent in clear text.
    """
    authority = _https(AUTHORITY_VARIABLE, environment.get(AUTHORITY_VARIABLE) or "login.microsoftonline.com")
    host = urlsplit(authority).netloc.lower()
    default, cloud = _CLOUDS.get(host, ("management.azure.com", ""))
    manager = _https(MANAGER_VARIABLE, environment.get(MANAGER_VARIABLE) or default)
    graph = _GRAPHS.get(cloud, "graph.microsoft.com")
    return Endpoints(
        authority=authority,
        manager=manager,
        audience=f"{manager}/.default",
        graph=_https(GRAPH_VARIABLE, environment.get(GRAPH_VARIABLE) or graph),
        partition=_partition(urlsplit(manager).hostname or ""),
        known=host in _CLOUDS,
    )


def _https(variable: str, value: str) -> str:
    address = value.strip().rstrip("/")
    if "://" not in address:
        address = f"https://{address}"
    parts = urlsplit(address)
    if parts.scheme != "https" or not parts.hostname or parts.path or parts.query or parts.username:
        raise ValueError(f"{variable} must be https:// and a host name only")
    return address


def _partition(hostname: str) -> str:
    if hostname in ("127.0.0.1", "::1", "localhost"):
        return "azure"
    return _PARTITIONS.get(hostname, f"azure-{hostname}")
