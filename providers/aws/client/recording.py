"""Recording and replay of AWS's answers, as botocore parses them: below all that handles them.

A request is about its region and its parameters. Answers have the fields of the API; timestamps are texts of
ISO 8601, and binary values are texts, or base64 where they are not UTF-8.
"""

from __future__ import annotations

import base64
import binascii
import builtins
import json
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import quote

from scanner.base.yaml import suggestion
from scanner.collect.answer_files import JSON, SHARED, Exchange
from scanner.collect.answers import NOT_HELD, Recorder, Replay

IDENTITY = "sts:GetCallerIdentity"
_SIGN_IN = "sts:AssumeRole"
_CREDENTIALS = "Credentials"
_REGION = "region"
_SELECTORS = ("profile", "role")
"""What else distinguishes requests for the caller's identity: they are sent with other credentials."""
_PARAMETERS = "gapscan_parameters"
"""The key of the parameters in botocore's context of a request."""
_BASE64 = "base64"
_EXCEPTION = "exception"
_BUILTIN = (
    "AttributeError",
    "Exception",
    "IndexError",
    "KeyError",
    "RuntimeError",
    "TypeError",
    "UnicodeDecodeError",
    "ValueError",
)


class NotRecorded(Exception):
    """The recording holds no answer to a request."""

    def __init__(self) -> None:
        super().__init__(NOT_HELD)


class AwsRecording:
    """Records the exchanges of one session; they wait until the account is known."""

    def __init__(self, recorder: Recorder, kinds: Mapping[str, str]) -> None:
        """``kinds``: the kind that a call belongs to, by the call's name."""
        self._recorder = recorder
        self._kinds = kinds
        self._lock = threading.Lock()
        self._account: str | None = None
        self._early: list[Exchange] = []

    def of(self, account: str) -> None:
        """Every exchange is from now on one of this account, and so are those before."""
        with self._lock:
            self._account, early, self._early = account, self._early, []
        for exchange in early:
            self._record(account, exchange)

    def add(self, exchange: Exchange) -> None:
        """Records an exchange."""
        with self._lock:
            account = self._account
            if account is None:
                self._early.append(exchange)
        if account is not None:
            self._record(account, exchange)

    def _record(self, account: str, exchange: Exchange) -> None:
        self._recorder.record("aws", self._kinds.get(exchange.call, SHARED), account, exchange)

    def listen(self, service: str, region: str, selectors: Mapping[str, str], events: Any) -> None:
        """Records every exchange of a client: its final answer, after all attempts."""

        def answered(http_response: Any, parsed: Any, model: Any, context: Any, **_: Any) -> None:
            call = f"{service}:{model.name}"
            about = about_request(call, region, selectors, context)
            if http_response.status_code >= 300:
                self.add(Exchange(call, about, None, _refusal(http_response.status_code, parsed)))
                return
            answer = to_json({name: each for name, each in parsed.items() if name != "ResponseMetadata"})
            if call == _SIGN_IN:
                del answer[_CREDENTIALS]
            self.add(Exchange(call, about, answer, None))

        def failed(exception: Exception, context: Any, event_name: str, **_: Any) -> None:
            call = f"{service}:{event_name.rpartition('.')[2]}"
            known = (each.__name__ for each in type(exception).__mro__ if each.__name__ in _exceptions())
            error = {_EXCEPTION: next(known, "Exception"), "message": str(exception)}
            self.add(Exchange(call, about_request(call, region, selectors, context), None, error))

        events.register_first("provide-client-params", _remember)
        # After botocore's own handlers, which parse the policy documents of IAM.
        events.register_last("after-call", answered)
        events.register_last("after-call-error", failed)


