"""S3 buckets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from providers.aws.account import GET_ACCOUNT_BLOCK
from providers.aws.client.calls import DERIVED, AwsCall
from providers.aws.client.client import AwsChain, AwsQuestion
from providers.aws.keys import AWS_ALIAS_PREFIX, DESCRIBE_KEY, described
from providers.aws.policies.bucket_policy import NOTHING_OPEN, Openness, Part, openness, refuses_plaintext
from providers.aws.table import flag, header_of
from scanner.collect.table import Answer, Facet, FacetRead, Item, Table, asked
from scanner.model.evidence import Observed, Unknown, all_of, any_of, join, lift
from scanner.model.resources.storage import Bucket, Encryption

if TYPE_CHECKING:
    from providers.aws.client.client import AwsCaller

LIST_BUCKETS = AwsCall("s3", "ListBuckets", permission="s3:ListAllMyBuckets", pages="Buckets", page_size=1000)
"""Paged also because S3 returns ``BucketRegion`` only for requests with a parameter."""
GET_LOCATION = AwsCall(
    "s3",
    "GetBucketLocation",
    parameters=(("Bucket", "Name"),),
    root="LocationConstraint",
    unless="BucketRegion",
)


def _of_bucket(operation: str, *absent: str, permission: str = DERIVED, root: str | None = None) -> AwsCall:
    return AwsCall(
        "s3",
        operation,
        permission,
        absent=frozenset(absent),
        parameters=(("Bucket", "Name"),),
        regional=True,
        root=root,
    )


GET_ACL = _of_bucket("GetBucketAcl")
GET_BLOCK = _of_bucket(
    "GetPublicAccessBlock",
    "NoSuchPublicAccessBlockConfiguration",
    permission="s3:GetBucketPublicAccessBlock",
)
GET_ENCRYPTION = _of_bucket(
    "GetBucketEncryption",
    "ServerSideEncryptionConfigurationNotFoundError",
    permission="s3:GetEncryptionConfiguration",
)
GET_LOGGING = _of_bucket("GetBucketLogging", root="BucketLoggingStatus")
GET_OWNERSHIP = _of_bucket("GetBucketOwnershipControls", "OwnershipControlsNotFoundError")
GET_POLICY = _of_bucket("GetBucketPolicy", "NoSuchBucketPolicy")
GET_POLICY_STATUS = _of_bucket("GetBucketPolicyStatus", "NoSuchBucketPolicy", root="PolicyStatus")
GET_TAGS = _of_bucket("GetBucketTagging", "NoSuchTagSet")
GET_VERSIONING = _of_bucket("GetBucketVersioning", root="VersioningConfiguration")

EVERYONE = frozenset(
    {
        "http://acs.amazonaws.com/groups/global/AllUsers",
        "http://acs.amazonaws.com/groups/global/AuthenticatedUsers",
    }
)
"""Predefined groups of S3's ACLs: anyone, and anyone with an AWS account (S3 user guide, "ACL overview")."""
LOG_DELIVERY = "http://acs.amazonaws.com/groups/s3/LogDelivery"
"""The only other predefined group: S3's own delivery of access logs."""
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
    """``Name`` of ListBuckets, and the bucket's region."""
    return header_of(item, f"arn:{item['partition']}:s3:::{item['Name']}", item["Name"], "aws.s3.bucket")


def to_region(item: Item, answer: Answer) -> Mapping[str, str]:
    """``BucketRegion`` of ListBuckets if present, else ``LocationConstraint`` of GetBucketLocation."""
    if item.get("BucketRegion"):
        return {"region": item["BucketRegion"]}
    constraint = answer["LocationConstraint"]
    return {"region": LOCATIONS.get(constraint) or constraint}


def to_acl_grants(item: Item, answer: Answer) -> frozenset[Part]:
    """What ``Grants`` of GetBucketAcl give to everyone. Object ACLs are not read."""
    return frozenset(
        part
        for grant in answer["Grants"]
        if _is_everyone(grant["Grantee"])
        for part in GRANTED[grant["Permission"]]
    )


def _is_everyone(grantee: Mapping[str, Any]) -> bool:
    """``Type`` and ``URI`` of a Grantee. Raises :class:`ValueError` for an unknown type or group."""
    if grantee["Type"] == "Group":
        if grantee["URI"] not in EVERYONE | {LOG_DELIVERY}:
            raise ValueError("an ACL with an unknown group")
    elif grantee["Type"] not in ("CanonicalUser", "AmazonCustomerByEmail") or "URI" in grantee:
        raise ValueError("an ACL with an unknown kind of grantee")
    return grantee.get("URI") in EVERYONE


def to_ignores_acls(item: Item, answer: Answer) -> bool:
    """``IgnorePublicAcls`` of GetPublicAccessBlock, of the bucket or of the account."""
    return answer is not None and flag(answer["PublicAccessBlockConfiguration"]["IgnorePublicAcls"])


