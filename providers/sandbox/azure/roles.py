"""The sample company's Azure roles: who has which where."""

from __future__ import annotations

from providers.sandbox.azure.identity import DATA_OWNERS, FOREIGN_TENANT, Json, group, person, workload

OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
ACCESS_ADMINISTRATOR = "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9"
OPERATOR = "0f0f0f0f-1111-4222-8333-0000000000c0"
"""A custom role."""
_SUBSCRIPTION_LISTS = r"/subscriptions/(?P<subscription>[0-9a-f-]{36})/providers/microsoft\.authorization/"
OPERATIONS = (
    (
        "Microsoft.Authorization/RoleAssignments_ListForSubscription",
        "Microsoft.Authorization/roleAssignments/read",
        _SUBSCRIPTION_LISTS + "roleassignments",
        "2022-04-01",
    ),
    (
        "Microsoft.Authorization/RoleDefinitions_List",
        "Microsoft.Authorization/roleDefinitions/read",
        _SUBSCRIPTION_LISTS + "roledefinitions",
        "2022-04-01",
    ),
    (
        "Microsoft.Authorization/RoleEligibilityScheduleInstances_ListForScope",
        "Microsoft.Authorization/roleEligibilityScheduleInstances/read",
        _SUBSCRIPTION_LISTS + "roleeligibilityscheduleinstances",
        "2020-10-01",
    ),
    (
        "Microsoft.Authorization/PolicyAssignments_List",
        "Microsoft.Authorization/policyAssignments/read",
        _SUBSCRIPTION_LISTS + "policyassignments",
        "2022-06-01",
    ),
    (
        "Microsoft.ManagedServices/RegistrationAssignments_List",
        "Microsoft.ManagedServices/registrationAssignments/read",
        r"/subscriptions/(?P<subscription>[0-9a-f-]{36})/providers/microsoft\.managedservices/"
        "registrationassignments",
        "2022-10-01",
    ),
)
"""Name, action, path and version of each GET at the Resource Manager."""


QUERY = (
    "resources | where isnotempty(tostring(identity.type))"
    " or type =~ 'microsoft.managedidentity/userassignedidentities'"
    " | project id, type, subscriptionId, identity, principalId = tostring(properties.principalId)"
    " | order by id asc"
)
"""The query for the resources with a managed identity."""


def sample_definitions(subscription: str) -> list[Json]:
    """The roles that can be assigned in the subscription."""

    def definition(name: str, title: str, actions: list[str], not_actions: list[str] | None = None) -> Json:
        return {
            "id": f"/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions/{name}",
            "type": "Microsoft.Authorization/roleDefinitions",
            "name": name,
            "properties": {
                "roleName": title,
                "type": "CustomRole" if name == OPERATOR else "BuiltInRole",
                "assignableScopes": ["/"],
                "permissions": [
                    {
                        "actions": actions,
                        "notActions": not_actions or [],
                        "dataActions": [],
                        "notDataActions": [],
                    }
                ],
            },
        }

    return [
        definition(OWNER, "Owner", ["*"]),
        definition(
            CONTRIBUTOR,
            "Contributor",
            ["*"],
            [
                "Microsoft.Authorization/*/Delete",
                "Microsoft.Authorization/*/Write",
                "Microsoft.Authorization/elevateAccess/Action",
            ],
        ),
        definition(READER, "Reader", ["*/read"]),
        definition(
            ACCESS_ADMINISTRATOR,
            "User Access Administrator",
            ["*/read", "Microsoft.Authorization/*", "Microsoft.Support/*"],
        ),
        definition(OPERATOR, "Storage operator", ["Microsoft.Storage/storageAccounts/*"]),
    ]


