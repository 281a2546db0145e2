"""Reading only: a request that no table names raises before it leaves the machine."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

from providers.azure.calls import GRAPH_PATH, ArmCall, AzureCall

_SUBSCRIPTION = r"[0-9a-f-]{36}"
_ID = (
    rf"/subscriptions/{_SUBSCRIPTION}/resourcegroups/[^/?#]+/providers/[a-z0-9.]+/[a-z0-9]+/[^/?#]+"
    r"(?:/[a-z0-9]+/[^/?#]+)*"
)


class NotReadOnly(Exception):
    """A request that is in no table: a defect of gapscan, so it is never turned into a finding."""


class Guard:
    """Knows the paths that may be read, at the one host that they may be read from."""

    def __init__(self, host: str, calls: Iterable[AzureCall]) -> None:
        self._host = host
        paths = {call.path for call in calls if isinstance(call, ArmCall)}
        self._paths = [_pattern(path) for path in sorted(paths)]

    def permits(self, method: str, url: str) -> bool:
        """Whether it is a known read at the one host."""
        parts = urlsplit(url)
        path = unquote(parts.path).lower()
        if parts.scheme != "https" or parts.netloc.lower() != self._host or ".." in path.split("/"):
            return False
        if method == "POST":
            return path == GRAPH_PATH.lower()
        return method == "GET" and any(pattern.fullmatch(path) for pattern in self._paths)

    def check(self, method: str, url: str) -> None:
        """Raises :class:`NotReadOnly` for any other method, host or path."""
        if not self.permits(method, url):
            parts = urlsplit(url)
            raise NotReadOnly(f"{method} {parts.netloc}{parts.path} is in no table of gapscan's")


def resource_id(text: object) -> str:
    """The text, if it has the form of a resource's id. Raises :class:`ValueError` otherwise."""
    if not isinstance(text, str) or not re.fullmatch(_ID, text.lower()) or ".." in text.split("/"):
        raise ValueError("id")
    return text


def _pattern(template: str) -> re.Pattern[str]:
    escaped = re.escape(template.lower())
    return re.compile(
        escaped.replace(re.escape("{subscription}"), _SUBSCRIPTION).replace(re.escape("{id}"), _ID)
    )
