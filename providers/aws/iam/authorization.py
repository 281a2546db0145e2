"""All users, groups, roles and policies of an account, from one listing of IAM.

Source: GetAccountAuthorizationDetails (IAM API reference). It lists the customer managed policies and the
attached AWS managed ones, each with the documents of its versions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from providers.aws.client.calls import AwsCall
from providers.aws.client.client import AwsChain
from providers.aws.policies.privileges import PolicyHolder, ReadPolicy
from providers.aws.policies.statements import statements
from scanner.collect.table import Item
from scanner.model.evidence import Observed, Unknown

if TYPE_CHECKING:
    from providers.aws.client.client import AwsCaller

GET_DETAILS = AwsCall(
    "iam",
    "GetAccountAuthorizationDetails",
    parameters=(("MaxItems", "page_size"),),
    root="GetAccountAuthorizationDetailsResponse",
)
GET_MORE_DETAILS = AwsCall(
    "iam",
    "GetAccountAuthorizationDetails",
    parameters=(("MaxItems", "page_size"), ("Marker", "marker")),
    root="GetAccountAuthorizationDetailsResponse",
)
PAGE_SIZE = 1000
MOST_PAGES = 1000
"""Five times what an account's highest quotas fill (IAM quotas: 5000 users, 5000 roles, 5000 policies)."""
Detail = Mapping[str, Any]


@dataclass(frozen=True)
class Attachment:
    """One policy attached to, or inline in, a user, group or role."""

    id: str
    """Unique among the policies of the same holder."""
    name: str
    statements: ReadPolicy


@dataclass(frozen=True)
class Details:
    """The authorization details of one account."""

    partition: str
    account: str
    users: Mapping[str, Detail]
    """By ARN."""
    groups: Mapping[str, Detail]
    """By name."""
    roles: Sequence[Detail]
    documents: Mapping[str, ReadPolicy]
    """The managed policies by ARN."""
    missing: Unknown | None = field(default=None)
    """Why pages are missing; ``None`` if all were read."""

    def direct_policies(self, detail: Detail) -> tuple[Attachment, ...]:
        """The policies of a user, group or role itself: attached and inline ones."""
        return (
            *(
                Attachment(policy["PolicyArn"], policy["PolicyName"], self.document(policy["PolicyArn"]))
                for policy in detail.get("AttachedManagedPolicies", ())
            ),
            *(
                Attachment(
                    f"inline/{policy['PolicyName']}", policy["PolicyName"], _read(policy["PolicyDocument"])
                )
                for kind in ("User", "Group", "Role")
                for policy in detail.get(f"{kind}PolicyList", ())
            ),
        )

    def group_policies(self, user: Detail) -> tuple[ReadPolicy, ...]:
        """The policies that a user has through groups."""
        found: list[ReadPolicy] = []
        for name in user.get("GroupList", ()):
            group = self.groups.get(name)
            if group is None:
                found.append(self._absent(f"group {name}"))
            else:
                found.extend(attachment.statements for attachment in self.direct_policies(group))
        return tuple(found)

    def document(self, arn: str) -> ReadPolicy:
        """The statements of a managed policy."""
        return self.documents[arn] if arn in self.documents else self._absent(f"policy {arn}")

    def identity(self, detail: Detail, only: ReadPolicy | None = None) -> PolicyHolder:
        """The policies that apply to a user, group or role.

        With ``only``, only that policy can allow; all of them can deny.
        """
        policies = [
            *(each.statements for each in self.direct_policies(detail)),
            *self.group_policies(detail),
        ]
        if only is not None:
            policies = [only, *map(_denials, policies)]
        boundary = detail.get("PermissionsBoundary") or None
        return PolicyHolder(
            policies,
            None if boundary is None else self.document(boundary["PermissionsBoundaryArn"]),
            self.partition,
            self.account,
        )

    def _absent(self, what: str) -> Unknown:
        if self.missing is not None:
            return self.missing
        return Unknown.because("error", GET_DETAILS.name, None, f"the response does not contain {what}")


def read_details(caller: AwsCaller, item: Item) -> Observed[Details]:
    """All pages of GetAccountAuthorizationDetails; if a later page fails, the pages before it."""
    found: dict[str, list[Detail]] = {name: [] for name in LISTS}
    about: dict[str, Any] = {**item, "page_size": PAGE_SIZE}
    call, missing = GET_DETAILS, None
    seen: set[str] = set()
    while True:
        page = caller.answer(call, about)
        if isinstance(page, Unknown):
            if call is GET_DETAILS:
                return page
            missing = page
            break
        whole = caller.read(call, _lists, page)
        if isinstance(whole, Unknown):
            if call is GET_DETAILS:
                return whole
            missing = whole
            break
        for name, entries in whole.items():
            found[name].extend(entries)
        if not page["IsTruncated"]:
            break
        marker = page["Marker"]
        if marker in seen or len(seen) == MOST_PAGES:
            message = f"the listing does not end: its page {len(seen) + 1} names no new page"
            missing = Unknown.because("error", call.name, None, message)
            break
        seen.add(marker)
        call, about = GET_MORE_DETAILS, {**about, "marker": marker}
    return Details(
        partition=item["partition"],
        account=item["account"],
        users={user["Arn"]: user for user in found["UserDetailList"]},
        groups={group["GroupName"]: group for group in found["GroupDetailList"]},
        roles=found["RoleDetailList"],
        documents={policy["Arn"]: _default_version(policy) for policy in found["Policies"]},
        missing=missing,
    )


LISTS = ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")
DETAILS = AwsChain((GET_DETAILS, GET_MORE_DETAILS), read_details)
LATER_DETAILS = AwsChain((GET_DETAILS, GET_MORE_DETAILS), read_details, about=("account",))
"""The same, read again: it answers from a later time than the first."""


def _lists(page: Mapping[str, Any]) -> Mapping[str, Sequence[Detail]]:
    """The lists of a page, and whether another follows. AWS sends empty lists, too: a missing one is none.

    Raises :class:`KeyError` or :class:`TypeError`.
    """
    if page["IsTruncated"]:
        _ = page["Marker"]
    return {name: tuple(page[name]) for name in LISTS}


def _default_version(policy: Detail) -> ReadPolicy:
    """The version of a managed policy that is in effect (``IsDefaultVersion``)."""
    versions = [each for each in policy.get("PolicyVersionList", ()) if each.get("IsDefaultVersion")]
    if len(versions) != 1:
        message = f"the response does not contain the default version of {policy['Arn']}"
        return Unknown.because("error", GET_DETAILS.name, None, message)
    return _read(versions[0].get("Document"))


def _read(document: Any) -> ReadPolicy:
    """The statements; Unknown if the document has an unexpected format, which IAM itself may accept."""
    try:
        return statements(document)
    except ValueError as error:
        message = f"a policy has an unexpected format ({error})"
        return Unknown.because("error", GET_DETAILS.name, None, message)


def _denials(policy: ReadPolicy) -> ReadPolicy:
    return policy if isinstance(policy, Unknown) else tuple(each for each in policy if not each.allow)
