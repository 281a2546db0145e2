"""S3 buckets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from providers.aws.account import GET_ACCOUNT_BLOCK
from providers.aws.calls import AwsCall, AwsQuestion
from providers.aws.exposure import NOTHING_OPEN, Openness, openness, refuses_plaintext
from providers.aws.policy import Part
from scanner.collect import Answer, Collector, Facet, Item, Read, asked
from scanner.evidence import Observed, Unknown, all_of, any_of, lift
from scanner.resources import Bucket, Encryption

LIST_BUCKETS = AwsCall("s3", "list_buckets", "s3:ListAllMyBuckets", pages="Buckets", page_size=1000)
"""Asked in pages also because S3 tells ``BucketRegion`` only where a parameter is given."""
GET_LOCATION = AwsCall(
    "s3",
    "get_bucket_location",
    "s3:GetBucketLocation",
    parameters=(("Bucket", "Name"),),
    root="LocationConstraint",
    unless="BucketRegion",
)


def _of_bucket(operation: str, permission: str, *absent: str, root: str | None = None) -> AwsCall:
    return AwsCall(
        "s3",
        operation,
        permission,
        absent=frozenset(absent),
        parameters=(("Bucket", "Name"),),
        regional=True,
        root=root,
    )


GET_ACL = _of_bucket("get_bucket_acl", "s3:GetBucketAcl")
GET_BLOCK = _of_bucket(
    "get_public_access_block", "s3:GetBucketPublicAccessBlock", "NoSuchPublicAccessBlockConfiguration"
)
GET_ENCRYPTION = _of_bucket(
    "get_bucket_encryption",
    "s3:GetEncryptionConfiguration",
    "ServerSideEncryptionConfigurationNotFoundError",
)
GET_LOGGING = _of_bucket("get_bucket_logging", "s3:GetBucketLogging", root="BucketLoggingStatus")
GET_OWNERSHIP = _of_bucket(
    "get_bucket_ownership_controls", "s3:GetBucketOwnershipControls", "OwnershipControlsNotFoundError"
)
GET_POLICY = _of_bucket("get_bucket_policy", "s3:GetBucketPolicy", "NoSuchBucketPolicy")
GET_POLICY_STATUS = _of_bucket("get_bucket_policy_status", "s3:GetBucketPolicyStatus", "NoSuchBucketPolicy")
GET_TAGS = _of_bucket("get_bucket_tagging", "s3:GetBucketTagging", "NoSuchTagSet")
GET_VERSIONING = _of_bucket("get_bucket_versioning", "s3:GetBucketVersioning", root="VersioningConfiguration")

EVERYONE = frozenset(
    {
        "http://acs.amazonaws.com/groups/global/AllUsers",
        "http://acs.amazonaws.com/groups/global/AuthenticatedUsers",
    }
)
"""Predefined groups of S3's ACLs: anyone, and anyone with any AWS account (S3 user guide, "ACL overview")."""
GRANTED: Mapping[str, frozenset[Part]] = {
    "READ": frozenset({"read"}),
    "WRITE": frozenset({"write"}),
    "WRITE_ACP": frozenset({"write"}),
    "READ_ACP": frozenset({"other"}),
    "FULL_CONTROL": frozenset({"read", "write", "other"}),
}
LOCATIONS = {None: "us-east-1", "": "us-east-1", "EU": "eu-west-1"}
"""``LocationConstraint`` values that are not the region's name (API reference, GetBucketLocation)."""


def header(item: Item) -> Mapping[str, Any]:
    """``Name`` of ListBuckets, and the region found for it."""
    return {
        "provider": "aws",
        "partition": item["partition"],
        "scope": item["account"],
        "region": item["region"],
        "id": f"arn:{item['partition']}:s3:::{item['Name']}",
        "name": item["Name"],
        "type": "aws.s3.bucket",
    }