class AwsReplay:
    """Answers the requests of one session from a recording."""

    def __init__(self, replay: Replay, account: str) -> None:
        self._replay = replay
        self._account = account

    def listen(
        self,
        service: str,
        region: str,
        selectors: Mapping[str, str],
        events: Any,
        called: Callable[[str], None],
    ) -> None:
        """Answers every request of a client. Nothing is sent. ``called`` receives the name of each call."""

        def answer(model: Any, context: Any, **_: Any) -> Any:
            call = f"{service}:{model.name}"
            called(call)
            about = about_request(call, region, selectors, context)
            exchange = self._replay.find("aws", call, about, self._account)
            if exchange is None:
                raise NotRecorded
            if exchange.error is None:
                parsed = from_json(model.output_shape, exchange.answer)
                status = 200
            elif _EXCEPTION in exchange.error:
                raise _raised(exchange.error)
            else:
                status = _status(exchange.error)
                names = ("Code", "Message")
                error = {
                    name: exchange.error[name.lower()] for name in names if name.lower() in exchange.error
                }
                parsed = {"Error": error}
            metadata = {"HTTPStatusCode": status, "HTTPHeaders": {}, "RetryAttempts": 0}
            return _response(status), {**parsed, "ResponseMetadata": metadata}

        def refuse(**_: Any) -> None:
            raise RuntimeError("a replay sends no request")

        events.register_first("provide-client-params", _remember)
        events.register_first("before-call", answer)
        events.register_first("before-send", refuse)


def recorded_identity(
    replay: Replay, scopes: tuple[str, ...], selectors: Mapping[str, str]
) -> tuple[str, str, Mapping[str, str]]:
    """The account of a recording that a connection is about, the region that its scan started from, and the
    selectors of its identity.

    It is one of ``scopes`` if there are any. Raises :class:`NotRecorded` if no answer to GetCallerIdentity
    is recorded.
    """
    found: dict[str, tuple[str, Mapping[str, str]]] = {}
    exact: dict[str, tuple[str, Mapping[str, str]]] = {}
    for account, exchange in replay.exchanges("aws", IDENTITY):
        if exchange.error is None and (not scopes or account in scopes):
            recorded = {key: str(exchange.about[key]) for key in _SELECTORS if key in exchange.about}
            found[account] = (str(exchange.about.get(_REGION)), recorded)
            if recorded == selectors:
                exact[account] = found[account]
    # Other credentials may be those of any account: they are taken for the recorded ones of the only one.
    chosen = exact or (found if scopes or len(found) == 1 else {})
    for account in sorted(chosen):
        return account, *chosen[account]
    raise NotRecorded


def about_request(
    call: str, region: str, selectors: Mapping[str, str], context: Mapping[str, Any]
) -> dict[str, JSON]:
    """All that distinguishes a request from others of the call."""
    own = selectors if call == IDENTITY else {}
    return {_REGION: region, **own, **to_json(context.get(_PARAMETERS, {}))}


def mistake(exchange: Exchange, operation: Any) -> str | None:
    """What is wrong with a recorded exchange of an operation of botocore's model, if anything."""
    about = dict(exchange.about)
    if not isinstance(about.pop(_REGION, ""), str):
        return "about: region: expected text"
    if exchange.call == IDENTITY and _REGION not in exchange.about:
        return "about: region is missing: the one that the scan started from"
    parameters = operation.input_shape.members if operation.input_shape is not None else {}
    known = {*parameters, *(_SELECTORS if exchange.call == IDENTITY else ())}
    for name in about:
        if name not in known:
            return f"about: no parameter {name!r}{suggestion(name, known)}"
    try:
        if exchange.error is None:
            from_json(operation.output_shape, exchange.answer)
        elif _EXCEPTION in exchange.error:
            _raised(exchange.error)
        else:
            _status(exchange.error)
    except ValueError as error:
        return str(error)
    return None