def to_restricts_policies(item: Item, answer: Answer) -> bool:
    """``RestrictPublicBuckets`` of GetPublicAccessBlock, of the bucket or of the account."""
    return answer is not None and flag(answer["PublicAccessBlockConfiguration"]["RestrictPublicBuckets"])


def to_uniform_access(item: Item, answer: Answer) -> bool:
    """``ObjectOwnership`` of GetBucketOwnershipControls is BucketOwnerEnforced: ACLs are disabled.

    Without ownership controls a bucket behaves like ObjectWriter: ACLs are in effect.
    """
    if answer is None:
        return False
    (rule,) = answer["OwnershipControls"]["Rules"]
    ownership = rule["ObjectOwnership"]
    if ownership not in ("BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"):
        raise ValueError(f"object ownership {ownership}")
    return bool(ownership == "BucketOwnerEnforced")


def to_policy_status(item: Item, answer: Answer) -> bool | None:
    """``PolicyStatus.IsPublic`` of GetBucketPolicyStatus; ``None`` without a policy."""
    return None if answer is None else flag(answer["PolicyStatus"]["IsPublic"])


def to_openness(item: Item, answer: Answer) -> Openness:
    """What ``Policy`` of GetBucketPolicy grants to everyone."""
    return NOTHING_OPEN if answer is None else openness(answer["Policy"], *_bucket(item))


def _bucket(item: Item) -> tuple[str, str, str]:
    return item["Name"], item["partition"], item["account"]


def to_tls_only(item: Item, answer: Answer) -> bool:
    """Whether ``Policy`` of GetBucketPolicy denies all requests without TLS."""
    return answer is not None and refuses_plaintext(answer["Policy"], *_bucket(item))


def encryption(caller: AwsCaller, item: Item) -> Observed[Answer]:
    """GetBucketEncryption and, where its rule names a key by id or ARN, DescribeKey for that key.

    Only KMS knows who manages a key: the ARN of AWS's own ``aws/s3`` looks like any other. Without its
    response the whole encryption is unknown. DescribeKey is called once per key, shared with the kind "key".
    """
    answer = caller.answer(GET_ENCRYPTION, item)
    if answer is None or isinstance(answer, Unknown):
        return answer
    return with_key(caller, item, answer, to_default_key(answer))


def with_key(caller: AwsCaller, item: Item, answer: Answer, key: str | None) -> Observed[Answer]:
    """The answer with ``KeyMetadata`` of DescribeKey, unless the key's alias tells who manages it."""
    if key is None or _alias(key) is not None:
        return answer
    arn = key
    if not key.startswith("arn:"):
        arn = f"arn:{item['partition']}:kms:{item['region']}:{item['account']}:key/{key.removeprefix('key/')}"
    _, _, service, region, _, _ = arn.split(":")
    if service != "kms":
        raise ValueError("the key is not a KMS key")
    found = described(caller, {**item, "KeyArn": arn, "region": region})
    return lift(lambda metadata: {**answer, "KeyMetadata": metadata}, found)


ENCRYPTION = AwsChain((GET_ENCRYPTION, DESCRIBE_KEY), encryption, about=("Name",))
OWNERS: Mapping[str, Literal["provider", "customer"]] = {"AWS": "provider", "CUSTOMER": "customer"}
"""``KeyManager`` of DescribeKey (API reference, KeyMetadata)."""


def to_default_key(answer: Answer) -> str | None:
    """``KMSMasterKeyID`` of the default rule of GetBucketEncryption: an id, an ARN or an alias. ``None`` for
    SSE-S3 (``AES256``), and for SSE-KMS without a key, which uses the AWS managed one.
    """
    (rule,) = answer["ServerSideEncryptionConfiguration"]["Rules"]
    default = rule.get("ApplyServerSideEncryptionByDefault")
    if default is None:
        # A rule may set a bucket key alone, or block encryption types: S3 then encrypts with its own keys.
        if not rule:
            raise ValueError("an encryption rule without content")
        return None
    algorithm = default["SSEAlgorithm"]
    if algorithm not in ("AES256", "aws:kms", "aws:kms:dsse"):
        raise ValueError(f"encryption algorithm {algorithm}")
    return None if algorithm == "AES256" else default.get("KMSMasterKeyID") or None


def to_encryption(item: Item, answer: Answer) -> Encryption | None:
    """The default rule of GetBucketEncryption, and ``KeyManager`` of DescribeKey for the key that it names.

    An alias needs no DescribeKey: AWS's own begin with ``alias/aws/``, and all others belong to customer
    managed keys (API reference, CreateAlias).
    """
    return None if answer is None else encrypted_with(to_default_key(answer), answer)


def encrypted_with(key: str | None, answer: Answer) -> Encryption:
    """The encryption with a key, from an answer of :func:`with_key`; without one, with the service's own."""
    if key is None:
        return Encryption(key="provider", key_id=None)
    alias = _alias(key)
    if alias is not None:
        return Encryption(key="provider" if alias.startswith(AWS_ALIAS_PREFIX) else "customer", key_id=key)
    return Encryption(key=OWNERS[answer["KeyMetadata"]["KeyManager"]], key_id=key)


