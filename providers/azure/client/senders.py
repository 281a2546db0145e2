"""Sends requests to Azure, records the exchanges, or answers the requests from a recording instead."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from providers.azure.client import exchanges
from providers.azure.client.exchanges import LINKS, NO_TENANT, SKIP_TOKEN, Response
from providers.azure.client.guard import RequestGuard
from providers.azure.client.pace import READ_HEADERS
from scanner.collect.answer_files import JSON, SHARED, Exchange
from scanner.collect.answers import NOT_HELD, Recorder, Replay
from scanner.collect.table import Call


class NotRecorded(Exception):
    """The recording holds no answer to a request."""

    def __init__(self) -> None:
        super().__init__(NOT_HELD)


class Sender(Protocol):
    """Sends the requests to one host."""

    def send(self, call: Call, method: str, url: str, query: Any) -> Response:
        """The response; ``query`` is the body of a POST.

        Raises the SDK's ``AzureError`` where there is none, and :class:`NotRecorded`.
        """


@dataclass(frozen=True)
class Recordings:
    """Where exchanges are recorded, and what answers requests instead of Azure. By default neither."""

    recorder: Recorder | None = None
    replay: Replay | None = None
    kinds: Mapping[str, str] = field(default_factory=dict)
    """By the name of a call: the one kind that it belongs to."""

    def sender(
        self, host: str, base: str, tenant: str | None, guard: RequestGuard, client: Callable[[], Any]
    ) -> Sender:
        """The sender to the Resource Manager or Microsoft Graph, whose address is ``base``.

        ``client`` makes the SDK's client; it is not called if a recording answers.
        """
        sender: Sender = (
            SdkSender(client()) if self.replay is None else ReplaySender(self.replay, host, base, guard)
        )
        if self.recorder is None:
            return sender
        return RecordingSender(sender, self.recorder, host, tenant or NO_TENANT, guard, self.kinds)


class SdkSender:
    """Sends requests to Azure."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def send(self, call: Call, method: str, url: str, query: Any) -> Response:
        """The response of Azure."""
        from azure.core.rest import HttpRequest

        response = self._client.send_request(HttpRequest(method, url, json=query))
        headers = {name: response.headers[name] for name in READ_HEADERS if name in response.headers}
        return Response(response.status_code, headers, response.content)


class ReplaySender:
    """Answers requests from a recording, without a connection."""

    def __init__(self, replay: Replay, host: str, base: str, guard: RequestGuard) -> None:
        self._replay = replay
        self._host = host
        self._base = base
        self._guard = guard

    def send(self, call: Call, method: str, url: str, query: Any) -> Response:
        """The recorded response."""
        self._guard.check(method, url)
        exchange = self._replay.find("azure", call.name, exchanges.request(self._host, url, query))
        if exchange is None:
            raise NotRecorded
        return exchanges.response(exchange, self._host, self._base)


class RecordingSender:
    """Records every attempt of another sender.

    The cursors in page links are opaque, and may contain names of resources in an encoded form. So they are
    recorded as page numbers.
    """

    def __init__(
        self,
        sender: Sender,
        recorder: Recorder,
        host: str,
        tenant: str,
        guard: RequestGuard,
        kinds: Mapping[str, str],
    ) -> None:
        self._sender = sender
        self._recorder = recorder
        self._host = host
        self._tenant = tenant
        self._guard = guard
        self._kinds = kinds
        self._lock = threading.Lock()
        self._next_pages: dict[str, dict[str, JSON]] = {}
        """How the requests for next pages are recorded."""

    def send(self, call: Call, method: str, url: str, query: Any) -> Response:
        """The response of the other sender."""
        from azure.core.exceptions import AzureError

        with self._lock:
            next_page = self._next_pages.get(_key(url, query))
        about = next_page or exchanges.request(self._host, url, query)
        try:
            response = self._sender.send(call, method, url, query)
        except AzureError as error:
            self._record(Exchange(call.name, about, None, exchanges.recorded_exception(error)))
            raise
        if response.status == 200:
            answer = exchanges.recorded_answer(response, self._next_page(response, about, url, query))
            self._record(Exchange(call.name, about, answer, None))
        else:
            self._record(Exchange(call.name, about, None, exchanges.recorded_refusal(response)))
        return response

    def _record(self, exchange: Exchange) -> None:
        kind = self._kinds.get(exchange.call, SHARED)
        self._recorder.record("azure", kind, exchanges.scope(exchange.about, self._tenant), exchange)

    def _next_page(
        self, response: Response, about: Mapping[str, JSON], url: str, query: Any
    ) -> Mapping[str, JSON]:
        """The link to the next page as it is recorded, by its name in the body; empty if there is none."""
        try:
            body = json.loads(response.content)
        except ValueError:
            return {}
        name = LINKS[self._host] if query is None else SKIP_TOKEN
        cursor = body.get(name) if isinstance(body, dict) else None
        if not cursor or not isinstance(cursor, str):
            return {}
        if query is not None:
            key = _key(url, {**query, "options": {**query["options"], SKIP_TOKEN: cursor}})
        elif self._guard.permits("GET", cursor):
            key = _key(cursor, None)
        else:
            return {}  # The client refuses the link, and must refuse it from the recording too.
        with self._lock:
            # A link that was seen before keeps its page: paging in a circle is recorded as a circle.
            following = self._next_pages.setdefault(key, {**about, "page": about.get("page", 1) + 1})
        return {name: exchanges.link(following) if query is None else following["page"]}


def _key(url: str, query: Any) -> str:
    return url if query is None else json.dumps([url, query], sort_keys=True)
