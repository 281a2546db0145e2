"""Diagnostic settings: which log categories go to a place that the customer chose.

https://learn.microsoft.com/rest/api/monitor/diagnostic-settings/list
https://learn.microsoft.com/rest/api/monitor/subscription-diagnostic-settings/list
"""

from __future__ import annotations

import re
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
_NAMESPACE = re.compile(r"(/providers/microsoft\.(?:eventhub|servicebus)/namespaces/[^/]+)/.*")
_ALL = frozenset({"alllogs", "audit"})
"""Category groups that hold what is asked for here: all logs, and by Microsoft's definition of ``audit`` all
that record what customers do with the data or the settings of the service."""


@dataclass(frozen=True)
class DiagnosticSetting:
    """A setting that has a destination, and the categories that it sends there, in lower case."""

    name: str
    categories: frozenset[str]
    groups: frozenset[str]
    """The category groups, in lower case."""

    @property
    def everything(self) -> bool:
        """Whether a category group holds all that is asked for here."""
        return bool(self.groups & _ALL)

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


def destinations(entry: Mapping[str, Any]) -> tuple[str, ...]:
    """Canonical ids of the places that a setting sends to, sorted. An authorization rule of an event hub or
    a service bus stands for its namespace."""
    named = (entry["properties"].get(name) for name in _DESTINATIONS)
    return tuple(sorted({_NAMESPACE.sub(r"\1", place.lower()) for place in named if place}))


def _destination(properties: Mapping[str, Any]) -> bool:
    return any(properties.get(name) for name in _DESTINATIONS)


def _setting(entry: Mapping[str, Any]) -> DiagnosticSetting:
    enabled = [log for log in entry["properties"].get("logs") or () if log["enabled"] is True]
    groups = {str(log.get("categoryGroup") or "").lower() for log in enabled}
    return DiagnosticSetting(
        name=entry["name"],
        categories=frozenset(str(log.get("category") or "").lower() for log in enabled),
        groups=frozenset(groups - {""}),
    )
