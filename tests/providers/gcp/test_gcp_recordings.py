"""Recorded assets and answers, converted in the same way as live ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from providers.gcp.account import to_project
from providers.gcp.audit import to_own_trails
from providers.gcp.client.calls import Item, Project
from providers.gcp.client.client import Client
from providers.gcp.policies.exposure import from_bindings
from providers.gcp.storage import BUCKETS
from scanner.collect.provider import Limits
from scanner.model.evidence import Unknown
from scanner.model.resources.base import HEADER

Recorded = Callable[[str], list[dict[str, Any]]]
HERE = Project("batch-prod", "1", "Batch", {}, (), None)


def round_trip(asset: dict[str, Any]) -> dict[str, Any]:
    """The asset after a round trip through the API's own message."""
    from google.cloud import asset_v1
    from google.protobuf.json_format import MessageToDict, ParseDict

    known = {k: v for k, v in asset.items() if k not in ("ancestry_path", "access_policy")}
    message = ParseDict(known, asset_v1.Asset.pb()(), ignore_unknown_fields=True)
    plain: dict[str, Any] = MessageToDict(message)
    return plain


def facets(item: Item) -> dict[str, Any]:
    """The header and every facet that comes from the listing itself."""
    client = Client(None, None, Limits())
    values = {name: client.read(None, BUCKETS.header, item) for name in ("header",)}
    for name, facet in BUCKETS.facets.items():
        if all(read.call is None for read in facet.reads):
            values[name] = client.read(None, facet.reads[0].function, item)
    return values


def buckets_of_assets(recorded: Recorded) -> list[Item]:
    lines = recorded("gcp-cai/storage.jsonl")
    return [Item(HERE, round_trip(line["asset"])) for line in lines if "resource" in line["asset"]]


def buckets_of_answers(recorded: Recorded) -> list[Item]:
    found = []
    for line in recorded("gcp-rest/storage.jsonl"):
        body = line["body"]
        for data in body.get("items", [body] if body.get("kind") == "storage#bucket" else []):
            asset = {
                "name": f"//storage.googleapis.com/{data['name']}",
                "asset_type": "storage.googleapis.com/Bucket",
                "resource": {"data": data},
            }
            found.append(Item(HERE, round_trip(asset)))
    return found


@pytest.mark.parametrize("source", [buckets_of_assets, buckets_of_answers])
def test_every_recorded_bucket_is_understood(
    recorded: Recorded, source: Callable[[Recorded], list[Item]]
) -> None:
    items = source(recorded)
    assert items
    for item in items:
        values = facets(item)
        assert not [name for name, value in values.items() if isinstance(value, Unknown)], item.asset
        assert set(values["header"]) == set(HEADER)


def test_facts_of_recorded_buckets(recorded: Recorded) -> None:
    found = {item.asset["name"].rpartition("/")[2]: facets(item) for item in buckets_of_assets(recorded)}
    logged = found["my-storage-bucket-with-logging"]
    assert logged["access_logging"] is True
    assert logged["encryption"].key == "customer"
    assert logged["header"]["region"] == "us-central1"
    labelled = found["bucket-with-valid-labels"]
    assert labelled["tags"]["label1"] == "label1-value"
    assert labelled["uniform_access"] is True
    assert labelled["encryption"].key == "provider"
    assert found["forseti-cai-export-c9e3dd73-delete-action-no-age"]["uniform_access"] is False


def test_recorded_policies_of_buckets(recorded: Recorded) -> None:
    open_to_all = {}
    for line in recorded("gcp-rest/storage.jsonl"):
        if line["kind"] == "storage#policy":
            found = from_bindings(line["body"], "call")
            open_to_all[line["source"]] = (found.read, found.write)
    assert open_to_all["bucket-set-iam-policy/get-storage-v1-b-iam-test-bucket-wuc48fhtok-iam_1.json"] == (
        True,
        False,
    )
    assert open_to_all["bucket-set-iam-policy/get-storage-v1-b-iam-test-bucket-wuc48fhtok-iam_3.json"] == (
        False,
        False,
    )
    matched = "bucket-iam-policy-matched-glob-admin/get-storage-v1-b-c7n-iam-matched-test-x7r2k-iam_1.json"
    assert open_to_all[matched] == (True, True)


@pytest.mark.parametrize("name", ["gcp-cai/storage.jsonl", "gcp-cai/cloudresourcemanager.jsonl"])
def test_every_recorded_policy_is_understood(recorded: Recorded, name: str) -> None:
    policies = [
        round_trip(line["asset"])["iamPolicy"] for line in recorded(name) if "iam_policy" in line["asset"]
    ]
    assert policies
    for policy in policies:
        assert isinstance(from_bindings(policy, "call").read, bool | Unknown)


def test_every_recorded_project_is_understood(recorded: Recorded) -> None:
    found = {}
    for line in recorded("gcp-cai/cloudresourcemanager.jsonl"):
        asset = line["asset"]
        if asset["asset_type"].endswith("/Project") and "resource" in asset:
            project = to_project(round_trip(asset))
            found[project.id] = project
    assert found["project3"].number == "1043"
    assert found["valid-field-1111-d4b9d374"].labels == {"billing_id": "1111", "owner": "john_doe"}


def test_recorded_sinks(recorded: Recorded) -> None:
    here = Item(Project("cloud-custodian", "2", "Custodian", {}, (), None))
    trails = {}
    for line in recorded("gcp-rest/untyped.jsonl"):
        body = line["body"]
        if isinstance(body, dict) and "sinks" in body:
            assets = {sink["name"]: {"resource": {"data": sink}} for sink in body["sinks"]}
            trails[line["source"]] = to_own_trails(here, assets)
    everything = trails["log-project-sink-bucket-filter/get-v2-projects-cloud-custodian-sinks_1.json"]
    assert everything == ("DDB92BD9-F4FA-49EF-88E4-E8C0838C31C7",)
    some = trails["log-project-sink-delete/get-v2-projects-cloud-custodian-sinks_1.json"]
    assert some == ()
