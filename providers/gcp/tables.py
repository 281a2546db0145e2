"""The tables of Google Cloud: what is listed in a project, and what cannot be there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from providers.gcp.account import ACCOUNTS, LOCATIONS, REGIONS
from providers.gcp.audit import AUDIT_TRAILS, SINKS_ABOVE, trails_above
from providers.gcp.client.calls import Found, GcpCall
from providers.gcp.compute import CONTAINER_CLUSTERS, FUNCTIONS, VIRTUAL_MACHINES
from providers.gcp.databases import DATABASES
from providers.gcp.hmac_keys import HMAC_KEYS
from providers.gcp.identity import (
    ACCESS_KEYS,
    ROLES,
    SERVICE_ACCOUNT_POLICIES,
    USERS,
    bindings_above,
    bindings_on_accounts,
    people_above,
)
from providers.gcp.keys import KEYS
from providers.gcp.network import FIREWALLS
from providers.gcp.policies.members import HIERARCHY, PROJECTS
from providers.gcp.policies.policies import POLICIES_ABOVE
from providers.gcp.queues import QUEUES
from providers.gcp.snapshots import SNAPSHOTS
from providers.gcp.storage import BUCKETS
from scanner.collect.register import Register
from scanner.collect.table import Table
from scanner.model.evidence import Observed

COLLECTORS: tuple[Table[GcpCall], ...] = (
    ACCOUNTS,
    REGIONS,
    BUCKETS,
    AUDIT_TRAILS,
    USERS,
    ACCESS_KEYS,
    HMAC_KEYS,
    ROLES,
    KEYS,
    FIREWALLS,
    VIRTUAL_MACHINES,
    DATABASES,
    FUNCTIONS,
    CONTAINER_CLUSTERS,
    QUEUES,
    SNAPSHOTS,
)
"""The tables of Google Cloud. Connecting also needs :data:`IDENTIFY`."""


@dataclass(frozen=True)
class Addition:
    """More resources of a kind, which other listings than its table's contain."""

    calls: tuple[GcpCall, ...]
    """Without an answer to the first there is a blind spot; the function takes the answers to all."""
    items: Callable[..., Observed[Found]]


ADDITIONS: Mapping[str, tuple[Addition, ...]] = MappingProxyType(
    {
        "audit_trail": (Addition((SINKS_ABOVE,), trails_above),),
        "user": (Addition((POLICIES_ABOVE, HIERARCHY), people_above),),
        "role": (
            Addition((POLICIES_ABOVE, HIERARCHY, PROJECTS), bindings_above),
            Addition((SERVICE_ACCOUNT_POLICIES, HIERARCHY, PROJECTS), bindings_on_accounts),
        ),
    }
)
"""By kind, what is added to the items of its table."""

EXTRA_CALLS: Mapping[str, frozenset[GcpCall]] = MappingProxyType(
    {
        "region": frozenset({LOCATIONS}),
        **{kind: frozenset(call for one in more for call in one.calls) for kind, more in ADDITIONS.items()},
    }
)
"""The calls that listing a kind needs besides its table's."""

REGISTER = Register(
    "gcp",
    sources={
        "account": ("account",),
        "region": ("region",),
        "bucket": ("cloudasset:ListAssets(storage.Bucket)",),
        "audit_trail": ("cloudasset:ListAssets(logging.LogSink)",),
        "user": ("cloudasset:ListAssets(cloudresourcemanager.Project IAM_POLICY)",),
        "access_key": ("cloudasset:ListAssets(iam.ServiceAccountKey)", "storage:projects.hmacKeys.list"),
        "role": ("cloudasset:ListAssets(cloudresourcemanager.Project IAM_POLICY)",),
        "key": ("cloudasset:ListAssets(cloudkms.CryptoKey)",),
        "firewall": ("cloudasset:ListAssets(compute.Network)",),
        "virtual_machine": ("cloudasset:ListAssets(compute.Instance)",),
        "database": ("cloudasset:ListAssets(sqladmin.Instance)",),
        "function": ("cloudasset:ListAssets(cloudfunctions.Function+run.Service)",),
        "container_cluster": ("cloudasset:ListAssets(container.Cluster)",),
        "queue": ("cloudasset:ListAssets(pubsub.Topic+pubsub.Subscription)",),
        "snapshot": ("cloudasset:ListAssets(compute.Snapshot)",),
    },
    not_there={},
    without_table={"tenant": "Cloud Identity is not read"},
)
"""Of a project."""
