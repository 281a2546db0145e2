"""Error responses of Azure, with the bodies that the real one sends."""

from __future__ import annotations

import json
from typing import Any

from providers.sandbox import Fault
from providers.sandbox.azure.estate import CLIENT, PRINCIPAL

HANG_SECONDS = 60.0


def refused(fault: Fault, action: str, target: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of a Resource Manager error."""
    if fault == "denied":
        return _error(
            403,
            "AuthorizationFailed",
            f"The client '{CLIENT}' with object id '{PRINCIPAL}' does not have authorization to perform "
            f"action '{action}' over scope '{target}' or the scope is invalid. If access was recently "
            "granted, please refresh your credentials.",
        )
    if fault == "denied_by_organisation":
        return _error(
            403,
            "DenyAssignmentAuthorizationFailed",
            f"The client '{CLIENT}' with object id '{PRINCIPAL}' has permission to perform action "
            f"'{action}' on scope '{target}'; however, the access is denied because of the deny assignment "
            f"with name 'central-lockdown' and Id '00000000000000000000000000000d01' at scope '{target}'.",
        )
    if fault == "expired":
        return _error(401, "ExpiredAuthenticationToken", "The access token expiry UTC time is in the past.")
    if fault == "throttled":
        return _error(
            429,
            "TooManyRequests",
            "The request is being throttled as the limit has been reached for operation type - Read. "
            "For more information, see - https://aka.ms/srpthrottlinglimits",
        )
    if fault == "failing":
        return _error(500, "InternalServerError", "The server encountered an internal error. Please retry.")
    if fault == "malformed":
        return (200, {}, b'{"value": [{"id": "/subscriptions/0a0a')
    raise ValueError(fault)


def refused_graph(fault: Fault) -> tuple[int, dict[str, str], bytes]:
    """As :func:`refused`, from Resource Graph, whose throttling sends a quota and no Retry-After."""
    if fault == "throttled":
        status, headers, body = _error(
            429,
            "RateLimiting",
            "Please provide below info when asking for support: timestamp = 2026-01-01T00:00:00.0000000Z, "
            "correlationId = 00000000-0000-0000-0000-0000000000e1.",
            [{"code": "RateLimiting", "message": "Client application has been throttled."}],
        )
        quota = {"x-ms-user-quota-remaining": "0", "x-ms-user-quota-resets-after": "00:00:01"}
        return (status, {**headers, **quota}, body)
    if fault == "denied":
        return _error(
            403,
            "AccessDenied",
            "Please provide below info when asking for support.",
            [{"code": "AccessDenied", "message": "Access to one of the requested scopes is denied."}],
        )
    return refused(fault, "Microsoft.ResourceGraph/resources/read", "/")


def refused_token(fault: Fault) -> tuple[int, dict[str, str], bytes]:
    """As :func:`refused`, from the sign-in service, in OAuth format."""
    if fault in ("denied", "denied_by_organisation"):
        number = "7000215" if fault == "denied" else "53003"
        text = (
            "Invalid client secret provided. Ensure the secret being sent in the request is the client "
            f"secret value, not the client secret ID, for a secret added to app '{CLIENT}'."
            if fault == "denied"
            else "Access has been blocked by Conditional Access policies."
        )
        body = {
            "error": "invalid_client" if fault == "denied" else "invalid_grant",
            "error_description": f"AADSTS{number}: {text} Trace ID: 00000000-0000-0000-0000-0000000000e2",
            "error_codes": [int(number)],
        }
        return (401 if fault == "denied" else 400, {}, json.dumps(body).encode())
    if fault == "expired":
        text = "AADSTS7000222: The provided client secret keys for app are expired."
        body = {"error": "invalid_client", "error_description": text, "error_codes": [7000222]}
        return (401, {}, json.dumps(body).encode())
    if fault == "throttled":
        return (429, {}, json.dumps({"error": "temporarily_unavailable"}).encode())
    if fault == "failing":
        return (500, {}, json.dumps({"error": "server_error"}).encode())
    return (200, {}, b'{"token_type": "Bea')


def _error(
    status: int, code: str, message: str, details: list[dict[str, Any]] | None = None
) -> tuple[int, dict[str, str], bytes]:
    error: dict[str, Any] = {"code": code, "message": message}
    if details:
        error["details"] = details
    return (status, {}, json.dumps({"error": error}).encode())
