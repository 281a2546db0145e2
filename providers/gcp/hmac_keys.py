"""HMAC keys of service accounts, which no asset contains: credentials for the XML API of Cloud Storage.

The keys of people belong to no project; only they themselves see them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from providers.gcp.client.calls import GcpCall, Item
from providers.gcp.identity import SERVICE_ACCOUNTS, is_enabled, no_tags, to_time
from scanner.collect.table import Facet, FacetRead, Table, from_list
from scanner.model.evidence import Unknown, all_of
from scanner.model.resources.identity import AccessKey

_STATES: Mapping[str, bool] = {"ACTIVE": True, "INACTIVE": False}
"""Whether a key can sign requests: https://cloud.google.com/storage/docs/authentication/hmackeys."""


def not_deleted(item: Item) -> Iterator[Item]:
    """The key, unless it is deleted, which is final."""
    if item.asset["state"] != "DELETED":
        yield item


LIST = GcpCall("projects.hmacKeys.list", (), split=not_deleted)


def header(item: Item) -> Mapping[str, Any]:
    """``accessId`` of https://cloud.google.com/storage/docs/json_api/v1/projects/hmacKeys#resource, which is
    not secret."""
    name = item.asset["accessId"]
    return {
        "provider": "gcp",
        "partition": "gcp",
        "scope": item.project.id,
        "region": None,
        "id": f"//storage.googleapis.com/projects/{item.project.id}/hmacKeys/{name}",
        "name": name,
        "type": "gcp.storage.hmac_key",
    }


def to_holder(item: Item) -> str:
    """``serviceAccountEmail``."""
    holder: str = item.asset["serviceAccountEmail"]
    return holder


def to_active(item: Item) -> bool:
    """``state``. Raises :class:`KeyError` for one that is not known."""
    return _STATES[item.asset["state"]]


def to_holder_enabled(item: Item, accounts: Mapping[str, Any]) -> bool:
    """See :func:`~providers.gcp.identity.is_enabled`."""
    return is_enabled(to_holder(item), accounts)


def to_created(item: Item) -> datetime:
    """``timeCreated``. ``updated`` is when its state was changed."""
    return to_time(item.asset["timeCreated"])


def never(_: Item) -> None:
    """HMAC keys have no end."""


_LAST_USED = Unknown.because("unsupported", LIST.name, None, "Cloud Storage does not show when it was used")

HMAC_KEYS = Table(
    kind=AccessKey,
    list=LIST,
    header=header,
    facets={
        "tags": from_list(no_tags),
        "holder": from_list(to_holder),
        "active": Facet((FacetRead(None, to_active), FacetRead(SERVICE_ACCOUNTS, to_holder_enabled)), all_of),
        "created": from_list(to_created),
        "last_used": from_list(lambda _: _LAST_USED),
        "expires": from_list(never),
    },
)
"""HMAC keys of the project's service accounts, active and inactive ones."""
