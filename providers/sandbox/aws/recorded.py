"""Answers of AWS that are written down as data: found by their request, and sent as AWS does."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import MutableMapping
from functools import cache
from typing import Any

from providers.aws.client.recording import from_json
from providers.sandbox.aws.faults import Answer, answer, refusal
from providers.sandbox.aws.operations import body, region
from scanner.collect.answer_files import Exchange, State
from scanner.collect.answers import Replay


class RecordedAnswers:
    """The answers of states of one account."""

    def __init__(self, found: tuple[State, ...], complete: bool) -> None:
        """``complete``: what no state answers, such as a listing elsewhere, is empty; else it fails."""
        self._complete = complete
        self._replay = Replay(found)
        self._calls = frozenset(exchange.call for state in found for exchange in state.answers)
        self._loading = threading.Lock()

    def answer(self, name: str, environ: MutableMapping[str, Any]) -> Answer | None:
        """The response to a request of an operation; ``None`` for an operation that is not written down."""
        if name not in self._calls:
            return None
        from moto.core.request import determine_request_protocol

        service, _, operation = name.partition(":")
        with self._loading:
            # Every region asks at once, and loading a model takes long.
            model = _model(service)
        protocol = determine_request_protocol(model, environ.get("CONTENT_TYPE"))
        asked = _parameters(model.operation_model(operation), protocol, environ)
        exchange = self._replay.find("aws", name, {"region": region(environ), **asked})
        if exchange is None and not self._complete:
            return answer("failing", name)
        if exchange is not None and (error := exchange.error) is not None:
            return refusal(service, error["status"], error.get("code", ""), error.get("message", ""))
        return _sent(model, operation, protocol, exchange or _empty(name, model.operation_model(operation)))


def _empty(name: str, operation: Any) -> Exchange:
    members = operation.output_shape.members
    return Exchange(name, {}, {key: [] for key, of in members.items() if of.type_name == "list"}, None)


@cache
def _model(service: str) -> Any:
    from moto.core.utils import get_service_model

    return get_service_model(service)


def _parameters(operation: Any, protocol: str, environ: MutableMapping[str, Any]) -> dict[str, Any]:
    from moto.core.parse import PROTOCOL_PARSERS
    from werkzeug.wrappers import Request

    content = body(environ)
    request = Request(dict(environ))
    template = operation.http.get("requestUri", "/").partition("?")[0]
    pattern = re.sub(r"\\\{(\w+)\\?\+?\\\}", r"(?P<\1>.+)", re.escape(template))
    match = re.fullmatch(pattern, request.path)
    parsed: dict[str, Any] = PROTOCOL_PARSERS[protocol](operation).parse(
        {
            "method": request.method,
            "values": request.values,
            "headers": request.headers,
            "body": content,
            "url_path": request.path,
            "url_params": match.groupdict() if match else {},
        }
    )
    environ["wsgi.input"] = io.BytesIO(content)
    return parsed


def _sent(model: Any, operation: str, protocol: str, exchange: Exchange) -> Answer:
    from moto.core.serialize import get_serializer_class

    of = model.operation_model(operation)
    serializer = get_serializer_class(model.service_name, protocol)(operation_model=of)
    result = from_json(of.output_shape, exchange.answer)
    sent = serializer.serialize(result)
    content = sent["body"]
    kind = {name.lower(): value for name, value in dict(sent["headers"]).items()}["content-type"]
    return Answer(200, kind, content if isinstance(content, bytes) else content.encode())
