"""The subscription as an account, and the locations of its resources as regions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from providers.azure.audit import ACTIVITY_LOG, to_audit_trails
from providers.azure.client.calls import ArmCall, AzureCall, GraphCall
from scanner.collect.table import Facet, Table, asked, from_list
from scanner.model.evidence import Observed, Unknown
from scanner.model.resources.account import Account, Region

Row = Mapping[str, Any]


def _locations(row: Row) -> Sequence[Row]:
    names = sorted({name.lower() for name in row["locations"]} - {"", "global"})
    return tuple({"subscriptionId": row["subscriptionId"].lower(), "location": name} for name in names)


LOCATIONS = GraphCall(
    name="Microsoft.ResourceGraph/Resources(locations)",
    permission="*/read",
    query="resources | summarize locations = make_set(location) by subscriptionId",
    items=_locations,
)
ANCESTORS = GraphCall(
    name="Microsoft.ResourceGraph/Resources(managementGroups)",
    permission="Microsoft.Resources/subscriptions/read",
    query=(
        "resourcecontainers | where type =~ 'microsoft.resources/subscriptions'"
        " | project id, subscriptionId, ancestors = properties.managementGroupAncestorsChain"
        " | order by id asc"
    ),
)
SECURITY_CONTACTS = ArmCall(
    name="Microsoft.Security/SecurityContacts_List",
    permission="Microsoft.Security/securityContacts/read",
    path="/subscriptions/{subscription}/providers/Microsoft.Security/securityContacts",
    version="2023-12-01-preview",
    paged=True,
    # Where Defender for Cloud was never enabled, no contact can be registered.
    absent=frozenset({"Subscription Not Registered", "SubscriptionNotRegistered"}),
)


def account_header(partition: str, item: Row) -> Mapping[str, Any]:
    """The header from ``Subscriptions_Get``."""
    scope = item["subscriptionId"].lower()
    return {
        "provider": "azure",
        "partition": partition,
        "scope": scope,
        "region": None,
        "id": f"/subscriptions/{scope}",
        "name": item["displayName"],
        "type": "azure.resources.subscription",
    }


def region_header(partition: str, item: Row) -> Mapping[str, Any]:
    """The header of a location that has resources."""
    scope, name = item["subscriptionId"], item["location"]
    return {
        "provider": "azure",
        "partition": partition,
        "scope": scope,
        "region": name,
        "id": f"/subscriptions/{scope}/locations/{name}",
        "name": name,
        "type": "azure.resources.location",
    }


def to_tags(item: Row) -> Mapping[str, str]:
    """The subscription's tags; the key is missing if there are none.

    https://learn.microsoft.com/rest/api/resources/subscriptions/get
    """
    return dict(item.get("tags") or {})


def to_organisation(item: Row) -> str:
    """``tenantId``: every subscription trusts exactly one Entra tenant."""
    return str(item["tenantId"]).lower()


def to_path(item: Row, rows: Sequence[Row]) -> str | None:
    """Display names of the parent management groups, root first, from ``managementGroupAncestorsChain``,
    which starts with the nearest. A display name with a slash would read as two groups, so the name of the
    group is used instead.

    https://learn.microsoft.com/azure/governance/management-groups/overview
    """
    (row,) = rows
    chain = row["ancestors"]
    if not isinstance(chain, list):
        raise TypeError("managementGroupAncestorsChain")
    names = [_group(entry) for entry in reversed(chain)]
    return "/" + "/".join(names) if names else None


def _group(entry: Row) -> str:
    display_name = entry.get("displayName")
    name = display_name if display_name and "/" not in display_name else entry["name"]
    if not isinstance(name, str) or not name:
        raise ValueError("managementGroupAncestorsChain")
    return name


def to_security_contacts(item: Row, contacts: Sequence[Row] | None) -> Observed[tuple[str, ...]]:
    """The addresses in ``emails`` (``email`` in the oldest API version) of the enabled contacts that are
    notified of alerts.

    Notifications by role (``notificationsByRole``) contain no address, so they do not count; nor does a
    contact that is only notified of attack paths.
    https://learn.microsoft.com/rest/api/defenderforcloud/security-contacts/list
    """
    addresses: set[str] = set()
    doubtful = False
    for contact in contacts or ():
        properties = contact["properties"]
        listed = properties.get("emails") or properties.get("email") or ""
        found = {part.strip() for part in listed.replace(",", ";").split(";") if part.strip()}
        if not found or not _is_enabled(properties):
            continue
        alerted = _alerted(properties)
        doubtful = doubtful or alerted is None
        addresses |= found if alerted else set()
    if doubtful:
        message = "an enabled contact does not state what it is notified of"
        return Unknown.because("unsupported", SECURITY_CONTACTS.name, None, message)
    return tuple(sorted(addresses))


def _is_enabled(properties: Row) -> bool:
    enabled = properties.get("isEnabled")
    if not isinstance(enabled, bool | None):
        raise TypeError("isEnabled is not a boolean")
    return enabled is not False


def _alerted(properties: Row) -> bool | None:
    """Whether alerts are sent; ``None`` if it is not stated, in ``notificationsSources`` or, in former API
    versions, ``alertNotifications``."""
    sources = properties.get("notificationsSources")
    if sources is not None:
        return any(one["sourceType"].lower() == "alert" for one in sources)
    alerts = properties.get("alertNotifications")
    state = alerts.get("state") if isinstance(alerts, Mapping) else alerts
    return None if not state else str(state).lower() == "on"


def no_switch(item: Row) -> None:
    """Azure has no subscription setting that overrides its storage accounts: ``allowBlobPublicAccess`` is a
    setting of each account, and a policy assignment is a rule for resources, not an override."""
    return


def no_passwords(item: Row) -> None:
    """A subscription has no users of its own: users belong to the tenant."""
    return


ACCOUNT_FACETS: Mapping[str, Facet[AzureCall]] = {
    "tags": from_list(to_tags),
    "organisation": from_list(to_organisation),
    "path": asked(ANCESTORS, to_path),
    "security_contacts": asked(SECURITY_CONTACTS, to_security_contacts),
    "public_access_block": from_list(no_switch),
    "password_policy": from_list(no_passwords),
    "audit_trails": asked(ACTIVITY_LOG, to_audit_trails),
}
REGION_FACETS: Mapping[str, Facet[AzureCall]] = {
    "tags": from_list(lambda item: {}),
    "audit_trails": asked(ACTIVITY_LOG, to_audit_trails),
}


def accounts(partition: str) -> Table[AzureCall]:
    """The table for the subscriptions of one cloud; the caller supplies the items."""
    return Table(
        kind=Account,
        list=None,
        header=lambda item: account_header(partition, item),
        facets=ACCOUNT_FACETS,
    )


def regions(partition: str) -> Table[AzureCall]:
    """The table for the locations of one cloud that have resources."""
    return Table(
        kind=Region,
        list=LOCATIONS,
        header=lambda item: region_header(partition, item),
        facets=REGION_FACETS,
    )


ACCOUNTS = accounts("azure")
REGIONS = regions("azure")
