"""Pub/Sub topics and subscriptions of the project; a subscription may be to another project's topic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers.gcp.client.calls import GcpCall, Item
from providers.gcp.policies.exposure import PermissionsAccess, RolesAccess
from providers.gcp.table import ALL, NONE, always, assets, basic_roles, granted, to_any_access, with_key
from scanner.collect.table import Facet, asked, from_list
from scanner.model.evidence import Observed, Unknown
from scanner.model.resources.queues import Queue
from scanner.model.resources.storage import Encryption

_TOPIC, _SUBSCRIPTION = "pubsub.googleapis.com/Topic", "pubsub.googleapis.com/Subscription"
LIST = GcpCall("ListAssets", (_TOPIC, _SUBSCRIPTION), shared=True)
_ON_TOPIC: RolesAccess = {
    **basic_roles(viewer=NONE),
    "roles/pubsub.admin": ALL,
    "roles/pubsub.editor": ALL,
    "roles/pubsub.publisher": (False, True),
    "roles/pubsub.subscriber": ALL,
    "roles/pubsub.viewer": NONE,
}
"""Whether a role allows receiving (``pubsub.subscriptions.consume``, ``pubsub.topics.attachSubscription``),
and publishing, acknowledging or changing: https://cloud.google.com/pubsub/docs/access-control."""
_ROLES = {_TOPIC: _ON_TOPIC, _SUBSCRIPTION: {**_ON_TOPIC, "roles/pubsub.publisher": NONE}}

_PERMISSIONS = {
    _TOPIC: PermissionsAccess(
        service="pubsub.topics.",
        reads=frozenset({"pubsub.topics.attachSubscription"}),
        writes=frozenset(
            f"pubsub.topics.{name}"
            for name in ("delete", "detachSubscription", "publish", "setIamPolicy", "update")
        ),
        neither=frozenset(f"pubsub.topics.{name}" for name in ("create", "get", "getIamPolicy", "list")),
    ),
    # Who receives a message can acknowledge it, which deletes it.
    _SUBSCRIPTION: PermissionsAccess(
        service="pubsub.subscriptions.",
        reads=frozenset({"pubsub.subscriptions.consume"}),
        writes=frozenset(
            f"pubsub.subscriptions.{name}" for name in ("consume", "delete", "setIamPolicy", "update")
        ),
        neither=frozenset(
            f"pubsub.subscriptions.{name}" for name in ("create", "get", "getIamPolicy", "list")
        ),
    ),
}
"""The same of the permissions of custom roles."""


def to_encryption(item: Item, listed: Mapping[str, Any]) -> Observed[Encryption]:
    """``kmsKeyName`` of the topic, whose key encrypts the messages of its subscriptions as well:
    https://cloud.google.com/pubsub/docs/encryption. Unknown where the topic is another project's, or gone."""
    data = item.data
    if item.asset["assetType"] == _SUBSCRIPTION:
        topic = listed.get(f"//pubsub.googleapis.com/{data['topic']}")
        if topic is None:
            why = f"its messages have the key of {data['topic']}, which is not a topic of the project"
            return Unknown.because("unsupported", LIST.name, None, why)
        data = topic["resource"]["data"]
    return with_key(data.get("kmsKeyName"))


QUEUES = assets(
    Queue,
    LIST,
    {_TOPIC: "gcp.pubsub.topic", _SUBSCRIPTION: "gcp.pubsub.subscription"},
    {
        "public": Facet(granted(_ROLES, _PERMISSIONS), to_any_access),
        "encryption": asked(LIST, to_encryption),
        # All Cloud APIs accept only requests with TLS: https://cloud.google.com/apis/docs/overview.
        "tls_only": from_list(always),
    },
)
