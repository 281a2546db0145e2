"""The AWS account of the sample company: ``payments-prod`` in the organisational unit Workloads/Prod."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from providers.sandbox.aws import audit, compute, keys, network
from providers.sandbox.aws.identity import Identities

ACCOUNT = "111122223333"
REGION = "eu-west-1"
ALIAS = "payments-prod"
TRAIL = "payments-events"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/7d0f3f9a-1f3c-4c55-9b0a-9c1f7a2f4e11"
ALL_ON = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}


@dataclass(frozen=True)
class SampleBucket:
    """One bucket and its settings; everything else is off."""

    name: str
    tags: Mapping[str, str]
    region: str = REGION
    blocked: bool = True
    """All four settings of its public access block are on."""
    ownership: str | None = "BucketOwnerEnforced"
    acl: str = "private"
    key: str | None = None
    """The customer managed KMS key; without it S3's own key."""
    versioned: bool = False
    logs_to: str | None = None
    tls_only: bool = False
    allow: tuple[Mapping[str, Any], ...] = ()
    """Statements of the bucket policy besides the one for TLS."""


def _anyone(action: str | list[str], resource: str) -> Mapping[str, Any]:
    return {"Sid": "Open", "Effect": "Allow", "Principal": "*", "Action": action, "Resource": resource}


def _delivery(service: str, sid: str) -> Mapping[str, Any]:
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "s3:PutObject",
        "Resource": "arn:aws:s3:::audit-logs/*",
        "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
    }


SAMPLE = (
    SampleBucket(
        "audit-logs",
        {"owner": "platform", "env": "prod"},
        versioned=True,
        tls_only=True,
        allow=(
            _delivery("logging.s3.amazonaws.com", "AccessLogs"),
            _delivery("cloudtrail.amazonaws.com", "Trails"),
        ),
    ),
    SampleBucket(
        "pay-receipts",
        {"owner": "payments", "data-class": "pci", "env": "prod"},
        key=KEY,
        versioned=True,
        logs_to="audit-logs",
        tls_only=True,
    ),
    SampleBucket(
        "payroll-export",
        {"env": "prod"},
        blocked=False,
        allow=(_anyone("s3:GetObject", "arn:aws:s3:::payroll-export/*"),),
    ),
    SampleBucket(
        "www-old",
        {"env": "prod"},
        region="us-east-1",
        blocked=False,
        ownership="ObjectWriter",
        acl="public-read",
    ),
    SampleBucket(
        "tmp-uploads",
        {"owner": "product", "env": "prod"},
        blocked=False,
        allow=(_anyone(["s3:PutObject", "s3:DeleteObject"], "arn:aws:s3:::tmp-uploads/*"),),
    ),
    SampleBucket(
        "app-artifacts",
        {"owner": "platform", "env": "prod"},
        region="eu-central-1",
        ownership=None,
        versioned=True,
    ),
    SampleBucket(
        "invoices-2024",
        {"owner": "ghost", "env": "prod"},
        key=KEY,
        logs_to="audit-logs",
    ),
)


def seed(endpoint: str, key_id: str, secret: str, regions: Sequence[str], identities: Identities) -> None:
    """Creates the sample account at a running endpoint, through the API itself."""
    import boto3

    session: Any = boto3.Session(aws_access_key_id=key_id, aws_secret_access_key=secret, region_name=REGION)

    def client(service: str, region: str = REGION) -> Any:
        return session.client(service, region_name=region, endpoint_url=endpoint)

    client("iam").create_account_alias(AccountAlias=ALIAS)
    _organisation(client("organizations"))
    for bucket in SAMPLE:
        _bucket(client("s3", bucket.region), bucket)
    trails = client("cloudtrail")
    trails.create_trail(Name=TRAIL, S3BucketName="audit-logs", IsMultiRegionTrail=False)
    trails.start_logging(Name=TRAIL)
    selector = {"ReadWriteType": "All", "IncludeManagementEvents": True, "DataResources": []}
    trails.put_event_selectors(TrailName=TRAIL, EventSelectors=[selector])
    audit.seed(client, REGION, KEY)
    keys.seed(client, ACCOUNT, REGION, KEY)
    network.seed(client, ACCOUNT, REGION, regions)
    compute.seed(client, ACCOUNT, REGION)
    identities.seed(client)


def _organisation(client: Any) -> None:
    client.create_organization(FeatureSet="ALL")
    root = client.list_roots()["Roots"][0]["Id"]
    parent = root
    for name in ("Workloads", "Prod"):
        unit = client.create_organizational_unit(ParentId=parent, Name=name)
        parent = unit["OrganizationalUnit"]["Id"]
    client.move_account(AccountId=ACCOUNT, SourceParentId=root, DestinationParentId=parent)
    tags = [{"Key": "env", "Value": "prod"}]
    client.tag_resource(ResourceId=ACCOUNT, Tags=tags)


def _bucket(client: Any, bucket: SampleBucket) -> None:
    name = bucket.name
    place = {}
    if bucket.region != "us-east-1":
        place = {"CreateBucketConfiguration": {"LocationConstraint": bucket.region}}
    client.create_bucket(Bucket=name, **place)
    client.put_bucket_tagging(
        Bucket=name, Tagging={"TagSet": [{"Key": k, "Value": v} for k, v in bucket.tags.items()]}
    )
    if bucket.blocked:
        client.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=ALL_ON)
    if bucket.ownership is not None:
        rules = {"Rules": [{"ObjectOwnership": bucket.ownership}]}
        client.put_bucket_ownership_controls(Bucket=name, OwnershipControls=rules)
    if bucket.acl != "private":
        client.put_bucket_acl(Bucket=name, ACL=bucket.acl)
    default = {"SSEAlgorithm": "AES256"}
    if bucket.key is not None:
        default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": bucket.key}
    client.put_bucket_encryption(
        Bucket=name,
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": False}]
        },
    )
    if bucket.versioned:
        client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    if policy := _policy(bucket):
        client.put_bucket_policy(Bucket=name, Policy=json.dumps(policy))
    if bucket.logs_to is not None:
        target = {"TargetBucket": bucket.logs_to, "TargetPrefix": f"{name}/"}
        client.put_bucket_logging(Bucket=name, BucketLoggingStatus={"LoggingEnabled": target})


def _policy(bucket: SampleBucket) -> Mapping[str, Any] | None:
    statements = list(bucket.allow)
    if bucket.tls_only:
        arn = f"arn:aws:s3:::{bucket.name}"
        plaintext = {"Bool": {"aws:SecureTransport": "false"}}
        statements.append(
            {
                "Sid": "TlsOnly",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [arn, f"{arn}/*"],
                "Condition": plaintext,
            }
        )
    return {"Version": "2012-10-17", "Statement": statements} if statements else None
