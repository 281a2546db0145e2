"""The client of Azure: the only place that sees its SDK fail, and turns every failure into Unknown."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote

from providers.azure.client.calls import (
    DIRECTORY_VERSION,
    GRAPH_PATH,
    GRAPH_VERSION,
    ArmCall,
    AzureCall,
    DirectoryCall,
    GraphCall,
)
from providers.azure.client.endpoints import Endpoints
from providers.azure.client.failures import one_line, refused, unreadable
from providers.azure.client.guard import RequestGuard
from providers.azure.client.pace import RETRIED, QueryPace, pause
from providers.azure.client.sign_in import NO_CREDENTIALS, refusal
from scanner.collect.collection import Call
from scanner.collect.provider import Limits, Unreachable
from scanner.model.evidence import Observed, Unknown

T = TypeVar("T")
Count = Callable[[str], None]
"""Told the name of each request that is sent."""
BATCH = 200
"""Subscriptions in one query at Resource Graph, which takes up to 1,000."""
PAGE = 1000
"""Rows in one page of Resource Graph, the most that it gives."""
MOST_PAGES = 10_000
"""After so many pages a listing is taken to go round in a circle."""

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
PROOFS = (PERMISSIONS, DENY_ASSIGNMENTS)
"""What proves that a listing of Resource Graph left nothing out."""


@dataclass(frozen=True)
class TokenIdentity:
    """Who has signed in, by the claims of the token."""

    credential: Any = field(repr=False)
    principal: str | None
    """Object id of the user or service principal, in lower case."""
    name: str | None
    """What to show: the application's id or the user's name, else the object id."""
    tenant: str | None


def sign_in(where: Endpoints, limits: Limits) -> TokenIdentity:
    """Signs in by azure-identity's ordinary chain, without anything interactive.

    Raises :class:`~scanner.collect.provider.Unreachable` with what to do.
    """
    from azure.core.exceptions import AzureError
    from azure.identity import DefaultAzureCredential

    try:
        credential = DefaultAzureCredential(
            authority=where.authority,
            disable_instance_discovery=not where.known,
            connection_timeout=limits.connect_seconds,
            read_timeout=limits.read_seconds,
            retry_total=limits.attempts - 1,
            retry_backoff_factor=0.2,
            process_timeout=max(1, round(limits.read_seconds)),
        )
        token = credential.get_token(where.audience).token
    except (AzureError, ValueError) as error:
        message, advice = refusal(str(error), where.authority)
        raise Unreachable("azure", message, advice, no_credentials=message == NO_CREDENTIALS) from error
    claims = _claims(token)
    principal = claims.get("oid")
    shown = claims.get("appid") or claims.get("azp") or claims.get("upn") or principal
    return TokenIdentity(
        credential=credential,
        principal=principal.lower() if isinstance(principal, str) else None,
        name=shown if isinstance(shown, str) else None,
        tenant=claims.get("tid") if isinstance(claims.get("tid"), str) else None,
    )


def _claims(token: str) -> Mapping[str, Any]:
    """The token's claims; none where it is not in the form of a JSON Web Token (that is up to the issuer)."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return {}
    return claims if isinstance(claims, dict) else {}


@dataclass(frozen=True)
class _Reply:
    content: bytes


class _Host:
    """One host: sends, tries again, and turns every failure into Unknown. Shared by all threads."""

    def __init__(
        self, client: Any, guard: RequestGuard, authority: str, limits: Limits, sleep: Callable[[float], None]
    ) -> None:
        self._client = client
        self._guard = guard
        self._authority = authority
        self._limits = limits
        self._sleep = sleep
        self._pace = QueryPace(time.monotonic, sleep, limits.read_seconds)

    def read(self, call: Call, function: Callable[..., T], *arguments: Any) -> Observed[T]:
        """Runs a mapping function; an answer of an unexpected form becomes Unknown(error)."""
        try:
            return function(*arguments)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            return unreadable(call, f"unexpected form ({type(error).__name__})")

    def _body(self, call: Call, method: str, url: str, question: Any, count: Count) -> Observed[Any]:
        reply = self._exchange(call, method, url, question, count)
        if reply is None or isinstance(reply, Unknown):
            return reply
        try:
            body = json.loads(reply.content)
        except ValueError:
            return unreadable(call, "it is not JSON")
        if isinstance(body, list) and isinstance(call, ArmCall) and call.paged:
            # Older versions of some providers answer with the bare list.
            return {"value": body}
        return body if isinstance(body, dict) else unreadable(call, "it is not an object")

    def _pages(
        self, call: ArmCall | DirectoryCall, url: str, count: Count
    ) -> Iterator[Observed[Sequence[Any] | None]]:
        """The pages; an Unknown in place of a page ends them, and so does ``None``: not configured."""
        for _ in range(MOST_PAGES):
            body = self._body(call, "GET", url, None, count)
            if isinstance(body, Unknown) or body is None:
                yield body
                return
            page = body.get("value")
            if not isinstance(page, list):
                yield unreadable(call, "it has no list 'value'")
                return
            yield page
            following = body.get(call.next_page)
            if not following:
                return
            if not isinstance(following, str) or not self._guard.permits("GET", following):
                yield unreadable(call, "its next page is elsewhere")
                return
            url = following
        yield unreadable(call, "its pages do not end")

    def _whole(self, call: ArmCall | DirectoryCall, url: str, count: Count) -> Observed[Sequence[Any] | None]:
        gathered: list[Any] = []
        for page in self._pages(call, url, count):
            if isinstance(page, Unknown) or page is None:
                return page
            gathered.extend(page)
        return gathered

    def _exchange(
        self, call: Call, method: str, url: str, question: Any, count: Count
    ) -> Observed[_Reply | None]:
        from azure.core.exceptions import AzureError, ClientAuthenticationError
        from azure.core.rest import HttpRequest

        count(call.name)
        attempt = 1
        while True:
            if method == "POST":
                self._pace.wait()
            headers: Mapping[str, str] = {}
            try:
                response = self._client.send_request(HttpRequest(method, url, json=question))
                status, headers, content = response.status_code, response.headers, response.content
            except ClientAuthenticationError as error:
                message, _ = refusal(str(error), self._authority)
                return Unknown.because("denied", call.name, None, one_line(message))
            except AzureError as error:
                again = True
                failure = Unknown.because("error", call.name, None, one_line(_broken(error)))
            else:
                if method == "POST":
                    self._pace.heard(headers)
                if status == 200:
                    return _Reply(content)
                said = refused(call, status, content)
                if said is None:
                    return None
                again, failure = status in RETRIED, said
            if not again or attempt >= self._limits.attempts:
                return failure
            self._sleep(pause(headers, attempt, self._limits.read_seconds))
            attempt += 1


