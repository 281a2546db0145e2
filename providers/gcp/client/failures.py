"""Translates Google's errors into Unknown, by status code and details."""

from __future__ import annotations

import re
from typing import Any

from providers.gcp.client.calls import GcpCall
from scanner.collect.redaction import masked
from scanner.model.evidence import Reason, Unknown

NOT_ENABLED = "is not enabled on the quota project"
LONGEST_MESSAGE = 300
"""Maximum characters of a message."""

_PERMISSION = re.compile(r"[Pp]ermission '?`?([a-z][A-Za-z]*(?:\.[A-Za-z]+)+)'?`? denied")
_ACCESS = re.compile(r"does not have ([a-z][A-Za-z]*(?:\.[A-Za-z]+)+) access")
"""How Cloud Storage names it in older messages."""
_SECRETS = re.compile(
    r"(?i)\b(?:ya29\.[\w.-]+|eyJ[\w-]+\.[\w-]+\.[\w-]*|bearer\s+\S+|AIza[\w-]{20,}"
    r"|(?:access_token|refresh_token|id_token|client_secret|assertion)['\"]?\s*[=:]\s*\S+)"
)
_REASONS: dict[str, Reason] = {
    "UNAUTHENTICATED": "denied",
    "RESOURCE_EXHAUSTED": "throttled",
    "UNIMPLEMENTED": "unsupported",
}


def one_line(text: str) -> str:
    """The text as one truncated line, with anything that looks like a token removed."""
    line = masked(_SECRETS.sub("[removed]", " ".join(text.split())), "[removed]")
    return line if len(line) <= LONGEST_MESSAGE else line[: LONGEST_MESSAGE - 1] + "…"


def status(error: Any) -> str:
    """The name of the gRPC status code of an API error, e.g. ``PERMISSION_DENIED``."""
    code = getattr(error, "grpc_status_code", None)
    return code.name if code is not None else "UNKNOWN"


def disabled_service(error: Any) -> tuple[str, str] | None:
    """The disabled service and the project that pays for the calls (the quota project).

    Google reports it as PERMISSION_DENIED with the reason ``SERVICE_DISABLED``:
    https://cloud.google.com/apis/design/errors#error_info
    """
    if getattr(error, "reason", None) != "SERVICE_DISABLED":
        return None
    metadata = getattr(error, "metadata", None) or {}
    consumer = metadata.get("consumer", "projects/?")
    return metadata.get("service", "the API"), consumer.removeprefix("projects/")


def from_api(call: GcpCall, error: Any, where: str) -> Unknown:
    """Why a call failed.

    Sources: https://cloud.google.com/apis/design/errors (codes and details),
    https://cloud.google.com/vpc-service-controls/docs/troubleshooting (``SECURITY_POLICY_VIOLATED``).
    """
    code = status(error)
    message = one_line(f"{where}: {getattr(error, 'message', None) or error}")
    off = disabled_service(error)
    if off is not None:
        advice = one_line(f"{off[0]} {NOT_ENABLED} {off[1]}; enable it there")
        return Unknown.because("error", call.name, None, advice)
    if _perimeter(error):
        return Unknown.because("denied_by_organisation", call.name, None, message)
    if code == "PERMISSION_DENIED":
        return Unknown.because("denied", call.name, _permission(error) or call.permission, message)
    return Unknown.because(_REASONS.get(code, "error"), call.name, None, message)


def _perimeter(error: Any) -> bool:
    text = str(getattr(error, "message", "") or "")
    return (
        getattr(error, "reason", None) == "SECURITY_POLICY_VIOLATED"
        or "vpcServiceControlsUniqueIdentifier" in text
        or "prohibited by organization's policy" in text
        or "violates VPC Service Controls" in text
    )


def _permission(error: Any) -> str | None:
    if getattr(error, "reason", None) == "USER_PROJECT_DENIED":
        return "serviceusage.services.use"
    permission = (getattr(error, "metadata", None) or {}).get("permission")
    if permission:
        return str(permission)
    text = str(getattr(error, "message", "") or "")
    found = _PERMISSION.search(text) or _ACCESS.search(text)
    return found.group(1) if found else None
