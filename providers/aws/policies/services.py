"""What AWS's services do with roles that are passed to them, by the prefix of their actions.

Data only. A service that is neither here nor in :mod:`providers.aws.policies.passed_roles` may do anything
with a role: whoever may pass any role, and use all of the service, may get its rights.
"""

from __future__ import annotations

OWN_USE = frozenset(
    {
        "access-analyzer", "acm", "aiops", "aoss", "appconfig", "appflow", "application-autoscaling",
        "aps", "arc-region-switch", "auditmanager", "backup", "backup-gateway", "backup-search",
        "bcm-dashboards", "bedrock", "chime", "cleanrooms", "cleanrooms-ml", "cloudfront", "cloudhsm",
        "cloudtrail", "cloudwatch", "cognito-sync", "comprehend", "comprehendmedical", "connect",
        "databrew", "dataexchange", "dax", "dlm", "dsql", "dynamodb", "ecr", "elasticfilesystem",
        "elemental-inference", "emr-containers", "entityresolution", "es", "forecast", "frauddetector",
        "gameliftstreams", "geo", "grafana", "groundstation", "guardduty", "healthlake", "inspector",
        "inspector2", "iotdeviceadvisor", "iotfleetwise", "iotmanagedintegrations", "iotsitewise",
        "iotthingsgraph", "iottwinmaker", "iotwireless", "kafka", "kendra", "kinesis", "lex",
        "license-manager", "logs", "lookoutequipment", "machinelearning", "marketplacecommerceanalytics",
        "mediaconnect", "mediaconvert", "medialive", "mediapackage", "mediapackage-vod", "mediapackagev2",
        "medical-imaging", "mobiletargeting", "neptune-db", "neptune-graph", "observabilityadmin", "odb",
        "osis", "personalize", "profile", "qbusiness", "rekognition", "repostspace", "resiliencehub",
        "resource-groups", "rum", "s3tables", "sagemaker-geospatial", "secretsmanager", "securityhub",
        "securitylake", "ses", "shield", "sms-voice", "snowball", "social-messaging", "ssm-quicksetup",
        "storagegateway", "supportapp", "swf", "textract", "timestream", "transcribe", "translate",
        "voiceid", "wellarchitected", "wisdom", "workdocs", "workmail", "workspaces",
    }
)  # fmt: skip
"""They take roles for a purpose of their own: to read what they process and to write what comes of it, to
log, to notify. What the role may do beyond that is of no use to the caller (API references, at each parameter
that takes a role)."""

WITHOUT_ROLES = frozenset(
    {
        "a4b", "account", "acm-pca", "activate", "amplifybackend", "amplifyuibuilder", "apiportal",
        "app-integrations", "appfabric", "application-cost-profiler", "application-signals",
        "applicationinsights", "appmesh", "arc-zonal-shift", "artifact", "autoscaling-plans",
        "aws-marketplace", "aws-marketplace-management", "aws-portal", "awsconnector", "b2bi",
        "bcm-data-exports", "bcm-pricing-calculator", "bcm-recommended-actions", "billing",
        "billingconductor", "bugbust", "cases", "cassandra", "ce", "cloud9", "clouddirectory",
        "cloudfront-keyvaluestore", "cloudsearch", "cloudshell", "cloudtrail-data", "codeartifact",
        "codecatalyst", "codecommit", "codedeploy-commands-secure", "codeguru-profiler",
        "codeguru-reviewer", "codeguru-security", "codestar-notifications", "codewhisperer",
        "compute-optimizer", "connect-campaigns", "consoleapp", "consolidatedbilling", "controlcatalog",
        "controltower", "cost-optimization-hub", "cur", "customer-verification", "dbqms", "deepcomposer",
        "deepracer", "detective", "devops-guru", "directconnect", "discovery", "docdb-elastic", "drs",
        "ds", "ds-data", "ebs", "ec2messages", "ecr-public", "eks-auth", "elastic-inference",
        "elasticache", "elasticloadbalancing", "elemental-activations", "elemental-appliances-software",
        "elemental-support-cases", "elemental-support-content", "evs", "execute-api", "fms", "freertos",
        "freetier", "fsx", "geo-maps", "geo-places", "geo-routes", "glacier", "globalaccelerator",
        "groundtruthlabeling", "health", "honeycode", "identity-sync", "identitystore-auth",
        "importexport", "inspector-scan", "internetmonitor", "invoicing", "iq", "iq-permission", "ivs",
        "ivschat", "kafka-cluster", "kendra-ranking", "kinesisvideo", "kms", "launchwizard",
        "license-manager-linux-subscriptions", "license-manager-user-subscriptions", "lightsail",
        "macie2", "managedblockchain", "managedblockchain-query", "mapcredits", "mechanicalturk",
        "mediaimport", "mediastore", "mediatailor", "memorydb", "mgh", "mgn", "migrationhub-orchestrator",
        "migrationhub-strategy", "mobileanalytics", "monitron", "mpa", "mq", "network-firewall",
        "networkflowmonitor", "networkmanager", "networkmonitor", "nimble", "notifications",
        "notifications-contacts", "oam", "opsworks-cm", "organizations", "outposts", "partnercentral",
        "partnercentral-account", "partnercentral-benefits", "partnercentral-channel",
        "partnercentral-marketing", "partnercentral-selling", "payment-cryptography", "payments",
        "pca-connector-ad", "pca-connector-scep", "pi", "polly", "pricing", "pricingplanmanager",
        "private-networks", "purchase-orders", "q", "qapps", "qldb", "ram", "rbin", "rds-data", "rds-db",
        "redshift-data", "refactor-spaces", "resource-explorer-2", "robomaker", "route53",
        "route53-recovery-cluster", "route53-recovery-control-config", "route53-recovery-readiness",
        "route53domains", "route53globalresolver", "route53profiles", "route53resolver",
        "s3-object-lambda", "s3-outposts", "s3express", "s3vectors", "savingsplans", "schemas", "sdb",
        "security-ir", "serverlessrepo", "servicediscovery", "servicequotas", "signer", "signin",
        "snow-device-management", "sns", "sqlworkbench", "sqs", "ssm-contacts", "ssm-guiconnect",
        "ssm-sap", "ssmmessages", "sso-oauth", "sumerian", "support", "supportauthz", "sustainability",
        "tag", "tax", "thinclient", "timestream-influxdb", "trustedadvisor", "ts", "user-subscriptions",
        "vendor-insights", "verifiedpermissions", "vpc-lattice", "vpce", "waf", "waf-regional", "wafv2",
        "wam", "wickr", "worklink", "workmailmessageflow", "workspaces-web", "xray",
    }
)  # fmt: skip
"""No operation takes a role (Service Authorization Reference: none depends on ``iam:PassRole``)."""
