"""The simulated AWS: moto's server behind a layer that counts calls, injects faults and adds responses."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, NoReturn
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from providers.sandbox import Fault
from providers.sandbox.aws import compute, keys
from providers.sandbox.aws.faults import IDENTITY, Answer, answer, malformed
from providers.sandbox.aws.identity import Identities
from providers.sandbox.aws.operations import body, operation, region
from providers.sandbox.aws.recorded import RecordedAnswers
from providers.sandbox.aws.seed import ACCOUNT, REGION, seed
from providers.sandbox.recorded import states

KEY_ID = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
HANG_SECONDS = 60.0
JSON = "application/x-amz-json-1.1"
ENABLED_BY_DEFAULT = frozenset(
    {
        "ap-northeast-1",
        "ap-northeast-2",
        "ap-northeast-3",
        "ap-south-1",
        "ap-southeast-1",
        "ap-southeast-2",
        "ca-central-1",
        "eu-central-1",
        "eu-north-1",
        "eu-west-1",
        "eu-west-2",
        "eu-west-3",
        "sa-east-1",
        "us-east-1",
        "us-east-2",
        "us-west-1",
        "us-west-2",
    }
)
"""Regions that need no opt-in (Account Management guide, "Enable or disable AWS Regions")."""


def no_fault(operation: str) -> Fault | None:
    """Injects no fault."""
    return None


class AwsSandbox:
    """One AWS account at a loopback endpoint. moto's state is per process: only one can run at a time."""

    def __init__(self, enabled: frozenset[str] = ENABLED_BY_DEFAULT) -> None:
        self.fault: Callable[[str], Fault | None] = no_fault
        self.enabled = enabled
        """The regions of the account, without those that it has not opted in to."""
        self.calls: Counter[str] = Counter()
        self.page_size = 1000
        """The maximum number of entries in a page of buckets, or of users, roles and policies."""
        self.identities = Identities(ACCOUNT)
        self.states: RecordedAnswers | None = None
        """Answer in place of the sample account, where they do."""
        self._company = RecordedAnswers(states("aws"), complete=True)
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._live = False
        self._server: Any = None
        self._moto: Any = None

    @property
    def environment(self) -> Mapping[str, str]:
        """Endpoint, region and fake credentials; no profile files and no instance metadata."""
        return {
            "AWS_ENDPOINT_URL": self._endpoint,
            "AWS_ACCESS_KEY_ID": KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def start(self) -> None:
        """Starts the server on a free port of 127.0.0.1 and creates the sample account."""
        from moto import settings
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import WSGIRequestHandler, make_server

        class Dispatcher(DomainDispatcherApplication):
            @lru_cache(maxsize=1000)  # noqa: B019  (moto reads its own folder for each request)
            def get_backend_for_host(self, host: str | None) -> Any:
                """The service that serves a host."""
                return super().get_backend_for_host(host)

        class Silent(WSGIRequestHandler):
            def log(self, type: str, message: str, *args: Any) -> None:
                """Logs nothing: the console belongs to the program."""

        # Amazon's machine images take half a second to make for each region, and nothing reads them.
        settings.ec2_load_default_amis = lambda: False
        _forget()
        self._moto = Dispatcher(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self, threaded=True, request_handler=Silent)
        self._server.daemon_threads = True
        self._server.log = lambda *_: None
        threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="sandbox-aws", daemon=True
        ).start()
        seed(self._endpoint, KEY_ID, SECRET, sorted(self.enabled), self.identities)
        self._live = True

    def stop(self) -> None:
        """Stops the server and releases hanging requests."""
        self._stopped.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            _forget()

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """Answers one request (WSGI)."""
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = ACCOUNT
        name = operation(environ)
        fault = None
        if self._live:
            with self._lock:
                self.calls[name] += 1
            fault = self.fault(name)
        if fault == "reset":
            _reset(environ)
        if fault == "hang":
            self._stopped.wait(HANG_SECONDS)
            fault = "failing"
        if fault is None:
            own = self._own(name, environ)
            return self._moto(environ, start) if own is None else _send(own, start)
        if fault == "malformed":
            return _send(malformed(*self._content(name, environ)), start)
        return _send(answer(fault, name), start)

    @property
    def _endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.port}"

    def _own(self, name: str, environ: dict[str, Any]) -> Answer | None:
        """The response where moto's differs from AWS's: paging and regions of buckets, enabled regions, the
        caller's identity, and others; else ``None``."""
        if self.states is not None and (found := self.states.answer(name, environ)) is not None:
            return found
        if name == "s3:ListBuckets":
            return self._buckets(environ)
        if name == "kms:GetKeyRotationStatus":
            key_id = json.loads(body(environ))["KeyId"]
            return Answer(200, JSON, keys.rotation(ACCOUNT, region(environ), key_id))
        if name == "lambda:GetRuntimeManagementConfig":
            config = compute.runtime_management(ACCOUNT, region(environ), environ["PATH_INFO"])
            return Answer(200, "application/json", config)
        if name == "ec2:DescribeRegions":
            return self._regions(b"AllRegions=true" in body(environ))
        if name == "sts:GetCallerIdentity" and f"={KEY_ID}/" in environ["HTTP_AUTHORIZATION"]:
            return _identity()
        if self._live and name.startswith(("iam:", "organizations:")):
            return self.identities.answer(name, body(environ), _organisation(), self.page_size)
        return self._company.answer(name, environ)

    def _content(self, name: str, environ: dict[str, Any]) -> tuple[str, bytes]:
        """Content type and body of the response without a fault."""
        own = self._own(name, environ)
        if own is not None:
            return own.content_type, own.body
        types: list[str] = []

        def start(status: str, headers: list[tuple[str, str]], *_: Any) -> None:
            types.extend(value for key, value in headers if key.lower() == "content-type")

        content = b"".join(self._moto(environ, start))
        return (types or ["application/xml"])[0], content

    def _buckets(self, environ: dict[str, Any]) -> Answer:
        from moto.s3.models import s3_backends

        query = parse_qs(environ.get("QUERY_STRING", ""))
        after = query.get("continuation-token", [""])[0]
        limited = "max-buckets" in query
        size = min(self.page_size, int(query["max-buckets"][0])) if limited else self.page_size
        stored = s3_backends[ACCOUNT]["aws"].buckets
        names = sorted(name for name in stored if name > after)
        entries = "".join(
            f"<Bucket><Name>{escape(name)}</Name>"
            f"<CreationDate>{stored[name].creation_date_ISO8601}</CreationDate>"
            # S3 returns the region only if the request has a parameter.
            + (f"<BucketRegion>{stored[name].region_name}</BucketRegion>" if query else "")
            + "</Bucket>"
            for name in names[:size]
        )
        more = f"<ContinuationToken>{names[size - 1]}</ContinuationToken>" if len(names) > size else ""
        content = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<ListAllMyBucketsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Owner><ID>sandbox</ID></Owner><Buckets>{entries}</Buckets>{more}</ListAllMyBucketsResult>"
        )
        return Answer(200, "application/xml", content.encode())

    def _regions(self, every: bool) -> Answer:
        """The enabled regions; with ``every``, those of the SDK that need an opt-in as well."""
        from botocore.session import Session

        opt_in = set(Session().get_available_regions("ec2")) - ENABLED_BY_DEFAULT
        items = "".join(
            f"<item><regionName>{name}</regionName><regionEndpoint>ec2.{name}.amazonaws.com</regionEndpoint>"
            f"<optInStatus>{_status(name)}</optInStatus></item>"
            for name in sorted(self.enabled | (opt_in if every else set()))
        )
        content = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<DescribeRegionsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
            f"<requestId>sandbox</requestId><regionInfo>{items}</regionInfo></DescribeRegionsResponse>"
        )
        return Answer(200, "text/xml", content.encode())


