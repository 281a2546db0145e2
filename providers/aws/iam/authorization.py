"""All users, groups, roles and policies of an account, from one listing of IAM.

Source: GetAccountAuthorizationDetails (IAM API reference). It lists the customer managed policies and the
attached AWS managed ones, each with the documents of its versions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any

from providers.aws.client.calls import AwsCall
from providers.aws.client.client import AwsChain
from providers.aws.policies.coverage import of_all_regions
from providers.aws.policies.documents import parse
from providers.aws.policies.privileges import PolicyHolder, Privileged, ReadPolicy
from providers.aws.policies.statements import statements
from scanner.collect.table import Item
from scanner.model.evidence import Observed, Unknown, join

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
SERVICE_LINKED = "/aws-service-role/"
"""Path of service-linked roles, which only AWS's own services can assume or change."""
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
        """The policies of a user, group or role itself: attached and inline ones.

        A list that is missing is not empty, except that of a user's inline policies: AWS leaves it out where
        there are none.
        """
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
            *(
                Attachment(f"missing/{name}", name, self._absent(f"{name} of an identity"))
                for name in ("AttachedManagedPolicies", _inline_list(detail))
                if name not in detail and name != "UserPolicyList"
            ),
        )

    def together(self, detail: Detail) -> Attachment:
        """All policies of a user, group or role itself, as one."""
        policies = [each.statements for each in self.direct_policies(detail)]
        unread = [each for each in policies if isinstance(each, Unknown)]
        read = [each for each in policies if not isinstance(each, Unknown)]
        return Attachment("all", "all policies", join(unread) if unread else tuple(chain.from_iterable(read)))

    def group_policies(self, user: Detail) -> tuple[ReadPolicy, ...]:
        """The policies that a user has through groups."""
        found: list[ReadPolicy] = []
        if "UserName" in user and "GroupList" not in user:
            found.append(self._absent("GroupList of a user"))
        for name in user.get("GroupList", ()):
            if name in self.groups:
                found.extend(self._of_groups[name])
            else:
                found.append(self._absent(f"group {name}"))
        return tuple(found)

    @cached_property
    def _of_groups(self) -> Mapping[str, tuple[ReadPolicy, ...]]:
        """The policies of each group, read once for all its members."""
        return {
            name: tuple(attachment.statements for attachment in self.direct_policies(group))
            for name, group in self.groups.items()
        }

    @cached_property
    def privileged(self) -> tuple[Privileged, ...]:
        """The users, groups and roles that have administrator access or grant permissions, as far as their
        own policies tell; service-linked roles, which nobody can pass or change, excepted.
        """
        roles = (role for role in self.roles if not role.get("Path", "/").startswith(SERVICE_LINKED))
        return tuple(
            Privileged(detail["Arn"], more, _services(detail))
            for detail in (*self.users.values(), *self.groups.values(), *roles)
            if (more := self._holder(detail, self._policies(detail)).has_more) is not False
        )

    def document(self, arn: str) -> ReadPolicy:
        """The statements of a managed policy."""
        return self.documents[arn] if arn in self.documents else self._absent(f"policy {arn}")

    def identity(self, detail: Detail, only: ReadPolicy | None = None) -> PolicyHolder:
        """The policies that apply to a user, group or role.

        With ``only``, only that policy can allow; all of them can deny.
        """
        policies = self._policies(detail)
        if only is not None:
            policies = [only, *map(_denials, policies)]
        return self._holder(detail, policies, self.privileged)

    def through_groups(self, user: Detail) -> PolicyHolder:
        """What a user's groups allow to it; all its policies can deny."""
        direct = (_denials(each.statements) for each in self.direct_policies(user))
        return self._holder(user, [*direct, *self.group_policies(user)], self.privileged)

    def _policies(self, detail: Detail) -> list[ReadPolicy]:
        direct = (each.statements for each in self.direct_policies(detail))
        return [*direct, *self.group_policies(detail)]

    def _holder(
        self, detail: Detail, policies: Sequence[ReadPolicy], privileged: tuple[Privileged, ...] = ()
    ) -> PolicyHolder:
        boundary = detail.get("PermissionsBoundary") or None
        groups = [self.groups[name] for name in detail.get("GroupList", ()) if name in self.groups]
        attached = (
            policy["PolicyArn"]
            for each in (detail, *groups)
            for policy in each.get("AttachedManagedPolicies", ())
        )
        return PolicyHolder(
            policies,
            None if boundary is None else self.document(boundary["PermissionsBoundaryArn"]),
            self.partition,
            self.account,
            tuple(filter(None, (detail.get("Arn"), *(group["Arn"] for group in groups), *attached))),
            privileged,
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


def _inline_list(detail: Detail) -> str:
    """The name of the list of its inline policies."""
    kind = "Role" if "RoleName" in detail else "Group" if "GroupName" in detail else "User"
    return f"{kind}PolicyList"


def _services(detail: Detail) -> Observed[frozenset[str]]:
    """The service principals that a role trusts; none for users and groups."""
    if "RoleName" not in detail:
        return frozenset()
    try:
        found = parse(detail.get("AssumeRolePolicyDocument"), "trust", "")
    except ValueError as error:
        message = f"a trust policy has an unexpected format ({error})"
        return Unknown.because("error", GET_DETAILS.name, None, message)
    return frozenset(
        of_all_regions(name)
        for statement in found
        if statement.allow and not statement.all_but_principals
        for type_, name in statement.principals
        if type_ == "service"
    )


def _denials(policy: ReadPolicy) -> ReadPolicy:
    return policy if isinstance(policy, Unknown) else tuple(each for each in policy if not each.allow)
