"""The meaning of Google's status codes and details."""

from __future__ import annotations

from typing import Any

import pytest

from providers.gcp.client.calls import GcpCall
from providers.gcp.client.failures import from_api
from scanner.model.evidence import Cause

CALL = GcpCall("ListAssets", ("storage.googleapis.com/Bucket",))


def cause(code: str, message: str = "no", reason: str | None = None, **metadata: str) -> Cause:
    import grpc
    from google.api_core.exceptions import from_grpc_status
    from google.rpc.error_details_pb2 import ErrorInfo

    info: Any = ErrorInfo(reason=reason, domain="googleapis.com", metadata=metadata) if reason else None
    error = from_grpc_status(grpc.StatusCode[code], message, details=[info] if info else [], error_info=info)
    (found,) = from_api(CALL, error, "projects/batch-prod").causes
    return found


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("PERMISSION_DENIED", "denied"),
        ("UNAUTHENTICATED", "denied"),
        ("RESOURCE_EXHAUSTED", "throttled"),
        ("UNIMPLEMENTED", "unsupported"),
        ("NOT_FOUND", "error"),
        ("INVALID_ARGUMENT", "error"),
        ("FAILED_PRECONDITION", "error"),
        ("DEADLINE_EXCEEDED", "error"),
        ("UNAVAILABLE", "error"),
        ("INTERNAL", "error"),
        ("UNKNOWN", "error"),
        ("CANCELLED", "error"),
    ],
)
def test_what_a_code_means(code: str, reason: str) -> None:
    found = cause(code)
    assert (found.reason, found.call) == (reason, "cloudasset:ListAssets(storage.Bucket)")


def test_the_permission_is_the_one_that_google_names() -> None:
    assert cause("PERMISSION_DENIED").permission == "cloudasset.assets.listResource"
    text = "Permission 'resourcemanager.projects.get' denied on resource '//x' (or it may not exist)."
    assert cause("PERMISSION_DENIED", text).permission == "resourcemanager.projects.get"
    named = cause("PERMISSION_DENIED", "no", "IAM_PERMISSION_DENIED", permission="a.b.c")
    assert named.permission == "a.b.c"
    quota = cause("PERMISSION_DENIED", "no", "USER_PROJECT_DENIED", consumer="projects/5")
    assert quota.permission == "serviceusage.services.use"
    assert cause("UNAUTHENTICATED").permission is None


def test_a_perimeter_is_recognised_by_its_reason_or_message() -> None:
    assert cause("PERMISSION_DENIED", "no", "SECURITY_POLICY_VIOLATED").reason == "denied_by_organisation"
    words = "Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: abc"
    found = cause("PERMISSION_DENIED", words)
    assert (found.reason, found.permission) == ("denied_by_organisation", None)


def test_a_disabled_service_needs_no_permission() -> None:
    found = cause(
        "PERMISSION_DENIED",
        "Cloud Asset API has not been used",
        "SERVICE_DISABLED",
        service="cloudasset.googleapis.com",
        consumer="projects/5",
    )
    assert (found.reason, found.permission) == ("error", None)
    assert found.message.startswith("cloudasset.googleapis.com is not enabled on the quota project 5")