def _identity() -> Answer:
    content = (
        '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
        f"<GetCallerIdentityResult><Arn>{IDENTITY}</Arn><UserId>AIDASAMPLEUSEREXAMPLE</UserId>"
        f"<Account>{ACCOUNT}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
    )
    return Answer(200, "text/xml", content.encode())


def _organisation() -> str:
    """The id of the organisation, which moto generated."""
    from moto.organizations.models import organizations_backends

    made = organizations_backends[ACCOUNT]["aws"].org
    return "" if made is None else str(made.id)


def _status(region: str) -> str:
    return "opt-in-not-required" if region in ENABLED_BY_DEFAULT else "not-opted-in"


def _send(reply: Answer, start: Callable[..., Any]) -> Iterable[bytes]:
    headers = [("Content-Type", reply.content_type), ("Content-Length", str(len(reply.body))), *reply.headers]
    start(f"{reply.status} Sandbox", headers)
    return [reply.body]


def _reset(environ: Mapping[str, Any]) -> NoReturn:
    """Resets the connection without a response."""
    connection: socket.socket = environ["werkzeug.socket"]
    connection.shutdown(socket.SHUT_RDWR)
    raise ConnectionResetError


def _forget() -> None:
    """Resets moto's state, which is per process; generated ids are the same each time."""
    from moto.moto_api._internal import mock_random
    from moto.moto_api._internal.models import moto_api_backend

    moto_api_backend.reset()
    mock_random.seed(20261122)
