"""A failed call makes exactly the facets that need it unknown, and changes nothing else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from providers.gcp.account import IDENTIFY
from providers.sandbox import Fault
from providers.sandbox.gcp.server import GcpSandbox
from scanner.collect.provider import Limits
from scanner.model.evidence import Unknown
from tests.providers.gcp.conftest import UNSUPPORTED

BUCKETS = "cloudasset:ListAssets(storage.Bucket)"
POLICIES = "cloudasset:ListAssets(storage.Bucket+cloudresourcemanager.Project IAM_POLICY)"
ABOVE = (
    "cloudasset:ListAssets(cloudresourcemanager.Organization+cloudresourcemanager.Folder"
    " IAM_POLICY organization)"
)
PREVENTION = "orgpolicy:GetEffectivePolicy(storage.publicAccessPrevention)"
HIERARCHY = (
    "cloudasset:ListAssets(cloudresourcemanager.Organization+cloudresourcemanager.Folder organization)"
)
SINKS = "cloudasset:ListAssets(logging.LogSink)"
SINKS_ABOVE = "cloudasset:ListAssets(logging.LogSink organization)"
PUBLIC = {("bucket", "public_read"), ("bucket", "public_write"), ("bucket", "public_via")}
OPEN = {("firewall", "open_to_world"), ("firewall", "admin_ports_open"), ("firewall", "everything_open")}
KEY_STATE = {("key", "enabled"), ("key", "pending_deletion")}
DATA_ACCESS = ("audit_trail", "records_data_access")
OTHERS = ("key", "open_to_others")
QUEUES = ("queue", "public")
SNAPSHOTS = ("snapshot", "public")
NODES = {
    ("container_cluster", "nodes"),
    ("container_cluster", "node_upgrades"),
    ("virtual_machine", "node_of"),
}

DEPENDENT = {
    POLICIES: PUBLIC,
    ABOVE: PUBLIC | {DATA_ACCESS, ("user", "administrator"), OTHERS, QUEUES, SNAPSHOTS},
    PREVENTION: PUBLIC | {("account", "public_access_block")},
    "orgpolicy:GetEffectivePolicy(storage.secureHttpTransport)": {("bucket", "tls_only")},
    HIERARCHY: {("account", "path"), ("user", "external"), ("role", "external"), OTHERS},
    "cloudasset:ListAssets(essentialcontacts.Contact organization)": {("account", "security_contacts")},
    "cloudasset:ListAssets(essentialcontacts.Contact)": set(),
    "cloudasset:ListAssets(cloudresourcemanager.Project organization)": {("role", "external")},
    "cloudasset:ListAssets(iam.Role)": {("role", "grants_rights")},
    "cloudasset:ListAssets(iam.Role organization)": set(),
    "cloudasset:ListAssets(iam.ServiceAccount)": {("access_key", "active")},
    "cloudasset:ListAssets(cloudkms.CryptoKeyVersion)": KEY_STATE,
    "cloudasset:ListAssets(cloudkms.CryptoKey+cloudkms.KeyRing IAM_POLICY)": {OTHERS},
    "cloudasset:ListAssets(pubsub.Topic+pubsub.Subscription IAM_POLICY)": {QUEUES},
    "cloudasset:ListAssets(compute.Snapshot IAM_POLICY)": {SNAPSHOTS},
    "orgpolicy:GetEffectivePolicy(compute.storageResourceUseRestrictions)": {SNAPSHOTS},
    "cloudasset:ListAssets(compute.Firewall)": OPEN | {("firewall", "default_allows")},
    "cloudasset:ListAssets(compute.FirewallPolicy)": OPEN,
    "cloudasset:ListAssets(compute.FirewallPolicy organization)": OPEN,
    "cloudasset:ListAssets(container.NodePool)": NODES,
}
"""The facets that become unknown when a call is denied. Contacts of either level suffice, the only custom
role is the project's, and all cluster assets but one contain their node pools."""

