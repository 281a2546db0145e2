"""Signing in to Google Cloud, or to a recording of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from providers.gcp.client.calls import GcpCall
from providers.gcp.client.channel import SignedIn
from providers.gcp.client.exchanges import Recorded, Replayed, Sdk, Service, mistake
from scanner.base.yaml import suggestion
from scanner.collect.answer_files import SHARED, Exchange
from scanner.collect.answers import NOT_HELD, Recorder, Replay
from scanner.collect.provider import ConnectionRequest, Unreachable

SIGN_IN = "auth:ApplicationDefaultCredentials"
"""The name of signing in among recorded answers. Its answer is the address and the default project of the
credentials, never the credentials themselves."""

_ANSWER = ("identity", "project")
_REFUSAL = ("message", "advice", "no_credentials")
_NO_SCOPE = "none"
"""Stands for the scope where neither the request nor the credentials name a project."""


@dataclass(frozen=True)
class Session:
    """What answers, whose rights decide about it, and which projects are read if none is requested."""

    service: Service
    identity: str | None
    """The address of a service account or user; ``None`` if the credentials do not contain it."""
    scopes: tuple[str, ...]
    """The default project of the credentials; of a recording, every project that it was made of."""


def open_session(
    request: ConnectionRequest, sign_in: Callable[[], SignedIn], kinds: Mapping[str, str], identify: GcpCall
) -> Session:
    """Signs in, and records this and all that follows if the request has a recorder.

    ``kinds``: the kind of every call by its name. ``identify``: the call that connecting makes for each
    project. A recording answers without ``sign_in``. Raises ``Unreachable``, and
    :class:`~scanner.base.yaml.DocumentError` for a recording with calls or messages that do not exist.
    """
    recorder = request.recorder
    try:
        session = _live(sign_in()) if request.replay is None else _replayed(request.replay, kinds, identify)
    except Unreachable as error:
        if recorder is not None:
            refusal = {"message": error.message, "advice": error.advice}
            nothing = {"no_credentials": True} if error.no_credentials else {}
            _record(recorder, request.scopes, Exchange(SIGN_IN, {}, None, {**refusal, **nothing}))
        raise
    if recorder is None:
        return session
    default = session.scopes[0] if session.scopes else None
    answer = {"identity": session.identity, "project": default}
    _record(recorder, request.scopes or session.scopes, Exchange(SIGN_IN, {}, answer, None))
    return replace(session, service=Recorded(session.service, recorder, kinds))


def _record(recorder: Recorder, scopes: tuple[str, ...], exchange: Exchange) -> None:
    recorder.record("gcp", SHARED, scopes[0] if scopes else _NO_SCOPE, exchange)


def _live(signed_in: SignedIn) -> Session:
    default = (signed_in.project,) if signed_in.project else ()
    return Session(Sdk(signed_in.assets, signed_in.policies, signed_in.storage), signed_in.identity, default)


def _replayed(replay: Replay, kinds: Mapping[str, str], identify: GcpCall) -> Session:
    replay.check("gcp", (SIGN_IN, *kinds), _mistake)
    exchange = replay.find("gcp", SIGN_IN, {})
    if exchange is None:
        raise Unreachable("gcp", f"{SIGN_IN}: {NOT_HELD}.", "Use the recording with all of its files.")
    if exchange.error is not None:
        raise Unreachable(
            "gcp",
            str(exchange.error.get("message", "")),
            str(exchange.error.get("advice", "")),
            no_credentials=exchange.error.get("no_credentials") is True,
        )
    identity = exchange.answer.get("identity") if isinstance(exchange.answer, Mapping) else None
    # Its scopes would not do: what is above a project is recorded under the organisation.
    asked = [str(one.about.get("parent", "")) for _, one in replay.exchanges("gcp", identify.name)]
    scopes = dict.fromkeys(parent.removeprefix("projects/") for parent in asked)
    return Session(Replayed(replay), identity if isinstance(identity, str) else None, tuple(scopes))


def _mistake(exchange: Exchange) -> str | None:
    if exchange.call != SIGN_IN:
        return mistake(exchange)
    parts, names = (exchange.answer, _ANSWER) if exchange.error is None else (exchange.error, _REFUSAL)
    if not isinstance(parts, Mapping):
        return f"expected {', '.join(names)}"
    unknown = sorted(set(parts).difference(names))
    return f"unknown key {unknown[0]}{suggestion(unknown[0], names)}" if unknown else None
