"""Diagnostic settings: which log categories go to a place that the customer chose.

https://learn.microsoft.com/rest/api/monitor/diagnostic-settings/list
https://learn.microsoft.com/rest/api/monitor/subscription-diagnostic-settings/list
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_DESTINATIONS = (
    "storageAccountId",
    "workspaceId",
    "eventHubAuthorizationRuleId",
    "serviceBusRuleId",
    "marketplacePartnerId",
)
_ALL = frozenset({"alllogs", "audit"})
"""Category groups that hold what is asked for here: all logs, and by Microsoft's definition of ``audit`` all
that record what customers do with the data or the settings of the service."""


@dataclass(frozen=True)
class DiagnosticSetting:
    """A setting that has a destination, and the categories that it sends there, in lower case."""

    name: str
    categories: frozenset[str]
    everything: bool

    def sends(self, category: str) -> bool:
        """Whether the category (in lower case) is among what it sends."""
        return self.everything or category in self.categories


def diagnostic_settings(answer: Sequence[Mapping[str, Any]]) -> tuple[DiagnosticSetting, ...]:
    """The settings that send something somewhere."""
    return tuple(_setting(entry) for entry in answer if _destination(entry["properties"]))


def logged(settings: Iterable[DiagnosticSetting], categories: Iterable[str]) -> bool:
    """Whether each category is sent by some setting."""
    known = tuple(settings)
    return all(any(setting.sends(category) for setting in known) for category in categories)


def _destination(properties: Mapping[str, Any]) -> bool:
    return any(properties.get(name) for name in _DESTINATIONS)


def _setting(entry: Mapping[str, Any]) -> DiagnosticSetting:
    enabled = [log for log in entry["properties"].get("logs") or () if log["enabled"] is True]
    groups = {str(log.get("categoryGroup") or "").lower() for log in enabled}
    return DiagnosticSetting(
        name=entry["name"],
        categories=frozenset(str(log.get("category") or "").lower() for log in enabled),
        everything=bool(groups & _ALL),
    )
