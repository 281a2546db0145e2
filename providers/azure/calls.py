"""The two kinds of read operations at Azure: a Resource Manager GET and a Resource Graph query."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

GRAPH_PATH = "/providers/Microsoft.ResourceGraph/resources"
"""The only path that anything is POSTed to: a query, which changes nothing."""
GRAPH_VERSION = "2022-10-01"


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
    absent: frozenset[str] = frozenset()
    """Error codes by which the cloud says "not configured"."""

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


AzureCall = ArmCall | GraphCall
