"""The credential report: passwords, second factors and access keys of all users, the root user among them.

Source: "Generate credential reports for your AWS account" (IAM user guide), which names the columns.
"""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from providers.aws.client.calls import AwsCall, AwsChain
from scanner.collect.collection import Item
from scanner.model.evidence import Observed, Unknown, any_of, join, lift

if TYPE_CHECKING:
    from providers.aws.client.client import AwsCaller

GENERATE_REPORT = AwsCall(
    "iam",
    "generate_credential_report",
    "iam:GenerateCredentialReport",
    root="GenerateCredentialReportResponse",
)
"""Makes AWS write its own report, at most every four hours; it changes nothing of the customer's."""
GET_REPORT = AwsCall(
    "iam",
    "get_credential_report",
    "iam:GetCredentialReport",
    absent=frozenset({"ReportNotPresent", "ReportExpired", "ReportInProgress"}),
    root="GetCredentialReportResponse",
)
PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0, 8.0, 8.0)
"""Seconds between looks at a report that is being written; a large account takes half a minute."""

ROOT = "<root_account>"
KEYS = (1, 2)
"""The report tells of two keys and two certificates for each user."""
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
NOTHING = frozenset({"N/A", "no_information"})
"""``N/A``: there is no such credential, or it was never used. ``no_information``: it was not used as far back
as AWS remembers."""
Row = Mapping[str, str]


def read_report(
    pauses: Sequence[float], sleep: Callable[[float], None], caller: AwsCaller, item: Item
) -> Observed[tuple[Row, ...]]:
    """The rows of the report, once AWS has written it: GenerateCredentialReport, GetCredentialReport.

    Where writing one is refused, one that somebody else had written in the last four hours serves as well.
    """
    begun = caller.answer(GENERATE_REPORT, item)
    waits = () if isinstance(begun, Unknown) else pauses
    for pause in (*waits, None):
        told = caller.answer(GET_REPORT, item)
        if isinstance(told, Unknown):
            return join([begun, told]) if isinstance(begun, Unknown) else told
        if told is not None:
            return rows(told["Content"])
        if pause is not None:
            sleep(pause)
    if isinstance(begun, Unknown):
        return begun
    message = f"AWS had not written the credential report after {sum(pauses):.0f} s"
    return Unknown.because("error", GET_REPORT.name, None, message)


REPORT = AwsChain((GENERATE_REPORT, GET_REPORT), partial(read_report, PAUSES, time.sleep))


def rows(content: bytes | str) -> tuple[Row, ...]:
    """The rows of a report. Raises :class:`ValueError` if it is cut off or of another form."""
    text = content.decode("utf-8") if isinstance(content, bytes) else content
    lines = csv.DictReader(io.StringIO(text), strict=True)
    missing = COLUMNS - set(lines.fieldnames or ())
    if missing:
        raise ValueError(f"a credential report without {', '.join(sorted(missing))}")
    try:
        found = tuple(lines)
    except csv.Error as error:
        raise ValueError(f"a credential report of another form: {error}") from None
    if any(None in row or None in row.values() for row in found):
        raise ValueError("a credential report with a line of another length")
    return found


def password(row: Row) -> Observed[bool]:
    """``password_enabled``. For the root user AWS may say ``not_supported``."""
    return _flag(row, "password_enabled")


def mfa(row: Row) -> Observed[bool]:
    """``mfa_active``: a device is assigned; the sign-in then asks for it."""
    return _flag(row, "mfa_active")


def certificate(row: Row) -> Observed[bool]:
    """``cert_N_active``: a signing certificate is active."""
    return any_of(*(_flag(row, f"cert_{number}_active") for number in KEYS))


def active(row: Row, number: int) -> Observed[bool]:
    """``access_key_N_active``."""
    return _flag(row, f"access_key_{number}_active")


def created(row: Row, number: int) -> Observed[datetime | None]:
    """``access_key_N_last_rotated``: when the key was made; ``None`` when there is no such key."""
    return _moment(row, f"access_key_{number}_last_rotated")


def key_used(row: Row, number: int) -> Observed[datetime | None]:
    """``access_key_N_last_used_date``; ``None`` when never since April 2015."""
    return _moment(row, f"access_key_{number}_last_used_date")


def last_used(row: Row) -> Observed[datetime | None]:
    """The latest of ``password_last_used`` and the use of the keys."""

    def latest(*moments: datetime | None) -> datetime | None:
        return max((moment for moment in moments if moment is not None), default=None)

    # A user without a password has not signed in by one, whatever stands in the column.
    signed_in = None if password(row) is False else _moment(row, "password_last_used")
    return lift(latest, signed_in, *(key_used(row, number) for number in KEYS), _more_keys(row, None))


def active_keys(row: Row) -> Observed[int]:
    """How many access keys are active."""
    return lift(lambda *flags: sum(flags), *(active(row, number) for number in KEYS), _more_keys(row, False))


def _more_keys(row: Row, none: Any) -> Observed[Any]:
    """``additional_credentials_info`` is filled for a user with more than two keys or certificates."""
    more = row.get("additional_credentials_info", "N/A")
    return none if more in ("", "N/A") else more_credentials(row)


def more_credentials(row: Row) -> Unknown:
    """What is unknown about a user with more than two keys or certificates."""
    message = f"{row['user']} has more keys or certificates than the credential report tells of"
    return Unknown.because("unsupported", GET_REPORT.name, None, message)


def untold_keys(row: Row) -> Unknown | None:
    """Why not all keys of the user are in the report; ``None`` when they are."""
    told = _more_keys(row, None)
    return told if isinstance(told, Unknown) else None


def _flag(row: Row, column: str) -> Observed[bool]:
    text = row[column].lower()
    if text == "not_supported":
        return _not_told(column)
    if text not in FLAGS:
        raise ValueError(f"{column} is {row[column]}")
    return FLAGS[text]


def _moment(row: Row, column: str) -> Observed[datetime | None]:
    text = row[column]
    if text in NOTHING:
        return None
    if text == "not_supported":
        return _not_told(column)
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{column} is {text}, without a time zone")
    return moment


def _not_told(column: str) -> Unknown:
    return Unknown.because(
        "unsupported", GET_REPORT.name, None, f"the credential report does not tell {column} of this user"
    )
