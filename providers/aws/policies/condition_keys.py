"""The condition keys of AWS policies, as data: who sets each one's value, and when a request lacks it.

Sources, named in each row:

- ``global``: "AWS global condition context keys" (IAM user guide), with the availability of each key.
- ``sts``: "IAM and AWS STS condition context keys" (IAM user guide).
- ``kms``: "Condition keys for AWS KMS" (KMS developer guide).
- ``s3``: "Actions, resources, and condition keys for Amazon S3" (Service Authorization Reference).
- ``iam``: "Actions, resources, and condition keys for AWS IAM" (Service Authorization Reference).
- ``sources``: "Condition keys of the services that pass on an identity", such as ``lambda:SourceFunctionArn``
  (the guides of the services; listed in ``global`` under "Properties of a role session").

A key that is not here is not understood: what depends on it is doubtful.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

SetBy = Literal["cloud", "owner", "caller"]
"""``cloud``: AWS sets it, and nobody can choose it. ``owner``: whoever owns the resource sets it, so that it
tells nothing about the requester. ``caller``: the requester, or the administrators of his account, choose
it."""
Presence = Literal[
    "always", "signed", "signed or anonymous", "signed or unsaid", "caller's choice", "member", "internet",
    "endpoint",
    "endpoint of member", "forwarded", "for a resource", "services",
]  # fmt: skip
"""Which requests have it.

``signed``: all with credentials. ``signed or anonymous``: those, and those without, where its value is
``anonymous``. ``signed or unsaid``: those, and the documentation does not say whether
anonymous ones do. ``caller's choice``: those for which the caller arranges it. ``member``: those of somebody
in an organisation. ``internet``: those that do not come through a VPC endpoint. ``endpoint``: those that do;
``endpoint of member``: where its owner is in an organisation. ``forwarded``: those that a service sends on
somebody's behalf, with his credentials. ``for a resource``: those that a service sends for somebody's
resource. ``services``: only those that a service sends for itself."""
Form = Literal[
    "anything", "flag", "address", "account", "arn", "organisation", "organisation path", "user id",
    "network",
    "forwarded", "no", "time", "key",
]  # fmt: skip
"""What its value is, and so which values fix somebody: a whole account id, an ARN with its account, and so
on.

