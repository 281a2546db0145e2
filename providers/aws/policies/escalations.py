"""The actions, alone and in combination, by which an identity can give rights to others or to itself.

Data only: :mod:`providers.aws.policies.privileges` evaluates it. The roles of services are data of their own,
in :mod:`providers.aws.policies.passed_roles` and :mod:`providers.aws.policies.workloads`. Each row has its
source:

- ``iam-001``, ``lambda-002``, …: https://pathfinding.cloud/paths/ID, which continues "AWS Privilege
  Escalation Methods and Mitigation" (Rhino Security Labs).
- ``SAR``: the action's description in the Service Authorization Reference (docs.aws.amazon.com).
- ``cloudsplaining``: its constants, ``PRIVILEGE_ESCALATION_METHODS``.

Not in the data: writes to the policies of buckets, keys and other resources, which give rights to those.
"""

from __future__ import annotations

from collections.abc import Iterator

from providers.aws.policies.escalation import ANY_RESOURCE, Escalation, Kind, Right
from providers.aws.policies.passed_roles import PASSING
from providers.aws.policies.workloads import WORKLOADS


def _iam(
    kind: Kind, of: str, actions: str, source: str, others: bool = False, administrator: bool = True
) -> Iterator[Escalation]:
    arn = "arn:{partition}:iam::{account}:" + of + "/{name}"
    for action in actions.split():
        right = Right(f"iam:{action}".lower(), arn, others=others)
        yield Escalation(kind, (right,), source, administrator=administrator)


def _identity_center(actions: str, arn: str, source: str, administrator: bool = True) -> Iterator[Escalation]:
    for action in actions.split():
        right = Right(action.lower(), arn)
        yield Escalation("identity_center", (right,), source, administrator=administrator)


PERMISSION_SET = "arn:{partition}:sso:::permissionSet/{name}"
STORE_GROUP = "arn:{partition}:identitystore:::group/{name}"

POLICIES: tuple[Escalation, ...] = (
    *_iam("policy", "user", "AttachUserPolicy", "iam-007"),
    *_iam("policy", "user", "PutUserPolicy", "iam-010"),
    *_iam("policy", "role", "AttachRolePolicy", "iam-009"),
    *_iam("policy", "role", "PutRolePolicy", "iam-012"),
    *_iam("policy", "role", "UpdateAssumeRolePolicy", "iam-014"),
    *_iam("policy", "group", "AttachGroupPolicy", "iam-008"),
    *_iam("policy", "group", "PutGroupPolicy", "iam-011"),
    *_iam("policy", "group", "AddUserToGroup", "iam-013"),
    *_iam("policy", "policy", "CreatePolicyVersion", "iam-001"),
    *_iam("policy", "policy", "SetDefaultPolicyVersion", "iam-002"),
    # Whoever removes a denial or a boundary gives what it denied: something, and not to every identity all.
    *_iam("policy", "user", "DetachUserPolicy DeleteUserPolicy", "SAR", administrator=False),
    *_iam("policy", "user", "PutUserPermissionsBoundary DeleteUserPermissionsBoundary", "SAR", False, False),
    *_iam("policy", "role", "DetachRolePolicy DeleteRolePolicy", "SAR", administrator=False),
    *_iam("policy", "role", "PutRolePermissionsBoundary DeleteRolePermissionsBoundary", "SAR", False, False),
    *_iam("policy", "group", "DetachGroupPolicy DeleteGroupPolicy", "SAR", administrator=False),
    # Who signs in through the provider takes every role that trusts it.
    *_iam("policy", "saml-provider", "UpdateSAMLProvider", "SAR"),
    *_iam("policy", "oidc-provider", "AddClientIDToOpenIDConnectProvider", "SAR"),
    *_iam("policy", "oidc-provider", "UpdateOpenIDConnectProviderThumbprint", "SAR"),
    # A provider of a product gets the rights that the request names.
    *_iam("policy", "delegation-request", "AcceptDelegationRequest", "SAR", administrator=False),
    # The role has the policies of its template.
    *_iam("policy", "role", "AcquireRole", "IAM API reference", administrator=False),
    *_iam("policy", "oidc-provider", "UpdateOpenIDConnectProvider", "IAM API reference", administrator=False),
)
CREDENTIALS: tuple[Escalation, ...] = (
    *_iam("credential", "user", "CreateAccessKey", "iam-004", others=True),
    *_iam("credential", "user", "CreateLoginProfile", "iam-005", others=True),
    *_iam("credential", "user", "UpdateLoginProfile", "iam-006", others=True),
    *_iam(
        "credential",
        "user",
        "CreateServiceSpecificCredential ResetServiceSpecificCredential",
        "SAR",
        others=True,
    ),
    # They act as the user in one service: CodeCommit, and the SOAP interface of EC2.
    *_iam(
        "credential",
        "user",
        "UploadSSHPublicKey UploadSigningCertificate",
        "SAR",
        others=True,
        administrator=False,
    ),
    # It acts as the root user of the organisation's other accounts, to reset its password among other things.
    Escalation(
        "credential",
        (Right("sts:assumeroot", "arn:{partition}:iam::*:root", whole=True),),
        "SAR",
        administrator=False,
    ),
)
IDENTITY_CENTER: tuple[Escalation, ...] = (
    *_identity_center(
        "sso:CreateAccountAssignment sso:AttachManagedPolicyToPermissionSet "
        "sso:AttachCustomerManagedPolicyReferenceToPermissionSet sso:PutInlinePolicyToPermissionSet",
        PERMISSION_SET,
        "SAR",
    ),
    *_identity_center(
        "sso:DetachManagedPolicyFromPermissionSet sso:DeleteInlinePolicyFromPermissionSet "
        "sso:DetachCustomerManagedPolicyReferenceFromPermissionSet "
        "sso:PutPermissionsBoundaryToPermissionSet sso:DeletePermissionsBoundaryFromPermissionSet",
        PERMISSION_SET,
        "SAR",
        administrator=False,
    ),
    *_identity_center("sso:AssociateProfile sso:UpdateTrust", ANY_RESOURCE, "SAR"),
    *_identity_center("identitystore:CreateGroupMembership", STORE_GROUP, "SAR"),
    *_identity_center(
        "sso-directory:AddMemberToGroup sso-directory:UpdatePassword sso-directory:CreateBearerToken "
        "sso-directory:CreateExternalIdPConfigurationForDirectory "
        "sso-directory:UpdateExternalIdPConfigurationForDirectory "
        "sso-directory:ImportExternalIdPCertificate",
        ANY_RESOURCE,
        "SAR",
    ),
)
ASSUMING: tuple[Escalation, ...] = (
    # All roles include every one that trusts the whole account. But people should get rights by taking roles.
    Escalation(
        "assume",
        (Right("sts:assumerole", "arn:{partition}:iam::{account}:role/{name}", whole=True),),
        "sts-001",
        administrator=False,
    ),
)
ESCALATIONS = (*POLICIES, *CREDENTIALS, *IDENTITY_CENTER, *ASSUMING, *PASSING, *WORKLOADS)

