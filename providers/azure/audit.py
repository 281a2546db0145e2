"""The activity log of a subscription: the diagnostic settings that export it to a customer destination.

Settings of management groups are not collected: reading them requires permissions above the subscription.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from providers.azure.client.calls import ArmCall, AzureCall
from providers.azure.diagnostics import DiagnosticSetting, destinations, diagnostic_settings
from scanner.collect.table import Facet, Table, from_list
from scanner.model.resources.audit import AuditTrail

Row = Mapping[str, Any]

ACTIVITY_LOG = ArmCall(
    name="Microsoft.Insights/SubscriptionDiagnosticSettings_List",
    permission="Microsoft.Insights/diagnosticSettings/read",
    path="/subscriptions/{subscription}/providers/Microsoft.Insights/diagnosticSettings",
    version="2021-05-01-preview",
    paged=True,
)
_WRITES = frozenset({"administrative", "security", "policy", "alert"})
"""The categories that record actions and their actors. The others (ServiceHealth, ResourceHealth,
Recommendation, Autoscale) record the state of the platform."""
_ID = re.compile(
    r"/?(subscriptions/([0-9a-f-]{36})/providers/microsoft\.insights/diagnosticsettings/[^/?#]+)"
)


def header(partition: str, item: Row) -> Mapping[str, Any]:
    """The header of a diagnostic setting. Azure returns its ID with or without the leading slash."""
    found = _ID.fullmatch(item["id"].lower())
    if found is None:
        raise ValueError("id")
    return {
        "provider": "azure",
        "partition": partition,
        "scope": found.group(2),
        "region": None,
        "id": f"/{found.group(1)}",
        "name": item["name"],
        "type": "azure.insights.diagnosticsetting",
    }


def to_tags(item: Row) -> Mapping[str, str]:
    """Diagnostic settings have no tags; the field exists and is null."""
    return dict(item.get("tags") or {})


def to_audit_trails(item: Row, settings: Sequence[Row]) -> tuple[str, ...]:
    """The subscription's diagnostic settings that export the activity log category Administrative.

    It records every create, update, delete and action of the Resource Manager, in all locations.
    https://learn.microsoft.com/azure/azure-monitor/platform/activity-log-schema
    """
    return tuple(sorted(one.name for one in diagnostic_settings(settings) if _sends_writes(one)))


def to_logging(item: Row) -> bool:
    """Whether the setting exports the category Administrative."""
    return any(_sends_writes(setting) for setting in diagnostic_settings([item]))


def to_records_writes(item: Row) -> bool:
    """Whether it exports all of Administrative, Security, Policy and Alert, by name or by ``allLogs``.

    https://learn.microsoft.com/azure/azure-monitor/platform/activity-log-schema
    """
    return any(
        "alllogs" in setting.groups or setting.categories >= _WRITES
        for setting in diagnostic_settings([item])
    )


def always(item: Row) -> bool:
    """A subscription has one activity log, which records all locations."""
    return True


def never(item: Row) -> bool:
    """A subscription's diagnostic setting covers that subscription only."""
    return False


def not_here(item: Row) -> None:
    """Absent here: data access logging is set on each storage account, the encryption key at the
    destination, and Azure has no digests of exported records."""
    return


def _sends_writes(setting: DiagnosticSetting) -> bool:
    return setting.sends("administrative")


FACETS: Mapping[str, Facet[AzureCall]] = {
    "tags": from_list(to_tags),
    "logging": from_list(to_logging),
    "all_regions": from_list(always),
    "organisation_wide": from_list(never),
    "records_writes": from_list(to_records_writes),
    "records_data_access": from_list(not_here),
    "tamper_evident": from_list(not_here),
    "customer_key": from_list(not_here),
    "destinations": from_list(destinations),
}


def audit_trails(partition: str) -> Table[AzureCall]:
    """The table for the diagnostic settings of one cloud's subscriptions."""
    return Table(
        kind=AuditTrail,
        list=ACTIVITY_LOG,
        header=lambda item: header(partition, item),
        facets=FACETS,
    )


AUDIT_TRAILS = audit_trails("azure")
