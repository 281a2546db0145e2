"""Raw assets of Pub/Sub, and the facets that they give; ``?`` is unknown."""

from __future__ import annotations

from typing import Any

import pytest

from providers.gcp.client.calls import Item, Project
from providers.gcp.policies.policies import CUSTOM_ROLES, CUSTOM_ROLES_ABOVE
from providers.gcp.queues import QUEUES
from scanner.model.evidence import Observed, Unknown
from scanner.model.resources.storage import Encryption

HERE = Project("batch-prod", "1", "Batch", {}, ("folders/2", "organizations/3"), "3")
PLACES = {
    "project": "//cloudresourcemanager.googleapis.com/projects/1",
    "folder": "//cloudresourcemanager.googleapis.com/folders/2",
    "organisation": "//cloudresourcemanager.googleapis.com/organizations/3",
}
TOPIC, SUBSCRIPTION = "topics/jobs", "subscriptions/runner"
KEY = "projects/batch-prod/locations/global/keyRings/r/cryptoKeys/k"
GOOGLE, OURS = Encryption(key="provider", key_id=None), Encryption(key="customer", key_id=KEY)
PUBLISHER, SUBSCRIBER = "roles/pubsub.publisher", "roles/pubsub.subscriber"


def name(short: str) -> str:
    return f"//pubsub.googleapis.com/projects/batch-prod/{short}"


def asset(short: str, **data: Any) -> dict[str, Any]:
    type_ = "Topic" if short.startswith("topics") else "Subscription"
    found = {"name": f"projects/batch-prod/{short}", **data}
    return {
        "name": name(short),
        "assetType": f"pubsub.googleapis.com/{type_}",
        "resource": {"data": found},
    }


def grant(role: str, member: str = "allUsers", **more: Any) -> dict[str, Any]:
    return {"etag": "BwXBLIgTepk=", "bindings": [{"role": role, "members": [member], **more}]}


def observed(facet: str, item: Item, answer: Any, roles: Any = None) -> Any:
    pieces: list[Observed[Any]] = []
    for read in QUEUES.facets[facet].reads:
        given = roles if roles is not None and read.call in (CUSTOM_ROLES, CUSTOM_ROLES_ABOVE) else answer
        try:
            pieces.append(read.function(item, given) if read.call else read.function(item))
        except (KeyError, TypeError, ValueError, AttributeError):
            pieces.append(Unknown.because("error", "a call", None, "unexpected"))
    value = QUEUES.facets[facet].combine(*pieces)
    return "?" if isinstance(value, Unknown) else value


@pytest.mark.parametrize(
    ("place", "policy", "topic", "subscription"),
    [
        ("own", None, False, False),
        ("own", grant(PUBLISHER), True, False),
        ("own", grant(SUBSCRIBER, "allAuthenticatedUsers"), True, True),
        ("own", grant("roles/pubsub.admin"), True, True),
        ("own", grant("roles/pubsub.viewer"), False, False),
        ("own", grant(PUBLISHER, "group:team@example.com"), False, False),
        ("own", grant(SUBSCRIBER, condition={"expression": "request.time < x"}), "?", "?"),
        ("own", grant("projects/batch-prod/roles/custom"), "?", "?"),
        ("own", {"etag": "BwXBLIgTepk="}, False, False),
        ("own", {}, "?", "?"),
        ("own", {"bindings": [{"members": ["allUsers"]}]}, "?", "?"),
        ("project", grant("roles/editor"), True, True),
        ("project", grant("roles/viewer"), False, False),
        ("folder", grant(PUBLISHER), True, False),
        ("organisation", grant(SUBSCRIBER, "allAuthenticatedUsers"), True, True),
        ("organisation", grant("roles/dataflow.worker"), "?", "?"),
        ("organisation", None, "?", "?"),
    ],
)
def test_public(place: str, policy: Any, topic: Any, subscription: Any) -> None:
    for short, expected in ((TOPIC, topic), (SUBSCRIPTION, subscription)):
        policies: dict[str, Any] = {
            PLACES["organisation"]: {"iamPolicy": grant("roles/browser", "user:a@b.c")}
        }
        key = PLACES.get(place, name(short))
        policies[key] = {"iamPolicy": policy}
        if policy is None:
            del policies[key]
        assert observed("public", Item(HERE, asset(short)), policies) == expected


@pytest.mark.parametrize(
    ("permissions", "topic", "subscription"),
    [
        (["pubsub.topics.publish"], True, False),
        (["pubsub.topics.attachSubscription"], True, False),
        (["pubsub.subscriptions.consume"], False, True),
        (["pubsub.topics.get", "pubsub.subscriptions.list", "storage.objects.get"], False, False),
        (["pubsub.topics.teleport", "pubsub.subscriptions.get"], "?", False),
        (["pubsub.topics.teleport", "pubsub.topics.publish"], True, False),
        (["resourcemanager.projects.setIamPolicy"], "?", "?"),
        ([], False, False),
    ],
)
def test_a_custom_role_for_anyone(permissions: list[str], topic: Any, subscription: Any) -> None:
    role = "projects/batch-prod/roles/custom"
    data = {"name": role, "stage": "GA", "includedPermissions": permissions}
    roles = {f"//iam.googleapis.com/{role}": {"resource": {"data": data}}}
    for short, expected in ((TOPIC, topic), (SUBSCRIPTION, subscription)):
        policies = {
            PLACES["organisation"]: {"iamPolicy": grant("roles/browser", "user:a@b.c")},
            name(short): {"iamPolicy": grant(role)},
        }
        assert observed("public", Item(HERE, asset(short)), policies, roles) == expected


@pytest.mark.parametrize(
    ("one", "encryption"),
    [
        (asset(TOPIC), GOOGLE),
        (asset(TOPIC, kmsKeyName=KEY), OURS),
        (asset(SUBSCRIPTION, topic="projects/batch-prod/topics/secret"), OURS),
        (asset(SUBSCRIPTION, topic="projects/batch-prod/topics/plain"), GOOGLE),
        (asset(SUBSCRIPTION, topic="projects/other/topics/plain"), "?"),
        (asset(SUBSCRIPTION, topic="_deleted-topic_"), "?"),
        (asset(SUBSCRIPTION), "?"),
        ({"name": "x", "assetType": "pubsub.googleapis.com/Topic"}, "?"),
    ],
)
def test_encryption(one: Any, encryption: Any) -> None:
    listed = [asset("topics/secret", kmsKeyName=KEY), asset("topics/plain")]
    answer = {each["name"]: each for each in listed}
    assert observed("encryption", Item(HERE, one), answer) == encryption
    assert observed("tls_only", Item(HERE, one), answer) is True
