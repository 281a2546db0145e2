"""IAM users, access keys and roles, and policies that give a user or group administrator access."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from providers.aws.account import DESCRIBE_ORGANISATION
from providers.aws.client.calls import AwsCall
from providers.aws.client.client import AwsChain, AwsQuestion
from providers.aws.iam import credential_report as report
from providers.aws.iam.authorization import DETAILS, Attachment, Detail, Details
from providers.aws.iam.credential_report import Row
from providers.aws.iam.identity_center import DELEGATES, is_delegate
from providers.aws.iam.principals import KEY_LISTING, ROLE_LISTING, USER_LISTING, PrincipalListing
from providers.aws.iam.root_user import (
    SUMMARY,
    RootKeys,
    has_mfa,
    number_of_keys,
    to_root_keys,
    to_root_mfa,
    to_root_password,
)
from providers.aws.policies.privileges import PolicyHolder
from providers.aws.policies.privileges import ReadPolicy as Policy
from providers.aws.policies.trust import Organisation, RoleHome, Trust
from providers.aws.table import as_answered, header_of
from scanner.collect.collection import Collection, CollectionPlace
from scanner.collect.table import Answer, Facet, FacetRead, Item, Table, from_list
from scanner.model.evidence import Observed, Unknown, all_of, any_of, lift
from scanner.model.resources.identity import AccessKey, Role, User

if TYPE_CHECKING:
    from providers.aws.client.client import AwsCaller

LIST_ACCOUNTS = AwsCall("organizations", "ListAccounts", pages="Accounts")
KEY_ID = re.compile(r"(AKIA|ASIA)[A-Z0-9]{12,}")
"""The console stores the description of an access key in a tag of the user, named by the key's id."""


def start(
    collector: Table[AwsQuestion],
    wanted: frozenset[str],
    caller: AwsCaller,
    place: CollectionPlace,
    collection: Collection,
) -> None:
    """Lists one of these kinds, starts collecting the listed items, and ends the place."""
    assert collector.list is not None
    listing: Observed[PrincipalListing] = caller.answer(collector.list, caller.item())
    if isinstance(listing, Unknown):
        collection.blind_spot(place, listing)
    else:
        if listing.missing is not None:
            collection.blind_spot(place, listing.missing)
        collection.run(collector, caller, place, wanted, listing.items)
    collection.end(place)


def user_header(item: Item) -> Mapping[str, Any]:
    """The user by its ARN; the root user is named ``root``."""
    return _header(item, item["arn"], item["name"], "aws.iam.root" if item["root"] else "aws.iam.user")


def key_header(item: Item) -> Mapping[str, Any]:
    """The key by its user's ARN and its number in the report. Key ids are part of credentials: left out."""
    number = item["number"]
    arn, name = f"{item['row']['arn']}#access-key-{number}", f"{item['name']} key {number}"
    return _header(item, arn, name, "aws.iam.access_key")


def role_header(item: Item) -> Mapping[str, Any]:
    """The role by its ARN; a policy of a user or group by the ARN of its holder and its own id."""
    detail = item["detail"]
    if "attachment" not in item:
        return _header(item, detail["Arn"], detail["RoleName"], "aws.iam.role")
    attachment: Attachment = item["attachment"]
    holder = detail["UserName"] if item["holder_type"] == "user" else detail["GroupName"]
    arn, name = f"{detail['Arn']}#{attachment.id}", f"{attachment.name} of {holder}"
    return _header(item, arn, name, "aws.iam.attachment")


def _header(item: Item, arn: str, name: str, type_: str) -> Mapping[str, Any]:
    return header_of(item, arn, name, type_, region=None)


def of_row(function: Callable[[Row], Observed[Any]], item: Item) -> Observed[Any]:
    """A fact from the user's row of the credential report."""
    row: Observed[Row] = item["row"]
    return row if isinstance(row, Unknown) else function(row)


def is_root(item: Item) -> bool:
    """Whether it is the root user."""
    return bool(item["root"])


def is_external(item: Item) -> bool:
    """IAM users always belong to the account itself: outsiders come through roles."""
    return False


def has_password(by_report: Observed[bool], of_root: Observed[bool | None]) -> Observed[bool]:
    """From the report; for the root user, where the report says ``not_supported``, from the summary."""
    if not isinstance(by_report, Unknown):
        return by_report
    return by_report if of_root is None else lift(bool, of_root)


def is_enabled(
    by_report: Observed[bool],
    of_root: Observed[bool | None],
    root: Observed[bool],
    keys_by_report: Observed[int],
    keys_of_root: Observed[RootKeys],
    certificate: Observed[bool],
) -> Observed[bool]:
    """The user has a password, an active key or an active certificate: IAM has no other switch.
    Service-specific credentials (CodeCommit, Keyspaces, Bedrock) are not in the report and do not count.
    """
    keys = number_of_keys(root, keys_by_report, keys_of_root)
    return any_of(has_password(by_report, of_root), lift(lambda number: number > 0, keys), certificate)


