"""Pub/Sub topics and subscriptions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers.gcp.client.calls import GcpCall, Item
from providers.gcp.policies.exposure import Exposure, RolesAccess, from_bindings, union
from providers.gcp.policies.policies import POLICIES_ABOVE, PROJECT_POLICY, project_policy
from providers.gcp.storage import to_bindings_above
from scanner.collect.table import Facet, FacetRead, Table, asked, from_list
from scanner.model.evidence import Observed, Unknown, any_of
from scanner.model.resources.queues import Queue
from scanner.model.resources.storage import Encryption

_TOPIC = "pubsub.googleapis.com/Topic"
_SUBSCRIPTION = "pubsub.googleapis.com/Subscription"
_TYPES = {_TOPIC: "gcp.pubsub.topic", _SUBSCRIPTION: "gcp.pubsub.subscription"}

LIST = GcpCall("ListAssets", (_TOPIC, _SUBSCRIPTION), shared=True)
POLICIES = GcpCall("ListAssets", (_TOPIC, _SUBSCRIPTION), content="IAM_POLICY")

_ON_TOPIC: RolesAccess = {
    "roles/pubsub.admin": (True, True),
    "roles/pubsub.editor": (True, True),
    "roles/pubsub.publisher": (False, True),
    "roles/pubsub.subscriber": (True, False),
    "roles/pubsub.viewer": (False, False),
    "roles/viewer": (False, False),
    "roles/editor": (True, True),
    "roles/owner": (True, True),
    "roles/browser": (False, False),
}
"""Whether a role allows receiving (``pubsub.subscriptions.consume``, ``pubsub.topics.attachSubscription``),
and publishing or changing the topic or subscription: https://cloud.google.com/pubsub/docs/access-control."""
_ON: Mapping[str, RolesAccess] = {
    _TOPIC: _ON_TOPIC,
    _SUBSCRIPTION: {**_ON_TOPIC, "roles/pubsub.publisher": (False, False)},
}


def header(item: Item) -> Mapping[str, Any]:
    """``name`` of https://cloud.google.com/pubsub/docs/reference/rest/v1/projects.topics; both are global."""
    return {
        "provider": "gcp",
        "partition": "gcp",
        "scope": item.project.id,
        "region": None,
        "id": item.asset["name"],
        "name": item.data["name"].rpartition("/")[2],
        "type": _TYPES[item.asset["assetType"]],
    }


def to_tags(item: Item) -> Mapping[str, str]:
    """``labels``."""
    return dict(item.data.get("labels", {}))


def to_encryption(item: Item, listed: Mapping[str, Any]) -> Observed[Encryption]:
    """``kmsKeyName`` of the topic, whose key encrypts the messages of its subscriptions as well; without one
    Google's own keys always do: https://cloud.google.com/pubsub/docs/encryption.

    Unknown for a subscription whose topic was deleted or is another project's.
    """
    data = item.data
    if item.asset["assetType"] == _SUBSCRIPTION:
        topic = listed.get(f"//pubsub.googleapis.com/{data['topic']}")
        if topic is None:
            why = f"its messages have the key of {data['topic']}, which is not a topic of the project"
            return Unknown.because("unsupported", LIST.name, None, why)
        data = topic["resource"]["data"]
    key = data.get("kmsKeyName") or None
    return Encryption(key="customer" if key else "provider", key_id=key)


def always(_: Item) -> bool:
    """All Cloud APIs accept only requests with TLS: https://cloud.google.com/apis/docs/overview."""
    return True


def to_bindings(item: Item, policies: Mapping[str, Any]) -> Exposure:
    """The topic's or subscription's own policy. A listing omits resources without a policy."""
    if item.asset["name"] not in policies:
        return union([])
    own = policies[item.asset["name"]]["iamPolicy"]
    if not own.get("etag") and not own.get("bindings"):
        raise ValueError("the policy has neither an etag nor bindings")
    return from_bindings(own, POLICIES.name, roles=_ON[item.asset["assetType"]])


def to_bindings_of_project(item: Item, policies: Mapping[str, Any]) -> Exposure:
    """The project's policy, which both inherit."""
    place, roles = f"projects/{item.project.id}", _ON[item.asset["assetType"]]
    return from_bindings(project_policy(item, policies), PROJECT_POLICY.name, place, roles)


def to_bindings_of_ancestors(item: Item, policies: Mapping[str, Any]) -> Observed[Exposure]:
    """The policies of the folders and the organisation, which the project inherits."""
    return to_bindings_above(item, policies, _ON[item.asset["assetType"]])


def to_public(*sources: Observed[Exposure]) -> Observed[bool]:
    """Whether any policy lets the public receive, publish or change."""
    exposure = union(sources)
    return any_of(exposure.read, exposure.write)


QUEUES = Table(
    kind=Queue,
    list=LIST,
    header=header,
    facets={
        "tags": from_list(to_tags),
        "public": Facet(
            (
                FacetRead(POLICIES, to_bindings),
                FacetRead(PROJECT_POLICY, to_bindings_of_project),
                FacetRead(POLICIES_ABOVE, to_bindings_of_ancestors),
            ),
            to_public,
        ),
        "encryption": asked(LIST, to_encryption),
        "tls_only": from_list(always),
    },
)
"""Topics and subscriptions of the project; a subscription may be to another project's topic."""
