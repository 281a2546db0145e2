"""All users, groups, roles and policies of an account, as IAM tells them in one go.

Source: GetAccountAuthorizationDetails (IAM API reference). It tells the customer's managed policies and those
of AWS that are attached to somebody, each with the document of its versions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from providers.aws.client.calls import AwsCall, AwsChain
from providers.aws.policies.privileges import PolicyHolder, ReadPolicy
from providers.aws.policies.statements import statements
from scanner.collect.collection import Item
from scanner.model.evidence import Observed, Unknown

if TYPE_CHECKING:
    from providers.aws.client.client import AwsCaller

GET_DETAILS = AwsCall(
    "iam",
    "get_account_authorization_details",
    "iam:GetAccountAuthorizationDetails",
    parameters=(("MaxItems", "page_size"),),
    root="GetAccountAuthorizationDetailsResponse",
)
GET_MORE_DETAILS = AwsCall(
    "iam",
    "get_account_authorization_details",
    "iam:GetAccountAuthorizationDetails",
    parameters=(("MaxItems", "page_size"), ("Marker", "marker")),
    root="GetAccountAuthorizationDetailsResponse",
)
PAGE_SIZE = 1000
Detail = Mapping[str, Any]


@dataclass(frozen=True)
class Attachment:
    """One policy as somebody holds it."""

    id: str
    """Unlike any other of the same holder."""
    name: str
    statements: ReadPolicy


@dataclass(frozen=True)
class Details:
    """What IAM told of one account."""

    partition: str
    account: str
    users: Mapping[str, Detail]
    """By ARN."""
    groups: Mapping[str, Detail]
    """By name."""
    roles: Sequence[Detail]
    documents: Mapping[str, ReadPolicy]
    """The managed policies by ARN."""
    lost: Unknown | None = field(default=None)
    """Why not everything came; ``None`` when it did."""

    def held(self, detail: Detail) -> tuple[Attachment, ...]:
        """The policies of a user, group or role itself: attached ones, and those written into it."""
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

    def through_groups(self, user: Detail) -> tuple[ReadPolicy, ...]:
        """The policies that a user holds through groups."""
        found: list[ReadPolicy] = []
        for name in user.get("GroupList", ()):
            group = self.groups.get(name)
            if group is None:
                found.append(self._missing(f"group {name}"))
            else:
                found.extend(attachment.statements for attachment in self.held(group))
        return tuple(found)

    def document(self, arn: str) -> ReadPolicy:
        """The statements of a managed policy."""
        return self.documents[arn] if arn in self.documents else self._missing(f"policy {arn}")

    def identity(self, detail: Detail, only: ReadPolicy | None = None) -> PolicyHolder:
        """The policies that count for a user, group or role.

        With ``only``, those that allow something come from that policy alone; all of them can deny.
        """
        policies = [*(each.statements for each in self.held(detail)), *self.through_groups(detail)]
        if only is not None:
            policies = [only, *map(_denials, policies)]
        boundary = detail.get("PermissionsBoundary") or None
        return PolicyHolder(
            policies,
            None if boundary is None else self.document(boundary["PermissionsBoundaryArn"]),
            self.partition,
            self.account,
        )

    def _missing(self, what: str) -> Unknown:
        if self.lost is not None:
            return self.lost
        return Unknown.because("error", GET_DETAILS.name, None, f"the answer does not hold {what}")


def read_details(caller: AwsCaller, item: Item) -> Observed[Details]:
    """All pages of GetAccountAuthorizationDetails; half of them if a later one fails."""
    found: dict[str, list[Detail]] = {name: [] for name in LISTS}
    about: dict[str, Any] = {**item, "page_size": PAGE_SIZE}
    call, lost = GET_DETAILS, None
    while True:
        page = caller.answer(call, about)
        if isinstance(page, Unknown):
            if call is GET_DETAILS:
                return page
            lost = page
            break
        for name in LISTS:
            found[name].extend(page.get(name, ()))
        if not page["IsTruncated"]:
            break
        call, about = GET_MORE_DETAILS, {**about, "marker": page["Marker"]}
    return Details(
        partition=item["partition"],
        account=item["account"],
        users={user["Arn"]: user for user in found["UserDetailList"]},
        groups={group["GroupName"]: group for group in found["GroupDetailList"]},
        roles=found["RoleDetailList"],
        documents={policy["Arn"]: _in_force(policy) for policy in found["Policies"]},
        lost=lost,
    )


LISTS = ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")
DETAILS = AwsChain((GET_DETAILS, GET_MORE_DETAILS), read_details)


def _in_force(policy: Detail) -> ReadPolicy:
    """The version of a managed policy that counts (``IsDefaultVersion``)."""
    versions = [each for each in policy.get("PolicyVersionList", ()) if each.get("IsDefaultVersion")]
    if len(versions) != 1:
        message = f"the answer does not hold the version of {policy['Arn']} that is in force"
        return Unknown.because("error", GET_DETAILS.name, None, message)
    return _read(versions[0].get("Document"))


def _read(document: Any) -> ReadPolicy:
    """The statements, or that the text is not of a form that is understood: IAM itself may know more."""
    try:
        return statements(document, "identity")
    except ValueError as error:
        message = f"a policy of an unexpected form ({error})"
        return Unknown.because("error", GET_DETAILS.name, None, message)


def _denials(policy: ReadPolicy) -> ReadPolicy:
    return policy if isinstance(policy, Unknown) else tuple(each for each in policy if not each.allow)
