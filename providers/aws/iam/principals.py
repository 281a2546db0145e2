"""The identities of an account: users, their access keys, roles, and policies with administrator access."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING

from providers.aws.client.client import AwsChain
from providers.aws.iam import credential_report as report
from providers.aws.iam.authorization import (
    DETAILS,
    LATER_DETAILS,
    SERVICE_LINKED,
    Detail,
    Details,
)
from providers.aws.iam.credential_report import REPORT, ROOT, Row
from providers.aws.iam.root_user import GET_SUMMARY, NEWER, SUMMARY, has_keys
from providers.aws.policies.privileges import PolicyHolder
from providers.aws.policies.trust import trust
from scanner.collect.table import Item
from scanner.model.evidence import Observed, Unknown, join

if TYPE_CHECKING:
    from providers.aws.client.client import AwsCaller

FACTS: tuple[Callable[[PolicyHolder], Observed[bool]], ...] = (
    attrgetter("everything"),
    attrgetter("grants_rights"),
)


@dataclass(frozen=True)
class PrincipalListing:
    """The listed items of a kind, and why some are missing."""

    items: tuple[Item, ...]
    missing: Unknown | None


def list_users(caller: AwsCaller, item: Item) -> Observed[PrincipalListing]:
    """The root user, and the users of GetAccountAuthorizationDetails and of the credential report.

    The report can be four hours old. Without the details, or with only some of them, users that are newer
    than it are missing. A user that only the report lists was deleted since, or is newer than the details:
    these are then read again, after the report.
    """
    report_rows, details = caller.answer(REPORT, item), caller.answer(DETAILS, item)
    if isinstance(report_rows, Unknown) and isinstance(details, Unknown):
        return join([report_rows, details])
    root = f"arn:{item['partition']}:iam::{item['account']}:root"
    rows: dict[str, Row] = {}
    if not isinstance(report_rows, Unknown):
        rows = {row["arn"]: row for row in report_rows}
        only_there = set() if isinstance(details, Unknown) else rows.keys() - details.users.keys() - {root}
        if only_there and not isinstance(details, Unknown) and details.missing is None:
            later: Observed[Details] = caller.answer(LATER_DETAILS, item)
            details = replace(details, missing=later) if isinstance(later, Unknown) else later
    users: Mapping[str, Detail] = {} if isinstance(details, Unknown) else details.users
    missing = details if isinstance(details, Unknown) else details.missing
    arns = sorted((rows if missing is not None else rows.keys() & users.keys()) | users.keys() | {root})

    def user(arn: str) -> Item:
        row: Observed[Row] = _no_row(arn) if arn not in rows else rows[arn]
        if isinstance(report_rows, Unknown):
            row = report_rows
        elif arn in rows and arn in users:
            row = _row_of(caller, rows[arn], users[arn])
        return {
            **item,
            "arn": arn,
            "root": arn == root,
            "row": row,
            "details": details,
            "detail": users.get(arn, _no_detail(details)),
            "name": "root" if arn == root else arn.rpartition("/")[2],
        }

    return PrincipalListing(tuple(map(user, arns)), missing)


def _row_of(caller: AwsCaller, row: Row, detail: Detail) -> Observed[Row]:
    """The row, if it is about this user, and not about one of the same name that was deleted since."""
    same = caller.read(REPORT, _same_user, row, detail)
    if isinstance(same, Unknown):
        return same
    return row if same else _no_row(detail["Arn"])


def _same_user(row: Row, detail: Detail) -> bool:
    """Whether both were created in the same second: ``user_creation_time`` and ``CreateDate``.

    Where one is missing they count as the same. Raises :class:`ValueError`.
    """
    if "user_creation_time" not in row or "CreateDate" not in detail:
        return True
    created = report.user_created(row)
    if not isinstance(created, datetime):
        raise ValueError("a user without a time of creation")
    listed: datetime = detail["CreateDate"]
    return created.replace(microsecond=0) == listed.replace(microsecond=0)


def list_keys(caller: AwsCaller, item: Item) -> Observed[PrincipalListing]:
    """The access keys of the credential report, which lists at most two per user.

    The keys of users that are newer than the report are missing, and a newer key of the root user. Newer keys
    of other users are not seen: nothing lists them but a call for each user.
    """
    rows, summary = caller.answer(REPORT, item), caller.answer(SUMMARY, item)
    if isinstance(rows, Unknown):
        return rows
    keys = [
        {**item, "row": row, "number": number, "name": "root" if row["user"] == ROOT else row["user"]}
        for row in rows
        for number in report.KEYS
        if report.created(row, number) is not None or report.active(row, number) is not False
    ]
    missing = [why for row in rows if (why := report.missing_keys(row)) is not None]
    root_has = caller.read(GET_SUMMARY, has_keys, summary) if not isinstance(summary, Unknown) else summary
    if isinstance(root_has, Unknown):
        missing.append(root_has)
    elif root_has and not any(key["row"]["user"] == ROOT for key in keys):
        missing.append(NEWER)
    details = caller.answer(DETAILS, item)
    if isinstance(details, Unknown) or details.missing is not None:
        missing.append(details if isinstance(details, Unknown) else details.missing)
    else:
        listed = {row["arn"]: row for row in rows}
        for arn, detail in sorted(details.users.items()):
            row = _row_of(caller, listed[arn], detail) if arn in listed else _no_row(arn)
            missing += [row] if isinstance(row, Unknown) else []
    return PrincipalListing(tuple(keys), join(missing) if missing else None)


def list_roles(caller: AwsCaller, item: Item) -> Observed[PrincipalListing]:
    """The roles except service-linked ones, and what gives a user or group administrator access or lets it
    grant permissions: each such policy, and all policies together where none of them does so alone.
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
            direct = details.direct_policies(detail)
            whole = details.identity(detail)
            if not direct or whole.has_more is False:
                continue
            shared = {"detail": detail, "holder_type": type_}
            alone = [details.through_groups(detail)]
            for attachment in direct:
                identity = details.identity(detail, only=attachment.statements)
                if identity.has_more is not False:
                    alone.append(identity)
                    yield {**item, **shared, "identity": identity, "attachment": attachment}
            if any(fact(whole) is not False and all(fact(each) is False for each in alone) for fact in FACTS):
                yield {**item, **shared, "identity": whole, "attachment": details.together(detail)}


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
KEY_LISTING = AwsChain((*REPORT.parts, *DETAILS.parts, GET_SUMMARY), list_keys)
ROLE_LISTING = AwsChain(DETAILS.parts, list_roles)
