"""Which accounts IAM Identity Center is managed from, beside the organisation's management account."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from providers.aws.account import NOT_IN_USE
from providers.aws.client.calls import AwsCall
from providers.aws.client.client import AwsChain
from scanner.collect.table import Answer, Item
from scanner.model.evidence import Observed, Unknown

if TYPE_CHECKING:
    from providers.aws.client.client import AwsCaller

NOT_IN_CHARGE = frozenset({"AccessDeniedException: You don't have permissions to access this resource."})
"""How Organizations refuses a member account that administers no service, whatever the caller's policies
allow. A caller whose policies do not allow it is told so: "User: … is not authorized to perform: …"."""
LIST_DELEGATES = AwsCall(
    "organizations",
    "ListDelegatedAdministrators",
    absent=NOT_IN_USE,
    absent_messages=NOT_IN_CHARGE,
    fixed=(("ServicePrincipal", "sso.amazonaws.com"),),
)
# Who was answered once is in charge: no refusal of a later page means that there are no more.
LIST_MORE_DELEGATES = replace(
    LIST_DELEGATES, parameters=(("NextToken", "token"),), absent=frozenset(), absent_messages=frozenset()
)
MOST_PAGES = 100
"""One account at a time is the delegated administrator of IAM Identity Center; pages may be empty."""


def list_delegates(caller: AwsCaller, item: Item) -> Observed[frozenset[str]]:
    """``Id`` of all pages of ListDelegatedAdministrators for IAM Identity Center. Only the management account
    and delegated administrators, of whatever service, may call it.
    """
    found: set[str] = set()
    answer = caller.answer(LIST_DELEGATES, item)
    for _ in range(MOST_PAGES):
        if answer is None or isinstance(answer, Unknown):
            return frozenset() if answer is None else answer
        found.update(account["Id"] for account in answer["DelegatedAdministrators"])
        if not answer.get("NextToken"):
            return frozenset(found)
        answer = caller.answer(LIST_MORE_DELEGATES, {**item, "token": answer["NextToken"]})
    message = f"the listing does not end after {MOST_PAGES} pages"
    return Unknown.because("error", LIST_DELEGATES.name, None, message)


DELEGATES = AwsChain((LIST_DELEGATES, LIST_MORE_DELEGATES), list_delegates, about=("account",))


def is_delegate(item: Item, delegates: Answer) -> bool:
    """Whether the account is a delegated administrator of IAM Identity Center."""
    return item["account"] in delegates
