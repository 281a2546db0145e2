"""The Pub/Sub topics and subscriptions of the sample project."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from providers.sandbox.gcp.asset import Asset, asset

_SERVICE = "pubsub.googleapis.com"


def assets(identifier: str, above: Sequence[str], key: str) -> list[Asset]:
    """A topic with a key of the company's own and its subscription, and one of each that is public."""
    labels = {"owner": "data", "env": "prod"}
    here = f"projects/{identifier}"
    jobs, partners = f"{here}/topics/batch-jobs", f"{here}/topics/partner-events"
    return [
        _asset("Topic", jobs, above, labels=labels, kmsKeyName=key),
        _asset("Topic", partners, above, ("roles/pubsub.publisher", "allUsers")),
        _asset("Subscription", f"{here}/subscriptions/batch-runner", above, labels=labels, topic=jobs),
        _asset(
            "Subscription",
            f"{here}/subscriptions/partner-feed",
            above,
            ("roles/pubsub.subscriber", "allAuthenticatedUsers"),
            topic=partners,
        ),
    ]


def _asset(kind: str, name: str, above: Sequence[str], *grants: tuple[str, str], **more: Any) -> Asset:
    """A topic or subscription; without grants it has no policy."""
    bindings = [{"role": role, "members": [member]} for role, member in grants]
    policy: Mapping[str, Any] = {"iamPolicy": {"etag": "BwXBLIgTepk=", "bindings": bindings}}
    data = {"name": name, **more}
    return asset(f"{_SERVICE}/{kind}", f"//{_SERVICE}/{name}", data, above, **(policy if grants else {}))
