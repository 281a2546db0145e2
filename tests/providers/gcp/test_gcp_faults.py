"""A failed call makes exactly the facets that need it unknown, and changes nothing else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from providers.sandbox import Fault
from providers.sandbox.gcp.server import GcpSandbox
from scanner.collect.provider import Limits
from scanner.model.evidence import Unknown
from tests.providers.gcp.conftest import EVERYTHING

ACCOUNT, BUCKET = ({kind: EVERYTHING[kind]} for kind in ("account", "bucket"))
BUCKETS = "cloudasset:ListAssets(storage.Bucket)"
POLICIES = "cloudasset:ListAssets(storage.Bucket+cloudresourcemanager.Project IAM_POLICY)"
PREVENTION = "orgpolicy:GetEffectivePolicy(storage.publicAccessPrevention)"
SEARCH = "cloudasset:SearchAllResources"
PUBLIC = {("bucket", "public_read"), ("bucket", "public_write"), ("bucket", "public_via")}
# A call of each API, the permission for it, and the facets that depend on it.
OF_APIS = {
    POLICIES: ("cloudasset.assets.listIamPolicy", PUBLIC),
    PREVENTION: ("orgpolicy.policy.get", PUBLIC | {("account", "public_access_block")}),
}


def test_a_project_reader_finds_public_buckets_but_cannot_rule_out_others(
    scan: Callable[..., Any], cloud: GcpSandbox
) -> None:
    cloud.fault = lambda name: "denied" if name.endswith("organization)") else None
    found = scan()
    assert found.one("bucket", "exports-2019").public_read is True
    assert found.one("bucket", "batch-results").public_read is False
    assert isinstance(found.one("bucket", "ml-scratch").public_read, Unknown)
    # A sink above may intercept what reaches the project's own.
    assert isinstance(found.one("account", "Batch production").audit_trails, Unknown)
    assert found.one("account", "Batch production").organisation == "123456789012"
    assert found.one("user", "batch-lead@example.com").administrator is True
    assert isinstance(found.one("user", "batch-oncall@example.com").administrator, Unknown)
    assert isinstance(found.one("firewall", "default").open_to_world, Unknown)
    assert [spot.kind for spot in found.inventory.blind_spots] == ["audit_trail", "role", "user"]
    assert isinstance(found.one("account", "Batch production").security_contacts, Unknown)


def test_an_incomplete_listing_keeps_its_first_pages(scan: Callable[..., Any], cloud: GcpSandbox) -> None:
    cloud.fault = lambda name: "throttled" if name == BUCKETS and cloud.calls[BUCKETS] > 1 else None
    found = scan(wanted=BUCKET)
    assert found.names("bucket") == ["exports-2019", "product-media", "supplier-dropbox"]
    (spot,) = found.inventory.blind_spots
    assert (spot.kind, spot.cause.reason) == ("bucket", "throttled")


def test_incomplete_locations_keep_their_first_pages(scan: Callable[..., Any], cloud: GcpSandbox) -> None:
    cloud.fault = lambda name: "failing" if name == SEARCH and cloud.calls[SEARCH] > 2 else None
    found = scan(wanted={"region": EVERYTHING["region"]})
    assert found.names("region") == ["europe-west1", "us-central1"]
    (spot,) = found.inventory.blind_spots
    assert (spot.kind, spot.cause.reason, spot.cause.call) == ("region", "error", SEARCH)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("denied", "denied"),
        ("denied_by_organisation", "denied_by_organisation"),
        ("throttled", "throttled"),
        ("malformed", "error"),
        ("reset", "error"),
        ("failing", "error"),
        ("hang", "error"),
    ],
)
@pytest.mark.parametrize("operation", sorted(OF_APIS))
def test_no_failure_becomes_an_answer(
    scan: Callable[..., Any], broken: Callable[[str, Fault], None], operation: str, fault: Fault, reason: str
) -> None:
    broken(operation, fault)
    found = scan(wanted=ACCOUNT | BUCKET)
    permission, facets = OF_APIS[operation]
    assert found.unknown() == facets
    (cause,) = found.one("bucket", "exports-2019").public_read.causes
    assert (cause.reason, cause.call) == (reason, operation)
    assert cause.permission == (permission if fault == "denied" else None)
    assert "\n" not in cause.message


def test_a_transient_failure_is_retried(scan: Callable[..., Any], cloud: GcpSandbox) -> None:
    cloud.fault = lambda name: "reset" if name == PREVENTION and cloud.calls[PREVENTION] == 1 else None
    found = scan(wanted=BUCKET)
    assert found.unknown() == set()
    assert found.inventory.calls["gcp"][PREVENTION] == 2


def test_attempts_are_bounded(
    scan: Callable[..., Any], broken: Callable[[str, Fault], None], cloud: GcpSandbox
) -> None:
    broken(PREVENTION, "throttled")
    scan(wanted=BUCKET, limits=Limits(connect_seconds=3, read_seconds=0.3, attempts=3))
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
