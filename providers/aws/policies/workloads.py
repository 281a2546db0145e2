"""The actions that run code in a workload that has a role already.

Data only, as :mod:`providers.aws.policies.passed_roles`, which names the sources.

Not in the data: who may make others run code, such as by a push to a repository or to an image's registry;
and roles that pods take by the OpenID Connect provider of their cluster.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from providers.aws.policies.escalation import Escalation, Right, of_service


def _workload(
    service: str,
    source: str,
    *actions: str,
    certain: bool = False,
    arn: str | None = None,
    administrator: bool = True,
) -> Iterator[Escalation]:
    """Code in a workload; ``arn``: of the workload, where it is of another service than the action."""
    for chosen in product(*(alternatives.split("|") for alternatives in actions)):
        rights = map(of_service, chosen) if arn is None else (Right(each.lower(), arn) for each in chosen)
        yield Escalation("workload", tuple(rights), source, service, administrator, certain)


INSTANCE = "arn:{partition}:ec2:*:{account}:instance/{name}"
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
        "codebuild.amazonaws.com",
        "API",
        "codebuild:StartSandbox",
        "codebuild:StartCommandExecution|codebuild:StartSandboxConnection",
    ),
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
    *_workload("glue.amazonaws.com", "API", "glue:RunStatement"),
    # A run's arguments name another script: "Using job parameters in AWS Glue jobs", --scriptLocation.
    *_workload("glue.amazonaws.com", "service guide", "glue:StartJobRun"),
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
    *_workload("amplify.amazonaws.com", "API", "amplify:UpdateApp|amplify:UpdateBranch", "amplify:StartJob"),
    *_workload(
        "appstream.amazonaws.com",
        "API",
        "appstream:CreateStreamingURL|appstream:CreateImageBuilderStreamingURL",
    ),
    *_workload("athena.amazonaws.com", "API", "athena:StartSession", "athena:StartCalculationExecution"),
    *_workload("bedrock-agentcore.amazonaws.com", "API", "bedrock-agentcore:UpdateGatewayTarget"),
    *_workload(
        "credentials.deadline.amazonaws.com", "API", "deadline:AssumeQueueRoleForUser|deadline:CreateJob"
    ),
    *_workload("ec2.amazonaws.com", "API", "ec2:CreateReplaceRootVolumeTask"),
    *_workload(
        "ec2.amazonaws.com",
        "API",
        "ec2:CreateLaunchTemplateVersion",
        "autoscaling:UpdateAutoScalingGroup|autoscaling:StartInstanceRefresh",
    ),
    # An administrator of the cluster runs pods of any service account.
    *_workload(
        "pods.eks.amazonaws.com",
        "API",
        "eks:CreateAccessEntry|eks:UpdateAccessEntry",
        "eks:AssociateAccessPolicy",
    ),
    *_workload("ec2.amazonaws.com", "API", "elasticmapreduce:AddJobFlowSteps"),
    *_workload("gamelift.amazonaws.com", "API", "gamelift:GetInstanceAccess|gamelift:GetComputeAccess"),
    # A certificate of one's own then takes the role of an alias.
    *_workload(
        "credentials.iot.amazonaws.com",
        "service guide",
        "iot:AttachPolicy",
        "iot:CreateKeysAndCertificate|iot:CreateCertificateFromCsr|iot:RegisterCertificate",
    ),
    *_workload(
        "kinesisanalytics.amazonaws.com",
        "API",
        "kinesisanalytics:UpdateApplication|kinesisanalytics:CreateApplicationPresignedUrl",
    ),
    *_workload("lambda.amazonaws.com", "API", "lambda:CreateMicrovmShellAuthToken"),
    # A certification authority of one's own for roles that trust the service.
    *_workload(
        "rolesanywhere.amazonaws.com",
        "API",
        "rolesanywhere:CreateTrustAnchor|rolesanywhere:UpdateTrustAnchor",
    ),
    *_workload(
        "sagemaker.amazonaws.com",
        "API",
        "sagemaker:CreatePresignedDomainUrl|sagemaker:StartSession",
    ),
    *_workload(
        "sagemaker.amazonaws.com", "API", "sagemaker:UpdatePipeline", "sagemaker:StartPipelineExecution"
    ),
    # Commands on machines that are registered, by an association in place of a command.
    *_workload(
        "ec2.amazonaws.com",
        "API",
        "ssm:CreateAssociation|ssm:UpdateAssociation|ssm:CreateAssociationBatch",
    ),
    *_workload("transfer.amazonaws.com", "API", "transfer:ImportSshPublicKey", administrator=False),
)
