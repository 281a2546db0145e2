"""The printed permissions are exactly those of the calls that a scan makes."""

from __future__ import annotations

import json
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from scanner.collect.derived import collectable
from scanner.run.scan import wanted_by
from tests.command_line import HERE, Done, gapscan
from tests.providers.all_clouds.conftest import CATALOGUE, PACK, WANTED_BY_RULES, Cloud
from tests.providers.all_clouds.replayed_tables import TABLES

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
    made = set(cloud.clean.calls) - SIGN_IN[cloud.name]
    needed = grants.calls_for(collectable(WANTED_BY_RULES))
    assert made - set(needed) == set(), "called, but not among the permissions"
    assert set(needed) - made <= set(CONDITIONAL[cloud.name]), "among the permissions, but never called"
    printed = grants.permissions(collectable(WANTED_BY_RULES))
    assert printed - ALSO[cloud.name] == {one for one in needed.values() if one is not None}
    assert printed >= ALSO[cloud.name]


def scan(cloud: Cloud, report: Path, *options: str) -> Done:
    given = (cloud.name, *(HERE if cloud.name == "aws" else ()), *options)
    environment: dict[str, Any] = {**cloud.sandbox.environment}
    return gapscan("scan", *given, "--report", f"json={report}", **environment)


def test_granting_the_missing_permissions_resolves_the_unknowns(cloud: Cloud, tmp_path: Path) -> None:
    """Granting the permissions that the report lists as missing leaves nothing unknown."""
    grants = import_module(f"providers.{cloud.name}.permissions")
    permission_of = grants.calls_for(collectable(WANTED_BY_RULES))
    denied_calls = {
        "aws": ["s3:GetBucketVersioning", "s3:GetBucketLogging", "iam:GetAccountPasswordPolicy"],
        "azure": ["Microsoft.Storage/BlobContainers_List", "Microsoft.Security/SecurityContacts_List"],
        "gcp": ["orgpolicy:GetEffectivePolicy(storage.secureHttpTransport)"],
    }[cloud.name]
    lacking = {permission_of[name] for name in denied_calls}
    cloud.sandbox.fault = lambda name: "denied" if permission_of.get(name) in lacking else None
    report = tmp_path / "report.json"
    first = scan(cloud, report, "--gate", "none")
    assert first.returncode == 3, first.stderr
    missing = gapscan("permissions", cloud.name, "--missing", str(report), "--names")
    assert missing.returncode == 0
    assert set(missing.stdout.split()) == lacking
    granted = set(missing.stdout.split())
    cloud.sandbox.fault = lambda name: "denied" if permission_of.get(name) in lacking - granted else None
    second = scan(cloud, report, "--gate", "none")
    assert second.returncode == 0, second.stdout
    nothing = gapscan("permissions", cloud.name, "--missing", str(report))
    assert (nothing.returncode, nothing.stdout) == (0, "")
    other = "azure" if cloud.name == "aws" else "aws"
    refused = gapscan("permissions", other, "--missing", str(report))
    assert refused.returncode == 2
    assert f"is not from a scan of {other}" in refused.stderr


@pytest.mark.parametrize("name", TABLES)
def test_the_documents_have_the_format_of_the_cloud(name: str) -> None:
    done = gapscan("permissions", name)
    assert done.returncode == 0
    if name == "aws":
        (statement,) = json.loads(done.stdout)["Statement"]
        assert statement["Effect"] == "Allow"
        reading = re.compile(r"[a-z0-9]+:(Get|List|Describe|Generate)[A-Za-z]+")
        assert all(reading.fullmatch(action) for action in statement["Action"])
    elif name == "azure":
        assert all(re.search(r"/(read|action)$", action) for action in json.loads(done.stdout)["Actions"])
        assert "Microsoft Graph application permissions" in done.stderr
    else:
        assert set(done.stdout.splitlines()) >= {
            "- cloudasset.assets.listResource",
            "- storage.buckets.get",
            "- storage.buckets.getIamPolicy",
            "- storage.hmacKeys.list",
        }


@pytest.mark.parametrize("cloud_name", TABLES)
@pytest.mark.parametrize("name", ["data.bucket-not-public", "net.firewall-admin-closed"])
def test_fewer_rules_need_fewer_permissions(cloud_name: str, name: str) -> None:
    grants = import_module(f"providers.{cloud_name}.permissions")
    rule = next((rule for rule in PACK.rules.values() if rule.id == name), None)
    if rule is None:
        rule = next(rule for rule in PACK.rules.values() if rule.text.for_ == "firewall")
    few = grants.permissions(collectable(wanted_by([rule], path=False, catalogue=CATALOGUE)))
    assert few < grants.permissions(collectable(WANTED_BY_RULES))
