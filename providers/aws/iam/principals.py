"""Who there is in an account: its users, their access keys, its roles and its far-reaching policies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from providers.aws.client.calls import AwsChain
from providers.aws.iam import credential_report as report
from providers.aws.iam.authorization import DETAILS, Detail, Details
from providers.aws.iam.credential_report import REPORT, ROOT, Row
from providers.aws.policies.trust import trust
from scanner.collect.collection import Item
from scanner.model.evidence import Observed, Unknown, join

if TYPE_CHECKING:
    from providers.aws.client.client import AwsCaller

SERVICE_LINKED = "/aws-service-role/"
"""Path of the roles of AWS's own services, which nobody else may take or change."""


@dataclass(frozen=True)
class PrincipalListing:
    """What there is of a kind, and why that is not all."""

    items: tuple[Item, ...]
    lost: Unknown | None


def list_users(caller: AwsCaller, item: Item) -> Observed[PrincipalListing]:
    """The root user, and the users of the credential report and of GetAccountAuthorizationDetails.

    Either of them is enough to know who there is. The report can be four hours old: users that have been
    deleted since are left out, and of those that are new it tells nothing.
    """
    told_rows, details = caller.answer(REPORT, item), caller.answer(DETAILS, item)
    if isinstance(told_rows, Unknown) and isinstance(details, Unknown):
        return join([told_rows, details])
    rows: dict[str, Row] = {}
    if not isinstance(told_rows, Unknown):
        rows = {row["arn"]: row for row in told_rows}
    users: Mapping[str, Detail] = {} if isinstance(details, Unknown) else details.users
    root = f"arn:{item['partition']}:iam::{item['account']}:root"
    complete = not isinstance(details, Unknown) and details.lost is None
    arns = sorted((rows.keys() & users.keys() if complete else rows.keys()) | users.keys() | {root})

    def user(arn: str) -> Item:
        row: Observed[Row] = _untold(arn) if arn not in rows else rows[arn]
        if isinstance(told_rows, Unknown):
            row = told_rows
        return {
            **item,
            "arn": arn,
            "root": arn == root,
            "row": row,
            "details": details,
            "detail": users.get(arn, _lost(details)),
            "name": "root" if arn == root else arn.rpartition("/")[2],
        }

    lost = None
    if isinstance(told_rows, Unknown) and not isinstance(details, Unknown):
        lost = details.lost
    return PrincipalListing(tuple(map(user, arns)), lost)


def list_keys(caller: AwsCaller, item: Item) -> Observed[PrincipalListing]:
    """The access keys of the credential report, which tells of two for each user."""
    rows = caller.answer(REPORT, item)
    if isinstance(rows, Unknown):
        return rows
    keys = [
        {**item, "row": row, "number": number, "name": "root" if row["user"] == ROOT else row["user"]}
        for row in rows
        for number in report.KEYS
        if report.created(row, number) is not None or report.active(row, number) is not False
    ]
    untold = [why for row in rows if (why := report.untold_keys(row)) is not None]
    return PrincipalListing(tuple(keys), join(untold) if untold else None)


def list_roles(caller: AwsCaller, item: Item) -> Observed[PrincipalListing]:
    """The roles but those of AWS's own services, and every policy that may let a user or group do
    everything.
    """
    details = caller.answer(DETAILS, item)
    if isinstance(details, Unknown):
        return details
    roles = [
        {
            **item,
            "detail": role,
            "identity": details.identity(role),
            "trust": caller.read(DETAILS, trust, role.get("AssumeRolePolicyDocument"), item["account"]),
        }
        for role in details.roles
        if not role.get("Path", "/").startswith(SERVICE_LINKED)
    ]
    return PrincipalListing((*roles, *_attachments(details, item)), details.lost)


def _attachments(details: Details, item: Item) -> Iterator[Item]:
    for type_, holders in (("user", details.users), ("group", details.groups)):
        for detail in holders.values():
            for attachment in details.held(detail):
                identity = details.identity(detail, only=attachment.statements)
                if identity.everything is not False:
                    yield {
                        **item,
                        "detail": detail,
                        "identity": identity,
                        "attachment": attachment,
                        "holder_type": type_,
                    }


def _untold(arn: str) -> Unknown:
    message = f"the credential report, which AWS renews every four hours, does not tell of {arn}"
    return Unknown.because("error", report.GET_REPORT.name, None, message)


def _lost(details: Observed[Details]) -> Unknown:
    if isinstance(details, Unknown):
        return details
    if details.lost is not None:
        return details.lost
    return Unknown.because("error", DETAILS.name, None, "the answer does not hold this user")


USER_LISTING = AwsChain((*REPORT.parts, *DETAILS.parts), list_users)
KEY_LISTING = AwsChain(REPORT.parts, list_keys)
ROLE_LISTING = AwsChain(DETAILS.parts, list_roles)
