"""The actions, alone and in combination, by which an identity can give rights to others or to itself.

Data only: :mod:`providers.aws.policies.privileges` evaluates it. Each row has its source:

- ``iam-001``, ``lambda-002``, …: https://pathfinding.cloud/paths/ID, which continues "AWS Privilege
  Escalation Methods and Mitigation" (Rhino Security Labs).
- ``SAR``: the action's description in the Service Authorization Reference (docs.aws.amazon.com).
- ``cloudsplaining``: its constants, ``PRIVILEGE_ESCALATION_METHODS``.

Not in the data: writes to the policies of buckets, keys and other resources, which give rights to those.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Literal

Kind = Literal["policy", "credential", "identity_center", "assume", "pass", "workload"]
"""``policy``: it changes what identities may do, or who may use them. ``credential``: it makes a credential
of another identity. ``identity_center``: it changes who has which permission set. ``assume``: it takes a
role. ``pass``: a service runs code or calls with a role that is passed to it. ``workload``: it runs code in a
workload that has a role already."""


@dataclass(frozen=True)
class Right:
    """An action, and its resource's ARN with ``{name}``, ``{partition}`` and ``{account}``."""

    action: str
    """In lower case."""
    arn: str
    whole: bool = False
    """It counts only if allowed on all resources; on specific ones it is ordinary use."""
    others: bool = False
    """It counts only if allowed on other identities than the holder itself."""
    service: str | None = None
    """For ``iam:PassRole``: the service principal that the role is passed to."""

    @property
    def of_iam(self) -> bool:
        """Whether it is an IAM action."""
        return self.action.startswith("iam:")


@dataclass(frozen=True)
class Escalation:
    """Actions that together give rights, and where that is described."""

    kind: Kind
    rights: tuple[Right, ...]
    source: str
    service: str | None = None
    """The service principal that the role trusts, for ``pass`` and ``workload``."""
    administrator: bool = True
    """Allowed on all resources, it gives the identity itself every right; else less, or to others."""
    certain: bool = False
    """For ``workload``: on all of them, it counts whatever roles there are: each of them has one."""


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


def _of_service(action: str) -> Right:
    """The right to an action on any resource of its service, whatever its type."""
    return Right(action.lower(), "arn:{partition}:" + action.partition(":")[0] + ":*:{account}:{name}")


def _pass(service: str, source: str, *actions: str) -> Iterator[Escalation]:
    """PassRole with actions; of the alternatives in one text (``a|b``), any one is enough."""
    passing = Right("iam:passrole", "arn:{partition}:iam::{account}:role/{name}", whole=True, service=service)
    for chosen in product(*(alternatives.split("|") for alternatives in actions)):
        yield Escalation("pass", (passing, *map(_of_service, chosen)), source, service)


def _workload(
    service: str, source: str, *actions: str, certain: bool = False, arn: str | None = None
) -> Iterator[Escalation]:
    """Code in a workload; ``arn``: of the workload, where it is of another service than the action."""
    for chosen in product(*(alternatives.split("|") for alternatives in actions)):
        rights = map(_of_service, chosen) if arn is None else (Right(each.lower(), arn) for each in chosen)
        yield Escalation("workload", tuple(rights), source, service, certain=certain)


