"""The credential report: passwords, MFA and access keys of all users, including the root user.

Source: "Generate credential reports for your AWS account" (IAM user guide), which defines the columns.
"""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from providers.aws.client.calls import AwsCall
from providers.aws.client.client import AwsChain
from scanner.collect.table import Item
from scanner.model.evidence import Observed, Unknown, any_of, join, lift

if TYPE_CHECKING:
    from providers.aws.client.client import AwsCaller

GENERATE_REPORT = AwsCall(
    "iam",
    "GenerateCredentialReport",
    root="GenerateCredentialReportResponse",
)
"""Makes AWS generate the report, at most every four hours; changes nothing in the customer's account."""
GET_REPORT = AwsCall(
    "iam",
    "GetCredentialReport",
    absent=frozenset({"ReportNotPresent", "ReportExpired", "ReportInProgress"}),
    root="GetCredentialReportResponse",
)
PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0, 8.0, 8.0)
"""Seconds between polls while AWS generates the report; a large account takes half a minute."""

ROOT = "<root_account>"
KEYS = (1, 2)
"""The report has two keys and two certificates per user."""
COLUMNS = frozenset(
    {
        "user",
        "arn",
        "password_enabled",
        "password_last_used",
        "mfa_active",
        *(f"access_key_{n}_{what}" for n in KEYS for what in ("active", "last_rotated", "last_used_date")),
        *(f"cert_{n}_active" for n in KEYS),
    }
)
FLAGS = {"true": True, "false": False}
NO_DATE = frozenset({"N/A", "no_information"})
"""``N/A``: there is no such credential, or it was never used. ``no_information``: no use is recorded as far
back as AWS keeps records."""
Row = Mapping[str, str]


def read_report(
    pauses: Sequence[float], sleep: Callable[[float], None], caller: AwsCaller, item: Item
) -> Observed[tuple[Row, ...]]:
    """The rows of the report, once AWS has generated it: GenerateCredentialReport, GetCredentialReport.

    If generating is refused, a report that someone else generated in the last four hours is used.
    """
    started = caller.answer(GENERATE_REPORT, item)
    waits = () if isinstance(started, Unknown) else pauses
    for pause in (*waits, None):
        report = caller.answer(GET_REPORT, item)
        if isinstance(report, Unknown):
            return join([started, report]) if isinstance(started, Unknown) else report
        if report is not None:
            return rows(report["Content"])
        if pause is not None:
            sleep(pause)
    if isinstance(started, Unknown):
        return started
    message = f"AWS had not generated the credential report after {sum(pauses):.0f} s"
    return Unknown.because("error", GET_REPORT.name, None, message)


REPORT = AwsChain((GENERATE_REPORT, GET_REPORT), partial(read_report, PAUSES, time.sleep))


def rows(content: bytes | str) -> tuple[Row, ...]:
    """The rows of a report. Raises :class:`ValueError` if it is truncated or has another format."""
    text = content.decode("utf-8") if isinstance(content, bytes) else content
    lines = csv.DictReader(io.StringIO(text), strict=True)
    missing = COLUMNS - set(lines.fieldnames or ())
    if missing:
        raise ValueError(f"a credential report without {', '.join(sorted(missing))}")
    try:
        found = tuple(lines)
    except csv.Error as error:
        raise ValueError(f"a credential report with another format: {error}") from None
    if any(None in row or None in row.values() for row in found):
        raise ValueError("a credential report with a row of another length")
    return found


def password(row: Row) -> Observed[bool]:
    """``password_enabled``. For the root user it may be ``not_supported``."""
    return _flag(row, "password_enabled")


def mfa(row: Row) -> Observed[bool]:
    """``mfa_active``: an MFA device is assigned, which the sign-in then requires."""
    return _flag(row, "mfa_active")


def certificate(row: Row) -> Observed[bool]:
    """``cert_N_active``: a signing certificate is active."""
    return any_of(*(_flag(row, f"cert_{number}_active") for number in KEYS))


def user_created(row: Row) -> Observed[datetime | None]:
    """``user_creation_time``: when the user was created, the root user with the account.

    Raises :class:`KeyError` for a report without the column.
    """
    return _moment(row, "user_creation_time")


def active(row: Row, number: int) -> Observed[bool]:
    """``access_key_N_active``."""
    return _flag(row, f"access_key_{number}_active")


def created(row: Row, number: int) -> Observed[datetime | None]:
    """``access_key_N_last_rotated``: when the key was created; ``None`` if there is no such key."""
    return _moment(row, f"access_key_{number}_last_rotated")


def key_used(row: Row, number: int) -> Observed[datetime | None]:
    """``access_key_N_last_used_date``; ``None`` if never used since April 2015."""
    return _moment(row, f"access_key_{number}_last_used_date")


def last_used(row: Row) -> Observed[datetime | None]:
    """The latest of ``password_last_used`` and the last use of the keys."""

    def latest(*moments: datetime | None) -> datetime | None:
        return max((moment for moment in moments if moment is not None), default=None)

    # A user without a password has not signed in with one, whatever the column says.
    signed_in = None if password(row) is False else _moment(row, "password_last_used")
    return lift(latest, signed_in, *(key_used(row, number) for number in KEYS), _more_keys(row, None))


def active_keys(row: Row) -> Observed[int]:
    """How many access keys are active."""
    return lift(lambda *flags: sum(flags), *(active(row, number) for number in KEYS), _more_keys(row, False))


def _more_keys(row: Row, none: Any) -> Observed[Any]:
    """``additional_credentials_info`` is set for a user with more than two keys or certificates."""
    more = row.get("additional_credentials_info", "N/A")
    return none if more in ("", "N/A") else more_credentials(row)


def more_credentials(row: Row) -> Unknown:
    """The Unknown for a user with more than two keys or certificates."""
    message = f"{row['user']} has more keys or certificates than the credential report lists"
    return Unknown.because("unsupported", GET_REPORT.name, None, message)


def missing_keys(row: Row) -> Unknown | None:
    """Why not all keys of the user are in the report; ``None`` if they are."""
    more = _more_keys(row, None)
    return more if isinstance(more, Unknown) else None


def _flag(row: Row, column: str) -> Observed[bool]:
    text = row[column].lower()
    if text == "not_supported":
        return _not_reported(column)
    if text not in FLAGS:
        raise ValueError(f"{column} is {row[column]}")
    return FLAGS[text]


def _moment(row: Row, column: str) -> Observed[datetime | None]:
    text = row[column]
    if text in NO_DATE:
        return None
    if text == "not_supported":
        return _not_reported(column)
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{column} is {text}, without a time zone")
    return moment


def _not_reported(column: str) -> Unknown:
    return Unknown.because(
        "unsupported", GET_REPORT.name, None, f"the credential report does not support {column} for this user"
    )