class ResourceManager(_Host):
    """Asks the Resource Manager and Resource Graph. Shared by all threads."""

    def __init__(
        self,
        where: Endpoints,
        identity: TokenIdentity,
        limits: Limits,
        calls: Iterable[AzureCall],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        from providers.azure.client.pipeline import arm_client

        guard = RequestGuard(where.host, calls)
        client = arm_client(where.manager, where.audience, identity.credential, guard, limits)
        super().__init__(client, guard, where.authority, limits, sleep)
        self._where = where

    def get(self, call: ArmCall, subscription: str, about: str, count: Count) -> Observed[Any]:
        """The answer; a whole list for a call that comes in pages; ``None`` where it is not configured."""
        url = self._url(call, subscription, about)
        return self._whole(call, url, count) if call.paged else self._body(call, "GET", url, None, count)

    def pages(
        self, call: ArmCall, subscription: str, about: str, count: Count
    ) -> Iterator[Observed[Sequence[Any]]]:
        """The pages of a call that comes in pages; an Unknown in place of a page ends it."""
        url = self._url(call, subscription, about)
        return (page for page in self._pages(call, url, count) if page is not None)

    def _url(self, call: ArmCall, subscription: str, about: str) -> str:
        path = call.path.replace("{subscription}", subscription).replace("{id}", about)
        expand = f"&%24expand={quote(call.expand)}" if call.expand else ""
        return f"{self._where.manager}{path}?api-version={call.version}{expand}"

    def query(
        self, call: GraphCall, subscriptions: Sequence[str], count: Count
    ) -> Iterator[Observed[Sequence[Mapping[str, Any]]]]:
        """The pages of a query; an Unknown in place of a page ends it."""
        url = f"{self._where.manager}{GRAPH_PATH}?api-version={GRAPH_VERSION}"
        options: dict[str, Any] = {"resultFormat": "objectArray", "$top": PAGE}
        came = 0
        for _ in range(MOST_PAGES):
            question = {"subscriptions": list(subscriptions), "query": call.query, "options": options}
            body = self._body(call, "POST", url, question, count)
            if isinstance(body, Unknown):
                yield body
                return
            page = rows(body)
            if page is None:
                yield unreadable(call, "it has no rows")
                return
            # What is counted and does not come was left out on the way: no such answer is a complete one.
            came += len(page)
            if body.get("count", len(page)) != len(page):
                yield unreadable(call, "it does not hold as many rows as it counts")
                return
            yield page
            token = body.get("$skipToken")
            if not token:
                if body.get("totalRecords", came) != came:
                    yield unreadable(call, "its pages hold fewer rows than it counts in all")
                elif str(body.get("resultTruncated", "false")).lower() != "false":
                    yield unreadable(call, "it is cut off and names no next page")
                return
            options = {**options, "$skipToken": token}
        yield unreadable(call, "its pages do not end")


class MicrosoftGraph(_Host):
    """Asks Microsoft Graph about the tenant. Shared by all threads."""

    def __init__(
        self,
        where: Endpoints,
        identity: TokenIdentity,
        limits: Limits,
        calls: Iterable[DirectoryCall],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        from providers.azure.client.pipeline import graph_client

        guard = RequestGuard(where.graph_host, calls)
        client = graph_client(where.graph, where.graph_audience, identity.credential, guard, limits)
        super().__init__(client, guard, where.authority, limits, sleep)
        self._base = f"{where.graph}/{DIRECTORY_VERSION}/"

    def get(self, call: DirectoryCall, group: str, count: Count) -> Observed[Any]:
        """The answer; a whole list for a call that comes in pages."""
        url = self._base + call.path.replace("{group}", group)
        return self._whole(call, url, count) if call.paged else self._body(call, "GET", url, None, count)

    def pages(self, call: DirectoryCall, group: str, count: Count) -> Iterator[Observed[Sequence[Any]]]:
        """The pages of a call that comes in pages; an Unknown in place of a page ends it."""
        url = self._base + call.path.replace("{group}", group)
        return (page for page in self._pages(call, url, count) if page is not None)


def rows(body: Mapping[str, Any]) -> Sequence[Mapping[str, Any]] | None:
    """The rows of an answer of Resource Graph, as objects or as a table; ``None`` for any other form.

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


def _broken(error: Exception) -> str:
    name = type(error).__name__
    text = str(error)
    if "timed out" in text.lower() or "Timeout" in name:
        return f"no answer in time ({name})"
    return f"the connection failed ({name}: {text})"
