"""The kinds of reads at Azure: a Resource Manager GET, a Resource Graph query, a Microsoft Graph GET.

And what is asked of several subscriptions or groups for one fact about the tenant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

GRAPH_PATH = "/providers/Microsoft.ResourceGraph/resources"
"""The only path that anything is POSTed to: a query, which changes nothing."""
GRAPH_VERSION = "2022-10-01"
DIRECTORY_VERSION = "v1.0"


@dataclass(frozen=True)
class ArmCall:
    """A GET at the Resource Manager."""

    name: str
    """Namespace and operation id of the REST reference, e.g. ``Microsoft.Storage/BlobContainers_List``."""
    permission: str | None
    """The action of Azure role-based access control that it needs."""
    path: str
    """With ``{subscription}`` for the scope, or ``{id}`` for the Resource Manager id of the item."""
    version: str
    """The API version."""
    paged: bool = False
    """The answer is a list under ``value``, in pages; it is handed on as one whole list."""
    next_page: ClassVar[str] = "nextLink"
    """Where a page names the next one."""
    absent: frozenset[str] = frozenset()
    """Error codes by which the cloud says "not configured"."""
    of: str = ""
    """The type that the item must be of, so that nothing else can be read, in lower case:
    ``microsoft.keyvault/vaults/keys``; empty where the rest of the path tells what is read."""
    expand: str = ""
    """What the answer is to hold beside the usual, in the words of ``$expand``."""

    @property
    def about_item(self) -> bool:
        """Whether each item has an answer of its own."""
        return "{id}" in self.path


def _itself(row: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return (row,)


@dataclass(frozen=True)
class GraphCall:
    """A query at Azure Resource Graph, made once for many subscriptions."""

    name: str
    permission: str | None
    """The action whose lack makes Resource Graph leave rows out, without a word."""
    query: str
    """In the Kusto query language; its rows have a ``subscriptionId``."""
    items: Callable[[Mapping[str, Any]], Sequence[Mapping[str, Any]]] = _itself
    """The items in a row."""
    digest: Callable[[Sequence[Mapping[str, Any]]], Any] | None = None
    """What is made of all rows where they are asked for facts about other resources: once, and only if they
    are proven to be all."""


AzureCall = ArmCall | GraphCall


def _whole(answer: Any) -> Any:
    return answer


@dataclass(frozen=True)
class DirectoryCall:
    """A GET at Microsoft Graph about the tenant."""

    name: str
    """``Microsoft.Graph/`` and the path in the reference."""
    permission: str | None
    """The least permission of Microsoft Graph that it needs."""
    path: str
    """Below the version, with its query; with ``{group}`` for the object id of a group."""
    paged: bool = False
    """The answer is a list under ``value``, in pages."""
    next_page: ClassVar[str] = "@odata.nextLink"
    """Where a page names the next one."""
    items: Callable[[Mapping[str, Any]], Sequence[Mapping[str, Any]]] = _itself
    """The items in a row, where it lists."""
    digest: Callable[[Any], Any] = _whole
    """What is kept of the whole answer: made once, and checked as it is made."""


@dataclass(frozen=True)
class Digest:
    """What is kept of a list at the Resource Manager, for facts that join it with others.

    About a subscription the answer is its digest; about the tenant, those of all scanned subscriptions.
    """

    call: ArmCall
    digest: Callable[[Any], Any]

    @property
    def name(self) -> str:
        """The operation's."""
        return self.call.name

    @property
    def permission(self) -> str | None:
        """The operation's."""
        return self.call.permission


@dataclass(frozen=True)
class MembersCall:
    """The members of the groups that other answers name, by group; each may be unknown for itself."""

    call: DirectoryCall
    """Asked for each group."""
    of: tuple[DirectoryCall | Digest, ...]
    """The answers that name the groups."""
    groups: Callable[..., frozenset[str]]
    """The groups that these answers name; an answer may be Unknown, and then names none."""

    @property
    def name(self) -> str:
        """The operation's."""
        return self.call.name

    @property
    def permission(self) -> str | None:
        """The operation's."""
        return self.call.permission


IdentityCall = AzureCall | DirectoryCall | Digest | MembersCall
"""What facts about identities take."""
