"""Every kind of resource that gapscan knows."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from scanner.resources.account import Account, Region
from scanner.resources.audit import AuditTrail
from scanner.resources.base import Resource
from scanner.resources.compute import ContainerCluster, Database, Function, VirtualMachine
from scanner.resources.identity import AccessKey, Role, Tenant, User
from scanner.resources.keys import Key
from scanner.resources.network import Firewall
from scanner.resources.storage import Bucket

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
        )
    }
)
"""Every kind by its name in rules."""
