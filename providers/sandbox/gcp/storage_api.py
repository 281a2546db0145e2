"""The Cloud Storage JSON API of the simulated cloud: an HTTP server on the loopback address."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from providers.gcp.client.calls import PATHS, GcpCall, Operation

_MALFORMED = b'{"kind": "storage#'
"""A body that ends too early."""


@dataclass(frozen=True)
class HttpAnswer:
    """A response, or what happens in place of one."""

    status: int = 200
    body: Mapping[str, Any] | None = None
    """``None``: the body is malformed."""
    instead: str | None = None
    """``hang`` or ``reset``."""


class StorageEndpoint:
    """A server that asks one function for each answer: of the call and its parameters."""

    def __init__(self, answer: Callable[[GcpCall, Mapping[str, str]], HttpAnswer]) -> None:
        stopped = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                asked = _asked(self.path)
                found = HttpAnswer(404, {"error": {"code": 404, "message": "Not Found"}})
                if asked is not None:
                    found = answer(*asked)
                if found.instead is not None:
                    self.close_connection = True
                    if found.instead == "hang":
                        stopped.wait(60)
                    return
                body = _MALFORMED if found.body is None else json.dumps(found.body).encode()
                self.send_response(found.status)
                self.send_header("Content-Type", "application/json; charset=UTF-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                return

        self._stopped = stopped
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="gcp-storage", daemon=True
        ).start()

    @property
    def port(self) -> int:
        """Of 127.0.0.1."""
        return int(self._server.server_port)

    def stop(self) -> None:
        """Stops the server and its hanging calls."""
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()


def _asked(url: str) -> tuple[GcpCall, Mapping[str, str]] | None:
    parts = urlsplit(url)
    for operation, template in _templates().items():
        match = template.fullmatch(parts.path)
        if match is not None:
            path = {name: unquote(value) for name, value in match.groupdict().items()}
            return GcpCall(operation, ()), {**path, **dict(parse_qsl(parts.query))}
    return None


def _templates() -> Mapping[Operation, re.Pattern[str]]:
    return {
        operation: re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))  # type: ignore[misc]
        for operation, path in PATHS.items()
    }
