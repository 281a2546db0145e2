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
from scanner.collect.provider import Limits, Request, is_loopback

FALLBACK_REGION = "us-east-1"
CONNECTIONS = 32


class NotInTables(Exception):
    """An operation that no table lists was about to be called. It never leaves the machine."""

    def __init__(self, call: str) -> None:
        super().__init__(f"{call} is not among the calls that gapscan makes")
        self.call = call


class AwsClients:
    """One session and its clients: one for each service and region, created when first needed."""

    def __init__(
        self, session: Any, region: str, limits: Limits, allowed: Sequence[AwsCall], models: Models
    ) -> None:
        self.region = region
        """The region that is asked about what is global."""
        self._session = session
        self._limits = limits
        self._models = models
        self._allowed = {(call.service, call.method): call for call in allowed}
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
        """From now on tells ``called`` of every call by its name; first of those that were made before."""
        with self._counting:
            early, self._early, self._report = self._early, Counter(), called
        for name in early.elements():
            called(name)

    def assume(self, role: str) -> None:
        """From now on acts as the role; its credentials are renewed before they expire."""
        import boto3
        from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
        from botocore.exceptions import NoCredentialsError
        from botocore.session import Session

        source, session = self._session, Session()
        self._models.serve(session)
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
        """The client that a call goes to. Raises as :meth:`client`, or :class:`NotInTables`."""
        if (call.service, call.method) not in self._allowed:
            raise NotInTables(call.name)
        return self.client(call.service, region)

    def client(self, service: str, region: str | None) -> Any:
        """The client of a service in a region. Raises what botocore raises, or :class:`ValueError`."""
        key = (service, region or self.region)
        client = self._clients.get(key)
        if client is None:
            # Creating one is not thread-safe and costs CPU; using one is.
            with self._creating:
                client = self._clients.get(key)
                if client is None:
                    client = self._clients[key] = self._create(*key, self._session)
        return client

    def _create(self, service: str, region: str, session: Any, **keys: Any) -> Any:
        client = session.client(service, region_name=region, config=_config(self._limits), **keys)
        _refuse_plaintext(client.meta.endpoint_url)
        self._watch(service, client.meta.events)
        return client

    def _watch(self, service: str, events: Any) -> None:
        """Puts the hooks on a client: nothing but listed reads, every call counted, every form checked."""

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

        def form(operation_model: Any, response_dict: Any, **_: Any) -> None:
            name = operation_model.name
            call = self._allowed[(service, name)]
            # Emulators call the root by the operation, as other XML protocols do.
            roots = {call.root, f"{call.method}Response", f"{call.method}Result"} if call.root else set()
            flags = self._models.booleans(service, operation_model)
            _check_form(roots, flags, operation_model.service_model.resolved_protocol, response_dict)

        pace = ClientPace()

        def turn(**_: Any) -> None:
            pace.wait()

        def listen(response: Any, **_: Any) -> None:
            if response is not None and _says_throttled(*response):
                pace.throttled()

        events.register_first("before-parameter-build", guard)
        events.register_first("before-send", turn)
        events.register_last("before-send", count)
        events.register_first("needs-retry", listen)
        events.register_first("before-parse", form)
        if service == "s3control":
            events.register_first("before-sign", _keep_loopback_host)


def open_session(request: Request, limits: Limits, allowed: Sequence[AwsCall]) -> AwsClients:
    """A session for the request's profile, role and region. Raises what botocore raises."""
    import boto3
    from botocore.session import Session

    core = Session(profile=request.profile)
    read = models(core, allowed)
    read.serve(core)
    session = boto3.Session(botocore_session=core)
    region = session.region_name or next(iter(request.regions), FALLBACK_REGION)
    clients = AwsClients(session, region, limits, allowed, read)
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


def _check_form(roots: Set[str], flags: Set[str], protocol: str, response: Any) -> None:
    """Raises :class:`ValueError` for a success whose body the SDK would quietly read as empty or false.

    botocore takes a JSON body that is cut off, and an XML body of another kind, for an answer without
    content; for some operations that would mean "not configured". And it takes every XML boolean but
    ``true`` for false: one that is written otherwise (S3's API reference has TRUE) is put right here.
    """
    if response["status_code"] >= 300:
        return
    if protocol in ("json", "rest-json"):
        if not isinstance(json.loads(response["body"]), dict):
            raise ValueError("the answer is not a JSON object")
    elif roots or flags:
        from xml.etree import ElementTree

        try:
            root = ElementTree.fromstring(response["body"])
        except ElementTree.ParseError as error:
            raise ValueError(f"the answer is not XML: {error}") from None
        if roots and root.tag.rpartition("}")[2] not in roots:
            raise ValueError(f"the answer is {root.tag}")
        if _put_right(flags, root):
            response["body"] = ElementTree.tostring(root)


def _put_right(flags: Set[str], root: Any) -> bool:
    """Writes the booleans as the SDK reads them; tells whether any was written otherwise."""
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


def _says_throttled(http: Any, parsed: Any) -> bool:
    error = parsed.get("Error", {})
    code, message = str(error.get("Code", "")), str(error.get("Message", ""))
    return http.status_code >= 400 and refused(code, http.status_code, message) == "throttled"


def _refuse_plaintext(endpoint: str) -> None:
    parts = urlsplit(endpoint)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        # Only scheme and host: the rest of the address may hold a password.
        place = f"{parts.scheme}://{parts.hostname}"
        raise ValueError(f"{place} is not encrypted; plain HTTP is only for this machine itself")


def _keep_loopback_host(request: Any, **_: Any) -> None:
    """S3 Control puts the account's id before the host; an address of this machine cannot have one."""
    parts = urlsplit(request.url)
    account, _, host = parts.netloc.partition(".")
    if account.isdigit() and len(account) == 12 and is_loopback(urlsplit(f"//{host}").hostname or ""):
        request.url = urlunsplit(parts._replace(netloc=host))
