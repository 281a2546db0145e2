"""The simulated Microsoft Graph: its answers about the tenant, and its errors."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from providers.sandbox import Fault
from providers.sandbox.azure.identity import Json, Tenant

Reply = tuple[int, dict[str, str], bytes]

PREFIX = "/v1.0/"
BETA = "/beta/"
_GUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_READS = {
    "organization": "Organization.Read.All",
    "users": "User.Read.All",
    "applications": "Application.Read.All",
    "servicePrincipals": "Application.Read.All",
    "domains": "Domain.Read.All",
    "reports/authenticationMethods/userRegistrationDetails": "AuditLog.Read.All",
    "roleManagement/directory/roleAssignments": "RoleManagement.Read.Directory",
    "roleManagement/directory/roleEligibilityScheduleInstances": "RoleManagement.Read.Directory",
    "policies/identitySecurityDefaultsEnforcementPolicy": "Policy.Read.All",
    "identity/conditionalAccess/policies": "Policy.Read.All",
    "policies/authorizationPolicy": "Policy.Read.All",
}
_MEMBERS = re.compile(rf"groups/({_GUID})/transitiveMembers")


_REQUIREMENTS = re.compile(rf"{BETA}users/({_GUID})/authentication/requirements")


class NotFound(Exception):
    """The object or path does not exist in the simulated Microsoft Graph."""


def operation(path: str, parameters: Mapping[str, str]) -> tuple[str, str] | None:
    """The name of the operation and its required permission; ``None`` for an unknown path."""
    if _REQUIREMENTS.fullmatch(path):
        return "Microsoft.Graph/users/authentication/requirements", "Policy.Read.All"
    if path.startswith(BETA) and _MEMBERS.fullmatch(path.removeprefix(BETA)):
        return "Microsoft.Graph/groups/transitiveMembers(servicePrincipals)", "GroupMember.Read.All"
    below = path.removeprefix(PREFIX)
    if _MEMBERS.fullmatch(below):
        return "Microsoft.Graph/groups/transitiveMembers", "GroupMember.Read.All"
    if below not in _READS:
        return None
    selected = parameters.get("$select", "").split(",")
    if below == "users" and "signInActivity" in selected:
        return "Microsoft.Graph/users(signInActivity)", "AuditLog.Read.All"
    if below == "users" and "accountEnabled" not in selected:
        return "Microsoft.Graph/users(userType)", "User.Read.All"
    return f"Microsoft.Graph/{below}", _READS[below]


def answer(tenant: Tenant, base: str, path: str, parameters: Mapping[str, str], size: int) -> Json:
    """The answer of Microsoft Graph; lists in pages of ``size``. Raises :class:`NotFound`."""
    asked = _REQUIREMENTS.fullmatch(path)
    if asked is not None:
        return {"perUserMfaState": tenant.per_user_mfa.get(asked.group(1), "disabled")}
    below = path.removeprefix(BETA if path.startswith(BETA) else PREFIX)
    context = {"@odata.context": f"{base}{PREFIX}$metadata#{below}"}
    single = {
        "policies/identitySecurityDefaultsEnforcementPolicy": tenant.defaults,
        "policies/authorizationPolicy": tenant.authorisation,
    }
    if below in single:
        return {**context, **single[below]}
    rows = _rows(tenant, below, parameters)
    selected = [name for name in parameters.get("$select", "").split(",") if name]
    if selected:
        kept = {"id", "@odata.type", *selected}
        rows = [{name: value for name, value in row.items() if name in kept} for row in rows]
    start = int(parameters.get("$skiptoken", "0"))
    page: Json = {**context, "value": rows[start : start + size]}
    if start + size < len(rows):
        options = {**parameters, "$skiptoken": str(start + size)}
        query = "&".join(f"{name}={quote(value, safe=',$')}" for name, value in options.items())
        page["@odata.nextLink"] = f"{base}{path}?{query}"
    return page


def _rows(tenant: Tenant, below: str, parameters: Mapping[str, str]) -> Sequence[Json]:
    members = _MEMBERS.fullmatch(below)
    if members is not None:
        if members.group(1) not in tenant.members:
            raise NotFound(members.group(1))
        return tenant.members[members.group(1)]
    if below == "roleManagement/directory/roleAssignments":
        expanded = parameters.get("$expand") == "principal"
        return [
            {name: value for name, value in row.items() if expanded or name != "principal"}
            for row in tenant.role_assignments
        ]
    lists: Mapping[str, Sequence[Json]] = {
        "organization": [tenant.organisation],
        "users": tenant.users,
        "applications": tenant.applications,
        "servicePrincipals": tenant.workloads,
        "domains": tenant.domains,
        "roleManagement/directory/roleEligibilityScheduleInstances": tenant.eligible,
        "reports/authenticationMethods/userRegistrationDetails": tenant.registrations,
        "identity/conditionalAccess/policies": tenant.policies,
    }
    return lists[below]


def refused(fault: Fault, name: str, permission: str) -> Reply:
    """Status, headers and body of a Microsoft Graph error."""
    if fault == "denied":
        code, message = "Authorization_RequestDenied", "Insufficient privileges to complete the operation."
        if permission == "AuditLog.Read.All":
            code = "Authentication_MSGraphPermissionMissing"
            message = f"Calling principal does not have required MSGraph permissions {permission}"
        elif "conditionalAccess" in name:
            code = "AccessDenied"
            message = "You cannot perform the requested operation, required scopes are missing in the token."
        return error(403, code, message)
    if fault == "denied_by_organisation":
        return error(
            401,
            "InvalidAuthenticationToken",
            "Continuous access evaluation resulted in challenge with result: InteractionRequired and code: "
            "LocationConditionEvaluationSatisfied",
        )
    if fault == "expired":
        return error(401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.")
    if fault == "throttled":
        status, _, body = error(429, "TooManyRequests", "Too many requests.")
        return (status, {"Retry-After": "1"}, body)
    if fault == "failing":
        return error(500, "UnknownError", "")
    if fault == "malformed":
        return (200, {}, b'{"@odata.context": "https://127.0.0.1/v1.0/$metadata", "value": [{"id": "0d0d')
    raise ValueError(fault)


def error(status: int, code: str, message: str) -> Reply:
    """An error in the format of Microsoft Graph."""
    inner = {
        "date": "2026-01-01T00:00:00",
        "request-id": "00000000-0000-0000-0000-0000000000e3",
        "client-request-id": "00000000-0000-0000-0000-0000000000e3",
    }
    body = {"error": {"code": code, "message": message, "innerError": inner}}
    return (status, {}, json.dumps(body).encode())