INSTANCE = "arn:{partition}:ec2:*:{account}:instance/{name}"
PERMISSION_SET = "arn:{partition}:sso:::permissionSet/{name}"
STORE_GROUP = "arn:{partition}:identitystore:::group/{name}"
ANY_RESOURCE = "\x06"
"""In place of the ARN, for actions without resource types: of all patterns only ``*`` matches it."""

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
PASSING: tuple[Escalation, ...] = (
    *_pass("amplify.amazonaws.com", "amplify-001", "amplify:CreateApp", "amplify:StartJob"),
    *_pass(
        "tasks.apprunner.amazonaws.com", "apprunner-001", "apprunner:CreateService|apprunner:UpdateService"
    ),
    *_pass("airflow-env.amazonaws.com", "SAR", "airflow:CreateEnvironment"),
    *_pass("ecs-tasks.amazonaws.com", "batch-001", "batch:RegisterJobDefinition", "batch:SubmitJob"),
    *_pass(
        "bedrock-agentcore.amazonaws.com",
        "bedrock-001",
        "bedrock-agentcore:CreateCodeInterpreter",
        "bedrock-agentcore:InvokeCodeInterpreter",
    ),
    *_pass(
        "bedrock-agentcore.amazonaws.com",
        "bedrock-003",
        "bedrock-agentcore:CreateAgentRuntime|bedrock-agentcore:CreateHarness",
        "bedrock-agentcore:InvokeAgentRuntimeCommand",
    ),
    *_pass(
        "bedrock-agentcore.amazonaws.com",
        "bedrock-006",
        "bedrock-agentcore:CreateBrowser",
        "bedrock-agentcore:StartBrowserSession",
        "bedrock-agentcore:ConnectBrowserAutomationStream",
    ),
    *_pass("braket.amazonaws.com", "braket-001", "braket:CreateJob"),
    *_pass(
        "cloudformation.amazonaws.com",
        "cloudformation-001",
        "cloudformation:CreateStack|cloudformation:UpdateStack|cloudformation:CreateStackSet"
        "|cloudformation:UpdateStackSet|cloudformation:CreateChangeSet",
    ),
    *_pass(
        "codebuild.amazonaws.com",
        "codebuild-001",
        "codebuild:CreateProject|codebuild:UpdateProject",
        "codebuild:StartBuild|codebuild:StartBuildBatch",
    ),
    *_pass("codepipeline.amazonaws.com", "SAR", "codepipeline:CreatePipeline|codepipeline:UpdatePipeline"),
    *_pass("codestar.amazonaws.com", "cloudsplaining", "codestar:CreateProject"),
    *_pass("cognito-identity.amazonaws.com", "cognitoidentity-001", "cognito-identity:SetIdentityPoolRoles"),
    *_pass(
        "datapipeline.amazonaws.com",
        "datapipeline-001",
        "datapipeline:PutPipelineDefinition",
        "datapipeline:CreatePipeline|datapipeline:ActivatePipeline",
    ),
    *_pass(
        "ec2.amazonaws.com",
        "ec2-001",
        "ec2:RunInstances|ec2:RequestSpotInstances|ec2:RequestSpotFleet|ec2:CreateFleet"
        "|ec2:AssociateIamInstanceProfile|ec2:ReplaceIamInstanceProfileAssociation",
    ),
    *_pass(
        "ec2.amazonaws.com",
        "SAR",
        "autoscaling:CreateLaunchConfiguration",
        "autoscaling:CreateAutoScalingGroup|autoscaling:UpdateAutoScalingGroup",
    ),
    *_pass(
        "ecs-tasks.amazonaws.com",
        "ecs-003",
        "ecs:RegisterTaskDefinition",
        "ecs:CreateService|ecs:UpdateService|ecs:CreateTaskSet",
    ),
    # The overrides of a task name another role and another command, whatever its definition says.
    *_pass("ecs-tasks.amazonaws.com", "ecs-008", "ecs:RunTask|ecs:StartTask"),
    *_pass(
        "pods.eks.amazonaws.com", "SAR", "eks:CreatePodIdentityAssociation|eks:UpdatePodIdentityAssociation"
    ),
    *_pass("ec2.amazonaws.com", "emr-001", "elasticmapreduce:RunJobFlow"),
    *_pass("emr-serverless.amazonaws.com", "emrserverless-001", "emr-serverless:StartJobRun"),
    *_pass("gamelift.amazonaws.com", "gamelift-001", "gamelift:CreateFleet"),
    *_pass("glue.amazonaws.com", "glue-001", "glue:CreateDevEndpoint|glue:UpdateDevEndpoint"),
    *_pass(
        "glue.amazonaws.com",
        "glue-003",
        "glue:CreateJob|glue:UpdateJob",
        "glue:StartJobRun|glue:CreateTrigger|glue:UpdateTrigger",
    ),
    *_pass("glue.amazonaws.com", "glue-007", "glue:CreateSession", "glue:RunStatement"),
    *_pass(
        "ec2.amazonaws.com",
        "imagebuilder-001",
        "imagebuilder:CreateInfrastructureConfiguration|imagebuilder:UpdateInfrastructureConfiguration",
        "imagebuilder:CreateImage|imagebuilder:CreateImagePipeline|imagebuilder:StartImagePipelineExecution",
    ),
    *_pass("credentials.iot.amazonaws.com", "SAR", "iot:CreateRoleAlias|iot:UpdateRoleAlias"),
    *_pass(
        "kinesisanalytics.amazonaws.com",
        "SAR",
        "kinesisanalytics:CreateApplication",
        "kinesisanalytics:StartApplication",
    ),
    *_pass(
        "lambda.amazonaws.com",
        "lambda-001",
        "lambda:CreateFunction",
        "lambda:InvokeFunction|lambda:InvokeAsync|lambda:InvokeFunctionUrl|lambda:CreateEventSourceMapping"
        "|lambda:AddPermission|lambda:CreateFunctionUrlConfig",
    ),
    *_pass("lambda.amazonaws.com", "SAR", "lambda:UpdateFunctionConfiguration"),
    *_pass("omics.amazonaws.com", "omics-001", "omics:CreateWorkflow", "omics:StartRun"),
    *_pass("opsworks.amazonaws.com", "SAR", "opsworks:CreateStack"),
    *_pass("rolesanywhere.amazonaws.com", "SAR", "rolesanywhere:CreateProfile|rolesanywhere:UpdateProfile"),
    *_pass(
        "sagemaker.amazonaws.com",
        "sagemaker-001",
        "sagemaker:CreateNotebookInstance|sagemaker:CreateTrainingJob|sagemaker:CreateProcessingJob"
        "|sagemaker:CreateHyperParameterTuningJob|sagemaker:CreateDomain|sagemaker:CreateUserProfile"
        "|sagemaker:UpdateUserProfile|sagemaker:UpdateDomain",
    ),
    *_pass("sagemaker.amazonaws.com", "SAR", "sagemaker:CreateModel", "sagemaker:CreateEndpoint"),
    *_pass(
        "sagemaker.amazonaws.com",
        "SAR",
        "sagemaker:CreatePipeline|sagemaker:UpdatePipeline",
        "sagemaker:StartPipelineExecution",
    ),
    *_pass("scheduler.amazonaws.com", "SAR", "scheduler:CreateSchedule|scheduler:UpdateSchedule"),
    # A machine that is registered with an activation has the credentials of its role.
    *_pass(
        "ssm.amazonaws.com", "SAR", "ssm:StartAutomationExecution|ssm:CreateAssociation|ssm:CreateActivation"
    ),
    *_pass(
        "states.amazonaws.com",
        "stepfunctions-001",
        "states:CreateStateMachine|states:UpdateStateMachine",
        "states:StartExecution|states:StartSyncExecution",
    ),
    *_pass("states.amazonaws.com", "SAR", "states:TestState"),
    *_pass("lambda.amazonaws.com", "SAR", "synthetics:CreateCanary", "synthetics:StartCanary"),
)
WORKLOADS: tuple[Escalation, ...] = (
    *_workload("lambda.amazonaws.com", "lambda-003", "lambda:UpdateFunctionCode", certain=True),
    *_workload("lambda.amazonaws.com", "SAR", "lambda:UpdateFunctionConfiguration"),
    *_workload("tasks.apprunner.amazonaws.com", "apprunner-002", "apprunner:UpdateService"),
    *_workload("bedrock-agentcore.amazonaws.com", "bedrock-002", "bedrock-agentcore:InvokeCodeInterpreter"),
    *_workload(
        "bedrock-agentcore.amazonaws.com", "bedrock-004", "bedrock-agentcore:InvokeAgentRuntimeCommand"
    ),
    *_workload(
        "bedrock-agentcore.amazonaws.com",
        "bedrock-007",
        "bedrock-agentcore:StartBrowserSession",
        "bedrock-agentcore:ConnectBrowserAutomationStream",
    ),
    *_workload("ecs-tasks.amazonaws.com", "batch-002", "batch:SubmitJob"),
    *_workload("cloudformation.amazonaws.com", "cloudformation-002", "cloudformation:UpdateStack"),
    *_workload(
        "cloudformation.amazonaws.com",
        "cloudformation-005",
        "cloudformation:CreateChangeSet",
        "cloudformation:ExecuteChangeSet",
    ),
    *_workload("cloudformation.amazonaws.com", "cloudformation-004", "cloudformation:UpdateStackSet"),
    *_workload("codebuild.amazonaws.com", "codebuild-002", "codebuild:StartBuild|codebuild:StartBuildBatch"),
    *_workload(
        "ec2.amazonaws.com",
        "codedeploy-001",
        "codedeploy:CreateDeployment",
        "codedeploy:RegisterApplicationRevision",
    ),
    *_workload(
        "ec2.amazonaws.com",
        "ec2-002",
        "ec2:ModifyInstanceAttribute",
        "ec2:StopInstances",
        "ec2:StartInstances",
    ),
    *_workload("ec2.amazonaws.com", "ec2-004", "ec2:CreateLaunchTemplateVersion", "ec2:ModifyLaunchTemplate"),
    *_workload(
        "ec2.amazonaws.com",
        "ec2instanceconnect-003",
        "ec2-instance-connect:SendSSHPublicKey|ec2-instance-connect:SendSerialConsoleSSHPublicKey",
        arn=INSTANCE,
    ),
    *_workload("ecs-tasks.amazonaws.com", "ecs-006", "ecs:ExecuteCommand"),
    *_workload("glue.amazonaws.com", "glue-002", "glue:UpdateDevEndpoint"),
    *_workload("glue.amazonaws.com", "glue-005", "glue:UpdateJob", "glue:StartJobRun|glue:CreateTrigger"),
    *_workload("sagemaker.amazonaws.com", "sagemaker-004", "sagemaker:CreatePresignedNotebookInstanceUrl"),
    *_workload(
        "sagemaker.amazonaws.com",
        "sagemaker-005",
        "sagemaker:CreateNotebookInstanceLifecycleConfig",
        "sagemaker:UpdateNotebookInstance",
        "sagemaker:StartNotebookInstance",
    ),
    *_workload("ec2.amazonaws.com", "ssm-001", "ssm:StartSession|ssm:SendCommand", arn=INSTANCE),
    *_workload("states.amazonaws.com", "SAR", "states:UpdateStateMachine"),
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
