"""What a failed answer of Azure means: pure translation from status, code and message to Unknown."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from providers.azure.client.calls import ArmCall
from scanner.collect.collection import Call
from scanner.model.evidence import Reason, Unknown

_SECRETS = re.compile(
    r"(?i)(eyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?|bearer\s+\S+|"
    r"(?:sig|secret|client_secret|password|accountkey|access_token)=[^&\s;,]+)"
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
    """The text as one line without secrets, cut where it is too long."""
    line = _SECRETS.sub("***", " ".join(text.split()))
    return line if len(line) <= most else f"{line[: most - 1]}…"


def refused(call: Call, status: int, content: bytes) -> Unknown | None:
    """What an answer other than a success means; ``None`` where its code says "not configured".

    Codes: https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors.
    A 404 counts as absent only by a code that the call lists.
    """
    code, message = _told(content)
    if isinstance(call, ArmCall) and 400 <= status < 500 and code in call.absent:
        return None
    reason = _reason(status, code.lower(), message.lower())
    permission = None
    if reason == "denied":
        action = _ACTION.search(message)
        permission = action.group(1) if action else call.permission
    told = ": ".join(part for part in (f"{status} {code}".strip(), message) if part)
    return Unknown.because(reason, call.name, permission, one_line(told))


def unreadable(call: Call, what: str) -> Unknown:
    """An answer that came, but not in the form that the reference gives."""
    return Unknown.because("error", call.name, None, one_line(f"the answer cannot be read: {what}"))


def _reason(status: int, code: str, message: str) -> Reason:
    if code in _BY_ORGANISATION or (status == 403 and "deny assignment" in message):
        return "denied_by_organisation"
    if status == 401 and "locationcondition" in message:
        # Conditional Access, evaluated at Microsoft Graph itself, keeps the caller's network out.
        return "denied_by_organisation"
    if status == 429 or code in _THROTTLED:
        return "throttled"
    if status in (405, 501) or code in _UNSUPPORTED or (status == 403 and _UNLICENSED.search(message)):
        # No permission settles what the tenant has no licence for.
        return "unsupported"
    if status in (401, 403):
        return "denied"
    return "error"


def _told(content: bytes) -> tuple[str, str]:
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
        return {"message": "the error's own text cannot be read"}
    return body if isinstance(body, dict) else {}