``flag``: true or false as the caller arranges it. ``forwarded``: true in forwarded requests. ``no``: false
for everyone but services. ``key``: whoever sends it must be allowed to use that key, which another policy
decides."""


@dataclass(frozen=True)
class ConditionKey:
    """One condition key, or all that begin with a prefix."""

    name: str
    """In lower case; with ``*`` at the end for all keys with that prefix."""
    set_by: SetBy
    present: Presence
    form: Form
    hurdle: bool
    """For a named account: whether requiring it restricts who of that account, or by what proof. No proof of
    anything towards strangers."""
    source: str


def _rows(source: str, text: str) -> tuple[ConditionKey, ...]:
    """A row a line: name | who sets it | which requests have it | what it is | ``hurdle`` or nothing."""
    found = []
    for line in text.strip().splitlines():
        name, set_by, present, form, hurdle = (cell.strip() for cell in line.split("|"))
        found.append(
            ConditionKey(name, set_by, present, form, hurdle == "hurdle", source)  # type: ignore[arg-type]
        )
    return tuple(found)


GLOBAL = """
    aws:principalarn              | cloud  | signed             | arn               | hurdle
    aws:principalaccount          | cloud  | signed or anonymous | account           | hurdle
    aws:principalorgid            | cloud  | member             | organisation      | hurdle
    aws:principalorgpaths         | cloud  | member             | organisation path | hurdle
    aws:principaltag/*            | caller | caller's choice    | anything          | hurdle
    aws:principalisawsservice     | cloud  | signed             | no                |
    aws:principalservicename      | cloud  | services           | anything          |
    aws:principalservicenameslist | cloud  | services           | anything          |
    aws:principaltype             | caller | always             | anything          |
    aws:userid                    | cloud  | signed or anonymous | user id           | hurdle
    aws:username                  | caller | caller's choice    | anything          | hurdle
    aws:assumedroot               | caller | caller's choice    | flag              |
    aws:federatedprovider         | caller | caller's choice    | anything          | hurdle
    aws:tokenissuetime            | caller | caller's choice    | anything          |
    aws:multifactorauthage        | caller | caller's choice    | anything          | hurdle
    aws:multifactorauthpresent    | caller | caller's choice    | flag              | hurdle
    aws:sourceidentity            | caller | caller's choice    | anything          |
    aws:chatbotsourcearn          | cloud  | caller's choice    | arn               | hurdle
    aws:ec2instancesourcevpc      | cloud  | caller's choice    | network           | hurdle
    aws:ec2instancesourceprivateipv4 | caller | caller's choice | anything          |
    aws:sourceip                  | cloud  | internet           | address           | hurdle
    aws:sourcevpc                 | cloud  | endpoint           | network           | hurdle
    aws:sourcevpcarn              | cloud  | endpoint           | arn               | hurdle
    aws:sourcevpce                | cloud  | endpoint           | network           | hurdle
    aws:vpceaccount               | cloud  | endpoint           | account           | hurdle
    aws:vpceorgid                 | cloud  | endpoint of member | organisation      | hurdle
    aws:vpceorgpaths              | cloud  | endpoint of member | organisation path | hurdle
    aws:vpcsourceip               | caller | endpoint           | anything          |
    aws:resourceaccount           | owner  | always             | anything          |
    aws:resourceorgid             | owner  | always             | anything          |
    aws:resourceorgpaths          | owner  | always             | anything          |
    aws:resourcetag/*             | owner  | always             | anything          |
    aws:calledvia                 | caller | forwarded          | anything          |
    aws:calledviafirst            | caller | forwarded          | anything          |
    aws:calledvialast             | caller | forwarded          | anything          |
    aws:viaawsservice             | cloud  | signed or unsaid   | forwarded         |
    aws:currenttime               | cloud  | always             | time              |
    aws:epochtime                 | cloud  | always             | time              |
    aws:referer                   | caller | caller's choice    | anything          |
    aws:requestedregion           | caller | always             | anything          |
    aws:requesttag/*              | caller | caller's choice    | anything          |
    aws:tagkeys                   | caller | caller's choice    | anything          |
    aws:securetransport           | caller | always             | flag              |
    aws:useragent                 | caller | caller's choice    | anything          |
    aws:sourceaccount             | cloud  | for a resource     | account           | hurdle
    aws:sourcearn                 | cloud  | for a resource     | arn               | hurdle
    aws:sourceorgid               | cloud  | for a resource     | organisation      | hurdle
    aws:sourceorgpaths            | cloud  | for a resource     | organisation path | hurdle
    aws:sourceowner               | cloud  | for a resource     | account           | hurdle
"""
"""``aws:SourceOwner`` is the former name of ``aws:SourceAccount`` (SQS and SNS developer guides)."""

OF_STS = """
    sts:externalid                | caller | caller's choice    | anything          | hurdle
    sts:rolesessionname           | caller | always             | anything          |
    sts:sourceidentity            | caller | caller's choice    | anything          |
    sts:transitivetagkeys         | caller | caller's choice    | anything          |
    sts:durationseconds           | caller | always             | anything          |
"""

OF_KMS = """
    kms:calleraccount             | cloud  | signed             | account           | hurdle
    kms:viaservice                | caller | forwarded          | anything          |
    kms:encryptioncontext:*       | caller | caller's choice    | anything          |
    kms:encryptioncontextkeys     | caller | caller's choice    | anything          |
    kms:encryptionalgorithm       | caller | always             | anything          |
    kms:bypasspolicylockoutsafetycheck | caller | always        | flag              |
    kms:grantconstrainttype       | caller | caller's choice    | anything          |
    kms:grantisforawsresource     | caller | always             | flag              |
    kms:grantoperations           | caller | always             | anything          |
    kms:granteeprincipal          | caller | always             | anything          |
    kms:retiringprincipal         | caller | caller's choice    | anything          |
    kms:keyorigin                 | owner  | always             | anything          |
    kms:keyspec                   | owner  | always             | anything          |
    kms:keyusage                  | owner  | always             | anything          |
    kms:customermasterkeyspec     | owner  | always             | anything          |
    kms:customermasterkeyusage    | owner  | always             | anything          |
    kms:multiregion               | owner  | always             | anything          |
    kms:multiregionkeytype        | owner  | always             | anything          |
    kms:primaryregion             | caller | always             | anything          |
    kms:replicaregion             | caller | always             | anything          |
    kms:resourcealiases           | owner  | always             | anything          |
    kms:requestalias              | caller | caller's choice    | anything          |
    kms:datakeypairspec           | caller | always             | anything          |
    kms:expirationmodel           | caller | always             | anything          |
    kms:keyagreementalgorithm     | caller | always             | anything          |
    kms:macalgorithm              | caller | always             | anything          |
    kms:messagetype               | caller | always             | anything          |
    kms:reencryptonsamekey        | caller | always             | flag              |
    kms:rotationperiodindays      | caller | always             | anything          |
    kms:scheduledeletionpendingwindowindays | caller | always   | anything          |
    kms:signingalgorithm          | caller | always             | anything          |
    kms:validto                   | caller | caller's choice    | anything          |
    kms:wrappingalgorithm         | caller | always             | anything          |
    kms:wrappingkeyspec           | caller | always             | anything          |
"""
"""Without ``kms:RecipientAttestation:…``: whether somebody else can run the same enclave is not known."""

OF_S3 = """
    s3:authtype                   | caller | always             | anything          |
    s3:delimiter                  | caller | caller's choice    | anything          |
    s3:existingobjecttag/*        | owner  | always             | anything          |
    s3:bucketnamespace            | owner  | always             | anything          |
    s3:bucketversion              | owner  | always             | anything          |
    s3:if-match                   | caller | caller's choice    | anything          |
    s3:if-none-match              | caller | caller's choice    | anything          |
    s3:inventoryaccessibleoptionalfields | caller | caller's choice | anything       |
    s3:jobsuspendedcause          | caller | caller's choice    | anything          |
    s3:locationconstraint         | caller | caller's choice    | anything          |
    s3:max-keys                   | caller | caller's choice    | anything          |
    s3:objectcreationoperation    | caller | always             | flag              |
    s3:object-lock-legal-hold     | caller | caller's choice    | anything          |
    s3:object-lock-mode           | caller | caller's choice    | anything          |
    s3:object-lock-remaining-retention-days | caller | caller's choice | anything   |
    s3:object-lock-retain-until-date | caller | caller's choice | anything          |
    s3:prefix                     | caller | caller's choice    | anything          |
    s3:requestobjecttag/*         | caller | caller's choice    | anything          |
    s3:requestobjecttagkeys       | caller | caller's choice    | anything          |
    s3:resourceaccount            | owner  | always             | anything          |
    s3:signatureage               | caller | caller's choice    | anything          |
    s3:signatureversion           | caller | caller's choice    | anything          |
    s3:tlsversion                 | caller | caller's choice    | anything          |
    s3:versionid                  | caller | caller's choice    | anything          |
    s3:x-amz-acl                  | caller | caller's choice    | anything          |
    s3:x-amz-content-sha256       | caller | caller's choice    | anything          |
    s3:x-amz-copy-source          | caller | caller's choice    | anything          |
    s3:x-amz-grant-full-control   | caller | caller's choice    | anything          |
    s3:x-amz-grant-read           | caller | caller's choice    | anything          |
    s3:x-amz-grant-read-acp       | caller | caller's choice    | anything          |
    s3:x-amz-grant-write          | caller | caller's choice    | anything          |
    s3:x-amz-grant-write-acp      | caller | caller's choice    | anything          |
    s3:x-amz-metadata-directive   | caller | caller's choice    | anything          |
    s3:x-amz-object-ownership     | caller | caller's choice    | anything          |
    s3:x-amz-server-side-encryption | caller | caller's choice  | anything          |
    s3:x-amz-server-side-encryption-aws-kms-key-id | caller | caller's choice | key |
    s3:x-amz-server-side-encryption-customer-algorithm | caller | caller's choice | anything |
    s3:x-amz-storage-class        | caller | caller's choice    | anything          |
    s3:x-amz-website-redirect-location | caller | caller's choice | anything        |
"""
"""Without ``s3:DataAccessPointAccount`` and ``s3:DataAccessPointArn``: the policies of access points
decide."""

OF_IAM = """
    iam:resourcetag/*             | owner  | always             | anything          |
"""

SOURCES = """
    codebuild:buildarn            | cloud  | caller's choice    | arn               | hurdle
    codebuild:projectarn          | cloud  | caller's choice    | arn               | hurdle
    ec2:sourceinstancearn         | cloud  | caller's choice    | arn               | hurdle
    ec2:roledelivery              | caller | caller's choice    | anything          |
    glue:roleassumedby            | caller | caller's choice    | anything          |
    glue:credentialissuingservice | caller | caller's choice    | anything          |
    identitystore:userid          | cloud  | caller's choice    | network           | hurdle
    lambda:sourcefunctionarn      | cloud  | caller's choice    | arn               | hurdle
    ssm:sourceinstancearn         | cloud  | caller's choice    | arn               | hurdle
"""


@cache
def condition_keys() -> Mapping[str, ConditionKey]:
    """All rows by name."""
    rows = (
        *_rows("global", GLOBAL),
        *_rows("sts", OF_STS),
        *_rows("kms", OF_KMS),
        *_rows("s3", OF_S3),
        *_rows("iam", OF_IAM),
        *_rows("sources", SOURCES),
    )
    return {row.name: row for row in rows}


def condition_key(name: str) -> ConditionKey | None:
    """The row of a key, given in lower case; ``None`` if it is not understood."""
    rows = condition_keys()
    if name in rows:
        return rows[name]
    for prefix, row in _prefixes():
        if name.startswith(prefix) and name != prefix:
            return row
    return None


@cache
def _prefixes() -> tuple[tuple[str, ConditionKey], ...]:
    rows = condition_keys().values()
    return tuple((row.name.removesuffix("*"), row) for row in rows if row.name.endswith("*"))
