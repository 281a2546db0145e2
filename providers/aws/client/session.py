"""The boto3 session of one account, its shared clients, and the hooks on every one of them."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Sequence, Set
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from providers.aws.client.calls import AwsCall
from providers.aws.client.failures import refused
from providers.aws.client.models import Models, models
from providers.aws.client.pace import ClientPace
from scanner.collect.provider import ConnectionRequest, Limits, is_loopback

FALLBACK_REGION = "us-east-1"
CONNECTIONS = 32


class NotInTables(Exception):
    """A call of an operation that no table lists. It is refused before it is sent."""

    def __init__(self, call: str) -> None:
        super().__init__(f"{call} is not among the calls that gapscan makes")
        self.call = call


class AwsClients:
    """One session and its clients, one per service and region, created on first use."""

    def __init__(
        self, session: Any, region: str, limits: Limits, allowed: Sequence[AwsCall], models: Models
    ) -> None:
        self.region = region
        """The region for calls to global services."""
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

    def report(self, called: Callable[[str], None]) -> None:
        """Reports the name of every call to ``called``, starting with the calls made so far."""
        with self._counting:
            early, self._early, self._report = self._early, Counter(), called
        for name in early.elements():
            called(name)

    def assume(self, role: str) -> None:
        """Switches the session to the role; its credentials are renewed before they expire."""
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

        fetcher = AssumeRoleCredentialFetcher(create, own, role, extra_args={"RoleSessionName": "gapscan"})
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
        client = session.client(service, region_name=region, config=_config(self._limits), **keys)
        _refuse_plaintext(client.meta.endpoint_url)
        self._add_hooks(service, client.meta.events)
        return client

    def _add_hooks(self, service: str, events: Any) -> None:
        """Hooks that refuse unlisted calls, count every call, pace it and check the response's format."""

        def guard(model: Any, **_: Any) -> None:
            if (service, model.name) not in self._allowed:
                raise NotInTables(f"{service}:{model.name}")

        def count(event_name: str, **_: Any) -> None:
            name = f"{service}:{event_name.rpartition('.')[2]}"
            with self._counting:
                report = self._report
                if report is None:
                    self._early[name] += 1
            if report is not None:
                report(name)

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


def open_session(request: ConnectionRequest, limits: Limits, allowed: Sequence[AwsCall]) -> AwsClients:
    """A session with the request's profile, role and region. Raises what botocore raises."""
    import boto3
    from botocore.session import Session

    core = Session(profile=request.profile)
    allowed_models = models(core, allowed)
    allowed_models.restrict(core)
    session = boto3.Session(botocore_session=core)
    region = session.region_name or next(iter(request.regions), FALLBACK_REGION)
    clients = AwsClients(session, region, limits, allowed, allowed_models)
    if request.role is not None:
        clients.assume(request.role)
    return clients


def _config(limits: Limits) -> Any:
    from botocore.config import Config

    return Config(
        max_pool_connections=CONNECTIONS,
        connect_timeout=limits.connect_seconds,
        read_timeout=limits.read_seconds,
        retries={"mode": "standard", "total_max_attempts": limits.attempts},
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
