"""Access to the sample project: its policy, service accounts, their keys, and a custom role."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from providers.sandbox.gcp.asset import Asset, asset

_KEY = "iam.googleapis.com/ServiceAccountKey"
_FOREVER = "9999-12-31T23:59:59Z"


def policy(identifier: str, number: str) -> Mapping[str, Any]:
    """The project's policy, with Data Access audit logs for all services."""
    accounts = f"{identifier}.iam.gserviceaccount.com"
    return {
        "version": 3,
        "etag": "BwYCcnf5oMo=",
        "bindings": [
            {"role": "roles/owner", "members": ["user:batch-lead@example.com"]},
            {
                "role": "roles/resourcemanager.projectIamAdmin",
                "members": ["user:migration-vendor@example.net"],
            },
            {"role": "roles/compute.admin", "members": ["group:cloud-admins@example.com"]},
            {
                "role": "roles/editor",
                "members": [
                    f"serviceAccount:{number}@cloudservices.gserviceaccount.com",
                    f"serviceAccount:{number}-compute@developer.gserviceaccount.com",
                ],
            },
            {
                "role": "roles/viewer",
                "members": ["group:data-team@example.com", "user:batch-oncall@example.com"],
            },
            {"role": "roles/iam.serviceAccountTokenCreator", "members": [f"serviceAccount:ci@{accounts}"]},
            {
                "role": f"projects/{identifier}/roles/batchOperator",
                "members": ["group:data-team@example.com"],
            },
            {
                "role": "organizations/123456789012/roles/costViewer",
                "members": ["group:support@example.net"],
            },
            {
                "role": "roles/logging.viewer",
                "members": ["serviceAccount:collector@security-logs.iam.gserviceaccount.com"],
            },
            {
                "role": "roles/storage.objectViewer",
                "members": ["group:support@example.net"],
                "condition": {
                    "title": "until the migration ends",
                    "expression": 'request.time < timestamp("2026-01-01T00:00:00Z")',
                },
            },
            {
                "role": "roles/compute.serviceAgent",
                "members": [f"serviceAccount:service-{number}@compute-system.iam.gserviceaccount.com"],
            },
            {
                "role": "roles/browser",
                "members": ["deleted:user:former-oncall@example.com?uid=123456789012345678901"],
            },
        ],
        "auditConfigs": [
            {
                "service": "allServices",
                "auditLogConfigs": [
                    {"logType": "ADMIN_READ"},
                    {"logType": "DATA_READ"},
                    {"logType": "DATA_WRITE"},
                ],
            }
        ],
    }


def assets(identifier: str, above: Sequence[str]) -> list[Asset]:
    """Service accounts, keys and the custom roles."""
    role = f"projects/{identifier}/roles/batchOperator"
    return [
        account(identifier, "ci", "108000000000000000001", above),
        account(identifier, "exporter", "108000000000000000002", above),
        account(identifier, "retired", "108000000000000000003", above, disabled=True),
        key(identifier, "ci", "108000000000000000001", "4a1f", "2022-03-14T10:00:00Z", _FOREVER, above),
        key(
            identifier,
            "exporter",
            "108000000000000000002",
            "5b2e",
            "2025-10-20T08:00:00Z",
            "2099-01-18T08:00:00Z",
            above,
        ),
        key(
            identifier,
            "exporter",
            "108000000000000000002",
            "6c3d",
            "2024-02-01T08:00:00Z",
            _FOREVER,
            above,
            disabled=True,
        ),
        key(identifier, "retired", "108000000000000000003", "7d4c", "2021-06-01T08:00:00Z", _FOREVER, above),
        key(
            identifier,
            "ci",
            "108000000000000000001",
            "8e5b",
            "2025-11-15T04:00:00Z",
            "2025-12-01T04:00:00Z",
            above,
            kind="SYSTEM_MANAGED",
        ),
        asset(
            "iam.googleapis.com/Role",
            f"//iam.googleapis.com/{role}",
            {
                "name": role,
                "title": "Batch operator",
                "stage": "GA",
                "includedPermissions": ["batch.jobs.create", "batch.jobs.delete", "batch.jobs.get"],
            },
            above,
        ),
        asset(
            "iam.googleapis.com/Role",
            f"//iam.googleapis.com/{above[-1]}/roles/costViewer",
            {
                "name": f"{above[-1]}/roles/costViewer",
                "title": "Cost viewer",
                "stage": "GA",
                "includedPermissions": ["billing.resourceCosts.get"],
            },
            above[-1:],
        ),
    ]


def account(identifier: str, name: str, unique: str, above: Sequence[str], **more: Any) -> Asset:
    """A service account of the project."""
    mail = f"{name}@{identifier}.iam.gserviceaccount.com"
    data = {
        "name": f"projects/{identifier}/serviceAccounts/{mail}",
        "projectId": identifier,
        "uniqueId": unique,
        "email": mail,
        "displayName": name,
        **more,
    }
    full = f"//iam.googleapis.com/projects/{identifier}/serviceAccounts/{unique}"
    return asset("iam.googleapis.com/ServiceAccount", full, data, above)


def key(
    identifier: str,
    name: str,
    unique: str,
    number: str,
    begins: str,
    ends: str,
    above: Sequence[str],
    *,
    kind: str = "USER_MANAGED",
    **more: Any,
) -> Asset:
    """A key of a service account. As in the real inventory, the asset's name contains the account's number
    and the data its address."""
    mail = f"{name}@{identifier}.iam.gserviceaccount.com"
    data = {
        "name": f"projects/{identifier}/serviceAccounts/{mail}/keys/{number}",
        "keyAlgorithm": "KEY_ALG_RSA_2048",
        "keyOrigin": "GOOGLE_PROVIDED",
        "keyType": kind,
        "validAfterTime": begins,
        "validBeforeTime": ends,
        **more,
    }
    full = f"//iam.googleapis.com/projects/{identifier}/serviceAccounts/{unique}/keys/{number}"
    return asset(_KEY, full, data, above)
