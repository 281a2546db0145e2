"""The Cloud Storage JSON API, for what no asset contains: https://cloud.google.com/storage/docs/json_api.

Requests are GETs of the operations in the tables, to one host. Redirects are not followed, so that a token
is never sent elsewhere; the client itself decides what is sent again.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from providers.gcp.client.calls import PATHS, JsonRequest
from providers.gcp.client.endpoints import Endpoint, ReadOnlyViolation
from providers.gcp.client.http_errors import from_http
from scanner.collect.provider import Limits

CONNECTIONS = 32
"""As many as workers, so that none waits for a connection."""

LARGEST = 16 * 1024 * 1024
"""Bytes of an answer at most. A page has 250 keys, and a bucket 100 entries in each access list."""
_PART = 64 * 1024

_IN_PATH: Mapping[str, str] = {
    "{projectId}": r"(?:[a-z0-9.-]+:)?[a-z0-9-]+",
    "{bucket}": r"[a-z0-9][a-z0-9._-]*",
}
"""The form of project IDs, and of bucket names: https://cloud.google.com/storage/docs/buckets#naming."""
_IN_QUERY = frozenset({"pageToken", "projection"})


class JsonApi:
    """Sends requests and returns the answers as they come. Shared by all threads."""

    def __init__(self, target: Endpoint, credentials: Any, limits: Limits) -> None:
        """``credentials`` are sent to every endpoint but a plaintext one, which receives none."""
        self._target = target
        self._credentials = credentials
        self._limits = limits
        self._lock = threading.Lock()
        self._session: Any = None

    def get(self, request: JsonRequest, timeout: float) -> dict[str, Any]:
        """The answer; ``timeout`` in seconds.

        Raises the SDK's exceptions for errors of the API and of the connection, and :class:`ValueError` for
        an answer that is no JSON object.
        """
        from google.api_core import exceptions
        from requests import exceptions as failures

        raised: Any = exceptions
        url, query = self._address(request)
        end = time.monotonic() + timeout
        limits = (self._limits.connect_seconds, timeout)
        try:
            # Streamed, since the timeout is of each part that arrives, and nothing limits their number.
            with self._opened().get(
                url, params=query, allow_redirects=False, timeout=limits, stream=True
            ) as response:
                content = _content(response, end)
        except failures.Timeout:
            raise raised.DeadlineExceeded(f"{self._target.address} did not answer in time") from None
        except failures.ConnectionError as error:
            raise raised.ServiceUnavailable(f"the connection failed ({type(error).__name__})") from None
        except failures.RequestException as error:
            raise raised.Unknown(f"the request failed ({type(error).__name__})") from None
        if response.status_code != 200:
            raise from_http(response.status_code, response.headers, content)
        try:
            answer = json.loads(content, parse_constant=_not_a_number)
        except ValueError:
            raise ValueError("the answer is not JSON") from None
        if not isinstance(answer, dict):
            raise ValueError("the answer is not an object")
        return answer

    def _address(self, request: JsonRequest) -> tuple[str, dict[str, str]]:
        path, query = PATHS[request.operation], dict(request.parameters)
        for place in _IN_PATH:
            if place in path:
                path = path.replace(place, quote(query.pop(place.strip("{}")), safe=""))
        return f"{_scheme(self._target)}://{self._target.address}{path}", query

    def _opened(self) -> Any:
        with self._lock:
            if self._session is None:
                self._session = _session(self._target, self._credentials)
            return self._session


def check(target: Endpoint, method: str, url: str) -> None:
    """Raises :class:`ReadOnlyViolation` for a request that is not in the tables, or is to another host."""
    parts = urlsplit(url)
    path = unquote(parts.path)
    if (
        method != "GET"
        or (parts.scheme, parts.netloc) != (_scheme(target), target.address)
        or not any(_pattern(template).fullmatch(path) for template in PATHS.values())
        or not _IN_QUERY.issuperset(name for name, _ in parse_qsl(parts.query, keep_blank_values=True))
    ):
        why = "is not one of gapscan's read-only calls"
        raise ReadOnlyViolation(f"{method} {parts.scheme}://{parts.netloc}{parts.path} {why}")