def to_region(item: Item, answer: Answer) -> Mapping[str, str]:
    """``BucketRegion`` of ListBuckets where S3 tells it, else ``LocationConstraint`` of GetBucketLocation."""
    if item.get("BucketRegion"):
        return {"region": item["BucketRegion"]}
    constraint = answer["LocationConstraint"]
    return {"region": LOCATIONS.get(constraint) or constraint}


def to_acl_grants(item: Item, answer: Answer) -> frozenset[Part]:
    """What ``Grants`` of GetBucketAcl give to the groups of everyone. Objects have ACLs of their own."""
    return frozenset(
        part
        for grant in answer["Grants"]
        if grant["Grantee"].get("URI") in EVERYONE
        for part in GRANTED[grant["Permission"]]
    )


def to_ignores_acls(item: Item, answer: Answer) -> bool:
    """``IgnorePublicAcls`` of GetPublicAccessBlock, of the bucket or of the account."""
    return answer is not None and _flag(answer["PublicAccessBlockConfiguration"]["IgnorePublicAcls"])


def to_restricts_policies(item: Item, answer: Answer) -> bool:
    """``RestrictPublicBuckets`` of GetPublicAccessBlock, of the bucket or of the account."""
    return answer is not None and _flag(answer["PublicAccessBlockConfiguration"]["RestrictPublicBuckets"])


def to_uniform_access(item: Item, answer: Answer) -> bool:
    """``ObjectOwnership`` of GetBucketOwnershipControls is BucketOwnerEnforced: ACLs are switched off.

    Without ownership controls a bucket works as ObjectWriter: ACLs count.
    """
    if answer is None:
        return False
    (rule,) = answer["OwnershipControls"]["Rules"]
    ownership = rule["ObjectOwnership"]
    if ownership not in ("BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"):
        raise ValueError(f"object ownership {ownership}")
    return bool(ownership == "BucketOwnerEnforced")


def to_policy_status(item: Item, answer: Answer) -> bool:
    """``PolicyStatus.IsPublic`` of GetBucketPolicyStatus."""
    return answer is not None and _flag(answer["PolicyStatus"]["IsPublic"])


def to_openness(item: Item, answer: Answer) -> Openness:
    """``Policy`` of GetBucketPolicy, read for what it grants to everyone."""
    return NOTHING_OPEN if answer is None else openness(answer["Policy"], item["Name"], item["partition"])


def to_tls_only(item: Item, answer: Answer) -> bool:
    """``Policy`` of GetBucketPolicy denies everyone everything without TLS."""
    return answer is not None and refuses_plaintext(answer["Policy"], item["Name"], item["partition"])


def to_encryption(item: Item, answer: Answer) -> Encryption | None:
    """The default rule of GetBucketEncryption.

    SSE-S3 (``AES256``) and KMS without a key or with the alias ``aws/s3`` use AWS's key. Any other key is
    taken for the customer's: S3 names its own key by that alias, and a rule that gives a key's id or ARN
    is how S3's documentation has one choose a customer managed key. (Someone could enter the ARN of the
    account's own ``aws/s3`` key; only kms:DescribeKey tells, and that is not asked here.)
    """
    if answer is None:
        return None
    (rule,) = answer["ServerSideEncryptionConfiguration"]["Rules"]
    default = rule["ApplyServerSideEncryptionByDefault"]
    algorithm, key = default["SSEAlgorithm"], default.get("KMSMasterKeyID") or None
    if algorithm == "AES256":
        return Encryption(key="provider", key_id=None)
    if algorithm not in ("aws:kms", "aws:kms:dsse"):
        raise ValueError(f"encryption algorithm {algorithm}")
    if key is None or key.rpartition(":")[2] == "alias/aws/s3":
        return Encryption(key="provider", key_id=key)
    return Encryption(key="customer", key_id=key)


def to_versioning(item: Item, answer: Answer) -> bool:
    """``Status`` of GetBucketVersioning: ``Enabled``; ``Suspended``, or missing where it never was on."""
    return bool(answer.get("Status") == "Enabled")


