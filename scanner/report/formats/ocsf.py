"""The OCSF report: a Compliance Finding (class 2003, schema 1.5.0) for each finding, one per line.

Fields of the class: https://schema.ocsf.io/1.5.0/classes/compliance_finding
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Literal, TextIO

from scanner.assess.changes import OPEN
from scanner.assess.finding import Finding, fields
from scanner.assess.states import Evidence, standing
from scanner.catalogue.control import Severity
from scanner.report.model import Report

OCSF_VERSION = "1.5.0"

Activity = Literal["Create", "Update", "Close"]

_ACTIVITIES: dict[Activity, int] = {"Create": 1, "Update": 2, "Close": 3}
_SEVERITIES: dict[Severity, int] = {"low": 2, "medium": 3, "high": 4, "critical": 5}
_PRIORITIES: dict[Severity, int] = {"low": 1, "medium": 2, "high": 3, "critical": 4}
_STATUSES: dict[Evidence, tuple[int, str]] = {
    "fail": (3, "Fail"),
    "missing": (2, "Warning"),
    "unknown": (2, "Warning"),
    "unassessed": (2, "Warning"),
    "pass": (1, "Pass"),
}
"""Status of the compliance check. OCSF has none for n/a: such a finding has no ``status_id``."""
_CLOUDS = {"aws": "AWS", "azure": "Azure", "gcp": "GCP"}
_ACCOUNTS = {"aws": (10, "AWS Account"), "azure": (13, "Azure Subscription"), "gcp": (11, "GCP Project")}


def render(report: Report, out: TextIO) -> None:
    """Writes an event for each finding, passes included, and for each of the baseline that is gone."""
    for finding in report.findings:
        _write(_event(report, finding, _activity(report, finding)), out)
    for finding in report.closed:
        _write(_event(report, finding, "Close"), out)


def _write(event: dict[str, Any], out: TextIO) -> None:
    out.write(json.dumps(event, ensure_ascii=False, separators=(",", ":")) + "\n")


def _activity(report: Report, finding: Finding) -> Activity:
    """The activity compared with the baseline. Only a verified pass or n/a closes, never an unknown."""
    baseline = report.baseline
    if baseline is None or not baseline.knows(finding.uid):
        return "Create"
    if finding.listed:
        # A finding that passed before is open again, whether the baseline lists it or not.
        return "Update" if baseline.lists(finding.uid) else "Create"
    return "Close" if baseline.before(finding.uid) in OPEN else "Update"


def _event(report: Report, finding: Finding, activity: Activity) -> dict[str, Any]:
    scan = report.head.scan
    rule = report.head.rules.get(finding.rule or "")
    kind = _ACTIVITIES[activity]
    event: dict[str, Any] = {
        "class_uid": 2003,
        "class_name": "Compliance Finding",
        "category_uid": 2,
        "category_name": "Findings",
        "activity_id": kind,
        "activity_name": activity,
        "type_uid": 200300 + kind,
        "type_name": f"Compliance Finding: {activity}",
        "time": _milliseconds(scan.finished),
        "severity_id": _SEVERITIES[finding.severity],
        "severity": finding.severity.capitalize(),
        "priority_id": _PRIORITIES[finding.priority],
        "priority": finding.priority.capitalize(),
        "message": finding.message,
        "metadata": {
            "version": OCSF_VERSION,
            "profiles": ["cloud", "incident"] if finding.provider else ["incident"],
            "product": {"name": "gapscan", "vendor_name": "gapscan", "version": scan.version},
            "correlation_uid": scan.id,
            "event_code": finding.rule or finding.control,
        },
        "finding_info": {
            "uid": finding.uid,
            "title": rule.title if rule is not None else finding.message,
            "desc": rule.rationale if rule is not None else finding.message,
            "types": [f"gapscan/{finding.subject}"],
            "analytic": {"uid": finding.rule or finding.control, "type_id": 1, "type": "Rule"},
        },
        "compliance": _compliance(report, finding),
        "unmapped": {"gapscan": _own(finding)},
        **_status(finding, activity),
    }
    if finding.provider is not None:
        event["cloud"] = _cloud(finding)
    if finding.resource is not None:
        event["resources"] = [_resource(finding)]
    if finding.owner is not None:
        event["assignee_group"] = {"name": finding.owner, "uid": finding.owner}
    if rule is not None and finding.provider is not None and finding.provider in rule.remediation:
        event["remediation"] = {"desc": rule.remediation[finding.provider]}
    return event


def _milliseconds(time: datetime) -> int:
    return int(time.timestamp() * 1000)


def _status(finding: Finding, activity: Activity) -> dict[str, Any]:
    """The workflow status; left out where only people know it."""
    if activity == "Close" or finding.evidence in ("pass", "n/a"):
        return {"status_id": 4, "status": "Resolved"}
    if finding.state == "accepted":
        return {"status_id": 3, "status": "Suppressed"}
    return {"status_id": 1, "status": "New"} if activity == "Create" else {}


def _compliance(report: Report, finding: Finding) -> dict[str, Any]:
    rule = report.head.rules.get(finding.rule or "")
    fields: dict[str, Any] = {"control": finding.control}
    if rule is not None:
        fields["standards"] = sorted(rule.refs)
        fields["requirements"] = [f"{name}: {one}" for name, ids in sorted(rule.refs.items()) for one in ids]
    if finding.evidence is None:
        # A defect of the ownership file is a failure, whatever the configuration.
        return {**fields, "status_id": 3, "status": "Fail", "status_code": ",".join(finding.flags)}
    fields["status_code"] = finding.state
    fields["status_details"] = [
        f"evidence: {finding.evidence}",
        f"ownership: {finding.ownership}",
        f"state: {finding.state}",
        *(f"{unknown.call} {unknown.reason}: {unknown.message}" for unknown in finding.unknowns),
    ]
    if finding.evidence in _STATUSES:
        fields["status_id"], fields["status"] = _STATUSES[finding.evidence]
    else:
        fields["status"] = "Not Applicable"
    return fields


def _cloud(finding: Finding) -> dict[str, Any]:
    provider = str(finding.provider)
    number, name = _ACCOUNTS[provider]
    cloud: dict[str, Any] = {
        "provider": _CLOUDS[provider],
        "account": {"uid": finding.scope, "type_id": number, "type": name},
    }
    return {**cloud, "region": finding.region} if finding.region is not None else cloud


def _resource(finding: Finding) -> dict[str, Any]:
    resource = finding.resource
    assert resource is not None
    fields: dict[str, Any] = {
        "uid": resource.id,
        "name": resource.name,
        "type": resource.kind,
        "data": dict(finding.observed),
    }
    if finding.region is not None:
        fields["region"] = finding.region
    if resource.tags:
        fields["tags"] = [{"name": name, "value": value} for name, value in sorted(resource.tags.items())]
    if finding.owner is not None:
        fields["owner"] = {"name": finding.owner, "type_id": 99, "type": "Team"}
    return fields


_OWN = (
    "subject", "control", "rule", "service_model", "verdict", "unknowns", "party", "ownership", "owner",
    "owner_source", "proposed", "evidence", "state", "flags", "priority",
)  # fmt: skip


def _own(finding: Finding) -> dict[str, Any]:
    """The fields that OCSF has no attribute for."""
    own = fields(finding, _OWN)
    if finding.state is not None and finding.evidence is not None:
        own["standing"] = standing(finding.state, finding.evidence)
    return own
