"""Errors of a JSON API as the exceptions of the SDK, so that they mean the same as those of gRPC."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from providers.gcp.client.messages import DETAILS, from_error, is_detail

_CODES: Mapping[int, str] = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "UNAVAILABLE",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
"""The gRPC status codes: https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto; of 408
and 502 that of the other ones that may succeed if they are sent again:
https://cloud.google.com/storage/docs/retry-strategy."""
_QUOTA = frozenset({"dailyLimitExceeded", "quotaExceeded", "rateLimitExceeded", "userRateLimitExceeded"})
_OFF = frozenset({"accessNotConfigured", "usageLimits.accessNotConfigured", "SERVICE_DISABLED"})
"""Reasons of an API that is not enabled, and of quotas, which may have status 403 as well:
https://cloud.google.com/storage/docs/json_api/v1/status-codes."""
_CONSUMER = re.compile(r"\bproject ([a-z0-9:.-]+) before or it is disabled")


def from_http(status: int, headers: Mapping[str, str], content: bytes) -> Exception:
    """The exception of an unsuccessful response: the status decides, and the details and reasons of the body
    (``error.details``, ``error.errors``), which older APIs have instead of details."""
    error = _error(content)
    message = str(error.get("message") or f"HTTP status {status}").encode("utf-8", "replace").decode()
    reasons = set(_reasons(error))
    code = _CODES.get(status, "UNKNOWN")
    if status == 403 and reasons & _QUOTA:
        code = "RESOURCE_EXHAUSTED"
    given = error.get("details")
    details = [each for each in (given if isinstance(given, list) else []) if is_detail(each)]
    if status == 403 and reasons & _OFF and not any("reason" in each for each in details):
        consumer = _CONSUMER.search(message)
        metadata = {
            "service": "storage.googleapis.com",
            **({"consumer": f"projects/{consumer[1]}"} if consumer else {}),
        }
        info = {"reason": "SERVICE_DISABLED", "domain": "googleapis.com", "metadata": metadata}
        details.append({"@type": f"{DETAILS}ErrorInfo", **info})
    delay = headers.get("Retry-After", "")
    if re.fullmatch(r"[0-9]{1,6}", delay):
        details.append({"@type": f"{DETAILS}RetryInfo", "retryDelay": f"{delay}s"})
    return from_error({"code": code, "message": message, "details": details})


def _error(content: bytes) -> Mapping[str, Any]:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, dict) else {"message": error} if isinstance(error, str) else {}


def _reasons(error: Mapping[str, Any]) -> Iterator[str]:
    given = error.get("errors")
    for each in given if isinstance(given, list) else []:
        if isinstance(each, dict) and isinstance(each.get("reason"), str):
            yield each["reason"]
