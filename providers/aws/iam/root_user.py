"""What the account's summary tells of the root user: now, while the credential report may be four hours old.

Source: GetAccountSummary (IAM API reference), the entries of ``SummaryMap``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from providers.aws.client.calls import AwsCall
from providers.aws.client.client import AwsChain
from providers.aws.iam import credential_report as report
from scanner.collect.table import Answer, Item
from scanner.model.evidence import Observed, Unknown

if TYPE_CHECKING:
    from providers.aws.client.client import AwsCaller

GET_SUMMARY = AwsCall("iam", "GetAccountSummary", root="GetAccountSummaryResponse")


def read_summary(caller: AwsCaller, item: Item) -> Observed[Answer]:
    """The answer, for users and keys alike."""
    return caller.answer(GET_SUMMARY, item)


SUMMARY = AwsChain((GET_SUMMARY,), read_summary)
RootKeys = Literal["none", "reported", "new"]
"""Whether the root user has keys: none, or some that the credential report lists, or only newer ones."""


def to_root_password(item: Item, answer: Answer) -> bool | None:
    """``AccountPasswordPresent`` for the root user; ``None`` for other users."""
    return bool(answer["SummaryMap"]["AccountPasswordPresent"]) if item["root"] else None


def to_root_mfa(item: Item, answer: Answer) -> bool:
    """``AccountMFAEnabled``."""
    return bool(answer["SummaryMap"]["AccountMFAEnabled"])


def has_keys(answer: Answer) -> bool:
    """``AccountAccessKeysPresent``: active or not."""
    return bool(answer["SummaryMap"]["AccountAccessKeysPresent"])


def to_root_keys(item: Item, answer: Answer) -> RootKeys:
    """Whether there are keys, and the report lists one."""
    if not item["root"] or not has_keys(answer):
        return "none"
    row = item["row"]
    listed = not isinstance(row, Unknown) and any(
        report.created(row, number) is not None for number in report.KEYS
    )
    return "reported" if listed else "new"


def has_mfa(root: Observed[bool], by_report: Observed[bool], of_root: Observed[bool]) -> Observed[bool]:
    """By the report; of the root user by the summary, which is never older."""
    return of_root if root is True else by_report


def number_of_keys(
    root: Observed[bool], by_report: Observed[int], of_root: Observed[RootKeys]
) -> Observed[int]:
    """How many keys are active, by the report; of the root user as far as the summary agrees."""
    if root is not True:
        return by_report
    if isinstance(of_root, Unknown):
        return of_root
    if of_root == "none":
        return 0
    return by_report if of_root == "reported" or isinstance(by_report, Unknown) else NEWER


NEWER = Unknown.because(
    "error",
    report.GET_REPORT.name,
    None,
    "the credential report, which AWS renews every four hours, does not list the access key of the root user",
)
