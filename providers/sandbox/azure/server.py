"""A simulated Azure on the loopback address: sign-in, Resource Manager and Resource Graph over HTTPS."""

from __future__ import annotations

import base64
import json
import re
import shutil
import socket
import struct
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from providers.azure.client import exchanges
from providers.sandbox import Fault
from providers.sandbox.azure import directory
from providers.sandbox.azure.answers import GRAPH_PATH, OPERATIONS, Answers, RequestRejected, query_name
from providers.sandbox.azure.estate import CLIENT, PRINCIPAL, TENANT, sample_estate
from providers.sandbox.azure.faults import HANG_SECONDS, refused, refused_graph, refused_token
from scanner.collect.answers import Replay

TOKEN = "Microsoft.Entra/Token"
DISCOVERY = "Microsoft.Entra/Discovery"
_SECRET = "sandbox-secret-of-no-value"
Reply = tuple[int, dict[str, str], bytes]


class AzureSandbox:
    """One simulated Azure with the sample company's subscription."""

    def __init__(self) -> None:
        self.fault: Callable[[str], Fault | None] = lambda operation: None
        self.calls: Counter[str] = Counter()
        self.estate = sample_estate()
        self.states: Replay | None = None
        """Answer in place of the sample company, but for signing in."""
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._server: ThreadingHTTPServer | None = None
        self._folder: Path | None = None
        self._token = _token()

    @property
    def base(self) -> str:
        """The server's address."""
        assert self._server is not None, "the sandbox has not been started"
        return f"https://127.0.0.1:{self._server.server_address[1]}"

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that point azure-identity and the scanner at the running sandbox."""
        return {
            "AZURE_AUTHORITY_HOST": self.base,
            "AZURE_TENANT_ID": TENANT,
            "AZURE_CLIENT_ID": CLIENT,
            "AZURE_CLIENT_SECRET": _SECRET,
            "AZURE_RESOURCE_MANAGER_URL": self.base,
            "AZURE_GRAPH_URL": self.base,
            "REQUESTS_CA_BUNDLE": str(self._folder / "certificate.pem") if self._folder else "",
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }

    def start(self) -> None:
        """Starts the server on a free port of 127.0.0.1."""
        import ssl

        from providers.sandbox.azure.certificate import write_certificate

        self._folder = Path(tempfile.mkdtemp(prefix="gapscan-sandbox-"))
        certificate, key = write_certificate(self._folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server = _Server(("127.0.0.1", 0), self._handler())
        # The handshake happens in each connection's own thread, not in the one that accepts.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        self._server = server
        threading.Thread(target=server.serve_forever, args=(0.05,), name="sandbox-azure", daemon=True).start()

    def stop(self) -> None:
        """Stops the server and removes its certificate."""
        self._ended.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def reply(self, method: str, target: str, authorization: str, body: bytes) -> Reply | None:
        """The reply to a request; ``None`` resets the connection."""
        parts = urlsplit(target)
        path = unquote(parts.path)
        parameters = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if path.lower() == GRAPH_PATH and method == "POST":
            return self._graph(authorization, body)
        if method == "GET" and path.endswith("/.well-known/openid-configuration"):
            return self._sign_in_reply(DISCOVERY, lambda: self._discovery(path))
        if method == "POST" and path.endswith("/oauth2/v2.0/token"):
            return self._sign_in_reply(TOKEN, lambda: self._issue_token(path, body))
        if path.startswith((directory.PREFIX, directory.BETA)):
            return self._directory(method, path, parameters, authorization, target)
        return self._get(method, path, parameters, authorization, target)

    def _directory(
        self, method: str, path: str, parameters: Mapping[str, str], authorization: str, target: str
    ) -> Reply | None:
        known = directory.operation(path, parameters) if method == "GET" else None
        if known is None:
            self._record_call(f"{method} {path}")
            return directory.error(400, "BadRequest", "Resource not found for the segment.")
        fault = self._record_call(known[0])
        if fault in ("reset", "hang"):
            self._wait_if_hanging(fault)
            return None
        if fault is not None:
            return directory.refused(fault, *known)
        if self.states is not None:
            return self._recorded([known[0]], exchanges.MICROSOFT_GRAPH, target)
        if authorization != f"Bearer {self._token}":
            message = "Access token validation failure. Invalid audience."
            return directory.error(401, "InvalidAuthenticationToken", message)
        try:
            body = directory.answer(self.estate.tenant, self.base, path, parameters, self.estate.page)
        except directory.NotFound as missing:
            message = f"Resource '{missing}' does not exist."
            return directory.error(404, "Request_ResourceNotFound", message)
        return (200, {}, json.dumps(body).encode())

    def _graph(self, authorization: str, body: bytes) -> Reply | None:
        body_json = json.loads(body)
        operation = query_name(str(body_json.get("query")))
        fault = self._record_call(operation)
        if fault in ("reset", "hang"):
            self._wait_if_hanging(fault)
            return None
        if fault is not None:
            return refused_graph(fault)
        if self.states is not None:
            return self._recorded([operation], exchanges.RESOURCE_MANAGER, GRAPH_PATH, body_json)
        return self._answer(authorization, lambda answers: answers.graph(body_json))

    def _get(
        self, method: str, path: str, parameters: Mapping[str, str], authorization: str, target: str
    ) -> Reply | None:
        if self.states is not None and method == "GET":
            return self._recorded(_read(path), exchanges.RESOURCE_MANAGER, target)
        known = [one for one in OPERATIONS if one.path.fullmatch(path.lower())]
        if method != "GET" or not known:
            self._record_call(f"{method} {path}")
            return _error(
                RequestRejected(404, "InvalidResourceType", "The resource type could not be found.")
            )
        operation = known[0]
        fault = self._record_call(operation.name)
        if fault in ("reset", "hang"):
            self._wait_if_hanging(fault)
            return None
        if fault is not None:
            return refused(fault, operation.action, path)
        version = parameters.get("api-version", "")
        if version not in operation.versions:
            message = f"The api-version '{version}' is invalid."
            return _error(RequestRejected(400, "InvalidApiVersionParameter", message))
        return self._answer(authorization, lambda answers: answers.get(operation, path, parameters))

    def _recorded(self, operations: Iterable[str], host: str, target: str, query: Any = None) -> Reply:
        """The reply of the states; what they do not answer fails."""
        about = exchanges.request(host, f"{self.base}{target}", query)
        for operation in operations:
            if self.states is not None and (found := self.states.find("azure", operation, about)) is not None:
                reply = exchanges.response(found, host, self.base)
                return (reply.status, dict(reply.headers), reply.content)
        return (500, {}, b"{}")

    def _answer(self, authorization: str, answer: Callable[[Answers], Any]) -> Reply:
        if authorization != f"Bearer {self._token}":
            message = "The access token is invalid."
            return _error(RequestRejected(401, "InvalidAuthenticationToken", message))
        try:
            body = answer(Answers(self.estate, self.base))
        except RequestRejected as refusal:
            return _error(refusal)
        quota = {"x-ms-user-quota-remaining": "14", "x-ms-user-quota-resets-after": "00:00:05"}
        return (200, quota, json.dumps(body).encode())

    def _sign_in_reply(self, operation: str, answer: Callable[[], Reply]) -> Reply | None:
        fault = self._record_call(operation)
        if fault in ("reset", "hang"):
            self._wait_if_hanging(fault)
            return None
        return answer() if fault is None else refused_token(fault)

    def _discovery(self, path: str) -> Reply:
        tenant = path.split("/")[1]
        if tenant != TENANT:
            return _oauth(400, "invalid_tenant", f"AADSTS90002: Tenant '{tenant}' not found.")
        base = f"{self.base}/{tenant}"
        body = {
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
            "issuer": f"{base}/v2.0",
            "jwks_uri": f"{base}/discovery/v2.0/keys",
            "tenant_region_scope": "EU",
        }
        return (200, {}, json.dumps(body).encode())

    def _issue_token(self, path: str, body: bytes) -> Reply:
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        if form.get("client_id") != CLIENT:
            text = f"AADSTS700016: Application with identifier '{form.get('client_id')}' was not found."
            return _oauth(400, "unauthorized_client", text)
        if form.get("client_secret") != _SECRET:
            return _oauth(401, "invalid_client", "AADSTS7000215: Invalid client secret provided.")
        if not form.get("scope", "").startswith("https://127.0.0.1:"):
            return _oauth(400, "invalid_resource", "AADSTS500011: The resource principal was not found.")
        answer = {
            "token_type": "Bearer",
            "expires_in": 3599,
            "ext_expires_in": 3599,
            "access_token": self._token,
        }
        return (200, {}, json.dumps(answer).encode())

    def _record_call(self, operation: str) -> Fault | None:
        with self._lock:
            self.calls[operation] += 1
        return self.fault(operation)

    def _wait_if_hanging(self, fault: Fault) -> None:
        if fault == "hang":
            self._ended.wait(HANG_SECONDS)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        sandbox = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Otherwise small writes wait for an acknowledgement.
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                self._serve()

            do_POST = do_PUT = do_DELETE = do_PATCH = do_GET

            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                reply = sandbox.reply(self.command, self.path, self.headers.get("Authorization") or "", body)
                if reply is None:
                    self.close_connection = True
                    reset = struct.pack("ii", 1, 0)
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                status, headers, content = reply
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *arguments: Any) -> None:
                """Writes nothing."""

        return Handler


def _read(path: str) -> Iterator[str]:
    """The calls of the tables that read a path; first the one whose path says most."""
    return (name for pattern, name in _reads() if pattern.fullmatch(path))


@cache
def _reads() -> Sequence[tuple[re.Pattern[str], str]]:
    from providers.azure.client.calls import ArmCall, Digest
    from providers.azure.scopes import OTHER_CALLS
    from providers.azure.tables import COLLECTORS

    every = {call for table in COLLECTORS for call in table.calls(table.kind.facets())} | {*OTHER_CALLS}
    plain = {call.call if isinstance(call, Digest) else call for call in every}
    found = sorted((call for call in plain if isinstance(call, ArmCall)), key=_literal, reverse=True)
    return [(re.compile(_PLACES.sub("[^?]+", call.path), re.IGNORECASE), call.name) for call in found]


_PLACES = re.compile(r"\{\w+\}")


def _literal(call: Any) -> int:
    """How much of a call's path is fixed."""
    return len(_PLACES.sub("", call.path))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignores clients that disconnect."""


def _error(refusal: RequestRejected) -> Reply:
    body = {"error": {"code": refusal.code, "message": str(refusal)}}
    return (refusal.status, {}, json.dumps(body).encode())


def _oauth(status: int, error: str, description: str) -> Reply:
    return (status, {}, json.dumps({"error": error, "error_description": description}).encode())


def _token() -> str:
    """An unsigned JSON Web Token with claims."""
    claims = {"oid": PRINCIPAL, "appid": CLIENT, "tid": TENANT, "idtyp": "app"}
    parts = ({"alg": "none", "typ": "JWT"}, claims)
    encoded = (base64.urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in parts)
    return ".".join((*encoded, "c2FuZGJveA"))
