"""Translates a failed Azure response (status, code, message) to Unknown."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from providers.azure.client.calls import ArmCall, DirectoryCall
from scanner.collect.redaction import masked
from scanner.collect.table import Call
from scanner.model.evidence import Reason, Unknown

_SECRETS = re.compile(
    r"(?i)(eyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?|bearer\s+\S+|"
    r"(?:sig|secret|client_?secret|password|accountkey|access_?token)[\"']?\s*[:=]\s*[\"']?[^&\s;,\"']+)"
)
_ACTION = re.compile(r"(?:perform action|permission to perform action\(s\)) '([A-Za-z0-9./*-]+)'")

_BY_ORGANISATION = frozenset(
    {"denyassignmentauthorizationfailed", "requestdisallowedbypolicy", "disallowedbypolicy"}
)
_THROTTLED = frozenset({"toomanyrequests", "ratelimiting", "subscriptionrequeststhrottled", "serverbusy"})
_UNLICENSED = re.compile(r"premium license|not licensed")
_UNSUPPORTED = frozenset(
    {
        "authentication_requestfromnonpremiumtenantorb2ctenant",
        "featurenotsupportedforaccount",
        "invalidapiversionparameter",
        "invalidresourcetype",
        "noregisteredproviderfound",
        "notsupported",
        "unsupportedapiversion",
    }
)


def one_line(text: str, most: int = 300) -> str:
    """The text as one line without secrets, truncated to ``most`` characters."""
    line = masked(_SECRETS.sub("***", " ".join(text.split())))
    return line if len(line) <= most else f"{line[: most - 1]}…"


def refused(call: Call, status: int, content: bytes) -> Unknown | None:
    """The Unknown for an unsuccessful response; ``None`` if its code means "not configured".

    Codes: https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors.
    A 404 means absent only if the call lists its code.
    """
    code, message = _error(content)
    if isinstance(call, ArmCall | DirectoryCall) and 400 <= status < 500 and code in call.absent:
        return None
    reason = _reason(status, code.lower(), message.lower())
    permission = None
    if reason == "denied":
        action = _ACTION.search(message)
        permission = action.group(1) if action else call.permission
    text = ": ".join(part for part in (f"{status} {code}".strip(), message) if part)
    return Unknown.because(reason, call.name, permission, one_line(text))


def unreadable(call: Call, what: str) -> Unknown:
    """The Unknown for a response that does not have the documented format."""
    return Unknown.because("error", call.name, None, one_line(f"the response cannot be read: {what}"))


def _reason(status: int, code: str, message: str) -> Reason:
    if code in _BY_ORGANISATION or (status == 403 and "deny assignment" in message):
        return "denied_by_organisation"
    if status == 401 and "locationcondition" in message:
        # Conditional Access, evaluated by Microsoft Graph itself, blocks the caller's network.
        return "denied_by_organisation"
    if status == 429 or code in _THROTTLED:
        return "throttled"
    if status in (405, 501) or code in _UNSUPPORTED or (status == 403 and _UNLICENSED.search(message)):
        # No permission helps if the tenant lacks the licence.
        return "unsupported"
    if status in (401, 403):
        return "denied"
    return "error"


def _error(content: bytes) -> tuple[str, str]:
    body = _object(content)
    error = body.get("error", body)
    if not isinstance(error, Mapping):
        error = {"message": error}
    code = error.get("code")
    message = error.get("message")
    details = error.get("details")
    more = [
        str(detail["message"])
        for detail in (details if isinstance(details, list) else [])
        if isinstance(detail, Mapping) and isinstance(detail.get("message"), str)
    ]
    text = " ".join(part for part in (message, *more) if isinstance(part, str))
    return (code if isinstance(code, str) else "", text)


def _object(content: bytes) -> Mapping[str, Any]:
    text = content.decode("utf-8", "replace").strip()
    if not text.startswith("{"):
        return {}
    try:
        body = json.loads(text)
    except ValueError:
        return {"message": "the error body is not valid JSON"}
    return body if isinstance(body, dict) else {}
