"""The sample company's Entra tenant."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

Json = dict[str, Any]

FOREIGN_TENANT = "00000000-0000-0000-0000-0000000000f1"
GLOBAL_ADMINISTRATOR = "62e90394-69f5-4237-9190-012177145e10"


def person(number: int) -> str:
    """The object ID of a user of the sample company."""
    return f"0d0d0d0d-1111-4222-8333-0000000000{number:02d}"


def group(number: int) -> str:
    """The object ID of a group."""
    return f"0e0e0e0e-1111-4222-8333-0000000000{number:02d}"


def workload(number: int) -> str:
    """The object ID of a service principal."""
    return f"0c0c0c0c-1111-4222-8333-0000000000{number:02d}"


ADMINISTRATORS, EMERGENCY, DATA_OWNERS = group(1), group(2), group(3)


@dataclass
class Tenant:
    """The tenant as returned by Microsoft Graph. A test may change it."""

    organisation: Json
    users: list[Json]
    registrations: list[Json]
    domains: list[Json]
    applications: list[Json]
    workloads: list[Json]
    role_assignments: list[Json]
    members: dict[str, list[Json]]
    policies: list[Json]
    eligible: list[Json] = field(default_factory=list)
    """Who may activate which directory role."""
    per_user_mfa: dict[str, str] = field(default_factory=dict)
    """The setting of users; ``disabled`` for all others."""
    defaults: Json = field(default_factory=lambda: {"id": "default", "isEnabled": False})
    authorisation: Json = field(
        default_factory=lambda: {
            "id": "authorizationPolicy",
            "allowInvitesFrom": "everyone",
            "guestUserRoleId": "10dae51f-b6af-4016-8d66-8c2a99b929b3",
            "defaultUserRolePermissions": {
                "allowedToCreateApps": True,
                "allowedToCreateSecurityGroups": True,
                "allowedToReadOtherUsers": True,
            },
        }
    )


def ago(days: float) -> str:
    """The time ``days`` ago in the format of Microsoft Graph; negative for the future."""
    moment = datetime.now(UTC).replace(microsecond=0) - timedelta(days=days)
    return moment.isoformat().replace("+00:00", "Z")


def user(number: int, name: str, seen: str | None, **more: Any) -> Json:
    """A user with a password, whose last sign-in was at ``seen``."""
    return {
        "id": person(number),
        "userPrincipalName": name,
        "accountEnabled": True,
        "createdDateTime": "2023-03-01T09:00:00Z",
        "userType": "Member",
        "identities": [
            {"signInType": "userPrincipalName", "issuer": "example.com", "issuerAssignedId": name}
        ],
        **(
            {"signInActivity": {"lastSignInDateTime": seen, "lastSuccessfulSignInDateTime": seen}}
            if seen
            else {}
        ),
        **more,
    }


def policy(name: str, state: str, users: Json, grant: Json | None, **conditions: Any) -> Json:
    """A Conditional Access policy for all applications."""
    return {
        "id": f"00000000-0000-0000-0000-{abs(sum(map(ord, name))):012d}",
        "displayName": name,
        "state": state,
        "sessionControls": None,
        "conditions": {
            "userRiskLevels": [],
            "signInRiskLevels": [],
            "clientAppTypes": ["all"],
            "servicePrincipalRiskLevels": [],
            "platforms": None,
            "locations": None,
            "devices": None,
            "clientApplications": None,
            "applications": {
                "includeApplications": ["All"],
                "excludeApplications": [],
                "includeUserActions": [],
                "includeAuthenticationContextClassReferences": [],
                "applicationFilter": None,
            },
            "users": {
                "includeUsers": [],
                "excludeUsers": [],
                "includeGroups": [],
                "excludeGroups": [],
                "includeRoles": [],
                "excludeRoles": [],
                "includeGuestsOrExternalUsers": None,
                "excludeGuestsOrExternalUsers": None,
                **users,
            },
            **conditions,
        },
        "grantControls": grant,
    }


def grant(operator: str, *controls: str, **more: Any) -> Json:
    """The grant controls of a policy."""
    return {
        "operator": operator,
        "builtInControls": list(controls),
        "customAuthenticationFactors": [],
        "termsOfUse": [],
        "authenticationStrength": None,
        **more,
    }


def member(number: int) -> Json:
    """A user as a member of a group."""
    return {"@odata.type": "#microsoft.graph.user", "id": person(number)}


def holds(role: str, kind: str, principal: str) -> Json:
    """An assignment of a directory role."""
    return {
        "id": f"{role[:8]}-{principal}-1",
        "principalId": principal,
        "directoryScopeId": "/",
        "roleDefinitionId": role,
        "principal": {"@odata.type": f"#microsoft.graph.{kind}", "id": principal},
    }


def sample_tenant(tenant: str, client: str, principal: str) -> Tenant:
    """The sample company's tenant; ``client`` and ``principal`` are the scanning application."""
    guest = "auditor_example.org#EXT#@example.com"
    return Tenant(
        organisation={"id": tenant, "displayName": "Example Shop", "tenantType": "AAD"},
        users=[
            user(1, "platform-admin@example.com", ago(2)),
            user(2, "emergency-1@example.com", None),
            user(3, "emergency-2@example.com", None),
            user(4, "data-lead@example.com", ago(1)),
            user(5, "shop-operator@example.com", ago(200)),
            user(6, "payments-lead@corp.example.com", ago(3)),
            user(
                7,
                guest,
                ago(40),
                userType="Guest",
                identities=[
                    {"signInType": "federated", "issuer": "ExternalAzureAD", "issuerAssignedId": None},
                    {
                        "signInType": "userPrincipalName",
                        "issuer": "example.com",
                        "issuerAssignedId": guest,
                    },
                ],
            ),
        ],
        registrations=[
            {
                "id": person(number),
                "isAdmin": number in (1, 2, 3),
                "isMfaCapable": number != 5,
                "isMfaRegistered": number != 5,
                "methodsRegistered": ["microsoftAuthenticatorPush"] if number != 5 else [],
                "userType": "guest" if number == 7 else "member",
            }
            for number in range(1, 8)
        ],
        domains=[
            {"id": "example.com", "authenticationType": "Managed", "isDefault": True},
            {"id": "corp.example.com", "authenticationType": "Federated", "isDefault": False},
        ],
        applications=_applications(client),
        workloads=[
            _service_principal(principal, "scanner", tenant),
            _service_principal(
                workload(1),
                "status-page",
                tenant,
                certificates=[_credential(4, ago(20), ago(-70), **_CERTIFICATE)],
            ),
            _service_principal(workload(2), "partner-backup", FOREIGN_TENANT),
            _service_principal(workload(3), "web-1", None, kind="ManagedIdentity"),
        ],
        role_assignments=[
            holds(GLOBAL_ADMINISTRATOR, "user", person(2)),
            holds(GLOBAL_ADMINISTRATOR, "user", person(3)),
            holds(GLOBAL_ADMINISTRATOR, "group", ADMINISTRATORS),
            holds("f2ef992c-3afb-46b9-b7cf-a126ee74c451", "servicePrincipal", principal),
        ],
        members={
            ADMINISTRATORS: [member(1)],
            EMERGENCY: [member(2), member(3)],
            DATA_OWNERS: [member(4), {"@odata.type": "#microsoft.graph.group", "id": group(9)}],
        },
        policies=[
            policy(
                "Second factor for everyone",
                "enabled",
                {"includeUsers": ["All"], "excludeGroups": [EMERGENCY]},
                grant("OR", "mfa"),
                clientAppTypes=["browser", "mobileAppsAndDesktopClients"],
            ),
            policy(
                "Old protocols closed",
                "enabledForReportingButNotEnforced",
                {"includeUsers": ["All"]},
                grant("OR", "block"),
                clientAppTypes=["exchangeActiveSync", "other"],
            ),
        ],
    )