@dataclass(frozen=True)
class Administration:
    """Whether an identity has administrator access, or can give it to itself."""

    here: Observed[bool]
    """By the account's own IAM."""
    identity_center: Observed[bool]
    """By IAM Identity Center, in the account that it is managed from."""


def to_administration(item: Item) -> Observed[Administration]:
    """The policies of the user and its groups; no policy restricts the root user.

    See :attr:`providers.aws.policies.privileges.PolicyHolder.administrator`.
    """
    if item["root"]:
        return Administration(True, True)
    detail: Observed[Detail] = item["detail"]
    if isinstance(detail, Unknown):
        return detail
    details: Details = item["details"]
    holder = details.identity(detail)
    return Administration(holder.administrator, holder.identity_center)


def is_management_account(item: Item, answer: Answer) -> bool:
    """``MasterAccountId`` of DescribeOrganization: the account that Identity Center is managed from."""
    found = to_organisation(item, answer)
    return found is not None and found.management_account == item["account"]


def is_administrator(
    administration: Observed[Administration], management: Observed[bool], delegate: Observed[bool]
) -> Observed[bool]:
    """Administrator access here, or over Identity Center if it is managed from this account."""
    if isinstance(administration, Unknown):
        return administration
    managed_here = any_of(management, delegate)
    return any_of(administration.here, all_of(administration.identity_center, managed_here))


def user_tags(item: Item) -> Observed[Mapping[str, str]]:
    """``Tags`` of UserDetail without access key descriptions. The root user cannot be tagged."""
    if item["root"]:
        return {}
    detail: Observed[Detail] = item["detail"]
    return detail if isinstance(detail, Unknown) else _tags(detail)


def role_tags(item: Item) -> Mapping[str, str]:
    """``Tags`` of RoleDetail or UserDetail; groups cannot be tagged."""
    return _tags(item["detail"])


def _tags(detail: Detail) -> Mapping[str, str]:
    return {tag["Key"]: tag["Value"] for tag in detail.get("Tags", ()) if not KEY_ID.search(tag["Key"])}


def no_tags(item: Item) -> Mapping[str, str]:
    """An access key cannot be tagged."""
    return {}


def holder(item: Item) -> str:
    """The user that the key belongs to."""
    return str(item["name"])


def of_key(function: Callable[[Row, int], Observed[Any]], item: Item) -> Observed[Any]:
    """A fact about one key from the report."""
    return function(item["row"], item["number"])


def never_expires(item: Item) -> None:
    """AWS access keys never expire."""


def principal(item: Item) -> Observed[str]:
    """The principals that the trust policy names, sorted; for a policy, the user or group that holds it."""
    if "attachment" in item:
        return str(item["detail"]["Arn"])
    return lift(lambda found: found.principal, item["trust"])


def principal_type(item: Item) -> Observed[str]:
    """The widest type among the principals that the trust policy names.

    ``group``: the account itself, which stands for every principal in it that a policy allows, and users of
    IAM Identity Center. ``workload``: services, the account's own roles, and pods of a Kubernetes cluster.
    ``account``: other accounts and other identity providers.
    """
    if "attachment" in item:
        return str(item["holder_type"])
    return lift(lambda found: found.principal_type, item["trust"])


def allows_everything(item: Item) -> Observed[bool]:
    """See :attr:`providers.aws.policies.privileges.PolicyHolder.everything`."""
    identity: PolicyHolder = item["identity"]
    return identity.everything


def gives_rights(item: Item) -> Observed[bool]:
    """See :attr:`providers.aws.policies.privileges.PolicyHolder.grants_rights`."""
    identity: PolicyHolder = item["identity"]
    return identity.grants_rights


def is_conditioned(item: Item) -> Observed[bool]:
    """See :attr:`providers.aws.policies.trust.Trust.conditioned`; for a policy of a user or group, whether
    every statement that allows something has conditions.
    """
    if "attachment" in item:
        policy: Policy = item["attachment"].statements
        if isinstance(policy, Unknown):
            return policy
        return all(each.conditions for each in policy if each.allow)
    found: Observed[Trust] = item["trust"]
    return found if isinstance(found, Unknown) else found.conditioned


def role_used(item: Item) -> Observed[datetime | None]:
    """``RoleLastUsed.LastUsedDate`` of RoleDetail, for the last 400 days; AWS records none for policies."""
    if "attachment" in item:
        return Unknown.because(
            "unsupported", DETAILS.name, None, "AWS does not record when a policy was last used"
        )
    used: datetime | None = (item["detail"].get("RoleLastUsed") or {}).get("LastUsedDate")
    return used


