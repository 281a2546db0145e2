"""The boto3 session of one account, its shared clients, and the hooks on every one of them."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from providers.aws.client.calls import AwsCall
from providers.aws.client.failures import refused
from providers.aws.client.models import Models, models
from providers.aws.client.pace import ClientPace
from providers.aws.client.recording import AwsRecording, AwsReplay, mistake, recorded_identity
from scanner.collect.answer_files import Exchange
from scanner.collect.answers import Replay
from scanner.collect.provider import ConnectionRequest, Limits, is_loopback

FALLBACK_REGION = "us-east-1"
CONNECTIONS = 32
SESSION_NAME = "gapscan"
"""Of an assumed role; the account's own log shows it."""


class NotInTables(Exception):
    """A call of an operation that no table lists. It is refused before it is sent."""

    def __init__(self, call: str) -> None:
        super().__init__(f"{call} is not among the calls that gapscan makes")
        self.call = call


class AwsClients:
    """One session and its clients, one per service and region, created on first use."""

    def __init__(
        self,
        session: Any,
        region: str,
        limits: Limits,
        allowed: Sequence[AwsCall],
        models: Models,
        selectors: Mapping[str, str] | None = None,
        answers: AwsRecording | AwsReplay | None = None,
    ) -> None:
        """``answers``: where they are recorded or come from; ``selectors``: what the credentials are chosen
        by, in a recording."""
        self.region = region
        """The region for calls to global services."""
        self._selectors = selectors or {}
        self._answers = answers
        self._session = session
        self._limits = limits
        self._models = models
        self._allowed = {(call.service, call.operation): call for call in allowed}
        self._creating = threading.Lock()
        self._counting = threading.Lock()
        self._clients: dict[tuple[str, str], Any] = {}
        self._early: Counter[str] = Counter()
        self._report: Callable[[str], None] | None = None

    @property
    def known_regions(self) -> frozenset[str]:
        """The regions, of every partition, that this version of the SDK knows of."""
        partitions = self._session.get_available_partitions()
        return frozenset(r for p in partitions for r in self._session.get_available_regions("ec2", p))

    def regions_of(self, partition: str) -> frozenset[str]:
        """The regions of a partition that this version of the SDK knows of."""
        return frozenset(self._session.get_available_regions("ec2", partition))

    def report(self, called: Callable[[str], None]) -> None:
        """Reports the name of every call to ``called``, starting with the calls made so far."""
        with self._counting:
            early, self._early, self._report = self._early, Counter(), called
        for name in early.elements():
            called(name)

    def reached(self, account: str) -> None:
        """The credentials belong to this account."""
        if isinstance(self._answers, AwsRecording):
            self._answers.of(account)

    def assume(self, role: str) -> None:
        """Switches the session to the role; its credentials are renewed before they expire."""
        if isinstance(self._answers, AwsReplay):
            self.client("sts", None).assume_role(RoleArn=role, RoleSessionName=SESSION_NAME)
            return
        import boto3
        from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
        from botocore.exceptions import NoCredentialsError
        from botocore.session import Session

        source, session = self._session, Session()
        self._models.restrict(session)
        own = source.get_credentials()
        if own is None:
            raise NoCredentialsError

        def create(service: str, **keys: Any) -> Any:
            return self._create(service, self.region, source, **keys)

        fetcher = AssumeRoleCredentialFetcher(create, own, role, extra_args={"RoleSessionName": SESSION_NAME})
        renewed = DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")
        # botocore has no public way to give a session credentials that renew themselves.
        vars(session)["_credentials"] = renewed
        self._session = boto3.Session(botocore_session=session)

    def of(self, call: AwsCall, region: str | None) -> Any:
        """The client for a call. Raises like :meth:`client`, or :class:`NotInTables`."""
        if (call.service, call.operation) not in self._allowed:
            raise NotInTables(call.name)
        return self.client(call.service, region)

    def client(self, service: str, region: str | None) -> Any:
        """The client of a service in a region. Raises what botocore raises, or :class:`ValueError`."""
        key = (service, region or self.region)
        client = self._clients.get(key)
        if client is None:
            # Creating a client is not thread-safe and costs CPU; using it is thread-safe.
            with self._creating:
                client = self._clients.get(key)
                if client is None:
                    client = self._clients[key] = self._create(*key, self._session)
        return client

    def _create(self, service: str, region: str, session: Any, **keys: Any) -> Any:
        replayed = isinstance(self._answers, AwsReplay)
        client = session.client(service, region_name=region, config=_config(self._limits, replayed), **keys)
        _refuse_plaintext(client.meta.endpoint_url)
        events = client.meta.events
        self._add_hooks(service, events)
        if isinstance(self._answers, AwsReplay):
            self._answers.listen(service, region, self._selectors, events, self._count)
        elif self._answers is not None:
            self._answers.listen(service, region, self._selectors, events)
        return client

    def _count(self, name: str) -> None:
        """Reports a call, or keeps it until :meth:`report`."""
        with self._counting:
            report = self._report
            if report is None:
                self._early[name] += 1
        if report is not None:
            report(name)

    def _add_hooks(self, service: str, events: Any) -> None:
        """Hooks that refuse unlisted calls, count every call, pace it and check the response's format."""

        def guard(model: Any, **_: Any) -> None:
            if (service, model.name) not in self._allowed:
                raise NotInTables(f"{service}:{model.name}")

        def count(event_name: str, **_: Any) -> None:
            self._count(f"{service}:{event_name.rpartition('.')[2]}")

        def check(operation_model: Any, response_dict: Any, **_: Any) -> None:
            name = operation_model.name
            call = self._allowed[(service, name)]
            # Emulators name the root after the operation, as other XML protocols do.
            roots = (
                {call.root, f"{call.operation}Response", f"{call.operation}Result"} if call.root else set()
            )
            flags = self._models.booleans(service, operation_model)
            _check_format(roots, flags, operation_model.service_model.resolved_protocol, response_dict)

        pace = ClientPace()

        def wait(**_: Any) -> None:
            pace.wait()

        def slow_down(response: Any, **_: Any) -> None:
            if response is not None and _is_throttled(*response):
                pace.throttled()

        events.register_first("before-parameter-build", guard)
        events.register_first("before-send", wait)
        events.register_last("before-send", count)
        events.register_first("needs-retry", slow_down)
        events.register_first("before-parse", check)
        if service == "s3control":
            events.register_first("before-sign", _keep_loopback_host)


