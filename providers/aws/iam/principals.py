"""The identities of an account: users, their access keys, roles, and policies with administrator access."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from providers.aws.client.client import AwsChain
from providers.aws.iam import credential_report as report
from providers.aws.iam.authorization import DETAILS, Detail, Details
from providers.aws.iam.credential_report import REPORT, ROOT, Row
from providers.aws.policies.trust import trust
from scanner.collect.table import Item
from scanner.model.evidence import Observed, Unknown, join

if TYPE_CHECKING:
    from providers.aws.client.client import AwsCaller

SERVICE_LINKED = "/aws-service-role/"
"""Path of service-linked roles, which only AWS's own services can assume or change."""


@dataclass(frozen=True)
class PrincipalListing:
    """The listed items of a kind, and why some are missing."""

    items: tuple[Item, ...]
    missing: Unknown | None


def list_users(caller: AwsCaller, item: Item) -> Observed[PrincipalListing]:
    """The root user, and the users of the credential report and of GetAccountAuthorizationDetails.

    Either of them is enough to list the users. The report can be four hours old: users deleted since are left
    out, and new users have no row in it.
    """
    report_rows, details = caller.answer(REPORT, item), caller.answer(DETAILS, item)
    if isinstance(report_rows, Unknown) and isinstance(details, Unknown):
        return join([report_rows, details])
    rows: dict[str, Row] = {}
    if not isinstance(report_rows, Unknown):
        rows = {row["arn"]: row for row in report_rows}
    users: Mapping[str, Detail] = {} if isinstance(details, Unknown) else details.users
    root = f"arn:{item['partition']}:iam::{item['account']}:root"
    complete = not isinstance(details, Unknown) and details.missing is None
    arns = sorted((rows.keys() & users.keys() if complete else rows.keys()) | users.keys() | {root})

    def user(arn: str) -> Item:
        row: Observed[Row] = _no_row(arn) if arn not in rows else rows[arn]
        if isinstance(report_rows, Unknown):
            row = report_rows
        return {
            **item,
            "arn": arn,
            "root": arn == root,
            "row": row,
            "details": details,
            "detail": users.get(arn, _no_detail(details)),
            "name": "root" if arn == root else arn.rpartition("/")[2],
        }

    missing = None
    if isinstance(report_rows, Unknown) and not isinstance(details, Unknown):
        missing = details.missing
    return PrincipalListing(tuple(map(user, arns)), missing)


def list_keys(caller: AwsCaller, item: Item) -> Observed[PrincipalListing]:
    """The access keys of the credential report, which lists at most two per user."""
    rows = caller.answer(REPORT, item)
    if isinstance(rows, Unknown):
        return rows
    keys = [
        {**item, "row": row, "number": number, "name": "root" if row["user"] == ROOT else row["user"]}
        for row in rows
        for number in report.KEYS
        if report.created(row, number) is not None or report.active(row, number) is not False
    ]
    missing = [why for row in rows if (why := report.missing_keys(row)) is not None]
    return PrincipalListing(tuple(keys), join(missing) if missing else None)


def list_roles(caller: AwsCaller, item: Item) -> Observed[PrincipalListing]:
    """The roles except service-linked ones, and every policy that may give a user or group administrator
    access.
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
    return PrincipalListing((*roles, *_attachments(details, item)), details.missing)


def _attachments(details: Details, item: Item) -> Iterator[Item]:
    for type_, holders in (("user", details.users), ("group", details.groups)):
        for detail in holders.values():
            for attachment in details.direct_policies(detail):
                identity = details.identity(detail, only=attachment.statements)
                if identity.everything is not False:
                    yield {
                        **item,
                        "detail": detail,
                        "identity": identity,
                        "attachment": attachment,
                        "holder_type": type_,
                    }


def _no_row(arn: str) -> Unknown:
    message = f"the credential report, which AWS renews every four hours, does not list {arn}"
    return Unknown.because("error", report.GET_REPORT.name, None, message)


def _no_detail(details: Observed[Details]) -> Unknown:
    if isinstance(details, Unknown):
        return details
    if details.missing is not None:
        return details.missing
    return Unknown.because("error", DETAILS.name, None, "the response does not contain this user")


USER_LISTING = AwsChain((*REPORT.parts, *DETAILS.parts), list_users)
KEY_LISTING = AwsChain(REPORT.parts, list_keys)
ROLE_LISTING = AwsChain(DETAILS.parts, list_roles)
