"""The error responses of AWS, with the status and body of each protocol."""

from __future__ import annotations

import json
from dataclasses import dataclass
from xml.sax.saxutils import escape

from providers.sandbox import Fault

REQUEST_ID = "4442587FB7D0A2F9"
IDENTITY = "arn:aws:iam::111122223333:user/gapscan"
XML = "application/xml"
REST_JSON = ("account", "lambda", "eks")
"""Services whose error code is in a header."""
SCP = " with an explicit deny in a service control policy"
NOT_ALLOWED = " because no identity-based policy allows the {action} action"


@dataclass(frozen=True)
class Answer:
    """An HTTP response."""

    status: int
    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


def answer(fault: Fault, operation: str) -> Answer:
    """AWS's response for the faults with an error code: denials, ``expired``, ``throttled``, ``failing``."""
    service = operation.partition(":")[0]
    code, status = _code(fault, service)
    return refusal(service, status, code, _message(fault, operation))


def refusal(service: str, status: int, code: str, message: str) -> Answer:
    """An error response of a service."""
    if service == "s3":
        return Answer(status, XML, _s3(code, message))
    if service == "s3control":
        return Answer(status, XML, _wrapped("ErrorResponse", code, message))
    if service == "ec2":
        return Answer(status, "text/xml", _ec2(code, message))
    if service in ("sts", "iam", "rds", "redshift"):
        return Answer(status, "text/xml", _wrapped("ErrorResponse", code, message))
    if service in REST_JSON:
        headers = (("x-amzn-ErrorType", code),)
        return Answer(status, "application/json", json.dumps({"message": message}).encode(), headers)
    content = json.dumps({"__type": code, "Message": message}).encode()
    return Answer(status, "application/x-amz-json-1.1", content)


def malformed(content_type: str, body: bytes) -> Answer:
    """A success that is truncated in the middle; for a short body, an HTML page instead."""
    if len(body) > 200:
        return Answer(200, content_type, body[: len(body) // 2])
    return Answer(200, "text/html", b"<html><body>Sign in to continue</body></html>")


def _code(fault: Fault, service: str) -> tuple[str, int]:
    xml = service in ("s3", "s3control", "sts", "iam", "rds", "redshift")
    if fault in ("denied", "denied_by_organisation"):
        if service == "ec2":
            return "UnauthorizedOperation", 403
        return (
            ("AccessDenied", 403) if xml else ("AccessDeniedException", 403 if service in REST_JSON else 400)
        )
    if fault == "expired":
        # https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html and the S3 error list
        code = {
            "s3": "ExpiredToken",
            "s3control": "ExpiredToken",
            "sts": "ExpiredToken",
            "iam": "ExpiredToken",
            "rds": "ExpiredToken",
            "redshift": "ExpiredToken",
        }
        return code.get(service, "RequestExpired" if service == "ec2" else "ExpiredTokenException"), 400
    if fault == "throttled":
        return {
            "s3": ("SlowDown", 503),
            "s3control": ("SlowDown", 503),
            "ec2": ("RequestLimitExceeded", 503),
            "organizations": ("TooManyRequestsException", 400),
            "account": ("TooManyRequestsException", 429),
            "lambda": ("TooManyRequestsException", 429),
            "eks": ("ThrottlingException", 429),
        }.get(service, ("Throttling" if xml else "ThrottlingException", 400))
    return {
        "s3": ("InternalError", 500),
        "s3control": ("InternalError", 500),
        "ec2": ("InternalError", 500),
        "organizations": ("ServiceException", 500),
        "account": ("InternalServerException", 500),
        "lambda": ("ServiceException", 500),
        "eks": ("ServerException", 500),
    }.get(service, ("InternalFailure", 500))


def _message(fault: Fault, operation: str) -> str:
    action = operation.replace("s3control:", "s3:")
    refused = f"User: {IDENTITY} is not authorized to perform: {action}"
    if fault == "denied":
        return refused + NOT_ALLOWED.format(action=action)
    if fault == "denied_by_organisation":
        return refused + SCP
    if fault == "expired":
        return "The provided token has expired."
    if fault == "throttled":
        return "Please reduce your request rate." if operation.startswith("s3") else "Rate exceeded"
    return "We encountered an internal error. Please try again."


def _s3(code: str, message: str) -> bytes:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code>'
        f"<Message>{escape(message)}</Message><RequestId>{REQUEST_ID}</RequestId><HostId>sandbox</HostId></Error>"
    ).encode()


def _wrapped(root: str, code: str, message: str) -> bytes:
    return (
        f"<{root}><Error><Type>Sender</Type><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
        f"<RequestId>{REQUEST_ID}</RequestId></{root}>"
    ).encode()


def _ec2(code: str, message: str) -> bytes:
    return (
        f"<Response><Errors><Error><Code>{code}</Code><Message>{escape(message)}</Message></Error></Errors>"
        f"<RequestID>{REQUEST_ID}</RequestID></Response>"
    ).encode()
