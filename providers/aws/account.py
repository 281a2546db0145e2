"""The AWS account and its regions as resources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from providers.aws.audit import TRAILS_OF_ALL_REGIONS, TRAILS_OF_REGION
from providers.aws.client.calls import AwsCall
from providers.aws.client.client import AwsChain, AwsQuestion
from providers.aws.table import arn_of, as_answered, header_of
from scanner.collect.table import Answer, Facet, FacetRead, Item, Table, asked, from_list
from scanner.model.evidence import Observed, Unknown
from scanner.model.resources.account import Account, PasswordPolicy, Region

if TYPE_CHECKING:
    from providers.aws.client.client import AwsCaller

NOT_IN_USE = frozenset({"AWSOrganizationsNotInUseException"})

LIST_ALIASES = AwsCall("iam", "ListAccountAliases")
DESCRIBE_ORGANISATION = AwsCall("organizations", "DescribeOrganization", absent=NOT_IN_USE)
LIST_PARENTS = AwsCall(
    "organizations",
    "ListParents",
    absent=NOT_IN_USE,
    parameters=(("ChildId", "child"),),
)
DESCRIBE_UNIT = AwsCall(
    "organizations",
    "DescribeOrganizationalUnit",
    parameters=(("OrganizationalUnitId", "unit"),),
)
LIST_TAGS = AwsCall(
    "organizations",
    "ListTagsForResource",
    absent=NOT_IN_USE,
    parameters=(("ResourceId", "account"),),
)
LIST_MORE_TAGS = AwsCall(
    "organizations",
    "ListTagsForResource",
    parameters=(("ResourceId", "account"), ("NextToken", "token")),
)
MOST_LEVELS = 20
"""Organisational units nest five deep (Organizations' quotas)."""
MOST_PAGES = 100
"""An account has at most 50 tags (Organizations' quotas); some of the pages may be empty."""
GET_SECURITY_CONTACT = AwsCall(
    "account",
    "GetAlternateContact",
    absent=frozenset({"ResourceNotFoundException"}),
    fixed=(("AlternateContactType", "SECURITY"),),
)
GET_ACCOUNT_BLOCK = AwsCall(
    "s3control",
    "GetPublicAccessBlock",
    permission="s3:GetAccountPublicAccessBlock",
    absent=frozenset({"NoSuchPublicAccessBlockConfiguration"}),
    parameters=(("AccountId", "account"),),
)
GET_PASSWORD_POLICY = AwsCall(
    "iam",
    "GetAccountPasswordPolicy",
    absent=frozenset({"NoSuchEntity"}),
    root="GetAccountPasswordPolicyResponse",
)
DESCRIBE_REGIONS = AwsCall("ec2", "DescribeRegions", fixed=(("AllRegions", True),))


def path(caller: AwsCaller, item: Item) -> Observed[str | None]:
    """The names of the organisational units above the account, from the root down: ListParents and
    DescribeOrganizationalUnit, level by level. ``None`` if the account is in no organisation.

    The root has a fixed name. Only the management account and delegated administrators may call these.
    """
    names: list[str] = []
    child = item["account"]
    for _ in range(MOST_LEVELS):
        answer = caller.answer(LIST_PARENTS, {**item, "child": child})
        if isinstance(answer, Unknown):
            return answer
        if answer is None:
            return None
        (parent,) = answer["Parents"]
        if parent["Type"] == "ROOT":
            return "/".join(("", "Root", *reversed(names)))
        unit = caller.answer(DESCRIBE_UNIT, {**item, "unit": parent["Id"]})
        if isinstance(unit, Unknown):
            return unit
        names.append(unit["OrganizationalUnit"]["Name"])
        child = parent["Id"]
    message = f"there are more than {MOST_LEVELS} levels of organisational units above the account"
    return Unknown.because("error", LIST_PARENTS.name, None, message)


def tags(caller: AwsCaller, item: Item) -> Observed[Answer]:
    """All pages of ListTagsForResource: every page but the last has ``NextToken``, even an empty one."""
    found: list[Any] = []
    answer = caller.answer(LIST_TAGS, item)
    for _ in range(MOST_PAGES):
        if answer is None or isinstance(answer, Unknown):
            return answer
        found.extend(answer["Tags"])
        if not answer.get("NextToken"):
            return {"Tags": found}
        answer = caller.answer(LIST_MORE_TAGS, {**item, "token": answer["NextToken"]})
    message = f"the listing does not end after {MOST_PAGES} pages"
    return Unknown.because("error", LIST_TAGS.name, None, message)


TAGS = AwsChain((LIST_TAGS, LIST_MORE_TAGS), tags, about=("account",))
PATH = AwsChain((LIST_PARENTS, DESCRIBE_UNIT), path, about=("account",))


def account_header(item: Item) -> Mapping[str, Any]:
    """The account, by the ARN form of the AWS Account Management service."""
    return header_of(
        item,
        f"arn:{item['partition']}:account::{item['account']}:account",
        item.get("name", item["account"]),
        "aws.account.account",
        region=None,
    )


def region_header(item: Item) -> Mapping[str, Any]:
    """A region of the account. AWS defines no ARN for it; this one extends the account's."""
    return header_of(
        item,
        arn_of(item, "account", f"region/{item['region']}"),
        item["region"],
        "aws.account.region",
    )


def to_alias(item: Item, answer: Answer) -> Mapping[str, str]:
    """``AccountAliases`` of ListAccountAliases: an account has at most one."""
    aliases = answer["AccountAliases"]
    return {"name": aliases[0]} if aliases else {}


def named_or_not(alias: Observed[Mapping[str, str]]) -> Observed[Mapping[str, str]]:
    """The alias is only a display name: without it the account is shown by its id."""
    return {} if isinstance(alias, Unknown) else alias


def to_organisation(item: Item, answer: Answer) -> str | None:
    """``Organization.Id`` of DescribeOrganization."""
    return None if answer is None else answer["Organization"]["Id"]


def to_tags(item: Item, answer: Answer) -> Mapping[str, str]:
    """``Tags`` of ListTagsForResource (Organizations); an account outside an organisation has none."""
    return {} if answer is None else {tag["Key"]: tag["Value"] for tag in answer["Tags"]}


def to_security_contacts(item: Item, answer: Answer) -> tuple[str, ...]:
    """``AlternateContact.EmailAddress`` of GetAlternateContact for the type SECURITY: one address."""
    return () if answer is None else (answer["AlternateContact"]["EmailAddress"],)


def to_public_access_block(item: Item, answer: Answer) -> bool:
    """All four settings of S3 Control's GetPublicAccessBlock are on."""
    if answer is None:
        return False
    block = answer["PublicAccessBlockConfiguration"]
    return all(
        [
            block["BlockPublicAcls"],
            block["BlockPublicPolicy"],
            block["IgnorePublicAcls"],
            block["RestrictPublicBuckets"],
        ]
    )


def to_password_policy(item: Item, answer: Answer) -> PasswordPolicy | None:
    """``PasswordPolicy`` of GetAccountPasswordPolicy; without one, passwords have at least eight characters
    and never expire. ``MaxPasswordAge`` and ``PasswordReusePrevention`` are missing where they are off.
    """
    if answer is None:
        return None
    policy = answer["PasswordPolicy"]
    return PasswordPolicy(
        minimum_length=policy["MinimumPasswordLength"],
        reuse_prevention=policy.get("PasswordReusePrevention", 0),
        maximum_age_days=(policy["MaxPasswordAge"] if policy["ExpirePasswords"] else None),
    )


def no_tags(item: Item) -> Mapping[str, str]:
    """A region cannot be tagged."""
    return {}


ACCOUNTS: Table[AwsQuestion] = Table(
    kind=Account,
    list=None,
    header=account_header,
    enrich=Facet((FacetRead(LIST_ALIASES, to_alias),), named_or_not),
    facets={
        "organisation": asked(DESCRIBE_ORGANISATION, to_organisation),
        "path": asked(PATH, as_answered),
        "tags": asked(TAGS, to_tags),
        "security_contacts": asked(GET_SECURITY_CONTACT, to_security_contacts),
        "public_access_block": asked(GET_ACCOUNT_BLOCK, to_public_access_block),
        "password_policy": asked(GET_PASSWORD_POLICY, to_password_policy),
        "audit_trails": asked(TRAILS_OF_ALL_REGIONS, as_answered),
    },
)

REGIONS: Table[AwsQuestion] = Table(
    kind=Region,
    list=None,
    header=region_header,
    facets={"tags": from_list(no_tags), "audit_trails": asked(TRAILS_OF_REGION, as_answered)},
)
