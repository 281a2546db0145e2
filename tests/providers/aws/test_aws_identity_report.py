from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from providers.aws.account import to_password_policy
from providers.aws.iam import credential_report as report
from providers.aws.iam.identity_center import list_delegates
from providers.aws.iam.principals import PrincipalListing, list_keys, list_roles, list_users
from providers.aws.iam.root_user import SUMMARY, to_root_password
from providers.aws.identity import of_row, to_organisation, user_tags
from scanner.model.evidence import Observed, Unknown
from scanner.model.resources.account import PasswordPolicy

COLUMNS = (
    "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,"
    "password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,"
    "access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service,"
    "access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,"
    "access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,cert_1_last_rotated,"
    "cert_2_active,cert_2_last_rotated"
)
OWN = "arn:aws:iam::111122223333"
USER = {
    "user": "reader",
    "arn": f"{OWN}:user/reader",
    "user_creation_time": "2025-01-20T09:30:00+00:00",
    "password_enabled": "false",
    "password_last_used": "N/A",
    "mfa_active": "false",
    "access_key_1_active": "false",
    "access_key_1_last_rotated": "N/A",
    "access_key_1_last_used_date": "N/A",
    "access_key_2_active": "false",
    "access_key_2_last_rotated": "N/A",
    "access_key_2_last_used_date": "N/A",
    "cert_1_active": "false",
    "cert_2_active": "false",
}
ITEM = {"account": "111122223333", "partition": "aws", "region": "eu-west-1"}
DENIED = Unknown.because("denied", "iam:GetCredentialReport", "iam:GetCredentialReport", "no")


def text(*rows: dict[str, str], columns: str = COLUMNS) -> str:
    names = columns.split(",")
    return "\n".join([columns, *(",".join(row.get(name, "N/A") for name in names) for row in rows)])


def user(**cells: str) -> dict[str, str]:
    return {**USER, **cells}


def or_unknown(value: Observed[Any]) -> Any:
    return "?" if isinstance(value, Unknown) else value


CREATED = datetime(2025, 1, 20, 9, 30, tzinfo=UTC)
MARCH, MAY = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 5, 1, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("function", "cells", "expected"),
    [
        (report.password, {"password_enabled": "true"}, True),
        (report.password, {"password_enabled": "TRUE"}, True),
        (report.password, {"password_enabled": "FALSE"}, False),
        (report.password, {"password_enabled": "not_supported"}, "?"),
        (report.mfa, {"mfa_active": "true"}, True),
        (report.mfa, {}, False),
        (report.active_keys, {}, 0),
        (report.active_keys, {"access_key_2_active": "true"}, 1),
        (report.active_keys, {"access_key_1_active": "true", "access_key_2_active": "TRUE"}, 2),
        (report.active_keys, {"additional_credentials_info": "2 more; ListAccessKeys"}, "?"),
        (report.active_keys, {"additional_credentials_info": ""}, 0),
        (report.certificate, {"cert_2_active": "true"}, True),
        (report.certificate, {}, False),
        (report.last_used, {}, None),
        (report.last_used, {"password_enabled": "true", "password_last_used": "no_information"}, None),
        (report.last_used, {"password_enabled": "true", "password_last_used": "not_supported"}, "?"),
        (report.last_used, {"password_last_used": "not_supported"}, None),
        (
            report.last_used,
            {"password_enabled": "true", "password_last_used": "2026-03-01T00:00:00+00:00"},
            MARCH,
        ),
        (
            report.last_used,
            {
                "password_enabled": "not_supported",
                "password_last_used": "2026-03-01T00:00:00Z",
                "access_key_2_last_used_date": "2026-05-01T08:00:00+02:00",
            },
            MAY,
        ),
        (report.last_used, {"additional_credentials_info": "1"}, "?"),
    ],
)
def test_cells(
    function: Callable[[report.Row], Observed[Any]], cells: dict[str, str], expected: object
) -> None:
    assert or_unknown(function(user(**cells))) == expected


@pytest.mark.parametrize(
    ("function", "cells"),
    [
        (report.password, {"password_enabled": "N/A"}),
        (report.mfa, {"mfa_active": "no_information"}),
        (report.mfa, {"mfa_active": ""}),
        (report.last_used, {"access_key_1_last_used_date": "yesterday"}),
        (report.last_used, {"access_key_1_last_used_date": "2026-03-01T00:00:00"}),
        (report.last_used, {"access_key_1_last_used_date": ""}),
    ],
)
def test_a_cell_with_another_format_is_an_error(
    function: Callable[[report.Row], Observed[Any]], cells: dict[str, str]
) -> None:
    with pytest.raises(ValueError):
        function(user(**cells))


