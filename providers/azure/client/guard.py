"""Read-only guard: a request that is in no table raises before it is sent."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

from providers.azure.client.calls import GRAPH_PATH, OBJECTS, ArmCall, DirectoryCall, GraphCall

_GUID = r"[0-9a-f-]{36}"
_ID = (
    rf"/subscriptions/{_GUID}/resourcegroups/[^/?#]+/providers/[a-z0-9.]+/[a-z0-9]+/[^/?#]+"
    r"(?:/[a-z0-9]+/[^/?#]+)*"
)


class NotReadOnly(Exception):
    """A request that is in no table: a bug in gapscan, never reported as a finding."""


class RequestGuard:
    """The allowed read requests, all at one host."""

    def __init__(self, host: str, calls: Iterable[ArmCall | GraphCall | DirectoryCall]) -> None:
        self._host = host
        calls = tuple(calls)
        self._queries = any(isinstance(call, GraphCall) for call in calls)
        paths = {(call.path, call.of) for call in calls if isinstance(call, ArmCall)}
        self._paths = [_pattern(path, of) for path, of in sorted(paths)]
        self._paths += [_directory(call) for call in calls if isinstance(call, DirectoryCall)]

    def permits(self, method: str, url: str) -> bool:
        """Whether it is an allowed read at the host."""
        parts = urlsplit(url)
        path = unquote(parts.path).lower()
        if parts.scheme != "https" or parts.netloc.lower() != self._host or ".." in path.split("/"):
            return False
        if method == "POST":
            return self._queries and path == GRAPH_PATH.lower()
        return method == "GET" and any(pattern.fullmatch(path) for pattern in self._paths)

    def check(self, method: str, url: str) -> None:
        """Raises :class:`NotReadOnly` for any other method, host or path."""
        if not self.permits(method, url):
            parts = urlsplit(url)
            raise NotReadOnly(f"{method} {parts.netloc}{parts.path} is not among gapscan's read requests")


def resource_id(text: object, of: str = "") -> str:
    """The text, if it has the format of a resource ID, and of that type if given.

    Raises :class:`ValueError` otherwise.
    """
    if not isinstance(text, str) or not re.fullmatch(_of_type(of), text.lower()) or ".." in text.split("/"):
        raise ValueError("id")
    return text


def _pattern(template: str, of: str) -> re.Pattern[str]:
    escaped = re.escape(template.lower())
    return re.compile(
        escaped.replace(re.escape("{subscription}"), _GUID).replace(re.escape("{id}"), _of_type(of))
    )


def _directory(call: DirectoryCall) -> re.Pattern[str]:
    path = re.escape(f"/{call.version}/{call.path.split('?')[0]}".lower())
    for name in OBJECTS:
        path = path.replace(re.escape(name), _GUID)
    return re.compile(path)


def _of_type(of: str) -> str:
    if not of:
        return _ID
    namespace, *types = of.split("/")
    named = "".join(rf"/{re.escape(name)}/[^/?#]+" for name in types)
    return rf"/subscriptions/{_GUID}/resourcegroups/[^/?#]+/providers/{re.escape(namespace)}{named}"