HARMLESS = frozenset(
    {
        "AddRoleToInstanceProfile", "AssociateDelegationRequest", "ChangePassword", "CreateAccountAlias",
        "CreateDelegationRequest", "CreateGroup", "CreateInstanceProfile", "CreateOpenIDConnectProvider",
        "CreatePolicy", "CreateRole", "CreateSAMLProvider", "CreateServiceLinkedRole", "CreateUser",
        "CreateVirtualMFADevice", "DeactivateMFADevice", "DeleteAccessKey", "DeleteAccountAlias",
        "DeleteAccountPasswordPolicy", "DeleteGroup", "DeleteInstanceProfile", "DeleteLoginProfile",
        "DeleteOpenIDConnectProvider", "DeletePolicy", "DeletePolicyVersion", "DeleteRole",
        "DeleteSAMLProvider", "DeleteSSHPublicKey", "DeleteServerCertificate", "DeleteServiceLinkedRole",
        "DeleteServiceSpecificCredential", "DeleteSigningCertificate", "DeleteUser",
        "DeleteVirtualMFADevice", "DisableOrganizationsRootCredentialsManagement",
        "DisableOrganizationsRootSessions", "DisableOutboundWebIdentityFederation", "EnableMFADevice",
        "EnableOrganizationsRootCredentialsManagement", "EnableOrganizationsRootSessions",
        "EnableOutboundWebIdentityFederation", "PassRole", "PutAccountProperties",
        "RejectDelegationRequest", "RemoveClientIDFromOpenIDConnectProvider",
        "RemoveRoleFromInstanceProfile", "RemoveUserFromGroup", "ResyncMFADevice", "SendDelegationToken",
        "SetSecurityTokenServicePreferences", "UpdateAccessKey", "UpdateAccountPasswordPolicy",
        "UpdateDelegationRequest", "UpdateGroup", "UpdateRole", "UpdateRoleDescription",
        "UpdateSSHPublicKey", "UpdateServerCertificate", "UpdateServiceSpecificCredential",
        "UpdateSigningCertificate", "UpdateUser", "UploadServerCertificate",
    }
)  # fmt: skip
"""The writes of IAM that give nobody a right by themselves. A test fails for a write of IAM that is neither
here nor above: somebody must look at it."""
