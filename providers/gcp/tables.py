"""The tables of Google Cloud: what is listed in a project, and what cannot be there."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from providers.gcp.account import ACCOUNTS, LOCATIONS, REGIONS
from providers.gcp.audit import AUDIT_TRAILS, SINKS_ABOVE
from providers.gcp.client.calls import GcpCall
from providers.gcp.compute import CONTAINER_CLUSTERS, FUNCTIONS, VIRTUAL_MACHINES
from providers.gcp.databases import DATABASES
from providers.gcp.identity import ACCESS_KEYS, ROLES, USERS
from providers.gcp.keys import KEYS
from providers.gcp.network import FIREWALLS
from providers.gcp.queues import QUEUES
from providers.gcp.snapshots import SNAPSHOTS
from providers.gcp.storage import BUCKETS
from scanner.collect.register import Register
from scanner.collect.table import Table

COLLECTORS: Mapping[str, Table[GcpCall]] = MappingProxyType(
    {
        collector.kind.kind: collector
        for collector in (
            ACCOUNTS,
            REGIONS,
            BUCKETS,
            AUDIT_TRAILS,
            USERS,
            ACCESS_KEYS,
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
    }
)
"""The tables of Google Cloud by kind. Connecting also needs :data:`IDENTIFY`."""

EXTRA_CALLS: Mapping[str, GcpCall] = MappingProxyType({"region": LOCATIONS, "audit_trail": SINKS_ABOVE})
"""The calls that listing a kind needs besides its table's."""

PASSED_IN = frozenset({"account", "region"})
"""Kinds whose items are not listed by their table's call."""

REGISTER = Register(
    "gcp",
    sources={
        "account": ("account",),
        "region": ("region",),
        "bucket": ("cloudasset:ListAssets(storage.Bucket)",),
        "audit_trail": ("cloudasset:ListAssets(logging.LogSink)",),
        "user": ("cloudasset:ListAssets(cloudresourcemanager.Project IAM_POLICY)",),
        "access_key": ("cloudasset:ListAssets(iam.ServiceAccountKey)",),
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
