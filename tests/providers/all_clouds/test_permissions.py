"""The printed permissions are exactly those of the calls that a scan makes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from scanner.collect.derived import collectable
from scanner.run.scan import wanted_by
from tests.providers.all_clouds.conftest import CATALOGUE, PACK, Cloud

CONDITIONAL = {
    "aws": {
        "s3:GetBucketLocation": "called if ListBuckets does not return the region",
        "kms:DescribeKey": "called if a bucket or region has keys",
    },
    "azure": {
        "Microsoft.KeyVault/ManagedHsmKeys_List": "called if there is a managed HSM",
        "Microsoft.KeyVault/ManagedHsmKeys_Get": "called if there is a managed HSM",
        "Microsoft.Resources/Subscriptions_Get": "called if subscriptions are requested",
        "Microsoft.Resources/Subscriptions_ListLocations": "called if regions are requested",
    },
    "gcp": {},
}
"""Calls of the tables that a full scan of the sample company does not need."""

SIGN_IN = {
    "aws": {"sts:GetCallerIdentity"},
    "azure": {"Microsoft.Entra/Discovery", "Microsoft.Entra/Token"},
    "gcp": set(),
}
"""Sign-in calls, which need no permission."""


ALSO = {"aws": set[str](), "azure": set[str](), "gcp": {"storage.buckets.getIamPolicy"}}
"""Permissions without which a call is answered, but in part."""


def test_the_calls_of_a_full_scan_are_the_calls_of_the_tables(cloud: Cloud) -> None:
    grants = import_module(f"providers.{cloud.name}.permissions")
    cloud.scan()
    made = set(cloud.sandbox.calls) - SIGN_IN[cloud.name]
    needed = grants.calls_for(collectable(wanted_by(PACK.choose(), path=True, catalogue=CATALOGUE)))
    assert made - set(needed) == set(), "called, but not among the permissions"
    assert set(needed) - made <= set(CONDITIONAL[cloud.name]), "among the permissions, but never called"
    printed = grants.permissions(collectable(wanted_by(PACK.choose(), path=True, catalogue=CATALOGUE)))
    assert printed - ALSO[cloud.name] == {one for one in needed.values() if one is not None}
    assert printed >= ALSO[cloud.name]


def gapscan(cloud: Cloud, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "scanner", *arguments],
        env={**os.environ, **cloud.sandbox.environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_granting_the_missing_permissions_resolves_the_unknowns(cloud: Cloud, tmp_path: Path) -> None:
    """Granting the permissions that the report lists as missing leaves nothing unknown."""
    grants = import_module(f"providers.{cloud.name}.permissions")
    cloud.scan()
    permission_of = grants.calls_for(collectable(wanted_by(PACK.choose(), path=True, catalogue=CATALOGUE)))
    denied_calls = {
        "aws": ["s3:GetBucketVersioning", "s3:GetBucketLogging", "iam:GetAccountPasswordPolicy"],
        "azure": ["Microsoft.Storage/BlobContainers_List", "Microsoft.Security/SecurityContacts_List"],
        "gcp": ["orgpolicy:GetEffectivePolicy(storage.secureHttpTransport)"],
    }[cloud.name]
    lacking = {permission_of[name] for name in denied_calls}
    cloud.sandbox.fault = lambda name: "denied" if permission_of.get(name) in lacking else None
    report = tmp_path / "report.json"
    first = gapscan(cloud, "scan", cloud.name, "--gate", "none", "--report", f"json={report}")
    assert first.returncode == 3, first.stderr
    missing = gapscan(cloud, "permissions", cloud.name, "--missing", str(report), "--names")
    assert missing.returncode == 0
    assert set(missing.stdout.split()) == lacking
    granted = set(missing.stdout.split())
    cloud.sandbox.fault = lambda name: "denied" if permission_of.get(name) in lacking - granted else None
    second = gapscan(cloud, "scan", cloud.name, "--gate", "none", "--report", f"json={report}")
    assert second.returncode == 0, second.stdout
    nothing = gapscan(cloud, "permissions", cloud.name, "--missing", str(report))
    assert (nothing.returncode, nothing.stdout) == (0, "")


def test_the_documents_have_the_format_of_the_cloud(cloud: Cloud) -> None:
    done = gapscan(cloud, "permissions", cloud.name)
    assert done.returncode == 0
    if cloud.name == "aws":
        (statement,) = json.loads(done.stdout)["Statement"]
        assert statement["Effect"] == "Allow"
        reading = re.compile(r"[a-z0-9]+:(Get|List|Describe|Generate)[A-Za-z]+")
        assert all(reading.fullmatch(action) for action in statement["Action"])
    elif cloud.name == "azure":
        assert all(re.search(r"/(read|action)$", action) for action in json.loads(done.stdout)["Actions"])
        assert "Microsoft Graph application permissions" in done.stderr
    else:
        assert set(done.stdout.splitlines()) >= {
            "- cloudasset.assets.listResource",
            "- storage.buckets.get",
            "- storage.buckets.getIamPolicy",
            "- storage.hmacKeys.list",
        }


def test_a_report_of_another_cloud_is_refused(cloud: Cloud, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    gapscan(cloud, "scan", cloud.name, "--report", f"json={report}")
    other = "azure" if cloud.name == "aws" else "aws"
    refused = gapscan(cloud, "permissions", other, "--missing", str(report))
    assert refused.returncode == 2
    assert f"is not from a scan of {other}" in refused.stderr


@pytest.mark.parametrize("name", ["data.bucket-not-public", "net.firewall-admin-closed"])
def test_fewer_rules_need_fewer_permissions(cloud: Cloud, name: str) -> None:
    grants = import_module(f"providers.{cloud.name}.permissions")
    rule = next((rule for rule in PACK.rules.values() if rule.id == name), None)
    if rule is None:
        rule = next(rule for rule in PACK.rules.values() if rule.text.for_ == "firewall")
    few = grants.permissions(collectable(wanted_by([rule], path=False, catalogue=CATALOGUE)))
    assert few < grants.permissions(collectable(wanted_by(PACK.choose(), path=True, catalogue=CATALOGUE)))
