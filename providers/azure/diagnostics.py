"""Diagnostic settings: which log categories are sent to a destination of the customer.

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
_COMPLETE_GROUPS = frozenset({"alllogs", "audit"})
"""Category groups that include every category used here: all logs; and ``audit``, by Microsoft's definition
all logs of customer interaction with the data or settings of the service."""


@dataclass(frozen=True)
class DiagnosticSetting:
    """A setting that has a destination, with the categories sent there, in lower case."""

    name: str
    categories: frozenset[str]
    groups: frozenset[str]
    """The category groups, in lower case."""

    @property
    def everything(self) -> bool:
        """Whether a category group includes every category used here."""
        return bool(self.groups & _COMPLETE_GROUPS)

    def sends(self, category: str) -> bool:
        """Whether it sends the category (in lower case)."""
        return self.everything or category in self.categories


def diagnostic_settings(answer: Sequence[Mapping[str, Any]]) -> tuple[DiagnosticSetting, ...]:
    """The settings that have a destination."""
    return tuple(_setting(entry) for entry in answer if _destination(entry["properties"]))


def logged(settings: Iterable[DiagnosticSetting], categories: Iterable[str]) -> bool:
    """Whether each category is sent by at least one setting."""
    known = tuple(settings)
    return all(any(setting.sends(category) for setting in known) for category in categories)


def destinations(entry: Mapping[str, Any]) -> tuple[str, ...]:
    """Canonical IDs of the destinations of a setting, sorted. The namespace stands for an authorization rule
    of an event hub or service bus."""
    targets = (entry["properties"].get(name) for name in _DESTINATIONS)
    return tuple(sorted({_NAMESPACE.sub(r"\1", target.lower()) for target in targets if target}))


def _destination(properties: Mapping[str, Any]) -> bool:
    return any(properties.get(name) for name in _DESTINATIONS)


def _setting(entry: Mapping[str, Any]) -> DiagnosticSetting:
    enabled = [log for log in entry["properties"]["logs"] if log["enabled"] is True]
    groups = {str(log.get("categoryGroup") or "").lower() for log in enabled}
    return DiagnosticSetting(
        name=entry["name"],
        categories=frozenset(str(log.get("category") or "").lower() for log in enabled),
        groups=frozenset(groups - {""}),
    )