_SECRET: Json = {"hint": "s3c", "secretText": None, "customKeyIdentifier": None}
_CERTIFICATE: Json = {"type": "AsymmetricX509Cert", "usage": "Verify", "key": None}


def _credential(number: int, starts: str, ends: str, **more: Any) -> Json:
    return {
        "keyId": f"0b0b0b0b-4444-4222-8333-0000000000{number:02d}",
        "displayName": f"credential {number}",
        "startDateTime": starts,
        "endDateTime": ends,
        **more,
    }


def _service_principal(
    id_: str, name: str, owner: str | None, kind: str = "Application", certificates: list[Json] | None = None
) -> Json:
    return {
        "id": id_,
        "appId": id_.replace("0c0c0c0c", "0c0c0c1c"),
        "displayName": name,
        "appOwnerOrganizationId": owner,
        "servicePrincipalType": kind,
        "accountEnabled": True,
        "passwordCredentials": [],
        "keyCredentials": certificates or [],
    }


def _applications(client: str) -> list[Json]:
    def application(number: int, name: str, secrets: list[Json], certificates: list[Json]) -> Json:
        return {
            "id": f"0b0b0b0b-2222-4222-8333-0000000000{number:02d}",
            "appId": client if number == 1 else f"0b0b0b0b-3333-4222-8333-0000000000{number:02d}",
            "displayName": name,
            "disabledByMicrosoftStatus": None,
            "passwordCredentials": secrets,
            "keyCredentials": certificates,
        }

    return [
        application(1, "scanner", [], [_credential(1, ago(20), ago(-70), **_CERTIFICATE)]),
        application(
            2,
            "billing-export",
            [
                _credential(2, "2023-02-01T08:30:00Z", "2299-12-30T23:00:00Z", **_SECRET),
                _credential(3, "2021-02-01T08:30:00.1234567Z", "2023-02-01T08:30:00.1234567Z", **_SECRET),
            ],
            [],
        ),
        application(3, "status-page", [], []),
    ]