def open_session(
    request: ConnectionRequest,
    limits: Limits,
    allowed: Sequence[AwsCall],
    kinds: Mapping[str, str] | None = None,
) -> AwsClients:
    """A session with the request's profile, role and region; ``kinds`` as in :class:`AwsRecording`.

    Raises what botocore raises; for a recording also ``NotRecorded`` and ``DocumentError``.
    """
    import boto3
    from botocore.session import Session

    # An account that the user names is enough to find its answers again.
    named = {} if request.scopes else {"profile": request.profile, "role": request.role}
    selectors: Mapping[str, str] = {key: value for key, value in named.items() if value is not None}
    core = Session(profile=request.profile) if request.replay is None else _session_of_replay()
    allowed_models = models(core, allowed)
    allowed_models.restrict(core)
    session = boto3.Session(botocore_session=core)
    answers: AwsRecording | AwsReplay | None = None
    if request.replay is not None:
        _check_recording(request.replay, core, allowed)
        account, region, selectors = recorded_identity(request.replay, request.scopes, selectors)
        answers = AwsReplay(request.replay, account)
    else:
        region = session.region_name or next(iter(request.regions), FALLBACK_REGION)
        if request.recorder is not None:
            answers = AwsRecording(request.recorder, kinds or {})
    clients = AwsClients(session, region, limits, allowed, allowed_models, selectors, answers)
    if request.role is not None:
        clients.assume(request.role)
    return clients


