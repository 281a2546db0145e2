"""Recorded answers of the real Azure pass through the mappings without an error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from providers.azure.account import ACCOUNTS, to_organisation
from providers.azure.account import to_tags as to_account_tags
from providers.azure.audit import to_audit_trails
from providers.azure.client.client import rows
from providers.azure.storage import BUCKETS, open_containers, to_access_logging, to_versioning
from scanner.model.evidence import Unknown
from scanner.model.resources.storage import Encryption

Recordings = Callable[[str], list[dict[str, Any]]]
SUBSCRIPTION = "ea42f556-5106-4743-99b0-c129bfa71a47"


def listed_facts(item: dict[str, Any]) -> dict[str, Any]:
    """The facets of a storage account that the listing contains."""
    return {
        name: facet.reads[0].function(item)
        for name, facet in BUCKETS.facets.items()
        if len(facet.reads) == 1 and facet.reads[0].call is None
    }


def accounts(recordings: Recordings) -> list[dict[str, Any]]:
    """Storage accounts as Resource Graph returns them: with the subscription, and tags or null."""
    bodies = [answer["body"] for answer in recordings("microsoft.storage.storageaccounts")]
    listed = [one for body in bodies for one in body.get("value", [body])]
    return [
        {"tags": None, **one, "subscriptionId": SUBSCRIPTION}
        for one in listed
        if one["type"] == "Microsoft.Storage/storageAccounts"
    ]


def test_storage_accounts(recordings: Recordings) -> None:
    found = accounts(recordings)
    assert len(found) > 50
    for item in found:
        header = BUCKETS.header(item)
        assert header["id"] == header["id"].lower()
        assert header["scope"] == SUBSCRIPTION
        facts = listed_facts(item)
        assert facts["encryption"] == Encryption(key="provider", key_id=None)
        assert facts["public_write"] is False
        assert facts["tls_only"] is item["properties"]["supportsHttpsTrafficOnly"]


def test_network_access_of_recorded_accounts(recordings: Recordings) -> None:
    reach, _, allow, *_ = (read.function for read in BUCKETS.facets["public_read"].reads)
    for item in accounts(recordings):
        assert reach(item) is (item["properties"]["networkAcls"]["defaultAction"] == "Allow")
        allowed = allow(item)
        assert not isinstance(allowed, Unknown)
        assert allowed is item["properties"].get("allowBlobPublicAccess", True)


def test_containers(recordings: Recordings) -> None:
    answers = [
        one["body"]["value"]
        for one in recordings("microsoft.storage.storageaccounts")
        if "/containers?" in one["uri"]
    ]
    assert {open_containers({}, answer) for answer in answers} == {(), ("containerone",)}


def test_a_blob_service_from_before_versioning(recordings: Recordings) -> None:
    (answer,) = (
        one["body"]
        for one in recordings("microsoft.storage.storageaccounts")
        if "/blobServices/default?" in one["uri"]
    )
    assert to_versioning({}, answer) is False


def test_diagnostic_settings(recordings: Recordings) -> None:
    answers = recordings("microsoft.insights.diagnosticsettings")
    trails = {one["uri"].split("?")[0]: to_audit_trails({}, one["body"]["value"]) for one in answers}
    assert [name for names in trails.values() for name in names] == [
        "D5F8F41A-5AA9-49ED-8DE3-37A097699C3E-fail-all"
    ]
    assert not any(to_access_logging({}, one["body"]["value"]) for one in answers)


def test_subscriptions(recordings: Recordings) -> None:
    answers = [
        one["body"]
        for one in recordings("other")
        if one["uri"].split("?")[0].endswith(f"/subscriptions/{SUBSCRIPTION}") and "2022-12-01" in one["uri"]
    ]
    assert len(answers) > 5
    for answer in answers:
        assert ACCOUNTS.header(answer)["id"] == f"/subscriptions/{SUBSCRIPTION}"
        assert to_organisation(answer) == answer["tenantId"]
        assert to_account_tags(answer) == answer.get("tags", {})


def test_the_table_form_of_resource_graph(recordings: Recordings) -> None:
    (answer,) = recordings("microsoft.resourcegraph.resources")
    found = rows(answer["body"])
    assert found is not None
    assert (found[0]["name"], found[0]["subscriptionId"]) == ("cctestvm", SUBSCRIPTION)
