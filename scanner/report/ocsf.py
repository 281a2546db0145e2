"""The OCSF report: a Compliance Finding (class 2003, schema 1.5.0) for each finding, one on a line.

Fields of the class: https://schema.ocsf.io/1.5.0/classes/compliance_finding
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Literal, TextIO

from scanner.assess.changes import OPEN
from scanner.assess.finding import Finding
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
"""Of the compliance check. OCSF has no word for n/a: such a finding has no ``status_id``."""
_CLOUDS = {"aws": "AWS", "azure": "Azure", "gcp": "GCP"}
_ACCOUNTS = {"aws": (10, "AWS Account"), "azure": (13, "Azure Subscription"), "gcp": (11, "GCP Project")}


def render(report: Report, out: TextIO) -> None:
    """Writes an event for each finding, passes too, and for each that the baseline had and that is gone."""
    for finding in report.findings:
        _write(_event(report, finding, _activity(report, finding)), out)
    for finding in report.closed:
        _write(_event(report, finding, "Close"), out)


def _write(event: dict[str, Any], out: TextIO) -> None:
    out.write(json.dumps(event, ensure_ascii=False, separators=(",", ":")) + "\n")


def _activity(report: Report, finding: Finding) -> Activity:
    """Against the baseline; closed only by what was verified, never by what could not be seen."""
    baseline = report.baseline
    if baseline is None or finding.uid not in baseline.known:
        return "Create"
    before = baseline.evidence.get(finding.uid)
    if before in OPEN and finding.evidence in ("pass", "n/a"):
        return "Close"
    return "Update"


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
    """Where the work on it stands; left out where only people know."""
    if activity == "Close" or finding.evidence in ("pass", "n/a"):
        return {"status_id": 4, "status": "Resolved"}
    if finding.state == "accepted":
        return {"status_id": 3, "status": "Suppressed"}
    return {"status_id": 1, "status": "New"} if activity == "Create" else {}


def _compliance(report: Report, finding: Finding) -> dict[str, Any]:
    rule = report.head.rules.get(finding.rule or "")
    told: dict[str, Any] = {"control": finding.control}
    if rule is not None:
        told["standards"] = sorted(rule.refs)
        told["requirements"] = [f"{name}: {one}" for name, ids in sorted(rule.refs.items()) for one in ids]
    if finding.evidence is None:
        # A defect of the ownership file is a fact, whatever the configuration is like.
        return {**told, "status_id": 3, "status": "Fail", "status_code": ",".join(finding.flags)}
    told["status_code"] = finding.state
    told["status_details"] = [
        f"evidence: {finding.evidence}",
        f"ownership: {finding.ownership}",
        f"state: {finding.state}",
        *(f"{unknown.call} {unknown.reason}: {unknown.message}" for unknown in finding.unknowns),
    ]
    if finding.evidence in _STATUSES:
        told["status_id"], told["status"] = _STATUSES[finding.evidence]
    else:
        told["status"] = "Not Applicable"
    return told


def _cloud(finding: Finding) -> dict[str, Any]:
    provider = str(finding.provider)
    number, name = _ACCOUNTS[provider]
    told: dict[str, Any] = {
        "provider": _CLOUDS[provider],
        "account": {"uid": finding.scope, "type_id": number, "type": name},
    }
    return {**told, "region": finding.region} if finding.region is not None else told


def _resource(finding: Finding) -> dict[str, Any]:
    resource = finding.resource
    assert resource is not None
    told: dict[str, Any] = {
        "uid": resource.id,
        "name": resource.name,
        "type": resource.kind,
        "data": dict(finding.observed),
    }
    if finding.region is not None:
        told["region"] = finding.region
    if resource.tags:
        told["tags"] = [{"name": name, "value": value} for name, value in sorted(resource.tags.items())]
    if finding.owner is not None:
        told["owner"] = {"name": finding.owner, "type_id": 99, "type": "Team"}
    return told


def _own(finding: Finding) -> dict[str, Any]:
    """What OCSF has no word for."""
    told = finding.model_dump(
        mode="json",
        include={
            "subject", "control", "rule", "service_model", "verdict", "unknowns", "party", "ownership",
            "owner", "owner_source", "evidence", "state", "flags", "priority",
        },
    )  # fmt: skip
    if finding.state is not None and finding.evidence is not None:
        told["standing"] = standing(finding.state, finding.evidence)
    return told