LISTINGS: dict[str, dict[str, set[str]]] = {
    BUCKETS: {"bucket": set()},
    "cloudasset:ListAssets(cloudkms.CryptoKey)": {"key": set()},
    "cloudasset:ListAssets(compute.Network)": {"firewall": set()},
    "cloudasset:ListAssets(compute.Instance)": {"virtual_machine": set()},
    "cloudasset:ListAssets(sqladmin.Instance)": {"database": set()},
    "cloudasset:ListAssets(cloudfunctions.Function+run.Service)": {"function": set()},
    "cloudasset:ListAssets(container.Cluster)": {"container_cluster": set()},
    "cloudasset:ListAssets(pubsub.Topic+pubsub.Subscription)": {"queue": set()},
    "cloudasset:ListAssets(compute.Snapshot)": {"snapshot": set()},
    "cloudasset:ListAssets(iam.ServiceAccountKey)": {"access_key": set()},
    "cloudasset:ListAssets(cloudresourcemanager.Project IAM_POLICY)": {"user": set(), "role": set()},
    SINKS: {"audit_trail": {"org-audit"}},
    SINKS_ABOVE: {"audit_trail": {"admin-activity", "audit-2019"}},
    "cloudasset:SearchAllResources": {"region": set()},
}
"""The blind spots when a call is denied, and the resources of the kind that are still collected."""


def test_every_call_is_denied_in_one_of_these_tests(scan: Callable[..., Any], cloud: GcpSandbox) -> None:
    scan()
    assert set(cloud.calls) == DEPENDENT.keys() | LISTINGS.keys() | {IDENTIFY.name}


@pytest.mark.parametrize("operation", sorted(DEPENDENT))
def test_a_denied_call_makes_just_its_facets_unknown(
    scan: Callable[..., Any], broken: Callable[[str, Fault], None], operation: str
) -> None:
    healthy = scan().facts()
    broken(operation, "denied")
    found = scan()
    assert found.unknown() == DEPENDENT[operation]
    assert found.inventory.blind_spots == ()
    facts = found.facts()
    assert facts.keys() == healthy.keys()
    for key, fact in facts.items():
        if isinstance(fact, Unknown) and (key[0], key[2]) not in UNSUPPORTED:
            (cause,) = fact.causes
            assert (cause.reason, cause.call) == ("denied", operation)
            assert cause.permission
        else:
            assert fact == healthy[key]


@pytest.mark.parametrize("operation", sorted(LISTINGS))
def test_a_denied_listing_is_a_blind_spot_and_changes_no_other_kind(
    scan: Callable[..., Any], broken: Callable[[str, Fault], None], operation: str
) -> None:
    healthy = scan().facts()
    broken(operation, "denied")
    found = scan()
    spots = found.inventory.blind_spots
    assert {spot.kind for spot in spots} == LISTINGS[operation].keys()
    assert {(spot.cause.reason, spot.cause.call) for spot in spots} == {("denied", operation)}
    assert all(spot.cause.permission for spot in spots)
    for kind, left in LISTINGS[operation].items():
        assert set(found.names(kind)) == left
        assert not found.inventory.complete("gcp", "batch-prod", kind)
    for key, fact in found.facts().items():
        if not isinstance(fact, Unknown) and key[2] != "audit_trails":
            assert fact == healthy[key]


def test_a_project_reader_finds_public_buckets_but_cannot_rule_out_others(
    scan: Callable[..., Any], cloud: GcpSandbox
) -> None:
    cloud.fault = lambda name: "denied" if name.endswith("organization)") else None
    found = scan()
    assert found.one("bucket", "exports-2019").public_read is True
    assert found.one("bucket", "batch-results").public_read is False
    assert isinstance(found.one("bucket", "ml-scratch").public_read, Unknown)
    assert found.one("account", "Batch production").audit_trails == ("admin-activity",)
    assert found.one("account", "Batch production").organisation == "123456789012"
    assert found.one("user", "batch-lead@example.com").administrator is True
    assert isinstance(found.one("user", "batch-oncall@example.com").administrator, Unknown)
    assert isinstance(found.one("firewall", "default").open_to_world, Unknown)
    assert [spot.kind for spot in found.inventory.blind_spots] == ["audit_trail"]
    assert isinstance(found.one("account", "Batch production").security_contacts, Unknown)