def test_a_report_is_read_by_its_columns() -> None:
    (row,) = report.rows(text(user()).encode())
    assert row.items() >= USER.items()
    more = f"{COLUMNS},additional_credentials_info"
    (row,) = report.rows(text(user(additional_credentials_info="1"), columns=more))
    assert or_unknown(report.active_keys(row)) == "?"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "<html><body>Sign in to continue</body></html>",
        text(user()).replace("mfa_active", "mfa"),
        text(user(), user())[:-30],
        text(user()) + ",true",
        b"\xff\xfe",
        text(user(user='"half')),
    ],
)
def test_a_report_that_is_truncated_or_has_another_format_is_an_error(content: bytes | str) -> None:
    with pytest.raises(ValueError):
        report.rows(content)


class Answering:
    """A caller that returns the prepared answers in order."""

    def __init__(self, *answers: Any) -> None:
        self.answers = iter(answers)
        self.asked: list[str] = []

    def answer(self, call: Any, item: Any) -> Any:
        self.asked.append(call.operation)
        return next(self.answers)

    def read(self, call: Any, function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return function(*arguments)
        except (KeyError, TypeError, ValueError) as error:
            return Unknown.because("error", call.name, None, str(error))


def read(*answers: Any, pauses: tuple[float, ...] = (1.0, 2.0)) -> tuple[Any, list[str], list[float]]:
    caller, slept = Answering(*answers), list[float]()
    found = report.read_report(pauses, slept.append, caller, ITEM)  # type: ignore[arg-type]
    return found, caller.asked, slept


STARTED, READY = {"State": "STARTED"}, {"Content": text(user()).encode()}


def test_an_existing_report_is_used_immediately() -> None:
    found, asked, slept = read(STARTED, READY)
    assert ([row["user"] for row in found], slept) == (["reader"], [])
    assert asked == ["GenerateCredentialReport", "GetCredentialReport"]


def test_a_report_in_progress_is_waited_for_up_to_a_limit() -> None:
    found, _, slept = read(STARTED, None, None, READY)
    assert ([row["user"] for row in found], slept) == (["reader"], [1.0, 2.0])
    late, asked, slept = read(STARTED, None, None, None)
    assert isinstance(late, Unknown)
    assert (late.causes[0].reason, late.causes[0].call) == ("error", "iam:GetCredentialReport")
    assert (len(asked), slept) == (4, [1.0, 2.0])


def test_without_a_new_report_there_is_nothing_to_wait_for() -> None:
    refused = Unknown.because("denied", "iam:GenerateCredentialReport", "iam:GenerateCredentialReport", "no")
    assert read(refused, None)[::2] == (refused, [])
    assert read(refused, DENIED)[0].causes == (*refused.causes, *DENIED.causes)
    assert isinstance(read(refused, READY)[0], tuple)
    assert read(STARTED, DENIED)[0] == DENIED


class Details(Answering):
    """A caller that answers REPORT with rows and GetAccountAuthorizationDetails with pages."""

    def __init__(self, rows: Any, *answers: Any) -> None:
        from providers.aws.iam.authorization import DETAILS, read_details

        super().__init__()
        pages = Answering(*answers)
        self.found = {
            report.REPORT.name: rows,
            DETAILS.name: read_details(pages, ITEM),  # type: ignore[arg-type]
            SUMMARY.name: {"SummaryMap": {"AccountAccessKeysPresent": 0}},
        }

    def answer(self, call: Any, item: Any) -> Any:
        return self.found[call.name]


def page(*users: str, **more: Any) -> dict[str, Any]:
    none: dict[str, Any] = {"GroupDetailList": [], "RoleDetailList": [], "Policies": []}
    return {"UserDetailList": [of_user(name) for name in users], **none, "IsTruncated": False, **more}


def of_user(name: str, **more: Any) -> dict[str, Any]:
    lists: dict[str, Any] = {"GroupList": [], "AttachedManagedPolicies": []}
    return {"Arn": f"{OWN}:user/{name}", "UserName": name, "CreateDate": CREATED, **lists, **more}


def names(listing: Observed[PrincipalListing]) -> Iterator[tuple[str, bool]]:
    assert isinstance(listing, PrincipalListing)
    for item in listing.items:
        yield item["name"], isinstance(item["row"], Unknown)


def test_a_user_newer_than_the_report_is_listed_and_a_deleted_one_is_not() -> None:
    rows = report.rows(text(user(), user(user="gone", arn=f"{OWN}:user/gone")))
    listing = list_users(Details(rows, page("reader", "new")), ITEM)  # type: ignore[arg-type]
    assert dict(names(listing)) == {"root": True, "reader": False, "new": True}


def test_a_user_missing_from_partial_details_is_listed() -> None:
    caller = Details(report.rows(text(user())), page("other"))
    details = caller.found["iam:GetAccountAuthorizationDetails"]
    caller.found["iam:GetAccountAuthorizationDetails"] = type(details)(**{**vars(details), "missing": DENIED})
    listing = list_users(caller, ITEM)  # type: ignore[arg-type]
    assert dict(names(listing)) == {"root": True, "reader": False, "other": True}
    assert isinstance(listing, PrincipalListing)
    reader = next(item for item in listing.items if item["name"] == "reader")
    assert (reader["detail"], listing.missing) == (DENIED, DENIED)


def test_a_user_that_was_made_again_has_no_row_in_the_report() -> None:
    """Or the new user would have the MFA device of the old one."""
    rows = report.rows(text(user(mfa_active="true")))
    again = of_user("reader", CreateDate=datetime(2026, 11, 22, 5, 0, tzinfo=UTC))
    caller = Details(rows, page(UserDetailList=[again]))
    assert dict(names(list_users(caller, ITEM))) == {"root": True, "reader": True}  # type: ignore[arg-type]
    keys = list_keys(caller, ITEM)  # type: ignore[arg-type]
    assert isinstance(keys, PrincipalListing)
    assert keys.missing is not None


@pytest.mark.parametrize("absent", ["UserDetailList", "GroupDetailList", "RoleDetailList", "Policies"])
def test_a_list_missing_in_the_details_is_not_empty(absent: str) -> None:
    whole = page("reader")
    broken = {name: entries for name, entries in whole.items() if name != absent}
    caller = Details(report.rows(text(user())), broken)
    listing = list_users(caller, ITEM)  # type: ignore[arg-type]
    assert dict(names(listing)) == {"root": True, "reader": False}
    assert isinstance(listing, PrincipalListing)
    assert listing.missing is not None
    assert isinstance(list_roles(caller, ITEM), Unknown)  # type: ignore[arg-type]
    half = Details((), {**whole, "IsTruncated": True, "Marker": "2"}, broken)
    roles = list_roles(half, ITEM)  # type: ignore[arg-type]
    assert isinstance(roles, PrincipalListing)
    assert roles.missing is not None


def test_details_without_end_are_half_a_list() -> None:
    again = page("reader", IsTruncated=True, Marker="2")
    roles = list_roles(Details((), again, again), ITEM)  # type: ignore[arg-type]
    assert isinstance(roles, PrincipalListing)
    assert roles.missing is not None


def test_keys_beyond_the_second_are_a_blind_spot() -> None:
    key = {"access_key_1_active": "true", "access_key_1_last_rotated": "2026-03-01T00:00:00Z"}
    second = user(user="b", arn=f"{OWN}:user/b", additional_credentials_info="1 access key", **key)
    listing = list_keys(Details([user(**key), second], page("reader", "b")), ITEM)  # type: ignore[arg-type]
    assert isinstance(listing, PrincipalListing)
    assert [item["name"] for item in listing.items] == ["reader", "b"]
    assert listing.missing is not None
    assert [cause.reason for cause in listing.missing.causes] == ["unsupported"]


def test_the_keys_of_a_user_newer_than_the_report_are_a_blind_spot() -> None:
    rows = report.rows(text(user()))
    listing = list_keys(Details(rows, page("reader", "new")), ITEM)  # type: ignore[arg-type]
    assert isinstance(listing, PrincipalListing)
    assert listing.missing is not None
    assert f"{OWN}:user/new" in listing.missing.causes[0].message
    listing = list_keys(Details(rows, page("reader")), ITEM)  # type: ignore[arg-type]
    assert isinstance(listing, PrincipalListing)
    assert listing.missing is None


def test_a_role_whose_trust_policy_cannot_be_read_is_listed() -> None:
    role = {
        "Arn": f"{OWN}:role/r",
        "RoleName": "r",
        "Path": "/",
        "AssumeRolePolicyDocument": "{",
        "RolePolicyList": [],
        "AttachedManagedPolicies": [],
    }
    linked = {**role, "RoleName": "l", "Path": "/aws-service-role/x.amazonaws.com/"}
    listing = list_roles(Details((), page(RoleDetailList=[role, linked])), ITEM)  # type: ignore[arg-type]
    assert isinstance(listing, PrincipalListing)
    (item,) = listing.items
    assert item["detail"]["RoleName"] == "r"
    assert isinstance(item["trust"], Unknown)


def test_a_policy_or_group_missing_from_the_response_is_unknown() -> None:
    attached = {"PolicyName": "p", "PolicyArn": f"{OWN}:policy/p"}
    holder = of_user("u")
    for detail in ({**holder, "AttachedManagedPolicies": [attached]}, {**holder, "GroupList": ["g"]}):
        caller = Details((), page(UserDetailList=[detail]))
        details = caller.found["iam:GetAccountAuthorizationDetails"]
        assert isinstance(details.identity(detail).everything, Unknown)
    two: list[dict[str, Any]] = [
        {"Document": {}, "VersionId": v, "IsDefaultVersion": False} for v in ("v1", "v2")
    ]
    caller = Details((), page(Policies=[{"Arn": attached["PolicyArn"], "PolicyVersionList": two}]))
    assert isinstance(
        caller.found["iam:GetAccountAuthorizationDetails"].document(attached["PolicyArn"]), Unknown
    )


def test_the_default_version_of_a_policy_counts() -> None:
    arn = f"{OWN}:policy/p"
    wide, narrow = ({"Statement": {"Effect": "Allow", "Action": a, "Resource": "*"}} for a in ("*", "s3:*"))
    versions = [
        {"Document": wide, "VersionId": "v1", "IsDefaultVersion": False},
        {"Document": narrow, "VersionId": "v2", "IsDefaultVersion": True},
    ]
    caller = Details((), page(Policies=[{"Arn": arn, "PolicyVersionList": versions}]))
    details = caller.found["iam:GetAccountAuthorizationDetails"]
    detail = of_user("u", AttachedManagedPolicies=[{"PolicyName": "p", "PolicyArn": arn}])
    assert details.identity(detail).everything is False


@pytest.mark.parametrize("absent", ["AttachedManagedPolicies", "GroupList"])
def test_a_list_missing_in_the_details_of_a_user_is_not_empty(absent: str) -> None:
    detail = {name: value for name, value in of_user("u").items() if name != absent}
    details = Details((), page(UserDetailList=[detail])).found["iam:GetAccountAuthorizationDetails"]
    assert isinstance(details.identity(detail).administrator, Unknown)
    assert details.identity(of_user("u")).administrator is False


@pytest.mark.parametrize(
    ("present", "cells", "missing"),
    [
        (0, {}, False),
        (1, {}, True),
        (
            1,
            {"access_key_1_active": "false", "access_key_1_last_rotated": "2025-02-01T00:00:00+00:00"},
            False,
        ),
    ],
)
def test_a_key_of_the_root_user_newer_than_the_report_is_a_blind_spot(
    present: int, cells: dict[str, str], missing: bool
) -> None:
    root = user(user=report.ROOT, arn=f"{OWN}:root", **cells)
    caller = Details((root,), page())
    caller.found[SUMMARY.name] = {"SummaryMap": {"AccountAccessKeysPresent": present}}
    listing = list_keys(caller, ITEM)  # type: ignore[arg-type]
    assert isinstance(listing, PrincipalListing)
    assert (listing.missing is not None) is missing


def test_delegated_administrators_are_those_of_all_pages() -> None:
    pages = [
        {"DelegatedAdministrators": [{"Id": "111122223333"}], "NextToken": "a"},
        {"DelegatedAdministrators": [], "NextToken": "b"},
        {"DelegatedAdministrators": [{"Id": "444455556666"}]},
    ]
    assert list_delegates(Answering(*pages), ITEM) == {"111122223333", "444455556666"}  # type: ignore[arg-type]
    endless = Answering(*pages[:2] * 100)
    assert isinstance(list_delegates(endless, ITEM), Unknown)  # type: ignore[arg-type]


def test_small_mappings() -> None:
    row: Observed[Any] = DENIED
    assert of_row(report.mfa, {"row": row}) == DENIED
    summary = {"SummaryMap": {"AccountPasswordPresent": 0}}
    assert to_root_password({"root": True}, summary) is False
    assert to_root_password({"root": False}, summary) is None
    with pytest.raises(KeyError):
        to_root_password({"root": True}, {"SummaryMap": {}})
    assert to_organisation(ITEM, None) is None
    tags = [{"Key": "owner", "Value": "data"}, {"Key": "AKIAIOSFODNN7EXAMPLE", "Value": "laptop"}]
    assert user_tags({"root": False, "detail": {"Tags": tags}}) == {"owner": "data"}


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({}, (14, 0, None)),
        ({"PasswordReusePrevention": 24}, (14, 24, None)),
        ({"ExpirePasswords": True, "MaxPasswordAge": 90}, (14, 0, 90)),
    ],
)
def test_password_policies(policy: dict[str, Any], expected: tuple[int, int, int | None]) -> None:
    answer = {"PasswordPolicy": {"MinimumPasswordLength": 14, "ExpirePasswords": False, **policy}}
    length, reuse, age = expected
    assert to_password_policy(ITEM, answer) == PasswordPolicy(
        minimum_length=length, reuse_prevention=reuse, maximum_age_days=age
    )


def test_an_account_without_a_password_policy() -> None:
    assert to_password_policy(ITEM, None) is None
    with pytest.raises(KeyError):
        to_password_policy(ITEM, {"PasswordPolicy": {}})
