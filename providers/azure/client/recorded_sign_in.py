"""The sign-in as it is recorded: the addresses of the cloud and the claims that are used, never the token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from providers.azure.client import exchanges
from providers.azure.client.endpoints import (
    AUTHORITY_VARIABLE,
    GRAPH_VARIABLE,
    MANAGER_VARIABLE,
    Endpoints,
    endpoints,
)
from providers.azure.client.senders import NotRecorded
from scanner.collect.answer_files import JSON, SHARED, Exchange
from scanner.collect.answers import Recorder, Replay

SIGN_IN = "Microsoft.Entra/Token"
_ABOUT: Mapping[str, JSON] = {"host": "sign-in"}
_ADDRESSES = {
    AUTHORITY_VARIABLE: "authority",
    MANAGER_VARIABLE: exchanges.RESOURCE_MANAGER,
    GRAPH_VARIABLE: exchanges.MICROSOFT_GRAPH,
}
_CLAIMS = ("oid", "appid", "azp", "upn", "tid")


@dataclass(frozen=True)
class SignIn:
    """A successful sign-in."""

    claims: Mapping[str, Any]
    time: datetime


def record_sign_in(recorder: Recorder | None, where: Endpoints, outcome: SignIn | Exception) -> None:
    """Records a sign-in or the SDK's exception; without a recorder nothing."""
    if recorder is None:
        return
    addresses = (urlsplit(one).netloc for one in (where.authority, where.manager, where.graph))
    cloud = {"cloud": dict(zip(_ADDRESSES.values(), addresses, strict=True))}
    if isinstance(outcome, Exception):
        error = {**exchanges.recorded_exception(outcome), **cloud}
        recorder.record("azure", SHARED, exchanges.NO_TENANT, Exchange(SIGN_IN, _ABOUT, None, error))
        return
    claims = {name: outcome.claims[name] for name in _CLAIMS if isinstance(outcome.claims.get(name), str)}
    answer = {**cloud, "time": outcome.time.isoformat(), "claims": claims}
    scope = claims.get("tid", exchanges.NO_TENANT)
    recorder.record("azure", SHARED, scope, Exchange(SIGN_IN, _ABOUT, answer, None))


def replayed_endpoints(replay: Replay) -> Endpoints:
    """The addresses of the recorded cloud; without a recorded sign-in those of the public cloud."""
    recorded = [exchange for _, exchange in replay.exchanges("azure", SIGN_IN)]
    return _endpoints(recorded[0]) if recorded else endpoints({})


def replayed_sign_in(replay: Replay) -> SignIn:
    """The recorded sign-in.

    Raises the SDK's exception if that was recorded, and
    :class:`~providers.azure.client.senders.NotRecorded`.
    """
    exchange = replay.find("azure", SIGN_IN, _ABOUT)
    if exchange is None:
        raise NotRecorded
    if exchange.error is not None:
        exchanges.raise_again(exchange.error)
    return _sign_in(exchange)


def mistake(exchange: Exchange) -> str | None:
    """Why a recorded exchange cannot be replayed; ``None`` if it can."""
    if exchange.call != SIGN_IN:
        return exchanges.mistake(exchange)
    if exchange.about != _ABOUT:
        return f"about: expected host: {_ABOUT['host']}"
    try:
        _endpoints(exchange)
        if exchange.error is not None:
            return exchanges.mistake_in_exception(exchange.error)
        _sign_in(exchange)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        return f"cannot be read: {type(error).__name__}: {error}"
    return None


def _endpoints(exchange: Exchange) -> Endpoints:
    """Where it names no address, that of the public cloud."""
    recorded: JSON = exchange.answer if exchange.error is None else exchange.error
    cloud = recorded.get("cloud", {})
    return endpoints({variable: cloud.get(name, "") for variable, name in _ADDRESSES.items()})


def _sign_in(exchange: Exchange) -> SignIn:
    """With the recorded time, so that what depends on the time is the same later."""
    answer: JSON = exchange.answer
    claims, time = answer["claims"], answer.get("time")
    if not isinstance(claims, Mapping):
        raise TypeError("claims")
    return SignIn(claims, datetime.now(UTC) if time is None else datetime.fromisoformat(time).astimezone(UTC))
