"""Errors of Google Cloud's APIs: status codes, messages and details."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers.gcp.client.calls import GcpCall
from providers.sandbox import Fault

_UID = "eYhDkfYCu-dOCjuj8X4Am9-spkxs0-kX5YnhAJmc3PZ7pmNNfSsqtQ"


def error(fault: Fault, call: GcpCall, resource: str) -> Any:
    """The ``google.rpc.Status`` of a fault, as described in https://cloud.google.com/apis/design/errors."""
    service = "orgpolicy" if call.operation == "GetEffectivePolicy" else "cloudasset"
    api = f"{service}.googleapis.com"
    if fault == "denied":
        metadata = {"permission": call.permission, "resource": resource}
        text = f"Permission '{call.permission}' denied on resource '{resource}' (or it may not exist)."
        return _status(7, text, _info("IAM_PERMISSION_DENIED", api, metadata))
    if fault == "denied_by_organisation":
        text = f"Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: {_UID}"
        metadata = {"uid": _UID, "service": api, "consumer": resource}
        return _status(7, text, _violation(), _info("SECURITY_POLICY_VIOLATED", "googleapis.com", metadata))
    if fault == "expired":
        return _status(
            16, "Request had invalid authentication credentials.", _info("ACCESS_TOKEN_EXPIRED", api, {})
        )
    if fault == "throttled":
        text = (
            f"Quota exceeded for quota metric '{call.operation} Requests' and limit "
            f"'{call.operation} Requests per minute' of service '{api}'."
        )
        return _status(8, text, _info("RATE_LIMIT_EXCEEDED", "googleapis.com", {"service": api}))
    if fault == "reset":
        return _status(14, "recvmsg:Connection reset by peer")
    return _status(13, "Internal error encountered.")


def http_error(fault: Fault, call: GcpCall) -> tuple[int, dict[str, Any]]:
    """Status and body of a fault of the JSON API of Cloud Storage:
    https://cloud.google.com/storage/docs/json_api/v1/status-codes."""
    if fault == "denied":
        text = (
            f"reader@example.com does not have {call.permission} access to the Google Cloud project. "
            f"Permission '{call.permission}' denied on resource (or it may not exist)."
        )
        return _http(403, text, "forbidden")
    if fault == "denied_by_organisation":
        text = f"Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: {_UID}"
        return _http(403, text, "forbidden")
    if fault == "expired":
        return _http(401, "Invalid Credentials", "authError")
    if fault == "throttled":
        return _http(429, "The project exceeded the rate limit for listing keys.", "rateLimitExceeded")
    return _http(503, "We encountered an internal error. Please try again.", "backendError")


def http_refusal(error: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
    """Status and body of a recorded error."""
    status = {
        "INVALID_ARGUMENT": 400,
        "UNAUTHENTICATED": 401,
        "PERMISSION_DENIED": 403,
        "NOT_FOUND": 404,
        "RESOURCE_EXHAUSTED": 429,
    }.get(str(error.get("code")), 500)
    code, body = _http(status, str(error.get("message", "")), "refused")
    body["error"]["details"] = error.get("details", [])
    return code, body


def _http(status: int, message: str, reason: str) -> tuple[int, dict[str, Any]]:
    errors = [{"message": message, "domain": "global", "reason": reason}]
    return status, {"error": {"code": status, "message": message, "errors": errors}}


def service_disabled(consumer: str) -> Any:
    """The answer if the quota project has not enabled the Cloud Asset API."""
    text = (
        f"Cloud Asset API has not been used in project {consumer} before or it is disabled. Enable it by "
        f"visiting https://console.developers.google.com/apis/api/cloudasset.googleapis.com/overview"
        f"?project={consumer} then retry."
    )
    metadata = {"service": "cloudasset.googleapis.com", "consumer": f"projects/{consumer}"}
    return _status(7, text, _info("SERVICE_DISABLED", "googleapis.com", metadata))


def unknown_project(resource: str) -> Any:
    """The answer for a project that does not exist: the same as for one without access."""
    text = (
        f"Permission 'cloudasset.assets.listResource' denied on resource '{resource}' (or it may not exist)."
    )
    return _status(7, text)


def _status(code: int, message: str, *details: Any) -> Any:
    from google.protobuf.any_pb2 import Any as Packed
    from google.rpc.status_pb2 import Status

    status = Status(code=code, message=message)
    for detail in details:
        packed = Packed()
        packed.Pack(detail)
        status.details.append(packed)
    return status


def _info(reason: str, domain: str, metadata: dict[str, str]) -> Any:
    from google.rpc.error_details_pb2 import ErrorInfo

    return ErrorInfo(reason=reason, domain=domain, metadata=metadata)


def _violation() -> Any:
    from google.rpc.error_details_pb2 import PreconditionFailure

    violation = PreconditionFailure.Violation(type="VPC_SERVICE_CONTROLS", description=_UID)
    return PreconditionFailure(violations=[violation])
