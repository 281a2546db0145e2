"""Log sinks as audit trails: which sinks count, which logs they route, and where to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from providers.gcp.audit import (
    AUDIT_TRAILS,
    DataAccess,
    to_configs_above,
    to_own_configs,
    to_records_data_access,
    to_records_writes,
    trails,
)
from providers.gcp.client.calls import Item, Project
from providers.gcp.client.client import Client
from providers.sandbox.gcp.company import example_shop, project, sink
from providers.sandbox.gcp.server import GcpSandbox
from scanner.collect.provider import ConnectionRequest, Limits
from scanner.model.evidence import Unknown

HERE = Project("batch-prod", "1", "Batch", {}, ("folders/2", "organizations/3"), "3")
BUCKET = "storage.googleapis.com/audit"
LOST = Unknown.because("denied", "a call", "a.permission", "denied")
NOTHING = DataAccess(frozenset(), frozenset())
BOTH = DataAccess(frozenset({"DATA_READ", "DATA_WRITE"}), frozenset())


def item(**data: Any) -> Item:
    settings = {"name": "s", "destination": BUCKET, **data}
    return Item(HERE, {"name": "//logging.googleapis.com/projects/1/sinks/s", "resource": {"data": settings}})


def policies(*configs: dict[str, Any], place: str = "projects/1") -> dict[str, Any]:
    name = f"//cloudresourcemanager.googleapis.com/{place}"
    return {name: {"iamPolicy": {"etag": "BwXhqDVxXqk=", "auditConfigs": list(configs)}}}


def config(service: str, *kinds: str, exempted: str = "") -> dict[str, Any]:
    more = {"exemptedMembers": ["user:a@example.com"]}
    return {
        "service": service,
        "auditLogConfigs": [{"logType": kind, **(more if kind == exempted else {})} for kind in kinds],
    }


def test_the_trails_of_the_sample_company(scan: Callable[..., Any]) -> None:
    found = scan()
    assert found.names("audit_trail") == ["admin-activity", "audit-2019", "org-audit"]
    good = found.one("audit_trail", "admin-activity")
    assert (good.logging, good.records_writes, good.records_data_access) == (True, True, True)
    assert (good.all_regions, good.organisation_wide) == (True, False)
    assert (good.tamper_evident, good.customer_key, good.tags) == (None, None, {})
    old = found.one("audit_trail", "audit-2019")
    assert (old.logging, old.records_writes, old.records_data_access) == (False, False, False)


def test_destination_buckets_have_the_ids_of_the_inventory(scan: Callable[..., Any]) -> None:
    found = scan()
    for trail, bucket in (("admin-activity", "batch-audit-logs"), ("audit-2019", "exports-2019")):
        assert found.one("audit_trail", trail).destinations == (found.one("bucket", bucket).id,)


def test_a_sink_above_is_a_trail_of_each_project_below(
    own_cloud: Callable[..., GcpSandbox], scan: Callable[..., Any]
) -> None:
    company = example_shop()
    above = ("folders/345678901234", "organizations/123456789012")
    company.assets += [
        project("batch-lab", "333333333333", "Batch lab", {}, above),
        sink("not-below", above, BUCKET, filter='logName:"cloudaudit"'),
        sink("elsewhere", ("folders/9", above[1]), BUCKET, includeChildren=True),
        sink(
            "web-errors", above[1:], BUCKET, filter='resource.type="cloud_run_revision"', includeChildren=True
        ),
    ]
    cloud = own_cloud(company, page=50)
    found = scan(ConnectionRequest("gcp", scopes=("batch-prod", "batch-lab")))
    org_trails = [r for r in found.inventory.resources if r.kind == "audit_trail" and r.name == "org-audit"]
    assert [trail.scope for trail in org_trails] == ["batch-lab", "batch-prod"]
    assert {trail.id for trail in org_trails} == {
        "//logging.googleapis.com/organizations/123456789012/sinks/org-audit"
    }
    assert all(trail.organisation_wide is True for trail in org_trails)
    assert set(found.names("audit_trail")) == {"admin-activity", "audit-2019", "org-audit"}
    assert cloud.calls["cloudasset:ListAssets(logging.LogSink organization)"] == 1


@pytest.mark.parametrize(
    ("sink", "is_trail"),
    [
        ({}, True),
        ({"filter": 'logName:"cloudaudit.googleapis.com"'}, True),
        ({"filter": 'LOG_ID("cloudaudit.googleapis.com/data_access")'}, True),
        ({"filter": 'LOG_ID("cloudaudit.googleapis.com/activity") AND severity>=ERROR'}, True),
        ({"filter": 'protoPayload.methodName="SetIamPolicy"'}, False),
        ({"filter": 'protoPayload.@type="type.googleapis.com/google.cloud.audit.AuditLog"'}, True),
        ({"filter": "severity>=ERROR"}, False),
        ({"filter": 'resource.type=("k8s_container" OR "k8s_pod")'}, False),
        ({"filter": 'LOG_ID("syslog")'}, False),
        ({"filter": 'NOT logName:"cloudaudit.googleapis.com"'}, False),
        ({"filter": "some words that may be anywhere"}, True),
        ({"exclusions": [{"name": "x", "filter": 'logName:"cloudaudit.googleapis.com"'}]}, False),
        (
            {"destination": "logging.googleapis.com/projects/1/locations/global/buckets/_Required"},
            False,
        ),
        ({"destination": "logging.googleapis.com/projects/hub"}, True),
        ({"disabled": True}, True),
    ],
)
def test_which_sinks_are_trails(sink: dict[str, Any], is_trail: bool) -> None:
    assert bool(list(trails(item(**sink)))) is is_trail


def test_an_exclusion_removes_records() -> None:
    part = {"name": "x", "filter": 'protoPayload.methodName="storage.setIamPermissions"'}
    assert isinstance(to_records_writes(item(exclusions=[part])), Unknown)
    errors = {"name": "x", "filter": "severity=ERROR"}
    assert isinstance(to_records_writes(item(exclusions=[errors])), Unknown)
    assert to_records_writes(item(exclusions=[{**errors, "disabled": True}])) is True
    everything = {"name": "x", "filter": 'LOG_ID("cloudaudit.googleapis.com/activity")'}
    assert to_records_writes(item(exclusions=[everything])) is False


@pytest.mark.parametrize(
    ("configs", "expected"),
    [
        ([], NOTHING),
        ([config("allServices", "DATA_READ", "DATA_WRITE")], BOTH),
        ([config("storage.googleapis.com", "DATA_READ", "DATA_WRITE")], BOTH),
        ([config("allServices", "DATA_READ"), config("storage.googleapis.com", "DATA_WRITE")], BOTH),
        ([config("cloudsql.googleapis.com", "DATA_READ", "DATA_WRITE")], NOTHING),
        (
            [config("allServices", "DATA_READ", "DATA_WRITE", exempted="DATA_READ")],
            DataAccess(BOTH.on, frozenset({"DATA_READ"})),
        ),
    ],
)
def test_what_audit_configurations_enable(configs: list[dict[str, Any]], expected: DataAccess) -> None:
    assert to_own_configs(item(), policies(*configs)) == expected
    assert to_configs_above(item(), policies(*configs, place="folders/2")) == expected
    assert to_configs_above(item(), policies(*configs, place="folders/9")) == NOTHING


@pytest.mark.parametrize(
    ("carries", "own", "above", "expected"),
    [
        (True, BOTH, NOTHING, True),
        (True, NOTHING, BOTH, True),
        (True, DataAccess(frozenset({"DATA_READ"}), frozenset()), NOTHING, False),
        (True, NOTHING, LOST, None),
        (True, BOTH, LOST, None),
        (True, DataAccess(BOTH.on, frozenset({"DATA_READ"})), LOST, False),
        (True, BOTH, DataAccess(BOTH.on, frozenset({"DATA_WRITE"})), False),
        (True, BOTH, DataAccess(frozenset({"ADMIN_READ"}), frozenset({"ADMIN_READ"})), True),
        (False, LOST, LOST, False),
        (LOST, BOTH, NOTHING, None),
    ],
)
def test_when_data_access_is_recorded(carries: Any, own: Any, above: Any, expected: bool | None) -> None:
    found = to_records_data_access(carries, own, above)
    assert isinstance(found, Unknown) if expected is None else found is expected


def test_every_recorded_sink_is_understood(recorded: Callable[[str], list[dict[str, Any]]]) -> None:
    here = Project("cloud-custodian", "2", "Custodian", {}, (), None)
    client = Client(None, None, Limits())
    found = {}
    for line in recorded("gcp-rest/untyped.jsonl"):
        body = line["body"]
        for data in body.get("sinks", ()) if isinstance(body, dict) else ():
            name = f"//logging.googleapis.com/projects/2/sinks/{data['name']}"
            sink_item = Item(here, {"name": name, "resource": {"data": data}})
            for trail in trails(sink_item):
                values: dict[str, Any] = {"header": client.read(None, AUDIT_TRAILS.header, trail)}
                for name, facet in AUDIT_TRAILS.facets.items():
                    if facet.reads[0].call is None:
                        values[name] = client.read(None, facet.reads[0].function, trail)
                assert not [key for key, value in values.items() if isinstance(value, Unknown)]
                found[data["name"]] = values
    everything = found["DDB92BD9-F4FA-49EF-88E4-E8C0838C31C7"]
    assert everything["records_writes"] is True
    assert everything["destinations"] == ("//storage.googleapis.com/cfb-gcuvtiqb",)
    assert not {"_Required", "_Default"} & found.keys()
