"""Classifies AWS failures: turns an error response into an Unknown, without secrets in its message."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from scanner.collect.redaction import masked
from scanner.model.evidence import Reason, Unknown

LONGEST_MESSAGE = 300

THROTTLED = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "ServiceQuotaExceededException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequests",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AllAccessDisabled",
        "AuthorizationError",
        "AuthorizationErrorException",
        "Forbidden",
        "NotAuthorized",
        "UnauthorizedAccess",
        "UnauthorizedException",
        "UnauthorizedOperation",
    }
)
"""Codes that mean denied whatever the HTTP status: the JSON protocols send them with 400."""
CREDENTIALS = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidToken",
        "MissingAuthenticationToken",
        "RequestExpired",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
        "UnrecognizedClientException",
    }
)
"""Codes that reject the credentials themselves: no permission resolves them."""
UNSUPPORTED = frozenset(
    {
        "InvalidAction",
        "NotImplemented",
        "NotImplementedException",
        "UnknownOperation",
        "UnknownOperationException",
        "UnsupportedOperation",
        "UnsupportedOperationException",
    }
)
ORGANISATION = re.compile(r"(service|resource) control polic(y|ies)", re.IGNORECASE)
"""Names of an SCP or RCP in AWS's messages, for an explicit deny and for a missing allow (IAM user guide,
"Troubleshoot access denied error messages")."""
ENCODED = re.compile(r"\s*Encoded authorization failure message:.*", re.DOTALL)
SECRET = re.compile(
    r"(AKIA|ASIA)[A-Z0-9]{12,}|(?i:(signature|token|secret|credential)s?['\"]?\s*[=:]\s*['\"]?[\w+/=%-]{8,})"
)

USER_INFO = re.compile(r"//(?:[^\s/@:]*:\S*|[^\s/]*)@")
"""User name and password of a URL, even with an unencoded ``/`` or ``@`` in the password."""


def refused(code: str, status: int, message: str) -> Reason:
    """The reason of a refusal, from the error code, HTTP status and message."""
    if code in THROTTLED or status == 429:
        return "throttled"
    # An operation that the endpoint does not know; some emulators report it without a code of their own.
    if code in UNSUPPORTED or status == 501 or "not yet implemented" in message.lower():
        return "unsupported"
    if code in DENIED or code in CREDENTIALS or status in (401, 403):
        return "denied_by_organisation" if ORGANISATION.search(message) else "denied"
    return "error"


def from_response(response: Mapping[str, Any], call: str, permission: str | None) -> Unknown:
    """The Unknown of an error response as botocore parses it (``ClientError.response``)."""
    error = response.get("Error", {})
    code = str(error.get("Code", ""))
    message = str(error.get("Message") or response.get("message") or "")
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    reason = refused(code, status, message)
    missing = permission if reason == "denied" and code not in CREDENTIALS else None
    return Unknown.because(reason, call, missing, one_line(f"{code}: {message}" if message else code))


def one_line(text: str) -> str:
    """The text as one short line without secrets."""
    bare = masked(USER_INFO.sub("//***@", ENCODED.sub("", text)))
    line = " ".join(SECRET.sub("***", bare).split())
    return line if len(line) <= LONGEST_MESSAGE else line[: LONGEST_MESSAGE - 1] + "…"
