"""PassRole with the actions by which a service takes the role: it then runs code, or makes calls, with it.

Data only, as :mod:`providers.aws.policies.escalations`, which names the sources. Two more are

- ``API``: the operation's page in the API reference of its service, at the parameter that takes the role;
- ``service guide``: the service's own guide.

What services do with the roles of all other operations: :mod:`providers.aws.policies.services`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from providers.aws.policies.escalation import Escalation, Right, of_service


def _pass(service: str, source: str, *actions: str, administrator: bool = True) -> Iterator[Escalation]:
    """PassRole with actions; of the alternatives in one text (``a|b``), any one is enough."""
    passing = Right("iam:passrole", "arn:{partition}:iam::{account}:role/{name}", whole=True, service=service)
    for chosen in product(*(alternatives.split("|") for alternatives in actions)):
        yield Escalation("pass", (passing, *map(of_service, chosen)), source, service, administrator)


PASSING: tuple[Escalation, ...] = (
    *_pass("amplify.amazonaws.com", "amplify-001", "amplify:CreateApp", "amplify:StartJob"),
    *_pass(
        "tasks.apprunner.amazonaws.com", "apprunner-001", "apprunner:CreateService|apprunner:UpdateService"
    ),
    *_pass("airflow-env.amazonaws.com", "SAR", "airflow:CreateEnvironment|airflow:UpdateEnvironment"),
    *_pass(
        "airflow-serverless.amazonaws.com",
        "API",
        "airflow-serverless:CreateWorkflow|airflow-serverless:UpdateWorkflow",
        "airflow-serverless:StartWorkflowRun",
    ),
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
        "bedrock-agentcore:CreateAgentRuntime|bedrock-agentcore:UpdateAgentRuntime|bedrock-agentcore:CreateHarness"
        "|bedrock-agentcore:UpdateHarness",
        "bedrock-agentcore:InvokeAgentRuntimeCommand|bedrock-agentcore:InvokeAgentRuntime"
        "|bedrock-agentcore:InvokeHarness",
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
    # Cloud Control: one resource, as the role.
    *_pass(
        "cloudformation.amazonaws.com", "API", "cloudformation:CreateResource|cloudformation:UpdateResource"
    ),
    # The handlers of a resource type of one's own.
    *_pass(
        "resources.cloudformation.amazonaws.com",
        "API",
        "cloudformation:RegisterType",
        "cloudformation:CreateStack|cloudformation:UpdateStack|cloudformation:CreateResource",
    ),
    # Stacks from a repository that is linked.
    *_pass(
        "cloudformation.sync.codeconnections.amazonaws.com",
        "API",
        "codeconnections:CreateSyncConfiguration|codeconnections:UpdateSyncConfiguration"
        "|codestar-connections:CreateSyncConfiguration|codestar-connections:UpdateSyncConfiguration",
    ),
    *_pass(
        "codebuild.amazonaws.com",
        "codebuild-001",
        "codebuild:CreateProject|codebuild:UpdateProject",
        "codebuild:StartBuild|codebuild:StartBuildBatch",
    ),
    # A build takes another role and another buildspec than its project has.
    *_pass("codebuild.amazonaws.com", "API", "codebuild:StartBuild|codebuild:StartBuildBatch"),
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
    *_pass(
        "ecs-tasks.amazonaws.com",
        "API",
        "ecs:CreateExpressGatewayService|ecs:UpdateExpressGatewayService",
    ),
    *_pass(
        "ecs-tasks.amazonaws.com",
        "API",
        "ecs:RegisterDaemonTaskDefinition",
        "ecs:CreateDaemon|ecs:UpdateDaemon",
    ),
    # The overrides of a task name another role and another command, whatever its definition says.
    *_pass("ecs-tasks.amazonaws.com", "ecs-008", "ecs:RunTask|ecs:StartTask"),
    *_pass(
        "pods.eks.amazonaws.com", "SAR", "eks:CreatePodIdentityAssociation|eks:UpdatePodIdentityAssociation"
    ),
    *_pass("ec2.amazonaws.com", "emr-001", "elasticmapreduce:RunJobFlow"),
    *_pass(
        "emr-serverless.amazonaws.com",
        "emrserverless-001",
        "emr-serverless:StartJobRun|emr-serverless:StartSession",
    ),
    *_pass("gamelift.amazonaws.com", "gamelift-001", "gamelift:CreateFleet|gamelift:CreateContainerFleet"),
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
    *_pass("omics.amazonaws.com", "omics-001", "omics:CreateWorkflow", "omics:StartRun|omics:StartRunBatch"),
    *_pass("opsworks.amazonaws.com", "SAR", "opsworks:CreateStack|opsworks:UpdateStack"),
    *_pass("rolesanywhere.amazonaws.com", "SAR", "rolesanywhere:CreateProfile|rolesanywhere:UpdateProfile"),
    *_pass(
        "sagemaker.amazonaws.com",
        "sagemaker-001",
        "sagemaker:CreateNotebookInstance|sagemaker:CreateTrainingJob|sagemaker:CreateProcessingJob"
        "|sagemaker:CreateHyperParameterTuningJob|sagemaker:CreateDomain|sagemaker:CreateUserProfile"
        "|sagemaker:UpdateUserProfile|sagemaker:UpdateDomain|sagemaker:CreateCluster|sagemaker:UpdateCluster"
        "|sagemaker:CreateMonitoringSchedule|sagemaker:UpdateMonitoringSchedule"
        "|sagemaker:UpdateNotebookInstance",
    ),
    *_pass("sagemaker.amazonaws.com", "SAR", "sagemaker:CreateModel", "sagemaker:CreateEndpoint"),
    *_pass("sagemaker.amazonaws.com", "API", "sagemaker:CreateModel", "sagemaker:CreateTransformJob"),
    *_pass(
        "sagemaker.amazonaws.com",
        "SAR",
        "sagemaker:CreatePipeline|sagemaker:UpdatePipeline",
        "sagemaker:StartPipelineExecution",
    ),
    *_pass("scheduler.amazonaws.com", "SAR", "scheduler:CreateSchedule|scheduler:UpdateSchedule"),
    # A machine that is registered with an activation has the credentials of its role.
    *_pass(
        "ssm.amazonaws.com",
        "SAR",
        "ssm:StartAutomationExecution|ssm:CreateAssociation|ssm:CreateActivation|ssm:CreateAssociationBatch"
        "|ssm:UpdateAssociation|ssm:UpdateManagedInstanceRole|ssm:StartChangeRequestExecution"
        "|ssm:RegisterTaskWithMaintenanceWindow|ssm:UpdateMaintenanceWindowTask",
    ),
    # Automation documents that the service starts, of one's own and with the role.
    *_pass("ssm.amazonaws.com", "API", "config:PutRemediationConfigurations"),
    *_pass(
        "ssm.amazonaws.com",
        "API",
        "servicecatalog:CreateServiceAction|servicecatalog:UpdateServiceAction",
        "servicecatalog:ExecuteProvisionedProductServiceAction",
    ),
    *_pass(
        "ssm-incidents.amazonaws.com",
        "API",
        "ssm-incidents:CreateResponsePlan|ssm-incidents:UpdateResponsePlan",
        "ssm-incidents:StartIncident",
    ),
    *_pass(
        "states.amazonaws.com",
        "stepfunctions-001",
        "states:CreateStateMachine|states:UpdateStateMachine",
        "states:StartExecution|states:StartSyncExecution",
    ),
    *_pass("states.amazonaws.com", "SAR", "states:TestState"),
    *_pass(
        "lambda.amazonaws.com",
        "SAR",
        "synthetics:CreateCanary|synthetics:UpdateCanary",
        "synthetics:StartCanary",
    ),
    *_pass("lambda.amazonaws.com", "API", "synthetics:StartCanaryDryRun"),
    *_pass("lambda.amazonaws.com", "API", "lambda:RunMicrovm"),
    # An integration with any service's API, or a data source that signs as the role.
    *_pass("apigateway.amazonaws.com", "API", "apigateway:PUT|apigateway:POST|apigateway:PATCH"),
    *_pass(
        "appsync.amazonaws.com",
        "API",
        "appsync:CreateDataSource|appsync:UpdateDataSource",
        "appsync:CreateResolver|appsync:UpdateResolver|appsync:CreateFunction|appsync:UpdateFunction",
    ),
    *_pass(
        "bedrock-agentcore.amazonaws.com",
        "API",
        "bedrock-agentcore:CreateGateway|bedrock-agentcore:UpdateGateway",
        "bedrock-agentcore:CreateGatewayTarget|bedrock-agentcore:UpdateGatewayTarget",
    ),
    *_pass(
        "appstream.amazonaws.com",
        "API",
        "appstream:CreateFleet|appstream:UpdateFleet",
        "appstream:CreateStreamingURL",
    ),
    *_pass(
        "appstream.amazonaws.com",
        "API",
        "appstream:CreateImageBuilder",
        "appstream:CreateImageBuilderStreamingURL",
    ),
    *_pass(
        "athena.amazonaws.com",
        "API",
        "athena:CreateWorkGroup|athena:UpdateWorkGroup|athena:StartSession",
        "athena:StartCalculationExecution",
    ),
    *_pass("ec2.amazonaws.com", "API", "batch:CreateComputeEnvironment", "batch:SubmitJob"),
    # The action attaches a policy of one's choice to an identity.
    *_pass(
        "budgets.amazonaws.com",
        "API",
        "budgets:CreateBudgetAction|budgets:UpdateBudgetAction",
    ),
    # Commands of a chat, as the role.
    *_pass(
        "chatbot.amazonaws.com",
        "API",
        "chatbot:CreateSlackChannelConfiguration|chatbot:UpdateSlackChannelConfiguration"
        "|chatbot:CreateMicrosoftTeamsChannelConfiguration|chatbot:UpdateMicrosoftTeamsChannelConfiguration",
    ),
    *_pass(
        "cognito-identity.amazonaws.com",
        "API",
        "cognito-idp:CreateGroup|cognito-idp:UpdateGroup",
        "cognito-idp:AdminAddUserToGroup",
    ),
    *_pass(
        "datazone.amazonaws.com",
        "API",
        "datazone:AssociateEnvironmentRole",
        "datazone:GetEnvironmentCredentials",
    ),
    *_pass(
        "credentials.deadline.amazonaws.com",
        "API",
        "deadline:CreateQueue|deadline:UpdateQueue",
        "deadline:CreateJob|deadline:AssumeQueueRoleForUser",
    ),
    *_pass(
        "devicefarm.amazonaws.com",
        "API",
        "devicefarm:CreateProject|devicefarm:UpdateProject",
        "devicefarm:ScheduleRun",
    ),
    *_pass("ec2.amazonaws.com", "API", "ec2:RunScheduledInstances|ec2:ModifyFleet"),
    *_pass("ec2.amazonaws.com", "API", "eks:CreateNodegroup"),
    # Resources of other services that a cluster's users declare.
    *_pass("capabilities.eks.amazonaws.com", "API", "eks:CreateCapability|eks:UpdateCapability"),
    *_pass(
        "ec2.amazonaws.com",
        "service guide",
        "elasticbeanstalk:CreateEnvironment|elasticbeanstalk:UpdateEnvironment",
    ),
    *_pass("elasticmapreduce.amazonaws.com", "API", "elasticmapreduce:StartNotebookExecution"),
    # What a rule or a pipe starts: commands on machines, tasks, state machines, runs of automation documents.
    *_pass("events.amazonaws.com", "API", "events:PutTargets"),
    *_pass("pipes.amazonaws.com", "API", "pipes:CreatePipe|pipes:UpdatePipe"),
    *_pass(
        "fis.amazonaws.com",
        "API",
        "fis:CreateExperimentTemplate|fis:UpdateExperimentTemplate",
        "fis:StartExperiment",
    ),
    *_pass(
        "glue.amazonaws.com", "API", "glue:CreateBlueprint|glue:UpdateBlueprint", "glue:StartBlueprintRun"
    ),
    *_pass(
        "greengrass.amazonaws.com", "API", "greengrass:AssociateRoleToGroup", "greengrass:CreateDeployment"
    ),
    *_pass("kafkaconnect.amazonaws.com", "API", "kafkaconnect:CreateConnector"),
    *_pass("m2.amazonaws.com", "API", "m2:CreateApplication", "m2:CreateDeployment"),
    *_pass("ec2.amazonaws.com", "API", "pcs:CreateComputeNodeGroup|pcs:UpdateComputeNodeGroup"),
    *_pass("proton.amazonaws.com", "API", "proton:CreateEnvironment|proton:UpdateEnvironment"),
    # The launch role of a portfolio's product.
    *_pass(
        "servicecatalog.amazonaws.com",
        "API",
        "servicecatalog:CreateConstraint|servicecatalog:UpdateConstraint",
        "servicecatalog:ProvisionProduct|servicecatalog:UpdateProvisionedProduct",
    ),
    *_pass("ec2.amazonaws.com", "API", "workspaces-instances:CreateWorkspaceInstance"),
    # The data that the role may read or write, but no other call of its own.
    *_pass(
        "dms.amazonaws.com",
        "API",
        "dms:CreateEndpoint|dms:ModifyEndpoint",
        "dms:StartReplicationTask|dms:StartReplication",
        administrator=False,
    ),
    *_pass(
        "transfer.amazonaws.com",
        "API",
        "transfer:CreateUser|transfer:UpdateUser|transfer:CreateAccess|transfer:UpdateAccess"
        "|transfer:CreateAgreement|transfer:CreateConnector",
        administrator=False,
    ),
    *_pass("batchoperations.s3.amazonaws.com", "API", "s3:CreateJob", administrator=False),
    *_pass(
        "datasync.amazonaws.com",
        "API",
        "datasync:CreateLocationS3|datasync:UpdateLocationS3",
        "datasync:StartTaskExecution",
        administrator=False,
    ),
    *_pass("iot.amazonaws.com", "API", "iot:CreateTopicRule|iot:ReplaceTopicRule", administrator=False),
    *_pass(
        "firehose.amazonaws.com",
        "API",
        "firehose:CreateDeliveryStream|firehose:UpdateDestination",
        administrator=False,
    ),
    *_pass(
        "quicksight.amazonaws.com",
        "API",
        "quicksight:CreateDataSource|quicksight:UpdateDataSource",
        administrator=False,
    ),
    *_pass(
        "redshift.amazonaws.com",
        "API",
        "redshift:ModifyClusterIamRoles|redshift-serverless:UpdateNamespace",
        administrator=False,
    ),
    *_pass(
        "rds.amazonaws.com",
        "API",
        "rds:AddRoleToDBCluster|rds:AddRoleToDBInstance",
        administrator=False,
    ),
    *_pass(
        "lakeformation.amazonaws.com",
        "API",
        "lakeformation:RegisterResource|lakeformation:UpdateResource",
        administrator=False,
    ),
)
