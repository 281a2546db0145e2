"""The sample company's diagnostic settings of the activity log, in the form of the real answers."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
_CATEGORIES = (
    "Administrative",
    "Security",
    "ServiceHealth",
    "Alert",
    "Recommendation",
    "Policy",
    "Autoscale",
    "ResourceHealth",
)


def activity_log_setting(subscription: str, name: str, enabled: tuple[str, ...], **destinations: str) -> Json:
    """A diagnostic setting of the subscription. Like the real one, its ID lacks the leading slash, and it
    lists every category, enabled or not."""
    return {
        "id": f"subscriptions/{subscription}/providers/microsoft.insights/diagnosticSettings/{name}",
        "type": "Microsoft.Insights/diagnosticSettings",
        "name": name,
        "location": "global",
        "properties": {
            "logs": [
                {"category": category, "categoryGroup": None, "enabled": category in enabled}
                for category in _CATEGORIES
            ],
            **destinations,
        },
    }


def sample_activity_log(subscription: str, group: str) -> list[Json]:
    """One setting that exports everything, and one that exports one category to an event hub."""
    providers = f"{group}/providers"
    return [
        activity_log_setting(
            subscription,
            "activity-to-central-logs",
            _CATEGORIES,
            storageAccountId=f"{providers}/Microsoft.Storage/storageAccounts/shopauditlogs",
            workspaceId=f"{providers}/Microsoft.OperationalInsights/workspaces/central-logs",
        ),
        activity_log_setting(
            subscription,
            "policy-to-dashboard",
            ("Policy",),
            eventHubAuthorizationRuleId=(
                f"{providers}/Microsoft.EventHub/namespaces/shop-events/authorizationRules/Send"
            ),
            eventHubName="policy",
        ),
    ]
