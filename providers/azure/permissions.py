"""The permissions of the identity that scans Azure: the actions that the tables need, as a custom role."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from providers.azure.client.calls import Digest, MembersCall
from providers.azure.scopes import OTHER_CALLS
from providers.azure.tables import COLLECTORS
from scanner.model.inventory import Wanted


def calls_for(wanted: Wanted) -> Mapping[str, str | None]:
    """Every call that collecting these facets can make, with its required action or Graph permission."""
    named = {
        call
        for collector in COLLECTORS
        if collector.kind.kind in wanted
        for call in collector.calls(wanted[collector.kind.kind])
    }
    single = {call.call if isinstance(call, Digest | MembersCall) else call for call in named}
    return {call.name: call.permission for call in (*single, *OTHER_CALLS)}


def permissions(wanted: Wanted) -> frozenset[str]:
    """The actions and Microsoft Graph permissions that collecting these facets can require."""
    return frozenset(permission for permission in calls_for(wanted).values() if permission is not None)


def document(needed: Iterable[str]) -> str:
    """A custom role for ``az role definition create``.

    https://learn.microsoft.com/azure/role-based-access-control/custom-roles
    """
    role = {
        "Name": "gapscan reader",
        "IsCustom": True,
        "Description": "Read-only access for gapscan.",
        "Actions": sorted(name for name in needed if "/" in name),
        "NotActions": [],
        "AssignableScopes": ["/subscriptions/SUBSCRIPTION_ID"],
    }
    return json.dumps(role, indent=2)


def notes(needed: Iterable[str]) -> Sequence[str]:
    """Permission help that the role document cannot contain."""
    graph = sorted(name for name in needed if "/" not in name)
    lines = ["The built-in Reader role also includes all of these actions."]
    if graph:
        lines.append(
            f"Microsoft Graph application permissions, which require tenant admin consent: {', '.join(graph)}"
        )
    return lines