def test_an_incomplete_listing_keeps_its_first_pages(scan: Callable[..., Any], cloud: GcpSandbox) -> None:
    cloud.fault = lambda name: "throttled" if name == BUCKETS and cloud.calls[BUCKETS] > 1 else None
    found = scan()
    assert found.names("bucket") == ["exports-2019", "product-media", "supplier-dropbox"]
    (spot,) = found.inventory.blind_spots
    assert (spot.kind, spot.cause.reason) == ("bucket", "throttled")


def test_incomplete_locations_keep_their_first_pages(scan: Callable[..., Any], cloud: GcpSandbox) -> None:
    search = "cloudasset:SearchAllResources"
    cloud.fault = lambda name: "failing" if name == search and cloud.calls[search] > 2 else None
    found = scan()
    assert found.names("region") == ["europe-west1", "us-central1"]
    (spot,) = found.inventory.blind_spots
    assert (spot.kind, spot.cause.reason, spot.cause.call) == ("region", "error", search)


def test_an_incomplete_shared_listing_keeps_its_first_pages(
    scan: Callable[..., Any], cloud: GcpSandbox
) -> None:
    cloud.fault = lambda name: "failing" if name == SINKS and cloud.calls[SINKS] > 1 else None
    found = scan()
    assert found.names("audit_trail") == ["admin-activity", "org-audit"]
    (spot,) = found.inventory.blind_spots
    assert (spot.kind, spot.cause.reason) == ("audit_trail", "error")


def test_an_incomplete_listing_of_policies_is_unknown(scan: Callable[..., Any], cloud: GcpSandbox) -> None:
    cloud.fault = lambda name: "denied" if name == POLICIES and cloud.calls[POLICIES] > 1 else None
    found = scan()
    assert isinstance(found.one("bucket", "exports-2019").public_read, Unknown)
    assert isinstance(found.one("bucket", "press-kit").public_via, Unknown)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("denied_by_organisation", "denied_by_organisation"),
        ("throttled", "throttled"),
        ("malformed", "error"),
        ("reset", "error"),
        ("failing", "error"),
        ("hang", "error"),
    ],
)
@pytest.mark.parametrize("operation", [POLICIES, PREVENTION])
def test_other_failures_have_reasons_of_their_own(
    scan: Callable[..., Any], broken: Callable[[str, Fault], None], operation: str, fault: Fault, reason: str
) -> None:
    broken(operation, fault)
    found = scan()
    assert found.unknown() == DEPENDENT[operation]
    (cause,) = found.one("bucket", "exports-2019").public_read.causes
    assert (cause.reason, cause.call, cause.permission) == (reason, operation, None)
    assert "\n" not in cause.message


def test_a_transient_failure_is_retried(scan: Callable[..., Any], cloud: GcpSandbox) -> None:
    cloud.fault = lambda name: "reset" if name == PREVENTION and cloud.calls[PREVENTION] == 1 else None
    found = scan()
    assert found.unknown() == set()
    assert found.inventory.calls["gcp"][PREVENTION] == 2


def test_attempts_are_bounded(
    scan: Callable[..., Any], broken: Callable[[str, Fault], None], cloud: GcpSandbox
) -> None:
    broken(PREVENTION, "throttled")
    scan(limits=Limits(connect_seconds=3, read_seconds=0.3, attempts=3))
    assert cloud.calls[PREVENTION] == 3


def test_the_process_ends_while_a_call_hangs(cloud: GcpSandbox) -> None:
    program = """
import sys
from providers.gcp.scopes import connect
from scanner.collect.collection import Collection
from scanner.collect.provider import ConnectionRequest, Limits
from scanner.collect.workers import Workers

provider = connect(ConnectionRequest("gcp"), Limits())
workers = Workers(4)
collection = Collection(workers)
provider.collect({"bucket": frozenset({"versioning"})}, collection)
ticks = []

def interrupt():
    ticks.append(1)
    if len(ticks) > 2:
        raise KeyboardInterrupt

try:
    workers.wait(interrupt)
except KeyboardInterrupt:
    sys.exit(130)
"""
    cloud.fault = lambda name: "hang" if name == BUCKETS else None
    command = [sys.executable, "-W", "ignore", "-c", program]
    ended = subprocess.run(command, timeout=25, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (130, "")
