"""HTTP exchanges with Azure in the form in which they are recorded.

This is the level below everything of ours: the status, the body and the few headers that are read, and the
exceptions of the SDK. Retries, paging and the translation of failures are above it, and run the same from a
recording.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from providers.azure.client.calls import ArmCall, DirectoryCall
from providers.azure.client.privacy import without_personal_data
from scanner.collect.answer_files import JSON, Exchange

RESOURCE_MANAGER = "resource manager"
MICROSOFT_GRAPH = "microsoft graph"
LINKS = {RESOURCE_MANAGER: ArmCall.next_page, MICROSOFT_GRAPH: DirectoryCall.next_page}
"""The field that holds the URL of the next page, by host."""
NO_TENANT = "unknown"
"""Stands for the tenant if the token does not state it."""
SKIP_TOKEN = "$skipToken"
"""Where a query, and the answer to one, state the next page."""
_PAGE = "$page"
"""The parameter of recorded page links; Azure has none of this name."""
_EXPLANATION = ("code", "message", "details")
_EXCEPTIONS = (
    "AzureError",
    "ClientAuthenticationError",
    "DecodeError",
    "HttpResponseError",
    "IncompleteReadError",
    "ServiceRequestError",
    "ServiceRequestTimeoutError",
    "ServiceResponseError",
    "ServiceResponseTimeoutError",
)
"""The exceptions of azure-core that take only a message."""


@dataclass(frozen=True)
class Response:
    """A response of any status."""

    status: int
    headers: Mapping[str, str]
    """Those in :data:`~providers.azure.client.pace.READ_HEADERS`, by these names."""
    content: bytes


def request(host: str, url: str, query: Any) -> dict[str, JSON]:
    """What distinguishes a request: host, path and parameters; of a query also its text and subscriptions.

    ``page`` is the page that a recorded link names; the first one has none.
    """
    parts = urlsplit(url)
    parameters = dict(parse_qsl(parts.query, keep_blank_values=True))
    page = parameters.pop(_PAGE, None)
    about: dict[str, JSON] = {"host": host, "path": unquote(parts.path), "parameters": {**parameters}}
    if query is not None:
        page = query["options"].get(SKIP_TOKEN)
        about |= {"subscriptions": sorted(query["subscriptions"]), "query": query["query"]}
    if page is not None:
        number = str(page)
        about["page"] = int(number) if number.isascii() and number.isdigit() else number
    return about


def link(about: Mapping[str, JSON]) -> str:
    """The recorded link to the page that the request is about: path and parameters.

    Quotes as little as possible: where the names of resources are replaced, they must be found here too.
    """
    path = about["path"]
    for sign in "%?#":
        path = path.replace(sign, quote(sign))
    parameters = {**about["parameters"], _PAGE: str(about["page"])}
    query = "&".join(f"{name}={quote(value, safe='$,/')}" for name, value in parameters.items())
    return f"{path}?{query}"


def scope(about: Mapping[str, JSON], tenant: str) -> str:
    """The subscription that a request is about; the tenant if it is about several or none."""
    if "subscriptions" in about:
        return str(about["subscriptions"][0]) if len(about["subscriptions"]) == 1 else tenant
    steps = about["path"].split("/")
    return steps[2].lower() if len(steps) > 2 and steps[1].lower() == "subscriptions" else tenant


def recorded_answer(response: Response, more: Mapping[str, JSON]) -> JSON:
    """A response with status 200; ``more`` replaces keys of its body."""
    try:
        body = json.loads(response.content, parse_constant=_not_a_number)
    except ValueError:
        return {"status": response.status, **_headers(response), **_not_json(response)}
    if isinstance(body, dict):
        body = {**body, **more}
    return {"status": response.status, **_headers(response), "body": without_personal_data(body)}


def recorded_refusal(response: Response) -> dict[str, JSON]:
    """A response with any other status: what explains it, without dates and request IDs."""
    error: dict[str, JSON] = {"status": response.status, **_headers(response)}
    try:
        body = json.loads(response.content, parse_constant=_not_a_number)
    except ValueError:
        return {**error, **_not_json(response)}
    stated = body.get("error", body) if isinstance(body, dict) else {}
    if not isinstance(stated, dict):
        stated = {"message": stated}
    return {**error, **{name: stated[name] for name in _EXPLANATION if name in stated}}


def recorded_exception(error: Exception) -> dict[str, JSON]:
    """An exception of the SDK: the nearest class that can be raised again."""
    names = (cls.__name__ for cls in type(error).__mro__)
    name = next((name for name in names if name in _EXCEPTIONS), _EXCEPTIONS[0])
    return {"exception": name, "message": str(error)}


def response(exchange: Exchange, host: str, base: str) -> Response:
    """The recorded response, its link to the next page completed with ``base``, the address of ``host``.

    Raises the SDK's exception if that was recorded. The exchange is one in which :func:`mistake` finds none.
    """
    if exchange.error is None:
        answer: JSON = exchange.answer
        body = answer.get("body")
        name = LINKS[host]
        next_page = body.get(name) if isinstance(body, Mapping) else None
        if isinstance(body, Mapping) and isinstance(next_page, str) and next_page.startswith("/"):
            body = {**body, name: f"{base}{next_page}"}
        return _response(answer, body)
    if "exception" in exchange.error:
        raise_again(exchange.error)
    explanation = {name: exchange.error[name] for name in _EXPLANATION if name in exchange.error}
    return _response(exchange.error, {"error": explanation})


def raise_again(error: Mapping[str, JSON]) -> NoReturn:
    """Raises a recorded exception of the SDK."""
    from azure.core import exceptions

    known: type[Exception] = getattr(exceptions, error["exception"])
    raise known(str(error.get("message", "")))


def mistake(exchange: Exchange) -> str | None:
    """Why a recorded exchange cannot be replayed; ``None`` if it can."""
    about, answer, error = exchange.about, exchange.answer, exchange.error
    if about.get("host", RESOURCE_MANAGER) not in tuple(LINKS):
        return f"about.host: expected {' or '.join(LINKS)}"
    if error is not None:
        return mistake_in_exception(error) if "exception" in error else _mistake_in_response(error, "error")
    if not isinstance(answer, Mapping) or ("body" in answer) is ("text" in answer):
        return "answer: expected a mapping with either a body or a text"
    return _mistake_in_response(answer, "answer")


def mistake_in_exception(error: Mapping[str, JSON]) -> str | None:
    """Why a recorded exception cannot be raised; ``None`` if it can."""
    if error.get("exception") in _EXCEPTIONS:
        return None
    return f"error.exception: expected one of {', '.join(_EXCEPTIONS)}"


def _mistake_in_response(recorded: Mapping[str, JSON], name: str) -> str | None:
    status = recorded.get("status", 200)
    headers = recorded.get("headers", {})
    if type(status) is not int or (status == 200) is (name == "error"):
        return f"{name}.status: expected {'the number of an error' if name == 'error' else '200 or nothing'}"
    if not isinstance(headers, Mapping) or not all(isinstance(value, str) for value in headers.values()):
        return f"{name}.headers: expected a mapping of texts"
    if not isinstance(recorded.get("text", ""), str):
        return f"{name}.text: expected text"
    return None


def _response(recorded: Mapping[str, JSON], body: JSON) -> Response:
    content = recorded.get("text", json.dumps(body))
    return Response(recorded.get("status", 200), recorded.get("headers", {}), content.encode())


def _headers(response: Response) -> dict[str, JSON]:
    return {"headers": {**response.headers}} if response.headers else {}


def _not_a_number(text: str) -> NoReturn:
    """``NaN`` and ``Infinity``, which Python reads, are no JSON and cannot be recorded as such."""
    raise ValueError(text)


def _not_json(response: Response) -> dict[str, JSON]:
    """Only how it begins: a secret in the rest could not be recognised by its key."""
    return {"text": "{" if response.content.lstrip().startswith(b"{") else ""}