def bucket_request(name: str) -> JsonRequest:
    """The request for a bucket with its access lists. Raises :class:`ValueError` for an invalid name."""
    if not re.fullmatch(_IN_PATH["{bucket}"], name):
        raise ValueError(f"{name} is not the name of a bucket")
    return JsonRequest("buckets.get", {"bucket": name, "projection": "full"})


def keys_request(project: str, token: str) -> JsonRequest:
    """The request for a page of a project's HMAC keys, without deleted ones. A page has 250 at most."""
    following = {"pageToken": token} if token else {}
    return JsonRequest("projects.hmacKeys.list", {"projectId": project, **following})


def to_bucket(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """The bucket: https://cloud.google.com/storage/docs/json_api/v1/buckets#resource.

    Raises :class:`ValueError` for another answer.
    """
    _check_kind(answer, "storage#bucket")
    return answer


def to_keys(answer: Mapping[str, Any]) -> tuple[Sequence[Any], str]:
    """The keys of a page, and the token of the next one; see
    https://cloud.google.com/storage/docs/json_api/v1/projects/hmacKeys/list.

    An empty list is omitted. So a page without one has nothing that is not known, or it may be under another
    name: raises :class:`ValueError`.
    """
    _check_kind(answer, "storage#hmacKeysMetadata")
    keys, token = answer.get("items", []), answer.get("nextPageToken", "")
    if not isinstance(keys, list) or not isinstance(token, str):
        raise ValueError("the answer is not a page of HMAC keys")
    if "items" not in answer and not answer.keys() <= {"kind", "etag", "nextPageToken"}:
        raise ValueError("the answer has no keys but other parts")
    return keys, token


def _check_kind(answer: Mapping[str, Any], kind: str) -> None:
    if answer.get("kind") != kind:
        raise ValueError(f"the answer is not of kind {kind}")


def _scheme(target: Endpoint) -> str:
    return "http" if target.plaintext else "https"


def _pattern(template: str) -> re.Pattern[str]:
    pattern = re.escape(template)
    for place, form in _IN_PATH.items():
        pattern = pattern.replace(re.escape(place), form)
    return re.compile(pattern)


def _session(target: Endpoint, credentials: Any) -> Any:
    from google.auth import credentials as identities
    from google.auth.transport import requests as transport
    from requests.adapters import HTTPAdapter

    class ReadOnlyAdapter(HTTPAdapter):
        def send(self, request: Any, *arguments: Any, **options: Any) -> Any:
            check(target, request.method, request.url)
            return super().send(request, *arguments, **options)

    signed_in: Any = transport.AuthorizedSession
    anonymous: Any = identities.AnonymousCredentials
    if target.plaintext:
        # A proxy is not to be asked for this machine, and anonymous credentials cannot be refreshed.
        session = signed_in(anonymous(), refresh_status_codes=())
        session.trust_env = False
    else:
        session = signed_in(credentials)
        # Or the user's .netrc would take the place of the token.
        session.auth = lambda request: request
    for prefix in tuple(session.adapters):
        session.mount(prefix, ReadOnlyAdapter(pool_maxsize=CONNECTIONS, max_retries=0))
    session.headers["User-Agent"] = "gapscan"
    return session


def _content(response: Any, end: float) -> bytes:
    """The body. Raises an exception of requests when the time has passed, or the connection fails, and
    :class:`ValueError` for a body that is too large."""
    from requests.exceptions import ConnectionError as Failed
    from requests.exceptions import ReadTimeout
    from urllib3.exceptions import HTTPError, ReadTimeoutError

    # What has arrived, however little; before urllib3 2.1 only whole parts can be read.
    read = getattr(response.raw, "read1", response.raw.read)
    content = bytearray()
    try:
        while part := read(_PART, decode_content=True):
            content += part
            if len(content) > LARGEST:
                raise ValueError("the answer is too large")
            if time.monotonic() > end:
                raise ReadTimeout
    except ReadTimeoutError:
        raise ReadTimeout from None
    except HTTPError as error:
        raise Failed(type(error).__name__) from None
    return bytes(content)


def _not_a_number(text: str) -> NoReturn:
    """``NaN`` and ``Infinity``, which Python reads, are no JSON."""
    raise ValueError(text)
