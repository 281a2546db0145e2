"""A cloud in memory, for tests of everything behind the adapters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from scanner.assess.assessment import assess
from scanner.assess.gate import Terms
from scanner.assess.reduce import Assessment
from scanner.assess.request import AssessmentRequest
from scanner.assess.states import GATES
from scanner.catalogue.responsibility import load_catalogue
from scanner.collect.collection import Collection, CollectionPlace
from scanner.collect.provider import ConnectionRequest, Limits, Provider
from scanner.model.evidence import Unknown
from scanner.model.inventory import Inventory, Target, Wanted
from scanner.model.resources.account import Account, PasswordPolicy, Region
from scanner.model.resources.audit import AuditTrail
from scanner.model.resources.base import ProviderName, Resource
from scanner.model.resources.compute import ContainerCluster, Database, Function, VirtualMachine
from scanner.model.resources.identity import AccessKey, Role, Tenant, User
from scanner.model.resources.keys import Key
from scanner.model.resources.kinds import KINDS
from scanner.model.resources.network import Firewall
from scanner.model.resources.queues import Queue
from scanner.model.resources.storage import Bucket, Encryption, Snapshot
from scanner.ownership.file.load import load_ownership
from scanner.rule.packs import BUILTIN, load_packs
from scanner.run.scan import CollectionRequest, collect

NOW = datetime(2026, 11, 22, 6, tzinfo=UTC)
ACCOUNT = "111122223333"
CATALOGUE = load_catalogue()
PACK = load_packs([BUILTIN], CATALOGUE)
EVERYTHING: Wanted = {kind: model.facets() for kind, model in KINDS.items()}
DENIED = Unknown.because("denied", "s3:GetBucketPolicy", "s3:GetBucketPolicy", "not allowed")

FINE: dict[str, Any] = {
    "public_read": False,
    "public_write": False,
    "public_via": (),
    "encryption": Encryption(key="customer", key_id="alias/data"),
    "versioning": True,
    "access_logging": True,
    "tls_only": True,
    "uniform_access": True,
    "tags": {"owner": "payments", "data-class": "internal"},
}


def bucket(name: str, **facets: Any) -> Bucket:
    """A bucket that passes every rule, except for the given facets."""
    return Bucket(
        provider="aws",
        partition="aws",
        scope=ACCOUNT,
        region="eu-west-1",
        id=f"arn:aws:s3:::{name}",
        name=name,
        type="aws.s3.bucket",
        **{**FINE, **facets},
    )


def account(**facets: Any) -> Account:
    """An account that passes every rule, except for the given facets."""
    passing: dict[str, Any] = {
        "organisation": "o-example",
        "path": "/Root/Prod",
        "security_contacts": ("security@example.com",),
        "password_policy": PasswordPolicy(minimum_length=14, reuse_prevention=24, maximum_age_days=None),
        "public_access_block": True,
        "audit_trails": ("trail",),
        "tags": {"owner": "platform"},
    }
    return Account(
        provider="aws",
        partition="aws",
        scope=ACCOUNT,
        region=None,
        id=f"arn:aws:organizations::{ACCOUNT}:account",
        name="payments-prod",
        type="aws.organizations.account",
        **{**passing, **facets},
    )


def region(**facets: Any) -> Region:
    """A region with an audit trail, except for the given facets."""
    return Region(
        provider="aws",
        partition="aws",
        scope=ACCOUNT,
        region="eu-west-1",
        id=f"{ACCOUNT}/eu-west-1",
        name="eu-west-1",
        type="aws.ec2.region",
        **{"audit_trails": ("trail",), "tags": {}, **facets},
    )


GOOD: dict[type[Resource], dict[str, Any]] = {
    AuditTrail: {
        "logging": True,
        "all_regions": True,
        "organisation_wide": True,
        "records_writes": True,
        "records_data_access": True,
        "tamper_evident": True,
        "customer_key": True,
        "destinations": ("arn:aws:s3:::audit-logs",),
        "storage_public": False,
        "storage_protected": True,
    },
    User: {
        "root": False,
        "created": NOW - timedelta(days=500),
        "enabled": True,
        "password": True,
        "mfa": True,
        "access_keys": 0,
        "last_used": NOW - timedelta(days=1),
        "external": False,
        "administrator": False,
    },
    AccessKey: {
        "holder": "someone",
        "active": True,
        "created": NOW - timedelta(days=10),
        "last_used": NOW - timedelta(days=1),
        "expires": NOW + timedelta(days=30),
    },
    Role: {
        "principal": "arn:aws:iam::111122223333:role/app",
        "principal_type": "workload",
        "everything": False,
        "grants_rights": False,
        "external": False,
        "standing": True,
        "conditioned": True,
        "created": NOW - timedelta(days=500),
        "last_used": NOW - timedelta(days=1),
    },
    Tenant: {
        "administrators": 2,
        "administrators_mfa": True,
        "everyone_mfa": True,
        "legacy_sign_in_blocked": True,
        "guests_invited_by": "administrators",
        "users_register_apps": False,
    },
    Key: {
        "enabled": True,
        "rotates": True,
        "rotation_days": 90,
        "pending_deletion": False,
        "deletion_delayed": True,
        "open_to_others": False,
    },
    Firewall: {
        "attached": True,
        "default": False,
        "open_to_world": (),
        "admin_ports_open": (),
        "everything_open": False,
        "default_allows": False,
    },
    VirtualMachine: {"public_address": False, "node_of": None},
    Database: {
        "open_to_world": False,
        "backed_up": True,
        "minor_upgrades": True,
        "serverless": False,
        "os_access": False,
    },
    Function: {"runtime_updates": "automatic"},
    ContainerCluster: {"nodes": ("managed",), "node_upgrades": True, "endpoint_open": False},
    Queue: {"public": False, "encryption": Encryption(key="provider", key_id=None), "tls_only": True},
    Snapshot: {"public": False, "encryption": Encryption(key="provider", key_id=None)},
}
"""Facets of other kinds that pass the built-in rules."""


def other(kind: type[Resource], **facets: Any) -> Resource:
    """A resource of a kind without a builder of its own."""
    return kind(
        provider="aws",
        partition="aws",
        scope=ACCOUNT,
        region="eu-west-1",
        id=f"arn:aws:{kind.kind}",
        name=kind.kind,
        type=f"aws.example.{kind.kind}",
        **{"tags": {}, **GOOD[kind], **facets},
    )


@dataclass(frozen=True)
class MemoryCloud:
    """Implements the Provider protocol with given values."""

    resources: tuple[Resource, ...]
    blind: tuple[tuple[str, str | None, Unknown], ...] = ()
    """Kind, region and the reason why it could not be listed."""
    without: frozenset[str] = frozenset()
    """Kinds that no table lists."""
    name: ProviderName = "aws"
    targets: tuple[Target, ...] = (Target("aws", ACCOUNT, "arn:aws:iam::role/reader", True, True, None),)

    def collect(self, wanted: Wanted, collection: Collection) -> None:
        """Adds only the wanted kinds and facets."""
        for kind in set(wanted) - self.without:
            collection.looked(CollectionPlace("aws", ACCOUNT, None, kind), kind)
        for resource in self.resources:
            if resource.kind in wanted:
                header = {name: getattr(resource, name) for name in resource.model_fields_set}
                facets = wanted[resource.kind] | {"tags"}
                keep = {name: value for name, value in header.items() if name in facets}
                keep |= {name: value for name, value in header.items() if name not in resource.facets()}
                collection.add(type(resource).observe(facets, keep))
        for kind, place, unknown in self.blind:
            if kind in wanted:
                collection.blind_spot(CollectionPlace("aws", ACCOUNT, place, kind), unknown)


def inventory_of(cloud: Provider, wanted: Wanted = EVERYTHING) -> Inventory:
    """The inventory of a scan of the cloud."""

    def connect(request: ConnectionRequest, limits: Limits) -> Provider:
        return cloud

    return collect(reading(wanted), {"aws": connect}).inventory


def assessed(
    resources: Sequence[Resource],
    blind: Sequence[tuple[str, str | None, Unknown]] = (),
    ownership: Path | None = None,
    terms: Terms | None = None,
    rules: Sequence[str] = (),
) -> Assessment:
    """The assessment of these resources, without an ownership file by default."""
    cloud = MemoryCloud(tuple(resources), tuple(blind))
    return assess(inventory_of(cloud), requested(ownership, terms, rules))


def at_gate(assessment: Assessment) -> set[str]:
    """The uids of the findings at the gate."""
    return {finding.uid for finding in assessment.coverage.findings if finding.at_gate}


def requested(
    ownership: Path | None = None, terms: Terms | None = None, rules: Sequence[str] = ()
) -> AssessmentRequest:
    """The built-in rules and catalogue at a fixed time."""
    file = load_ownership(ownership, CATALOGUE) if ownership is not None else None
    chosen = PACK.choose(rules)
    controls = frozenset(rule.text.control for rule in chosen) if rules else frozenset(CATALOGUE.controls)
    return AssessmentRequest(
        chosen=chosen,
        pack=PACK,
        catalogue=CATALOGUE,
        controls=controls,
        ownership=file,
        terms=terms or Terms(GATES["ownership"]),
        every_finding=True,
        now=NOW,
        version="0.1.0",
        arguments=("scan", "aws"),
    )


def reading(wanted: Wanted = EVERYTHING, regions: tuple[str, ...] = ()) -> CollectionRequest:
    """A collection of one AWS account."""
    return CollectionRequest(connections=(ConnectionRequest("aws", regions=regions),), wanted=wanted)