def to_json(value: Any) -> Any:
    """A value of botocore as JSON."""
    if isinstance(value, Mapping):
        return {str(key): to_json(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(each) for each in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, (bytes, bytearray)):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return {_BASE64: base64.b64encode(value).decode()}
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    raise TypeError(f"no JSON value: {type(value).__name__}")


def from_json(shape: Any, value: Any, place: str = "answer") -> Any:
    """A recorded value as botocore's parsers return it for a shape of its models.

    Raises :class:`ValueError` for a value of another form, saying where it is.
    """
    if shape is None:
        if value:
            raise ValueError(f"{place}: expected an empty mapping")
        return {}
    kind = shape.type_name
    if kind == "structure":
        if not isinstance(value, Mapping):
            raise ValueError(f"{place}: expected a mapping")
        if getattr(shape, "is_document_type", False):
            return value
        return {
            name: from_json(_member(shape, name, place), each, f"{place}.{name}")
            for name, each in value.items()
        }
    if kind == "map":
        if not isinstance(value, Mapping):
            raise ValueError(f"{place}: expected a mapping")
        return {key: from_json(shape.value, each, f"{place}.{key}") for key, each in value.items()}
    if kind == "list":
        if not isinstance(value, list):
            raise ValueError(f"{place}: expected a list")
        return [from_json(shape.member, each, f"{place}.{number}") for number, each in enumerate(value)]
    return _scalar(shape, value, place)


def _member(shape: Any, name: str, place: str) -> Any:
    member = shape.members.get(name)
    if member is None:
        from botocore import __version__

        hint = suggestion(name, shape.members) or f" in the API that botocore {__version__} knows"
        raise ValueError(f"{place}: no field {name!r}{hint}")
    return member


def _scalar(shape: Any, value: Any, place: str) -> Any:
    kind = shape.type_name
    if kind == "timestamp":
        try:
            moment = datetime.fromisoformat(value)
        except (TypeError, ValueError):
            raise ValueError(f"{place}: expected a time such as 2026-11-22T12:00:00Z") from None
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    if kind == "blob":
        return _bytes(value, place)
    if kind == "string" and isinstance(value, (Mapping, list)):
        # A policy may be written as a mapping; IAM's documents are so recorded.
        text = json.dumps(value)
        return quote(text) if shape.name == "policyDocumentType" else text
    expected: tuple[tuple[type, ...], str] = _TYPES.get(kind, ((str,), "text"))
    if not isinstance(value, expected[0]) or (isinstance(value, bool) and bool not in expected[0]):
        raise ValueError(f"{place}: expected {expected[1]}")
    return value


_TYPES: Mapping[str, tuple[tuple[type, ...], str]] = {
    "boolean": ((bool,), "true or false"),
    "integer": ((int,), "a whole number"),
    "long": ((int,), "a whole number"),
    "float": ((int, float), "a number"),
    "double": ((int, float), "a number"),
}


def _bytes(value: Any, place: str) -> bytes:
    if isinstance(value, str):
        return value.encode()
    try:
        return base64.b64decode(value[_BASE64], validate=True)
    except (KeyError, TypeError, binascii.Error):
        raise ValueError(f"{place}: expected text, or base64 as {{{_BASE64}: …}}") from None


def _remember(params: Any, context: Any, **_: Any) -> None:
    context[_PARAMETERS] = to_json(params)


def _response(status: int) -> Any:
    from botocore.awsrequest import AWSResponse

    made: Any = AWSResponse
    return made(None, status, {}, None)


def _refusal(status: int, parsed: Mapping[str, Any]) -> dict[str, JSON]:
    """An error response as it is recorded."""
    error = parsed.get("Error", {})
    message = error.get("Message") or parsed.get("message")
    named = {"code": error.get("Code"), "message": message}
    return {"status": status, **{name: str(each) for name, each in named.items() if each is not None}}


def _status(error: Mapping[str, JSON]) -> int:
    status = error.get("status")
    if not isinstance(status, int) or not 300 <= status < 600:
        raise ValueError("error: status is no HTTP status of an error")
    for name in ("code", "message"):
        if not isinstance(error.get(name, ""), str):
            raise ValueError(f"error: {name}: expected text")
    return status


def _raised(error: Mapping[str, JSON]) -> Exception:
    """The recorded exception of the SDK. Raises :class:`ValueError` for an unknown one."""
    name = str(error[_EXCEPTION])
    found = _exceptions().get(name)
    if found is None:
        raise ValueError(f"error: no exception {name!r}{suggestion(name, _exceptions())}")
    message = str(error.get("message", ""))
    # Each of them has a constructor of its own, and makes its text of other arguments.
    made: Any = type(name, (found,), {"__str__": lambda self: message, "kwargs": {}})
    raised: Exception = made.__new__(made)
    return raised


@cache
def _exceptions() -> Mapping[str, type[Exception]]:
    """Every exception that a call through botocore can raise, by its name."""
    from botocore import exceptions, parsers

    named = {**vars(exceptions), **vars(parsers), **{name: getattr(builtins, name) for name in _BUILTIN}}
    named["JSONDecodeError"] = json.JSONDecodeError
    return {
        name: each
        for name, each in named.items()
        if isinstance(each, type) and issubclass(each, Exception) and each is not exceptions.ClientError
    }
