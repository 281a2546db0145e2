"""Answers of AWS that are written down as data: found by their request, and sent as AWS does."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import MutableMapping
from functools import cache
from typing import Any

from providers.aws.client.recording import from_json
from providers.sandbox.aws.faults import Answer
from providers.sandbox.aws.operations import body, region
from providers.sandbox.recorded import states
from scanner.collect.answer_files import Exchange
from scanner.collect.answers import Replay


class RecordedAnswers:
    """The answers of the sample account's states."""

    def __init__(self) -> None:
        found = states("aws")
        self._replay = Replay(found)
        self._calls = frozenset(exchange.call for state in found for exchange in state.answers)
        self._loading = threading.Lock()

    def answer(self, name: str, environ: MutableMapping[str, Any]) -> Answer | None:
        """The response to a request of an operation; ``None`` for an operation that is not written down. What
        no state answers, such as a listing in another region, is empty."""
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
    from moto.core.exceptions import ServiceException
    from moto.core.serialize import get_serializer_class

    of = model.operation_model(operation)
    serializer = get_serializer_class(model.service_name, protocol)(operation_model=of)
    if exchange.error is None:
        status, result = 200, from_json(of.output_shape, exchange.answer)
    else:
        status = exchange.error["status"]
        result = ServiceException(exchange.error.get("code", ""), exchange.error.get("message", ""))
    sent = serializer.serialize(result)
    content = sent["body"]
    kind = {name.lower(): value for name, value in dict(sent["headers"]).items()}["content-type"]
    return Answer(status, kind, content if isinstance(content, bytes) else content.encode())
