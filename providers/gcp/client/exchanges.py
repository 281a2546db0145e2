"""Where answers come from: Google Cloud through its APIs, and recordings of what it answered."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from typing import Any, Protocol

from providers.gcp.client.calls import PATHS, GcpCall
from providers.gcp.client.json_api import JsonApi
from providers.gcp.client.messages import (
    UNREADABLE,
    from_about,
    from_answer,
    from_error,
    to_about,
    to_answer,
    to_error,
)
from providers.gcp.client.withheld import withheld
from scanner.collect.answer_files import Exchange
from scanner.collect.answers import NOT_HELD, Recorder, Replay

_TOKEN = "pageToken"
_FOLLOWING = "nextPageToken"
_PAGE = "page"
_NEXT_PAGE = "nextPage"
"""In recordings, numbers of pages in place of the tokens."""
_LABEL = re.compile(r"page-([0-9]+)")
"""The tokens in replayed answers."""


class NotRecorded(Exception):
    """The recording holds no answer to a request."""


class Service(Protocol):
    """Answers requests of the tables' calls."""

    @property
    def live(self) -> bool:
        """Whether the answer to a request that is sent again may be another if some time has passed."""

    def send(self, call: GcpCall, scope: str, request: Any, timeout: float) -> Any:
        """The response to a request, as the SDK returns it; raises what the SDK raises.

        ``scope`` is the project or the organisation that it is about; ``timeout`` in seconds. Raises
        :class:`NotRecorded` if a recording has no answer.
        """


class Sdk:
    """Cloud Asset Inventory, the Organization Policy API and the Cloud Storage JSON API."""

    live = True

    def __init__(self, assets: Any, policies: Any, storage: JsonApi | None = None) -> None:
        """``assets`` and ``policies`` are the SDK's clients."""
        self._assets = assets
        self._policies = policies
        self._storage = storage

    def send(self, call: GcpCall, scope: str, request: Any, timeout: float) -> Any:
        """Sends one request, once: the client itself decides what is sent again."""
        if call.operation in PATHS:
            assert self._storage is not None
            return self._storage.get(request, timeout)
        if call.operation == "GetEffectivePolicy":
            return self._policies.get_effective_policy(name=request.name, retry=None, timeout=timeout)
        if call.operation == "SearchAllResources":
            pager = self._assets.search_all_resources(request=request, retry=None, timeout=timeout)
        else:
            pager = self._assets.list_assets(request=request, retry=None, timeout=timeout)
        return next(iter(pager.pages))


class Recorded:
    """Another service whose answers and errors are recorded as they come, each attempt on its own.

    Page tokens are opaque, and may contain names in an encoded form: page numbers take their place.
    """

    def __init__(self, service: Service, recorder: Recorder, kinds: Mapping[str, str]) -> None:
        """``kinds``: the kind of resources that a call, by its name, is recorded under."""
        self._service = service
        self._recorder = recorder
        self._kinds = kinds
        self._lock = threading.Lock()
        self._pages: dict[str, int] = {}
        """The number of the page that a request for a following page asks for."""
        self.live = service.live

    def send(self, call: GcpCall, scope: str, request: Any, timeout: float) -> Any:
        """The other service's answer or error."""
        from google.api_core.exceptions import GoogleAPIError
        from google.auth.exceptions import GoogleAuthError

        about = to_about(request)
        number = self._number(call, about, 1)
        recorded = {name: value for name, value in about.items() if name != _TOKEN}
        if _TOKEN in about:
            recorded[_PAGE] = number
        try:
            response = self._service.send(call, scope, request, timeout)
        except (GoogleAPIError, GoogleAuthError, *UNREADABLE) as error:
            self._record(call, scope, Exchange(call.name, recorded, None, to_error(error)))
            raise
        try:
            answer = withheld(to_answer(response))
        except ValueError as error:
            # No JSON holds this answer, and so the mapping fails on it too.
            self._record(call, scope, Exchange(call.name, recorded, None, to_error(error)))
            return response
        if _FOLLOWING in answer:
            # A token that was seen before keeps its page, so that paging in a circle stays one.
            following = {**about, _TOKEN: answer.pop(_FOLLOWING)}
            answer[_NEXT_PAGE] = self._number(call, following, number + 1)
        self._record(call, scope, Exchange(call.name, recorded, answer, None))
        return response

    def _number(self, call: GcpCall, about: Mapping[str, Any], new: int) -> int:
        key = json.dumps([call.name, about], sort_keys=True)
        with self._lock:
            return self._pages.setdefault(key, new)

    def _record(self, call: GcpCall, scope: str, exchange: Exchange) -> None:
        self._recorder.record("gcp", self._kinds[call.name], scope, exchange)


class Replayed:
    """The answers of a recording: nothing is sent, and nothing is waited for."""

    live = False

    def __init__(self, replay: Replay) -> None:
        self._replay = replay

    def send(self, call: GcpCall, scope: str, request: Any, timeout: float) -> Any:
        """The recorded answer, or the recorded error again."""
        about = to_about(request)
        if (label := _LABEL.fullmatch(about.get(_TOKEN, ""))) is not None:
            del about[_TOKEN]
            about[_PAGE] = int(label[1])
        exchange = self._replay.find("gcp", call.name, about)
        if exchange is None:
            raise NotRecorded(NOT_HELD)
        found = _outcome(call.operation, exchange)
        if isinstance(found, Exception):
            raise found
        return found


def mistake(exchange: Exchange) -> str | None:
    """Why an exchange is none of a call of the tables; ``None`` if it is one."""
    operation = exchange.call.partition(":")[2].partition("(")[0]
    about = {name: value for name, value in exchange.about.items() if name != _PAGE}
    try:
        from_about(operation, about)
        _outcome(operation, exchange)
    except UNREADABLE as problem:
        return str(problem)
    return None


def _outcome(operation: str, exchange: Exchange) -> Any:
    """The response or the exception. Raises one of :data:`UNREADABLE` if the exchange holds neither."""
    if exchange.error is not None:
        return from_error(exchange.error)
    return from_answer(operation, _with_token(exchange.answer))


def _with_token(answer: Any) -> Any:
    if not isinstance(answer, Mapping) or _NEXT_PAGE not in answer:
        return answer
    number = answer[_NEXT_PAGE]
    if not isinstance(number, int) or number < 1:
        raise ValueError(f"{_NEXT_PAGE} is not the number of a page")
    rest = {name: value for name, value in answer.items() if name != _NEXT_PAGE}
    return {**rest, _FOLLOWING: f"page-{number}"}