def to_access_logging(item: Item, answer: Answer) -> bool:
    """``LoggingEnabled`` of GetBucketLogging is there while the bucket has a target for its access log."""
    return "LoggingEnabled" in answer and bool(answer["LoggingEnabled"]["TargetBucket"])


def to_tags(item: Item, answer: Answer) -> Mapping[str, str]:
    """``TagSet`` of GetBucketTagging."""
    return {} if answer is None else {tag["Key"]: tag["Value"] for tag in answer["TagSet"]}


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("expected a boolean")
    return value


EXPOSURE: tuple[Read[AwsQuestion], ...] = (
    Read(GET_ACL, to_acl_grants),
    Read(GET_OWNERSHIP, to_uniform_access),
    Read(GET_BLOCK, to_ignores_acls),
    Read(GET_ACCOUNT_BLOCK, to_ignores_acls),
    Read(GET_POLICY_STATUS, to_policy_status),
    Read(GET_POLICY, to_openness),
    Read(GET_BLOCK, to_restricts_policies),
    Read(GET_ACCOUNT_BLOCK, to_restricts_policies),
)
"""All that decides whether strangers get in. What is shut by one of them needs none of the others."""


def open_by_acl(part: Part, *evidence: Observed[Any]) -> Observed[bool]:
    """The ACL grants it, and nothing has ACLs ignored."""
    grants, enforced, bucket_ignores, account_ignores = evidence[:4]
    ignored = any_of(enforced, bucket_ignores, account_ignores)
    return all_of(lift(lambda parts: part in parts, grants), _not(ignored))


def open_by_policy(part: Part, *evidence: Observed[Any]) -> Observed[bool]:
    """The policy grants it and S3 calls the policy public, and nothing restricts public policies.

    A policy that was not read while S3 calls it public may open reading or writing: unknown.
    """
    public, text, bucket_restricts, account_restricts = evidence[4:]
    if isinstance(public, Unknown) or isinstance(text, Unknown):
        granted = all_of(public, lift(lambda found: found.by_text(part), text))
    else:
        granted = text.given(public, part)
    return all_of(granted, _not(any_of(bucket_restricts, account_restricts)))


def is_open(part: Part, *evidence: Observed[Any]) -> Observed[bool]:
    """Open to everyone in one way or the other."""
    return any_of(open_by_acl(part, *evidence), open_by_policy(part, *evidence))


def open_via(*evidence: Observed[Any]) -> Observed[tuple[str, ...]]:
    """The ways in which reading or writing is open, in words."""

    def either(way: Callable[..., Observed[bool]]) -> Observed[bool]:
        return any_of(way("read", *evidence), way("write", *evidence))

    def words(acl: bool, policy: bool) -> tuple[str, ...]:
        return tuple(word for word, is_so in (("ACL", acl), ("bucket policy", policy)) if is_so)

    return lift(words, either(open_by_acl), either(open_by_policy))


def _not(fact: Observed[bool]) -> Observed[bool]:
    return lift(lambda value: not value, fact)


BUCKETS: Collector[AwsQuestion] = Collector(
    kind=Bucket,
    list=LIST_BUCKETS,
    header=header,
    enrich=Facet((Read(GET_LOCATION, to_region),)),
    facets={
        "tags": asked(GET_TAGS, to_tags),
        "public_read": Facet(EXPOSURE, partial(is_open, "read")),
        "public_write": Facet(EXPOSURE, partial(is_open, "write")),
        "public_via": Facet(EXPOSURE, open_via),
        "encryption": asked(GET_ENCRYPTION, to_encryption),
        "versioning": asked(GET_VERSIONING, to_versioning),
        "access_logging": asked(GET_LOGGING, to_access_logging),
        "tls_only": asked(GET_POLICY, to_tls_only),
        "uniform_access": asked(GET_OWNERSHIP, to_uniform_access),
    },
)
