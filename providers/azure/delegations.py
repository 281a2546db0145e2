"""Azure Lighthouse delegations as roles: what principals of another tenant may do in a subscription.

They are not among its role assignments.
https://learn.microsoft.com/azure/lighthouse/concepts/architecture
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from providers.azure.client.calls import ArmCall, IdentityCall
from providers.azure.role_assignments import Assignee
from providers.azure.role_definitions import (
    PERMISSIONS_BY_ROLE,
    Grant,
    KnownRoles,
    everything,
    grants_rights,
    is_wide,
    role_id,
    undefined,
)
from providers.azure.roles import ESCALATION_READS, entitles, named
from scanner.collect.table import Facet, FacetRead, Table, asked, from_list
from scanner.model.evidence import Observed, Unknown, any_of
from scanner.model.resources.identity import Role

Row = Mapping[str, Any]


def authorizations(row: Row) -> Sequence[Row]:
    """The permanent and the eligible authorizations of a delegation, each with the delegation's ID."""
    definition = row["properties"]["registrationDefinition"]["properties"]
    shared = {"delegation": row["id"], "tenant": definition["managedByTenantId"].lower()}
    return tuple(
        {**shared, "eligible": eligible, **one}
        for eligible, name in ((False, "authorizations"), (True, "eligibleAuthorizations"))
        # A definition may have no eligible authorizations, and always has the others.
        for one in (definition[name] if not eligible else definition.get(name) or ())
    )


DELEGATIONS = ArmCall(
    name="Microsoft.ManagedServices/RegistrationAssignments_List",
    permission="Microsoft.ManagedServices/registrationAssignments/read",
    path="/subscriptions/{subscription}/providers/Microsoft.ManagedServices/registrationAssignments",
    version="2022-10-01",
    paged=True,
    option="$expandRegistrationDefinition=true",
    items=authorizations,
    # The service was never used in the subscription.
    absent=frozenset({"MissingSubscriptionRegistration"}),
)


def header(partition: str, scope: str, item: Row) -> Mapping[str, Any]:
    """The header of an authorization, in the subscription that is delegated."""
    delegation, role = item["delegation"].lower(), role_id(item["roleDefinitionId"])
    if not delegation.startswith(f"/subscriptions/{scope}/"):
        raise ValueError("id")
    sort = "eligibleauthorizations" if item["eligible"] else "authorizations"
    return {
        "provider": "azure",
        "partition": partition,
        "scope": scope,
        "region": None,
        "id": f"{delegation}/{sort}/{item['principalId'].lower()}/{role}",
        "name": f"{item['role'] or role} for {item['principalId']}",
        "type": "azure.managedservices.registrationassignment",
    }


def role_name(item: Row, known: KnownRoles) -> str | None:
    """The name of the delegated role; ``None`` if its definition is not listed."""
    permit = known.get(role_id(item["roleDefinitionId"]))
    return None if permit is None else permit.name


def to_principal(item: Row) -> str:
    """``principalId``: an object ID in the managing tenant."""
    return str(item["principalId"].lower())


def to_grant(item: Row) -> Grant:
    """The grant of an authorization."""
    scope = item["delegation"].lower().partition("/providers/microsoft.managedservices/")[0]
    return Grant(role_id(item["roleDefinitionId"]), None, scope)


def to_everything(item: Row, known: KnownRoles) -> Observed[bool]:
    """As for a role assignment. Owner cannot be delegated."""
    grant = to_grant(item)
    return is_wide(grant.scope) and everything(grant, known)


def to_grants_rights(item: Row, known: KnownRoles) -> Observed[bool]:
    """Whether the role allows granting rights. With ``delegatedRoleDefinitionIds`` it assigns only these,
    to managed identities.

    https://learn.microsoft.com/azure/lighthouse/how-to/deploy-policy-remediation
    """
    granted = grants_rights(to_grant(item), known)
    delegated = item.get("delegatedRoleDefinitionIds")
    if not delegated or granted is False:
        return granted
    ids = sorted({role_id(one) for one in delegated})
    return any_of(
        *(
            known[one].everything or known[one].grants_rights if one in known else undefined(one)
            for one in ids
        )
    )


def to_conditioned(item: Row) -> bool:
    """Whether the authorization is eligible only, and its activation requires MFA or an approval.

    https://learn.microsoft.com/azure/lighthouse/how-to/create-eligible-authorizations
    """
    policy = item.get("justInTimeAccessPolicy") or {}
    factor = policy.get("multiFactorAuthProvider") or "None"
    if factor not in ("None", "Azure"):
        raise ValueError("multiFactorAuthProvider")
    return bool(item["eligible"] and (factor == "Azure" or policy.get("managedByTenantApprovers")))


def last_used_unknown(item: Row) -> Unknown:
    """Azure does not record when a delegation was last used."""
    message = "Azure does not record when a delegation was last used"
    return Unknown.because("unsupported", DELEGATIONS.name, None, message)


def delegations(partition: str, scope: str, tenant: str) -> Table[IdentityCall]:
    """The table for the delegations of one subscription."""
    facets: Mapping[str, Facet[IdentityCall]] = {
        "tags": from_list(lambda item: {}),
        "principal": from_list(to_principal),
        "principal_type": from_list(lambda item: "account"),
        "everything": asked(PERMISSIONS_BY_ROLE, to_everything),
        "grants_rights": Facet(
            (
                FacetRead(PERMISSIONS_BY_ROLE, to_grants_rights),
                FacetRead(None, lambda item: Assignee(to_principal(item), to_grant(item))),
                *ESCALATION_READS,
            ),
            combine=entitles,
        ),
        "external": from_list(lambda item: item["tenant"] != tenant),
        "standing": from_list(lambda item: not item["eligible"]),
        "conditioned": from_list(to_conditioned),
        # https://learn.microsoft.com/rest/api/managedservices: neither kind of definition has a time.
        "created": from_list(lambda item: None),
        "last_used": from_list(last_used_unknown),
    }
    return Table(
        kind=Role,
        list=DELEGATIONS,
        header=lambda item: header(partition, scope, item),
        facets=facets,
        enrich=Facet((FacetRead(PERMISSIONS_BY_ROLE, role_name),), combine=named),
    )


ROLES_OF_DELEGATIONS = delegations("azure", "", "")