def _session_of_replay() -> Any:
    """A botocore session with no more of this machine's settings than the service models."""
    from botocore.session import Session

    nothing = (None, None, None, None)
    core = Session(session_vars=dict.fromkeys(("profile", "config_file", "credentials_file"), nothing))
    core.set_credentials("replay", "replay")
    return core


def _check_recording(replay: Replay, session: Any, allowed: Sequence[AwsCall]) -> None:
    """Raises ``DocumentError`` for an answer to another call, or of another form than AWS's."""
    calls = {call.name: call for call in allowed}
    services: dict[str, Any] = {}

    def wrong(exchange: Exchange) -> str | None:
        call = calls[exchange.call]
        service = services.get(call.service)
        if service is None:
            service = services[call.service] = session.get_service_model(call.service)
        return mistake(exchange, service.operation_model(call.operation))

    replay.check("aws", calls, wrong)


def _config(limits: Limits, replayed: bool) -> Any:
    from botocore.config import Config

    # The environment must not lead a replay to another endpoint, or to the metadata service.
    own: dict[str, Any] = {
        "defaults_mode": "legacy",
        "ignore_configured_endpoint_urls": True,
        "use_dualstack_endpoint": False,
        "use_fips_endpoint": False,
    }
    return Config(
        max_pool_connections=CONNECTIONS,
        connect_timeout=limits.connect_seconds,
        read_timeout=limits.read_seconds,
        retries={"mode": "standard", "total_max_attempts": limits.attempts},
        **(own if replayed else {}),
    )


def _check_format(roots: Set[str], flags: Set[str], protocol: str, response: Any) -> None:
    """Raises :class:`ValueError` for a success whose body the SDK would silently read as empty or false.

    botocore reads a truncated JSON body, and an XML body of another kind, as an empty response, which for
    some operations means "not configured". It also reads every XML boolean but ``true`` as false; other
    spellings (S3's API reference has TRUE) are normalised here.
    """
    if response["status_code"] >= 300:
        return
    if protocol in ("json", "rest-json"):
        if not isinstance(json.loads(response["body"]), dict):
            raise ValueError("the response is not a JSON object")
    elif roots or flags:
        from xml.etree import ElementTree

        try:
            root = ElementTree.fromstring(response["body"])
        except ElementTree.ParseError as error:
            raise ValueError(f"the response is not XML: {error}") from None
        if roots and root.tag.rpartition("}")[2] not in roots:
            raise ValueError(f"the response has the unexpected root element {root.tag}")
        if _normalise_booleans(flags, root):
            response["body"] = ElementTree.tostring(root)


def _normalise_booleans(flags: Set[str], root: Any) -> bool:
    """Writes the booleans as the SDK reads them; returns whether any changed."""
    changed = False
    for element in root.iter():
        name = element.tag.rpartition("}")[2]
        if name in flags:
            value = (element.text or "").strip().lower()
            if value not in ("true", "false"):
                raise ValueError(f"{name} is neither true nor false")
            changed = changed or element.text != value
            element.text = value
    return changed


def _is_throttled(http: Any, parsed: Any) -> bool:
    error = parsed.get("Error", {})
    code, message = str(error.get("Code", "")), str(error.get("Message", ""))
    return http.status_code >= 400 and refused(code, http.status_code, message) == "throttled"


def _refuse_plaintext(endpoint: str) -> None:
    parts = urlsplit(endpoint)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        # Only scheme and host: the rest of the address may contain a password.
        place = f"{parts.scheme}://{parts.hostname}"
        raise ValueError(f"{place} is not encrypted; plain HTTP is allowed only for loopback addresses")


def _keep_loopback_host(request: Any, **_: Any) -> None:
    """Removes the account id that S3 Control prepends to the host: a loopback address cannot have one."""
    parts = urlsplit(request.url)
    account, _, host = parts.netloc.partition(".")
    if account.isdigit() and len(account) == 12 and is_loopback(urlsplit(f"//{host}").hostname or ""):
        request.url = urlunsplit(parts._replace(netloc=host))
