"""The Azure client: the only code that handles SDK failures, and turns each into Unknown."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

from providers.azure.client.calls import (
    GRAPH_PATH,
    GRAPH_VERSION,
    OBJECTS,
    ArmCall,
    AzureCall,
    DirectoryCall,
    GraphCall,
)
from providers.azure.client.endpoints import Endpoints
from providers.azure.client.exchanges import MICROSOFT_GRAPH, RESOURCE_MANAGER
from providers.azure.client.failures import one_line, refused, unreadable
from providers.azure.client.guard import RequestGuard
from providers.azure.client.pace import RETRIED, QueryPace, pause
from providers.azure.client.senders import NotRecorded, Recordings, Sender
from providers.azure.client.sign_in import refusal
from providers.azure.client.token_identity import TokenIdentity
from scanner.collect.provider import Limits
from scanner.collect.table import Call
from scanner.model.evidence import Observed, Unknown

T = TypeVar("T")
Count = Callable[[str], None]
"""Receives the operation name of each request."""
BATCH = 200
"""Subscriptions per Resource Graph query; the limit is 1,000."""
PAGE = 1000
"""Rows per page of Resource Graph, its maximum."""
MAX_PAGES = 10_000
"""A listing with more pages is treated as an endless loop."""
LISTING_SECONDS = 1800.0
"""A listing that takes longer is treated as one without end."""

PERMISSIONS = ArmCall(
    name="Microsoft.Authorization/Permissions_ListForSubscription",
    permission="Microsoft.Authorization/permissions/read",
    path="/subscriptions/{subscription}/providers/Microsoft.Authorization/permissions",
    version="2022-04-01",
    paged=True,
)
DENY_ASSIGNMENTS = ArmCall(
    name="Microsoft.Authorization/DenyAssignments_List",
    permission="Microsoft.Authorization/denyAssignments/read",
    path="/subscriptions/{subscription}/providers/Microsoft.Authorization/denyAssignments",
    version="2022-04-01",
    paged=True,
)
COMPLETENESS_CALLS = (PERMISSIONS, DENY_ASSIGNMENTS)
"""The calls that prove that a Resource Graph listing is complete."""
_NEITHER = Recordings()


@dataclass(frozen=True)
class _Reply:
    content: bytes


class _HttpClient:
    """Requests to one host, with retries; turns every failure into Unknown. Shared by all threads."""

    def __init__(
        self,
        sender: Sender,
        guard: RequestGuard,
        authority: str,
        limits: Limits,
        sleep: Callable[[float], None],
    ) -> None:
        self._sender = sender
        self._guard = guard
        self._authority = authority
        self._limits = limits
        self._sleep = sleep
        self._pace = QueryPace(time.monotonic, sleep, limits.read_seconds)

    def read(self, call: Call, function: Callable[..., T], *arguments: Any) -> Observed[T]:
        """Runs a mapping function; an answer of an unexpected format becomes Unknown(error)."""
        try:
            return function(*arguments)
        except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
            # Deeply nested answers exceed the recursion limit wherever they are taken apart.
            return unreadable(call, f"unexpected format ({type(error).__name__})")

    def _body(self, call: Call, method: str, url: str, content: Any, count: Count) -> Observed[Any]:
        reply = self._exchange(call, method, url, content, count)
        if reply is None or isinstance(reply, Unknown):
            return reply
        try:
            body = json.loads(reply.content)
        except ValueError:
            return unreadable(call, "it is not JSON")
        except RecursionError:
            return unreadable(call, "it is nested too deeply")
        if isinstance(body, list) and isinstance(call, ArmCall) and call.paged:
            # Older API versions of some resource providers return the bare list.
            return {"value": body}
        return body if isinstance(body, dict) else unreadable(call, "it is not an object")

    def _pages(
        self, call: ArmCall | DirectoryCall, url: str, count: Count
    ) -> Iterator[Observed[Sequence[Any] | None]]:
        """The pages; an Unknown or ``None`` (not configured) in place of a page ends the list."""
        seen: set[str] = set()
        deadline = time.monotonic() + LISTING_SECONDS
        while url not in seen and len(seen) < MAX_PAGES and time.monotonic() < deadline:
            seen.add(url)
            body = self._body(call, "GET", url, None, count)
            if body is None and len(seen) > 1:
                body = unreadable(call, "a later page is refused as if nothing were configured")
            if isinstance(body, Unknown) or body is None:
                yield body
                return
            page = body.get("value")
            if not isinstance(page, list):
                yield unreadable(call, "it has no 'value' list")
                return
            yield page
            next_url = body.get(call.next_page)
            if not next_url:
                return
            if not isinstance(next_url, str) or not self._guard.permits("GET", next_url):
                yield unreadable(call, "its next page link is not an allowed read")
                return
            url = next_url
        yield unreadable(call, "its paging does not end")

    def _all_items(
        self, call: ArmCall | DirectoryCall, url: str, count: Count
    ) -> Observed[Sequence[Any] | None]:
        items: list[Any] = []
        for page in self._pages(call, url, count):
            if isinstance(page, Unknown) or page is None:
                return page
            items.extend(page)
        return items

    def _exchange(
        self, call: Call, method: str, url: str, content: Any, count: Count
    ) -> Observed[_Reply | None]:
        from azure.core.exceptions import AzureError, ClientAuthenticationError

        count(call.name)
        attempt = 1
        while True:
            if method == "POST":
                self._pace.wait()
            headers: Mapping[str, str] = {}
            try:
                response = self._sender.send(call, method, url, content)
                status, headers, received = response.status, response.headers, response.content
            except NotRecorded as error:
                return Unknown.because("error", call.name, None, str(error))
            except ClientAuthenticationError as error:
                message, _ = refusal(str(error), self._authority)
                return Unknown.because("denied", call.name, None, one_line(message))
            except AzureError as error:
                retry = True
                failure = Unknown.because("error", call.name, None, one_line(_connection_failure(error)))
            else:
                if method == "POST":
                    self._pace.update(headers)
                if status == 200:
                    return _Reply(received)
                refusal_cause = refused(call, status, received)
                if refusal_cause is None:
                    return None
                retry, failure = status in RETRIED, refusal_cause
            if not retry or attempt >= self._limits.attempts:
                return failure
            self._sleep(pause(headers, attempt, self._limits.read_seconds))
            attempt += 1


class ResourceManager(_HttpClient):
    """Reads from the Resource Manager and Resource Graph. Shared by all threads."""

    def __init__(
        self,
        where: Endpoints,
        identity: TokenIdentity,
        limits: Limits,
        calls: Iterable[AzureCall],
        sleep: Callable[[float], None] = time.sleep,
        recordings: Recordings = _NEITHER,
    ) -> None:
        guard = RequestGuard(where.host, calls)

        def client() -> Any:
            from providers.azure.client.pipeline import arm_client

            return arm_client(where.manager, where.audience, identity.credential, guard, limits)

        sender = recordings.sender(RESOURCE_MANAGER, where.manager, identity.tenant, guard, client)
        super().__init__(sender, guard, where.authority, limits, sleep)
        self._where = where

    def get(self, call: ArmCall, subscription: str, item_id: str, count: Count) -> Observed[Any]:
        """The answer; the whole list for a paged call; ``None`` where it is not configured."""
        url = self._url(call, subscription, item_id)
        return self._all_items(call, url, count) if call.paged else self._body(call, "GET", url, None, count)

    def pages(
        self, call: ArmCall, subscription: str, item_id: str, count: Count
    ) -> Iterator[Observed[Sequence[Any]]]:
        """The pages of a paged call; an Unknown in place of a page ends the list."""
        url = self._url(call, subscription, item_id)
        return (page for page in self._pages(call, url, count) if page is not None)

    def _url(self, call: ArmCall, subscription: str, item_id: str) -> str:
        path = call.path.replace("{subscription}", subscription).replace("{id}", item_id)
        expand = f"&%24expand={quote(call.expand)}" if call.expand else ""
        option = f"&{quote(call.option, safe='=')}" if call.option else ""
        return f"{self._where.manager}{path}?api-version={call.version}{expand}{option}"

    def query(
        self, call: GraphCall, subscriptions: Sequence[str], count: Count
    ) -> Iterator[Observed[Sequence[Mapping[str, Any]]]]:
        """The pages of a query; an Unknown in place of a page ends the list."""
        url = f"{self._where.manager}{GRAPH_PATH}?api-version={GRAPH_VERSION}"
        options: dict[str, Any] = {"resultFormat": "objectArray", "$top": PAGE}
        received = 0
        seen: set[str] = set()
        deadline = time.monotonic() + LISTING_SECONDS
        while len(seen) < MAX_PAGES and time.monotonic() < deadline:
            query = {"subscriptions": list(subscriptions), "query": call.query, "options": options}
            body = self._body(call, "POST", url, query, count)
            if isinstance(body, Unknown):
                yield body
                return
            page = rows(body)
            if page is None:
                yield unreadable(call, "it has no rows")
                return
            # Fewer rows than the answer counts means that rows were lost: the listing is incomplete.
            received += len(page)
            if body.get("count", len(page)) != len(page):
                yield unreadable(call, "its number of rows differs from its count")
                return
            yield page
            token = body.get("$skipToken")
            if not token:
                if body.get("totalRecords", received) != received:
                    yield unreadable(call, "the number of rows in its pages differs from totalRecords")
                elif str(body.get("resultTruncated", "false")).lower() != "false":
                    yield unreadable(call, "it is truncated but has no next page")
                return
            if str(token) in seen:
                break
            seen.add(str(token))
            options = {**options, "$skipToken": token}
        yield unreadable(call, "its paging does not end")


class MicrosoftGraph(_HttpClient):
    """Reads from Microsoft Graph. Shared by all threads."""

    def __init__(
        self,
        where: Endpoints,
        identity: TokenIdentity,
        limits: Limits,
        calls: Iterable[DirectoryCall],
        sleep: Callable[[float], None] = time.sleep,
        recordings: Recordings = _NEITHER,
    ) -> None:
        guard = RequestGuard(where.graph_host, calls)

        def client() -> Any:
            from providers.azure.client.pipeline import graph_client

            return graph_client(where.graph, where.graph_audience, identity.credential, guard, limits)

        sender = recordings.sender(MICROSOFT_GRAPH, where.graph, identity.tenant, guard, client)
        super().__init__(sender, guard, where.authority, limits, sleep)
        self._base = where.graph

    def get(self, call: DirectoryCall, about: str, count: Count) -> Observed[Any]:
        """The answer, about the object with that ID; the whole list for a paged call."""
        url = self._url(call, about)
        return self._all_items(call, url, count) if call.paged else self._body(call, "GET", url, None, count)

    def pages(self, call: DirectoryCall, about: str, count: Count) -> Iterator[Observed[Sequence[Any]]]:
        """The pages of a paged call; an Unknown in place of a page ends the list."""
        return (page for page in self._pages(call, self._url(call, about), count) if page is not None)

    def _url(self, call: DirectoryCall, about: str) -> str:
        path = call.path
        for name in OBJECTS:
            path = path.replace(name, about)
        return f"{self._base}/{call.version}/{path}"


def rows(body: Mapping[str, Any]) -> Sequence[Mapping[str, Any]] | None:
    """The rows of a Resource Graph answer, as objects or as a table; ``None`` for any other format.

    https://learn.microsoft.com/azure/governance/resource-graph/concepts/work-with-data
    """
    data = body.get("data")
    if isinstance(data, dict) and isinstance(data.get("rows"), list):
        names = [column.get("name") for column in data.get("columns") or ()]
        if all(isinstance(row, list) and len(row) == len(names) for row in data["rows"]):
            return [dict(zip(names, row, strict=True)) for row in data["rows"]]
        return None
    if isinstance(data, list) and all(isinstance(row, dict) for row in data):
        return data
    return None


def _connection_failure(error: Exception) -> str:
    name = type(error).__name__
    text = str(error)
    if "timed out" in text.lower() or "Timeout" in name:
        return f"timed out ({name})"
    return f"the connection failed ({name}: {text})"
