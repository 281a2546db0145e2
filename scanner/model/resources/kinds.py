"""Every supported kind of resource."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from scanner.model.resources.account import Account, Region
from scanner.model.resources.audit import AuditTrail
from scanner.model.resources.base import Resource, kind_of
from scanner.model.resources.compute import ContainerCluster, Database, Function, VirtualMachine
from scanner.model.resources.identity import AccessKey, Role, Tenant, User
from scanner.model.resources.keys import Key
from scanner.model.resources.network import Firewall
from scanner.model.resources.queues import Queue
from scanner.model.resources.storage import Bucket, Snapshot

KINDS: Mapping[str, type[Resource]] = MappingProxyType(
    {
        cls.kind: cls
        for cls in (
            Account,
            Region,
            Bucket,
            AuditTrail,
            User,
            AccessKey,
            Role,
            Tenant,
            Key,
            Firewall,
            VirtualMachine,
            Database,
            Function,
            ContainerCluster,
            Queue,
            Snapshot,
        )
    }
)
"""Every kind by its name in rules."""


def resource_of(stored: bytes) -> Resource:
    """The resource that :meth:`Resource.to_json` wrote. Raises :class:`ValueError`."""
    kind = kind_of(stored)
    if kind not in KINDS:
        raise ValueError(f"unknown kind {kind}")
    return KINDS[kind].from_json(stored)