def sample_assignments(subscription: str, principal: str, resource_group: str) -> list[Json]:
    """Role assignments in the subscription, above it and within it."""
    whole = f"/subscriptions/{subscription}"
    management = "/providers/Microsoft.Management/managementGroups/mg-prod"
    rows: list[tuple[str, str, str, str, str | None]] = [
        (OWNER, "Group", DATA_OWNERS, whole, None),
        (READER, "User", person(7), whole, None),
        (READER, "ServicePrincipal", principal, whole, None),
        (CONTRIBUTOR, "ServicePrincipal", workload(1), whole, None),
        (CONTRIBUTOR, "ServicePrincipal", workload(2), management, None),
        (ACCESS_ADMINISTRATOR, "User", person(1), "/", None),
        (OWNER, "User", person(5), resource_group, "((!(ActionMatches{'Microsoft.Authorization/*'})))"),
        (OPERATOR, "ServicePrincipal", workload(3), resource_group, None),
    ]
    return [_assignment(number, subscription, *row) for number, row in enumerate(rows, start=1)]


def _assignment(
    number: int, subscription: str, role: str, kind: str, principal: str, scope: str, condition: str | None
) -> Json:
    name = f"0a0a0a0a-5555-4222-8333-0000000000{number:02d}"
    return {
        "id": f"{scope.rstrip('/')}/providers/Microsoft.Authorization/roleAssignments/{name}",
        "type": "Microsoft.Authorization/roleAssignments",
        "name": name,
        "properties": {
            "roleDefinitionId": (
                f"/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}"
            ),
            "principalId": principal,
            "principalType": kind,
            "scope": scope,
            "condition": condition,
            "conditionVersion": "2.0" if condition else None,
            "createdOn": "2024-03-04T10:12:46.1234567Z",
        },
    }


def sample_eligible(subscription: str) -> list[Json]:
    """Somebody may activate a role."""
    whole = f"/subscriptions/{subscription}"
    assignment = _assignment(90, subscription, CONTRIBUTOR, "User", person(3), whole, None)
    more = {"status": "Provisioned", "memberType": "Direct", "endDateTime": None}
    type_ = "Microsoft.Authorization/RoleEligibilityScheduleInstances"
    return [
        {
            "id": f"{whole}/providers/{type_}/{assignment['name']}",
            "type": type_,
            "name": assignment["name"],
            "properties": {**assignment["properties"], **more},
        }
    ]


def sample_policies(subscription: str) -> list[Json]:
    """A policy that deploys where it finds something, and one that only audits."""
    whole = f"/subscriptions/{subscription}"
    type_ = "Microsoft.Authorization/policyAssignments"
    return [
        {
            "id": f"{whole}/providers/{type_}/{name}",
            "type": type_,
            "name": name,
            "properties": {"displayName": name, "scope": whole},
            **({"identity": identity, "location": "westeurope"} if identity else {}),
        }
        for name, identity in (
            ("diagnostics", {"type": "SystemAssigned", "principalId": workload(4), "tenantId": None}),
            ("allowed-regions", None),
        )
    ]


def sample_identities(subscription: str, resource_group: str) -> list[Json]:
    """The machine whose identity holds a role."""
    return [
        {
            "id": f"{resource_group}/providers/Microsoft.Compute/virtualMachines/web-1",
            "type": "microsoft.compute/virtualmachines",
            "subscriptionId": subscription,
            "identity": {"type": "SystemAssigned", "principalId": workload(3), "tenantId": None},
            "principalId": "",
        }
    ]


def sample_delegations(subscription: str) -> list[Json]:
    """A partner's people may activate reading, with MFA."""
    return [
        {
            "id": (
                f"/subscriptions/{subscription}/providers/Microsoft.ManagedServices/registrationAssignments"
                "/0a0a0a0a-6666-4222-8333-000000000001"
            ),
            "name": "0a0a0a0a-6666-4222-8333-000000000001",
            "type": "Microsoft.ManagedServices/registrationAssignments",
            "properties": {
                "provisioningState": "Succeeded",
                "registrationDefinition": {
                    "properties": {
                        "registrationDefinitionName": "Partner support",
                        "managedByTenantId": FOREIGN_TENANT,
                        "authorizations": [],
                        "eligibleAuthorizations": [
                            {
                                "principalId": group(31),
                                "roleDefinitionId": READER,
                                "justInTimeAccessPolicy": {
                                    "multiFactorAuthProvider": "Azure",
                                    "maximumActivationDuration": "PT8H",
                                },
                            }
                        ],
                    }
                },
            },
        }
    ]