def outside(item: Item) -> Observed[Callable[[Observed[Any], Observed[Any]], Observed[bool]]]:
    """A check whether a principal is outside, to be called with the organisation and its members."""
    if "attachment" in item:
        return lambda organisation, members: False
    found: Observed[Trust] = item["trust"]
    if isinstance(found, Unknown):
        return found
    known = found
    return lambda organisation, members: known.external(RoleHome(item["account"], organisation, members))


def to_organisation(item: Item, answer: Answer) -> Organisation | None:
    """``Id`` and ``MasterAccountId`` of DescribeOrganization, which every member account may call."""
    if answer is None:
        return None
    organisation = answer["Organization"]
    return Organisation(organisation["Id"], organisation["MasterAccountId"])


def list_members(caller: AwsCaller, item: Item) -> Observed[frozenset[str]]:
    """``Id`` of all accounts of ListAccounts."""
    accounts = caller.whole(LIST_ACCOUNTS, item)
    return accounts if isinstance(accounts, Unknown) else frozenset(account["Id"] for account in accounts)


MEMBERS = AwsChain((LIST_ACCOUNTS,), list_members)


def is_outside(
    check: Observed[Any], organisation: Observed[Organisation | None], members: Observed[frozenset[str]]
) -> Observed[bool]:
    """Whether a principal is outside the organisation."""
    return check if isinstance(check, Unknown) else check(organisation, members)


def user_created(item: Item) -> Observed[datetime | None]:
    """``CreateDate`` of UserDetail, or ``user_creation_time`` of the report: for root the account's."""
    detail: Observed[Detail] = item["detail"]
    if isinstance(detail, Unknown) or "CreateDate" not in detail:
        return of_row(report.user_created, item)
    created: datetime = detail["CreateDate"]
    return created


def role_created(item: Item) -> datetime | None:
    """``CreateDate`` of RoleDetail. AWS does not record when a policy was attached."""
    if "attachment" in item:
        return None
    created: datetime = item["detail"]["CreateDate"]
    return created


PASSWORD: tuple[FacetRead[AwsQuestion], ...] = (
    FacetRead(None, partial(of_row, report.password)),
    FacetRead(SUMMARY, to_root_password),
)

KEYS: tuple[FacetRead[AwsQuestion], ...] = (
    FacetRead(None, is_root),
    FacetRead(None, partial(of_row, report.active_keys)),
    FacetRead(SUMMARY, to_root_keys),
)

USERS: Table[AwsQuestion] = Table(
    kind=User,
    list=USER_LISTING,
    header=user_header,
    facets={
        "tags": from_list(user_tags),
        "root": from_list(is_root),
        "created": from_list(user_created),
        "enabled": Facet(
            (
                *PASSWORD,
                *KEYS,
                FacetRead(None, partial(of_row, report.certificate)),
            ),
            is_enabled,
        ),
        "password": Facet(PASSWORD, has_password),
        "mfa": Facet(
            (
                FacetRead(None, is_root),
                FacetRead(None, partial(of_row, report.mfa)),
                FacetRead(SUMMARY, to_root_mfa),
            ),
            has_mfa,
        ),
        "access_keys": Facet(KEYS, number_of_keys),
        "last_used": from_list(partial(of_row, report.last_used)),
        "external": from_list(is_external),
        "administrator": Facet(
            (
                FacetRead(None, to_administration),
                FacetRead(DESCRIBE_ORGANISATION, is_management_account),
                FacetRead(DELEGATES, is_delegate),
            ),
            is_administrator,
        ),
    },
)

ACCESS_KEYS: Table[AwsQuestion] = Table(
    kind=AccessKey,
    list=KEY_LISTING,
    header=key_header,
    facets={
        "tags": from_list(no_tags),
        "holder": from_list(holder),
        "active": from_list(partial(of_key, report.active)),
        "created": from_list(partial(of_key, report.created)),
        "last_used": from_list(partial(of_key, report.key_used)),
        "expires": from_list(never_expires),
    },
)

ROLES: Table[AwsQuestion] = Table(
    kind=Role,
    list=ROLE_LISTING,
    header=role_header,
    facets={
        "tags": from_list(role_tags),
        "principal": from_list(principal),
        "principal_type": from_list(principal_type),
        "everything": from_list(allows_everything),
        "grants_rights": from_list(gives_rights),
        "external": Facet(
            (
                FacetRead(None, outside),
                FacetRead(DESCRIBE_ORGANISATION, to_organisation),
                FacetRead(MEMBERS, as_answered),
            ),
            is_outside,
        ),
        "standing": from_list(lambda item: True),
        "conditioned": from_list(is_conditioned),
        "created": from_list(role_created),
        "last_used": from_list(role_used),
    },
)
