"""The OCSF report: a Compliance Finding (class 2003, schema 1.5.0) for each finding, one per line.

Fields of the class: https://schema.ocsf.io/1.5.0/classes/compliance_finding
"""

from __future__ import annotations

from itertools import chain, islice
from typing import Any, Literal, TextIO

import msgspec

from scanner.assess.changes import OPEN
from scanner.assess.finding import Finding
from scanner.assess.states import Evidence, standing
from scanner.catalogue.control import Severity
from scanner.report.model import Report

OCSF_VERSION = "1.5.0"

_BATCH = 256
"""Events that are written at a time."""
_HELD = 4096
"""Classes of findings whose common text is held."""

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
    """Writes an event for each finding that is listed, and for each of the baseline that is gone."""
    events = _Events(report)
    lines = chain(
        (events.line(finding, _activity(report, finding)) for finding in report.findings),
        (events.line(finding, "Close") for finding in report.closed),
    )
    while batch := list(islice(lines, _BATCH)):
        out.write("".join(batch))


def _activity(report: Report, finding: Finding) -> Activity:
    """The activity compared with the baseline. Only a verified pass or n/a closes, never an unknown.

    It does not depend on what the baseline lists beside what it must, but for what was and is fine.
    """
    baseline = report.baseline
    if baseline is None or not baseline.knows(finding.uid):
        return "Create"
    if finding.listed:
        # A finding that passed before is open again, whether the baseline lists it or not.
        return "Update" if baseline.lists(finding.uid) else "Create"
    return "Close" if baseline.before(finding.uid) in OPEN else "Update"


class _Events:
    """The events of one report. What all findings of one class share is written once."""

    def __init__(self, report: Report) -> None:
        self._scan = report.head.scan
        self._rules = report.head.rules
        self._time = int(self._scan.finished.timestamp() * 1000)
        self._shared: dict[tuple[Any, ...], tuple[str, str]] = {}

    def line(self, finding: Finding, activity: Activity) -> str:
        """The event of a finding, with its end of line."""
        key = (
            activity,
            finding.provider,
            finding.scope,
            finding.region,
            finding.control,
            finding.rule,
            finding.service_model,
            finding.verdict,
            finding.party,
            finding.ownership,
            finding.owner,
            finding.owner_source,
            finding.proposed,
            finding.evidence,
            finding.state,
            finding.flags,
            finding.severity,
            finding.priority,
            finding.unknowns,
            None if finding.rule is not None else finding.message,
        )
        shared = self._shared.get(key)
        if shared is None:
            if len(self._shared) >= _HELD:
                self._shared.clear()
            shared = self._shared[key] = self._parts(finding, activity)
        own: dict[str, Any] = {"message": finding.message}
        if finding.resource is not None:
            own["resources"] = [_resource(finding)]
        return f"{shared[0]}{finding.uid}{shared[1]}{_text(own)[1:]}\n"

    def _parts(self, finding: Finding, activity: Activity) -> tuple[str, str]:
        """What comes before the uid, and what comes between it and what the finding has alone."""
        rule, kind = self._rules.get(finding.rule or ""), _ACTIVITIES[activity]
        before: dict[str, Any] = {
            "class_uid": 2003,
            "class_name": "Compliance Finding",
            "category_uid": 2,
            "category_name": "Findings",
            "activity_id": kind,
            "activity_name": activity,
            "type_uid": 200300 + kind,
            "type_name": f"Compliance Finding: {activity}",
            "time": self._time,
            "severity_id": _SEVERITIES[finding.severity],
            "severity": finding.severity.capitalize(),
            "priority_id": _PRIORITIES[finding.priority],
            "priority": finding.priority.capitalize(),
            "metadata": {
                "version": OCSF_VERSION,
                "profiles": ["cloud", "incident"] if finding.provider else ["incident"],
                "product": {"name": "gapscan", "vendor_name": "gapscan", "version": self._scan.version},
                "correlation_uid": self._scan.id,
                "event_code": finding.rule or finding.control,
            },
            "compliance": self._compliance(finding),
            "unmapped": {"gapscan": _own(finding)},
            **_status(finding, activity),
        }
        if finding.provider is not None:
            before["cloud"] = _cloud(finding)
        if finding.owner is not None:
            before["assignee_group"] = {"name": finding.owner, "uid": finding.owner}
        if rule is not None and finding.provider is not None and finding.evidence in OPEN:
            before["remediation"] = {"desc": rule.remediation[finding.provider]}
        info = {
            "title": rule.title if rule is not None else finding.message,
            "desc": rule.rationale if rule is not None else finding.message,
            "types": [f"gapscan/{finding.subject}"],
            "analytic": {"uid": finding.rule or finding.control, "type_id": 1, "type": "Rule"},
        }
        return f'{_text(before)[:-1]},"finding_info":{{"uid":"', f'",{_text(info)[1:]},'

    def _compliance(self, finding: Finding) -> dict[str, Any]:
        fields: dict[str, Any] = {"control": finding.control, **self._standards(finding)}
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

    def _standards(self, finding: Finding) -> dict[str, Any]:
        """The requirements that the rule answers."""
        rule = self._rules.get(finding.rule or "")
        if rule is None:
            return {}
        requirements = [f"{name}: {one}" for name, ids in sorted(rule.refs.items()) for one in ids]
        return {"standards": sorted(rule.refs), "requirements": requirements}


def _text(value: Any) -> str:
    return _ENCODER.encode(value).decode()


_ENCODER = msgspec.json.Encoder()


def _status(finding: Finding, activity: Activity) -> dict[str, Any]:
    """The workflow status; left out where only people know it."""
    if activity == "Close" or finding.evidence in ("pass", "n/a"):
        return {"status_id": 4, "status": "Resolved"}
    if finding.state == "accepted":
        return {"status_id": 3, "status": "Suppressed"}
    return {"status_id": 1, "status": "New"} if activity == "Create" else {}


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
        "data": finding.observed,
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
    own = {name: getattr(finding, name) for name in _OWN}
    if finding.state is not None and finding.evidence is not None:
        own["standing"] = standing(finding.state, finding.evidence)
    return own