def _alias(key: str) -> str | None:
    """The alias, if the key is named by one: ``alias/NAME``, also at the end of an ARN."""
    name = key.rpartition(":")[2]
    return name if name.startswith("alias/") else None


def to_versioning(item: Item, answer: Answer) -> bool:
    """``Status`` of GetBucketVersioning: ``Enabled``; ``Suspended``, or missing if it was never enabled."""
    return bool(answer.get("Status") == "Enabled")


def to_access_logging(item: Item, answer: Answer) -> bool:
    """``LoggingEnabled`` of GetBucketLogging is present if the bucket has a target for its access log."""
    enabled = answer.get("LoggingEnabled")
    return enabled is not None and bool(enabled["TargetBucket"])


def to_tags(item: Item, answer: Answer) -> Mapping[str, str]:
    """``TagSet`` of GetBucketTagging."""
    return {} if answer is None else {tag["Key"]: tag["Value"] for tag in answer["TagSet"]}


EXPOSURE: tuple[FacetRead[AwsQuestion], ...] = (
    FacetRead(GET_ACL, to_acl_grants),
    FacetRead(GET_OWNERSHIP, to_uniform_access),
    FacetRead(GET_BLOCK, to_ignores_acls),
    FacetRead(GET_ACCOUNT_BLOCK, to_ignores_acls),
    FacetRead(GET_POLICY_STATUS, to_policy_status),
    FacetRead(GET_POLICY, to_openness),
    FacetRead(GET_BLOCK, to_restricts_policies),
    FacetRead(GET_ACCOUNT_BLOCK, to_restricts_policies),
)
"""Everything that decides whether the bucket is public. If one proves it closed, the others do not matter."""


def open_by_acl(part: Part, *evidence: Observed[Any]) -> Observed[bool]:
    """The ACL grants it, and no setting makes S3 ignore ACLs."""
    grants, enforced, bucket_ignores, account_ignores = evidence[:4]
    ignored = any_of(enforced, bucket_ignores, account_ignores)
    return all_of(lift(lambda parts: part in parts, grants), _not(ignored))


def open_by_policy(part: Part, *evidence: Observed[Any]) -> Observed[bool]:
    """The policy grants it, S3 does not deny that, and no setting restricts public policies.

    Unknown for a policy that was not read: it may open reading or writing if S3 reports it as public, and
    may delegate to access points if S3 does not. Without S3's verdict, the text alone counts.
    """
    public, text, bucket_restricts, account_restricts = evidence[4:]
    granted: Observed[bool]
    if isinstance(text, Unknown):
        granted = (
            False if public is None else join([text, *([public] if isinstance(public, Unknown) else [])])
        )
    elif public is None or isinstance(public, Unknown):
        granted = text.by_text(part)
        if isinstance(granted, Unknown) and isinstance(public, Unknown):
            granted = join([public, granted])
    else:
        granted = text.with_verdict(public, part)
    return all_of(granted, _not(any_of(bucket_restricts, account_restricts)))


def is_open(part: Part, *evidence: Observed[Any]) -> Observed[bool]:
    """Open to everyone through the ACL or the bucket policy."""
    return any_of(open_by_acl(part, *evidence), open_by_policy(part, *evidence))


def open_via(*evidence: Observed[Any]) -> Observed[tuple[str, ...]]:
    """What opens reading or writing to everyone: ``ACL``, ``bucket policy``."""

    def either(way: Callable[..., Observed[bool]]) -> Observed[bool]:
        return any_of(way("read", *evidence), way("write", *evidence))

    def words(acl: bool, policy: bool) -> tuple[str, ...]:
        return tuple(word for word, is_so in (("ACL", acl), ("bucket policy", policy)) if is_so)

    return lift(words, either(open_by_acl), either(open_by_policy))


def _not(fact: Observed[bool]) -> Observed[bool]:
    return lift(lambda value: not value, fact)


BUCKETS: Table[AwsQuestion] = Table(
    kind=Bucket,
    list=LIST_BUCKETS,
    header=header,
    enrich=Facet((FacetRead(GET_LOCATION, to_region),)),
    facets={
        "tags": asked(GET_TAGS, to_tags),
        "public_read": Facet(EXPOSURE, partial(is_open, "read")),
        "public_write": Facet(EXPOSURE, partial(is_open, "write")),
        "public_via": Facet(EXPOSURE, open_via),
        "encryption": asked(ENCRYPTION, to_encryption),
        "versioning": asked(GET_VERSIONING, to_versioning),
        "access_logging": asked(GET_LOGGING, to_access_logging),
        "tls_only": asked(GET_POLICY, to_tls_only),
        "uniform_access": asked(GET_OWNERSHIP, to_uniform_access),
    },
)
