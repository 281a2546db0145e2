"""The read calls of Azure: Resource Manager GET, Resource Graph query, Microsoft Graph GET.

And the calls over several subscriptions or groups that yield one fact about the tenant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from scanner.model.evidence import Observed

GRAPH_PATH = "/providers/Microsoft.ResourceGraph/resources"
"""The only path that receives a POST: a query, which changes nothing."""
GRAPH_VERSION = "2022-10-01"
DIRECTORY_VERSION = "v1.0"
OBJECTS = ("{group}", "{user}")
"""In the path of a Microsoft Graph call: the object ID that it is about."""


def _itself(row: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return (row,)


@dataclass(frozen=True)
class ArmCall:
    """A Resource Manager GET."""

    name: str
    """Namespace and operation ID of the REST reference, e.g. ``Microsoft.Storage/BlobContainers_List``."""
    permission: str | None
    """The Azure RBAC action that it requires."""
    path: str
    """With ``{subscription}`` for the scope, or ``{id}`` for the Resource Manager ID of the item."""
    version: str
    """The API version."""
    paged: bool = False
    """The answer is a paged list under ``value``; it is returned as one list."""
    next_page: ClassVar[str] = "nextLink"
    """The field that holds the URL of the next page."""
    absent: frozenset[str] = frozenset()
    """Error codes that mean "not configured"."""
    of: str = ""
    """The required resource type of the item, in lower case, so that nothing else can be read:
    ``microsoft.keyvault/vaults/keys``; empty where the rest of the path determines what is read."""
    expand: str = ""
    """The value of ``$expand``: what the answer includes beyond the default."""
    option: str = ""
    """Another parameter that the operation has for this: ``$name=value``."""
    items: Callable[[Mapping[str, Any]], Sequence[Mapping[str, Any]]] = _itself
    """The items in an entry of a paged list."""

    @property
    def about_item(self) -> bool:
        """Whether the call is made once per item."""
        return "{id}" in self.path


@dataclass(frozen=True)
class GraphCall:
    """An Azure Resource Graph query, made once for many subscriptions."""

    name: str
    permission: str | None
    """The action without which Resource Graph silently omits rows."""
    query: str
    """In Kusto query language (KQL); its rows have a ``subscriptionId``."""
    items: Callable[[Mapping[str, Any]], Sequence[Mapping[str, Any]]] = _itself
    """The items in a row."""
    digest: Callable[[Sequence[Mapping[str, Any]]], Any] | None = None
    """Reduces all rows to what facts about other resources need: once, and only if the listing is proven
    complete."""


AzureCall = ArmCall | GraphCall


def _unchanged(answer: Any) -> Any:
    return answer


@dataclass(frozen=True)
class DirectoryCall:
    """A Microsoft Graph GET about the tenant."""

    name: str
    """``Microsoft.Graph/`` and the path in the reference."""
    permission: str | None
    """The least privileged Microsoft Graph permission that it requires."""
    path: str
    """Below the version, with the query string; with ``{group}`` or ``{user}`` for an object ID."""
    version: str = DIRECTORY_VERSION
    """``beta`` only for what no other version tells."""
    paged: bool = False
    """The answer is a paged list under ``value``."""
    next_page: ClassVar[str] = "@odata.nextLink"
    """The field that holds the URL of the next page."""
    items: Callable[[Mapping[str, Any]], Sequence[Mapping[str, Any]]] = _itself
    """The items in a row of a listing."""
    digest: Callable[[Any], Any] = _unchanged
    """Reduces the answer to what is kept, and validates it: once."""
    absent: frozenset[str] = frozenset()
    """Error codes that mean that there is no such object."""

    @property
    def digested(self) -> bool:
        """Whether the answer is reduced, for facts about other resources."""
        return self.digest is not _unchanged


@dataclass(frozen=True)
class Digest:
    """A list of a subscription reduced to what is kept, for facts that join it with other answers.

    For a subscription the answer is its digest; for the tenant, the digests of all scanned subscriptions.
    """

    call: AzureCall
    digest: Callable[[Any], Any]

    @property
    def name(self) -> str:
        """As of the call."""
        return self.call.name

    @property
    def permission(self) -> str | None:
        """As of the call."""
        return self.call.permission


@dataclass(frozen=True)
class MembersCall:
    """The members of the groups named in other answers, by group; each group may be unknown separately.

    Or what is told of each user named in other answers.
    """

    call: DirectoryCall
    """Made once per group."""
    of: tuple[DirectoryCall | Digest | MembersCall, ...]
    """The answers that name the groups."""
    groups: Callable[..., Observed[frozenset[str]]]
    """Returns the groups named in these answers; an Unknown answer names none, unless it is returned."""

    @property
    def name(self) -> str:
        """As of the call."""
        return self.call.name

    @property
    def permission(self) -> str | None:
        """As of the call."""
        return self.call.permission


IdentityCall = AzureCall | DirectoryCall | Digest | MembersCall
"""The calls that facts about identities use."""
